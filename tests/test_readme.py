"""The README: every command and every piece of code in it is run, and what programs make of it is as they make it."""

import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mfa_profiles.shell
from tests import readme, shells
from tests.code_programs import add_program
from tests.home import BASE, DERIVED, TOOL, Home
from tests.local_aws import LocalAWS, MFADevice, User
from tests.programs import needs
from tests.shells import Shell

TEXT = readme.FILE.read_text()
BIN = Path(sys.executable).parent


def block(first_line: str) -> str:
    """The block of code that begins so."""
    [found] = [text for _, text in BLOCKS if text.startswith(first_line)]
    return found


BLOCKS: list[tuple[str, str]] = re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", TEXT)

INSTALL = block("pipx install .")
FIRST_USE = block("mfa-profiles setup smce-veda")
PROMPT = block("# ~/.bashrc")
PYTHON = block("import mfa_profiles")
MAGIC = block("%load_ext mfa_profiles")
AUTO = block("[profile smce-veda-auto]")
ROLE = block("[profile production]")
MFA_PROCESS = block("[profile smce-veda]\nmfa_process")
DERIVED_SECTION = block("[smce-veda-mfa]")
OF_A_CLONE = [text for _, text in BLOCKS if text.startswith("python3 -m venv")]  # which .ci/run takes from here


def test_each_block_is_tried() -> None:
    """Below, but for the two that .ci/run runs."""
    tried = {INSTALL, FIRST_USE, PROMPT, PYTHON, MAGIC, AUTO, ROLE, MFA_PROCESS, DERIVED_SECTION, *OF_A_CLONE}

    assert tried == {text for _, text in BLOCKS}
    assert 2 == len(OF_A_CLONE)


@pytest.mark.parametrize("name", readme.PARTS)
def test_what_is_made_is_as_it_is_made_now(name: str) -> None:
    """If not: python -m tests.readme."""
    assert readme.PARTS[name]() == readme.part(TEXT, name)


@pytest.mark.parametrize("row", readme.ROWS, ids=lambda row: row.what)
def test_what_is_claimed_is_tested(row: readme.Row) -> None:
    """By tests that are there."""
    assert row.tests
    for name in row.tests:
        module, _, test = name.rpartition(".")
        assert callable(getattr(importlib.import_module(f"tests.{module}"), test))


def test_it_can_be_read_in_one_sitting() -> None:
    """It has less than 400 lines."""
    assert len(TEXT.splitlines()) < 400


def test_links_lead_somewhere() -> None:
    """To files of the repository, and to headings of this one."""
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"(?m)^#+ (.*)", TEXT)}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings
        else:
            assert (readme.FILE.parent / target).is_file()


# Commands in sentences and tables


PLACES = re.sub(r"(?ms)^```.*?^```$", "", TEXT).replace(r"\|", "|")
SPANS = sorted({" ".join(span.split()) for span in re.findall(r"`([^`]+)`", PLACES)})
START_UP = {span for span in SPANS if "shell-init" in span} - {"shell-init {bash|zsh|fish}"}
# What asks a person, or goes on until one has seen enough: the tests of setup and of the watch have them.
FOR_PEOPLE = {"mfa-profiles setup smce-veda", "mfa-profiles setup smce-veda --force", "mfa-profiles status --watch"}
COMMANDS = [
    span for span in SPANS if re.search(r"\b(mfa-profiles|aws_env) \S", span) and span not in {*START_UP, *FOR_PEOPLE}
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(home: Home, aws: LocalAWS, user: User, device: MFADevice, command: str) -> None:
    """In bash, with what startup files have, and a code in the environment for those that need one."""
    role = aws.create_role("operator", trusted=user.arn, account_id="210987654321")
    assert role.arn in ROLE
    work = re.search(r"refresh work$", command)
    if "pass show" not in command:
        home.add_base(user, "work-long-term" if work else BASE)
        home.config.write_text(f"{home.config.read_text()}\n{ROLE}")
    add_stand_ins(home, user)
    line = command.replace("AKIA...", user.access_key_id)
    environment = {
        "PATH": f"{home.path / 'bin'}:{BIN}:{os.environ['PATH']}",
        "MFA_PROFILES_TOKEN_CODE": home.code(device),
        "AWS_PROFILE": BASE,
    }

    assert 0 == shells.run("bash", home, line, env=environment).code


def add_stand_ins(home: Home, user: User) -> None:
    """For programs of others that the README names; each does as little as it can."""
    directory = home.path / "bin"
    directory.mkdir()
    (home.path / "secret").write_text(user.secret_access_key)
    for name, does in {"notify": "", "terraform": "", "pass": f"cat {home.path}/secret"}.items():
        (directory / name).write_text(f"#!/bin/sh\n{does}\n")
        (directory / name).chmod(0o700)


def test_the_lines_of_startup_files() -> None:
    """Are those with which all tests of shells begin."""
    lines = {init.replace(TOOL, "mfa-profiles") for init in shells.INIT.values()}

    assert lines == START_UP


def test_the_lines_of_prompts() -> None:
    """Are those that the functions themselves name; test_shells types them."""
    of_shells = re.split(r"(?m)^# .*\n", PROMPT)[1:]

    for shell, lines in zip(("bash", "zsh", "fish"), of_shells, strict=True):
        script = mfa_profiles.shell.script(shell)
        assert [] == [line for line in lines.splitlines() if f"  {line}\n" not in script]


# Blocks


@pytest.fixture
def bash(home: Home) -> Iterator[Shell]:
    """A terminal."""
    shell = Shell("bash", home)
    yield shell
    shell.close()


def test_first_use(home: Home, aws: LocalAWS, user: User, device: MFADevice, bash: Shell) -> None:
    """From nothing but the access key to a tool that is somebody with MFA."""
    setup, refresh, export, identity = (line.partition(" #")[0].rstrip() for line in FIRST_USE.splitlines())
    home.secrets.append(user.secret_access_key)

    bash.type(setup)
    bash.expect(f"Access key ID for {BASE}:")
    bash.answer(user.access_key_id)
    bash.expect("Secret access key (not shown while you paste it):")
    bash.answer(user.secret_access_key)
    bash.expect("Region [us-east-1]:")
    bash.answer("us-west-2")
    bash.expect("Get the first session now? [Y/n]")
    bash.answer("n")
    assert 0 == bash.status()
    bash.type(refresh)
    bash.expect(f"MFA code for {device.serial_number}:")
    bash.answer(device.code())
    assert 0 == bash.status()
    assert 0 == bash.run(export)

    assert f'"Arn": "{user.arn}"' in bash.output(identity)
    assert {"AWS_PROFILE": DERIVED} == bash.variables()
    assert "GetSessionToken" in aws.actions


def test_python(refreshed: Home) -> None:
    """As a program."""
    code = PYTHON + 'print(session.client("sts").get_caller_identity()["Arn"], s3.meta.service_model.service_name)'

    done = refreshed.run("-c", code, program=sys.executable)

    assert (0, "") == (done.code, done.stderr)
    assert done.stdout.endswith(":user/john.doe s3\n")


def test_magic(refreshed: Home) -> None:
    """In IPython."""
    code = f"{MAGIC}\nimport boto3\nprint(boto3.client('sts').get_caller_identity()['Arn'])"
    (refreshed.path / "cells.ipy").write_text(code)

    done = refreshed.run("--no-banner", "cells.ipy", program=str(BIN / "ipython"))

    assert 0 == done.code
    assert ":user/john.doe\n" in done.stdout


def test_a_profile_that_gets_its_sessions_itself(refreshed: Home) -> None:
    """For the AWS CLI, which knows nothing of the tool."""
    refreshed.config.write_text(f"{refreshed.config.read_text()}\n{AUTO}")
    arguments = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]

    done = refreshed.run(*arguments, program="aws", env={"AWS_PROFILE": "smce-veda-auto"})

    assert (0, "") == (done.code, done.stderr)
    assert done.stdout.endswith(":user/john.doe\n")


@needs("oathtool")
@pytest.mark.parametrize("command", re.findall(r"mfa_process = (.*)|# or: (.*)", MFA_PROCESS))
def test_mfa_process(base: Home, device: MFADevice, command: tuple[str, str]) -> None:
    """With stand-ins that know the arguments of the programs."""
    program, _, arguments = "".join(command).partition(" ")
    add_program(base, program, device, arguments)
    base.config.write_text(f"{base.config.read_text()}mfa_process = {program} {arguments}\n")
    path = f"{base.path / 'bin'}:{BIN}:{os.environ['PATH']}"

    assert 0 == base.run("refresh", BASE, env={"PATH": path}).code


def test_the_derived_section(refreshed: Home) -> None:
    """Looks as it is shown, but for what each session has of its own."""

    def general(text: str) -> list[str]:
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
        text = re.sub(r"(?<= access_key_id )AKIA\w+", "AKIA...", text)
        return re.sub(r"(?m)^(aws_\w+) = .*", r"\1 = ...", text).splitlines()

    written = refreshed.text(refreshed.credentials).partition(f"[{DERIVED}]")

    assert general(DERIVED_SECTION) == general("".join(written[1:]))


def test_a_keyring_of_another_tool(home: Home, user: User, device: MFADevice) -> None:
    """The way that is recommended to those who come from aws-vault."""
    [span] = [span for span in SPANS if "aws-vault export" in span]
    home.secrets.append(user.secret_access_key)
    home.write("", f"[profile {BASE}]\nregion = us-west-2\n{span}\n")
    directory = home.path / "bin"
    directory.mkdir()
    keys = f'{{"Version": 1, "AccessKeyId": "{user.access_key_id}", "SecretAccessKey": "{user.secret_access_key}"}}'
    arguments = span.partition("aws-vault ")[2]
    (directory / "aws-vault").write_text(f"#!/bin/sh\n[ \"$*\" = '{arguments}' ] && echo '{keys}'\n")
    (directory / "aws-vault").chmod(0o700)
    environment = {"PATH": f"{directory}:{BIN}:{os.environ['PATH']}", "MFA_PROFILES_TOKEN_CODE": home.code(device)}

    assert 0 == home.run("refresh", BASE, env=environment).code
    assert "aws_access_key_id" in home.section(DERIVED)
