"""Programs that write a file without a lock: waited for, and held off while the file is read or replaced.

They cut the file to nothing and then write it. Whoever reads it in between, and replaces it by what they have read,
destroys the rest for good, long-term keys and all.
"""

import contextlib
import errno
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

PATIENCE = 0.5
"""Seconds to wait for another program to finish: it writes for less than a millisecond."""

REST = 0.05
"""Seconds after which a file that was written is taken to be whole, where the system cannot tell."""

_POLL = 0.002
_MOUNTS = "/proc/self/mountinfo"
_HELD, _AT_REST, _BUSY = "held", "at rest", "busy"


@contextlib.contextmanager
def held_off(descriptor: int) -> Iterator[Callable[[], bool]]:
    """Wait until no program writes an open file, and have those that want to wait until the end.

    What is yielded says if, for all that the system can tell, the file is whole and nobody waits to write it. Waiting
    has an end: it is for the caller to ask.
    """
    deadline = time.monotonic() + PATIENCE
    while (state := _state(descriptor)) is _BUSY and time.monotonic() < deadline:
        time.sleep(_POLL)
    try:
        yield lambda: state is _AT_REST or (state is _HELD and _is_leased(descriptor))
    finally:
        if state is _HELD:  # closing alone would not do if another thread has forked meanwhile
            with contextlib.suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _state(descriptor: int) -> str:
    if sys.platform == "linux":
        try:
            # The signal that comes if somebody wants to write: this one does nothing, the usual one ends the process.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            if error.errno == errno.EAGAIN and not _is_remote(descriptor):
                return _BUSY
        else:
            return _HELD
    # Leases are Linux's, and for files of one's own on its own disks. A server's clock may be ahead of ours.
    age = time.time() - os.fstat(descriptor).st_mtime  # noqa: TID251 - compared with the time of a file
    return _BUSY if 0 <= age < REST else _AT_REST


def _is_leased(descriptor: int) -> bool:
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK
    except OSError:
        return False


def _is_remote(descriptor: int) -> bool:
    """True on NFS and SMB: their servers may grant no lease, which sounds as if somebody were writing."""
    device = os.fstat(descriptor).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError), open(_MOUNTS, errors="surrogateescape") as mounts:
        return any(
            number == mount.split()[2] and mount.partition(" - ")[2].startswith(("nfs", "cifs", "smb"))
            for mount in mounts
        )
    return False
