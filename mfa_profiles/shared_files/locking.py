"""Locks between processes of this tool: one writer of a file at a time, and one that gets a session.

All are side files beside the file that links lead to, so that all ways to it share one lock, and are left there:
removing one would let two processes hold "the" lock.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mfa_profiles import log
from mfa_profiles.errors import StorageError

if TYPE_CHECKING:
    from filelock import FileLock

TIMEOUT = 30.0
"""Seconds to wait for another process that is writing; one write takes milliseconds."""

IN_FLIGHT_TIMEOUT = 300.0
"""Seconds to wait for another process that gets a session: a person may have to find their phone."""

_MODE = 0o600


@contextlib.contextmanager
def in_flight(target: str, name: str, profile: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock with a name, for getting a session of a profile into a credentials file.

    ``waiting`` is called with the profile if another process holds it. Raises StorageError if that takes too long.
    Where no lock can be made nothing can be written either, so whoever comes to that will tell: there is none then.
    """
    from filelock import FileLock, Timeout

    directory, file_name = os.path.split(os.path.realpath(target))
    path = os.path.join(directory, f".{file_name}.mfa-profiles.{name}.lock")
    lock = FileLock(path, mode=_MODE)
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting(profile)
            log.step(f"waits for the lock {path}")
            lock.acquire(timeout=IN_FLIGHT_TIMEOUT)
        log.step(f"holds the lock {path}, so that nobody else refreshes {profile} meanwhile")
        _share_lock(path, target)
    except Timeout:
        raise StorageError(
            f"another mfa-profiles has been busy with profile {profile} for {IN_FLIGHT_TIMEOUT / 60:.0f} minutes",
            f"finish or end it: fuser {path}",
        ) from None
    except OSError:
        pass
    try:
        yield
    finally:
        _release(lock)


@contextlib.contextmanager
def locked(target: str) -> Iterator[None]:
    """Hold the lock of a file: a side file, as the file itself is replaced. Makes the directory if it is missing.

    Raises StorageError if another process holds it for too long, OSError if the directory does not allow a lock.
    """
    from filelock import FileLock, Timeout

    directory, name = os.path.split(target)
    os.makedirs(directory, 0o700, exist_ok=True)
    path = os.path.join(directory, f".{name}.mfa-profiles.lock")
    lock = FileLock(path, timeout=TIMEOUT, mode=_MODE)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            log.step(f"waits for the lock {path}")
            lock.acquire()
    except Timeout:
        raise StorageError(
            f"{target} has been locked by another mfa-profiles for {TIMEOUT:.0f} s",
            f"see who holds it: fuser {path}",
        ) from None
    try:
        _share_lock(path, target)
        yield
    finally:
        _release(lock)


def _release(lock: "FileLock") -> None:
    # What was to be written is written by now; and the lock ends with the process at the latest.
    with contextlib.suppress(OSError):
        lock.release()


def _share_lock(path: str, target: str) -> None:
    """Let whoever may write the file lock it: one made by root, or in a directory that a group shares, too."""
    existing = os.path.exists(target)
    like = os.stat(target if existing else os.path.dirname(target))
    mode = _MODE | (stat.S_IMODE(like.st_mode) & 0o060 if existing else 0)
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            lock = os.fstat(descriptor)
            if lock.st_nlink > 1 or lock.st_size:  # somebody put something else here, which is not to be given away
                return
            if (lock.st_uid, lock.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(descriptor, like.st_uid, like.st_gid)
            if stat.S_IMODE(lock.st_mode) != mode:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
