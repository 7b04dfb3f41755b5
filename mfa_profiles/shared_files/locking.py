"""Locks between processes of this tool: one writer of a file at a time, and one that gets a session.

All are empty files in a directory beside the file that links lead to, so that all ways to it share one lock. They are
left there: removing one would let two processes hold "the" lock. Where file systems know no locks, a file is one by
being there, and goes when it is released.
"""

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mfa_profiles import log
from mfa_profiles.errors import StorageError, shell_command

if TYPE_CHECKING:
    from filelock import BaseFileLock

TIMEOUT = 60.0
"""Seconds to wait for another process that is writing.

One write takes milliseconds, but dozens may be waiting, who is next is a matter of luck, and a code is spent by then.
"""

IN_FLIGHT_TIMEOUT = 300.0
"""Seconds to wait for another process that gets a session: a person may have to find their phone."""

DIRECTORY = ".mfa-profiles"
"""The name of the directory for this tool's own files, beside each file that it writes."""

_MODE = 0o600
_DIRECTORY_MODE = 0o700

_SOFT_SUFFIX = ".held"
"""The end of the name of a file that is a lock by being there; whose process is gone from this machine is no lock."""

# What file systems without locks answer: NFS without its lock daemon, Lustre without the option flock, some of FUSE.
_NO_LOCKS_HERE = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextlib.contextmanager
def in_flight(target: str, name: str, profile: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock with a name, for getting a session of a profile into a credentials file.

    ``waiting`` is called with the profile if another process holds it. Raises StorageError if that takes too long.
    Where no lock can be made nothing can be written either, so whoever comes to that will tell: there is none then.
    """
    from filelock import Timeout

    with contextlib.ExitStack() as held:
        try:
            path = os.path.join(lock_directory(target), f"{os.path.basename(os.path.realpath(target))}.{name}.lock")
            lock = _acquire(path, IN_FLIGHT_TIMEOUT, lambda: waiting(profile))
            held.callback(_release, lock)
            log.step(f"holds the lock {lock.lock_file}, so that nobody else refreshes {profile} meanwhile")
            _share_lock(path, target)
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
    """Hold the lock of a file: a side file, as the file itself is replaced. Makes the directory if it is missing.

    Raises StorageError if another process holds it for too long, OSError if the directory does not allow a lock.
    """
    from filelock import Timeout

    seconds = TIMEOUT if timeout is None else timeout
    lock_directory(target)
    path = _path(target)
    try:
        lock = _acquire(path, seconds, lambda: None)
    except Timeout as timed_out:
        raise StorageError(
            f"{target} has been locked by another mfa-profiles for {seconds:.0f} s",
            _who_holds(timed_out.lock_file, "see who holds it"),
        ) from None
    try:
        _share_lock(path, target)
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

    try:
        # filelock's own fallback takes the lock file of an earlier day, which stays, for a lock that is held.
        return _wait_for(FileLock(path, mode=_MODE, fallback_to_soft=False), timeout, waiting)
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
    from filelock import SoftFileLock

    log.step(f"{path} cannot be locked on this file system: takes a file that is there while the lock is held")
    return _wait_for(SoftFileLock(path + _SOFT_SUFFIX, mode=_MODE), timeout, waiting)


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


def _share_lock(path: str, target: str) -> None:
    """Let everyone who may write the file lock it, also if root made the lock or a group shares the file."""
    existing = os.path.exists(target)
    like = os.stat(target if existing else os.path.dirname(target))
    shared = like.st_mode & 0o060 if existing else 0o060 * bool(like.st_mode & stat.S_IWGRP)
    mode = _MODE | shared
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            # Something else that was put here is not to be given away.
            if _is_empty_file(os.fstat(descriptor)):
                _share(descriptor, like, mode)
        finally:
            os.close(descriptor)


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
            _share(descriptor, like, _DIRECTORY_MODE | shared)
            _have_git_ignore(descriptor)
    finally:
        os.close(descriptor)
    return path


def _have_git_ignore(descriptor: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with contextlib.suppress(OSError), open(os.open(".gitignore", flags, _MODE, dir_fd=descriptor), "w") as file:
        _share(file.fileno(), os.fstat(descriptor), _MODE)
        file.write("*\n")


def _share(descriptor: int, like: os.stat_result, mode: int) -> None:
    """Give an open file an owner, a group and a mode: as much of it as the system allows."""
    from mfa_profiles.shared_files import permissions

    is_for_the_owner = not stat.S_ISDIR(like.st_mode) or not permissions.is_shared(like)
    if is_for_the_owner and os.fstat(descriptor).st_uid != like.st_uid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, like.st_uid, -1)
    if os.fstat(descriptor).st_gid != like.st_gid:
        with contextlib.suppress(OSError):
            os.fchown(descriptor, -1, like.st_gid)
    status = os.fstat(descriptor)
    if status.st_gid != like.st_gid:  # what one group may do is not for another
        mode &= ~0o070
    if stat.S_IMODE(status.st_mode) != mode:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)
