"""Answers without an end are given up, in good time and before they fill the memory."""

import itertools
import threading
from collections.abc import Iterable, Iterator

import pytest

from mfa_profiles import parallel
from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice

HASTE = "import mfa_profiles.aws.clients as clients; clients.CONNECT_TIMEOUT = 1; clients.READ_TIMEOUT = 4"
MEGABYTE = b"x" * 2**20
HEAD = b"HTTP/1.1 200 OK\r\n"


def refresh(home: Home, device: MFADevice) -> list[str]:
    """The lines of the error of a refresh, which asks AWS once and changes nothing."""
    before = home.files()
    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), before=HASTE)
    assert (1, before, ["GetSessionToken"]) == (result.code, home.files(), home.aws.actions)
    return result.errors


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 9999999999\r\n\r\n", MEGABYTE),
        (b"\r\n", MEGABYTE),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n"),
    ],
    ids=["long", "until the connection ends", "chunks"],
)
def test_an_answer_without_an_end(base: Home, aws: LocalAWS, device: MFADevice, head: bytes, piece: bytes) -> None:
    """No more of it is read than an answer can have, and what the system has room for on the way."""
    sent = itertools.count()

    def wire(*_: object) -> Iterator[bytes]:
        yield HEAD + head
        for _number in sent:
            yield piece

    aws.wire = wire

    assert "mfa-profiles: error: the response did not come from AWS" == refresh(base, device)[0]
    assert next(sent) < 50


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD + b"Content-Length: 9999999999\r\n\r\n", b"x"),
        (HEAD + b"X: ", b"x"),
        (b"", HEAD.replace(b"200", b"100") + b"\r\n"),
    ],
    ids=["a body", "a header", "what comes before an answer"],
)
def test_an_answer_that_drips(base: Home, aws: LocalAWS, device: MFADevice, head: bytes, piece: bytes) -> None:
    """There is no silence that would be a time-out, and never an answer."""
    stopped = threading.Event()

    def wire(*_: object) -> Iterable[bytes]:
        yield head
        while not stopped.wait(0.05):
            yield piece

    aws.wire = wire
    try:
        errors = refresh(base, device)
    finally:
        stopped.set()

    assert "mfa-profiles: error: no answer came from AWS within 5 s" == errors[0]


def test_chunks_that_are_none(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """The connection is at fault, not the URL of the endpoint."""
    aws.wire = lambda *_: [HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n"]

    assert "mfa-profiles: error: the connection to AWS broke off" == refresh(base, device)[0]


def test_a_list_without_an_end(base: Home, aws: LocalAWS) -> None:
    """Each page says that there is another."""
    pages = itertools.count()

    def wire(_: object, answer: bytes) -> list[bytes]:
        marker = b"<IsTruncated>true</IsTruncated><Marker>%d</Marker>" % next(pages)
        body = answer.partition(b"\r\n\r\n")[2].replace(b"<IsTruncated>false</IsTruncated>", marker)
        assert marker in body
        return [HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body]

    aws.wire = wire

    assert 0 == base.run_warm("devices", BASE, "--json").code
    assert 10 == next(pages)


def test_a_call_that_takes_too_long() -> None:
    """It is waited for no longer than was said."""
    ended = threading.Event()

    with pytest.raises(TimeoutError):
        parallel.run(ended.wait, within=0.01)
    ended.set()
    assert 1 == parallel.run(lambda: 1, within=60)
