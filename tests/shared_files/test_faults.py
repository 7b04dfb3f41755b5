"""What the system can do to files: each command ends with one sentence, changes nothing, and spends no code."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mfa_profiles.shared_files import lock_directory
from tests.home import BASE, DERIVED, Home, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.shared_files.faulty_places import (
    AS_NOBODY,
    NOBODY,
    WITH_SMALL_FILES,
    directory_of_nobody,
    full_disk,
    immutable,
    make_socket,
    mounted,
    read_only,
    without_locks,
)
from tests.shared_files.refused import COMMANDS, Commands

PADDING = ("# " + 100 * "-" + "\n") * 80


@pytest.fixture
def commands(refreshed: Home, user: User, device: MFADevice) -> Commands:
    """A home with a session, and with files of some pages of memory."""
    commands = Commands(refreshed, user, device)
    commands.env_file.parent.mkdir()
    commands.env_file.write_text(PADDING + "A=b\n")
    for path in (refreshed.credentials, refreshed.config):
        with path.open("a") as file:
            file.write(PADDING)
    return commands


Fault = Callable[[Path], contextlib.AbstractContextManager[None]]
FAULTS: dict[str, tuple[Fault, str, str]] = {
    "a full disk": (lambda path: full_disk(path.parent), "", "no space left on device"),
    "a disk that is almost full": (lambda path: full_disk(path.parent, 1), "", "no space left on device"),
    "a limit to the size of files": (lambda _: contextlib.nullcontext(), WITH_SMALL_FILES, "file too large"),
    "a directory that is mounted read-only": (lambda path: read_only(path.parent), "", "read-only file system"),
    "a file that is mounted read-only": (read_only, "", "read-only file system"),
    "an immutable file": (immutable, "", "operation not permitted"),
}


DENIED = ("read-only file system", "operation not permitted", "permission denied")
ELSEWHERE = (
    "copy both files to a directory that you may write, and name the copies in AWS_SHARED_CREDENTIALS_FILE and "
    "AWS_CONFIG_FILE",
    "or run mfa-profiles where these files can be written, such as outside the container",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_shared_files_that_cannot_be_written(commands: Commands, fault: str) -> None:
    """Is found out before AWS has done anything, and before the other file is written."""
    place, before, reason = FAULTS[fault]

    with place(commands.home.credentials):
        for command in COMMANDS:
            hints = commands.refused(command, f": {reason}", before=before)

            assert hints == ("nothing was changed", *(ELSEWHERE if reason in DENIED else ()))


@pytest.mark.parametrize("fault", FAULTS)
def test_an_env_file_that_cannot_be_written(commands: Commands, fault: str) -> None:
    """No session is got for it."""
    place, before, reason = FAULTS[fault]

    with place(commands.env_file):
        commands.refused("export", f": {reason}", before=before)


def test_a_disk_on_which_a_session_does_not_fit(commands: Commands) -> None:
    """Though a few letters would: a rehearsal takes as much room as a performance can."""
    pages = -(-commands.home.credentials.stat().st_size // 4096)

    with full_disk(commands.home.credentials.parent, pages):
        commands.refused("refresh", "no space left on device")


@pytest.mark.parametrize("command", [*COMMANDS, "export"])
def test_a_directory_that_is_not_ours_to_write(aws: LocalAWS, user: User, device: MFADevice, command: str) -> None:
    """Nor one that we may not look into."""
    with directory_of_nobody() as place:
        commands = _commands_of_nobody(place, aws, user, device)
        commands.home.credentials.parent.chmod(0o500)
        commands.env_file.parent.chmod(0o500)
        hints = commands.refused(command, "could not be written: permission denied", before=AS_NOBODY)
        assert hints == ("nothing was changed", *(() if command == "export" else ELSEWHERE))

        os.chown(commands.home.credentials.parent, 0, 0)
        commands.refused(command, "could not be read: permission denied", before=AS_NOBODY)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_of_somebody_else_that_cannot_be_read(
    aws: LocalAWS, user: User, device: MFADevice, command: str
) -> None:
    """It is not taken for an empty one, which the directory would let us replace."""
    with directory_of_nobody() as place:
        commands = _commands_of_nobody(place, aws, user, device)
        os.chown(commands.home.config, 0, 0)

        sentence = f"{commands.home.config} could not be read: permission denied"
        commands.refused(command, sentence, before=AS_NOBODY)


def test_a_file_of_somebody_else_that_can_be_read(aws: LocalAWS, user: User, device: MFADevice) -> None:
    """The directory lets us replace it; that it changes hands is told."""
    with directory_of_nobody() as place:
        home = _commands_of_nobody(place, aws, user, device).home
        home.credentials.chmod(0o644)
        os.chown(home.credentials, 0, 0)

        result = home.run_warm("clear", BASE, before=AS_NOBODY)

        assert (0, NOBODY) == (result.code, home.credentials.stat().st_uid)
        assert [
            f"mfa-profiles: warning: the owner of {home.credentials} could not be kept: it is now your own file",
            f"{DERIVED} is cleared",
        ] == result.errors


@contextlib.contextmanager
def _closed(directory: Path) -> Iterator[None]:
    directory.chmod(0o500)
    yield


@pytest.mark.parametrize(
    "arguments", [["refresh"], ["exec", "--profile", BASE, "--", "true"], ["export"], ["credential-process"]]
)
@pytest.mark.parametrize(
    ("close", "reason"), [(read_only, "read-only file system"), (_closed, "permission denied")], ids=["mount", "mode"]
)
def test_a_first_session_in_a_directory_that_cannot_be_written(
    aws: LocalAWS, user: User, device: MFADevice, arguments: list[str], close: Fault, reason: str
) -> None:
    with directory_of_nobody() as place:
        home = _commands_of_nobody(place, aws, user, device).home
        home.credentials.write_text(home.credentials.read_text().partition(f"[{DERIVED}]")[0])
        directory, code = home.credentials.parent, home.code(device)
        with close(directory):
            profile = [] if arguments[0] == "exec" else [BASE]
            result = home.run_warm(
                *arguments[:1], *profile, *arguments[1:], env={"MFA_PROFILES_TOKEN_CODE": code}, before=AS_NOBODY
            )

        assert (result.code, result.stdout) == (1, "")
        assert result.errors == [
            f"mfa-profiles: error: {home.config} could not be written: {reason} ({directory})",
            *(f"hint: {hint}" for hint in ("nothing was changed", *ELSEWHERE)),
        ]
        assert "GetSessionToken" not in aws.actions


def _commands_of_nobody(place: Path, aws: LocalAWS, user: User, device: MFADevice) -> Commands:
    home = Home(place, aws)
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    with home.credentials.open("a") as file:
        file.write(session_section(DERIVED, source=BASE, expires="2020-01-01T00:00:00Z"))
    commands = Commands(home, user, device)
    commands.env_file.parent.mkdir()
    for path in (home.credentials.parent, home.credentials, home.config, commands.env_file.parent):
        os.chown(path, NOBODY, NOBODY)
    return commands


# --- Mount points.

WATCHING = """
import os
def watched(call):
    def wrapper(*arguments, **options):
        result = call(*arguments, **options)
        with open({log!r}, "a") as log:
            log.write(f"{{os.path.getsize({path!r})}}\\n")
        return result
    return wrapper
for name in ("pwrite", "ftruncate", "fsync", "replace"):
    setattr(os, name, watched(getattr(os, name)))
real_open = os.open
def watched_open(path, flags, *mode, **options):
    return watched(real_open)(path, flags, *mode, **options)
os.open = watched_open
"""


def test_a_mount_point_is_written_in_place(base: Home, device: MFADevice) -> None:
    """A bind-mounted file, as in containers, cannot be replaced; the person is told, and no reader sees it empty."""
    path, log, without_session = base.credentials, base.path / "sizes", base.text(base.credentials)
    base.run_warm("refresh", BASE, "--token-code", base.code(device))
    sizes = {len(path.read_bytes())}

    with mounted("--bind", path, path):
        inode = path.stat().st_ino
        result = base.run_warm("clear", BASE, before=WATCHING.format(log=str(log), path=str(path)))

        assert (0, without_session, inode) == (result.code, base.text(path), path.stat().st_ino)
        assert f"{path} is a mount point and was written in place" in result.errors[0]
    assert sizes | {len(path.read_bytes())} == {int(line) for line in log.read_text().splitlines()}


# --- Locks.

HOLDER = """
import os, signal, sys
from mfa_profiles import shared_files
from mfa_profiles.profiles import SharedPaths
from mfa_profiles.shared_files import storage
from mfa_profiles.shared_files.locking import Order
credentials, config, which = sys.argv[1:]
def stop(*_):
    print("held", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    return [None]
if which == "file":
    storage.rewrite([credentials], stop)
else:
    lock = shared_files.SessionLock(Order.SESSION, which, "a")
    with shared_files.single_flight(SharedPaths(credentials, config), [lock], stop):
        stop()
"""


@contextlib.contextmanager
def stopped_holder(home: Home, which: str, before: str = "") -> Iterator[int]:
    """A process that was stopped with a lock in its hands, and its number; it is killed at the end."""
    command = [sys.executable, "-c", before + HOLDER, str(home.credentials), str(home.config), which]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        try:
            yield holder.pid
        finally:
            holder.kill()


SHORT_WAITS = "from mfa_profiles.shared_files import locking; locking.TIMEOUT = locking.IN_FLIGHT_TIMEOUT = 0.6\n"


def test_a_stopped_process_that_holds_a_lock(commands: Commands) -> None:
    """Is not waited for without end, and the lock is named; once the process is gone all goes on."""
    home = commands.home

    with stopped_holder(home, "file"):
        for command in COMMANDS:
            hints = commands.refused(command, " has been locked by another mfa-profiles for 1 s", before=SHORT_WAITS)
            assert f"see who holds it: fuser {home.credentials.parent}/.mfa-profiles/credentials.lock" in hints

    assert 0 == home.run_warm("clear", BASE).code


def test_a_stopped_process_that_gets_a_session(commands: Commands) -> None:
    """The same, for the lock of whoever may be typing a code or replacing a key."""
    from mfa_profiles.profiles import ProfilePair
    from mfa_profiles.shared_files import lock_of_session

    names = {"refresh": lock_of_session(ProfilePair(BASE, DERIVED)).name, "rotate": "rotate"}
    for command, name in names.items():
        with stopped_holder(commands.home, name):
            hints = commands.refused(command, f"has been busy with profile {BASE} for", before=SHORT_WAITS)

        lock = commands.home.credentials.parent / ".mfa-profiles" / f"credentials.{name}.lock"
        assert (f"finish or end it: fuser {lock}",) == hints


@pytest.mark.parametrize("error", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_a_file_system_without_locks(base: Home, device: MFADevice, error: str) -> None:
    """NFS without its daemon, Lustre without flock: a file stands for the lock, and goes with it."""
    # Of a day on which it had locks.
    (Path(lock_directory(str(base.credentials))) / "credentials.lock").touch()

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), before=without_locks(error))

    assert (0, 1) == (result.code, len(result.errors))
    assert base.section()["aws_access_key_id"].startswith("ASIA")
    assert [] == list(base.credentials.parent.rglob("*.held"))


def test_a_lock_that_cannot_be_taken_at_all(commands: Commands) -> None:
    """It is reported at once, and not waited for."""
    for command in COMMANDS:
        commands.refused(command, "could not be written: input/output error", before=without_locks("EIO"))


def test_without_locks_there_is_one_writer_at_a_time(commands: Commands) -> None:
    """Who was stopped is waited for, and who was killed is not."""
    home, no_locks = commands.home, without_locks("ENOLCK")

    with stopped_holder(home, "file", no_locks):
        hints = commands.refused("clear", "has been locked by another", before=no_locks + SHORT_WAITS)

    marker = home.credentials.parent / ".mfa-profiles" / "credentials.lock.held"
    assert (f"if no mfa-profiles is running, on any machine: rm {marker}",) == hints
    assert marker.exists()
    assert 0 == home.run_warm("clear", BASE, before=no_locks).code
    assert not marker.exists()


def test_without_locks_another_machine_is_believed(commands: Commands) -> None:
    """It may be alive: nobody but a person can know."""
    (Path(lock_directory(str(commands.home.credentials))) / "credentials.lock.held").write_text("1234\nnode17\n")

    commands.refused("clear", "has been locked by another", before=without_locks("ENOLCK") + SHORT_WAITS)


WRITER = """
import sys
from mfa_profiles.shared_files import storage
path, name = sys.argv[1:]
for number in range(10):
    storage.rewrite([path], lambda contents: [(contents[0] or b"") + f"{name}{number}\\n".encode()])
"""


def test_without_locks_three_writers_lose_nothing(tmp_path: Path) -> None:
    """As with them."""
    path = tmp_path / "credentials"
    script = without_locks("ENOSYS") + WRITER

    writers = [subprocess.Popen([sys.executable, "-c", script, path, name]) for name in "abc"]

    assert [0, 0, 0] == [writer.wait(timeout=120) for writer in writers]
    assert sorted(f"{name}{number}" for name in "abc" for number in range(10)) == sorted(path.read_text().split())


# --- What is no file.


def _device(path: Path) -> None:
    path.symlink_to("/dev/full")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


NO_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a directory": (Path.mkdir, "is a directory, not a file"),
    "a FIFO": (os.mkfifo, "is a FIFO, not a file"),
    "a socket": (make_socket, "is a socket, not a file"),
    "a device": (_device, "is a device, not a file"),
    "a loop": (_loop, "too many levels of symbolic links"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file(commands: Commands, kind: str) -> None:
    """Is not opened: a FIFO could be waited on for ever."""
    make, reason = NO_FILES[kind]
    odd = commands.env_file.with_name("odd")
    make(odd)

    commands.refused("refresh", f"{odd} ", env={"AWS_SHARED_CREDENTIALS_FILE": str(odd)})
    for command in COMMANDS:
        commands.refused(command, reason, env={"AWS_CONFIG_FILE": str(odd)})
    commands.env_file.unlink()
    make(commands.env_file)
    commands.refused("export", reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("credentials/below", "not a directory"),
        ("x" * 300, "file name too long"),
        ("x/" * 2100, "file name too long"),
    ],
)
def test_names_that_no_file_has(commands: Commands, name: str, reason: str) -> None:
    """Below a file, or too long."""
    path = str(commands.home.credentials.parent / name)

    for variable in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        for command in COMMANDS:
            commands.refused(command, f"could not be read: {reason}", env={variable: path})


# --- No file at all, said with /dev/null.


def test_no_credentials_file(commands: Commands) -> None:
    """Keys are not thrown away."""
    env = {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}

    hints = commands.refused("setup", "no credentials can be kept in /dev/null", env=env)

    assert ("see AWS_SHARED_CREDENTIALS_FILE",) == hints


def test_no_config_file(home: Home, user: User, device: MFADevice) -> None:
    """The keys of a new profile have a place, and what has none is told."""
    commands = Commands(home, user, device)

    result = commands.run("setup", env={"AWS_CONFIG_FILE": "/dev/null"})

    assert 0 == result.code
    assert f"another is set up in {home.credentials}" in result.errors
    lost = "the region of another and its MFA device are kept nowhere: /dev/null is the null device"
    assert f"mfa-profiles: warning: {lost}" in result.errors
    assert home.section("another")["aws_access_key_id"] == user.access_key_id


# --- Large files.


@pytest.mark.parametrize("is_sparse", [True, False])
def test_a_file_of_100_mib(commands: Commands, is_sparse: bool) -> None:
    """No such file is a shared file: to parse it would take minutes and gigabytes, which nobody here may have."""
    large = commands.env_file
    with large.open("wb") as file:
        file.truncate(100 * 2**20)
        if not is_sparse:
            file.writelines([b"# " + b"-" * (2**20 - 3) + b"\n"] * 100)
    before = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))"
    sentence = f"mfa-profiles: error: {large} has 100 MiB, and no more than 16 are read"

    shared = commands.run("clear", env={"AWS_CONFIG_FILE": str(large)}, before=before)
    exported = commands.run("export", before=before)

    assert [(1, sentence)] * 2 == [(result.code, result.errors[0]) for result in (shared, exported)]
