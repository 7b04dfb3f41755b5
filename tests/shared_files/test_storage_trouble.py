"""What a file system may do: refuse, give half, or keep a file where it is; and what is told then."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_profiles.errors import StorageError
from mfa_profiles.shared_files import lock_directory, storage
from mfa_profiles.shared_files.locking import locked_beside
from mfa_profiles.shared_files.storage import Stored, rewrite
from tests.shared_files.faulty_places import make_socket
from tests.shared_files.test_storage import NOBODY, mode, names, nobodys_directory, write

__all__ = ["nobodys_directory"]

requires_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def told(act: Callable[[], object]) -> tuple[str, ...]:
    """The message and the hints of a failure."""
    with pytest.raises(StorageError) as error:
        act()
    return error.value.message, *error.value.hints


def refuse(number: int) -> Callable[..., int]:
    """A call of the system that fails."""

    def call(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that can only be written in place."""
    path = tmp_path / "credentials"
    path.write_bytes(b"a longer old text")
    monkeypatch.setattr(os, "replace", refuse(errno.EBUSY))
    return path


@pytest.mark.parametrize("new", [b"", b"new", b"a text that is longer than the old one"])
def test_a_file_that_stays_where_it_is_is_written_there(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, new: bytes
) -> None:
    """Piece by piece, if the system takes no more at once; it is never shorter than what is there of the new."""
    inode, real, lengths = mounted.stat().st_ino, os.pwrite, []

    def write_a_little(descriptor: int, data: bytes, offset: int) -> int:
        lengths.append(os.fstat(descriptor).st_size)
        return real(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", write_a_little)
    stored = write(mounted, new)

    assert (new, inode) == (mounted.read_bytes(), mounted.stat().st_ino)
    warning = f"{mounted} is a mount point and was written in place: a reader may have seen a part of it"
    assert Stored(changed=True, warnings=(warning,)) == stored
    assert [".mfa-profiles", "credentials"] == names(mounted.parent)
    assert len(b"a longer old text") <= min(lengths, default=99)
    assert -(-max(len(new), len(b"a longer old text")) // 3) == len(lengths)


def test_a_file_that_cannot_be_removed_is_emptied(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.unlink
    mounted.chmod(0o600)
    monkeypatch.setattr(os, "unlink", lambda path: refuse(errno.EBUSY)() if path == str(mounted) else real(path))

    stored = storage.rewrite([str(mounted)], lambda _: [None])

    assert (mounted.read_bytes(), names(mounted.parent)) == (b"", [".mfa-profiles", "credentials"])
    assert "is a mount point and was written in place" in stored.warnings[0]


def test_a_file_that_stays_where_it_is_gets_its_old_text_back(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no room for the new one."""
    real, room = os.pwrite, iter([5])

    def write_until_full(descriptor: int, data: bytes, offset: int) -> int:
        if data.startswith(b"the new"):
            return real(descriptor, data[: next(room)], offset)
        if data.startswith(b"a longer"):
            return real(descriptor, data, offset)
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "pwrite", write_until_full)

    assert (f"{mounted} could not be replaced: no space left on device", "nothing was changed") == told(
        lambda: write(mounted, b"the new text, which is longer than the old one")
    )
    assert b"a longer old text" == mounted.read_bytes()


def test_a_file_that_stays_where_it_is_has_nothing_of_a_longer_old_text(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if the process is ended before it can cut off what is too long."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "ftruncate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(mounted, b"[a]\nk = v")

    assert b"[a]\nk = v" + b"\n" * 8 == mounted.read_bytes()


@pytest.mark.parametrize("can_rename", [True, False])
def test_a_file_that_cannot_even_be_put_back_is_said_to_be_damaged(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, can_rename: bool
) -> None:
    """And what it was to hold is kept, beyond the next run, if the directory allows that."""
    real, room = os.pwrite, iter([5])

    def write_until_broken(descriptor: int, data: bytes, offset: int) -> int:
        length = next(room, None)
        return refuse(errno.EIO)() if length is None else real(descriptor, data[:length], offset)

    monkeypatch.setattr(os, "pwrite", write_until_broken)
    if not can_rename:
        monkeypatch.setattr(os, "rename", refuse(errno.EIO))
    kept = mounted.parent / "credentials.mfa-profiles.rescued"

    hint = "put it back from a backup"
    if can_rename:
        hint = f"all that it was to hold is in {kept}; once the disk is well again: cp {kept} {mounted} && rm {kept}"
    message = f"{mounted} is damaged, being written only in part: input/output error"
    assert (message, hint) == told(lambda: write(mounted, b"the new text"))
    assert b"the nger old text" == mounted.read_bytes()
    monkeypatch.undo()
    write(mounted, b"newer")

    assert can_rename == kept.exists()
    assert not can_rename or (b"the new text", 0o644) == (kept.read_bytes(), mode(kept))


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """A file of the largest size is; one byte more is told."""
    path = tmp_path / "credentials"
    write(path, b"#" * 2**24)

    told_now = told(lambda: write(path, b"#" * (2**24 + 1)))

    assert f"{path} would have 17 MiB, and no more than 16 are read" == told_now[0]
    assert "nothing was changed" == told_now[-1]
    assert 2**24 == len(storage.read(str(path)) or b"")
    assert [".mfa-profiles", "credentials"] == names(tmp_path)


def test_any_other_refusal_to_replace_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told with the system's own reason, and no copy is left."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refuse(errno.EROFS))

    assert (f"{path} could not be replaced: read-only file system", "nothing was changed") == told(
        lambda: write(path, b"new")
    )
    assert b"old" == path.read_bytes()
    assert [".mfa-profiles", "credentials"] == names(tmp_path)


def test_all_files_that_were_replaced_before_a_failure_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are."""
    paths = [str(tmp_path / name) for name in ("a", "b", "c")]
    real = os.replace

    def replace(source: str, target: str) -> None:
        refuse(errno.EROFS)() if target == paths[2] else real(source, target)

    monkeypatch.setattr(os, "replace", replace)

    assert (
        f"{paths[2]} could not be replaced: read-only file system",
        f"{paths[0]} and {paths[1]} was written before that",
    ) == told(lambda: rewrite(paths, lambda _: [b"new", b"new", b"new"]))
    assert [".mfa-profiles", "a", "b"] == names(tmp_path)


def test_an_edit_answers_for_every_file(tmp_path: Path) -> None:
    """One that forgets a file, or invents one, is a mistake in the code, and writes nothing."""
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    for edited in ([b"new"], [b"new", b"new", b"new"]):
        with pytest.raises(ValueError, match="zip"):
            rewrite(paths, lambda _, edited=edited: [*edited])  # type: ignore[misc]

    assert [".mfa-profiles"] == names(tmp_path)


def test_a_directory_that_cannot_be_synced_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is; some file systems know no fsync for a directory."""
    synced = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if synced[-1]:
            raise OSError(errno.EINVAL, "not for directories")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)

    assert Stored(changed=True) == write(tmp_path / "credentials", b"new")
    assert [False, True] == synced


def test_permissions_that_cannot_be_kept_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without them is no reason to fail."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write(path, b"older")  # so that the lock has its mode
    monkeypatch.setattr(os, "fchmod", refuse(errno.EPERM))

    stored = write(path, b"new")

    assert (f"the permissions of {path} could not be kept: only you can read it now",) == stored.warnings
    assert (b"new", 0o600) == (path.read_bytes(), mode(path))


@pytest.mark.parametrize("call", ["listxattr", "getxattr", "setxattr"])
def test_attributes_that_cannot_be_kept_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Some belong to the system alone."""
    if not hasattr(os, call):
        pytest.skip("no extended attributes here")
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "listxattr", lambda _: ["user.note"])
    monkeypatch.setattr(os, "getxattr", lambda *_: b"mine")
    monkeypatch.setattr(os, call, refuse(errno.ENOTSUP))

    assert Stored(changed=True) == write(path, b"new")


def test_two_names_for_one_file(tmp_path: Path) -> None:
    """Both are told, and nothing is made."""
    (tmp_path / "config").symlink_to("credentials")
    paths = [str(tmp_path / "credentials"), str(tmp_path / "config")]

    message = f"{paths[0]} and {paths[1]} are one and the same file"
    assert (message, "the two files have to be apart") == told(lambda: rewrite(paths, list))
    assert ["config"] == names(tmp_path)


def test_a_writer_that_never_stops_is_told_of(tmp_path: Path) -> None:
    """After ten attempts: nobody knows which of the two files it is after. Its bytes stay."""
    paths = [str(tmp_path / name) for name in ("credentials", "config")]
    count = iter(range(100))

    def edit(_: list[bytes | None]) -> list[bytes | None]:
        Path(paths[1]).write_bytes(b"theirs %d" % next(count))
        return [None, b"ours"]

    message = f"another program keeps changing {paths[0]} or {paths[1]}"
    assert (message, "try again when it has finished") == told(lambda: rewrite(paths, edit))
    assert b"theirs 9" == Path(paths[1]).read_bytes()
    assert 10 == next(count)


DOCKER = (
    "Docker makes a directory where a file to mount is missing: remove it, and create the file before the "
    "container starts"
)


@pytest.mark.parametrize(
    ("make", "kind", "hint"),
    [
        (Path.mkdir, "a directory", DOCKER),
        (os.mkfifo, "a FIFO", "ls -ld {}"),
        (make_socket, "a socket", "ls -ld {}"),
        (lambda path: path.symlink_to("/dev/full"), "a device", "ls -ld {}"),
    ],
)
def test_something_else_in_the_place_of_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], kind: str, hint: str
) -> None:
    path = tmp_path / "credentials"
    make(path)
    message, hint = f"{path} is {kind}, not a file", hint.format(path)

    assert told(lambda: storage.read(str(path))) == (message, hint)

    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    named = "AWS_SHARED_CREDENTIALS_FILE has to name a file such as ~/.aws/credentials"
    assert told(lambda: storage.read(str(path))) == (message, named, *([hint] if hint == DOCKER else []))


def test_the_null_device_stands_for_no_file(tmp_path: Path) -> None:
    """It is read as none, and never written."""
    path = tmp_path / "credentials"

    assert None is storage.read(os.devnull)
    assert Stored(changed=True) == rewrite([os.devnull, str(path)], lambda _: [b"new", b"new"])
    assert Stored(changed=False) == rewrite([os.devnull], lambda _: [b"new"])
    assert b"new" == path.read_bytes() == storage.read(str(path))
    assert [] == storage.leftovers([os.devnull])


def test_a_lock_beside_a_file_is_not_left_there(tmp_path: Path) -> None:
    """It is beside the file that links lead to, and goes also if the file cannot be written."""
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to("project/.env")
    during: list[str] = []

    def edit(_: list[bytes | None]) -> list[bytes | None]:
        during[:] = names(tmp_path / "project")
        return [b"new"]

    rewrite([str(tmp_path / "link")], edit, lock=locked_beside)
    with pytest.raises(ZeroDivisionError):
        rewrite([str(tmp_path / "link")], lambda _: [bytes(1 // 0)], lock=locked_beside)

    assert during == [".env.mfa-profiles.lock"]
    assert names(tmp_path / "project") == [".env"]


def test_what_a_crash_has_left_is_found_and_removed(tmp_path: Path) -> None:
    """Beside the file that links lead to; a link in its place is removed itself."""
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "credentials").symlink_to("dotfiles/aws-credentials")
    left = [tmp_path / "dotfiles" / "aws-credentials.mfa-profiles.tmp", tmp_path / "config.mfa-profiles.tmp"]
    left[0].write_bytes(b"secret")
    left[1].symlink_to("nowhere")
    paths = [str(tmp_path / name) for name in ("credentials", "config", ".env")]

    assert [str(path) for path in left] == storage.leftovers(paths)
    storage.remove_leftovers(paths)

    assert [] == storage.leftovers(paths)
    assert [".mfa-profiles", "credentials", "dotfiles"] == names(tmp_path)


@pytest.mark.parametrize("name", [".env", "env", "env."])
def test_the_copy_of_a_file_begins_with_its_name(tmp_path: Path, name: str) -> None:
    """So that a line .env* in .gitignore keeps the copy of .env out of a repository, too."""
    left = tmp_path / f"{name}.mfa-profiles.tmp"
    left.touch()

    assert storage.leftovers([str(tmp_path / name)]) == [str(left)]
    assert storage.leftovers([str(tmp_path / "X")]) == []


def test_what_cannot_be_removed_is_told(nobodys_directory: Path) -> None:
    """With the system's reason."""
    left = nobodys_directory / "credentials.mfa-profiles.tmp"
    left.touch()
    nobodys_directory.chmod(0o500)

    message = f"{left} could not be removed: permission denied"
    path = str(nobodys_directory / "credentials")
    expected = (f"{message} ({nobodys_directory})", "nothing was changed")
    assert expected == told(lambda: storage.remove_leftovers([path]))


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o600), (0o777, 0o700), (0o440, 0o400), (0o600, 0o600)])
def test_what_is_made_private_is_its_owners_alone(tmp_path: Path, before: int, after: int) -> None:
    """Files and directories; the owner may still do what they could, and a link leads to what is meant."""
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(before)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory").chmod(before)

    storage.make_private(str(tmp_path / "link"))
    storage.make_private(str(tmp_path / "directory"))

    assert [after, after] == [mode(tmp_path / "file"), mode(tmp_path / "directory")]


@requires_root
def test_what_is_somebody_elses_is_not_made_private(tmp_path: Path) -> None:
    """It would be taken from them."""
    path = tmp_path / "credentials"
    path.touch()
    path.chmod(0o644)
    os.chown(path, NOBODY, NOBODY)

    storage.make_private(str(path))

    assert 0o644 == mode(path)


def test_what_cannot_be_made_private_is_told(tmp_path: Path) -> None:
    """With the system's reason."""
    path = tmp_path / "credentials"
    message = f"{path} could not be made private: no such file or directory"
    assert (message, "nothing was changed") == told(lambda: storage.make_private(str(path)))


@pytest.mark.parametrize(("of_directory", "of_lock"), [(0o775, 0o660), (0o755, 0o600), (0o700, 0o600)])
@pytest.mark.parametrize("of_file", [None, 0o600, 0o660])
def test_a_lock_is_for_the_group_that_may_replace_the_file(
    tmp_path: Path, of_directory: int, of_lock: int, of_file: int | None
) -> None:
    """Whatever the mode of the file is now: it may be shared later, when another user cannot change the lock."""
    if of_file is not None:
        (tmp_path / "credentials").touch(of_file)
    tmp_path.chmod(of_directory)

    write(tmp_path / "credentials", b"new")

    assert mode(tmp_path / ".mfa-profiles" / "credentials.lock") == of_lock


@requires_root
def test_a_lock_with_something_in_it_is_not_given_away(tmp_path: Path) -> None:
    """Nor is an empty file that has another name."""
    (tmp_path / "credentials").touch()
    os.chown(tmp_path / "credentials", NOBODY, NOBODY)
    (tmp_path / "config").touch()
    os.chown(tmp_path / "config", NOBODY, NOBODY)
    locks = Path(lock_directory(str(tmp_path / "credentials")))
    full, empty = locks / "credentials.lock", locks / "config.lock"
    full.write_bytes(b"precious")
    empty.touch()
    os.link(empty, tmp_path / "another")

    rewrite([str(tmp_path / "credentials"), str(tmp_path / "config")], lambda _: [b"new", b"new"])

    assert [0, 0] == [full.stat().st_uid, empty.stat().st_uid]
    assert [b"precious", b""] == [full.read_bytes(), empty.read_bytes()]


@requires_root
def test_a_lock_that_leads_elsewhere_gives_nothing_away(tmp_path: Path) -> None:
    """No link is followed to what is to be the owner's from now on; then there is no lock, and nothing is written."""
    victim = tmp_path / "victim"
    victim.touch()
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    os.chown(path, NOBODY, NOBODY)
    (Path(lock_directory(str(path))) / "credentials.lock").symlink_to(victim)

    told(lambda: write(path, b"new"))

    assert (0, b"old") == (victim.stat().st_uid, path.read_bytes())
