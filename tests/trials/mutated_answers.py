"""Good answers of AWS with something changed, read in this process: the whole of the SDK, our eyes, and the files."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, NamedTuple
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import strategies as st

from mfa_profiles import ini
from mfa_profiles.aws import clients, iam, sts
from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.clients import Clients
from mfa_profiles.errors import MfaProfilesError
from mfa_profiles.profiles import Keys, ProfilePair, Profiles
from mfa_profiles.roles import Role
from mfa_profiles.sessions import Origin, SessionCredentials, format_time
from mfa_profiles.shared_files import session_edits
from tests.hostile import HOSTILE
from tests.local_aws import answers
from tests.trials.hostile_answers import MARK, TEXTS, TIMES

NOW = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DEVICE = "arn:aws:iam::123456789012:mfa/john.doe"
_SESSION = {
    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
    "SecretAccessKey": f"{MARK}/bPxRfiCYEXAMPLEKEY",
    "SessionToken": f"{MARK}/token//////////==",
    "Expiration": "2026-11-24T10:05:00Z",
}
_KEY = {"UserName": "john.doe", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"}


class Question(NamedTuple):
    """A call, and the values of a good answer to it."""

    ask: Callable[[Caller], object]
    values: dict[str, object]
    namespace: str = "https://iam.amazonaws.com/doc/2010-05-08/"


_STS = "https://sts.amazonaws.com/doc/2011-06-15/"
_ROLE = Role("admin", "arn:aws:iam::123456789012:role/admin", "base", None)
QUESTIONS: dict[str, Question] = {
    "GetSessionToken": Question(
        lambda caller: sts.get_session_token(caller, serial_number=_DEVICE, token_code="123456", duration=_HOUR),
        {"Credentials": _SESSION},
        _STS,
    ),
    "AssumeRole": Question(
        lambda caller: sts.assume_role(caller, _ROLE, duration=_HOUR),
        {"Credentials": _SESSION, "AssumedRoleUser": {"AssumedRoleId": "AROA:x", "Arn": _ROLE.arn}},
        _STS,
    ),
    "GetCallerIdentity": Question(
        sts.caller_identity,
        {"Arn": "arn:aws:iam::123456789012:user/x", "UserId": "AIDA", "Account": "123456789012"},
        _STS,
    ),
    "ListMFADevices": Question(
        iam.list_mfa_devices,
        {
            "IsTruncated": "false",
            "MFADevices": {"member": {"SerialNumber": _DEVICE, "EnableDate": "2026-01-01T00:00:00Z"}},
        },
    ),
    "ListAccessKeys": Question(
        iam.list_access_keys,
        {"IsTruncated": "false", "AccessKeyMetadata": {"member": _KEY | {"CreateDate": "2026-01-01T00:00:00Z"}}},
    ),
    "GetAccessKeyLastUsed": Question(
        lambda caller: iam.last_use(caller, "AKIAIOSFODNN7EXAMPLE"),
        {
            "UserName": "john.doe",
            "AccessKeyLastUsed": {"LastUsedDate": "2026-01-01T00:00:00Z", "ServiceName": "s3", "Region": "us-west-2"},
        },
    ),
    "CreateAccessKey": Question(
        iam.create_access_key,
        {"AccessKey": _KEY | {"SecretAccessKey": _SESSION["SecretAccessKey"], "CreateDate": "2026-01-01T00:00:00Z"}},
    ),
}


class Given(NamedTuple):
    """What comes back: a status, a Date header, and a body."""

    status: int
    date: str
    body: bytes


# --- Mutations.

_TEXTS = st.one_of(
    st.sampled_from([*TEXTS.values(), *TIMES.values()]).map(lambda text: text[:10_000]),
    HOSTILE.map(lambda text: escape(text).encode(errors="replace")),
    st.datetimes().map(lambda moment: moment.isoformat().encode()),
    st.integers(-(10**12), 10**12).map(lambda number: str(number).encode()),
    st.from_regex(r"\A[A-Z0-9a-z/+=]{1,60}\Z").map(str.encode),
)
_STATUSES = st.one_of(
    st.just(200), st.sampled_from([200, 201, 204, 299, 301, 304, 400, 403, 404, 412, 500, 503, 599])
)
_DATES = st.one_of(
    st.just("Tue, 24 Nov 2026 09:05:00 GMT"),
    st.sampled_from(["", "soon", "Mon, 01 Jan 9999 00:00:00 +2359"]),
    HOSTILE,
)


def good_body(action: str) -> bytes:
    """The body of a good answer to an action, with a secret that no error may quote."""
    question = QUESTIONS[action]
    return answers.result(action, question.namespace, question.values).body


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with up to four things changed."""
    for change in draw(st.lists(st.sampled_from([_text, _element, _bytes, _bytes]), min_size=1, max_size=4)):
        body = change(draw, body)
    return body


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, Given]:
    """An action, and a good answer or a refusal that something was changed in."""
    action = draw(st.sampled_from(list(QUESTIONS)))
    body = good_body(action)
    if draw(st.integers(0, 9)) == 0:
        refusal = answers.AWSError(403, draw(st.sampled_from(["AccessDenied", "Throttling", "X", ""])), f"{MARK}: no")
        body = answers.error(refusal, QUESTIONS[action].namespace).body
    return action, Given(draw(_STATUSES), draw(_DATES), draw(mutated(body)))


def _text(draw: st.DrawFn, body: bytes) -> bytes:
    """Another text in one element."""
    starts = [index + 1 for index, byte in enumerate(body[:-1]) if byte == ord(">") and body[index + 1] != ord("<")]
    if not starts:
        return body
    start = draw(st.sampled_from(starts))
    end = body.find(b"<", start)
    return body[:start] + draw(_TEXTS) + body[end if end >= 0 else len(body) :]


def _element(draw: st.DrawFn, body: bytes) -> bytes:
    """One element gone, twice there, or in the place of another."""
    elements = body.split(b"><")
    first, second = (draw(st.integers(0, len(elements) - 1)) for _ in range(2))
    match draw(st.integers(0, 2)):
        case 0:
            del elements[first]
        case 1:
            elements.insert(first, elements[first])
        case _:
            elements[first], elements[second] = elements[second], elements[first]
    return b"><".join(elements)


def _bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """Some bytes gone, others in their place."""
    start = draw(st.integers(0, len(body)))
    end = start + draw(st.integers(0, 8))
    return body[:start] + draw(st.one_of(st.just(b""), st.binary(max_size=4))) + body[end:]


# --- What becomes of them.


class Reader:
    """Asks each question of an AWS whose answers are given."""

    def __init__(self) -> None:
        self.files = Profiles(
            ini.parse(
                b"[base]\naws_access_key_id = AKIAX\naws_secret_access_key = y\n\n[other]\na = b\n", "credentials"
            ),
            ini.parse(b"[profile base]\nregion = us-west-2\n", "config"),
        )
        self._caller = Caller(
            Clients(self.files, lambda: NOW), "nobody", Keys("AKIAX", "secret"), "nobody", "us-west-2"
        )
        self._given = Given(200, "", b"")

    def __enter__(self) -> "Reader":
        self._stack = ExitStack()
        self._stack.enter_context(mock.patch.object(clients, "_MAX_ATTEMPTS", 1))  # none is worth a pause
        of_all: tuple[Any, ...] = (self._caller.sts(), self._caller.iam())
        for client in of_all:
            client.meta.events.register("before-send", self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def losses(self, action: str, given: Given) -> Iterator[str]:
        """What is lost by an answer to an action: one sentence for each promise broken."""
        self._given = given
        try:
            found = QUESTIONS[action].ask(self._caller)
        except MfaProfilesError as error:
            told = [error.message, *error.hints]
            if any(MARK in text for text in told):
                yield f"{action}: a secret of the answer in an error"
            if not all(text.isprintable() for text in told):
                yield f"{action}: an error that cannot be printed"
        except Exception as error:  # noqa: BLE001 - that there is none is what is tried
            yield f"{action}: {type(error).__name__}"
        else:
            yield from (f"{action}: {loss}" for loss in self._of(found))

    def _answer(self, request: Any, **_: object) -> AWSResponse:
        headers = HTTPHeaders.from_dict({"Date": self._given.date, "Content-Type": "text/xml"})
        return AWSResponse(request.url, self._given.status, headers, _Raw(self._given.body))

    def _of(self, found: object) -> Iterator[str]:
        for each in found if isinstance(found, list) else [found]:
            if is_dataclass(each):
                yield from (
                    f"{field.name} is none" for field in fields(each) if not _is_sound(getattr(each, field.name))
                )
        if isinstance(found, SessionCredentials):
            yield from self._of_files(found)

    def _of_files(self, session: SessionCredentials) -> Iterator[str]:
        new = {ProfilePair("base", "base-mfa"): (session, Origin("base", _DEVICE))}
        after = session_edits.with_sessions(self.files, new).credentials
        expected = {
            "aws_access_key_id": session.access_key_id,
            "aws_secret_access_key": session.secret_access_key,
            "aws_session_token": session.session_token,
            "x_security_token_expires": format_time(session.expiration),
        }
        if ini.parse(after.encode(after.text), "x").sections != self.files.credentials.sections | {
            "base-mfa": expected
        }:
            yield "a file that is not right"
        if not NOW < session.expiration <= NOW + 2 * _HOUR:
            yield "a session that has ended, or never does"


def _is_sound(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isprintable() and " " not in value and value != ""
    if isinstance(value, datetime):
        return value.utcoffset() == timedelta()
    return value is None or isinstance(value, bool)


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        """All of it, as urllib3 has it."""
        return [self._body]
