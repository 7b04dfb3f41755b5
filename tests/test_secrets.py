"""No secret, token or code is shown: not in output, not in errors, not in the process list.

Home.run looks for all of them in whatever every test of the tool prints; here are the ways to fail that no other test
takes, and what can be seen from outside.
"""

import os
import subprocess
import time
from pathlib import Path

import pytest

from mfa_profiles.profiles import LongTermKeys
from mfa_profiles.sessions import SessionCredentials
from tests.home import BASE, TOOL, Home
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


@pytest.fixture
def base(home: Home, user: User, device: MFADevice) -> Home:
    """A home with a base profile whose device is known."""
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    return home


FAULTS = {
    "throttled": ({"error": "Throttling"}, "AWS asks for fewer calls"),
    "internal failure": ({"error": "InternalFailure"}, "AWS has trouble of its own (InternalFailure)"),
    "unavailable": ({"error": "ServiceUnavailable"}, "AWS has trouble of its own (ServiceUnavailable)"),
    "reset": ({"reset": True}, "the connection to AWS broke off"),
    "broken XML": ({"answer": (200, BROKEN_XML)}, "the answer is not one of AWS's"),
    "no credentials": ({"answer": (200, NO_CREDENTIALS)}, "AWS answered without usable session credentials"),
    "a page of a proxy": ({"answer": (200, b"<html>hunter2</html>")}, "the answer is not one of AWS's"),
    "a refusal by a proxy": ({"answer": (407, b"hunter2")}, "the answer is not one of AWS's"),
    "a line break in a token": (
        {"answer": (200, answer_with("hunter2", "hunter3&#10;[evil]&#10;a = b"))},
        "AWS answered without usable session credentials",
    ),
    "no time": (
        {"answer": (200, answer_with("hunter2", "hunter3").replace(b"2030-01-01T00:00:00Z", b"soon"))},
        "the answer is not one of AWS's",
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


@pytest.mark.parametrize(
    "arguments", [["refresh", BASE, "000111"], ["status", BASE, "--token-code=000111"], ["000111"]]
)
def test_a_code_in_the_wrong_place_is_not_repeated(base: Home, arguments: list[str]) -> None:
    """Other tools take the code as an argument; an error about it does not quote it."""
    base.secrets.append("000111")

    assert base.run(*arguments).code in (1, 2)


def test_nothing_in_the_process_list(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """While AWS is being asked, neither command lines nor environments of any process hold a code or key."""
    aws.faults.add(latency=5)
    code = base.code(device)
    with subprocess.Popen(
        [TOOL, "refresh", BASE, "--token-code", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=base.environment(),
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"{code}\n".encode())
        process.stdin.close()
        while not aws.requests:
            time.sleep(0.01)
        seen = 0
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for kind in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{pid}/{kind}").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                seen += int(pid) == process.pid
                base.check_for_secrets(text)
        process.kill()

    assert 2 == seen


def test_no_secret_in_repr() -> None:
    """What holds a secret does not show it when it is printed, as in a traceback with locals."""
    from datetime import UTC, datetime

    from mfa_profiles.commands.refresh import RefreshOptions
    from mfa_profiles.ini import parse

    credentials = SessionCredentials("ASIAX", "hunter2", "hunter2", datetime.now(UTC))
    file = parse(b"[a]\naws_secret_access_key = hunter2\n", "credentials")
    shown = repr([credentials, LongTermKeys("AKIAX", "hunter2"), file, RefreshOptions(token_code="hunter2")])

    assert "hunter2" not in shown
    assert "ASIAX" in shown
