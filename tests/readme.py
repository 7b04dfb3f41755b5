"""The parts of README.md that are made by a program: ``python -m tests.readme`` makes them again.

The table of speeds is the benchmarks': ``python -m tests.benchmarks --markdown | python -m tests.readme speed``.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import typer.main

from mfa_profiles.cli import app

FILE = Path(__file__).parent.parent / "README.md"

_PART = r"(?s)(<!-- made by python -m tests\.readme: {name} -->\n\n)(.*?)(\n<!-- end -->)"


def part(readme: str, name: str) -> str:
    """What stands between the marks of a part."""
    [(_, found, _)] = re.findall(_PART.format(name=name), readme)
    return str(found)


def with_part(readme: str, name: str, text: str) -> str:
    """The README with another text between the marks of a part."""
    return re.sub(_PART.format(name=name), lambda found: found[1] + text + found[3], readme)


SHARED = ("profile_option", "verbose", "show_help")
"""Options that all commands have, which the text below the table names."""


def commands() -> str:
    """A row for each command: what its ``--help`` says first, and the names of its options."""
    rows = [_line(("command", "", "options")), _line(("---",) * 3)]
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined] # of typer's own copy of click
        arguments = command.collect_usage_pieces(typer.Context(command))[1:]  # behind [OPTIONS]
        options = [
            f"`{'/'.join((*one.opts[:1], *one.secondary_opts))}`"
            for one in command.params
            if one.opts[0].startswith("--") and one.name not in SHARED
        ]
        summary = command.help.split("\n\n")[0].replace("\n", " ")
        usage = " ".join([name, *arguments]).replace("|", r"\|")
        rows.append(_line((f"`{usage}`", summary, " ".join(options))))
    return "\n".join(rows) + "\n"


class Row(NamedTuple):
    """What a tool may do, what the others do of it in the order of PEERS, what this one does, and tests of that."""

    what: str
    others: str
    ours: str
    tests: tuple[str, ...]


PEERS = ("`aws configure mfa-login`", "aws-mfa", "awsume", "aws-vault")

ROWS = (
    Row(
        "finds the MFA device itself",
        "no | no | no | no",
        "yes; leaves out passkeys, remembers",
        (
            "commands.test_refresh.test_refresh_finds_the_device_and_remembers_it",
            "commands.test_refresh.test_passkeys_are_left_out",
        ),
    ),
    Row(
        "takes the code from",
        "prompt | prompt | prompt, option | prompt, option, command",
        "prompt, option, stdin, variable, command",
        (
            "test_terminal.test_the_prompt_is_on_the_terminal_wherever_the_streams_lead",
            "commands.test_refresh.test_the_code_may_come_on_stdin",
            "commands.test_refresh.test_the_code_may_be_in_the_environment",
            "commands.test_refresh_mfa_process.test_recipes_of_aws_vault",
        ),
    ),
    Row(
        "keeps when a session ends",
        "no | yes, without a zone | yes, local time | yes, in its own store",
        "yes, for people and programs",
        ("commands.test_refresh.test_refresh_writes_the_derived_profile_into_both_files",),
    ),
    Row(
        "refreshes only when needed",
        "no | yes | yes | yes",
        "yes",
        ("commands.test_refresh.test_a_valid_session_is_left_alone",),
    ),
    Row(
        "status, exit codes, JSON",
        "no | no | no | a list",
        "yes",
        (
            "commands.test_status.test_state_and_exit_code",
            "commands.test_status.test_sessions_of_other_tools_are_recognised",
        ),
    ),
    Row(
        "roles behind one code",
        "no | by hand | yes | yes",
        "yes, 25 at once",
        (
            "commands.test_refresh_roles.test_one_code_opens_the_role_and_its_source",
            "commands.test_refresh_many.test_two_hundred_roles",
        ),
    ),
    Row(
        "keeps your comments",
        "yes | no | no | has its own config",
        "yes, every byte",
        (
            "shared_files.test_editing_properties.test_put_changes_nothing_outside_its_section",
            "commands.test_clear.test_refresh_and_clear_give_back_both_files",
        ),
    ),
    Row(
        "replaces files atomically; locks them; follows links",
        "no; no; yes | no; no; yes | no; no; yes | has a keyring",
        "yes; yes; yes",
        (
            "shared_files.test_storage.test_three_writers_lose_nothing_and_a_reader_sees_no_cut_file",
            "shared_files.test_storage.test_links_are_followed",
        ),
    ),
    Row(
        "guards long-term keys",
        "no | no | has lost them | yes, in a keyring",
        "yes",
        (
            "commands.test_refresh.test_what_is_not_ours_is_not_overwritten",
            "commands.test_refresh.test_long_term_keys_put_over_our_session_are_safe_too",
        ),
    ),
    Row(
        "several processes ask once",
        "no | no | no | no",
        "yes",
        ("commands.test_credential_process.test_many_at_once_ask_for_one_session",),
    ),
    Row(
        "export, exec, credential_process",
        "export | no | export | all three",
        "all three",
        (
            "commands.test_export.test_each_format_has_the_session",
            "commands.test_exec.test_the_keys_are_those_of_the_session",
            "commands.test_credential_process.test_boto3_sees_the_sentence",
        ),
    ),
    Row(
        "`.env` files, notebooks",
        "no | no | no | no",
        "yes",
        (
            "commands.test_export.test_an_env_file_that_is_there",
            "test_notebook.test_a_kernel_outlives_the_session",
        ),
    ),
    Row(
        "rotates keys",
        "no | no | no | yes",
        "yes, signed by the MFA session",
        (
            "commands.test_rotate.test_the_key_is_replaced_and_nothing_else",
            "commands.test_rotate_killed.test_killed_at_a_call",
        ),
    ),
    Row(
        "says what is wrong",
        "no | no | no | no",
        "yes, and repairs it",
        (
            "commands.test_doctor.test_what_is_wrong_in_the_files",
            "commands.test_doctor_online.test_permissions_that_are_missing",
        ),
    ),
    Row(
        "stores keys",
        "in clear | in clear | in clear | encrypted",
        "in clear, as the SDKs read them",
        ("test_real_clients.test_every_client_in_every_way",),
    ),
)


def comparison() -> str:
    """The table of what other tools do, and this one."""
    head = ("", *PEERS, "**mfa-profiles**")
    rows = (_line((row.what, row.others, row.ours)) for row in ROWS)
    return "\n".join([_line(head), _line(("---",) * len(head)), *rows]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


PARTS: dict[str, Callable[[], str]] = {"commands": commands, "comparison": comparison}


def main(arguments: list[str]) -> None:
    """Make the parts again, or put what stdin has into one that another program makes."""
    readme = FILE.read_text()
    made = {name: sys.stdin.read() for name in arguments} or {name: make() for name, make in PARTS.items()}
    for name, text in made.items():
        part(readme, name)
        readme = with_part(readme, name, text)
    FILE.write_text(readme)


if __name__ == "__main__":
    main(sys.argv[1:])
