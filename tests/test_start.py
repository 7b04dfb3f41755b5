"""What is imported when: hot commands start fast because they import little."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import typer.main

from mfa_profiles.cli import app, app_for
from mfa_profiles.sessions import format_time
from tests.home import BASE, Home, base_section, session_section
from tests.local_aws import User

SCRIPT = """
import json, sys
from mfa_profiles.__main__ import run
run(sys.argv[1:])
print(json.dumps(list(sys.modules)), file=sys.stderr)
"""

START = {
    *("__main__", "access_keys", "ancestors", "cli", "commands", "environment", "errors", "ini", "log", "options"),
    *("plain_ini", "profiles", "rendering", "rotations", "sessions", "settings", "terminal"),
}
READING = START | {
    "shared_files",
    *(f"shared_files.{name}" for name in ("base_edits", "blocks", "editing", "key_edits", "locking", "paths")),
    *(f"shared_files.{name}" for name in ("repairs", "session_edits", "storage", "writers")),
}
REFRESH = READING | {
    *("commands.plan", "commands.refresh", "commands.status", "mfa_process", "roles", "stdin", "token_code")
}
STANDARD = {"dataclasses", "shlex"}
"""What all commands import of the standard library, beyond what typer does."""


@pytest.mark.parametrize(
    ("arguments", "ours", "others"),
    [
        (["--version"], START, STANDARD),
        (["--help"], START, STANDARD),
        (["shell-init", "bash"], START | {"shell"}, STANDARD),
        (["status"], READING | {"commands.status"}, STANDARD),
        (["status", BASE, "--json"], READING | {"commands.status"}, STANDARD),
        (
            ["export", BASE],
            READING | {"commands.credentials", "commands.export", "commands.status", "dotenv", "formats", "git"},
            STANDARD,
        ),
        (["refresh", BASE], REFRESH | {"commands.keys", "parallel"}, STANDARD | {"queue"}),
        (["credential-process", BASE], {"__main__", "fast_lane", "plain_ini"}, set()),
    ],
)
def test_what_hot_commands_import(
    home: Home, user: User, arguments: list[str], ours: set[str], others: set[str]
) -> None:
    """Just this of ours, and nothing of others' but typer: with a session that is valid, or for help."""
    expires = format_time(datetime.now(UTC) + timedelta(hours=11))
    home.write(base_section(user) + session_section(f"{BASE}-mfa", source=BASE, expires=expires))
    typer = home.run("-c", "import json, sys, typer; print(json.dumps(list(sys.modules)))", program=sys.executable)
    python = home.run(
        "-c", "import json, sys, re, stat; print(json.dumps(list(sys.modules)))", program=sys.executable
    )
    usual = python if arguments[0] == "credential-process" else typer

    result = home.run("-c", SCRIPT, *arguments, program=sys.executable, prints_secrets=True)

    modules = set(json.loads(result.errors[-1]))
    more = {
        name for name in modules - set(json.loads(usual.stdout)) if not name.startswith(("mfa_profiles", "typer."))
    }
    assert ours == {name.removeprefix("mfa_profiles.") for name in modules if name.startswith("mfa_profiles.")}
    assert others >= {name for name in more if not name.startswith("_")}


def test_what_is_imported_before_a_code_is_asked_for(base: Home) -> None:
    """Nothing that calls AWS: a person does not wait for it, and it is imported while they type."""
    script = """
import json, sys
from mfa_profiles import terminal
terminal.is_there = lambda: True
def ask(question, meanwhile):
    sys.exit(json.dumps(list(sys.modules)))
terminal.ask = ask
from mfa_profiles.__main__ import run
run(sys.argv[1:])
"""
    result = base.run("-c", script, "refresh", BASE, program=sys.executable)

    modules = set(json.loads(result.errors[-1]))
    heavy = {"boto3", "botocore", "configupdater", "pydantic", "requests", "rich", "urllib3", "asyncio"}
    assert set() == {name.split(".")[0] for name in modules} & heavy
    assert {"mfa_profiles.aws.sts", "mfa_profiles.aws.refusals", "mfa_profiles.aws.table"} & modules == set()


IMPORTS = """
import importlib, os, pkgutil, sys
import mfa_profiles
seen = []
def hook(event, arguments):
    is_write = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if is_write or event.split(".")[0] in ("socket", "subprocess") or event in ("os.system", "os.posix_spawn"):
        seen.append(event)
sys.addaudithook(hook)
sys.dont_write_bytecode = True
for module in pkgutil.walk_packages(mfa_profiles.__path__, "mfa_profiles."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
ours = list(seen)
import boto3, filelock, rich.live
print(ours, sorted(set(seen)))
open(os.devnull, "w").close()
print(seen[-1])
"""


def test_imports_open_nothing() -> None:
    """No connection, no program and no file to be written, whatever is imported."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False)

    # urllib3 finds out whether the machine has IPv6 by a socket that nobody is connected to.
    assert ["[] ['socket.__new__', 'socket.bind']", "open"] == done.stdout.splitlines(), done.stderr


def test_the_command_that_is_named_is_made_alone() -> None:
    """Typer takes longer to make them all than many take to run; the help and what is misspelt need them all."""
    names = list(typer.main.get_group(app).commands)

    assert ["refresh", "credential-process"] == [name for name in names if name in ("refresh", "credential-process")]
    assert names == [one for name in names for one in typer.main.get_group(app_for([name, "x"])).commands]
    assert all(app_for(arguments) is app for arguments in ([], ["--help"], ["refesh"], ["--verbose", "refresh"]))


def test_a_closed_pipe_is_no_error(home: Home) -> None:
    """`mfa-profiles status | head -0` ends quietly."""
    home.write("".join(session_section(f"p{number}") for number in range(5000)))

    result = home.run("-c", "mfa-profiles status | head -n 1; exit 0", program="/bin/sh")

    assert ("p0\tunknown\t-\t-\t-\n", "") == (result.stdout, result.stderr)


@pytest.mark.parametrize("arguments", ["status", "--version", "--help", "clear -h"])
def test_a_full_disk_is_an_error(home: Home, user: User, arguments: str) -> None:
    """Data that did not arrive is not called done."""
    home.write(base_section(user) + "[a]\naws_session_token = t/x\n")

    result = home.run("-c", f"mfa-profiles {arguments} >/dev/full", program="/bin/sh")

    error = "mfa-profiles: error: the output could not be written: no space left on device"
    assert (1, [error, WHERE]) == (result.code, result.errors)


WHERE = "hint: see where stdout leads: it has to be open, and there has to be room"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("doctor --offline --json", "1 warning"),
        ("status a --verify --json", "mfa-profiles: error: the session of profile a is no longer good"),
    ],
)
def test_what_goes_to_stderr_does_not_wait_for_a_full_disk(home: Home, arguments: str, told: str) -> None:
    """JSON comes last, and that it did not arrive is told behind the rest."""
    home.write(session_section("a", expires="2099-01-01T00:00:00Z"))

    result = home.run("-c", f"mfa-profiles {arguments} >/dev/full", program="/bin/sh")

    assert 1 == result.code
    assert result.errors[0].startswith(told)
    error = "mfa-profiles: error: the output could not be written: no space left on device"
    assert [error, WHERE] == result.errors[-2:]


def test_ctrl_c_while_the_tool_is_being_imported_is_one_line(home: Home) -> None:
    """At the first import, at the last, and at one that is not ours."""
    script = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from mfa_profiles.__main__ import run
sys.exit(run(["status"]))
"""
    for module in ("mfa_profiles.terminal", "mfa_profiles.cli", "typer"):
        result = home.run("-c", script, module, program=sys.executable)

        assert (130, "mfa-profiles: error: interrupted\n") == (result.code, result.stderr), module
