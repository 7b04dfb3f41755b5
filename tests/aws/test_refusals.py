"""What AWS refuses, and what fails on the way to it, becomes one sentence with hints; produced by the local AWS."""

import time

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice, User

BROKEN_XML = b"<GetSessionTokenResponse><Secret"
NO_CREDENTIALS = b"<GetSessionTokenResponse><GetSessionTokenResult/></GetSessionTokenResponse>"


def answer_with(secret: str, token: str, expiration: str = "2030-01-01T00:00:00Z") -> bytes:
    """An answer of STS with credentials of the test's choice."""
    return (
        '<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetSessionTokenResult><Credentials>'
        f"<AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
        f"<SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration>"
        "</Credentials></GetSessionTokenResult></GetSessionTokenResponse>"
    ).encode()


FAULTS = {
    "throttled": ({"error": "Throttling"}, "AWS throttled the request"),
    "internal failure": ({"error": "InternalFailure"}, "AWS reported an internal error (InternalFailure)"),
    "unavailable": ({"error": "ServiceUnavailable"}, "AWS reported an internal error (ServiceUnavailable)"),
    "reset": ({"reset": True}, "the connection to AWS broke off"),
    "broken XML": ({"answer": (200, BROKEN_XML)}, "the response did not come from AWS"),
    "no credentials": ({"answer": (200, NO_CREDENTIALS)}, "AWS answered without usable session credentials"),
    "a page of a proxy": ({"answer": (200, b"<html>hunter2</html>")}, "the response did not come from AWS"),
    "a refusal by a proxy": ({"answer": (407, b"hunter2")}, "the response did not come from AWS"),
    "a line break in a token": (
        {"answer": (200, answer_with("hunter2", "hunter3&#10;[evil]&#10;a = b"))},
        "AWS answered without usable session credentials",
    ),
    "no time": (
        {"answer": (200, answer_with("hunter2", "hunter3").replace(b"2030-01-01T00:00:00Z", b"soon"))},
        "the response did not come from AWS",
    ),
}


@pytest.mark.parametrize(("fault", "sentence"), FAULTS.values(), ids=FAULTS)
def test_failures_of_the_call(
    base: Home, aws: LocalAWS, device: MFADevice, fault: dict[str, object], sentence: str
) -> None:
    """One line, exit 1, files as they were, and nothing of what was sent or answered."""
    base.secrets.extend(["hunter2", "hunter3", "evil"])
    aws.faults.add(**fault)  # type: ignore[arg-type]
    before = base.files()

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert (1, before) == (result.code, base.files())
    assert f"mfa-profiles: error: {sentence}" in result.errors[0]


@pytest.mark.parametrize("offset", [-600, 600])
def test_a_clock_that_is_off(base: Home, aws: LocalAWS, device: MFADevice, offset: float) -> None:
    """AWS's answer quotes the signature's times; ours says which way the clock is wrong, and by how much."""
    aws.clock.offset = offset

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    side = "ahead of" if offset < 0 else "behind"
    assert 1 == result.code
    assert f"mfa-profiles: error: this machine's clock is wrong: it is 10 minutes {side} AWS's" == result.errors[0]


def test_a_wrong_secret_access_key(base: Home, user: User, device: MFADevice) -> None:
    """AWS's own answer would quote the canonical request."""
    text = base.credentials.read_text().replace(user.secret_access_key, "wrong/secret+key")
    base.credentials.write_text(text)

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert 1 == result.code
    assert f"the secret access key of profile {BASE} does not belong to ****" in result.errors[0]


def test_an_unknown_access_key(base: Home, user: User, device: MFADevice) -> None:
    """Deleted, inactive or mistyped: AWS does not say which."""
    base.credentials.write_text(base.credentials.read_text().replace(user.access_key_id, "AKIAUNKNOWNKEY"))

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert f"mfa-profiles: error: AWS does not know the access key ****NKEY of profile {BASE}" == result.errors[0]


def test_get_session_token_denied(base: Home, user: User, device: MFADevice) -> None:
    """With the permission that is missing, and the statement that gives it."""
    user.deny("sts:GetSessionToken")

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert f"mfa-profiles: error: profile {BASE} has no permission sts:GetSessionToken" == result.errors[0]
    assert '"Action": "sts:GetSessionToken"' in result.errors[1]


def test_a_device_of_somebody_else(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """AWS validates the code against the caller's devices only."""
    other = aws.create_user("jane.doe").add_virtual_device()

    result = base.run("refresh", BASE, "--token-code", base.code(device), "--serial-number", other.serial_number)

    assert f"mfa-profiles: error: {other.serial_number} is not an MFA device of this user" in result.errors[0]


def test_nobody_answers(base: Home, device: MFADevice) -> None:
    """Connection refused is a sentence within seconds."""
    started = time.monotonic()

    result = base.run(
        "refresh", BASE, "--token-code", base.code(device), env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )

    assert (1, True) == (result.code, time.monotonic() - started < 15)
    assert "mfa-profiles: error: the AWS endpoint in us-west-2 cannot be reached" == result.errors[0]


@pytest.mark.parametrize("url", ["localhost", "ftp://x", "http://[", "http://\n"])
def test_an_endpoint_that_is_no_url(base: Home, device: MFADevice, url: str) -> None:
    """botocore raises all kinds of things for it."""
    result = base.run("refresh", BASE, "--token-code", base.code(device), env={"AWS_ENDPOINT_URL": url})

    assert 1 == result.code
    assert "this should not have happened" not in result.stderr


def test_what_may_pass_is_tried_three_times(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """A moment's throttling or trouble is nothing to tell a person."""
    aws.faults.add(error="Throttling", times=2)

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert (0, 3) == (result.code, len(aws.requests))
