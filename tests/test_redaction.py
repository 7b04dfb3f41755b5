"""Secrets are taken out of what is told: known ones in every spelling, and what looks like one."""

import base64
import html
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus, unquote, unquote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfa_profiles import ini, log, mfa_process
from mfa_profiles.aws import sdk_log
from mfa_profiles.profiles import Keys
from mfa_profiles.redaction import MIN_LENGTH, Redactor
from mfa_profiles.sessions import SessionCredentials

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
SPELLINGS: list[Callable[[str], str]] = [
    str,
    quote,
    lambda text: quote(text, safe=""),
    lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%2B", "%2b"),
    quote_plus,
    lambda text: quote(text, safe="+"),
    escape,
    html.escape,
    lambda text: text.replace("/", "&#47;").replace("+", "&#x2B;"),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False).replace("/", "\\/")[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: repr(text.encode())[2:-1],
]
READERS: list[Callable[[str], str]] = [str, unquote, unquote_plus, html.unescape]

surroundings = st.text(st.characters(exclude_characters="*"), max_size=30)
secrets = st.one_of(
    st.from_regex(r"[0-9]{6}", fullmatch=True),
    st.text(BASE64, min_size=MIN_LENGTH, max_size=60),
    # Passwords; a mask beside asterisks would make new ones.
    st.text(
        st.characters(codec="utf-8", exclude_characters="*", exclude_categories=["C", "Z"]), min_size=6, max_size=20
    ),
)
# Without backslashes, since one that stands before by chance makes them another number, they have to be long enough.
secrets = secrets.filter(lambda secret: len(secret.replace("\\", "")) >= MIN_LENGTH)
spellings = st.sampled_from(SPELLINGS)


@given(st.lists(secrets, min_size=1, max_size=3), spellings, spellings, surroundings, surroundings, st.booleans())
@example(["wJalrXUtnFEMI/K7MDENG+bPxRfiCY"], quote, quote, "", "", False)
@example(["pass word/+"], quote_plus, str, "", "", False)
@example(["pass+word/"], SPELLINGS[5], str, "", "", False)
@example(["a/b+c=d\"e'f&g<h>"], html.escape, html.escape, "'", "'", False)
@example(["\\\u00a100000"], SPELLINGS[8], str, "", "\\", False)
@example(["back\\slash/\u00e9", "slash/\u00e9"], repr, SPELLINGS[-1], "", "", False)
def test_a_known_secret_never_survives(
    known: list[str],
    first: Callable[[str], str],
    second: Callable[[str], str],
    before: str,
    after: str,
    is_foreign: bool,
) -> None:
    """Whatever stands around it, and however it is written, once or twice over."""
    redactor = Redactor()
    for secret in known:
        redactor.add(secret)
    written = [spelling(secret) for secret in known for spelling in (first, lambda text: second(first(text)))]

    told = redactor.redact(before + after.join(written) + after, is_foreign=is_foreign)

    for text in (*known, *written):
        assert text not in told
    for read in READERS:
        for secret in known:
            assert secret not in read(read(told))


@given(
    st.text(st.characters(codec="ascii", exclude_characters="*", exclude_categories=["C"]), min_size=1, max_size=20),
    st.sampled_from(["http://{}@proxy.example:3128", "{}@proxy.example:3128"]),
    surroundings,
)
@example("p@ss/w:rd", "http://{}@proxy.example:3128", "")
def test_the_password_of_a_url_is_taken_out_as_it_is_sent_too(password: str, url: str, before: str) -> None:
    """In the header for the proxy, and decoded, if it is not so short that any text may hold it."""
    redactor = Redactor()
    redactor.add_of_url(url.format(f"user:{quote(password, safe='')}"))
    credentials = base64.b64encode(f"user:{password}".encode()).decode()

    told = redactor.redact(f"{before}|{credentials}|{password}|")

    assert credentials not in told
    assert len(password.strip()) < MIN_LENGTH or password not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{'TokenCode': '1234'} and more", "{'TokenCode':****"),
        ("TokenCode=1234&Version=2", "TokenCode=****"),
        ("a&TokenCode%3D1234", "a&TokenCode%3D****"),
        ("('TokenCode', '1234')", "('TokenCode',****"),
        ("<SecretAccessKey>\nx/y</SecretAccessKey>", "<SecretAccessKey>****"),
        ("&lt;SessionToken&gt;x/y", "&lt;SessionToken&gt;****"),
        ('{\\"SessionToken\\": \\"x/y\\"}', '{\\"SessionToken\\":****'),
        ("POST\n/\n\nhost:h\nx-amz-security-token:x/y\n\nhost", "POST\n/\n\nhost:h\nx-amz-security-token:****"),
        ("CanonicalRequest:\nPOST\nx", "CanonicalRequest:****"),
        ("b'Authorization': b'AWS4-HMAC-SHA256 Credential=x'", "b'Authorization':****"),
        ("Proxy-Authorization: Basic dTpw", "Proxy-Authorization:****"),
        ("sent Basic dTpw now", "sent Basic **** now"),
        ("AWS4-HMAC-SHA256 Credential=x, y", "AWS4-HMAC-SHA256 **** y"),
        ("X-Amz-Signature=abc", "X-Amz-Signature=****"),
        ("aws_secret_access_key = x", "aws_secret_access_key =****"),
        ("'AccessToken': 'x'", "'AccessToken':****"),
        ("to http://u:p@h:1/x", "to http://****@h:1/x"),
        ("to http://u:p w@x@h", "to http://****@h"),
        ("to http%3A%2F%2Fu%3Ap%40h", "to http%3A%2F%2F****%40h"),
        # What a person wants to read stays.
        ("Event x.sts.GetSessionToken: calling handler y", "Event x.sts.GetSessionToken: calling handler y"),
        ("asks sts for GetSessionToken at h in us-west-2", "asks sts for GetSessionToken at h in us-west-2"),
        (
            "reads /home/J0hn/a-directory-with-a-Name/that-is-long",
            "reads /home/J0hn/a-directory-with-a-Name/that-is-long",
        ),
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, told: str) -> None:
    """Though it is not known."""
    assert (told, told) == (Redactor().redact(text), Redactor().redact(text, is_foreign=True))


@pytest.mark.parametrize(
    "run", ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEBYaDKh%2Bx0123456789abcdef012%3D"]
)
def test_long_runs_of_others_are_taken_out(run: str) -> None:
    """Of mixed letters and digits in what the SDK says; our own steps may name a long path."""
    assert ("got ****!", f"got {run}!") == (
        Redactor().redact(f"got {run}!", is_foreign=True),
        Redactor().redact(f"got {run}!"),
    )


def test_secrets_of_the_environment() -> None:
    """By the names of the variables, and in URLs."""
    redactor = Redactor()
    redactor.add_of_environment(
        {
            "AWS_SECRET_ACCESS_KEY": "first/secret",
            "AWS_SESSION_TOKEN": "second/secret",
            "MFA_PROFILES_TOKEN_CODE": "123 456",
            "https_proxy": "user:hunter2@proxy:3128",
            "AWS_ENDPOINT_URL_STS": "http://user:hunter3@host",
            "AWS_PROFILE": "profile",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/path",
        }
    )

    assert "**** **** **** **** **** **** profile AKIAIOSFODNN7EXAMPLE /path" == redactor.redact(
        "first/secret second/secret 123456 123 456 hunter2 hunter3 profile AKIAIOSFODNN7EXAMPLE /path"
    )


def test_secrets_are_known_wherever_they_come_into_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, the files, whoever gives codes, and AWS."""
    told: list[str] = []
    monkeypatch.setattr(log, "_log", None)
    text = (
        b"[a]\naws_secret_access_key = file/secret\nexternal_id = an-external-id\nendpoint_url = https://u:hunter2@h\n"
        b"services =\n  sts =\n    endpoint_url = http://u:hunter3@h\n[b]\naws_session_token = file/token\n"
    )

    log.begin(log.STEPS, told.append, {"AWS_SESSION_TOKEN": "environment/token"})
    ini.parse(text, "credentials")
    Keys("AKIAX", "keys/secret", "keys/token")
    SessionCredentials("ASIAX", "session/secret", "session/token", datetime(2026, 1, 1, tzinfo=UTC))
    mfa_process.parse(" 123 456\n")
    log.step(
        "file/secret file/token an-external-id hunter2 hunter3 keys/secret keys/token session/secret session/token"
    )
    log.step("environment/token 123456 123 456 AKIAX ASIAX")

    assert [" ".join(["****"] * 9), "**** **** **** AKIAX ASIAX"] == [line.partition(" s  ")[2] for line in told]


class _Request:
    method = "POST"
    url = "http://u:hunter2@sts.example/"
    headers = "hunter2"

    def __repr__(self) -> str:
        return f"<AWSPreparedRequest headers={self.headers}>"


@pytest.mark.parametrize(
    ("logger", "message", "arguments", "told"),
    [
        (
            "botocore.endpoint",
            "for %s with params: %s",
            ("x", {"body": {"Code": "hunter2"}}),
            "for x with params: (left out)",
        ),
        ("botocore.parsers", "Response body:\n%r", (b"hunter2",), "Response body:\n(bytes)"),
        (
            "botocore.parsers",
            "Response headers: %r",
            ({"Date": "now", "x": 1},),
            "Response headers: {'Date': 'now', 'x': 1}",
        ),
        ("botocore.endpoint", "Sending http request: %s", (_Request(),), "Sending http request: POST to sts.example"),
        ("botocore.auth", "CanonicalRequest:\n%s", ("hunter2",), "CanonicalRequest:\n(left out)"),
        ("botocore.crt.auth", "Signature:\n%s", ("hunter2",), "Signature:\n(left out)"),
        ("botocore.utils", "%s:%s", ("Unable to parse", '{"Key": "hunter2"'), "Unable to parse:(left out)"),
        ("botocore.utils", "%s:%s", ("Unable to parse", "\nhunter2"), "Unable to parse:(left out)"),
        ("botocore.utils", "%s", ("hunter2" * 100,), "(left out)"),
        ("botocore.credentials", "Error: %s", (ValueError("hunter2"),), "Error: ValueError"),
        ("botocore.hooks", "calling handler %s", (Redactor.redact,), "calling handler Redactor.redact"),
        ("botocore.endpoint", "Setting %s timeout as %s", ("sts", (5, 20)), "Setting sts timeout as (tuple)"),
        ("urllib3.connectionpool", '"%s %s" %s %s', ("POST", "/", 200, None), '"POST /" 200 None'),
        ("botocore", "nothing", (), "nothing"),
    ],
)
def test_what_is_told_of_a_record(logger: str, message: str, arguments: tuple[object, ...], told: str) -> None:
    """Requests, answers and what is signed are left out whole; no text of an error is told."""
    record = logging.LogRecord(logger, logging.DEBUG, "", 0, message, arguments, None)

    assert told == sdk_log.told(record)


def test_errors_are_told_by_their_kinds() -> None:
    """With what the system says, and what caused them."""
    cause = ConnectionRefusedError(111, "hunter2")
    error = ValueError("hunter2")
    error.__cause__ = cause
    record = logging.LogRecord("botocore.endpoint", logging.DEBUG, "", 0, "failed", (), (ValueError, error, None))

    assert "failed ValueError <- ConnectionRefusedError (Connection refused)" == sdk_log.told(record)
