"""The local AWS refuses what AWS refuses, in AWS's words, and takes what AWS takes."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.local_aws import Bucket, Clock, LocalAWS, MFADevice, PrivateCA, Role, User, peak_concurrency, signature
from tests.local_aws.answers import Answer, AWSError
from tests.local_aws.listener import Listener
from tests.processes import wait_until
from tests.proxy import ConnectProxy, black_hole, mute_server

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
EXPLICITLY = " with an explicit deny in an identity-based policy"


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
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
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


def assume(sts: Any, role: Role, name: str = "work", **parameters: Any) -> dict[str, Any]:
    """The credentials of a role's session."""
    answer = sts.assume_role(RoleArn=role.arn, RoleSessionName=name, **parameters)
    credentials: dict[str, Any] = answer["Credentials"]
    return credentials


def not_authorized(caller: str, role: str, why: str = "") -> tuple[int, str, str]:
    """The refusal of AssumeRole to a caller, which only an explicit denial gives a reason for."""
    message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}{why}"
    return 403, "AccessDenied", message


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
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
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


def is_open(port: int) -> bool:
    """Whether somebody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_for(aws: LocalAWS, number: int) -> None:
    """Wait until the log has a number of requests."""
    wait_until(lambda: len(aws.requests) >= number)


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
    for offset in (240, -240):
        aws.clock.offset = offset
        answer = sts.get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        there = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        assert abs((there - datetime.now(UTC)).total_seconds() - offset) < 60


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
    assert abs((here - signed).total_seconds() - offset) < 60
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
    assert seconds - 60 < left <= seconds
    aws.clock.advance(left - 100)
    assert f"<Arn>{user.arn}</Arn>" in identity_by_the_servers_clock(aws, credentials)
    aws.clock.advance(101)
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
    assert 3540 < (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 3600
    identity = connect("sts", credentials).get_caller_identity()
    assert "arn:aws:iam::123456789012:root" == root.arn == identity["Arn"]
    assert "123456789012" == identity["UserId"] == identity["Account"]
    iam = connect("iam", root)
    assert [device.serial_number] == [found["SerialNumber"] for found in iam.list_mfa_devices()["MFADevices"]]
    assert root.arn == iam.get_user()["User"]["Arn"]
    assert [] == iam.list_users()["Users"]


# Roles


def test_a_session_of_a_role_is_the_role(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A role's session has keys and an identity of its own, in which the role's path is left out."""
    role = aws.create_role("admin", path="/team/", account_id="210987654321")
    assert "arn:aws:iam::210987654321:role/team/admin" == role.arn
    answer = connect("sts", user).assume_role(RoleArn=role.arn, RoleSessionName="john@work")
    credentials = answer["Credentials"]
    assert re.fullmatch("ASIA[A-Z2-7]{16}", credentials["AccessKeyId"])
    assert 3540 < (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 3600
    identity = connect("sts", credentials).get_caller_identity()
    arn = "arn:aws:sts::210987654321:assumed-role/admin/john@work"
    assert arn == answer["AssumedRoleUser"]["Arn"] == identity["Arn"]
    assert re.fullmatch("AROA[A-Z2-7]{17}:john@work", identity["UserId"])
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == identity["UserId"]
    assert "210987654321" == identity["Account"]
    with_another_token = connect("sts", credentials, SessionToken="FwoGZXIvYXdzEA==")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(with_another_token.get_caller_identity)


JOHN, JANE = (f"arn:aws:iam::123456789012:user/{name}" for name in ("john.doe", "jane.doe"))
HERE, ELSEWHERE = (f"arn:aws:iam::{account_id}:root" for account_id in ("123456789012", "210987654321"))


@pytest.mark.parametrize(
    ("trusted", "taken"),
    [
        (None, True),
        (JOHN, True),
        (HERE, True),
        ([JANE, JOHN], True),
        ([], False),
        (JANE, False),
        (ELSEWHERE, False),
        ("arn:aws:iam::123456789012:role/john.doe", False),
    ],
)
def test_a_role_trusts_whom_it_names(
    aws: LocalAWS, connect: Connect, user: User, trusted: str | list[str] | None, taken: bool
) -> None:
    """Users are trusted by name or with their account, by a role of any account; their sessions as they are."""
    role = aws.create_role("admin", trusted=trusted, account_id="111122223333")
    for keys in (user, connect("sts", user).get_session_token()["Credentials"]):
        sts = connect("sts", keys)
        if taken:
            assert "ASIA" == assume(sts, role)["AccessKeyId"][:4]
        else:
            assert not_authorized(JOHN, role.arn) == refusal(assume, sts=sts, role=role)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:role/nobody",
        "arn:aws:iam::123456789012:role/admin",
        "arn:aws:iam::999999999999:role/team/admin",
        "arn:aws-us-gov:iam::111122223333:role/gov",
        JOHN,
    ],
)
def test_a_role_that_is_not_there_is_refused(aws: LocalAWS, connect: Connect, user: User, arn: str) -> None:
    """Who asks for a role that does not exist, or not in this partition, is told no more than who is not trusted."""
    aws.create_role("admin", path="/team/")
    aws.create_role("gov", account_id="111122223333", partition="aws-us-gov")
    sts = connect("sts", user)
    assert not_authorized(JOHN, arn) == refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work")


def test_roles_are_chained(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A role trusts the sessions of another by that role's ARN, one by its own ARN, or all of its account."""
    first = aws.create_role("first", path="/team/", trusted=user.arn)
    session = connect("sts", assume(connect("sts", user), first))
    arn = session.get_caller_identity()["Arn"]
    assert "arn:aws:sts::123456789012:assumed-role/first/work" == arn
    for number, trusted in enumerate((first.arn, arn, HERE, None)):
        role = aws.create_role(f"second-{number}", trusted=trusted, account_id="210987654321")
        identity = connect("sts", assume(session, role, "more")).get_caller_identity()
        assert f"arn:aws:sts::210987654321:assumed-role/second-{number}/more" == identity["Arn"]
    role = aws.create_role("third", trusted=[user.arn, arn.replace("work", "play")])
    assert not_authorized(arn, role.arn) == refusal(assume, sts=session, role=role)


def test_a_role_wants_mfa(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """MFA is the session's or the request's, and is not inherited by a role's session."""
    role = aws.create_role("admin", require_mfa=True)
    sts = connect("sts", user)
    plain = connect("sts", sts.get_session_token()["Credentials"])
    for without in (sts, plain):
        assert not_authorized(JOHN, role.arn) == refusal(assume, sts=without, role=role)
    mfa = connect("sts", sign_in(sts, device))
    with_code = assume(sts, role, SerialNumber=device.serial_number, TokenCode=device.code())
    for credentials in (with_code, assume(mfa, role)):
        chained = connect("sts", credentials)
        arn = "arn:aws:sts::123456789012:assumed-role/admin/work"
        assert not_authorized(arn, role.arn) == refusal(assume, sts=chained, role=role)


def test_a_code_for_a_role_is_checked(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """A code sent with AssumeRole has to be right, unused and of the signing user, even if no role wants it."""
    role, sts = aws.create_role("admin"), connect("sts", user)
    right = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    wrong = right | {"TokenCode": device.wrong_code()}
    assert (403, "AccessDenied", WRONG_CODE) == refusal(assume, sts=sts, role=role, **wrong)
    session = connect("sts", sts.get_session_token()["Credentials"])
    chained = connect("sts", assume(sts, role))
    jane = connect("sts", aws.create_user("jane.doe"))
    for other in (session, chained, jane):
        assert (403, "AccessDenied", WRONG_DEVICE) == refusal(assume, sts=other, role=role, **right)
    message = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
    half = {"TokenCode": device.code()}
    assert (403, "AccessDenied", message) == refusal(assume, sts=sts, role=role, **half)
    assume(sts, role, **right)
    assert (403, "AccessDenied", WRONG_CODE) == refusal(assume, sts=sts, role=role, **right)


def test_a_role_wants_an_external_id(aws: LocalAWS, connect: Connect, user: User) -> None:
    """The external id has to be the role's, if it has one."""
    role, sts = aws.create_role("theirs", external_id="a:b/c"), connect("sts", user)
    for wrong in ({}, {"ExternalId": "a:b/d"}):
        assert not_authorized(JOHN, role.arn) == refusal(assume, sts=sts, role=role, **wrong)
    assume(sts, role, ExternalId="a:b/c")
    assume(sts, aws.create_role("ours"), ExternalId="any")


def test_assuming_roles_is_denied(aws: LocalAWS, connect: Connect, user: User) -> None:
    """What a user or a role is denied is refused explicitly, whomever a role trusts."""
    role, sts = aws.create_role("admin", trusted=HERE), connect("sts", user)
    session = connect("sts", assume(sts, role))
    user.deny("sts:AssumeRole")
    role.deny("iam:*")
    assert not_authorized(JOHN, role.arn, EXPLICITLY) == refusal(assume, sts=sts, role=role)
    user_session = connect("sts", sts.get_session_token()["Credentials"])
    assert not_authorized(JOHN, role.arn, EXPLICITLY) == refusal(assume, sts=user_session, role=role)
    assume(session, role)
    user.allow("sts:AssumeRole")
    role.deny("sts:*")
    assume(sts, role)
    arn = "arn:aws:sts::123456789012:assumed-role/admin/work"
    assert not_authorized(arn, role.arn, EXPLICITLY) == refusal(assume, sts=session, role=role)
    role.allow("sts:*")
    assume(session, role)


def test_root_assumes_no_roles(aws: LocalAWS, connect: Connect) -> None:
    """Neither root's key nor its session may."""
    role, root = aws.create_role("admin"), aws.create_user(root=True)
    session = connect("sts", root).get_session_token()["Credentials"]
    for keys in (root, session):
        expected = (403, "AccessDenied", "Roles may not be assumed by root accounts.")
        assert expected == refusal(assume, sts=connect("sts", keys), role=role)


def test_a_role_has_a_longest_session(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A session lasts as asked, up to the role's maximum, which IAM tells."""
    role, sts = aws.create_role("admin", max_session_duration=7200), connect("sts", user)
    assert 7200 == connect("iam", user).get_role(RoleName="admin")["Role"]["MaxSessionDuration"]
    for seconds in (900, 7200):
        credentials = assume(sts, role, DurationSeconds=seconds)
        left = (credentials["Expiration"] - datetime.now(UTC)).total_seconds()
        assert seconds - 60 < left <= seconds
    message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    assert (400, "ValidationError", message) == refusal(assume, sts=sts, role=role, DurationSeconds=7201)
    for impossible in (3599, 43201):
        with pytest.raises(ValueError, match="from 3600 to 43200"):
            aws.create_role("other", max_session_duration=impossible)


def test_temporary_credentials_assume_a_role_for_an_hour_at_most(
    aws: LocalAWS, connect: Connect, user: User, device: MFADevice
) -> None:
    role, sts = aws.create_role("admin", max_session_duration=7200), connect("sts", user)
    with_mfa = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    sessions = [
        sts.get_session_token()["Credentials"],
        sts.get_session_token(**with_mfa)["Credentials"],
        assume(sts, role),
    ]
    message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    for session in sessions:
        assume(connect("sts", session), role, DurationSeconds=3600)
        refused = refusal(assume, sts=connect("sts", session), role=role, DurationSeconds=3601)
        assert refused == (400, "ValidationError", message)


NAMES = r"Member must satisfy regular expression pattern: [\w+=,.@-]*"


@pytest.mark.parametrize(
    ("parameter", "value", "constraints"),
    [
        ("RoleArn", "arn:aws:iam::1:r/a", ["Member must have length greater than or equal to 20"]),
        ("RoleArn", "arn:" + "a" * 2045, ["Member must have length less than or equal to 2048"]),
        ("RoleArn", None, ["Member must not be null"]),
        ("RoleSessionName", "a", ["Member must have length greater than or equal to 2"]),
        ("RoleSessionName", "a" * 65, ["Member must have length less than or equal to 64"]),
        ("RoleSessionName", "john doe", [NAMES]),
        ("RoleSessionName", "/" * 65, ["Member must have length less than or equal to 64", NAMES]),
        ("RoleSessionName", None, ["Member must not be null"]),
        ("ExternalId", "a", ["Member must have length greater than or equal to 2"]),
        ("ExternalId", "a" * 1225, ["Member must have length less than or equal to 1224"]),
        ("ExternalId", "a b", [r"Member must satisfy regular expression pattern: [\w+=,.@:\/-]*"]),
        ("DurationSeconds", "899", ["Member must have value greater than or equal to 900"]),
        ("DurationSeconds", "43201", ["Member must have value less than or equal to 43200"]),
        ("TokenCode", "12345", ["Member must have length greater than or equal to 6"]),
    ],
)
def test_invalid_parameters_of_a_role_are_refused(
    aws: LocalAWS, connect: Connect, user: User, parameter: str, value: str | None, constraints: list[str]
) -> None:
    """What breaks a constraint of AssumeRole is refused before anything else is looked at."""
    role, sts = aws.create_role("admin", trusted=[]), connect("sts", user)

    def change(params: dict[str, Any], **_: Any) -> None:
        # After boto3 has looked: it does not send what is too short or left out.
        params["body"].pop(parameter, None)
        if value is not None:
            params["body"][parameter] = value

    sts.meta.events.register("before-call.sts", change)
    shown = "null" if value is None else f"'{value}'"
    name = parameter[0].lower() + parameter[1:]
    broken = [f"Value {shown} at '{name}' failed to satisfy constraint: {constraint}" for constraint in constraints]
    errors = "error" if len(broken) == 1 else "errors"
    message = f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"
    assert (400, "ValidationError", message) == refusal(assume, sts=sts, role=role)


@pytest.mark.parametrize("text", ["123456789012:role/admin", "arn:aws:iam::123456789012"])
def test_a_role_is_named_by_its_arn(connect: Connect, user: User, text: str) -> None:
    """What is no ARN is said to be invalid."""
    sts = connect("sts", user)
    expected = (400, "ValidationError", f"{text} is invalid")
    assert expected == refusal(sts.assume_role, RoleArn=text, RoleSessionName="work")


def test_a_role_has_no_devices_of_its_own(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """A role may call IAM without MFA, about a user that it names, and makes no sessions of users."""
    credentials = assume(connect("sts", user), aws.create_role("admin"))
    iam = connect("iam", credentials)
    listed = iam.list_mfa_devices(UserName="john.doe")["MFADevices"]
    assert [device.serial_number] == [found["SerialNumber"] for found in listed]
    expected = (400, "ValidationError", "Must specify userName when calling with non-User credentials")
    for call in (iam.list_mfa_devices, iam.get_user, iam.list_access_keys):
        assert expected == refusal(call)
    denied = (403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
    assert denied == refusal(connect("sts", credentials).get_session_token)


def test_a_role_is_denied_iam(aws: LocalAWS, connect: Connect, user: User) -> None:
    """What is denied to a role is denied to its sessions and to nobody else."""
    role = aws.create_role("admin")
    iam = connect("iam", assume(connect("sts", user), role))
    iam.list_mfa_devices(UserName="john.doe")
    role.deny("iam:List*")
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/admin/work is not authorized to perform: iam:ListMFADevices "
        "on resource: user john.doe because no identity-based policy allows the iam:ListMFADevices action"
    )
    assert (403, "AccessDenied", message) == refusal(iam.list_mfa_devices, UserName="john.doe")
    connect("iam", user).list_mfa_devices()


def test_a_session_of_a_role_ends(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A role's session ends at its expiration, and with its role."""
    role, sts = aws.create_role("admin"), connect("sts", user)
    credentials = assume(sts, role, DurationSeconds=900)
    left = (credentials["Expiration"] - datetime.now(UTC)).total_seconds()
    aws.clock.advance(left - 100)
    assert "assumed-role/admin/work" in identity_by_the_servers_clock(aws, credentials)
    aws.clock.advance(101)
    assert "<Code>ExpiredToken</Code>" in identity_by_the_servers_clock(aws, credentials)
    aws.clock.offset = 0
    session = connect("sts", credentials)
    session.get_caller_identity()
    connect("iam", user).delete_role(RoleName="admin")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(session.get_caller_identity)
    arn = "arn:aws:iam::123456789012:role/admin"
    assert not_authorized(JOHN, arn) == refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work")


def test_iam_shows_a_roles_trust(aws: LocalAWS, connect: Connect, user: User) -> None:
    """GetRole has the policy a role was made with, by the server's clock; one made with IAM trusts nobody."""
    aws.clock.offset = -200
    aws.create_role("admin", trusted=[JOHN], require_mfa=True, external_id="a:b")
    iam = connect("iam", user)
    shown = iam.get_role(RoleName="admin")["Role"]
    assert abs((datetime.now(UTC) - shown["CreateDate"]).total_seconds() - 200) < 60
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "StringEquals": {"sts:ExternalId": "a:b"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [JOHN]},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    assert {"Version": "2012-10-17", "Statement": [statement]} == shown["AssumeRolePolicyDocument"]
    aws.create_role("open")
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    policy = iam.get_role(RoleName="open")["Role"]["AssumeRolePolicyDocument"]
    assert {"Version": "2012-10-17", "Statement": [everybody]} == policy
    made = iam.create_role(RoleName="made", AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]
    sts = connect("sts", user)
    assert not_authorized(JOHN, made) == refusal(sts.assume_role, RoleArn=made, RoleSessionName="work")


def test_a_role_is_in_a_partition(aws: LocalAWS, connect: Connect) -> None:
    """A role of another partition has that partition's ARNs, and its sessions that partition's regions."""
    user = aws.create_user("john.doe", account_id="111122223333", partition="aws-us-gov")
    role = aws.create_role("admin", trusted=user.arn, account_id="111122223333", partition="aws-us-gov")
    assert "arn:aws-us-gov:iam::111122223333:role/admin" == role.arn
    credentials = assume(connect("sts", user, "us-gov-west-1"), role)
    identity = connect("sts", credentials, "us-gov-east-1").get_caller_identity()
    assert "arn:aws-us-gov:sts::111122223333:assumed-role/admin/work" == identity["Arn"]
    elsewhere = connect("sts", credentials, "us-west-2")
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(elsewhere.get_caller_identity)


def test_many_roles_at_once(aws: LocalAWS, connect: Connect, user: User) -> None:
    """200 roles, 16 at a time."""
    roles = [aws.create_role(f"role-{number}", trusted=user.arn) for number in range(200)]
    clients = [connect("sts", user) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda number: assume(clients[number % 16], roles[number]), range(200)))
    assert 200 == len({credentials["AccessKeyId"] for credentials in made})


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


def test_a_code_that_stands_in_the_serial_number_is_passed_over(aws: LocalAWS, device: MFADevice) -> None:
    """As a secret it would be found wherever a user of the account is named."""
    to_the_start_of_a_window(aws)
    first = device.code()
    device.serial_number = f"arn:aws:iam::{first}789012:mfa/john.doe"
    second = device.code()

    assert second != first
    assert device.accept(second)
    assert device.accept(first)


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


def test_new_keys_may_take_a_while(aws: LocalAWS, connect: Connect, user: User) -> None:
    """By the server's clock; and there is no third one. Keys that are older work meanwhile."""
    aws.delay_new_keys(60)
    aws.clock.offset += 120
    iam = connect("iam", user)
    new = iam.create_access_key()["AccessKey"]
    assert (409, "LimitExceeded") == refusal(iam.create_access_key)[:2]
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(connect("sts", new).get_caller_identity)
    aws.clock.offset += 60
    assert user.arn == connect("sts", new).get_caller_identity()["Arn"]


def test_a_key_is_deactivated(connect: Connect, user: User) -> None:
    """An inactive key is not known to AWS, and IAM shows what it is; sessions made with it go on."""
    session = sign_in(connect("sts", user), user.add_virtual_device())
    user.deactivate_access_key()
    assert (403, "InvalidClientTokenId", INVALID_TOKEN) == refusal(connect("sts", user).get_caller_identity)
    keys = connect("iam", session).list_access_keys()["AccessKeyMetadata"]
    assert [(user.access_key_id, "Inactive")] == [(key["AccessKeyId"], key["Status"]) for key in keys]


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


# S3


@pytest.fixture
def bucket(aws: LocalAWS) -> Bucket:
    """A bucket with a few objects."""
    bucket = aws.create_bucket("results")
    for key in ("2026/run 1.csv", "2026/run 2.csv", "2026/plots/a&b.png", "note.txt", "note.txt~"):
        bucket.put_object(key, key.encode())
    return bucket


EMPTY = hashlib.sha256(b"").hexdigest()
WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"


@pytest.mark.parametrize(
    ("method", "target", "more_headers", "body", "expected"),
    [
        (
            "GET",
            "/test.txt",
            {"range": "bytes=0-9", "x-amz-content-sha256": EMPTY},
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            {
                "date": "Fri, 24 May 2013 00:00:00 GMT",
                "x-amz-content-sha256": WELCOME,
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
            },
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/?lifecycle",
            {"x-amz-content-sha256": EMPTY},
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/?max-keys=2&prefix=J",
            {"x-amz-content-sha256": EMPTY},
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_published_signatures_for_s3_verify(
    method: str, target: str, more_headers: dict[str, str], body: bytes, expected: str
) -> None:
    """The examples in AWS's "Authenticating Requests: Using the Authorization Header" are right."""
    headers = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"} | more_headers
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    names = ";".join(sorted(headers))
    now = datetime(2013, 5, 24, tzinfo=UTC)
    for digest, right in ((expected, True), (expected[::-1], False)):
        value = f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={digest}"
        request = signature.HTTPRequest(method, target, (*headers.items(), ("authorization", value)), body)
        authorization = signature.read(request, "s3")
        with contextlib.nullcontext() if right else pytest.raises(AWSError, match="does not match"):
            signature.verify(request, authorization, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", now)


class UnsignedPayload(S3SigV4Auth):
    """botocore's signer for S3, as it is with TLS and a body that is streamed."""

    def _should_sha256_sign_payload(self, _request: AWSRequest) -> bool:
        return False


@settings(max_examples=100, deadline=None)
@given(
    key=st.lists(st.sampled_from(["a", "b c", "..", ".", "", "é", "%41", "+"]), max_size=4),
    query=st.dictionaries(WORDS, WORDS, max_size=3),
    body=st.binary(max_size=50),
    signer=st.sampled_from([S3SigV4Auth, UnsignedPayload]),
)
def test_signatures_of_botocore_for_s3_verify(
    key: list[str], query: dict[str, str], body: bytes, signer: type[S3SigV4Auth]
) -> None:
    """What botocore signs verifies, whatever the key; another body does so if the body was not signed."""
    path = "/results/" + quote("/".join(key))
    unsigned = AWSRequest("PUT", f"http://127.0.0.1{path}", data=body, params=query)
    signer(Credentials("AKIDEXAMPLE", "secret"), "s3", "eu-west-1").add_auth(unsigned)
    sent = unsigned.prepare()
    headers: dict[str, Any] = {"host": "127.0.0.1"} | dict(sent.headers.items())
    texts = tuple((name.lower(), v.decode() if isinstance(v, bytes) else v) for name, v in headers.items())
    for changed in (b"", b"x"):
        target = sent.url.removeprefix("http://127.0.0.1")
        request = signature.HTTPRequest("PUT", target, texts, body + changed)
        refused = changed and signer is S3SigV4Auth
        with pytest.raises(AWSError, match="does not match") if refused else contextlib.nullcontext():
            signature.verify(request, signature.read(request, "s3"), "secret", datetime.now(UTC))


def test_buckets_are_listed(aws: LocalAWS, connect: Connect, user: User, bucket: Bucket) -> None:
    """ListBuckets has the buckets of the caller's account, with the time they were made."""
    aws.create_bucket("archive")
    aws.create_bucket("theirs", account_id="210987654321")
    buckets = connect("s3", user).list_buckets()["Buckets"]
    assert ["archive", "results"] == [listed["Name"] for listed in buckets]
    assert abs((buckets[1]["CreationDate"] - datetime.now(UTC)).total_seconds()) < 3
    assert 200 == connect("s3", user).head_bucket(Bucket=bucket.name)["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("parameters", "keys", "prefixes"),
    [
        ({}, ["2026/plots/a&b.png", "2026/run 1.csv", "2026/run 2.csv", "note.txt", "note.txt~"], []),
        ({"Delimiter": "/"}, ["note.txt", "note.txt~"], ["2026/"]),
        ({"Delimiter": "/", "Prefix": "2026/"}, ["2026/run 1.csv", "2026/run 2.csv"], ["2026/plots/"]),
        ({"Prefix": "2026/run 1"}, ["2026/run 1.csv"], []),
        ({"Prefix": "2027/"}, [], []),
    ],
)
def test_objects_are_listed(
    connect: Connect, user: User, bucket: Bucket, parameters: dict[str, str], keys: list[str], prefixes: list[str]
) -> None:
    """Below a prefix, with those beyond a delimiter rolled up, by the old and the new way to ask."""
    s3 = connect("s3", user)
    for listing in (s3.list_objects, s3.list_objects_v2):
        answer = listing(Bucket=bucket.name, **parameters)
        assert keys == [listed["Key"] for listed in answer.get("Contents", [])]
        assert prefixes == [listed["Prefix"] for listed in answer.get("CommonPrefixes", [])]
        assert not answer["IsTruncated"]
    assert len(keys) + len(prefixes) == answer["KeyCount"]


@pytest.mark.parametrize("key", ["note.txt", "run 1.csv", "é/ü+%41", "a//b/../c", "?x=1&y", "~"])
def test_an_object_is_got(connect: Connect, user: User, bucket: Bucket, key: str) -> None:
    """Data and headers are the object's, whatever its key; HEAD has the same headers and no data."""
    bucket.put_object(key, data := b"a,b\n\xff\x00")
    s3 = connect("s3", user)
    for ask in (s3.get_object, s3.head_object):
        answer = ask(Bucket=bucket.name, Key=key)
        assert len(data) == answer["ContentLength"]
        assert f'"{hashlib.md5(data).hexdigest()}"' == answer["ETag"]
        assert "binary/octet-stream" == answer["ContentType"]
        assert abs((answer["LastModified"] - datetime.now(UTC)).total_seconds()) < 3
    assert data == s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()


NO_SUCH_KEY = "The specified key does not exist."


def test_what_is_not_there_is_not_found(connect: Connect, user: User, bucket: Bucket) -> None:
    """Buckets and keys that do not exist are refused by name, and without a word to HEAD."""
    s3 = connect("s3", user)
    no_bucket = (404, "NoSuchBucket", "The specified bucket does not exist")
    assert no_bucket == refusal(s3.list_objects_v2, Bucket="nowhere")
    assert (404, "NoSuchKey", NO_SUCH_KEY) == refusal(s3.get_object, Bucket=bucket.name, Key="nothing")
    assert (404, "404", "Not Found") == refusal(s3.head_object, Bucket=bucket.name, Key="nothing")


def test_what_s3_does_not_serve_here_is_not_implemented(connect: Connect, user: User, bucket: Bucket) -> None:
    """Nothing is answered as if a part of the request had not been there."""
    s3 = connect("s3", user)
    expected = (501, "NotImplemented", "This request implies functionality that is not implemented.")
    assert expected == refusal(s3.get_bucket_acl, Bucket=bucket.name)
    assert expected == refusal(s3.get_object, Bucket=bucket.name, Key="note.txt", Range="bytes=0-1")
    assert expected == refusal(s3.delete_objects, Bucket=bucket.name, Delete={"Objects": [{"Key": "note.txt"}]})


def test_s3_refuses_keys_in_its_own_words(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """Wrong keys, secrets, tokens and clocks, and sessions that have ended, have S3's codes and statuses."""
    session = sign_in(connect("sts", user), device)
    no_key = (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    assert no_key == refusal(connect("s3", user, AccessKeyId="AKIA" + "A" * 16).list_buckets)
    assert no_key == refusal(connect("s3", session, SessionToken=None).list_buckets)
    no_token = (400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    assert no_token == refusal(connect("s3", session, SessionToken="FwoGZXIvYXdzEA==").list_buckets)
    assert no_token == refusal(connect("s3", user, SessionToken=session["SessionToken"]).list_buckets)
    mismatch = WRONG_SIGNATURE.replace("AWS Secret Access Key", "key").partition(" Consult")[0]
    wrong = connect("s3", session, SecretAccessKey="x" * 40)
    assert (403, "SignatureDoesNotMatch", mismatch) == refusal(wrong.list_buckets)
    for offset in (-840, 840):
        aws.clock.offset = offset
        connect("s3", session).list_buckets()
    for offset in (-960, 960):
        aws.clock.offset = offset
        skewed = (403, "RequestTimeTooSkewed")
        assert skewed == refusal(connect("s3", session).list_buckets)[:2]
    aws.clock.offset = 43_201
    expired = (400, "ExpiredToken", "The provided token has expired.")
    assert expired == refusal(connect("s3", session).list_buckets)


def test_faults_of_s3_are_in_its_own_words(aws: LocalAWS, connect: Connect, user: User) -> None:
    """Throttling is called SlowDown, and a failure an internal error."""
    s3 = connect("s3", user)
    aws.faults.add(action="ListBuckets", error="Throttling", times=1)
    assert (503, "SlowDown", "Please reduce your request rate.") == refusal(s3.list_buckets)
    aws.faults.add(error="InternalFailure", times=1)
    failed = (500, "InternalError", "We encountered an internal error. Please try again.")
    assert failed == refusal(s3.list_buckets)


def test_a_changed_request_to_s3_is_refused(connect: Connect, user: User, bucket: Bucket) -> None:
    """The path is signed, and so is that the payload is not."""
    s3 = connect("s3", user)
    tamper(s3, header_to("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD"))
    assert "SignatureDoesNotMatch" == refusal(s3.list_objects_v2, Bucket=bucket.name)[1]
    s3 = connect("s3", user)
    tamper(s3, lambda request: setattr(request, "url", request.url.replace("note.txt", "note.txt~")))
    assert "SignatureDoesNotMatch" == refusal(s3.get_object, Bucket=bucket.name, Key="note.txt")[1]


def test_a_bucket_wants_mfa(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """Long-term keys, sessions without MFA and roles are kept out, and a session with MFA is let in."""
    aws.create_bucket("private", require_mfa=True).put_object("key", b"secret")
    sts = connect("sts", user)
    role = assume(sts, aws.create_role("admin"), SerialNumber=device.serial_number, TokenCode=device.code())
    for keys, arn in (
        (user, user.arn),
        (sts.get_session_token()["Credentials"], user.arn),
        (role, "arn:aws:sts::123456789012:assumed-role/admin/work"),
    ):
        s3 = connect("s3", keys)
        denied = f"User: {arn} is not authorized to perform: s3:%s with an explicit deny in a resource-based policy"
        expected = (403, "AccessDenied", denied % 'ListBucket on resource: "arn:aws:s3:::private"')
        assert expected == refusal(s3.list_objects_v2, Bucket="private")
        expected = (403, "AccessDenied", denied % 'GetObject on resource: "arn:aws:s3:::private/key"')
        assert expected == refusal(s3.get_object, Bucket="private", Key="key")
        assert ["private"] == [listed["Name"] for listed in s3.list_buckets()["Buckets"]]
    s3 = connect("s3", sign_in(sts, device))
    assert b"secret" == s3.get_object(Bucket="private", Key="key")["Body"].read()


def test_s3_is_denied(aws: LocalAWS, connect: Connect, user: User, bucket: Bucket) -> None:
    """What a user was denied is refused, and so are the buckets of other accounts."""
    theirs = aws.create_bucket("theirs", account_id="210987654321")
    s3 = connect("s3", user)
    denied = f"User: {user.arn} is not authorized to perform: s3:"
    reason = 'ListBucket on resource: "arn:aws:s3:::theirs" because no resource-based policy allows the s3:ListBucket'
    reason += " action"
    assert (403, "AccessDenied", denied + reason) == refusal(s3.list_objects_v2, Bucket=theirs.name)
    user.deny("s3:GetObject")
    reason = f'GetObject on resource: "arn:aws:s3:::results/note.txt"{EXPLICITLY}'
    assert (403, "AccessDenied", denied + reason) == refusal(s3.get_object, Bucket=bucket.name, Key="note.txt")
    s3.list_objects_v2(Bucket=bucket.name)
    user.deny("s3:List*")
    assert (403, "AccessDenied", f"{denied}ListAllMyBuckets{EXPLICITLY}") == refusal(s3.list_buckets)


def test_the_log_tells_what_was_asked_of_s3(aws: LocalAWS, connect: Connect, user: User, bucket: Bucket) -> None:
    """Actions are called as in S3's API, and have the parameters of the query."""
    s3 = connect("s3", user)
    s3.list_buckets()
    s3.get_bucket_location(Bucket=bucket.name)
    s3.head_bucket(Bucket=bucket.name)
    s3.list_objects(Bucket=bucket.name)
    s3.list_objects_v2(Bucket=bucket.name, Prefix="2026/")
    s3.head_object(Bucket=bucket.name, Key="note.txt")
    s3.get_object(Bucket=bucket.name, Key="note.txt")
    expected = "ListBuckets GetBucketLocation HeadBucket ListObjects ListObjectsV2 HeadObject GetObject"
    assert expected == " ".join(aws.actions)
    assert {("s3", user.access_key_id, 200)} == {
        (request.service, request.access_key_id, request.status) for request in aws.requests
    }
    assert "2026/" == aws.requests[4].parameters["prefix"]


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


def test_any_refusal_comes_on_demand(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A refusal that this server has no reason for reaches the client and the log as AWS would say it."""
    message = "STS is not activated in this region for account:123456789012 & no other."
    aws.faults.add(refusal=(403, "RegionDisabledException", message), action="AssumeRole", times=1)
    role, sts = aws.create_role("admin"), connect("sts", user)
    sts.get_caller_identity()
    assert (403, "RegionDisabledException", message) == refusal(assume, sts=sts, role=role)
    assume(sts, role)
    assert [None, "RegionDisabledException", None] == [request.error_code for request in aws.requests]


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


def test_anything_can_be_on_the_wire(aws: LocalAWS, connect: Connect, user: User) -> None:
    """In place of an answer, whose bytes are there to be changed; what was asked for has been done."""
    iam = connect("iam", user)
    aws.wire = lambda request, answer: [answer[:9], b"299", answer[12:]] if request.action == "ListUsers" else [b"x"]

    assert 299 == iam.list_users()["ResponseMetadata"]["HTTPStatusCode"]
    # Another connection, since the first one ends behind its answer, perhaps not yet.
    with pytest.raises(ConnectionClosedError):
        connect("iam", user).create_access_key()

    assert 2 <= len(user.access_keys)


def test_tests_can_come_before_a_request_and_its_answer(aws: LocalAWS, connect: Connect, user: User) -> None:
    """A connection ends before AWS has acted, or after it; or the answer is another."""
    iam = connect("iam", user)
    seen: list[int] = []

    def end(_: object) -> None:
        seen.append(len(user.access_keys))
        raise ConnectionAbortedError

    def fail(_: object) -> None:
        raise AWSError(500, "InternalFailure", "unknown")

    aws.before = end
    with pytest.raises(ConnectionClosedError):
        iam.create_access_key()
    aws.before, aws.after = (lambda _: None), end
    with pytest.raises(ConnectionClosedError):
        iam.create_access_key()
    aws.after = fail
    assert (500, "InternalFailure", "unknown") == refusal(iam.list_access_keys)
    assert [1, 2] == seen


def test_a_raw_answer_is_sent_as_it_is(aws: LocalAWS, connect: Connect, user: User) -> None:
    """An answer that is no XML reaches the client."""
    aws.faults.add(answer=(200, b"<GetCallerIdentityResponse><broken"), times=1)
    sts = connect("sts", user)
    with pytest.raises(ResponseParserError, match="invalid XML"):
        sts.get_caller_identity()
    sts.get_caller_identity()


def test_answers_are_held_back(aws: LocalAWS, connect: Connect, user: User) -> None:
    """Those to one action, and until the end of the block."""
    held, other = connect("sts", user), connect("sts", user)

    with ThreadPoolExecutor(1) as pool, aws.held("GetCallerIdentity"):
        identity = pool.submit(held.get_caller_identity)
        wait_for(aws, 1)
        other.get_session_token()
        assert not identity.done()

    assert user.arn == identity.result()["Arn"]
    assert user.arn == other.get_caller_identity()["Arn"]


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
    with pytest.raises(ValueError, match="one of error, refusal, reset and answer"):
        aws.faults.add(error="Throttling", reset=True)
    with pytest.raises(ValueError, match="one of error, refusal, reset and answer"):
        aws.faults.add(refusal=(403, "AccessDenied", "no"), answer=(200, b""))
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
    assert aws.endpoint_url == f"http://{first.host}"
    assert {
        "Action": "GetSessionToken",
        "Version": "2011-06-15",
        "SerialNumber": device.serial_number,
    } == first.parameters
    assert {"Action": "GetUser", "Version": "2010-05-08", "UserName": "nobody"} == second.parameters
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


def test_no_code_is_in_the_log(aws: LocalAWS, connect: Connect, user: User, device: MFADevice) -> None:
    """The codes that enable a device, and a code for a role, are left out; what is logged is not shown by repr."""
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    enable = {"UserName": "john.doe", "SerialNumber": "arn:aws:iam::123456789012:mfa/nowhere"}
    refusal(connect("iam", user).enable_mfa_device, **enable, **codes)
    parameters = {"ExternalId": "their-id", "SerialNumber": device.serial_number, "TokenCode": device.code()}
    assume(connect("sts", user), aws.create_role("admin"), **parameters)
    enabled, assumed = (dict(request.parameters) for request in aws.requests)
    assert {"Action": "EnableMFADevice", "Version": "2010-05-08", **enable} == enabled
    expected = {"Action", "Version", "RoleArn", "RoleSessionName", "ExternalId", "SerialNumber"}
    assert expected == set(assumed)
    assert "their-id" not in repr(aws.requests)


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
    """No thread or socket stays, even with clients connected, and no client is waited for."""
    before = set(threading.enumerate())
    for _ in range(10):
        with LocalAWS() as aws:
            aws.create_user("john.doe")
    with LocalAWS() as aws, contextlib.ExitStack() as stack:
        port = int(aws.endpoint_url.rpartition(":")[2])
        idle = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        idle.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"MissingAuthenticationToken" in idle.recv(65536)
        aws.faults.add(latency=3600)
        idle.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_for(aws, 2)
        aws.stop()
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


# TLS


@pytest.fixture(scope="module")
def authority() -> PrivateCA:
    """A certificate authority for 127.0.0.1, and for AWS's STS in GovCloud."""
    return PrivateCA("sts.us-gov-west-1.amazonaws.com")


@pytest.fixture
def bundle(authority: PrivateCA, tmp_path: Path) -> str:
    """The file with the authority's certificate."""
    path = tmp_path / "ca.pem"
    authority.write_pem(path)
    return str(path)


@contextlib.contextmanager
def sts_of(
    user: User,
    region: str = "us-west-2",
    *,
    fips: bool = False,
    timeout: float = 120,
    connect_timeout: float = 120,
    **more: Any,
) -> Iterator[Any]:
    """A client of STS that tries once, with an endpoint of AWS's unless given another."""
    client = boto3.client(
        "sts",
        region_name=region,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
        config=Config(
            retries={"total_max_attempts": 1},
            use_fips_endpoint=fips,
            connect_timeout=connect_timeout,
            read_timeout=timeout,
        ),
        **more,
    )
    with contextlib.closing(client):
        yield client


def test_it_speaks_tls(authority: PrivateCA, bundle: str) -> None:
    """With an authority it is an https endpoint, for the clients that trust that authority."""
    with LocalAWS(authority=authority) as aws:
        user = aws.create_user("john.doe")
        assert f"https://127.0.0.1:{aws.port}" == aws.endpoint_url
        for host in ("127.0.0.1", "localhost"):
            with sts_of(user, endpoint_url=f"https://{host}:{aws.port}", verify=bundle) as sts:
                assert user.arn == sts.get_caller_identity()["Arn"]
                assert user.arn == sts.get_caller_identity()["Arn"]
        assert [f"127.0.0.1:{aws.port}"] * 2 + [f"localhost:{aws.port}"] * 2 == [
            request.host for request in aws.requests
        ]


def test_who_does_not_trust_it_leaves_no_trace(
    authority: PrivateCA, bundle: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A client without trust in the authority, without TLS or without sense is nothing to print or to log."""
    with LocalAWS(authority=authority) as aws:
        user = aws.create_user("john.doe")
        with sts_of(user, endpoint_url=aws.endpoint_url) as sts, pytest.raises(SSLError, match="VERIFY_FAILED"):
            sts.get_caller_identity()
        with contextlib.suppress(ConnectionError):
            assert "HTTP/1.1" not in exchange(aws, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        socket.create_connection(("127.0.0.1", aws.port)).close()
        context = ssl.create_default_context(cafile=bundle)
        connection = socket.create_connection(("127.0.0.1", aws.port), timeout=120)
        with context.wrap_socket(connection, server_hostname="localhost") as wrapped:
            socket.socket.sendall(wrapped, b"plain text\r\n\r\n")
            with contextlib.suppress(OSError):
                assert b"" == wrapped.recv(1)
        assert [] == aws.requests
        aws.faults.add(latency=0.1, times=1)
        connection = socket.create_connection(("127.0.0.1", aws.port), timeout=120)
        with context.wrap_socket(connection, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(aws, 1)
        with sts_of(user, endpoint_url=aws.endpoint_url, verify=bundle) as sts:
            sts.get_caller_identity()
    assert ("", "") == capfd.readouterr()


def test_a_silent_client_keeps_nobody_waiting(authority: PrivateCA, bundle: str) -> None:
    """A connection on which no handshake begins holds up neither another one nor the end."""
    before = set(threading.enumerate())
    with (
        LocalAWS(authority=authority) as aws,
        socket.create_connection(("127.0.0.1", aws.port)),
        sts_of(aws.create_user("john.doe"), endpoint_url=aws.endpoint_url, verify=bundle) as sts,
    ):
        sts.get_caller_identity()
        aws.stop()
    assert before >= set(threading.enumerate())


def test_faults_come_through_tls(authority: PrivateCA, bundle: str) -> None:
    """A connection is reset, and an answer held back is sent at the end, as without TLS."""
    with (
        LocalAWS(authority=authority) as aws,
        sts_of(aws.create_user("john.doe"), endpoint_url=aws.endpoint_url, verify=bundle) as sts,
        ThreadPoolExecutor() as pool,
    ):
        aws.faults.add(reset=True, times=1)
        with pytest.raises(ConnectionClosedError):
            sts.get_caller_identity()
        aws.faults.add(latency=3600)
        held_back = pool.submit(sts.get_caller_identity)
        wait_for(aws, 2)
        aws.stop()
        assert "123456789012" == held_back.result(120)["Account"]


def test_an_answer_under_way_at_the_end_is_encrypted(authority: PrivateCA, bundle: str) -> None:
    """Closing ends what is read from a connection, and not the encryption of what is still to be written."""
    arrived, closing = threading.Event(), threading.Event()

    def answer(_: signature.HTTPRequest) -> Answer:
        arrived.set()
        assert closing.wait(120)
        return Answer(200, b"<late/>")

    listener = Listener(0, Clock(), answer, authority.server_context())
    context = ssl.create_default_context(cafile=bundle)
    port = listener.port
    client = http.client.HTTPSConnection("localhost", port, timeout=120, context=context)
    with contextlib.closing(client):
        client.request("GET", "/")
        assert arrived.wait(120)
        closer = threading.Thread(target=listener.close)
        closer.start()
        wait_until(lambda: not is_open(port))
        closing.set()
        closer.join()
        assert b"<late/>" == client.getresponse().read()


# Proxies and other obstacles


@pytest.fixture
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing about proxies, certificates or endpoints."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_") or name.endswith("CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("without_proxies")
def test_awss_own_names_lead_here_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, authority: PrivateCA, bundle: str
) -> None:
    """With a proxy and the authority in the environment, a client that believes to talk to AWS talks to it."""
    before = set(threading.enumerate())
    host = "sts.us-gov-west-1.amazonaws.com"
    monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    with LocalAWS(authority=authority) as aws, contextlib.ExitStack() as clients:
        user = aws.create_user("john.doe", partition="aws-us-gov")
        with ConnectProxy(aws.port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            sts = clients.enter_context(sts_of(user, "us-gov-west-1", fips=True))
            assert "arn:aws-us-gov:iam::123456789012:user/john.doe" == sts.get_caller_identity()["Arn"]
            assert [f"{host}:443"] == proxy.connects
            assert [(host, "us-gov-west-1")] == [(request.host, request.region) for request in aws.requests]
            # The certificate is not for every name.
            elsewhere = clients.enter_context(sts_of(user, "us-gov-east-1"))
            with pytest.raises(SSLError, match="doesn't match"):
                elsewhere.get_caller_identity()
            assert [f"{host}:443", f"{host.replace('west', 'east')}:443"] == proxy.connects
        # It has ended although the first client keeps its connection.
    assert before >= set(threading.enumerate())


@pytest.mark.usefixtures("without_proxies")
@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_refuses(monkeypatch: pytest.MonkeyPatch, aws: LocalAWS, user: User, status: int) -> None:
    """A proxy that refuses every tunnel says so with its status, and nothing reaches AWS."""
    with ConnectProxy(aws.port, status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with sts_of(user) as sts, pytest.raises(ProxyConnectionError) as caught:
            sts.get_caller_identity()
    # botocore's own text leaves out what the proxy said.
    assert f"Tunnel connection failed: {status} " in str(caught.value.kwargs["error"])
    assert ["sts.us-west-2.amazonaws.com:443"] == proxy.connects
    assert [] == aws.requests


@pytest.mark.usefixtures("without_proxies")
def test_a_proxy_to_nowhere_refuses(monkeypatch: pytest.MonkeyPatch, aws: LocalAWS, user: User) -> None:
    """A proxy whose target does not listen says that the gateway is bad."""
    port = aws.port
    aws.stop()
    with ConnectProxy(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with sts_of(user) as sts, pytest.raises(ProxyConnectionError) as caught:
            sts.get_caller_identity()
    assert "Tunnel connection failed: 502 " in str(caught.value.kwargs["error"])


@pytest.mark.usefixtures("without_proxies")
def test_a_black_hole_is_never_reached(user: User) -> None:
    """Each connection to it times out."""
    with black_hole() as port, sts_of(user, endpoint_url=f"http://127.0.0.1:{port}", connect_timeout=0.3) as sts:
        for _ in range(2):
            with pytest.raises(ConnectTimeoutError):
                sts.get_caller_identity()


@pytest.mark.usefixtures("without_proxies")
def test_a_mute_server_does_not_answer(user: User) -> None:
    """It is reached, and the answer does not come."""
    with mute_server() as port, sts_of(user, endpoint_url=f"http://127.0.0.1:{port}", timeout=0.3) as sts:
        for _ in range(2):
            with pytest.raises(ReadTimeoutError):
                sts.get_caller_identity()
