"""Sessions: the grammar of the expiration comment, times as tools write them, and the state at a moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_profiles.sessions import (
    Origin,
    State,
    expiration_comment,
    format_time,
    parse_expiration_comment,
    parse_time,
    state_of,
)

MOMENT = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)
SERIAL = "arn:aws:iam::123456789012:mfa/john.doe"


def test_the_comment_reads_as_the_specification_has_it() -> None:
    """People read it in the file, and other programs may match it."""
    assert (
        f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile smce-veda, mfa_serial {SERIAL})"
        == expiration_comment(MOMENT, Origin("smce-veda", SERIAL))
    )


@pytest.mark.parametrize(
    "origin",
    [
        Origin("smce-veda"),
        Origin("a", "GAHT12345678", "arn:aws:iam::123456789012:role/path/r"),
        Origin("my profile, mfa_serial x)", "arn:aws:iam::123456789012:mfa/doe,john"),
        Origin('a"b\\', SERIAL),
        Origin("é\u2028ü", SERIAL),
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
    "text", ["", "soon", "2026-11-24", "2026-13-24T21:05:00Z", "2026-11-24T21:05:00Zulu", "9" * 30]
)
def test_what_is_no_time(text: str) -> None:
    """None, not an error: one odd section must not keep the others from being shown."""
    assert None is parse_time(text)


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
