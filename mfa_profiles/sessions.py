"""Session credentials, when they end, and how a section of the credentials file says so. Never reads the clock."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple

from mfa_profiles import log


@dataclass(frozen=True)
class SessionCredentials:
    """Temporary keys as AWS STS hands them out; ``expiration`` is aware and in UTC."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: datetime

    def __post_init__(self) -> None:
        log.secret(self.secret_access_key, self.session_token)


STAND_IN = SessionCredentials("ASIA", "a-stand-in", "-" * 4096, datetime(2000, 1, 1, tzinfo=UTC))
"""What is written to find out whether a session can be: no smaller than one, so that a disk that is full shows it.

"The typical token size is less than 4096 bytes": https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
"""

# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
MIN_DURATION = timedelta(minutes=15)
MAX_DURATION = timedelta(hours=36)
DEFAULT_DURATION = timedelta(hours=12)

DEFAULT_MIN_REMAINING = timedelta(minutes=15)
"""A session with no more than this left is refreshed, and reported as expiring, unless it is short."""

_SHARE_OF_SHORT = 6
_SHORT = _SHARE_OF_SHORT * DEFAULT_MIN_REMAINING
"""The length below which a session is short, and its comment records the length."""


def recorded_length(length: timedelta) -> int | None:
    """The seconds that the comment of a session of this length records, or None for a session that is not short."""
    return round(length.total_seconds()) if length < _SHORT else None


def min_remaining(asked: timedelta | None, length: timedelta | None, *, can_renew: bool) -> timedelta:
    """Return how little of a session has to be left for it to be refreshed, or reported as expiring.

    That is what was ``asked`` for, else 15 minutes, or a sixth of a session with a known ``length`` if that is less:
    otherwise a session of 15 minutes would be expiring when it is written. A command that ``can_renew`` a session
    does not apply what was asked for to a session that is never longer: it would be renewed at each call.
    """
    usual = DEFAULT_MIN_REMAINING if length is None else min(DEFAULT_MIN_REMAINING, length / _SHARE_OF_SHORT)
    can_be_met = length is None or asked is None or length > asked
    return usual if asked is None or (can_renew and not can_be_met) else asked


class State(StrEnum):
    """What is left of a session."""

    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    MISSING = "missing"
    UNKNOWN = "unknown"


def state_of(expiration: datetime | None, *, now: datetime, min_remaining: timedelta) -> State:
    """The state of a session that exists: ``expiring`` while at most ``min_remaining`` of it is left."""
    if expiration is None:
        return State.UNKNOWN
    if expiration <= now:
        return State.EXPIRED
    return State.EXPIRING if expiration - now <= min_remaining else State.VALID


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC and whole seconds, such as ``2026-11-24T21:05:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_zone(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """A moment in a zone; None stands for the local one, for naive moments too.

    UTC takes its place if ``TZ`` puts it a day or more away from UTC, for which datetime has no offset.
    """
    try:
        return moment.astimezone(zone)
    except (ValueError, OverflowError, OSError):
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


# RFC 3339 as most tools write it, `str(datetime)`, and Go's `Time.String()`, which puts a zone name after the offset,
# or the offset once more where the zone has no name. A name alone says nothing: there is more than one CST.
_TIME = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:\.\d+)?"
    r"(?:\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)(?:(?<=\d) (?:[A-Z]{2,5}|[+-]\d\d(?:\d\d)?))?)?",
)


def parse_time(text: str, *, naive_zone: tzinfo | None = UTC) -> datetime | None:
    """An instant as some tool wrote it into a credentials file, or None for anything else.

    Read are RFC 3339 and its kin, and Unix time in seconds. A time without a zone is taken to be in ``naive_zone``;
    None stands for the local one.
    """
    text = text.strip().strip("'\"")
    try:
        if re.fullmatch(r"\d{9,11}", text, re.ASCII):
            return datetime.fromtimestamp(int(text), UTC)
        match = _TIME.fullmatch(text)
        if match is None:
            return None
        zone = (match["zone"] or "").replace("UTC", "Z")
        moment = datetime.fromisoformat(f"{match['date']}T{match['time']}{zone}")
        # Beyond these years a change of zone overflows; and nobody's session ends there.
        if not 1970 <= moment.year < 9000:
            return None
        return in_zone(moment if moment.tzinfo else moment.replace(tzinfo=naive_zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


EXPIRY_KEY = "x_security_token_expires"


class _ExpiryKey(NamedTuple):
    """A key under which some tool keeps the end of a session, and how it writes the time."""

    name: str
    tool: str | None
    zone: tzinfo | None  # of a time written without one; None is the local zone
    template: str

    def format(self, moment: datetime) -> str:
        return in_zone(moment, self.zone).strftime(self.template)


_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
_EXPIRY_KEYS = (
    _ExpiryKey(EXPIRY_KEY, "saml2aws", UTC, _RFC_3339),
    _ExpiryKey("expiration", "aws-mfa", UTC, "%Y-%m-%d %H:%M:%S"),
    _ExpiryKey("awsmfa_expiration", "awsmfa", UTC, "%Y-%m-%dT%H:%M:%S+00:00"),
    _ExpiryKey("aws_session_expiration_timestamp", "jhandguy/aws-mfa", UTC, _RFC_3339),
    _ExpiryKey("aws_credential_expiration", None, UTC, _RFC_3339),
)
# awsume shares aws-mfa's key and form but writes local time, and signs its sections (awsumepy/lib/aws_files.py).
_AWSUME = _ExpiryKey("expiration", "awsume", None, "%Y-%m-%d %H:%M:%S")

EXPIRY_KEYS = frozenset(key.name for key in _EXPIRY_KEYS)
SESSION_KEYS = EXPIRY_KEYS | {
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_security_token",
    "aws_session_token",
    "assumed_role",
    "assumed_role_arn",
}
"""The keys of a section that make up a session, and go with it."""


def _expiry_keys(section: Mapping[str, str]) -> list[_ExpiryKey]:
    found = [key for key in _EXPIRY_KEYS if key.name in section]
    if section.get("manager") == "awsume":
        found = [_AWSUME if key.name == _AWSUME.name else key for key in found]
    return found


class Origin(NamedTuple):
    """Where a derived profile came from, as its expiration comment remembers it."""

    source_profile: str
    mfa_serial: str | None = None
    role_arn: str | None = None
    access_key_id: str | None = None
    """The long-term access key; for a role, the one at the end of the chain of its sources."""
    overridden_mfa_serial: str | None = None
    """The device that the profiles named when the session was made with another one."""
    duration_seconds: int | None = None
    """How long the session is, if it is short."""

    @property
    def length(self) -> timedelta | None:
        """How long the session is, or None if that is not known."""
        return None if self.duration_seconds is None else timedelta(seconds=self.duration_seconds)


class StoredSession(NamedTuple):
    """What a section of the credentials file says of the session in it, whoever wrote it."""

    expiration: datetime | None
    managed_by: str | None
    origin: Origin | None


def stored_session(section: Mapping[str, str], origin: Origin | None) -> StoredSession | None:
    """The session that a section holds, or None if it holds none.

    Where several tools left their keys, the earliest end counts: a refresh too early costs a code, too late a job.
    """
    if not has_session_token(section):
        return None
    keys = _expiry_keys(section)
    ends = [parse_time(section[key.name], naive_zone=key.zone) for key in keys]
    known = [end for end in ends if end is not None]
    tool = keys[0].tool if keys else None
    return StoredSession(min(known, default=None), "mfa-profiles" if origin else tool, origin)


def has_session_token(section: Mapping[str, str]) -> bool:
    """True if the keys in a section are temporary ones (``aws_security_token`` is the name that boto 2 knew)."""
    return bool(section.get("aws_session_token") or section.get("aws_security_token"))


def has_long_term_keys(section: Mapping[str, str]) -> bool:
    """True if a section holds an access key that AWS gave for good."""
    return bool(section.get("aws_access_key_id") or section.get("aws_secret_access_key")) and not has_session_token(
        section
    )


def session_settings(credentials: SessionCredentials, replaced: Mapping[str, str]) -> dict[str, str]:
    """The keys and values of the section that holds a session.

    ``replaced`` is the section as it is now: an expiry key that another tool left in it is kept true, in that tool's
    own form, since a script or the tool itself may still read it.
    """
    settings = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
        EXPIRY_KEY: format_time(credentials.expiration),
    }
    others = {key.name: key.format(credentials.expiration) for key in _expiry_keys(replaced)}
    return others | settings


# The comment that stands directly under the header of a derived section:
#  # Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile smce-veda, access_key_id AKIA..., mfa_serial arn:...)
# Names that hold anything but these plain characters are written as JSON strings: both files allow any name.
_PLAIN = re.compile(r"[\w+=/:.@%-]+", re.ASCII)
_COMMENT = re.compile(r"# Expires (?P<expiration>\S+) \(mfa-profiles: (?P<fields>.*)\)\s*")
_FIELD = re.compile(r'(?P<key>[a-z_]+) (?P<value>"(?:[^"\\]|\\.)*"|[^\s",]+)(?:, |$)')
_FIELDS = ("source_profile", "access_key_id", "mfa_serial", "overridden_mfa_serial", "role_arn", "duration_seconds")


def expiration_comment(expiration: datetime, origin: Origin) -> str:
    """The comment line, without its line ending, that tells people when a session ends and us where it came from."""
    values = ((key, getattr(origin, key)) for key in _FIELDS)
    fields = ", ".join(f"{key} {_quoted(str(value))}" for key, value in values if value)
    return f"# Expires {format_time(expiration)} (mfa-profiles: {fields})"


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    import json  # for odd names alone

    return json.dumps(value)


def parse_expiration_comment(line: str) -> Origin | None:
    """The origin that a comment line of ours remembers, or None for any other line."""
    fields = {found["key"]: _unquoted(found["value"]) for found in _fields_of_comment(line)}
    if not fields.get("source_profile"):
        return None
    texts = {key: value for key, value in fields.items() if key in _FIELDS and key != "duration_seconds"}
    return Origin(**texts, duration_seconds=_seconds(fields.get("duration_seconds", "")))


def with_other_access_key(line: str, old: str, new: str) -> str:
    """A comment line with another access key ID, if the old one is in it; all else stays."""
    for found in _fields_of_comment(line):
        if found["key"] == "access_key_id" and _unquoted(found["value"]) == old:
            return line[: found.start("value")] + _quoted(new) + line[found.end("value") :]
    return line


def _fields_of_comment(line: str) -> list[re.Match[str]]:
    """The fields of a comment line of ours, with their places in the line; none for any other line."""
    comment = _COMMENT.fullmatch(line)
    if comment is None:
        return []
    found, position, end = [], comment.start("fields"), comment.end("fields")
    while (match := _FIELD.match(line, position, end)) is not None:
        found.append(match)
        position = match.end()
    return found if position == end else []


def _seconds(text: str) -> int | None:
    """The length of a short session that AWS could have given, or None for any other text."""
    seconds = int(text) if re.fullmatch(r"\d{3,4}", text, re.ASCII) else 0
    return seconds if MIN_DURATION <= timedelta(seconds=seconds) < _SHORT else None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    import json

    try:
        text = str(json.loads(value))
        text.encode()  # JSON has escapes for what is no character
    except ValueError:
        return ""
    return text
