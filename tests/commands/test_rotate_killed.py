"""A rotation is killed at each call in turn: the file holds a key that works, and the next run finishes the job.

It deletes only keys that the files prove to be of the killed run. ``tests/trials/test_kills.py`` does the same at
each step on the files.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import boto3
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


def check_recovery(home: Home, user: User, before: Mapping[Path, str], *options: str) -> None:
    """The key in the file works; a second run ends with one key, which is in the file, whose rest is as it was."""
    learn_keys(home, user)
    assert user.arn == identity(home)

    result = home.run_warm("rotate", BASE, *options)
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

    # A key whose ID never arrived may as well be the user's own.
    options = ["--delete-other"] if action == "CreateAccessKey" else []
    check_recovery(refreshed, user, before, *options)


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
    # The rehearsal writes beside both files, the comment is in one, twice, and then comes the directory of the other.
    number = 2 + 2 + 2 + 2

    assert -signal.SIGKILL == refreshed.run_warm("rotate", BASE, before=KILL_AT_A_SYNC.format(number=number)).code

    [new] = set(user.access_keys) - {user.access_key_id}
    has_new = {path: f"aws_access_key_id = {new}" in text for path, text in texts(refreshed).items()}
    assert {refreshed.credentials: True, refreshed.config: False} == has_new
    check_recovery(refreshed, user, before)


@needs_strace
@pytest.mark.parametrize("when", ["2", "3", "4", "4+"])
def test_a_file_that_cannot_be_replaced_after_another_was(when: str, refreshed: Home, user: User) -> None:
    """The new key is deleted again if no file is left with it, and only then."""
    share_the_key(refreshed, user, base_in_config=False)
    before = texts(refreshed)

    # The comment is the first and, with the new key, the second; the other file is the third.
    calls = "rename,renameat,renameat2"
    options = ["-f", "--seccomp-bpf", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={when}"]
    code = run(refreshed, ["strace", *options, TOOL, "rotate", BASE])

    assert 1 == code
    if when != "4+":
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


# --- What the user does between the killed run and the next one.


def at_sync(number: int) -> str:
    """Kill the run at a sync: two of a rehearsal; then, for each change, of the file and of its directory."""
    return KILL_AT_A_SYNC.format(number=number)


# The changes: the comment (syncs 3 and 4), the new ID in it, the copy in the config file, the base, no comment.
POINTS = {
    "request not sent": at_sync(4),
    "no answer": "",
    "ID not recorded": at_sync(5),
    "ID recorded, secret lost": at_sync(7),
    "one file written": at_sync(8),
    "both files written": at_sync(10),
    "old key deleted": at_sync(11),
}


@dataclass
class Scene:
    """A run that was killed, and the keys that the user has: those of it, and one of the user's own."""

    home: Home
    user: User
    backup: Mapping[Path, str]
    old: str
    own: list[str] = field(default_factory=list)

    @property
    def new(self) -> str:
        """The access key that the killed run has created."""
        return next(key for key in self.user.access_keys if key not in (self.old, *self.own))

    def nothing(self) -> None:
        """Leave everything as it is."""

    def creates_a_key(self) -> None:
        """Create an access key in the console."""
        self.own.append(self.user.add_access_key())

    def deletes_the_new_key(self) -> None:
        """Delete a key that was never seen before."""
        self.user.account.backend.delete_access_key(self.new, self.user.name)

    def replaces_the_new_key(self) -> None:
        """Delete that key, and create one in the console."""
        self.deletes_the_new_key()
        self.creates_a_key()

    def deactivates_the_new_key(self) -> None:
        """Deactivate it, to see whether something breaks."""
        self.user.account.backend.update_access_key(self.user.name, self.new, "Inactive")

    def uses_the_new_key(self) -> None:
        """Use it, though its secret was lost: so it was not."""
        secret = self.user.secrets[list(self.user.access_keys).index(self.new)]
        boto3.client(
            "sts",
            endpoint_url=self.home.aws.endpoint_url,
            region_name="us-west-2",
            aws_access_key_id=self.new,
            aws_secret_access_key=secret,
        ).get_caller_identity()

    def deletes_the_old_key(self) -> None:
        """Delete what was to be replaced."""
        self.user.account.backend.delete_access_key(self.old, self.user.name)

    def replaces_the_old_key(self) -> None:
        """Delete it, and create one in the console."""
        self.deletes_the_old_key()
        self.creates_a_key()

    def deactivates_the_old_key(self) -> None:
        """Deactivate what was to be replaced."""
        self.user.account.backend.update_access_key(self.user.name, self.old, "Inactive")

    def restores_a_backup(self) -> None:
        """Restore both files."""
        for path, text in self.backup.items():
            path.write_text(text)

    def restores_the_other_file(self) -> None:
        """Restore the file that has a copy of the key."""
        self.home.config.write_text(self.backup[self.home.config])


DONE = "done"
ASKS = "asks"
ASKS_AS_IT_MAY_BE_OURS = "an interrupted run may have created it"
REFUSES = "refuses"
NEXT: dict[tuple[str, Callable[[Scene], None]], str] = {
    ("request not sent", Scene.nothing): DONE,
    ("request not sent", Scene.creates_a_key): ASKS_AS_IT_MAY_BE_OURS,
    ("request not sent", Scene.restores_a_backup): DONE,
    ("no answer", Scene.nothing): ASKS_AS_IT_MAY_BE_OURS,
    ("no answer", Scene.deletes_the_new_key): DONE,
    ("no answer", Scene.replaces_the_new_key): ASKS_AS_IT_MAY_BE_OURS,
    ("no answer", Scene.deactivates_the_new_key): ASKS_AS_IT_MAY_BE_OURS,
    ("no answer", Scene.deletes_the_old_key): REFUSES,
    ("no answer", Scene.restores_a_backup): ASKS,
    ("ID not recorded", Scene.nothing): ASKS_AS_IT_MAY_BE_OURS,
    ("ID not recorded", Scene.deletes_the_new_key): DONE,
    ("ID recorded, secret lost", Scene.nothing): DONE,
    ("ID recorded, secret lost", Scene.deletes_the_new_key): DONE,
    ("ID recorded, secret lost", Scene.deactivates_the_new_key): DONE,
    ("ID recorded, secret lost", Scene.replaces_the_new_key): ASKS,
    ("ID recorded, secret lost", Scene.uses_the_new_key): ASKS,
    ("ID recorded, secret lost", Scene.deactivates_the_old_key): DONE,
    ("ID recorded, secret lost", Scene.restores_a_backup): ASKS,
    ("one file written", Scene.nothing): DONE,
    ("one file written", Scene.deletes_the_new_key): DONE,
    ("one file written", Scene.replaces_the_new_key): ASKS,
    ("one file written", Scene.deactivates_the_new_key): REFUSES,
    ("one file written", Scene.deletes_the_old_key): REFUSES,
    ("one file written", Scene.deactivates_the_old_key): DONE,
    ("one file written", Scene.restores_the_other_file): DONE,
    ("one file written", Scene.restores_a_backup): ASKS,
    ("both files written", Scene.nothing): DONE,
    ("both files written", Scene.deletes_the_new_key): REFUSES,
    ("both files written", Scene.deactivates_the_new_key): REFUSES,
    ("both files written", Scene.deletes_the_old_key): DONE,
    ("both files written", Scene.replaces_the_old_key): DONE,
    ("both files written", Scene.deactivates_the_old_key): DONE,
    ("both files written", Scene.restores_the_other_file): REFUSES,
    ("both files written", Scene.restores_a_backup): ASKS,
    ("old key deleted", Scene.nothing): DONE,
    ("old key deleted", Scene.creates_a_key): DONE,
}
HASTE = "import time; time.sleep = lambda seconds: None"


def killed_at(point: str, home: Home, user: User) -> Scene:
    """Kill a rotation of a key that both files have; the tests of the points show that it was killed there."""
    share_the_key(home, user, base_in_config=False)
    scene = Scene(home, user, texts(home), user.access_key_id)
    pid = home.path / "pid"

    def kill(request: Request) -> None:
        if request.action == "CreateAccessKey":
            home.aws.after = lambda _: None
            os.kill(int(pid.read_text()), signal.SIGKILL)
            raise ConnectionAbortedError

    if not POINTS[point]:
        home.aws.after = kill
    before = POINTS[point] or f"import os; open({str(pid)!r}, 'w').write(str(os.getpid()))"
    assert home.run_warm("rotate", BASE, before=before).code == -signal.SIGKILL
    learn_keys(home, user)
    return scene


@pytest.mark.parametrize(
    ("point", "deed"), NEXT, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_what_the_user_does_before_the_next_run(
    point: str, deed: Callable[[Scene], None], refreshed: Home, user: User
) -> None:
    """The next run deletes no key that the files do not prove to be of the killed run."""
    scene = killed_at(point, refreshed, user)
    deed(scene)
    learn_keys(refreshed, user)
    keys, expected = user.access_keys, NEXT[point, deed]

    result = refreshed.run_warm("rotate", BASE, before=HASTE)
    learn_keys(refreshed, user)

    assert set(scene.own) <= set(user.access_keys)
    if expected == DONE:
        assert result.code == 0
    else:
        assert result.code == 1
        assert user.access_keys == keys
        assert (expected == ASKS_AS_IT_MAY_BE_OURS) == (ASKS_AS_IT_MAY_BE_OURS in result.errors[0])
        assert (expected != REFUSES) == (f"mfa-profiles rotate {BASE} --delete-other" in result.errors[-1])
    if expected in (ASKS, ASKS_AS_IT_MAY_BE_OURS):
        scene.own.clear()
        assert refreshed.run_warm("rotate", BASE, "--delete-other").code == 0
        learn_keys(refreshed, user)
    if expected != REFUSES:
        key = refreshed.section(BASE)["aws_access_key_id"]
        assert user.access_keys == {key: "Active"} | dict.fromkeys(scene.own, "Active")
        assert identity(refreshed) == user.arn
        assert "Rotating" not in refreshed.text(refreshed.credentials)


@pytest.mark.parametrize(
    ("point", "recorded", "in_config", "in_base"),
    [
        ("request not sent", False, False, False),
        ("no answer", False, False, False),
        ("ID not recorded", False, False, False),
        ("ID recorded, secret lost", True, False, False),
        ("one file written", True, True, False),
        ("both files written", True, True, True),
        ("old key deleted", True, True, True),
    ],
)
def test_what_the_files_prove(
    point: str, recorded: bool, in_config: bool, in_base: bool, refreshed: Home, user: User
) -> None:
    """The new ID is in the comment before the first file has the new key."""
    scene = killed_at(point, refreshed, user)

    text = refreshed.credentials.read_text()
    assert ("# Rotating access key" in text, f"# Rotating access key {scene.old} to " in text) == (True, recorded)
    assert (scene.old not in refreshed.config.read_text()) == in_config
    assert (refreshed.section(BASE)["aws_access_key_id"] != scene.old) == in_base
    assert len(user.access_keys) == (1 if point in ("request not sent", "old key deleted") else 2)
