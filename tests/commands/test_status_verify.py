"""status --verify: whether sessions still work, asked of AWS with each one's own keys."""

import json
import re
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from mfa_profiles.commands.status import SessionStatus, Verdict, Verification, exit_code
from mfa_profiles.sessions import State
from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import LocalAWS, User
from tests.screens import Screen


def given_session(
    home: Home, user: User, name: str, *, secret: str = "", expires: str = "2099-01-01T00:00:00Z"
) -> str:
    """A section with a session that AWS gave, and what the file says of its end."""
    client = boto3.client(
        "sts",
        region_name="us-west-2",
        endpoint_url=home.aws.endpoint_url,
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    given = client.get_session_token()["Credentials"]
    section = session_section(name, expires=expires)
    section = section.replace("ASIAIOSFODNN7EXAMPLE", given["AccessKeyId"])
    section = section.replace("secret/of/a/session", secret or given["SecretAccessKey"])
    return section.replace("token/of/a/session==", given["SessionToken"])


@pytest.fixture
def fleet(home: Home, aws: LocalAWS, user: User) -> Home:
    """A home with a session of every kind, which all seem good but the last two."""
    gone = aws.create_user("jane.doe")
    text = given_session(home, user, "works") + given_session(home, user, "expired")
    aws_key = re.findall(r"ASIA\w+", text)[-1]
    text += given_session(home, gone, "revoked") + given_session(home, user, "damaged", secret="d4maged")
    text += base_section(user) + given_session(home, user, "over", expires="2020-01-01T00:00:00Z")
    home.write(text, f"[profile {BASE}]\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n")
    user.account.sessions[aws_key].expiration = datetime.now(UTC) - timedelta(minutes=1)
    del gone.account.backend.users[gone.name]
    aws.requests.clear()
    return home


def test_each_session_is_asked_about_with_its_own_keys(fleet: Home, aws: LocalAWS) -> None:
    """Once, those of other tools too; one that the file calls over or missing is not. In a pipe, a column more."""
    result = fleet.run("status", "--verify")

    told = [(line[0], line[1], line[5]) for line in (line.split("\t") for line in result.stdout.splitlines())]
    assert [
        ("works", "valid", "works"),
        ("expired", "valid", "expired"),
        ("revoked", "valid", "revoked"),
        ("damaged", "valid", "refused"),
        ("over", "expired", "-"),
        (DERIVED, "missing", "-"),
    ] == told
    asked = {request.access_key_id for request in aws.requests}
    names = ["works", "expired", "revoked", "damaged"]
    assert {fleet.section(name)["aws_access_key_id"] for name in names} == asked
    assert ["GetCallerIdentity"] * 4 == aws.actions
    assert 3 == result.code
    assert [
        "mfa-profiles: error: damaged: the session of profile damaged is damaged: its secret does not belong to "
        f"****{fleet.section('damaged')['aws_access_key_id'][-4:]}",
        "mfa-profiles: error: expired: the session of profile expired is no longer good",
        "mfa-profiles: error: revoked: the session of profile revoked is no longer good",
    ] == sorted(line for line in result.errors if not line.startswith("hint: "))
    assert f"hint: put new ones into [revoked] in {fleet.credentials}" in result.errors


def test_verified_objects(fleet: Home, user: User) -> None:
    """Three keys more than without, where nobody is asked."""
    verified, plain = (
        fleet.run("status", "works", "revoked", "over", "--verify", "--json"),
        fleet.run("status", "works", "--json"),
    )

    works, revoked, over = json.loads(verified.stdout)
    assert ("works", user.arn, None) == (works["verified"], works["arn"], works["verification_error"])
    assert ("revoked", None, "the session of profile revoked is no longer good") == (
        revoked["verified"],
        revoked["arn"],
        revoked["verification_error"],
    )
    assert (None, None, None) == (over["verified"], over["arn"], over["verification_error"])
    assert {"verified", "arn", "verification_error"} == set(works) - set(json.loads(plain.stdout)[0])


def test_verified_on_a_terminal(fleet: Home) -> None:
    """A column more, and below the table what to do about those that do not work."""
    with Screen(fleet, ["status", "works", "revoked", "--verify"]) as screen:
        code = screen.end()
        lines = screen.text.splitlines()

    start = next(number for number, line in enumerate(lines) if line.startswith("PROFILE"))
    cells = [line.split() for line in lines[start : start + 3]]
    assert [("PROFILE", "AWS"), ("works", "works"), ("revoked", "revoked")] == [(row[0], row[-1]) for row in cells]
    assert "mfa-profiles: error: revoked: the session of profile revoked is no longer good" == lines[start + 3]
    assert 3 == code


def test_a_session_that_works_may_be_denied_everything(refreshed: Home, user: User) -> None:
    """No policy denies this call; and a session that ends soon is told by its exit code as ever."""
    user.deny("*:*")

    result = refreshed.run("status", BASE, "--verify", "--min-remaining", "13h")

    assert (4, "works", "") == (result.code, result.stdout.split()[-1], result.stderr)


@pytest.mark.parametrize(
    ("fault", "sentence", "hint"),
    [
        ({"reset": True}, "the connection to AWS broke off", "try again"),
        (
            {"answer": (200, b"<html>")},
            "the response did not come from AWS",
            "is AWS_ENDPOINT_URL or a proxy in the way?",
        ),
    ],
    ids=["network", "captive portal"],
)
def test_without_an_answer_nothing_is_said_of_the_session(
    refreshed: Home, aws: LocalAWS, fault: dict[str, object], sentence: str, hint: str
) -> None:
    """It may work: that AWS cannot be reached is told apart, and exit 1."""
    aws.faults.add(action="GetCallerIdentity", **fault)  # type: ignore[arg-type]

    result = refreshed.run("status", BASE, "--verify")

    assert (1, "valid", "unreachable") == (result.code, result.stdout.split()[1], result.stdout.split()[-1])
    assert [f"mfa-profiles: error: {sentence}", f"hint: {hint}"] == result.errors


def test_a_session_that_is_not_complete_is_refused(home: Home, aws: LocalAWS) -> None:
    """AWS need not be asked, and nobody is told to put long-term keys there."""
    home.write("[half]\naws_access_key_id = ASIAX\naws_session_token = t/x\nexpiration = 2099-01-01 00:00:00\n")

    result = home.run("status", "--verify")

    assert (3, [], "refused") == (result.code, aws.requests, result.stdout.split()[-1])
    assert [
        "mfa-profiles: error: profile half has no aws_secret_access_key",
        "hint: its session is not complete: refresh it, or get it again",
    ] == result.errors


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([(State.VALID, Verdict.WORKS), (State.EXPIRED, None)], 3),
        ([(State.UNKNOWN, Verdict.WORKS)], 3),
        ([(State.EXPIRING, Verdict.WORKS), (State.VALID, Verdict.REFUSED)], 3),
        ([(State.EXPIRING, Verdict.UNREACHABLE), (State.VALID, Verdict.REVOKED)], 3),
        ([(State.EXPIRING, Verdict.UNREACHABLE), (State.VALID, Verdict.WORKS)], 4),
        ([(State.VALID, Verdict.UNREACHABLE), (State.VALID, Verdict.WORKS)], 1),
    ],
)
def test_the_worst_that_is_known_decides(found: list[tuple[State, Verdict | None]], code: int) -> None:
    """Before what is not known."""
    statuses = [SessionStatus("a", None, state, verification=Verification(verdict)) for state, verdict in found]

    assert code == exit_code(statuses)


@pytest.mark.parametrize(
    "identity", ["", "<Account>1</Account>", "<Account>1</Account><Arn>a&#10;b</Arn>", "<Arn>a</Arn><Arn>b</Arn>"]
)
def test_an_identity_that_is_none(refreshed: Home, aws: LocalAWS, identity: str) -> None:
    """It is not from AWS, and so says nothing of the session."""
    answer = f"<GetCallerIdentityResponse><GetCallerIdentityResult>{identity}</GetCallerIdentityResult>"
    aws.faults.add(answer=(200, f"{answer}</GetCallerIdentityResponse>".encode()))

    result = refreshed.run_warm("status", DERIVED, "--verify")

    assert (1, "unreachable") == (result.code, result.stdout.split()[-1])
    assert "the response did not come from AWS" in result.errors[0]


@pytest.mark.parametrize("date", ["soon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_date_that_is_none(refreshed: Home, aws: LocalAWS, date: str) -> None:
    """AWS's clock is then not known, and the rest of the answer good."""
    aws.wire = lambda _, answer: [re.sub(rb"(?m)^Date: .*(?=\r$)", f"Date: {date}".encode(), answer)]

    assert 0 == refreshed.run_warm("status", DERIVED, "--verify").code
