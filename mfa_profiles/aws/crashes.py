"""Tell a crash, whose cause is a defect of a program, from what settings, files, networks and answers cause.

The type of an exception is not enough: botocore's parsers raise AttributeError, KeyError and TypeError for answers
that did not come from AWS, and so does a botocore that does not fit the urllib3 beside it. Botocore's events say
which of the two it was: nothing that is raised before an answer has arrived was caused by one.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

NEVER_OF_AN_ANSWER = (ImportError, NameError)
"""Exceptions that no answer can cause."""

_has_answer = ContextVar("_has_answer", default=False)


def watch(events: Any) -> None:
    """Note when answers arrive. ``events`` are those of a botocore session or of a client."""
    events.register("request-created", _note_request)
    events.register("before-parse", _note_answer)


def _note_request(**_: object) -> None:
    _has_answer.set(False)


def _note_answer(**_: object) -> None:
    note_answer()


def note_answer() -> None:
    """Note that an answer has arrived. Later exceptions may be caused by it."""
    _has_answer.set(True)


def has_answer() -> bool:
    """Return True if an answer has arrived since the last request."""
    return _has_answer.get()


@contextlib.contextmanager
def no_answer_yet() -> Iterator[None]:
    """Forget the answers of earlier calls, and those of this one afterwards."""
    token = _has_answer.set(False)
    try:
        yield
    finally:
        _has_answer.reset(token)


def is_crash(error: BaseException) -> bool:
    """Return True if an exception of the AWS SDK is a defect of a program."""
    from http.client import HTTPException
    from subprocess import SubprocessError

    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from urllib3.exceptions import HTTPError

    if isinstance(error, NEVER_OF_AN_ANSWER):
        return True
    if isinstance(error, HTTPClientError):  # botocore wraps everything that is raised while a request is sent
        cause: object = error.kwargs.get("error")
        return isinstance(cause, Exception) and is_crash(cause)
    foreseen = (BotoCoreError, ClientError, HTTPError, HTTPException, OSError, SubprocessError, ValueError)
    return not isinstance(error, foreseen) and not has_answer()
