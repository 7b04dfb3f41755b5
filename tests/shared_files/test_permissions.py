"""Who may read a file that was replaced, and its copy at any instant before: nobody who could not before."""

import codecs
import contextlib
import errno
import fcntl
import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from mfa_profiles import crash
from mfa_profiles.errors import StorageError
from mfa_profiles.shared_files.storage import rewrite
from tests.programs import needs
from tests.shared_files.readers import reading
from tests.shared_files.test_storage import mode, write
from tests.shared_files.test_storage_trouble import refuse

requires_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
needs_setfacl = needs("setfacl")

ALICE, BOB, STRANGER, USERS, TEAM = 4001, 4002, 4003, 4100, 4200

MEMORY = "/dev/shm"
"""A directory on Linux whose file system is fast."""


@contextlib.contextmanager
def user(uid: int, *groups: int) -> Iterator[None]:
    """This process as a user of some groups, the first of which new files get."""
    os.setgroups(groups)
    os.setegid(groups[0])
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([0])


@pytest.fixture
def path() -> Iterator[Path]:
    """A file in a directory of Alice's that others may enter."""
    codecs.lookup("ascii")  # a user who may not read Python's own files cannot import them either
    importlib.import_module("mfa_profiles.shared_files.permissions")
    with tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as name:
        with filelock.FileLock(f"{name}/lock"):
            pass
        os.chown(name, ALICE, USERS)
        Path(name).chmod(0o755)
        (Path(name) / "credentials").write_bytes(b"old")
        yield Path(name) / "credentials"


def give(path: Path, uid: int, gid: int, bits: int) -> None:
    """Change the owner, the group and the mode."""
    os.chown(path, uid, gid)
    path.chmod(bits)


def can_read(path: Path, uid: int, *groups: int) -> bool:
    """Ask the system whether a user may read a file."""
    with user(uid, *groups):
        try:
            os.close(os.open(path, os.O_RDONLY))
        except PermissionError:
            return False
    return True


def owner_lost(path: Path) -> str:
    """The warning for a file that changes hands."""
    return f"the owner of {path} could not be kept: it is now your own file"


def group_lost(path: Path, before: int, after: int) -> str:
    """The warning for a file whose group is another now."""
    return f"the group of {path} could not be kept: its mode was {before:o}, and is {after:o} now"


@requires_root
@pytest.mark.parametrize(
    ("owner", "before", "after"),
    [
        (BOB, 0o640, 0o640),
        (BOB, 0o664, 0o664),
        (BOB, 0o4755, 0o755),
        (ALICE, 0o640, 0o640),
        (ALICE, 0o600, 0o600),
    ],
)
def test_the_group_stays_if_the_owner_cannot(path: Path, owner: int, before: int, after: int) -> None:
    give(path, owner, TEAM, before)

    with user(ALICE, USERS, TEAM):
        stored = write(path, b"new")

    status = path.stat()
    assert (status.st_uid, status.st_gid, mode(path)) == (ALICE, TEAM, after)
    assert stored.warnings == (() if owner == ALICE else (owner_lost(path),))


@requires_root
@pytest.mark.parametrize(
    ("owner", "before", "after"),
    [
        (BOB, 0o644, 0o644),
        (BOB, 0o664, 0o644),
        (BOB, 0o604, 0o600),
        (BOB, 0o646, 0o644),
        (BOB, 0o2755, 0o755),
        (ALICE, 0o640, 0o600),
        (ALICE, 0o660, 0o600),
        (ALICE, 0o600, 0o600),
    ],
)
def test_another_group_gets_only_what_everyone_had(path: Path, owner: int, before: int, after: int) -> None:
    give(path, owner, TEAM, before)
    groups = (TEAM, USERS)
    could = [can_read(path, STRANGER, group) for group in groups]

    with user(ALICE, USERS):
        stored = write(path, b"new")

    status = path.stat()
    assert (status.st_uid, status.st_gid, mode(path)) == (ALICE, USERS, after)
    can = [can_read(path, STRANGER, group) for group in groups]
    assert all(was or not now for was, now in zip(could, can, strict=True))
    of_owner = () if owner == ALICE else (owner_lost(path),)
    of_group = (group_lost(path, before, after),) if (before ^ after) & 0o777 else ()
    assert stored.warnings == (*of_owner, *of_group)


@requires_root
def test_a_system_that_lets_nobody_give_a_file_to_a_group(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(path, 0, TEAM, 0o640)
    monkeypatch.setattr(os, "fchown", refuse(errno.EPERM))

    with user(ALICE, USERS, TEAM):
        stored = write(path, b"new")

    assert stored.warnings == (owner_lost(path), group_lost(path, 0o640, 0o600))
    assert not can_read(path, STRANGER, USERS)


# --- Access control lists.


def set_list(path: Path, *options: str) -> None:
    """Change the access control list of a file or directory, by numbers; the test is skipped where there are none."""
    if subprocess.run(["setfacl", *options, path], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no access control lists")


def entries(path: Path) -> str:
    """The access control list of a file, by numbers."""
    return subprocess.run(["getfacl", "-cn", path], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def seen(path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Who could read the copy after any of the calls that change who may: filled while a file is written."""
    readers: set[str] = set()

    def watched(call: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*arguments: object, **options: object) -> object:
            try:
                return call(*arguments, **options)
            finally:
                copy = path.with_name("credentials.mfa-profiles.tmp")
                if copy.exists():
                    readers.update(
                        who
                        for who, (uid, gid) in {
                            "team": (BOB, TEAM),
                            "users": (BOB, USERS),
                            "named": (STRANGER, 1),
                        }.items()
                        if can_read(copy, uid, gid)
                    )

        return wrapper

    for name in ("fchown", "fchmod", "setxattr", "removexattr", "fsync"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    return readers


@requires_root
@needs_setfacl
@pytest.mark.parametrize("inherited", ["", f"d:u:{BOB}:rw,d:g:{USERS}:rw"])
def test_an_access_control_list_stays(path: Path, seen: set[str], inherited: str) -> None:
    """The mode of such a file has the mask of the list where it has the permissions of the group otherwise."""
    give(path, ALICE, TEAM, 0o600)
    set_list(path, "-m", f"u:{STRANGER}:r,g::-")
    if inherited:
        set_list(path.parent, "-m", inherited)
    before = entries(path)
    assert "mask::r--" in before

    stored = write(path, b"new")

    assert (entries(path), mode(path), stored.warnings) == (before, 0o640, ())
    assert seen == {"named"}


@requires_root
@needs_setfacl
def test_a_list_of_the_directory_is_not_for_a_file_without_one(path: Path, seen: set[str]) -> None:
    set_list(path.parent, "-m", f"d:u:{STRANGER}:rw,d:g:{USERS}:rw")
    give(path, ALICE, TEAM, 0o640)
    before = entries(path)

    stored = write(path, b"new")

    assert (entries(path), mode(path), stored.warnings) == (before, 0o640, ())
    assert seen == {"team"}


@requires_root
@needs_setfacl
def test_a_list_goes_with_its_group(path: Path) -> None:
    """It has an entry for the group of the file, and would give another group that."""
    give(path, ALICE, TEAM, 0o600)
    set_list(path, "-m", f"u:{STRANGER}:r,g::rw")

    with user(ALICE, USERS):
        stored = write(path, b"new")

    assert (mode(path), "mask" in entries(path)) == (0o600, False)
    assert stored.warnings == (group_lost(path, 0o660, 0o600),)


@requires_root
@needs_setfacl
@pytest.mark.parametrize("call", ["listxattr", "getxattr", "setxattr"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EPERM])
def test_a_list_that_cannot_be_kept_leaves_nothing_to_the_group(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Its mask would let the group read the file."""
    set_list(path, "-m", f"u:{STRANGER}:r,g::-")
    monkeypatch.setattr(os, call, refuse(number))

    stored = write(path, b"new")

    lost = f"the access control list of {path} could not be kept: its mode was 644, and is 600 now"
    assert (mode(path), stored.warnings) == (0o600, (lost,))


@requires_root
@needs_setfacl
def test_a_list_of_the_directory_that_cannot_be_removed_is_ineffective(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_list(path.parent, "-m", f"d:u:{STRANGER}:rw")
    path.chmod(0o640)
    monkeypatch.setattr(os, "removexattr", refuse(errno.EIO))

    write(path, b"new")

    assert not can_read(path, STRANGER, USERS)


# --- Another user who races with the writer.

WRITES = 10


def copies(*paths: Path) -> list[Path]:
    """The temporary copies that are to replace files."""
    return [path.with_name(f"{path.name}.mfa-profiles.tmp") for path in paths]


def with_a_list(path: Path) -> None:
    """Its mode is 0660, which is the mask of the list: the group may do nothing."""
    give(path, ALICE, TEAM, 0o600)
    set_list(path, "-m", f"u:{STRANGER}:rw")


def without_the_list_of_its_directory(path: Path) -> None:
    give(path, ALICE, USERS, 0o640)
    set_list(path.parent, "-m", f"d:u:{BOB}:rw,d:g:{TEAM}:rw")


def of_a_group(path: Path) -> None:
    give(path, ALICE, USERS, 0o660)


def of_another_user(path: Path) -> None:
    give(path, STRANGER, USERS, 0o640)


def not_for_its_group(path: Path) -> None:
    give(path, ALICE, TEAM, 0o604)


def new_below_a_list(path: Path) -> None:
    path.unlink()
    set_list(path.parent, "-m", f"d:u:{BOB}:rw,d:g:{TEAM}:rw")


@requires_root
@needs_setfacl
@pytest.mark.parametrize(
    "prepare",
    [
        with_a_list,
        without_the_list_of_its_directory,
        of_a_group,
        of_another_user,
        not_for_its_group,
        new_below_a_list,
    ],
)
def test_nobody_else_can_open_a_copy(path: Path, prepare: Callable[[Path], None]) -> None:
    """The reader is in the group that the copy of a user has at first, and not in that of root's."""
    paths = [path, path.with_name(".env")]
    paths[1].touch()
    with reading(copies(*paths), BOB, TEAM) as reader:
        for number in range(WRITES):
            for each in paths:
                prepare(each)
            with contextlib.nullcontext() if number % 2 else user(ALICE, TEAM, USERS):
                replace(paths, b"%d" % number)
            shutil.rmtree(path.with_name(".mfa-profiles"))

    assert reader.opened == ""


def replace(paths: list[Path], text: bytes) -> None:
    rewrite([str(path) for path in paths], lambda old: [text] * len(old))


@requires_root
def test_others_can_open_the_copy_of_a_file_that_is_for_them(path: Path) -> None:
    """Otherwise it would not prove anything that nobody else can."""
    path.chmod(0o644)
    with reading(copies(path), BOB, TEAM) as reader:
        write(path, b"new")

    assert reader.opened == str(copies(path)[0])


@requires_root
def test_nobody_else_can_open_our_own_files(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The locks and their directory, the report of a crash, and what is kept of a file that was damaged."""
    directory, rescued = path.with_name(".mfa-profiles"), path.with_name("credentials.mfa-profiles.rescued")
    names = (".gitignore", "credentials.lock", "crash-report.txt")
    files = [*copies(path), rescued, directory, *(directory / name for name in names)]
    new = path.parent / "one"
    give(path, ALICE, TEAM, 0o600)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    before = os.umask(0)
    try:
        with reading([*files, new, new / "two"], BOB, TEAM) as reader:
            for number in range(WRITES):
                write(path, b"%d" % number)
                write(new / "two" / "credentials", b"new")
                with monkeypatch.context() as faults:
                    faults.setattr(os, "replace", refuse(errno.EBUSY))
                    faults.setattr(os, "pwrite", refuse(errno.EIO))
                    with pytest.raises(StorageError, match="is damaged"):
                        write(path, b"lost")
                crash.report(ValueError(), [])
                assert f"{directory}/crash-report.txt" in capsys.readouterr().err
                assert {rescued, directory} < {each for each in files if each.exists()}
                rescued.unlink()
                shutil.rmtree(directory)
                shutil.rmtree(new)
    finally:
        os.umask(before)

    assert reader.opened == ""


# --- What is written where, and when.


def test_the_text_is_written_when_the_permissions_are_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    path.chmod(0o640)
    real, sizes = os.fchmod, []

    def fchmod(descriptor: int, bits: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real(descriptor, bits)

    monkeypatch.setattr(os, "fchmod", fchmod)
    write(path, b"new")

    assert set(sizes[-1:]) == {0}


def test_a_file_that_is_written_in_place_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning says so: it has the owner, the mode and the other names that it had."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.link(path, tmp_path / "another")
    monkeypatch.setattr(os, "replace", refuse(errno.EBUSY))

    stored = write(path, b"new")

    assert [warning for warning in stored.warnings if "was written in place" not in warning] == []
    assert (tmp_path / "another").read_bytes() == b"new"


FULL_SYNC = 51
"""F_FULLFSYNC of macOS."""


@pytest.mark.parametrize("number", [None, errno.ENOTSUP, errno.EINVAL, errno.ENOTTY])
def test_on_macos_the_disk_itself_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int | None
) -> None:
    """Some file systems cannot do that: there it is an ordinary sync."""
    real, calls = os.fsync, []

    def control(descriptor: int, command: int, argument: int = 0) -> int:
        if command != FULL_SYNC:
            return real_control(descriptor, command, argument)
        calls.append("full")
        return 0 if number is None else refuse(number)()

    def sync(descriptor: int) -> None:
        calls.append("fsync")
        real(descriptor)

    real_control = fcntl.fcntl
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", sync)

    write(tmp_path / "credentials", b"new")

    assert calls == (["full", "full"] if number is None else ["full", "fsync", "full", "fsync"])


def test_on_macos_a_disk_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary sync after it would succeed, and say nothing of what was lost."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    real = fcntl.fcntl

    def control(descriptor: int, command: int, argument: int = 0) -> int:
        return refuse(errno.EIO)() if command == FULL_SYNC else real(descriptor, command, argument)

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)

    with pytest.raises(StorageError, match="could not be written: input/output error"):
        write(path, b"new")

    assert path.read_bytes() == b"old"
