"""What somebody may put where our own files go, and what others may see of these at any instant."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_profiles.shared_files import lock_directory
from tests.home import BASE, DERIVED, TOOL, Home
from tests.local_aws import MFADevice, User
from tests.shared_files.faulty_places import make_socket, without_locks
from tests.shared_files.refused import COMMANDS, Commands
from tests.tracing import needs_strace

STRANGER = 4242


@pytest.fixture
def commands(refreshed: Home, user: User, device: MFADevice) -> Commands:
    """A home with a session, and a project."""
    commands = Commands(refreshed, user, device)
    commands.env_file.parent.mkdir()
    commands.env_file.write_text("A=b\n")
    return commands


# --- Planted at the names of our own files.


def _hard_link(path: Path, victim: Path) -> None:
    os.link(victim, path)


def _symlink(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def _dangling_symlink(path: Path, victim: Path) -> None:
    path.symlink_to(victim.with_name("elsewhere"))


def _fifo(path: Path, _: Path) -> None:
    os.mkfifo(path, 0o640)


def _directory(path: Path, _: Path) -> None:
    path.mkdir(mode=0o750)


def _socket(path: Path, _: Path) -> None:
    make_socket(path)


def _foreign_file(path: Path, victim: Path) -> None:
    shutil.copy(victim, path)
    if os.geteuid() == 0:
        os.chown(path, STRANGER, STRANGER)


PLANTED: tuple[Callable[[Path, Path], None], ...] = (
    _hard_link,
    _symlink,
    _dangling_symlink,
    _fifo,
    _directory,
    _socket,
    _foreign_file,
)
NAMES = {
    "credentials.mfa-profiles.tmp": "",
    "config.mfa-profiles.tmp": "",
    ".mfa-profiles": "",
    ".mfa-profiles/credentials.lock": "",
    ".mfa-profiles/config.lock": "",
    ".mfa-profiles/credentials.rotate.lock": "",
    ".mfa-profiles/credentials.lock.held": without_locks("ENOLCK"),
}
# What stands in the way, so that nothing is written; all else is cleared away, or does for a lock.
REFUSED = {
    "credentials.mfa-profiles.tmp": (_directory,),
    ".mfa-profiles": tuple(plant for plant in PLANTED if plant is not _directory),
    ".mfa-profiles/credentials.lock": (_symlink, _dangling_symlink, _directory, _socket),
    ".mfa-profiles/credentials.lock.held": PLANTED,
}
SHORT_WAITS = "from mfa_profiles.shared_files import locking; locking.TIMEOUT = locking.IN_FLIGHT_TIMEOUT = 0.6\n"


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_file(commands: Commands, plant: Callable[[Path, Path], None]) -> None:
    """Is not followed, given away, emptied or waited on: all goes well, or a sentence names it."""
    home = commands.home
    victim = home.path / "victim"
    victim.write_text("precious")
    victim.chmod(0o640)
    before = _seen(victim)
    for name, hook in NAMES.items():
        planted = home.credentials.parent / name
        if planted.is_dir():
            shutil.rmtree(planted)
        planted.unlink(missing_ok=True)
        if name.startswith(".mfa-profiles/"):
            lock_directory(str(home.credentials))
        plant(planted, victim)
        as_planted = _seen(planted)
        old_key = home.section(BASE)["aws_access_key_id"]

        result = commands.run("rotate", before=hook + SHORT_WAITS)

        is_refused = plant in REFUSED.get(name, ())
        assert (1 if is_refused else 0) == result.code, result.stderr
        assert is_refused == (old_key == home.section(BASE)["aws_access_key_id"])
        assert is_refused == (str(planted) in result.stderr)
        if is_refused or (name.endswith(".lock") and planted.exists()):
            assert as_planted == _seen(planted)
        assert before == _seen(victim)
        assert not victim.with_name("elsewhere").exists()
        assert set() == {path.name for path in home.path.iterdir()} - {".aws", "project", "victim"}
        shutil.rmtree(planted) if planted.is_dir() else planted.unlink(missing_ok=True)


def _seen(path: Path) -> tuple[int, int, int, int, bytes]:
    """What nobody but its owner may change of a file."""
    status = path.lstat()
    data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    return status.st_ino, status.st_mode, status.st_uid, status.st_gid, data


# --- Open directories.


def test_a_directory_that_anyone_may_write(commands: Commands) -> None:
    """Nothing is written there: whoever can put another file in its place can read what is next written to it."""
    directory = commands.home.credentials.parent
    directory.chmod(0o777)

    for command in COMMANDS:
        sentence = f"anyone on this machine may write {directory}, and could put another file in the place of "
        hints = commands.refused(command, sentence)

        assert (f"chmod o-w {directory}", "nothing was changed") == hints


def test_an_env_file_in_a_directory_that_anyone_may_write(commands: Commands) -> None:
    """The same, before a code is spent."""
    commands.env_file.parent.chmod(0o777)

    hints = commands.refused("export", f"anyone on this machine may write {commands.env_file.parent}")

    assert f"chmod o-w {commands.env_file.parent}" in hints


@pytest.mark.parametrize("open_one", ["dotfiles", ".aws"])
def test_links_and_what_they_lead_to(commands: Commands, open_one: str) -> None:
    """Another link is as good as another file."""
    home = commands.home
    dotfiles = home.path / "dotfiles"
    dotfiles.mkdir()
    home.credentials.rename(dotfiles / "credentials")
    home.credentials.symlink_to(dotfiles / "credentials")
    (home.path / open_one).chmod(0o777)

    commands.refused("clear", f"anyone on this machine may write {home.path / open_one}")


@pytest.mark.parametrize("mode", [0o1777, 0o775])
def test_directories_that_others_may_write_safely(commands: Commands, mode: int) -> None:
    """A sticky one, in which nobody can touch the files of others, and one of a group that shares the file."""
    commands.home.credentials.parent.chmod(mode)

    assert 0 == commands.run("clear").code


NO_PERMISSIONS = """
import os
real_fstat = os.fstat
def fstat(descriptor):
    status = real_fstat(descriptor)
    return os.stat_result((status.st_mode | 0o777, *status[1:]))
os.fstat = fstat
"""


def test_a_file_system_without_permissions(commands: Commands) -> None:
    """Where everything is 0777 whatever one does, as on WSL's /mnt/c, the mode says nothing."""
    commands.home.credentials.parent.chmod(0o777)

    assert 0 == commands.run("clear", before=NO_PERMISSIONS).code


# --- What others see meanwhile.


_FILE_CALL = re.compile(r'openat\(AT_FDCWD(?:<[^>]*>)?, "([^"]+)", \S*O_CREAT\S*, (0\d+)\)')
_MODE_CALL = re.compile(r'(?:fchmod\(\d+<([^>]+)>|f?chmod(?:at)?\((?:AT_FDCWD\S*, )?"([^"]+)"), (0\d+)')
_DIRECTORY_CALL = re.compile(r'mkdir(?:at)?\((?:AT_FDCWD\S*, )?"([^"]+)", (0\d+)\) += 0')


@needs_strace
@pytest.mark.parametrize("mode", [None, 0o600, 0o644])
def test_nobody_else_can_read_our_files_at_any_instant(
    home: Home, user: User, device: MFADevice, mode: int | None
) -> None:
    """Whatever the umask, and as long as the file that is replaced is closed to them itself."""
    commands = Commands(home, user, device)
    setup = commands.arguments("setup")
    commands.env_file.parent.mkdir()
    if mode is not None:
        home.write("", "")
        commands.env_file.touch()
        for path in (home.credentials, home.config, commands.env_file):
            path.chmod(mode)
    most = 0o600 if mode is None else mode
    refresh = ["refresh", "another", "--token-code", home.code(device)]
    export = ["export", "another", "--format", "dotenv", "--output", str(commands.env_file)]
    seen = 0

    for arguments in (setup, refresh, export):
        log = home.path / "calls"
        script = 'umask 000; exec strace -f -y -qq -e trace=openat,chmod,fchmod,fchmodat,mkdir,mkdirat -o "$@"'
        result = home.run("-c", script, "sh", str(log), TOOL, *arguments, program="sh")
        assert 0 == result.code, result.stderr
        text = log.read_text()
        log.unlink()
        made = [(path, int(bits, 8)) for path, bits in _FILE_CALL.findall(text)]
        changed = [(one or other, int(bits, 8)) for one, other, bits in _MODE_CALL.findall(text)]
        directories = [(path, int(bits, 8)) for path, bits in _DIRECTORY_CALL.findall(text)]
        ours = str(home.path)
        assert {0o600} >= {bits for path, bits in made if path.startswith(ours)}
        assert not [(path, oct(bits)) for path, bits in changed if path.startswith(ours) and bits & ~most]
        assert not [(path, oct(bits)) for path, bits in directories if path.startswith(ours) and bits != 0o700]
        seen += sum(path.endswith(".mfa-profiles.tmp") for path, _ in made)
    assert seen >= 5  # credentials twice, config twice, and .env


# --- What a write has left, or is just writing.

STOPPED_AT_ITS_COPY = """
import os, signal, sys
from mfa_profiles.shared_files import storage
def stop(_):
    print("written", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
os.fsync = stop
storage.rewrite(sys.argv[1:], lambda contents: [contents[0] + b"# more"])
"""


def test_a_copy_that_is_just_being_written_is_no_leftover(refreshed: Home) -> None:
    """doctor lets it be, as long as its writer lives."""
    copy = refreshed.credentials.with_name("credentials.mfa-profiles.tmp")
    command = [sys.executable, "-c", STOPPED_AT_ITS_COPY, str(refreshed.credentials)]

    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert b"written\n" == writer.stdout.readline()
        try:
            while_it_lives = refreshed.run_warm("doctor", "--offline", "--fix")
            assert copy.exists()
        finally:
            writer.send_signal(signal.SIGKILL)
    afterwards = refreshed.run_warm("doctor", "--offline", "--fix")

    assert "is left over" not in while_it_lives.stdout
    assert f"{copy} is left over from a write that was cut off" in afterwards.stdout
    assert not copy.exists()
    assert refreshed.section(DERIVED)["aws_access_key_id"].startswith("ASIA")
    assert BASE in refreshed.text(refreshed.credentials)
