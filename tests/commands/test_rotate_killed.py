"""A rotation is killed at each call in turn: the file holds a key that works, and the next run finishes the job.

``tests/trials/test_kills.py`` does the same at each step on the files.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.commands.test_rotate import identity, learn_keys
from tests.home import BASE, TOOL, Home, base_section
from tests.local_aws import LocalAWS, Request, User
from tests.processes import wait_until
from tests.tracing import needs_strace

ACTIONS = ["ListAccessKeys", "CreateAccessKey", "GetCallerIdentity", "UpdateAccessKey", "DeleteAccessKey"]
KILL_AT_A_SYNC = """
import os, signal
sync, left = os.fsync, {number}
def fsync(descriptor):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = fsync
"""


def run(home: Home, command: list[str], started: Callable[[int], object] = lambda _: None) -> int:
    """Run a command in a session of its own, and return its exit code."""
    with subprocess.Popen(
        command,
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        started(process.pid)
        return process.wait()


def kill_at(aws: LocalAWS, action: str) -> Callable[[int], None]:
    """Kill the process as soon as an action has been acted on; it never sees the answer."""

    def started(pid: int) -> None:
        def kill(request: Request) -> None:
            if request.action == action:
                aws.after = lambda _: None
                os.kill(pid, signal.SIGKILL)
                raise ConnectionAbortedError

        aws.after = kill

    return started


def texts(home: Home) -> dict[Path, str]:
    """Both files, as they are."""
    return {path: path.read_text() for path in (home.credentials, home.config)}


def check_recovery(home: Home, user: User, before: Mapping[Path, str]) -> None:
    """The key in the file works; a second run ends with one key, which is in the file, whose rest is as it was."""
    learn_keys(home, user)
    assert user.arn == identity(home)

    result = home.run_warm("rotate", BASE)
    learn_keys(home, user)

    assert 0 == result.code
    [(key, state)] = user.access_keys.items()
    assert ("Active", user.arn) == (state, identity(home))
    for path, text in before.items():
        after = text.replace(user.access_key_id, key).replace(user.secret_access_key, user.secrets[0])
        assert home.masked(after) == home.text(path)
    assert ["config", "credentials"] == sorted(home.files())


@pytest.mark.parametrize("action", ACTIONS)
def test_killed_at_a_call(action: str, refreshed: Home, aws: LocalAWS, user: User) -> None:
    """Once AWS has done what it was asked for; what it has not begun is as if killed at the step before."""
    before = texts(refreshed)

    assert -signal.SIGKILL == run(refreshed, [TOOL, "rotate", BASE], kill_at(aws, action))

    check_recovery(refreshed, user, before)


def share_the_key(home: Home, user: User, *, base_in_config: bool) -> None:
    """Let another profile have the same key, in the file that the base profile is not in."""
    if base_in_config:
        home.credentials.write_text(home.credentials.read_text().replace(f"[{BASE}]", "[second]"))
        keys = base_section(user, f"profile {BASE}")
        home.config.write_text(home.config.read_text().replace(f"[profile {BASE}]\n", keys))
    else:
        home.config.write_text(f"{home.config.read_text()}\n{base_section(user, 'profile second')}")


def test_killed_between_two_files(refreshed: Home, user: User) -> None:
    """Of which the credentials file has the new key, and the config file, with the base profile, the old one."""
    share_the_key(refreshed, user, base_in_config=True)
    before = texts(refreshed)
    # The rehearsal writes beside both files, the comment is in one, and then comes the directory of the other.
    number = 2 + 2 + 2

    assert -signal.SIGKILL == refreshed.run_warm("rotate", BASE, before=KILL_AT_A_SYNC.format(number=number)).code

    [new] = set(user.access_keys) - {user.access_key_id}
    has_new = {path: new in text for path, text in texts(refreshed).items()}
    assert {refreshed.credentials: True, refreshed.config: False} == has_new
    check_recovery(refreshed, user, before)


@needs_strace
@pytest.mark.parametrize("when", ["3", "3+"])
def test_a_file_that_cannot_be_replaced_after_another_was(when: str, refreshed: Home, user: User) -> None:
    """The new key is deleted again if no file is left with it, and only then."""
    share_the_key(refreshed, user, base_in_config=False)
    before = texts(refreshed)

    # The comment is the first, the other file the second.
    calls = "rename,renameat,renameat2"
    options = ["-f", "--seccomp-bpf", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={when}"]
    code = run(refreshed, ["strace", *options, TOOL, "rotate", BASE])

    assert 1 == code
    if when == "3":
        assert before == texts(refreshed)
        assert {user.access_key_id: "Active"} == user.access_keys
    else:
        assert 2 == len(user.access_keys)
    check_recovery(refreshed, user, before)


def test_killed_while_the_new_key_is_waited_for(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """The new key is in the file, and works once all of AWS knows it."""
    before = texts(refreshed)
    aws.delay_new_keys(3600)
    [old] = user.access_keys

    def started(pid: int) -> None:
        wait_until(lambda: aws.actions[-1] == "GetCallerIdentity")
        os.kill(pid, signal.SIGKILL)

    assert -signal.SIGKILL == run(refreshed, [TOOL, "rotate", BASE], started)
    assert "Active" == user.access_keys[old]
    aws.delay_new_keys(0)

    check_recovery(refreshed, user, before)
