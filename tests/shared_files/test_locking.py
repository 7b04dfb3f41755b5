"""The directory for locks, who may use it, and the lock files that earlier versions left."""

import contextlib
import fcntl
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest

from mfa_profiles.errors import StorageError
from mfa_profiles.shared_files import lock_directory, locking
from mfa_profiles.shared_files.storage import rewrite
from tests.programs import needs
from tests.shared_files.faulty_places import NOBODY, as_user
from tests.shared_files.test_storage import mode, names, write

requires_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")

ADA, BEN, CAT, TEAM = 4001, 4002, 4003, 5000


@pytest.fixture
def tmp_path_of_all() -> Iterator[Path]:
    """A directory to which every user has a way."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_git_does_not_see_the_locks(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    write(tmp_path / "credentials", b"new")

    status = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, capture_output=True, check=True).stdout == b"?? credentials\n"


def test_the_directory_is_private_and_beside_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "credentials").symlink_to("dotfiles/aws-credentials")

    directory = Path(lock_directory(str(tmp_path / "credentials")))

    assert directory == tmp_path / "dotfiles" / ".mfa-profiles"
    assert mode(directory) == 0o700
    assert {name: (directory / name).read_bytes() for name in names(directory)} == {".gitignore": b"*\n"}
    assert mode(directory / ".gitignore") == 0o600


def test_no_directory_is_made_where_a_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "credentials").symlink_to(tmp_path / "volume" / "credentials")

    with pytest.raises(FileNotFoundError):
        lock_directory(str(tmp_path / "credentials"))

    assert names(tmp_path) == ["credentials"]


# --- More than one user.


def _lock_as(user: int, path: Path) -> bytes:
    """Take and release the lock of a file as a member of the team; what is printed if that fails."""
    script = "import sys\nfrom mfa_profiles.shared_files import locking\n" + as_user(user, TEAM)
    script += "with locking.locked(sys.argv[1], timeout=0): pass\n"
    return subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=False).stderr


@requires_root
@pytest.mark.parametrize("users", [(ADA, BEN, ADA), (BEN, ADA, BEN)])
@pytest.mark.parametrize("bits", [0o2770, 0o770])
def test_everyone_who_shares_a_file_can_lock_it(tmp_path_of_all: Path, users: tuple[int, ...], bits: int) -> None:
    path = tmp_path_of_all / "credentials"
    path.touch()
    path.chmod(0o660)
    os.chown(path, ADA, TEAM)
    os.chown(tmp_path_of_all, ADA, TEAM)
    tmp_path_of_all.chmod(bits)

    assert [_lock_as(user, path) for user in users] == [b""] * len(users)

    directory = tmp_path_of_all / ".mfa-profiles"
    assert (mode(directory), directory.stat().st_gid) == (bits, TEAM)


@requires_root
@needs("setfacl")
@pytest.mark.parametrize("users", [(ADA, BEN, ADA), (BEN, ADA, BEN)])
def test_everyone_on_the_access_control_list_of_a_directory_can_lock_files_in_it(
    tmp_path_of_all: Path, users: tuple[int, ...]
) -> None:
    """And nobody else: not the group of the directory, for whose permissions its mode seems to be."""
    path = tmp_path_of_all / "credentials"
    path.touch()
    for owned in (path, tmp_path_of_all):
        os.chown(owned, ADA, TEAM)
    tmp_path_of_all.chmod(0o700)
    subprocess.run(["setfacl", "-m", f"u:{BEN}:rwx,g::r-x", tmp_path_of_all], check=True)

    assert [_lock_as(user, path) for user in users] == [b""] * len(users)

    assert b"PermissionError" in _lock_as(CAT, path)


@requires_root
def test_a_lock_of_a_file_that_is_shared_later(tmp_path_of_all: Path) -> None:
    """The first user has made it while the file was private."""
    path = tmp_path_of_all / "credentials"
    path.touch(0o600)
    os.chown(path, ADA, TEAM)
    os.chown(tmp_path_of_all, ADA, TEAM)
    tmp_path_of_all.chmod(0o2770)
    assert _lock_as(ADA, path) == b""

    path.chmod(0o660)

    assert _lock_as(BEN, path) == b""


@requires_root
@pytest.mark.parametrize("lock", [locking.locked, locking.locked_beside])
def test_a_lock_has_its_final_permissions_as_soon_as_it_is_there(
    tmp_path_of_all: Path,
    monkeypatch: pytest.MonkeyPatch,
    lock: Callable[[str], contextlib.AbstractContextManager[None]],
) -> None:
    """Another user waits for it, and is not refused; a process that is killed then locks nobody out."""
    os.chown(tmp_path_of_all, ADA, TEAM)
    tmp_path_of_all.chmod(0o2770)
    modes = []
    flock = fcntl.flock

    def looking(descriptor: int, operation: int) -> None:
        status = os.fstat(descriptor)
        modes.append((status.st_uid, status.st_gid, oct(status.st_mode & 0o777)))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", looking)

    with lock(str(tmp_path_of_all / "credentials")):
        pass

    assert set(modes) == {(ADA, TEAM, "0o660")}


@requires_root
def test_who_may_not_lock_a_file_leaves_the_copy_of_who_does(tmp_path_of_all: Path) -> None:
    path, copy = tmp_path_of_all / "credentials", tmp_path_of_all / "credentials.mfa-profiles.tmp"
    path.write_bytes(b"old")
    for owned in (path, tmp_path_of_all):
        os.chown(owned, ADA, TEAM)
        owned.chmod(0o770)
    directory = Path(lock_directory(str(path)))
    os.chown(directory, ADA, ADA)
    directory.chmod(0o700)
    copy.write_bytes(b"of a process that has the lock")
    script = "import sys\nfrom mfa_profiles.shared_files import storage\n" + as_user(BEN, TEAM)
    script += "storage.rewrite([sys.argv[1]], lambda _: [b'new'])\n"

    refused = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=False)

    assert b"NotWritableError" in refused.stderr
    assert copy.read_bytes() == b"of a process that has the lock"


@requires_root
def test_the_directory_that_root_makes_is_the_owners(tmp_path_of_all: Path) -> None:
    path = tmp_path_of_all / "credentials"
    path.touch()
    os.chown(path, ADA, ADA)
    os.chown(tmp_path_of_all, ADA, ADA)

    write(path, b"new")

    assert (tmp_path_of_all / ".mfa-profiles").stat().st_uid == ADA
    assert _lock_as(ADA, path) == b""


@requires_root
def test_a_directory_that_root_filled_is_not_given_away(tmp_path: Path) -> None:
    (tmp_path / ".mfa-profiles" / "precious").mkdir(parents=True)
    os.chown(tmp_path, ADA, ADA)

    lock_directory(str(tmp_path / "credentials"))

    assert (tmp_path / ".mfa-profiles").stat().st_uid == 0


@requires_root
def test_a_strangers_directory_is_not_used_where_everyone_may_make_one(tmp_path: Path) -> None:
    planted = tmp_path / ".mfa-profiles"
    planted.mkdir()
    os.chown(planted, NOBODY, NOBODY)
    tmp_path.chmod(0o1777)

    with pytest.raises(StorageError) as error:
        write(tmp_path / "credentials", b"new")

    message = f"{tmp_path}/credentials could not be written: permission denied ({planted})"
    assert error.value.message == message
    assert error.value.hints == ("nothing was changed", f"see what is in the way of the lock: ls -la {planted}")
    assert (names(tmp_path), names(planted)) == ([".mfa-profiles"], [])


def test_a_link_to_a_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir(mode=0o750)
    (tmp_path / ".mfa-profiles").symlink_to("victim")

    with pytest.raises(StorageError, match="could not be written: not a directory"):
        write(tmp_path / "credentials", b"new")

    assert (mode(tmp_path / "victim"), names(tmp_path / "victim")) == (0o750, [])


# --- One lock for two files.


def test_one_lock_file_for_two_files_is_locked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "TIMEOUT", 0.1)
    paths = [str(tmp_path / name) for name in ("config", "credentials")]
    locks = Path(lock_directory(paths[0]))
    (locks / "config.lock").touch()
    os.link(locks / "config.lock", locks / "credentials.lock")

    assert rewrite(paths, lambda _: [b"new", b"new"]).changed


# --- Lock files of earlier versions.

OLD = (
    ".credentials.mfa-profiles.lock",
    ".credentials.mfa-profiles.rotate.lock",
    ".credentials.mfa-profiles.role-a.lock",
    ".credentials.mfa-profiles.4941f4c07017962e.lock",
)


def test_lock_files_of_earlier_versions_are_removed(tmp_path: Path) -> None:
    for name in OLD:
        (tmp_path / name).touch()

    write(tmp_path / "credentials", b"new")

    assert names(tmp_path) == [".mfa-profiles", "credentials"]


@pytest.mark.parametrize("name", OLD)
def test_a_lock_file_that_an_earlier_version_holds_stays(tmp_path: Path, name: str) -> None:
    with filelock.FileLock(tmp_path / name):
        write(tmp_path / "credentials", b"new")
        assert (tmp_path / name).exists()

    write(tmp_path / "credentials", b"newer")
    assert not (tmp_path / name).exists()


def _full(path: Path) -> None:
    path.write_bytes(b"precious")


def _hard_link(path: Path) -> None:
    path.with_name("victim").touch()
    os.link(path.with_name("victim"), path)


def _symlink(path: Path) -> None:
    path.with_name("victim").touch()
    path.symlink_to("victim")


@pytest.mark.parametrize("make", [_full, _hard_link, _symlink, Path.mkdir, os.mkfifo])
def test_something_else_with_the_name_of_an_old_lock_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / OLD[0])
    before = names(tmp_path)

    write(tmp_path / "credentials", b"new")

    assert names(tmp_path) == sorted([*before, ".mfa-profiles", "credentials"])


@pytest.mark.parametrize(
    "name",
    [
        ".config.mfa-profiles.lock",
        "credentials.mfa-profiles.lock",
        ".credentials.mfa-profiles.lock.held",
        ".credentials.mfa-profiles.mine.lock",
        ".credentials.mfa-profiles.lock.old",
        ".old.credentials.mfa-profiles.lock",
    ],
)
def test_other_names_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    write(tmp_path / "credentials", b"new")

    assert (tmp_path / name).exists()


# --- The order of locks.


def _lock(place: tuple[locking.Order, str], directory: Path) -> contextlib.AbstractContextManager[None]:
    order, name = place
    target = str(directory / "credentials")
    if order is locking.Order.FILE:
        return locking.locked(str(directory / name))
    return locking.in_flight(order, target, name, "a", lambda _: None)


SESSION, ROLES, ROTATION, FILE = locking.Order
IN_ORDER = [(SESSION, "a"), (ROLES, "role-1"), (ROLES, "role-2"), (ROTATION, "rotate"), (FILE, "a"), (FILE, "b")]


def test_locks_are_taken_in_one_order(tmp_path: Path) -> None:
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            for place in IN_ORDER:
                stack.enter_context(_lock(place, tmp_path))


@pytest.mark.parametrize(
    ("first", "second"), [(b, a) for a, b in itertools.pairwise(IN_ORDER)] + [(IN_ORDER[0],) * 2]
)
def test_a_lock_that_is_taken_out_of_order_is_refused(
    tmp_path: Path, first: tuple[locking.Order, str], second: tuple[locking.Order, str]
) -> None:
    """Two processes that did so could wait for each other, and one that takes a lock twice waits for itself."""
    with _lock(first, tmp_path), pytest.raises(AssertionError, match="a lock is taken out of order"):
        _lock(second, tmp_path).__enter__()

    with _lock(second, tmp_path):  # The first was released.
        pass


def test_another_thread_has_an_order_of_its_own(tmp_path: Path) -> None:
    with _lock((FILE, "b"), tmp_path), ThreadPoolExecutor() as threads:
        threads.submit(lambda: _lock((SESSION, "a"), tmp_path).__enter__()).result()


def test_a_fork_begins_without_locks(tmp_path: Path) -> None:
    """And without the descriptors that keep them: it may live longer than its parent."""
    with _lock((SESSION, "a"), tmp_path):
        child = os.fork()
        if child == 0:
            with _lock((SESSION, "b"), tmp_path):
                lock = locking.lock_directory(str(tmp_path / "credentials")) + "/credentials.a.lock"
                inherited = [os.path.realpath(f"/dev/fd/{name}") for name in os.listdir("/dev/fd")]
                os._exit(os.path.realpath(lock) in inherited)
        assert os.waitpid(child, 0)[1] == 0


# --- A .env file is written by processes with different shared files.

ENV_WRITER = """
import sys
from mfa_profiles import shared_files
from mfa_profiles.profiles import SharedPaths
_, number, env_file = sys.argv
paths = SharedPaths(f"/nowhere/{number}/credentials", f"/nowhere/{number}/config")
for _ in range(30):
    shared_files.change_env_file(paths, env_file, lambda text: f"{text}N{number}={'x' * 2000}\\n")
"""


def test_writers_with_different_shared_files_share_the_lock_of_a_env_file(tmp_path: Path) -> None:
    """No write fails or is lost, and each reader sees a whole file."""
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    writers = [
        subprocess.Popen([sys.executable, "-c", ENV_WRITER, str(number), path], stderr=subprocess.PIPE)
        for number in range(3)
    ]
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        assert text.startswith("A=1\n")
        assert text.endswith("\n")

    assert [writer.communicate()[1] for writer in writers] == [b""] * 3
    assert [path.read_text().count(f"N{number}=") for number in range(3)] == [30] * 3
    assert names(tmp_path) == [".env"]
