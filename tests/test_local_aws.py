"""The local AWS refuses what AWS refuses, in AWS's words, and takes what AWS takes."""

import contextlib
import hashlib
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local_aws import LocalAWS, MFADevice, User, peak_concurrency, signature
from tests.local_aws.answers import AWSError

Connect = Callable[..., Any]

INVALID_TOKEN = "The security token included in the request is invalid."
WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
WRONG_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  "
    "Please verify your MFA serial number is valid and associated with this user."
)


@pytest.fixture
def connect(aws: LocalAWS) -> Iterator[Connect]:
    """Make boto3 clients that try once, and close them."""
    with contextlib.ExitStack() as stack:

        def make(service: str, keys: User | dict[str, Any], region: str = "us-west-2", **over: Any) -> Any:
            if isinstance(keys, User):
                used = {"AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key}
            else:
                used = dict(keys)
            used |= over
            client = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=region,
                endpoint_url=aws.endpoint_url,
                aws_access_key_id=used["AccessKeyId"],
                aws_secret_access_key=used["SecretAccessKey"],
                aws_session_token=used.get("SessionToken"),
                config=Config(retries={"total_max_attempts": 1}),
            )
            stack.callback(client.close)
            return client

        yield make


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    """The status, code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def sign_in(sts: Any, device: MFADevice, **parameters: Any) -> dict[str, Any]:
    """The credentials of a session with MFA."""
    answer = sts.get_session_token(SerialNumber=device.serial_number, TokenCode=device.code(), **parameters)
    credentials: dict[str, Any] = answer["Credentials"]
    return credentials


def tamper(client: Any, change: Callable[[AWSPreparedRequest], None]) -> None:
    """Change each request of a client after it was signed."""

    def before_send(request: AWSPreparedRequest, **_: Any) -> None:
        change(request)

    client.meta.events.register("before-send", before_send)


def scope_with(old: str, new: str) -> Callable[[AWSPreparedRequest], None]:
    """A change to the Authorization header."""

    def change(request: AWSPreparedRequest) -> None:
        header: Any = request.headers["Authorization"]
        text = header.decode()
        assert old in text
        request.headers["Authorization"] = text.replace(old, new)

    return change


def header_to(name: str, value: str) -> Callable[[AWSPreparedRequest], None]:
    """A change to any header."""

    def change(request: AWSPreparedRequest) -> None:
        assert name in request.headers
        request.headers[name] = value

    return change


def exchange(aws: LocalAWS, request: str) -> str:
    """Send a request as it is, asking to close the connection, and read the answer."""
    port = int(aws.endpoint_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request.replace("\r\n", "\r\nConnection: close\r\n", 1).encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def identity_by_the_servers_clock(aws: LocalAWS, keys: dict[str, Any]) -> str:
    """The answer to GetCallerIdentity, signed at the server's time."""
    host = aws.endpoint_url.removeprefix("http://")
    target = "/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", f"http://{host}{target}")
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    SignerAt(aws.clock.now(), credentials, "sts", "us-west-2").add_auth(request)
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return exchange(aws, "\r\n".join([*lines, "", ""]))


class SignerAt(SigV4Auth):
    """botocore's signer, at another time than now."""

    def __init__(self, moment: datetime, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._moment = moment

    def add_auth(self, request: AWSRequest) -> None:
        """Sign with X-Amz-Date and the session token, as SigV4Auth does."""
        request.context["timestamp"] = self._moment.strftime(signature.TIMESTAMP)
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        if self.credentials.token:
            request.headers["X-Amz-Security-Token"] = self.credentials.token
        string_to_sign = self.string_to_sign(request, self.canonical_request(request))
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.scope(request)}, "
            f"SignedHeaders={self.signed_headers(self.headers_to_sign(request))}, "
            f"Signature={self.signature(string_to_sign, request)}"
        )


def to_the_start_of_a_window(aws: LocalAWS) -> None:
    """Move the clock so that the codes do not change during a test."""
    aws.clock.advance(30 - aws.clock.time() % 30)


def wait_for(aws: LocalAWS, number: int) -> None:
    """Wait until the log has a number of requests."""
    deadline = time.monotonic() + 10
    while len(aws.requests) < number and time.monotonic() < deadline:
        time.sleep(0.005)


# Signatures


# Published by AWS: the first in "Signature Version 4 signing process" with IAM's ListUsers, the
# others in its Signature Version 4 test suite (get-vanilla, get-vanilla-query-order-key-case,
# get-header-value-trim).
VECTORS = [
    (
        "iam",
        "/?Action=ListUsers&Version=2010-05-08",
        (
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ),
    (
        "service",
        "/",
        (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "service",
        "/?Param2=value2&Param1=value1",
        (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "service",
        "/",
        (
            ("host", "example.amazonaws.com"),
            ("my-header1", " value1"),
            ("my-header2", ' "a   b   c"'),
            ("x-amz-date", "20150830T123600Z"),
        ),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
]


@pytest.mark.parametrize(("service", "target", "headers", "expected"), VECTORS)
def test_published_signatures_verify(
    service: str, target: str, headers: tuple[tuple[str, str], ...], expected: str
) -> None:
    """The signatures that AWS published are right, and any other is wrong."""
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    scope = f"AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request"
    names = ";".join(name for name, _ in headers)
    now = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    for digest, right in ((expected, True), (expected[::-1], False)):
        value = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={digest}"
        request = signature.HTTPRequest("GET", target, (*headers, ("authorization", value)), b"")
        authorization = signature.read(request, service)
        with contextlib.nullcontext() if right else pytest.raises(AWSError, match="does not match"):
            signature.verify(request, authorization, secret, now)


VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
WORDS = st.text(st.sampled_from("aZ09-._~ /+=&%*éß"), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(
    query=st.dictionaries(WORDS, WORDS, max_size=3),
    path=st.lists(st.sampled_from(["a", "b c", "..", ".", "", "é", "%41"]), max_size=4),
    header=VISIBLE,
    body=st.binary(max_size=50),
    secret=WORDS,
)
def test_signatures_of_botocore_verify(
    query: dict[str, str], path: list[str], header: str, body: bytes, secret: str
) -> None:
    """What botocore signs verifies, whatever the path, the query, the headers and the body."""
    unsigned = AWSRequest(
        "POST",
        "http://127.0.0.1/" + "/".join(path),
        {"X-Amz-Meta": header},
        data=body,
        params=query,
    )
    SigV4Auth(Credentials("AKIDEXAMPLE", secret), "sts", "eu-west-1").add_auth(unsigned)
    sent = unsigned.prepare()
    target = sent.url.removeprefix("http://127.0.0.1")
    headers: dict[str, Any] = {"host": "127.0.0.1"} | dict(sent.headers.items())
    texts = ((name.lower(), v.decode() if isinstance(v, bytes) else v) for name, v in headers.items())
    request = signature.HTTPRequest("POST", target, tuple(texts), body)
    signature.verify(request, signature.read(request, "sts"), secret, datetime.now(UTC))


def test_an_unsigned_request_is_refused(aws: LocalAWS) -> None:
    """A request without an Authorization header lacks a token; the answer is AWS's XML."""
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    answer = exchange(aws, f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    expected = (
        "<Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>"
        "<Message>Request is missing Authentication Token</Message></Error><RequestId>"
    )
    assert answer.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert expected in answer
    request_id = re.search("x-amzn-RequestId: (.+)\r\n", answer)
    assert request_id is not None
    assert f"<RequestId>{request_id[1]}</RequestId></ErrorResponse>" in answer


def test_a_wrong_secret_is_refused(connect: Connect, user: User) -> None:
    """The key with another secret does not match."""
    sts = connect("sts", user, SecretAccessKey="x" * 40)
    assert (403, "SignatureDoesNotMatch", WRONG_SIGNATURE) == refusal(sts.get_caller_identity)


def test_an_unknown_key_is_refused(connect: Connect, user: User) -> None:
    """A key that no account has is an invalid token."""
    sts = connect("sts", user, AccessKeyId="AKIA" + "A" * 16)
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(sts.get_caller_identity)


def test_a_session_token_with_a_long_term_key_is_refused(connect: Connect, user: User) -> None:
    """A long-term key has no session token."""
    sts = connect("sts", user, SessionToken="FwoGZXIvYXdzEA==")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(sts.get_caller_identity)


def test_a_changed_body_is_refused(connect: Connect, user: User) -> None:
    """The body is signed, and its hash is never taken from a header."""
    sts = connect("sts", user)

    def change(request: AWSPreparedRequest) -> None:
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        request.body = body + b"&Extra=1"
        request.headers["Content-Length"] = str(len(request.body))

    sts.meta.events.register(
        "before-sign",
        lambda request, **_: request.headers.add_header(
            "X-Amz-Content-SHA256", hashlib.sha256(b"Action=GetCallerIdentity&Version=2011-06-15").hexdigest()
        ),
    )
    assert user.arn == sts.get_caller_identity()["Arn"]
    tamper(sts, change)
    assert (403, "SignatureDoesNotMatch", WRONG_SIGNATURE) == refusal(sts.get_caller_identity)


def test_a_changed_header_is_refused(connect: Connect, user: User) -> None:
    """The headers that were signed are not to be changed; others are."""
    sts = connect("sts", user)
    tamper(sts, header_to("User-Agent", "another"))
    assert user.arn == sts.get_caller_identity()["Arn"]
    tamper(sts, header_to("Content-Type", "text/plain"))
    assert (403, "SignatureDoesNotMatch", WRONG_SIGNATURE) == refusal(sts.get_caller_identity)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("/sts/", "/iam/", "Credential should be scoped to correct service: 'sts'."),
        ("/us-west-2/", "/us west 2/", "Credential should be scoped to a valid region, not 'us west 2'."),
        (
            "aws4_request",
            "aws3_request",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'.",
        ),
        ("host;", "", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        (";x-amz-date", "", "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization."),
        ("/us-west-2/", "/us-east-1/", WRONG_SIGNATURE),
    ],
)
def test_a_wrong_scope_is_refused(connect: Connect, user: User, old: str, new: str, message: str) -> None:
    """A signature is for one service and region, and covers the host and the date."""
    sts = connect("sts", user)
    tamper(sts, scope_with(old, new))
    assert (403, "SignatureDoesNotMatch", message) == refusal(sts.get_caller_identity)


def test_a_date_that_is_not_the_scopes_is_refused(connect: Connect, user: User) -> None:
    """The scope's date is the request's."""
    sts = connect("sts", user)
    today = datetime.now(UTC).strftime("%Y%m%d")
    tamper(sts, scope_with(f"/{today}/", "/20200101/"))
    status, code, message = refusal(sts.get_caller_identity)
    assert (403, "SignatureDoesNotMatch") == (status, code)
    expected = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20200101' != '{today}', from '"
    )
    assert message.startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("AWS4-HMAC-SHA256", "AWS", "Unsupported AWS 'algorithm': 'AWS'."),
        ("SignedHeaders=", "Headers=", "Authorization header requires 'SignedHeaders' parameter."),
        ("/aws4_request", "", "Credential must have exactly 5 slash-delimited elements."),
    ],
)
def test_an_incomplete_header_is_refused(connect: Connect, user: User, old: str, new: str, message: str) -> None:
    """An Authorization header of another form is no signature."""
    sts = connect("sts", user)
    tamper(sts, scope_with(old, new))
    assert (403, "IncompleteSignature", message) == refusal(sts.get_caller_identity)


def test_a_request_without_a_date_is_refused(connect: Connect, user: User) -> None:
    """A signature needs its time, in AWS's form."""
    sts = connect("sts", user)
    tamper(sts, header_to("X-Amz-Date", "yesterday"))
    expected = (403, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got 'yesterday'.")
    assert expected == refusal(sts.get_caller_identity)
    tamper(sts, lambda request: request.headers.__delitem__("X-Amz-Date"))
    message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    assert (403, "IncompleteSignature", message) == refusal(sts.get_caller_identity)


def test_five_minutes_of_skew_are_allowed(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A clock that is off by less than 5 minutes is near enough, and Date tells the server's."""
    sts = connect("sts", user)
    for offset in (290, -290):
        aws.clock.offset = offset
        answer = sts.get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        there = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        assert abs((there - datetime.now(UTC)).total_seconds() - offset) < 3


TIME = r"(\d{8}T\d{6}Z)"


@pytest.mark.parametrize(
    ("offset", "form", "tolerance"),
    [
        (900, rf"Signature expired: {TIME} is now earlier than {TIME} \({TIME} - 5 min.\)", -5),
        (-900, rf"Signature not yet current: {TIME} is still later than {TIME} \({TIME} \+ 5 min.\)", 5),
    ],
)
def test_a_clock_that_is_off_is_refused(
    aws: LocalAWS, connect: Connect, user: User, offset: int, form: str, tolerance: int
) -> None:
    """A signature that is too old or too new is refused with the three times, until the clock is right."""
    sts = connect("sts", user)
    aws.clock.advance(offset)
    status, code, message = refusal(sts.get_caller_identity)
    assert (403, "SignatureDoesNotMatch") == (status, code)
    found = re.fullmatch(form, message)
    assert found is not None
    signed, limit, here = (datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for text in found.groups())
    assert timedelta(minutes=tolerance) == limit - here
    assert abs((here - signed).total_seconds() - offset) < 3
    aws.clock.advance(-offset)
    assert user.arn == sts.get_caller_identity()["Arn"]


def test_get_is_taken_as_post_is(aws: LocalAWS, user: User) -> None:
    """The query protocol works with its parameters in the query string."""
    keys = {"AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    assert f"<Arn>{user.arn}</Arn>" in identity_by_the_servers_clock(aws, keys)


# Sessions


def test_a_session_with_mfa_works_everywhere(connect: Connect, user: User, device: MFADevice) -> None:
    """A session's keys have AWS's form, and are good for STS and IAM."""
    credentials = sign_in(connect("sts", user), device)
    assert re.fullmatch("ASIA[A-Z2-7]{16}", credentials["AccessKeyId"])
    assert 40 == len(credentials["SecretAccessKey"])
    assert len(credentials["SessionToken"]) > 300
    assert set("/+=") <= set(credentials["SessionToken"])
    assert user.arn == connect("sts", credentials).get_caller_identity()["Arn"]
    keys = connect("iam", credentials).list_access_keys()["AccessKeyMetadata"]
    assert [user.access_key_id] == [key["AccessKeyId"] for key in keys]


def test_each_session_has_its_own_keys(connect: Connect, user: User) -> None:
    """No two sessions share a key, a secret or a token, and one's token does not fit another."""
    sts = connect("sts", user)
    first, second = (sts.get_session_token()["Credentials"] for _ in range(2))
    for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
        assert first[name] != second[name]
    crossed = connect("sts", first, SessionToken=second["SessionToken"])
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(crossed.get_caller_identity)
    without = connect("sts", first, SessionToken=None)
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(without.get_caller_identity)
    wrong = connect("sts", first, SecretAccessKey=second["SecretAccessKey"])
    assert (403, "SignatureDoesNotMatch", WRONG_SIGNATURE) == refusal(wrong.get_caller_identity)
    assert user.arn == connect("sts", first).get_caller_identity()["Arn"]


def test_an_unsigned_session_token_is_refused(connect: Connect, user: User) -> None:
    """The token's header has to be signed as well."""
    session = connect("sts", connect("sts", user).get_session_token()["Credentials"])
    tamper(session, scope_with(";x-amz-security-token", ""))
    message = "'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization."
    assert (403, "SignatureDoesNotMatch", message) == refusal(session.get_caller_identity)


@pytest.mark.parametrize(
    ("parameters", "seconds"),
    [({}, 43200), ({"DurationSeconds": 900}, 900), ({"DurationSeconds": 129600}, 129600)],
)
def test_a_session_lasts_as_asked(
    aws: LocalAWS, connect: Connect, user: User, parameters: dict[str, int], seconds: int
) -> None:
    """A session ends at its expiration, by the server's clock, and not before."""
    credentials = connect("sts", user).get_session_token(**parameters)["Credentials"]
    left = (credentials["Expiration"] - datetime.now(UTC)).total_seconds()
    assert seconds - 3 < left <= seconds
    aws.clock.advance(left - 5)
    assert f"<Arn>{user.arn}</Arn>" in identity_by_the_servers_clock(aws, credentials)
    aws.clock.advance(6)
    expected = "<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>"
    answer = identity_by_the_servers_clock(aws, credentials)
    assert answer.startswith("HTTP/1.1 403 ")
    assert expected in answer
    # A client whose clock is still right is told the same, not that its signature is too old.
    assert "ExpiredToken" == refusal(connect("sts", credentials).get_caller_identity)[1]


@pytest.mark.parametrize(
    ("parameters", "detected"),
    [
        (
            {"TokenCode": "1234567"},
            "1 validation error detected: Value '1234567' at 'tokenCode' failed to satisfy constraint: "
            "Member must have length less than or equal to 6",
        ),
        (
            {"TokenCode": "12345a"},
            "1 validation error detected: Value '12345a' at 'tokenCode' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\d]*",
        ),
        (
            {"TokenCode": "123456\\"},
            r"2 validation errors detected: Value '123456\' at 'tokenCode' failed to satisfy constraint: "
            r"Member must have length less than or equal to 6; Value '123456\' at 'tokenCode' failed to "
            r"satisfy constraint: Member must satisfy regular expression pattern: [\d]*",
        ),
        (
            {"DurationSeconds": 129601},
            "1 validation error detected: Value '129601' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value less than or equal to 129600",
        ),
        (
            {"SerialNumber": "<script>no</script>"},
            "1 validation error detected: Value '<script>no</script>' at 'serialNumber' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: [\w+=/:,.@-]*",
        ),
    ],
)
def test_invalid_parameters_are_refused(
    connect: Connect, user: User, parameters: dict[str, Any], detected: str
) -> None:
    """What breaks a constraint is refused in AWS's wording, before any code is looked at."""
    assert (400, "ValidationError", detected) == refusal(connect("sts", user).get_session_token, **parameters)


@pytest.mark.parametrize(
    ("parameter", "old", "new", "detected"),
    [
        ("durationSeconds", "900", "100", "Member must have value greater than or equal to 900"),
        ("tokenCode", "123456", "12345", "Member must have length greater than or equal to 6"),
    ],
)
def test_what_boto3_does_not_send_is_refused(
    connect: Connect, user: User, parameter: str, old: str, new: str, detected: str
) -> None:
    """Values too small are refused by the server too; boto3 stops them before it sends them."""
    sts = connect("sts", user)

    def change(params: dict[str, Any], **_: Any) -> None:
        name = parameter[0].upper() + parameter[1:]
        assert old == str(params["body"][name])
        params["body"][name] = new

    sts.meta.events.register("before-call.sts", change)
    parameters = {"DurationSeconds": 900} if parameter == "durationSeconds" else {"TokenCode": old}
    constraint = f"Value '{new}' at '{parameter}' failed to satisfy constraint: {detected}"
    expected = f"1 validation error detected: {constraint}"
    assert (400, "ValidationError", expected) == refusal(sts.get_session_token, **parameters)


def test_a_session_cannot_make_a_session(connect: Connect, user: User, device: MFADevice) -> None:
    """GetSessionToken wants long-term keys."""
    session = connect("sts", sign_in(connect("sts", user), device))
    expected = (403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
    assert expected == refusal(session.get_session_token)


def test_a_session_of_root_lasts_an_hour(aws: LocalAWS, connect: Connect) -> None:
    """Root's session is shortened without a word; root is its account's id, and has its own devices."""
    root = aws.create_user(root=True)
    device = root.add_virtual_device()
    assert "arn:aws:iam::123456789012:mfa/root-account-mfa-device" == device.serial_number
    credentials = sign_in(connect("sts", root), device, DurationSeconds=7200)
    assert 3595 < (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 3600
    identity = connect("sts", credentials).get_caller_identity()
    assert "arn:aws:iam::123456789012:root" == root.arn == identity["Arn"]
    assert "123456789012" == identity["UserId"] == identity["Account"]
    iam = connect("iam", root)
    assert [device.serial_number] == [found["SerialNumber"] for found in iam.list_mfa_devices()["MFADevices"]]
    assert root.arn == iam.get_user()["User"]["Arn"]
    assert [] == iam.list_users()["Users"]


# Codes


def test_codes_are_taken_one_window_early_or_late(
    aws: LocalAWS, connect: Connect, user: User, device: MFADevice
) -> None:
    """The codes of three windows are valid, and after them the device has none for now."""
    sts = connect("sts", user)
    to_the_start_of_a_window(aws)
    codes = []
    for _ in range(3):
        codes.append(device.code())
        sts.get_session_token(SerialNumber=device.serial_number, TokenCode=codes[-1])
    assert 3 == len(set(codes))
    with pytest.raises(RuntimeError, match="every code"):
        device.code()
    aws.clock.advance(30)
    sign_in(sts, device)


@pytest.mark.parametrize("windows", [-2, 2])
def test_codes_of_other_windows_are_refused(
    aws: LocalAWS, connect: Connect, user: User, device: MFADevice, windows: int
) -> None:
    """A code two windows early or late is wrong, until its time comes."""
    to_the_start_of_a_window(aws)
    aws.clock.advance(30 * windows)
    code = device.code()
    aws.clock.advance(-30 * windows)
    parameters = {"SerialNumber": device.serial_number, "TokenCode": code}
    sts = connect("sts", user)
    assert (403, "AccessDenied", WRONG_CODE) == refusal(sts.get_session_token, **parameters)
    aws.clock.advance(30 * windows)
    sts.get_session_token(**parameters)


def test_a_code_is_taken_once(connect: Connect, user: User, device: MFADevice) -> None:
    """A used code is a wrong code."""
    sts = connect("sts", user)
    parameters = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    sts.get_session_token(**parameters)
    assert (403, "AccessDenied", WRONG_CODE) == refusal(sts.get_session_token, **parameters)


def test_a_wrong_code_is_refused(connect: Connect, user: User, device: MFADevice) -> None:
    """Six other digits are refused, and spend nothing."""
    sts = connect("sts", user)
    parameters = {"SerialNumber": device.serial_number, "TokenCode": device.wrong_code()}
    assert (403, "AccessDenied", WRONG_CODE) == refusal(sts.get_session_token, **parameters)
    sign_in(sts, device)


def test_one_code_sent_twice_at_once_is_taken_once(connect: Connect, user: User, device: MFADevice) -> None:
    """Of requests with the same code at the same time, one gets a session."""
    parameters = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    outcomes: list[str] = []

    def call(sts: Any) -> None:
        try:
            sts.get_session_token(**parameters)
            outcomes.append("session")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=call, args=(connect("sts", user),)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["AccessDenied"] * 4 + ["session"] == sorted(outcomes)


def test_a_device_of_nobody_or_somebody_else_is_refused(aws: LocalAWS, connect: Connect, user: User) -> None:
    """The serial number must be of the caller's own device."""
    other = aws.create_user("jane.doe").add_virtual_device()
    sts = connect("sts", user)
    for serial_number in (other.serial_number, "arn:aws:iam::123456789012:mfa/nobody"):
        parameters = {"SerialNumber": serial_number, "TokenCode": other.code()}
        assert (403, "AccessDenied", WRONG_DEVICE) == refusal(sts.get_session_token, **parameters)


def test_a_passkey_is_listed_but_shows_no_codes(connect: Connect, user: User) -> None:
    """A passkey cannot be used with GetSessionToken."""
    passkey = user.add_passkey()
    assert passkey.serial_number.startswith("arn:aws:iam::123456789012:u2f/user/john.doe/")
    listed = connect("iam", user).list_mfa_devices()["MFADevices"]
    assert [passkey.serial_number] == [found["SerialNumber"] for found in listed]
    parameters = {"SerialNumber": passkey.serial_number, "TokenCode": "123456"}
    assert (403, "AccessDenied", WRONG_DEVICE) == refusal(connect("sts", user).get_session_token, **parameters)
    with pytest.raises(RuntimeError, match="passkey"):
        passkey.code()


def test_a_hardware_device_signs_in(connect: Connect, user: User) -> None:
    """A hardware device is named by its serial number."""
    device = user.add_hardware_device("GAHT12345678")
    assert "GAHT12345678" == device.serial_number
    assert "ASIA" == sign_in(connect("sts", user), device)["AccessKeyId"][:4]


@pytest.mark.parametrize("left_out", ["SerialNumber", "TokenCode"])
def test_a_device_and_a_code_go_together(connect: Connect, user: User, device: MFADevice, left_out: str) -> None:
    """One without the other is refused."""
    parameters = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    del parameters[left_out]
    message = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    assert (403, "AccessDenied", message) == refusal(connect("sts", user).get_session_token, **parameters)


# IAM


def test_devices_are_the_callers(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """ListMFADevices without a name is about whose key signed it."""
    jane = aws.create_user("jane.doe")
    janes = jane.add_virtual_device("phone")
    assert "arn:aws:iam::123456789012:mfa/phone" == janes.serial_number
    for caller, expected in ((user, device), (jane, janes)):
        listed = connect("iam", caller).list_mfa_devices()["MFADevices"]
        assert [(caller.name, expected.serial_number)] == [
            (found["UserName"], found["SerialNumber"]) for found in listed
        ]
    named = connect("iam", jane).list_mfa_devices(UserName="john.doe")["MFADevices"]
    assert [device.serial_number] == [found["SerialNumber"] for found in named]


def test_iam_wants_mfa_of_a_session(connect: Connect, user: User, device: MFADevice) -> None:
    """A session without MFA may not call IAM, and one with MFA may."""
    plain = connect("sts", user).get_session_token()["Credentials"]
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(connect("iam", plain).list_mfa_devices)
    assert user.arn == connect("sts", plain).get_caller_identity()["Arn"]
    mfa = connect("iam", sign_in(connect("sts", user), device))
    assert [device.serial_number] == [found["SerialNumber"] for found in mfa.list_mfa_devices()["MFADevices"]]


def test_keys_live_as_iam_says(connect: Connect, user: User) -> None:
    """A new key works at once, an inactive or a deleted one does not."""
    iam = connect("iam", user)
    new = iam.create_access_key()["AccessKey"]
    sts = connect("sts", new)
    assert user.arn == sts.get_caller_identity()["Arn"]
    for status, works in (("Inactive", False), ("Active", True)):
        iam.update_access_key(AccessKeyId=new["AccessKeyId"], Status=status)
        if works:
            assert user.arn == sts.get_caller_identity()["Arn"]
        else:
            assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(sts.get_caller_identity)
    connect("iam", new).delete_access_key(AccessKeyId=user.access_key_id)
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(connect("sts", user).get_caller_identity)


def test_a_deleted_users_session_ends(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A session is of a user, and goes with it."""
    session = connect("sts", connect("sts", user).get_session_token()["Credentials"])
    assert user.arn == session.get_caller_identity()["Arn"]
    admin = aws.create_user("admin")
    connect("iam", admin).delete_access_key(UserName="john.doe", AccessKeyId=user.access_key_id)
    assert user.arn == session.get_caller_identity()["Arn"]
    connect("iam", admin).delete_user(UserName="john.doe")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(session.get_caller_identity)


def test_dates_are_the_servers(aws: LocalAWS, connect: Connect, user: User) -> None:
    """The age of a key, of a user and of a device, and a key's last use, are by the server's clock."""
    aws.clock.offset = -200
    before = datetime.now(UTC) - timedelta(seconds=200)
    iam = connect("iam", user)
    new = iam.create_access_key()["AccessKey"]
    user.add_virtual_device()
    last_used = iam.get_access_key_last_used(AccessKeyId=user.access_key_id)["AccessKeyLastUsed"]
    enabled = iam.list_mfa_devices()["MFADevices"][0]["EnableDate"]
    created = iam.create_user(UserName="jane.doe")["User"]["CreateDate"]
    for moment in (new["CreateDate"], last_used["LastUsedDate"], enabled, created):
        assert abs((moment - before).total_seconds()) < 3
    assert ("iam", "us-west-2") == (last_used["ServiceName"], last_used["Region"])
    unused = iam.get_access_key_last_used(AccessKeyId=new["AccessKeyId"])["AccessKeyLastUsed"]
    assert {"ServiceName": "N/A", "Region": "N/A"} == unused


def test_a_device_made_with_iam_works(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A device is enabled with two codes in a row, shows codes, and is gone once deactivated."""
    iam = connect("iam", user)
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="tablet")["VirtualMFADevice"]
    serial_number = made["SerialNumber"]
    shown = MFADevice(serial_number, aws.clock, made["Base32StringSeed"].decode())
    to_the_start_of_a_window(aws)
    first = shown.code()
    aws.clock.advance(30)
    codes = {"AuthenticationCode1": first, "AuthenticationCode2": shown.code()}
    enable = {"UserName": "john.doe", "SerialNumber": serial_number}
    wrong = codes | {"AuthenticationCode2": shown.wrong_code()}
    expected = (403, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
    assert expected == refusal(iam.enable_mfa_device, **enable, **wrong)
    nowhere = {"UserName": "john.doe", "SerialNumber": "arn:aws:iam::123456789012:mfa/nowhere"}
    assert "NoSuchEntity" == refusal(iam.enable_mfa_device, **nowhere, **codes)[1]
    iam.enable_mfa_device(**enable, **codes)
    aws.clock.advance(60)
    parameters = {"SerialNumber": serial_number, "TokenCode": shown.code()}
    connect("sts", user).get_session_token(**parameters)
    iam.deactivate_mfa_device(**enable)
    assert (403, "AccessDenied", WRONG_DEVICE) == refusal(connect("sts", user).get_session_token, **parameters)


def test_iams_own_refusals_reach_the_log(aws: LocalAWS, connect: Connect, user: User) -> None:
    """What moto refuses has its code in the log."""
    status, code, _ = refusal(connect("iam", user).get_user, UserName="nobody")
    assert (404, "NoSuchEntity") == (status, code)
    assert (404, "NoSuchEntity") == (aws.requests[-1].status, aws.requests[-1].error_code)


def test_unknown_actions_are_refused(connect: Connect, user: User) -> None:
    """What is not served is said so."""
    message = "Could not find operation GetFederationToken for version 2011-06-15"
    assert (400, "InvalidAction", message) == refusal(connect("sts", user).get_federation_token, Name="me")


def test_a_missing_parameter_is_refused(connect: Connect, user: User) -> None:
    """A required parameter has to be there, whatever moto would do."""
    iam = connect("iam", user)

    def leave_out(params: dict[str, Any], **_: Any) -> None:
        del params["body"]["Status"]

    iam.meta.events.register("before-call.iam", leave_out)
    constraint = "Value null at 'status' failed to satisfy constraint: Member must not be null"
    detected = f"1 validation error detected: {constraint}"
    parameters = {"AccessKeyId": user.access_key_id, "Status": "Active"}
    assert (400, "ValidationError", detected) == refusal(iam.update_access_key, **parameters)


# Permissions


def test_a_user_is_denied_and_allowed(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """A denied action is refused, to the user and its sessions only, until it is allowed."""
    jane = aws.create_user("jane.doe")
    session = sign_in(connect("sts", user), device)
    user.deny("iam:ListMFADevices")
    expected = (
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/john.doe is not authorized to perform: iam:ListMFADevices on "
        "resource: user john.doe because no identity-based policy allows the iam:ListMFADevices action",
    )
    assert expected == refusal(connect("iam", user).list_mfa_devices)
    assert expected == refusal(connect("iam", session).list_mfa_devices)
    connect("iam", user).list_access_keys()
    connect("iam", jane).list_mfa_devices()
    user.allow("iam:ListMFADevices")
    connect("iam", user).list_mfa_devices()


def test_a_user_is_denied_sts(connect: Connect, user: User) -> None:
    """GetSessionToken can be denied explicitly, and GetCallerIdentity not at all."""
    user.deny("sts:*")
    sts = connect("sts", user)
    expected = (
        403,
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/john.doe is not authorized to perform: sts:GetSessionToken "
        "with an explicit deny in an identity-based policy",
    )
    assert expected == refusal(sts.get_session_token)
    assert user.arn == sts.get_caller_identity()["Arn"]
    with pytest.raises(ValueError, match="GetCallerIdentity"):
        user.deny("sts:GetCallerIdentity")


# Accounts


def test_two_local_aws_share_nothing(aws: LocalAWS, connect: Connect, user: User) -> None:
    """The same account id in two local AWS is two accounts."""
    with LocalAWS() as other:
        stranger = other.create_user("john.doe")
        sts = connect("sts", stranger)
        assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(sts.get_caller_identity)
        assert [] == other.requests
    assert user.arn == connect("sts", user).get_caller_identity()["Arn"]
    assert 2 == len(aws.requests)


def test_accounts_are_apart(aws: LocalAWS, connect: Connect, user: User) -> None:
    """Users of one name in two accounts are two users, each with its account's ARN."""
    other = aws.create_user("john.doe", account_id="210987654321", path="/team/")
    assert "arn:aws:iam::210987654321:user/team/john.doe" == other.arn
    assert other.arn == connect("sts", other).get_caller_identity()["Arn"]
    assert user.arn == connect("sts", user).get_caller_identity()["Arn"]
    device = other.add_virtual_device()
    assert "arn:aws:iam::210987654321:mfa/john.doe" == device.serial_number
    assert [] == connect("iam", user).list_mfa_devices()["MFADevices"]


@pytest.mark.parametrize(("partition", "region"), [("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1")])
def test_partitions_are_apart(aws: LocalAWS, connect: Connect, partition: str, region: str) -> None:
    """A partition shows in the ARNs, and only its own regions know its keys."""
    user = aws.create_user("john.doe", account_id="111122223333", partition=partition)
    device = user.add_virtual_device()
    assert f"arn:{partition}:iam::111122223333:mfa/john.doe" == device.serial_number
    assert f"arn:{partition}:iam::111122223333:u2f/user/john.doe/" in user.add_passkey().serial_number
    credentials = sign_in(connect("sts", user, region), device)
    arn = connect("sts", credentials, region).get_caller_identity()["Arn"]
    assert f"arn:{partition}:iam::111122223333:user/john.doe" == user.arn == arn
    assert user.arn == connect("iam", user, region).get_user()["User"]["Arn"]
    made = connect("iam", user, region).create_user(UserName="jane.doe")["User"]
    assert f"arn:{partition}:iam::111122223333:user/jane.doe" == made["Arn"]
    elsewhere = connect("sts", user, "us-west-2")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(elsewhere.get_caller_identity)
    with pytest.raises(ValueError, match="is in partition"):
        aws.create_user("jane.doe", account_id="111122223333")


# Faults


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ("Throttling", 400, "Rate exceeded"),
        (
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        ),
        ("ServiceUnavailable", 503, "The request has failed due to a temporary failure of the server."),
    ],
)
def test_errors_come_on_demand(
    aws: LocalAWS, connect: Connect, user: User, error: str, status: int, message: str
) -> None:
    """An error strikes one action, as often as asked."""
    aws.faults.add(error=error, action="GetSessionToken", times=2)
    sts = connect("sts", user)
    sts.get_caller_identity()
    for _ in range(2):
        assert (status, error, message) == refusal(sts.get_session_token)
    sts.get_session_token()
    blame = "Sender" if status < 500 else "Receiver"
    aws.faults.add(error=error)
    assert f"<Type>{blame}</Type>" in exchange(aws, "GET /?Action=Any HTTP/1.1\r\nHost: x\r\n\r\n")
    aws.requests.pop()
    assert [None, error, error, None] == [request.error_code for request in aws.requests]


def test_a_fault_lasts_until_it_is_removed(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A fault without a number strikes every request until it, or all, are taken away."""
    sts = connect("sts", user)
    fault = aws.faults.add(error="Throttling")
    for _ in range(3):
        assert "Throttling" == refusal(sts.get_caller_identity)[1]
    aws.faults.remove(fault)
    sts.get_caller_identity()
    aws.faults.add(error="Throttling")
    aws.faults.clear()
    sts.get_caller_identity()


def test_a_connection_is_reset(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A reset is a RST before any answer, and the next request is answered."""
    aws.faults.add(reset=True, times=2)
    sts = connect("sts", user)
    with pytest.raises(ConnectionClosedError):
        sts.get_caller_identity()
    with pytest.raises(ConnectionResetError):
        exchange(aws, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    sts.get_caller_identity()
    assert [None, None, 200] == [request.status for request in aws.requests]


def test_a_raw_answer_is_sent_as_it_is(aws: LocalAWS, connect: Connect, user: User) -> None:
    """An answer that is no XML reaches the client."""
    aws.faults.add(answer=(200, b"<GetCallerIdentityResponse><broken"), times=1)
    sts = connect("sts", user)
    with pytest.raises(ResponseParserError, match="invalid XML"):
        sts.get_caller_identity()
    sts.get_caller_identity()


def test_an_answer_is_held_back(aws: LocalAWS, connect: Connect, user: User) -> None:
    """Latency holds back the answer to one action, also when an error replaces it."""
    sts = connect("sts", user)
    aws.faults.add(latency=0.2, action="GetCallerIdentity")
    aws.faults.add(error="Throttling", times=1)
    refusal(sts.get_caller_identity)
    sts.get_session_token()
    slow, fast = ((request.ended or 0) - request.started for request in aws.requests)
    assert fast < 0.2 <= slow


def test_faults_that_cannot_be_are_refused(aws: LocalAWS) -> None:
    """An unknown error, two answers in one, and no time at all are mistakes of a test."""
    with pytest.raises(ValueError, match="error must be one of"):
        aws.faults.add(error="Throttled")
    with pytest.raises(ValueError, match="one of error, reset and answer"):
        aws.faults.add(error="Throttling", reset=True)
    with pytest.raises(ValueError, match="at least 1"):
        aws.faults.add(error="Throttling", times=0)


# The log


def test_the_log_tells_who_asked_for_what(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """An entry has the request's scope, agent and outcome, and no entry or repr has a secret."""
    sts = connect("sts", user)
    code = device.code()
    answer = sts.get_session_token(SerialNumber=device.serial_number, TokenCode=code)["Credentials"]
    refusal(connect("iam", answer, "eu-west-1").get_user, UserName="nobody")
    first, second = aws.requests
    assert ("GetSessionToken", "sts", user.access_key_id, "us-west-2", 200, None) == (
        first.action,
        first.service,
        first.access_key_id,
        first.region,
        first.status,
        first.error_code,
    )
    assert ("GetUser", "iam", answer["AccessKeyId"], "eu-west-1", 404, "NoSuchEntity") == (
        second.action,
        second.service,
        second.access_key_id,
        second.region,
        second.status,
        second.error_code,
    )
    assert "Boto3/" in first.user_agent
    assert first.ended is not None
    assert first.started <= first.ended <= second.started
    shown = repr([aws.requests, user, user.account, device, aws, answer["AccessKeyId"]])
    shown += repr(list(user.account.sessions.values()))
    for secret in (
        user.secret_access_key,
        answer["SecretAccessKey"],
        answer["SessionToken"],
        device.seed,
        code,
    ):
        assert secret is not None
        assert secret not in shown


def test_the_log_tells_how_many_at_once(aws: LocalAWS, connect: Connect, user: User) -> None:
    """Requests under way are in the log, and their peak can be computed from it."""
    aws.faults.add(latency=0.3)
    clients = [connect("sts", user) for _ in range(4)]
    threads = [threading.Thread(target=client.get_caller_identity) for client in clients]
    for thread in threads:
        thread.start()
    wait_for(aws, 4)
    assert [None] * 4 == [request.status for request in aws.requests]
    for thread in threads:
        thread.join()
    assert 4 == peak_concurrency(aws.requests)
    aws.faults.clear()
    del aws.requests[:]
    for client in clients:
        client.get_caller_identity()
    assert 1 == peak_concurrency(aws.requests)


# The server


def test_it_starts_and_stops_quickly_and_leaves_nothing() -> None:
    """Starting and stopping takes no time, and no thread or socket stays, even with clients connected."""
    before = set(threading.enumerate())
    started = time.perf_counter()
    for _ in range(10):
        with LocalAWS() as aws:
            aws.create_user("john.doe")
    assert (time.perf_counter() - started) / 10 < 0.05
    with LocalAWS() as aws, contextlib.ExitStack() as stack:
        port = int(aws.endpoint_url.rpartition(":")[2])
        idle = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        idle.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"MissingAuthenticationToken" in idle.recv(65536)
        aws.faults.add(latency=30)
        idle.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_for(aws, 2)
        started = time.perf_counter()
        aws.stop()
        assert time.perf_counter() - started < 1
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        with pytest.raises(RuntimeError, match="not running"):
            aws.endpoint_url.title()
    assert before >= set(threading.enumerate())


def test_a_failure_of_the_server_is_said(connect: Connect, user: User, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in the server itself is an InternalFailure with a traceback in the test's output."""
    user.account.backend.access_keys = None  # type: ignore[assignment]
    assert "InternalFailure" == refusal(connect("sts", user).get_caller_identity)[1]
    assert ["the local AWS failed at GetCallerIdentity"] == [record.message for record in caplog.records]


def test_a_name_or_root(aws: LocalAWS) -> None:
    """A user has a name, and root has none."""
    with pytest.raises(ValueError, match="has a name"):
        aws.create_user()
    with pytest.raises(ValueError, match="has a name"):
        aws.create_user("john.doe", root=True)


# For a person


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[str]]]:
    """Run ``python -m tests.local_aws``: the process, its exports, and the command for a code."""
    command = [sys.executable, "-m", "tests.local_aws", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line.strip())
                if line.startswith("Ctrl-C"):
                    break
            exports = dict(shlex.split(line)[1].split("=", 1) for line in printed if line.startswith("export "))
            code = next(shlex.split(line) for line in printed if " code " in line)
            yield process, exports, code
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_person_can_start_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop: signal.Signals) -> None:
    """What it prints is enough to sign in, its files are private, and it removes them."""
    home = tmp_path / "a home"
    with served("--home", str(home)) as (process, exports, code_command):
        assert 0o700 == stat.S_IMODE(home.stat().st_mode)
        assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        session = boto3.Session(profile_name="smce-veda")
        assert "us-west-2" == session.region_name
        with (
            contextlib.closing(session.client("iam")) as iam,
            contextlib.closing(session.client("sts")) as sts,
        ):
            serial_number = iam.list_mfa_devices()["MFADevices"][0]["SerialNumber"]
            assert "arn:aws:iam::123456789012:mfa/john.doe" == serial_number
            code = subprocess.run(code_command, check=True, capture_output=True, text=True).stdout.strip()
            sts.get_session_token(SerialNumber=serial_number, TokenCode=code)
        process.send_signal(stop)
        assert 0 == process.wait(5)
    assert not home.exists()


def test_a_persons_directory_is_kept(tmp_path: Path) -> None:
    """In a directory that was there, only its own files are removed, and none is overwritten."""
    (tmp_path / "mine").write_text("keep")
    with served("--home", str(tmp_path), "--latency", "0.01") as (process, _, _):
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(5)
    assert ["mine"] == os.listdir(tmp_path)
    (tmp_path / "config").write_text("keep")
    command = [sys.executable, "-m", "tests.local_aws", "--home", str(tmp_path)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    assert 1 == run.returncode
    assert "FileExistsError" in run.stderr
    assert ["config", "mine"] == sorted(os.listdir(tmp_path))
