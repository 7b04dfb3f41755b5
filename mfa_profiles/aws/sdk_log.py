"""What the AWS SDK logs, for whoever asked with ``-vv``: told by us, and to nobody else.

Of what a record quotes, only what is plain is told. Whole requests, answers and what is signed, which hold codes and
keys, are left out, whatever they look like; from the rest secrets are taken out as from all that is told.
"""

import functools
import logging
import os
from collections.abc import Mapping

from mfa_profiles import log
from mfa_profiles.aws import network

_LOGGERS = ("botocore", "urllib3")
_MAX_LENGTH = 500


class _Shown(str):
    """A text that looks the same with %s and with %r."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_LEFT_OUT = _Shown("(left out)")


@functools.cache
def install() -> None:
    """Tell what the SDK logs in this process from now on."""
    handler = _Handler()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        logger.propagate = False


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = told(record)
        except Exception:  # noqa: BLE001 - a call to AWS must not fail for what could not be told of it
            text = _LEFT_OUT
        log.sdk(f"{record.name}: {text}")


def told(record: logging.LogRecord) -> str:
    """The text of a record without what holds codes and keys; not yet without secrets that its strings may hold."""
    # No record of theirs takes its arguments by name.
    arguments = record.args if isinstance(record.args, tuple) else (record.args,) if record.args else ()
    text = str(record.msg)
    if arguments:
        text %= tuple(_plain(value, record.name) for value in arguments)
    error = record.exc_info[1] if record.exc_info else None
    return text if error is None else f"{text} {_kinds(error)}"


def _plain(value: object, logger: str) -> object:
    """What can be told of an argument of a record: never a body, a header of a request, or a text of an answer."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if logger.endswith(".auth"):  # what is signed
        return _LEFT_OUT
    if isinstance(value, str):
        return value if len(value) <= _MAX_LENGTH and "\n" not in value and "{" not in value else _LEFT_OUT
    if isinstance(value, BaseException):
        return _Shown(_kinds(value))
    if isinstance(value, Mapping):
        flat = all(isinstance(each, (str, int, float, type(None))) for each in value.values())
        return _Shown(dict(value)) if flat else _LEFT_OUT
    return _Shown(_named(value))


def _named(value: object) -> str:
    """An object of the SDK without what it holds: its host, its name, or just what kind it is."""
    url, name = getattr(value, "url", None), getattr(value, "__qualname__", None) or getattr(value, "name", None)
    if isinstance(url, str):
        return f"{getattr(value, 'method', None)} to {network.host_of(url)}"
    return name if isinstance(name, str) else f"({type(value).__name__})"


def _kinds(error: BaseException) -> str:
    """An error and what caused it, by their kinds: their texts quote settings, URLs and what commands printed."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 10:
        number = getattr(cause, "errno", None)
        reason = f" ({os.strerror(number)})" if isinstance(cause, OSError) and isinstance(number, int) else ""
        kinds.append(type(cause).__name__ + reason)
        cause = cause.__cause__ or cause.__context__
    return " <- ".join(kinds)
