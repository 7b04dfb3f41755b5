"""Answers of a size and within a time that AWS's have: what answers in its place may do so without end."""

import time
from typing import TYPE_CHECKING, Any

from mfa_profiles import parallel
from mfa_profiles.aws.quiet import quiet

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

MAX_BYTES = 2**20
"""The longest answers are lists, of a hundred entries a page: some ten kilobytes."""

_PIECE = 2**14


class Bounded:
    """What a client of botocore's sends requests with, as one that gives up on answers without an end.

    Its ``timeout``, in seconds, is for all of an answer. Botocore's own is for each silence in it, and never comes
    while now and then a byte does.
    """

    def __init__(self, session: Any, timeout: float) -> None:
        self._session = session
        self._timeout = timeout

    def send(self, request: "AWSPreparedRequest") -> "AWSResponse":
        """Send a request and read the whole answer. Raises what botocore raises, or UnreachableError."""
        from botocore.exceptions import ReadTimeoutError

        request.stream_output = True  # else all of the answer would be read at once
        values: list[tuple[str, str | bytes]] = list(request.headers.items())
        for name, value in values:
            if isinstance(value, bytes):  # urllib3 fails on bytes when a server that is not AWS answers 303.
                request.headers[name] = value.decode("latin-1")
        deadline = time.monotonic() + self._timeout
        try:
            return parallel.run(lambda: self._answer(request, deadline), within=self._timeout)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _answer(self, request: "AWSPreparedRequest", deadline: float) -> "AWSResponse":
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError
        from urllib3.exceptions import HTTPError

        with quiet():  # which counts for a thread
            response = self._session.send(request)
            try:
                body = _read(response.raw, deadline)
            except (HTTPError, ValueError):  # the latter for chunks that are none
                raise ConnectionClosedError(endpoint_url=request.url, request=request) from None
        return AWSResponse(response.url, response.status_code, response.headers, _ReadAnswer(body))


def _read(raw: Any, deadline: float) -> bytes:
    pieces = []
    left = MAX_BYTES
    for piece in raw.stream(_PIECE):
        pieces.append(piece)
        left -= len(piece)
        if left < 0 or time.monotonic() > deadline:
            from mfa_profiles.aws.rows import Facts
            from mfa_profiles.aws.table import NOT_FROM_AWS

            raw.close()
            raise NOT_FROM_AWS.told(Facts())
    return b"".join(pieces)


class _ReadAnswer:
    """An answer that has been read, as botocore reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        """All of it."""
        return [self._body]
