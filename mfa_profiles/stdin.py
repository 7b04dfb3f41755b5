"""What is given on stdin, wherever that leads and whatever it is: bytes, and never more than are wanted."""

import sys

from mfa_profiles.errors import UsageError

MAX_LINE = 1024
"""No answer is as long as that; what has no line break may have no end either."""


def read(option: str, limit: int) -> bytes:
    """Return what is on stdin for an option, ``limit`` bytes at the most. Raises UsageError if it cannot be read."""
    return _read(option, limit, whole=True)


def read_line(option: str) -> bytes:
    """Return the next line on stdin, its end included, or nothing if there is no more. Raises as ``read`` does."""
    return _read(option, MAX_LINE, whole=False)


def _read(option: str, limit: int, *, whole: bool) -> bytes:
    if sys.stdin is None:
        raise _unreadable(option, "it is closed")
    stream = sys.stdin.buffer
    try:
        # None is what a stream that does not wait answers if nothing has come yet.
        return (stream.read(limit) if whole else stream.readline(limit)) or b""
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is not open for reading").lower()
    raise _unreadable(option, reason)


def _unreadable(option: str, reason: str) -> UsageError:
    return UsageError(
        f"{option} - reads stdin, which cannot be read: {reason}", f"give it a pipe or a file: ... {option} - < FILE"
    )
