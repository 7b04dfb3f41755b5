"""Locks between processes of this tool: one writer of a file at a time, and one that gets a session.

The locks of the shared files are empty files in a directory beside the file that links lead to, so that all ways to
it share one lock. They are left there. The lock of a ``.env`` file is a file beside it, which is removed before it is
released: a process that waits for it notices. Where a file system has no locks, a file is a lock while it exists.
"""

import contextlib
import errno
import fcntl
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING

from mfa_profiles import log
from mfa_profiles.errors import StorageError, shell_command

if TYPE_CHECKING:
    from filelock import BaseFileLock


class Order(IntEnum):
    """The order in which one thread takes locks; those of one kind in the order of their names.

    So no two processes wait for each other. CONTRIBUTING.md describes who keeps which of them for how long.
    """

    SESSION = 1
    ROLES = 2
    ROTATION = 3
    FILE = 4


TIMEOUT = 60.0
"""Seconds to wait for another process that is writing.

One write takes milliseconds, but dozens may be waiting, who is next is a matter of luck, and a code is spent by then.
"""

IN_FLIGHT_TIMEOUT = 300.0
"""Seconds to wait for another process that gets a session: a person may have to find their phone."""

DIRECTORY = ".mfa-profiles"
"""The name of the directory for this tool's own files, beside each file that it writes."""

_BESIDE = ".mfa-profiles.lock"
"""What the name of a lock beside a file has after the whole name of the file."""

_ATTEMPTS, _PAUSE = 20, 0.05
"""How often, and after how many seconds, a lock is opened that another user is about to share."""

_MODE = 0o600
_DIRECTORY_MODE = 0o700

_SOFT_SUFFIX = ".held"
"""The end of the name of a file that is a lock by being there; whose process is gone from this machine is no lock."""

# What file systems without locks answer: NFS without its lock daemon, Lustre without the option flock, some of FUSE.
_NO_LOCKS_HERE = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


Place = tuple[Order, str, str]
"""The place of a lock in the order: its kind, and what orders those of one kind."""


class _Taken(threading.local):
    """The locks that this thread has taken."""

    def __init__(self) -> None:
        self.places: list[Place] = []


_taken = _Taken()
os.register_at_fork(after_in_child=lambda: _taken.places.clear())  # filelock closes them there


def place_of_file(target: str) -> Place:
    """Return the place of the lock of a file: by its name, which is the same whatever way leads to its directory."""
    return Order.FILE, os.path.basename(target).casefold(), target


@contextlib.contextmanager
def _taken_in_order(place: Place) -> Iterator[None]:
    if any(taken >= place for taken in _taken.places):
        raise AssertionError(f"a lock is taken out of order: {place} after {_taken.places}")
    _taken.places.append(place)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # This may be a fork of the process that took it.
            _taken.places.remove(place)


@contextlib.contextmanager
def in_flight(order: Order, target: str, name: str, profile: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Keep the lock with a name, for getting a session of a profile into a credentials file.

    ``waiting`` is called with the profile if another process has it. Raises StorageError if that takes too long.
    Where no lock can be made nothing can be written either, which is reported then: there is no lock in that case.
    """
    from filelock import Timeout

    with contextlib.ExitStack() as stack:
        stack.enter_context(_taken_in_order((order, name, "")))
        try:
            path = os.path.join(lock_directory(target), f"{os.path.basename(os.path.realpath(target))}.{name}.lock")
            lock = _acquire(path, IN_FLIGHT_TIMEOUT, lambda: waiting(profile))
            stack.callback(_release, lock)
            log.step(f"keeps the lock {lock.lock_file}, so that no other process refreshes {profile}")
            _share_lock(path)
        except Timeout as timeout:
            raise StorageError(
                f"another mfa-profiles has been busy with profile {profile} for {IN_FLIGHT_TIMEOUT / 60:.0f} minutes",
                _who_holds(timeout.lock_file, "finish or end it"),
            ) from None
        except OSError:
            pass
        yield


@contextlib.contextmanager
def locked(target: str, timeout: float | None = None) -> Iterator[None]:
    """Keep the lock of a shared file: another file, as this one is replaced. Makes the directory if it is missing.

    Raises StorageError if another process has it for too long, OSError if the directory does not allow a lock.
    """
    lock_directory(target)
    with _locked(target, _path(target), TIMEOUT if timeout is None else timeout):
        yield


@contextlib.contextmanager
def locked_beside(target: str) -> Iterator[None]:
    """Keep the lock of a file in somebody's project, where no other file should be left. Raises as ``locked``."""
    path = target + _BESIDE
    with _locked(target, path, TIMEOUT):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


@contextlib.contextmanager
def _locked(target: str, path: str, seconds: float) -> Iterator[None]:
    from filelock import Timeout

    with _taken_in_order(place_of_file(target)):
        try:
            lock = _acquire(path, seconds, lambda: None)
        except Timeout as timed_out:
            raise StorageError(
                f"{target} has been locked by another mfa-profiles for {seconds:.0f} s",
                _who_holds(timed_out.lock_file, "see who holds it"),
            ) from None
        try:
            _share_lock(path)
            yield
        finally:
            _release(lock)


def _release(lock: "BaseFileLock") -> None:
    # What was to be written is written by now; and the lock ends with the process at the latest.
    with contextlib.suppress(OSError):
        lock.release()


def is_locked(target: str) -> bool:
    """True if another process holds the lock of a file. Where there is no lock file yet, none is made."""
    if not os.path.exists(_path(target)):
        return False
    try:
        with locked(target, timeout=0):
            return False
    except StorageError:
        return True
    except OSError:
        return False


def have_one_lock(one: str, other: str) -> bool:
    """Return whether two files have one lock file, of which one is held: to take it again would wait for ever."""
    try:
        return os.path.samefile(_path(one), _path(other))
    except OSError:
        return False


def remove_old_locks(target: str) -> None:
    """Remove the lock files that earlier versions have left beside a file, unless a process holds them."""
    directory, name = os.path.split(target)
    pattern = re.compile(rf"\.{re.escape(name)}\.mfa-profiles(\.(rotate|role-[0-9a-f]|[0-9a-f]{{16}}))?\.lock")
    with contextlib.suppress(OSError):
        for old in filter(pattern.fullmatch, os.listdir(directory)):
            with contextlib.suppress(OSError):
                _remove_unheld(os.path.join(directory, old))


def _remove_unheld(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _is_empty_file(status := os.fstat(descriptor)):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A process that waits for the lock notices that the file is gone, and makes another.
            if os.path.samestat(status, os.lstat(path)):
                os.unlink(path)
    finally:
        os.close(descriptor)


def _is_empty_file(status: os.stat_result) -> bool:
    """Return whether a file can be a lock: a file with content or a second link is not."""
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size == 0


def _path(target: str) -> str:
    directory, name = os.path.split(target)
    return os.path.join(directory, DIRECTORY, f"{name}.lock")


def _acquire(path: str, timeout: float, waiting: Callable[[], None]) -> "BaseFileLock":
    """Take a lock; ``waiting`` is called if another process holds it. Raises filelock's Timeout, or OSError."""
    from filelock import FileLock

    for attempt in range(_ATTEMPTS):
        _make(path)
        try:
            # filelock's own fallback takes the lock file of an earlier day, which stays, for a lock that is held.
            return _wait_for(FileLock(path, mode=_MODE, fallback_to_soft=False), timeout, waiting)
        except OSError as error:
            # A lock beside a file may be one that filelock of another user has just made, to be shared in a moment.
            is_beside = path.endswith(_BESIDE) and error.errno == errno.EACCES
            if not is_beside or attempt == _ATTEMPTS - 1:
                if error.errno not in _NO_LOCKS_HERE:
                    raise
                break
        time.sleep(_PAUSE)
    from filelock import SoftFileLock

    log.step(f"{path} cannot be locked on this file system: takes a file that is there while the lock is held")
    return _wait_for(SoftFileLock(path + _SOFT_SUFFIX, mode=_MODE), timeout, waiting)


def _make(path: str) -> None:
    """Make a lock file, if it is missing, for all who may use it: another user may come before it is shared.

    Where the system cannot make a file that gets its name afterwards, filelock makes it, and it is shared then.
    """
    unnamed = getattr(os, "O_TMPFILE", 0)
    if not unnamed or os.path.lexists(path):
        return
    directory, name = os.path.split(path)
    with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
        place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, place)
        descriptor = os.open(directory, unnamed | os.O_RDWR, _MODE)
        opened.callback(os.close, descriptor)
        _share_as_lock(descriptor, directory)
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=place, follow_symlinks=True)


def _wait_for(lock: "BaseFileLock", timeout: float, waiting: Callable[[], None]) -> "BaseFileLock":
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        log.step(f"waits for the lock {lock.lock_file}")
        lock.acquire(timeout=timeout)
    return lock


def _who_holds(path: str, todo: str) -> str:
    if path.endswith(_SOFT_SUFFIX):
        return f"if no mfa-profiles is running, on any machine: {shell_command('rm', path)}"
    return f"{todo}: {shell_command('fuser', path)}"


def _share_lock(path: str) -> None:
    """Let everyone who may put files into the directory of a lock use it, also if root made the lock.

    Only they can replace the file that it is for. The mode of that file does not matter: it may be shared later.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            # Something else that was put here is not to be given away.
            if _is_empty_file(os.fstat(descriptor)):
                _share_as_lock(descriptor, os.path.dirname(path))
        finally:
            os.close(descriptor)


def _share_as_lock(descriptor: int, directory: str) -> None:
    like = os.stat(directory)
    _share(descriptor, directory, like, _MODE | (0o060 if like.st_mode & stat.S_IWGRP else 0))


def lock_directory(target: str) -> str:
    """Return the directory for this tool's own files beside a file, or beside the file that it links to.

    Makes it, and the directory that the file is named in, if they are missing. Everyone who may put files beside the
    file may put them there. Git ignores it. Raises OSError, also for something else in its place.
    """
    from mfa_profiles.shared_files import permissions  # hot commands write nothing

    permissions.make_directories(os.path.dirname(target) or os.curdir)
    parent = os.path.dirname(os.path.realpath(target))
    path = os.path.join(parent, DIRECTORY)
    if not os.path.lexists(path):
        with contextlib.suppress(FileExistsError):  # another process was faster
            permissions.make_directory(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        like, made = os.stat(parent), os.fstat(descriptor)
        # In a directory such as /tmp, another user who made it could replace the locks, and read what is put there.
        if like.st_mode & stat.S_IWOTH and made.st_uid not in (os.geteuid(), like.st_uid, 0):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        # A directory of root's that holds something already was not made here, and is not given away.
        is_of_the_owner = made.st_uid == like.st_uid and os.geteuid() in (0, made.st_uid)
        if is_of_the_owner or (made.st_uid == os.geteuid() and not os.listdir(descriptor)):
            shared = like.st_mode & (0o070 | stat.S_ISGID) if like.st_mode & stat.S_IWGRP else 0
            _share(descriptor, parent, like, _DIRECTORY_MODE | shared)
            _have_git_ignore(path, descriptor)
    finally:
        os.close(descriptor)
    return path


def _have_git_ignore(path: str, descriptor: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with contextlib.suppress(OSError), open(os.open(".gitignore", flags, _MODE, dir_fd=descriptor), "w") as file:
        _share(file.fileno(), path, os.fstat(descriptor), _MODE)
        file.write("*\n")


def _share(descriptor: int, source: str, like: os.stat_result, mode: int) -> None:
    """Give an open file the owner, the group and the access control list of a directory, and a mode.

    As much of it as the system allows. The list comes before the mode, whose group bits are the mask of a list.
    """
    from mfa_profiles.shared_files import permissions

    if not permissions.is_shared(like) and os.fstat(descriptor).st_uid != like.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, like.st_uid, -1)
    if os.fstat(descriptor).st_gid != like.st_gid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, like.st_gid)
    now = os.fstat(descriptor)
    kept = now.st_gid == like.st_gid
    owner = like.st_uid if now.st_uid != like.st_uid else None
    if not permissions.copy_access_list(source, descriptor, is_for_the_group=kept, also_for=owner) or not kept:
        mode &= ~0o070  # What one group may do is not for another.
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)
