"""status: how long each session lives, from the files alone."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User

LOS_ANGELES = ZoneInfo("America/Los_Angeles")  # where the tool runs in these tests


def in_future(**delta: float) -> datetime:
    """A moment from now, in whole seconds."""
    return (datetime.now(UTC) + timedelta(**delta)).replace(microsecond=0)


def rfc3339(moment: datetime) -> str:
    """As AWS writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ours(name: str, expiration: datetime, source: str = BASE) -> str:
    """A section as this tool writes it."""
    return session_section(name, source=source, expires=rfc3339(expiration))


def test_status_in_a_pipe_is_a_line_for_each_session(home: Home, user: User) -> None:
    """Profile, state, expiration, seconds left and source, with tabs between, for cut and awk."""
    end = in_future(hours=5)
    home.write(base_section(user) + ours(DERIVED, end) + session_section("saml"))

    result = home.run("status")

    first, second = [line.split("\t") for line in result.stdout.splitlines()]
    assert [DERIVED, "valid", rfc3339(end), BASE] == [*first[:3], first[4]]
    assert 17990 < int(first[3]) <= 18000
    assert ["saml", "unknown", "-", "-", "-"] == second
    assert "" == result.stderr


@pytest.mark.parametrize(
    ("minutes", "arguments", "state", "code"),
    [
        (60, [], "valid", 0),
        (14, [], "expiring", 4),
        (14, ["--min-remaining", "10m"], "valid", 0),
        (60, ["--min-remaining", "3601"], "expiring", 4),
        (-1, [], "expired", 3),
    ],
)
def test_state_and_exit_code(home: Home, minutes: int, arguments: list[str], state: str, code: int) -> None:
    """For cron and monitors: 0 valid, 4 ending soon, 3 expired."""
    home.write(f"[{BASE}]\n" + ours(DERIVED, in_future(minutes=minutes)))

    result = home.run("status", BASE, *arguments)

    assert (state, code) == (result.stdout.split("\t")[1], result.code)


def test_a_missing_session_is_told_by_its_base(home: Home, user: User) -> None:
    """Exit 3, whether it is named or found by its base profile's mfa_serial."""
    home.add_base(user, config="region = a\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n")

    named, listed = home.run("status", DERIVED), home.run("status", "--json")

    assert (3, f"{DERIVED}\tmissing\t-\t-\t{BASE}\n") == (named.code, named.stdout)
    assert 3 == listed.code
    [status] = json.loads(listed.stdout)
    assert (DERIVED, "missing", None, None) == (
        status["profile"],
        status["state"],
        status["expiration"],
        status["remaining_seconds"],
    )
    assert "arn:aws:iam::123456789012:mfa/john.doe" == status["mfa_serial"]


def test_the_worst_state_decides(home: Home) -> None:
    """One expired session among valid ones is what a monitor has to know of."""
    home.write(ours("a-mfa", in_future(hours=1), "a") + ours("b-mfa", in_future(minutes=5), "b"))
    soon = home.run("status")
    home.write(home.credentials.read_text() + ours("c-mfa", in_future(hours=-1), "c"))
    expired = home.run("status")

    assert (4, 3) == (soon.code, expired.code)


MOMENT = datetime(2099, 7, 1, 12, 0, 0, tzinfo=UTC)
LOCAL = MOMENT.astimezone(LOS_ANGELES)


@pytest.mark.parametrize(
    ("settings", "managed_by"),
    [
        (f"x_security_token_expires = {MOMENT.astimezone(ZoneInfo('Europe/Paris')).isoformat()}", "saml2aws"),
        ("expiration = 2099-07-01 12:00:00", "aws-mfa"),
        (f"expiration = {LOCAL:%Y-%m-%d %H:%M:%S}\nmanager = awsume", "awsume"),
        ("awsmfa_expiration = 2099-07-01T12:00:00+00:00", "awsmfa"),
        ("awsmfa_expiration = 2099-07-01 12:00:00 +0000 UTC", "awsmfa"),
        ("aws_session_expiration_timestamp = 2099-07-01T12:00:00Z", "jhandguy/aws-mfa"),
        (f"aws_session_expiration_timestamp = {int(MOMENT.timestamp())}", "jhandguy/aws-mfa"),
        ("aws_credential_expiration = 2099-07-01T12:00:00.123Z", None),
    ],
)
def test_sessions_of_other_tools_are_recognised(home: Home, settings: str, managed_by: str | None) -> None:
    """By the key each of them keeps the end of a session under, in the zone it means."""
    home.write(session_section("other", settings))

    result = home.run("status", "--json")

    [status] = json.loads(result.stdout)
    assert (rfc3339(MOMENT), managed_by, "valid") == (status["expiration"], status["managed_by"], status["state"])
    assert 0 == result.code


def test_an_end_that_cannot_be_read_is_unknown(home: Home) -> None:
    """It is not called valid: exit 3."""
    home.write(session_section("other", "expiration = tomorrow"))

    result = home.run("status")

    assert (3, "other\tunknown\t-\t-\t-\n") == (result.code, result.stdout)


def test_of_two_ends_the_earlier_counts(home: Home) -> None:
    """aws-mfa writes over our section and leaves our key: too early costs a code, too late a job."""
    theirs = f"expiration = {in_future(hours=9):%Y-%m-%d %H:%M:%S}"
    home.write(session_section("other", theirs, expires=rfc3339(in_future(hours=-1))))

    assert "expired" == home.run("status").stdout.split("\t")[1]


def test_no_session_at_all(home: Home) -> None:
    """Nothing on stdout, an empty array for programs, and a word on what to do."""
    plain, as_json = home.run("status"), home.run("status", "--json")

    word = "no session yet: mfa-profiles setup PROFILE makes a profile, and mfa-profiles refresh PROFILE its session"
    assert (0, "", f"{word}\n") == (plain.code, plain.stdout, plain.stderr)
    assert (0, []) == (as_json.code, json.loads(as_json.stdout))


def test_several_names_each_once(home: Home) -> None:
    """Base and derived name mean the same pair."""
    home.write(f"[{BASE}]\n" + ours(DERIVED, in_future(hours=1)))

    result = home.run("status", BASE, DERIVED)

    assert 1 == len(result.stdout.splitlines())


def test_an_unknown_profile_is_an_error(home: Home) -> None:
    """Not a missing session: a monitor with a typing mistake should not be told that all it takes is a refresh."""
    home.write(f"[{BASE}]\n")

    result = home.run("status", "smce-vada")

    assert (1, "") == (result.code, result.stdout)
    assert f"hint: did you mean {BASE}?" in result.stderr


def test_control_characters_in_names_do_not_reach_the_terminal(home: Home) -> None:
    """A section name can hold anything, even what moves the cursor."""
    home.write(session_section("a\x1b[2Jb"))

    assert "a\\x1b[2Jb\tunknown\t-\t-\t-\n" == home.run("status").stdout


def test_status_asks_nobody(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """It is offline, and a session that it calls valid is the one that was stored."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    aws.requests.clear()

    result = home.run("status", BASE)

    assert (0, []) == (result.code, aws.requests)


def test_a_base_whose_derived_name_would_be_illegal_is_shown(home: Home) -> None:
    """One odd name must not keep the others from being shown."""
    home.write("", '[profile "Client A"]\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n')

    assert "Client A-mfa\tmissing\t-\t-\tClient A\n" == home.run("status").stdout


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_end_beyond_all_calendars_is_unknown(home: Home, moment: str) -> None:
    """In the zone of the person it may be in a year that does not exist."""
    home.write(session_section("other", expires=moment))

    assert "other\tunknown\t-\t-\t-\n" == home.run("status").stdout
