"""Locks between processes of this tool: one writer of a file at a time, and one that gets a session.

All are side files beside the file that links lead to, so that all ways to it share one lock, and are left there:
removing one would let two processes hold "the" lock. Where file systems know no locks, a file is one by being there,
and goes when it is released.
"""

import contextlib
import errno
import os
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

_MODE = 0o600

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

    directory, file_name = os.path.split(os.path.realpath(target))
    path = os.path.join(directory, f".{file_name}.mfa-profiles.{name}.lock")
    with contextlib.ExitStack() as held:
        try:
            os.makedirs(directory, 0o700, exist_ok=True)
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
    os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
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


def _path(target: str) -> str:
    directory, name = os.path.split(target)
    return os.path.join(directory, f".{name}.mfa-profiles.lock")


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
    """Let whoever may write the file lock it: one made by root, or in a directory that a group shares, too."""
    existing = os.path.exists(target)
    like = os.stat(target if existing else os.path.dirname(target))
    mode = _MODE | (stat.S_IMODE(like.st_mode) & 0o060 if existing else 0)
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            lock = os.fstat(descriptor)
            # Somebody put something else here, which is not to be given away.
            if not stat.S_ISREG(lock.st_mode) or lock.st_nlink > 1 or lock.st_size:
                return
            if (lock.st_uid, lock.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(descriptor, like.st_uid, like.st_gid)
            if stat.S_IMODE(lock.st_mode) != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
