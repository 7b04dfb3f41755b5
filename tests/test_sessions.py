"""Sessions: the grammar of the expiration comment, times as tools write them, and the state at a moment."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_profiles import log
from mfa_profiles.sessions import (
    EXPIRY_KEY,
    Origin,
    SessionCredentials,
    State,
    StoredSession,
    expiration_comment,
    format_time,
    has_long_term_keys,
    min_remaining,
    parse_expiration_comment,
    parse_time,
    session_settings,
    state_of,
    stored_session,
    with_other_access_key,
)

MOMENT = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)
TIME = "2026-11-24T21:05:00Z"
SERIAL = "arn:aws:iam::123456789012:mfa/john.doe"


@pytest.fixture
def pacific_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local time that is not UTC."""
    with monkeypatch.context() as environment:
        environment.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        yield
    time.tzset()


def test_the_comment_reads_as_the_specification_has_it() -> None:
    """People read it in the file, and other programs may match it."""
    assert (
        "# Expires 2026-11-24T21:05:00Z "
        f"(mfa-profiles: source_profile smce-veda, access_key_id AKIAIOSFODNN7EXAMPLE, mfa_serial {SERIAL})"
        == expiration_comment(MOMENT, Origin("smce-veda", SERIAL, access_key_id="AKIAIOSFODNN7EXAMPLE"))
    )


@pytest.mark.parametrize(
    "origin",
    [
        Origin("smce-veda"),
        Origin("a", "GAHT12345678", "arn:aws:iam::123456789012:role/path/r"),
        Origin("my profile, mfa_serial x)", "arn:aws:iam::123456789012:mfa/doe,john"),
        Origin('a"b\\', SERIAL),
        Origin("é\u2028ü", SERIAL),
        Origin("a", SERIAL, "arn:aws:iam::123456789012:role/r", "AKIAIOSFODNN7EXAMPLE", "GAHT12345678", 3600),
    ],
)
def test_the_comment_gives_back_what_it_was_given(origin: Origin) -> None:
    """A base profile may have any name that fits between two brackets."""
    assert origin == parse_expiration_comment(expiration_comment(MOMENT, origin))


names = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)


@given(names, st.none() | names, st.none() | names)
def test_the_comment_gives_back_anything(source: str, serial: str | None, role: str | None) -> None:
    """And stays one line, whatever the names hold."""
    comment = expiration_comment(MOMENT, Origin(source, serial, role))

    assert Origin(source, serial, role) == parse_expiration_comment(comment)
    assert comment.isascii()
    assert comment.isprintable()


@pytest.mark.parametrize("text", ["", "0", "899", "5400", "043200", "9e2", "x"])
def test_a_length_that_no_short_session_has_is_not_known(text: str) -> None:
    """A length of nothing would make an expired session valid to the last moment."""
    line = f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a, duration_seconds {text or '-'})"

    assert parse_expiration_comment(line) == Origin("a")


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ("source_profile a, access_key_id OLD", "source_profile a, access_key_id NEW"),
        ("source_profile a, access_key_id OLD, new_thing b", "source_profile a, access_key_id NEW, new_thing b"),
        ("source_profile a, access_key_id OLDER", None),
        ('source_profile "access_key_id OLD, b"', None),
        ("source_profile OLD", None),
    ],
)
def test_another_access_key_in_the_comment(fields: str, changed: str | None) -> None:
    """Every other character stays, those of fields of a later version too."""
    line, expected = (
        f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: {text})" for text in (fields, changed or fields)
    )

    assert with_other_access_key(line, "OLD", "NEW") == expected


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "length", "reported", "renewed"),
    [
        (None, None, 15, 15),
        (None, 15, 2.5, 2.5),
        (None, 60, 10, 10),
        (None, 89, 89 / 6, 89 / 6),
        (10, None, 10, 10),
        (0, 15, 0, 0),
        (14, 15, 14, 14),
        (15, 15, 15, 2.5),
        (120, 60, 120, 10),
        (120, None, 120, 120),
    ],
)
def test_how_little_may_be_left(asked: float | None, length: float | None, reported: float, renewed: float) -> None:
    """In minutes. A session that never has as much as was asked for is not renewed at each call."""
    lengths = [None if minutes is None else minutes * MINUTE for minutes in (asked, length)]

    assert min_remaining(*lengths, can_renew=False) == reported * MINUTE
    assert min_remaining(*lengths, can_renew=True) == renewed * MINUTE


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# Expires 2026-11-24T21:05:00Z",
        "# Expires 2026-11-24T21:05:00Z (aws-thing: source_profile a)",
        "# Expires 2026-11-24T21:05:00Z (mfa-profiles: )",
        "# Expires 2026-11-24T21:05:00Z (mfa-profiles: mfa_serial a)",
        "# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile)",
        "# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a b)",
        '# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile "a)',
        '# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile "\\x")',
        '# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile "\\ud800")',
        " # Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a)",
        "; Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a)",
    ],
)
def test_other_comments_are_not_ours(line: str) -> None:
    """What a person wrote, or cut, is theirs."""
    assert None is parse_expiration_comment(line)


def test_a_later_version_may_add_fields() -> None:
    """What this one does not know does not stop it."""
    line = "# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a, new_thing b)\r\n"

    assert Origin("a") == parse_expiration_comment(line)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T21:05:00Z",
        "2026-11-24T21:05:00.999999Z",
        "2026-11-24T22:05:00+01:00",
        "2026-11-24T13:05:00-0800",
        "2026-11-24 21:05:00+00:00",
        "2026-11-24 21:05:00 +0000 UTC",
        "2026-11-24 22:05:00 +0100 CET",
        "2026-11-24 18:05:00 -0300 -03",
        "2026-11-25 02:35:00.123456789 +0530 +0530",
        "2026-11-24 21:05:00 UTC",
        "2026-11-24 21:05:00",
        '"2026-11-24T21:05:00Z"',
        " 2026-11-24T21:05:00Z ",
        "1795554300",
    ],
)
def test_times_of_all_tools(text: str) -> None:
    """One moment in the forms that tools leave in credentials files."""
    assert parse_time(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        *["", "soon", "2026-11-24", "2026-13-24T21:05:00Z", "2026-11-24T21:05:00Zulu", "9" * 30],
        *["2026-11-24T21:05:00 CET", "2026-11-24 21:05:00 EST", "2026-11-24T21:05:00Z CET"],
    ],
)
def test_what_is_no_time(text: str) -> None:
    """None, not an error: one odd section must not keep the others from being shown."""
    assert None is parse_time(text)


@pytest.mark.usefixtures("pacific_time")
def test_times_are_written_in_utc() -> None:
    """Whatever zone they came in, and without fractions."""
    moment = datetime(2026, 11, 24, 22, 5, 0, 999999, timezone(timedelta(hours=1)))

    assert format_time(moment) == "2026-11-24T21:05:00Z"


@pytest.mark.parametrize(
    ("left", "state"),
    [(-1, State.EXPIRED), (0, State.EXPIRED), (1, State.EXPIRING), (900, State.EXPIRING), (901, State.VALID)],
)
def test_states(left: int, state: State) -> None:
    """At its very end a session has expired; with just --min-remaining left it is expiring."""
    now = MOMENT - timedelta(seconds=left)

    assert state == state_of(MOMENT, now=now, min_remaining=timedelta(seconds=900))


def test_the_state_of_an_unknown_end() -> None:
    """Unknown is a state of its own."""
    assert State.UNKNOWN == state_of(None, now=MOMENT, min_remaining=timedelta())


@pytest.mark.usefixtures("pacific_time")
def test_a_time_without_a_zone_is_in_the_zone_of_its_tool() -> None:
    """UTC, or for a tool that writes local time the zone of this machine."""
    read = parse_time("2026-11-24 13:05:00", naive_zone=None)

    assert read is not None
    assert (MOMENT, UTC) == (read, read.tzinfo)
    assert MOMENT == parse_time("2026-11-24 22:05:00", naive_zone=timezone(timedelta(hours=1)))
    assert MOMENT == parse_time("2026-11-24 22:05:00+01:00", naive_zone=None)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("1969-12-31T23:59:59Z", False),
        ("1970-01-01T00:00:00Z", True),
        ("8999-12-31T23:59:59Z", True),
        ("9000-01-01T00:00:00Z", False),
        ("XX2026-11-24T21:05:00ZXX", False),
        ("\u0661" * 10, False),
    ],
)
def test_times_that_can_be_reckoned_with(text: str, is_read: bool) -> None:
    """From the epoch on, and so long that a change of zone cannot overflow; in the digits that tools write."""
    assert is_read == (parse_time(text) is not None)


TOKEN = {"aws_session_token": "t"}

# name: (section, origin, session)
STORED: dict[str, tuple[dict[str, str], Origin | None, StoredSession | None]] = {
    "no token": ({"aws_access_key_id": "AKIA", EXPIRY_KEY: "2026-11-24T21:05:00Z"}, Origin("a"), None),
    "an empty token": ({"aws_session_token": "", "aws_security_token": ""}, None, None),
    "the token of boto 2": ({"aws_security_token": "t"}, None, StoredSession(None, None, None)),
    "a token alone": (TOKEN, None, StoredSession(None, None, None)),
    "ours": (TOKEN | {EXPIRY_KEY: TIME}, Origin("a"), StoredSession(MOMENT, "mfa-profiles", Origin("a"))),
    "saml2aws": (TOKEN | {EXPIRY_KEY: TIME}, None, StoredSession(MOMENT, "saml2aws", None)),
    "aws-mfa": (TOKEN | {"expiration": "2026-11-24 21:05:00"}, None, StoredSession(MOMENT, "aws-mfa", None)),
    "awsume, which writes local time": (
        TOKEN | {"expiration": "2026-11-24 13:05:00", "manager": "awsume"},
        None,
        StoredSession(MOMENT, "awsume", None),
    ),
    "another manager": (
        TOKEN | {"expiration": "2026-11-24 21:05:00", "manager": "x"},
        None,
        StoredSession(MOMENT, "aws-mfa", None),
    ),
    "awsume beside another tool: the earliest end, and the first tool": (
        TOKEN | {"expiration": "2026-11-24 13:05:00", "manager": "awsume", EXPIRY_KEY: "2026-11-24T22:00:00Z"},
        None,
        StoredSession(MOMENT, "saml2aws", None),
    ),
    "an end that is none": (TOKEN | {EXPIRY_KEY: "soon"}, None, StoredSession(None, "saml2aws", None)),
    "an end that is none beside one that is": (
        TOKEN | {EXPIRY_KEY: "soon", "aws_credential_expiration": TIME},
        None,
        StoredSession(MOMENT, "saml2aws", None),
    ),
}


@pytest.mark.usefixtures("pacific_time")
@pytest.mark.parametrize(("section", "origin", "session"), STORED.values(), ids=STORED)
def test_stored_sessions(section: dict[str, str], origin: Origin | None, session: StoredSession | None) -> None:
    """What a section says of the session in it, whoever wrote it."""
    assert session == stored_session(section, origin)


@pytest.mark.parametrize(
    ("section", "has_keys"),
    [
        ({"aws_access_key_id": "AKIA"}, True),
        ({"aws_secret_access_key": "s"}, True),
        ({"aws_access_key_id": "AKIA", "aws_secret_access_key": "s"}, True),
        ({"aws_access_key_id": "AKIA", "aws_secret_access_key": "s", "aws_session_token": "t"}, False),
        ({"aws_access_key_id": "AKIA", "aws_security_token": "t"}, False),
        ({"aws_access_key_id": "", "aws_secret_access_key": ""}, False),
        ({"region": "r"}, False),
    ],
)
def test_long_term_keys(section: dict[str, str], has_keys: bool) -> None:
    """A part of a key is somebody's too; with a session token it is temporary."""
    assert has_keys == has_long_term_keys(section)


@pytest.mark.usefixtures("pacific_time")
def test_the_settings_of_a_session_keep_true_what_other_tools_left() -> None:
    """Each in its own form and zone."""
    others = {"expiration": "", "awsmfa_expiration": "", "aws_session_expiration_timestamp": "", "note": "mine"}
    ours = {
        "aws_access_key_id": "ASIA",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "x_security_token_expires": "2026-11-24T21:05:00Z",
    }
    credentials = SessionCredentials("ASIA", "s", "t", MOMENT)

    assert ours == session_settings(credentials, {"region": "r"})
    assert ours | {
        "expiration": "2026-11-24 21:05:00",
        "awsmfa_expiration": "2026-11-24T21:05:00+00:00",
        "aws_session_expiration_timestamp": "2026-11-24T21:05:00Z",
    } == session_settings(credentials, others)
    assert "2026-11-24 13:05:00" == session_settings(credentials, others | {"manager": "awsume"})["expiration"]


def test_session_credentials_are_kept_from_the_log() -> None:
    """From the moment that there are any."""
    lines: list[str] = []
    log.begin(log.STEPS, lines.append, {})
    try:
        SessionCredentials("ASIA", "hunter2/key", "hunter2/token", MOMENT)
        log.step("hunter2/key and hunter2/token")
    finally:
        log._log = None

    assert [True] == [line.endswith("  **** and ****") for line in lines]
