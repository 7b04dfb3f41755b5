"""What is imported when: hot commands start fast because they import little."""

import json
import subprocess
import sys

import pytest

from tests.home import BASE, Home, base_section, session_section
from tests.local_aws import User

SCRIPT = """
import json, sys
from mfa_profiles.__main__ import run
run(sys.argv[1:])
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""
HEAVY = {"boto3", "botocore", "configupdater", "filelock", "pydantic", "rich", "urllib3", "requests", "asyncio"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["status"],
        ["status", BASE, "--json"],
        ["refresh", BASE],
        ["credential-process", BASE],
        ["export", BASE],
        ["shell-init", "bash"],
    ],
)
def test_hot_commands_import_nothing_heavy(home: Home, user: User, arguments: list[str]) -> None:
    """Neither status, nor help, nor a refresh that finds the session still valid."""
    home.write(base_section(user) + session_section(f"{BASE}-mfa", source=BASE, expires="2099-01-01T00:00:00Z"))

    result = home.run("-c", SCRIPT, *arguments, program=sys.executable, prints_secrets=True)

    modules = set(json.loads(result.errors[-1]))
    assert set() == modules & HEAVY
    assert "mfa_profiles" in modules


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


def test_an_unforeseen_error_is_a_line_without_its_text() -> None:
    """Whatever the text of an exception quotes, it is not shown; where it was raised is."""
    script = """
import sys
from mfa_profiles import __main__, cli
def app(*_, **__):
    raise RuntimeError("hunter2")
cli.app = app
sys.exit(__main__.run([]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert (
        "mfa-profiles: error: this should not have happened: RuntimeError at <string>:5"
        == done.stderr.splitlines()[0]
    )
    assert "hunter2" not in done.stderr


def test_a_closed_pipe_is_no_error(home: Home) -> None:
    """`mfa-profiles status | head -0` ends quietly."""
    home.write("".join(session_section(f"p{number}") for number in range(5000)))

    result = home.run("-c", "mfa-profiles status | head -n 1; exit 0", program="/bin/sh")

    assert ("p0\tunknown\t-\t-\t-\n", "") == (result.stdout, result.stderr)


def test_a_full_disk_is_an_error(home: Home, user: User) -> None:
    """Data that did not arrive is not called done."""
    home.write(base_section(user) + "[a]\naws_session_token = t/x\n")

    result = home.run("-c", "mfa-profiles status >/dev/full", program="/bin/sh")

    assert 1 == result.code
    assert "Exception ignored" not in result.stderr
    assert result.errors[0].startswith("mfa-profiles: error: ")


def test_streams_that_are_closed_or_narrow(home: Home) -> None:
    """No stdout, no stdin, or an encoding without the characters that a name has."""
    home.write(session_section("\u6f22", expires="2099-01-01T00:00:00Z") + "[base]\naws_access_key_id = AKIA\n")

    closed = home.run("-c", "mfa-profiles status >&-", program="/bin/sh")
    narrow = home.run("status", env={"PYTHONIOENCODING": "ascii"})

    assert (0, "") == (closed.code, closed.stderr)
    assert narrow.stdout.startswith("\\u6f22\tvalid\t")


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
