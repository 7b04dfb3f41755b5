"""The only writer of the shared files: lock, read, edit, check again, replace.

A reader sees the old file or the new one, never a part of one; a writer that uses this module never loses what
another has written. Tools that take no lock (all others) are waited for while they write, and noticed if they do so
before the file is replaced.
"""

import contextlib
import errno
import fcntl
import itertools
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple

from mfa_profiles import log
from mfa_profiles.errors import NOTHING_CHANGED, NotWritableError, StorageError, shell_command
from mfa_profiles.shared_files import writers
from mfa_profiles.shared_files.locking import (
    DIRECTORY,
    have_one_lock,
    is_locked,
    locked,
    place_of_file,
    remove_old_locks,
)
from mfa_profiles.shared_files.paths import is_null_device, kind, may_write, same_file, variables_naming

_TEMPORARY = ".mfa-profiles.tmp"
_RESCUED = ".mfa-profiles.rescued"
_OUR_ENDS = (".tmp", ".rescued", ".lock", ".held")
"""How the names of our own files beside others end. They come and go."""

_NO_FULL_SYNC = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOTTY, errno.ENODEV}
"""The errors of file systems on which macOS cannot wait for the disk, such as a network drive."""

_ATTEMPTS = 10
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NEW_FILE_MODE = 0o600

_MAX_BYTES = 16 * 2**20
"""30,000 profiles are not that large; parsing a file of 100 MiB would take minutes, and gigabytes."""


class Stored(NamedTuple):
    """What became of the files; ``warnings`` are sentences for a person."""

    changed: bool
    warnings: tuple[str, ...] = ()


class _Content(NamedTuple):
    """A file as it was read: its bytes, who may do what with it, and if nobody was writing it."""

    data: bytes
    status: os.stat_result
    is_whole: bool

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


def read(path: str) -> bytes | None:
    """The bytes of a file, or None if there is none. Raises StorageError if there is one that cannot be read."""
    content = _read(path)
    log.step(f"reads {path}" if content else f"finds no {path}")
    return None if content is None else content.data


def _read(path: str) -> _Content | None:
    with _opened(path) as (content, _):
        return content


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[_Content | None, Callable[[], bool]]]:
    """Read a file, and hold off other programs that want to write it: see writers.held_off."""
    content: _Content | None = None
    with contextlib.ExitStack() as opened:
        is_undisturbed: Callable[[], bool] = lambda: True  # noqa: E731
        with _explained(path, "read"), contextlib.suppress(FileNotFoundError):
            if not is_null_device(path):
                _refuse_all_but_readable_files(path)
                file = open(path, "rb")  # noqa: SIM115 - what is read is read, even if it cannot be closed
                opened.callback(_close, file)
                is_undisturbed = opened.enter_context(writers.held_off(file.fileno()))
                content = _Content(file.read(), os.fstat(file.fileno()), is_undisturbed())
        if content is None:
            refuse_links_to_nowhere(path)
        yield content, is_undisturbed


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):
        file.close()


def _refuse_all_but_readable_files(path: str) -> None:
    # Opening a FIFO would wait for ever, and opening a device can do anything.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        hints = _hints_on_what_names(path)
        if stat.S_ISDIR(status.st_mode):
            hints.append(
                "Docker makes a directory where a file to mount is missing: remove it, and create the file before "
                "the container starts"
            )
        raise StorageError(
            f"{path} is {kind(status.st_mode)}, not a file", *(hints or [shell_command("ls", "-ld", path)])
        )
    if status.st_size > _MAX_BYTES:
        raise _too_large(path, "has", status.st_size)


def _hints_on_what_names(path: str) -> list[str]:
    return [f"{variable} has to name a file such as {usual}" for variable, usual in variables_naming(path)]


def _too_large(path: str, has: str, size: int) -> StorageError:
    return StorageError(
        f"{path} {has} {math.ceil(size / 2**20):,} MiB, and no more than {_MAX_BYTES // 2**20} are read",
        "see what is in it, and whether it is the right file",
        *_hints_on_what_names(path),
        NOTHING_CHANGED,
    )


def refuse_links_to_nowhere(path: str) -> None:
    """Raise StorageError if a link on the way to a file leads to a directory that is not there.

    A volume may not be mounted. What is written under its mount point stays there in clear text, and is hidden by the
    next mount. A file that is missing in a directory can be made.
    """
    link = _link_to_nothing(path)
    if link is None:
        return
    directory = os.path.dirname(os.path.realpath(path))
    if link == path and os.path.isdir(directory):
        return
    kind = "file" if link == path else "directory"
    make = shell_command("mkdir", "-p", directory)
    raise StorageError(
        f"{link} is a link to a {kind} that is not there: {os.path.realpath(link)}",
        f"if that is on a volume, mount it; else make the directory: {make}",
        NOTHING_CHANGED,
    )


def _link_to_nothing(path: str) -> str | None:
    """The first link on the way to a file that leads to nothing, or None."""
    places = [path]
    while (parent := os.path.dirname(places[-1])) not in ("", places[-1]):
        places.append(parent)
    return next((place for place in reversed(places) if os.path.islink(place) and _is_missing(place)), None)


def _is_missing(path: str) -> bool:
    try:
        os.stat(path)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def _same(one: _Content | None, other: _Content | None) -> bool:
    """True if a file was not touched between two reads. Its times are too coarse to tell: the bytes have to."""
    if one is None or other is None:
        return one is other
    return one.data == other.data and _permissions(one.status) == _permissions(other.status)


def _permissions(status: os.stat_result) -> tuple[int, int, int]:
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


Edit = Callable[[list[bytes | None]], list[bytes | None]]

Lock = Callable[[str], contextlib.AbstractContextManager[None]]
"""Takes the lock of a file, and releases it at the end. Raises StorageError or OSError."""


def rewrite(paths: Sequence[str], edit: Edit, *, rehearsal: bool = False, lock: Lock = locked) -> Stored:
    """Replace files by what ``edit`` makes of them, each in one step that every reader sees whole.

    ``edit`` gets the bytes of each file (None if there is no file) and returns the new ones; what comes back as it
    was is left alone. None removes a file that is as this tool makes them, and empties any other. It is called again
    if someone else writes meanwhile; what it raises leaves all files as they were. Links are followed; mode, owner
    and extended attributes are kept; a new file is 0600 in a 0700 directory.

    A ``rehearsal`` ends before the first file is replaced. ``lock`` takes the lock of a file. Raises StorageError if
    the system does not allow it; no file is touched before all new ones are safely on disk.
    """
    _refuse_places(paths)
    targets = [os.path.realpath(path) for path in paths]
    files = [target for target in targets if not is_null_device(target)]
    if any(same_file(one, other) for one, other in itertools.combinations(files, 2)):
        raise StorageError(f"{' and '.join(paths)} are one and the same file", "the two files have to be apart")
    warnings: list[str] = []
    replaced: list[str] = []
    with _told_what_was_replaced(replaced), contextlib.ExitStack() as locks:
        denied = _lock_all(files, locks, lock)
        for _ in range(_ATTEMPTS):
            before = [_read(target) for target in targets]
            if not all(content is None or content.is_whole for content in before):
                log.step(f"waits for another program that is writing {' or '.join(targets)}")
                continue
            after = edit([None if content is None else content.data for content in before])
            changes = [
                _Change(path, target, new or b"", old, is_removal=new is None and _is_as_we_make_it(path, old))
                for path, target, old, new in zip(paths, targets, before, after, strict=True)
                if target in files and new != (old.data if old else None)
            ]
            for change in changes:
                if len(change.new) > _MAX_BYTES:  # the next run would not read it
                    raise _too_large(change.path, "would have", len(change.new))
            _tell(targets, changes, rehearsal=rehearsal)
            with contextlib.ExitStack() as copies:
                _clear_the_way(changes, denied)
                prepared = [copies.enter_context(_temporary_copy(change, denied)) for change in changes]
                for change in changes:
                    _refuse_what_cannot_be_replaced(change)
                if rehearsal:
                    return Stored(changed=False)
                if _replace_all(prepared, replaced, warnings):
                    return Stored(bool(replaced), tuple(warnings))
        raise StorageError(f"another program keeps changing {' or '.join(paths)}", "try again when it has finished")


def _is_as_we_make_it(path: str, content: _Content | None) -> bool:
    """Return True for a private file of this user with one name, and no link to it: nobody has made more of it."""
    status = content.status if content else None
    return (
        status is not None
        and not os.path.islink(path)
        and (status.st_mode, status.st_nlink) == (stat.S_IFREG | _NEW_FILE_MODE, 1)
        and status.st_uid == os.geteuid()
    )


def _refuse_places(paths: Sequence[str]) -> None:
    """Raise StorageError for a path at which no file should be made, before a directory is made for it."""
    for path in paths:
        refuse_links_to_nowhere(path)
        *_, directory, name = os.path.realpath(path).casefold().split(os.sep)
        if directory == DIRECTORY or (".mfa-profiles." in name and name.endswith(_OUR_ENDS)):
            raise StorageError(
                f"{path} has a name that mfa-profiles keeps for its own files", "choose another name", NOTHING_CHANGED
            )


def _tell(targets: Sequence[str], changes: "Sequence[_Change]", *, rehearsal: bool) -> None:
    done = {change.target: "removes" if change.is_removal else "writes" for change in changes}
    for target in targets:
        if target not in done:
            log.step(f"leaves {target} as it is")
        else:
            log.step(f"makes sure that {target} can be written" if rehearsal else f"{done[target]} {target}")


def _replace_all(copies: "Sequence[_Copy]", replaced: list[str], warnings: list[str]) -> bool:
    """Replace files, and say if all could be: one that has changed since it was read is left alone."""
    try:
        for copy in copies:
            target = copy.change.target
            if not _replace(copy, warnings):
                log.step(f"begins again: another program has written {target} meanwhile")
                return False
            replaced.append(target)
    finally:
        for directory in {os.path.dirname(target) for target in replaced}:
            _sync_directory(directory)
    return True


@contextlib.contextmanager
def _told_what_was_replaced(replaced: Sequence[str]) -> Iterator[None]:
    """Have an error tell of the files that were written before it, instead of saying that nothing was changed."""
    try:
        yield
    except StorageError as error:
        if replaced:
            error.add_what_is_left(f"{' and '.join(dict.fromkeys(replaced))} was written before that")
        raise


def _lock_all(targets: Sequence[str], locks: contextlib.ExitStack, lock: Lock = locked) -> dict[str, OSError]:
    """Lock files, each once, and always in the same order so that no two processes wait for each other.

    A file for which no lock can be made cannot be replaced either, but need not be if it turns out to be right
    already: a config file in a read-only store. So those are returned, with the reason.
    """
    denied = {}
    held: list[str] = []
    for target in sorted(targets, key=place_of_file):
        if is_null_device(target):
            continue
        try:
            if not any(have_one_lock(target, other) for other in held):
                locks.enter_context(lock(target))
                held.append(target)
            _unlink(_temporary_path(target))  # one that a crash has left
            remove_old_locks(target)
        except OSError as error:
            denied[target] = error
    return denied


class _Change(NamedTuple):
    """A file that gets new bytes: by the name it was given, and by the name that links lead to.

    A file that is removed has none; where it cannot be, as a mount point, it is emptied.
    """

    path: str
    target: str
    new: bytes
    old: _Content | None
    is_removal: bool

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


class _Copy(NamedTuple):
    """The new bytes of a file, safely on disk beside it, with the permissions of the file they will replace."""

    path: str
    change: _Change
    warnings: tuple[str, ...]


@contextlib.contextmanager
def _temporary_copy(change: _Change, denied: Mapping[str, OSError]) -> Iterator[_Copy]:
    """Write the new bytes beside a file."""
    path = _temporary_path(change.target)
    is_ours = False
    try:
        with _explained(change.target, "written"):
            if change.target in denied:
                raise denied[change.target]
            # Nobody else may read it at any time, and a link planted at its name is not followed.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _NEW_FILE_MODE)
            is_ours = True
            with open(descriptor, "wb") as file:
                _refuse_open_directories(change, descriptor)
                warnings = _copy_permissions(change, path, descriptor)
                file.write(change.new)
                file.flush()
                _sync(descriptor)
        yield _Copy(path, change, warnings)
    finally:
        if is_ours:  # and not the copy of a process that has the lock
            with contextlib.suppress(OSError):
                _unlink(path)


def _refuse_open_directories(change: _Change, descriptor: int) -> None:
    """Raise StorageError if anyone could put another file, or another link to one, in the place of a file.

    A sticky directory, as /tmp is, lets nobody touch the files of others. ``descriptor`` is a file that was just
    made there.
    """
    # A file system that keeps no permissions (FAT, WSL's /mnt/c) shows 0777 for everything: that says nothing.
    if stat.S_IMODE(os.fstat(descriptor).st_mode) & ~_NEW_FILE_MODE:
        return
    for directory in dict.fromkeys(os.path.dirname(path) or os.curdir for path in (change.target, change.path)):
        mode = os.stat(directory).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise StorageError(
                f"anyone on this machine may write {directory}, and could put another file in the place of "
                f"{change.path}",
                shell_command("chmod", "o-w", directory),
                NOTHING_CHANGED,
            )


def _refuse_what_cannot_be_replaced(change: _Change) -> None:
    """Raise StorageError for a file that is mounted read-only, as into containers, or that is immutable.

    That shows only when it is replaced, which may be after another file was; or when it is opened to be written. The
    same for a file of another user in a sticky directory.
    """
    if change.old is None:
        return
    with _explained(change.target, "replaced"):
        directory = os.path.dirname(change.target)
        status = os.stat(directory)
        if status.st_mode & stat.S_ISVTX and os.geteuid() not in (0, status.st_uid, change.old.status.st_uid):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), directory)
        try:
            os.close(os.open(change.target, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
        except OSError as error:
            # Whoever may not write a file may replace it all the same: that is up to its directory.
            if error.errno in (errno.EROFS, errno.EPERM):
                raise


def _clear_the_way(changes: Sequence[_Change], denied: Mapping[str, OSError]) -> None:
    """Remove what a crash has left at the names of temporary files, before any of these is made.

    If the file system treats two names as one (by case), creating the second copy then fails.
    """
    for change in changes:
        if change.target not in denied:
            with _explained(change.target, "written"):
                _unlink(_temporary_path(change.target))


def _temporary_path(target: str) -> str:
    # Always the same, so that one left behind by a crash is cleared away by the next run, under the lock. It begins
    # with the whole name of its file: no other file has it, and what keeps .env* out of a repository keeps this out.
    return target + _TEMPORARY


def _rescue_path(target: str) -> str:
    # No run removes it, as it may be all that is left of a file.
    return target + _RESCUED


def _former_path(target: str, end: str) -> str:
    """The name that earlier versions gave to a temporary file: ``aws`` and ``.aws`` shared one."""
    directory, name = os.path.split(target)
    return os.path.join(directory, f".{name.lstrip('.')}{end}")


def rescued(paths: Sequence[str]) -> list[tuple[str, str]]:
    """What was kept of files that were damaged when they were written in place, each with the file that it is for."""
    targets = _targets(paths)
    kept = {_rescue_path(target): target for target in targets}
    for target in targets:
        kept.setdefault(_former_path(target, _RESCUED), target)
    return [
        (path, target) for path, target in kept.items() if os.path.lexists(path) and not _is_one_of(targets, path)
    ]


def leftovers(paths: Sequence[str]) -> list[str]:
    """The temporary copies of files that a crash has left, with all that the files held."""
    return list(_leftovers(paths))


def _leftovers(paths: Sequence[str]) -> dict[str, str]:
    """The temporary copies that are there, each with its file; none that another process is just writing."""
    targets = _targets(paths)
    copies = {_temporary_path(target): target for target in targets}
    for target in targets:
        copies.setdefault(_former_path(target, _TEMPORARY), target)
    return {
        copy: target
        for copy, target in copies.items()
        if _is_left_over(copy, target) and not _is_one_of(targets, copy)
    }


def _is_left_over(copy: str, target: str) -> bool:
    # A former copy of "aws" has the name of a copy of ".aws".
    owners = {target, copy.removesuffix(_TEMPORARY)}
    # One that another process is just writing is gone when that has finished.
    return os.path.lexists(copy) and not any(map(is_locked, owners)) and os.path.lexists(copy)


def _is_one_of(targets: Sequence[str], path: str) -> bool:
    """True if a path is one of these files, perhaps by another spelling of its name."""
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        return any(os.path.samestat(found, os.lstat(target)) for target in targets if os.path.lexists(target))
    return False


def _targets(paths: Sequence[str]) -> list[str]:
    # Beside the null device nothing is ever put.
    return [os.path.realpath(path) for path in paths if not is_null_device(path)]


def remove_leftovers(paths: Sequence[str]) -> None:
    """Remove them, while nobody is writing. Raises StorageError if the system does not allow it."""
    found = _leftovers(paths)
    with contextlib.ExitStack() as locks:
        denied = _lock_all(list(found.values()), locks)
        for copy, target in found.items():
            with _explained(copy, "removed"):
                if target in denied:
                    raise denied[target]
                _unlink(copy)


def others_can_read(path: str) -> bool:
    """True if a file lets a group or all others read it, as far as the system tells."""
    try:
        return bool(os.stat(path).st_mode & 0o044)
    except OSError:
        return False


def make_private(path: str) -> None:
    """Take from all others what they may do with a file or a directory of this user; links are followed.

    Raises StorageError if the system does not allow it.
    """
    with _explained(path, "made private"):
        status = os.stat(path)
        if status.st_uid == os.geteuid():
            os.chmod(os.path.realpath(path), stat.S_IMODE(status.st_mode) & ~0o077)


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _copy_permissions(change: _Change, path: str, descriptor: int) -> tuple[str, ...]:
    """Give a copy what its file had besides its bytes, and return warnings about what could not be kept."""
    from mfa_profiles.shared_files import permissions  # hot commands write nothing

    status = change.old.status if change.old else None
    warnings = permissions.copy(change.target, status, path, descriptor)
    if status is not None and status.st_nlink > 1:
        warnings += (f"{change.target} had another name (a hard link), under which the old text stays",)
    return warnings


def _replace(copy: _Copy, warnings: list[str]) -> bool:
    target = copy.change.target
    with _opened(target) as (latest, is_undisturbed):
        if not _same(copy.change.old, latest) or not is_undisturbed():
            return False
        with _explained(target, "replaced"):
            is_replaced = _remove(target) if copy.change.is_removal else _rename(copy.path, target)
    if is_replaced:
        warnings += copy.warnings
    else:  # only now: we would hold off ourselves, too
        with _explained(target, "replaced"):
            _overwrite(copy)
        warnings.append(f"{target} is a mount point and was written in place: a reader may have seen a part of it")
        try:
            _unlink(copy.path)
        except OSError:
            warnings.append(f"{copy.path} could not be removed, and holds what {target} does")
    return True


def _rename(source: str, target: str) -> bool:
    """Replace a file by another one, or return False for a mount point."""
    return _unless_busy(lambda: os.replace(source, target))


def _remove(target: str) -> bool:
    """Remove a file, or return False for a mount point."""
    return _unless_busy(lambda: os.unlink(target))


def _unless_busy(change: Callable[[], None]) -> bool:
    try:
        change()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _sync(descriptor: int) -> None:
    """Wait until an open file is on disk."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # on macOS, fsync leaves the text in the memory of the disk
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _NO_FULL_SYNC:
                raise
        else:
            return
    os.fsync(descriptor)


def _sync_directory(path: str) -> None:
    # Without this, a crash of the machine could bring the old file back after we said that all is stored.
    # A directory that may be changed but not read, or a file system that cannot do it, is no reason to fail.
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            _sync(directory)
        finally:
            os.close(directory)


def _overwrite(copy: _Copy) -> None:
    """Write a file in place: one that is bind-mounted, as in containers, cannot be replaced.

    It is never empty, as it is cut only after it was written; if that fails, the old bytes are put back. Raises
    StorageError if that fails as well.
    """
    change = copy.change
    descriptor = os.open(change.target, os.O_WRONLY)
    try:
        try:
            _write_over(descriptor, change.new)
        except OSError:
            try:
                _write_over(descriptor, change.old.data if change.old else b"")
            except OSError as error:
                raise _damaged(copy, error) from None
            raise
    finally:
        os.close(descriptor)


def _write_over(descriptor: int, data: bytes) -> None:
    # Whoever is killed before the end is cut off leaves blank lines there, and nothing of a longer old text.
    padded = data.ljust(os.fstat(descriptor).st_size, b"\n")
    written = 0
    while written < len(padded):
        written += os.pwrite(descriptor, padded[written:], written)
    os.ftruncate(descriptor, len(data))
    _sync(descriptor)


def _damaged(copy: _Copy, error: OSError) -> StorageError:
    """The error for a file that is neither the old one nor the new; the new one is kept."""
    target, kept = copy.change.target, _rescue_path(copy.change.target)
    hint = "put it back from a backup"
    with contextlib.suppress(OSError):
        os.rename(copy.path, kept)
        rescue = f"{shell_command('cp', kept, target)} && {shell_command('rm', kept)}"
        hint = f"all that it was to hold is in {kept}; once the disk is well again: {rescue}"
    return StorageError(f"{target} is damaged, being written only in part: {_reason(error)}", hint)


@contextlib.contextmanager
def _explained(path: str, done: str) -> Iterator[None]:
    """Turn an error of the system into a sentence. The files are as they were: the replacing comes last."""
    try:
        yield
    except OSError as error:
        failure = _failure(path, done, error)
    else:
        return
    raise failure


def _failure(path: str, done: str, error: OSError) -> StorageError:
    # For calls on a descriptor, Python gives its number in place of a name.
    place = error.filename if isinstance(error.filename, str) else None
    directory = os.path.dirname(path)
    is_denied = done != "read" and error.errno in _DENIED
    # What cannot be made in the directory, such as a lock, is not what a person has to look at.
    if is_denied and place != path and os.path.isdir(directory) and not may_write(directory):
        place = directory
    where = f" ({place})" if place not in (None, path) else ""
    hints = [NOTHING_CHANGED]
    if place is not None and DIRECTORY in place.split(os.sep)[-2:]:
        hints.append(f"see what is in the way of the lock: {shell_command('ls', '-la', place)}")
    if place is not None and place.endswith(".lock") and error.errno == errno.EACCES:
        hints.append(f"if its owner runs no mfa-profiles, remove it: {shell_command('rm', place)}")
    kind_of_error = NotWritableError if is_denied else StorageError
    return kind_of_error(f"{path} could not be {done}: {_reason(error)}{where}", *hints)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else "the system gave no reason"
