"""Storing: one step that every reader sees whole, and what a file was besides its bytes stays."""

import codecs
import errno
import importlib
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfa_profiles.errors import NOTHING_CHANGED, StorageError
from mfa_profiles.shared_files import lock_directory
from mfa_profiles.shared_files.storage import Stored, read, rewrite

IS_ROOT = os.geteuid() == 0


NOBODY = 65534


@pytest.fixture
def nobodys_directory() -> Iterator[Path]:
    """A directory of a user who is not root, and this process as that user."""
    if not IS_ROOT:
        pytest.skip("only root can become someone else")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        codecs.lookup("ascii")  # nobody may not read Python's own files, and what was not found once never is
        importlib.import_module("mfa_profiles.shared_files.permissions")
        os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def write(path: Path, new: bytes) -> Stored:
    """Give one file new bytes."""
    return rewrite([str(path)], lambda _: [new])


def mode(path: Path) -> int:
    """The permission bits of a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    """What is in a directory."""
    return sorted(os.listdir(directory))


def test_a_missing_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """A new file is 0600 in a 0700 directory, whatever the umask."""
    path = tmp_path / ".aws" / "credentials"
    old_umask = os.umask(0)
    try:
        write(path, b"new")
    finally:
        os.umask(old_umask)

    assert b"new" == path.read_bytes()
    assert (0o600, 0o700) == (mode(path), mode(path.parent))
    assert 0o600 == mode(path.parent / ".mfa-profiles" / "credentials.lock")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277, 0o777])
def test_a_new_file_can_be_read_by_its_owner_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "credentials", b"new")
    finally:
        os.umask(before)

    assert mode(tmp_path / "credentials") == 0o600


@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644, 0o400])
def test_the_mode_stays(tmp_path: Path, bits: int) -> None:
    """Permissions are the owner's business, even those that doctor complains about."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    path.chmod(bits)

    write(path, b"new")

    assert (b"new", bits) == (path.read_bytes(), mode(path))


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    """Someone who works as root on a user's file leaves it the user's."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    os.chown(path, 1234, 5678)

    write(path, b"new")

    assert (b"new", 1234, 5678) == (path.read_bytes(), path.stat().st_uid, path.stat().st_gid)


if sys.platform == "linux":  # where Python has calls for them

    def test_extended_attributes_stay(tmp_path: Path) -> None:
        """Access control lists and SELinux labels are kept in them."""
        path = tmp_path / "credentials"
        path.write_bytes(b"old")
        try:
            os.setxattr(path, "user.note", b"mine")
        except OSError:
            pytest.skip("this file system has no extended attributes")

        write(path, b"new")

        assert b"mine" == os.getxattr(path, "user.note")


def test_links_are_followed(tmp_path: Path) -> None:
    """A link, even to a link in another directory, stays one; what it leads to changes."""
    (tmp_path / "dotfiles").mkdir()
    real = tmp_path / "dotfiles" / "aws-credentials"
    real.write_bytes(b"old")
    (tmp_path / "second").symlink_to("dotfiles/aws-credentials")
    link = tmp_path / "credentials"
    link.symlink_to("second")

    write(link, b"new")

    assert link.is_symlink()
    assert b"new" == real.read_bytes()
    assert ["credentials", "dotfiles", "second"] == names(tmp_path)


def test_a_link_to_nothing_gets_its_file(tmp_path: Path) -> None:
    """The file is made where the link leads."""
    link = tmp_path / "credentials"
    link.symlink_to("elsewhere")

    write(link, b"new")

    assert link.is_symlink()
    assert b"new" == (tmp_path / "elsewhere").read_bytes()


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    """A file that is right already is not touched: readers cache by its time."""
    path = tmp_path / "credentials"
    path.write_bytes(b"same")
    before = path.stat()

    stored = write(path, b"same")

    assert Stored(changed=False) == stored
    assert (before.st_ino, before.st_mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)


def test_what_the_edit_raises_leaves_the_file_alone(tmp_path: Path) -> None:
    """No temporary file is left either."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")

    def edit(_: list[bytes | None]) -> list[bytes | None]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrite([str(path)], edit)

    assert b"old" == path.read_bytes()
    assert [".mfa-profiles", "credentials"] == names(tmp_path)


@pytest.mark.parametrize("existed", [True, False])
def test_a_writer_that_takes_no_lock_is_noticed(tmp_path: Path, existed: bool) -> None:
    """What another tool writes between our reading and our replacing is edited too, not lost."""
    path = tmp_path / "credentials"
    if existed:
        path.write_bytes(b"old")
    seen = []

    def edit(contents: list[bytes | None]) -> list[bytes | None]:
        seen.append(contents[0])
        if len(seen) == 1:
            path.write_bytes(b"theirs")
        return [(contents[0] or b"") + b" ours"]

    rewrite([str(path)], edit)

    assert [b"old" if existed else None, b"theirs"] == seen
    assert b"theirs ours" == path.read_bytes()


def test_a_changed_mode_is_noticed(tmp_path: Path) -> None:
    """A chmod between our reading and our replacing is kept."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    path.chmod(0o644)
    modes = iter([0o600])

    def edit(_: list[bytes | None]) -> list[bytes | None]:
        path.chmod(next(modes, 0o600))
        return [b"new"]

    rewrite([str(path)], edit)

    assert (b"new", 0o600) == (path.read_bytes(), mode(path))


@pytest.mark.parametrize("which", [0, 1])
def test_each_of_two_files_is_looked_at_again(tmp_path: Path, which: int) -> None:
    """Whichever of them another tool writes meanwhile."""
    paths = [tmp_path / "credentials", tmp_path / "config"]
    for path in paths:
        path.write_bytes(b"old")
    calls = []

    def edit(contents: list[bytes | None]) -> list[bytes | None]:
        calls.append(contents)
        if len(calls) == 1:
            paths[which].write_bytes(b"theirs")
        return [(content or b"") + b" ours" for content in contents]

    rewrite([str(path) for path in paths], edit)

    assert b"theirs ours" == paths[which].read_bytes()
    assert b"ours" in paths[1 - which].read_bytes()


def test_a_file_written_while_the_other_is_replaced_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is looked at again right before its own replacing."""
    first, second = tmp_path / "credentials", tmp_path / "config"
    first.write_bytes(b"1")
    second.write_bytes(b"1")
    real_replace = os.replace

    def replace_and_meddle(source: str, target: str) -> None:
        real_replace(source, target)
        if target == str(first):
            second.write_bytes(b"theirs")

    monkeypatch.setattr(os, "replace", replace_and_meddle)

    def edit(contents: list[bytes | None]) -> list[bytes | None]:
        return [content if content and b"ours" in content else (content or b"") + b" ours" for content in contents]

    rewrite([str(first), str(second)], edit)

    assert (b"1 ours", b"theirs ours") == (first.read_bytes(), second.read_bytes())


def test_a_second_attempt_that_finds_all_done_has_changed_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first file was replaced by the first attempt, and another program has made the second one right."""
    paths = [tmp_path / "credentials", tmp_path / "config"]
    real_replace = os.replace

    def replace_and_meddle(source: str, target: str) -> None:
        real_replace(source, target)
        paths[1].write_bytes(b"new")

    monkeypatch.setattr(os, "replace", replace_and_meddle)

    assert Stored(changed=True) == rewrite([str(path) for path in paths], lambda _: [b"new", b"new"])


def test_a_file_of_another_user_in_a_sticky_directory_is_refused_before_anything_is_written(
    nobodys_directory: Path,
) -> None:
    first, second = nobodys_directory / "credentials", nobodys_directory / "sticky" / "config"
    second.parent.mkdir()
    first.write_bytes(b"old")
    second.write_bytes(b"old")
    os.seteuid(0)
    os.chown(second, 0, 0)
    os.chown(second.parent, 0, 0)
    second.parent.chmod(0o1777)
    os.seteuid(NOBODY)

    with pytest.raises(StorageError, match="config could not be replaced: operation not permitted") as error:
        rewrite([str(first), str(second)], lambda _: [b"new", b"new"], rehearsal=True)

    assert (b"old", b"old") == (first.read_bytes(), second.read_bytes())
    assert error.value.hints == (NOTHING_CHANGED,)


def test_a_failure_halfway_says_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not claim that nothing was."""
    first, second = tmp_path / "credentials", tmp_path / "etc" / "config"
    second.parent.mkdir()
    first.write_bytes(b"old")
    second.write_bytes(b"old")
    real_replace = os.replace

    def replace(source: str, target: str) -> None:
        if target == str(second):
            raise OSError(errno.EIO, "")
        real_replace(source, target)

    monkeypatch.setattr(os, "replace", replace)

    with pytest.raises(StorageError, match="config could not be replaced: input/output error") as error:
        rewrite([str(first), str(second)], lambda _: [b"new", b"new"])

    assert (b"new", b"old") == (first.read_bytes(), second.read_bytes())
    assert (f"{first} was written before that",) == error.value.hints


def test_a_rehearsal_changes_nothing(tmp_path: Path) -> None:
    """And raises what the performance would."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")

    assert Stored(changed=False) == rewrite([str(path)], lambda _: [b"new"], rehearsal=True)

    assert b"old" == path.read_bytes()
    assert [".mfa-profiles", "credentials"] == names(tmp_path)
    with pytest.raises(StorageError):
        rewrite([str(path), str(path / "config")], lambda _: [b"new", b"new"], rehearsal=True)


def test_locks_are_taken_in_one_order(tmp_path: Path) -> None:
    """Two processes that name the files the other way round do not wait for each other for ever."""
    script = """
import sys
from mfa_profiles.shared_files.storage import rewrite
for number in range(100):
    rewrite(sys.argv[1:], lambda contents: [str(number).encode()] * 2)
"""
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    writers = [subprocess.Popen([sys.executable, "-c", script, *order]) for order in (paths, paths[::-1])]

    assert [0, 0] == [writer.wait(timeout=120) for writer in writers]


@pytest.mark.skipif(not IS_ROOT, reason="only root can give files away")
def test_a_lock_made_by_root_is_the_owners(tmp_path: Path) -> None:
    """Or the owner of the directory could never lock the file again."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    tmp_path.chmod(0o770)
    for owned in (tmp_path, path):
        os.chown(owned, NOBODY, NOBODY)

    write(path, b"new")

    lock = tmp_path / ".mfa-profiles" / "credentials.lock"
    assert (NOBODY, NOBODY, 0o660) == (lock.stat().st_uid, lock.stat().st_gid, mode(lock))


def test_a_lock_that_is_something_else_is_not_given_away(tmp_path: Path) -> None:
    """A file of somebody's that was linked to the lock's name keeps its mode."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    victim.chmod(0o640)
    os.link(victim, Path(lock_directory(str(tmp_path / "credentials"))) / "credentials.lock")

    write(tmp_path / "credentials", b"new")

    assert (b"precious", 0o640) == (victim.read_bytes(), mode(victim))


def test_a_hard_link_is_pointed_out(tmp_path: Path) -> None:
    """Replacing a file leaves its other names with the old text."""
    path = tmp_path / "credentials"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "backup")

    stored = write(path, b"new")

    assert b"old" == (tmp_path / "backup").read_bytes()
    assert "had another name (a hard link)" in stored.warnings[0]


def test_a_temporary_file_left_by_a_crash_is_cleared_away(tmp_path: Path) -> None:
    """The next run removes it; a link planted in its place is not followed."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "credentials.mfa-profiles.tmp").symlink_to(victim)

    write(tmp_path / "credentials", b"new")

    assert b"precious" == victim.read_bytes()
    assert [".mfa-profiles", "credentials", "victim"] == names(tmp_path)


def test_no_file_changes_before_all_new_ones_are_on_disk(tmp_path: Path) -> None:
    """If one of the files cannot be written, none is."""
    (tmp_path / "a").mkdir()
    first, second = tmp_path / "a" / "credentials", tmp_path / "b"
    first.write_bytes(b"old")
    second.write_bytes(b"not a directory")

    with pytest.raises(StorageError, match="config could not be"):
        rewrite([str(first), str(second / "config")], lambda _: [b"new", b"new"])

    assert b"old" == first.read_bytes()


def test_a_file_that_need_not_change_may_be_unwritable(nobodys_directory: Path) -> None:
    """A config file in a read-only place is no obstacle once it is right; if it is not, nothing is written."""
    credentials = nobodys_directory / "credentials"
    config = nobodys_directory / "store" / "config"
    config.parent.mkdir()
    config.write_bytes(b"right")
    config.parent.chmod(0o500)

    rewrite([str(credentials), str(config)], lambda contents: [b"new", contents[1]])
    with pytest.raises(StorageError, match=r"config could not be written: permission denied"):
        rewrite([str(credentials), str(config)], lambda _: [b"newer", b"wrong"])

    assert (b"new", b"right") == (credentials.read_bytes(), config.read_bytes())


def test_an_unreadable_file_is_an_error(nobodys_directory: Path) -> None:
    """The SDKs take it for an empty one; writing on that belief would lose it."""
    path = nobodys_directory / "credentials"
    path.write_bytes(b"old")
    path.chmod(0)

    with pytest.raises(StorageError, match="could not be read: permission denied"):
        read(str(path))


def test_an_owner_that_cannot_be_kept_is_a_warning(nobodys_directory: Path) -> None:
    """Where the system does not let us give the file back, the session is stored all the same."""
    path = nobodys_directory / "credentials"
    path.write_bytes(b"old")
    os.seteuid(0)
    os.chown(path, 0, 0)
    os.seteuid(NOBODY)

    stored = write(path, b"new")

    assert (b"new", NOBODY) == (path.read_bytes(), path.stat().st_uid)
    assert [f"the owner of {path} could not be kept: it is now your own file"] == list(stored.warnings)


WRITER = """
import sys
from mfa_profiles import ini
from mfa_profiles.shared_files import editing, storage
path, writer = sys.argv[1:]
for number in range(50):
    def edit(contents):
        put = editing.Put({"k": "v" * 200})
        file = editing.put_sections(ini.parse(contents[0], path), {f"{writer}-{number}": put})
        return [file.encode(file.text)]
    storage.rewrite([path], edit)
"""


def test_three_writers_lose_nothing_and_a_reader_sees_no_cut_file(tmp_path: Path) -> None:
    """150 sections by three processes at once are all there, and every read on the way is a whole file."""
    path = tmp_path / "credentials"
    whole = b"[mine]\n# a comment of mine\nk = v\n"
    path.write_bytes(whole)
    cut: list[bytes] = []
    reads = 0
    done = threading.Event()

    def read_in_a_loop() -> None:
        nonlocal reads
        while not done.is_set():
            data = path.read_bytes()
            reads += 1
            if (
                not data.startswith(whole)
                or not data.endswith(b"\n")
                or (data != whole and data[-202:-1] != b" " + b"v" * 200)
            ):
                cut.append(data)

    reader = threading.Thread(target=read_in_a_loop)
    reader.start()
    try:
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, name]) for name in "abc"]
        assert [0, 0, 0] == [writer.wait(timeout=120) for writer in writers]
    finally:
        done.set()
        reader.join()

    expected = {"mine"} | {f"{name}-{number}" for name in "abc" for number in range(50)}
    assert expected == set(storage_sections(path))
    assert [] == cut
    assert reads


def storage_sections(path: Path) -> list[str]:
    """The sections that botocore sees in a file."""
    from botocore.configloader import raw_config_parse

    return list(raw_config_parse(str(path)))
