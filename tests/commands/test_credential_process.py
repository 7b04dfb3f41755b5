"""credential-process: what the SDKs call by themselves, when they need credentials and nobody expects a question."""

import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pexpect
import pytest

from tests.home import BASE, DERIVED, TOOL, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import is_gone, wait_for
from tests.screens import Screen


def ends_in(**length: int) -> str:
    """A time from now, as RFC 3339."""
    return (datetime.now(UTC) + timedelta(**length)).strftime("%Y-%m-%dT%H:%M:%SZ")


def printed(result: Result) -> dict[str, str | int]:
    """The object on stdout."""
    found: dict[str, str | int] = json.loads(result.stdout)
    return found


def expected(home: Home, profile: str = DERIVED) -> dict[str, str | int]:
    """The session in a section, masked, as the SDKs want it."""
    section = home.section(profile)
    return {
        "Version": 1,
        "AccessKeyId": section["aws_access_key_id"],
        "SecretAccessKey": section["aws_secret_access_key"],
        "SessionToken": section["aws_session_token"],
        "Expiration": section["x_security_token_expires"],
    }


def credential_process(home: Home, name: str = BASE, env: Mapping[str, str] | None = None) -> Result:
    """Run the command as an SDK does."""
    return home.run("credential-process", name, env=env, prints_secrets=True)


def with_session(home: Home, user: User, expires: str, config: str = "") -> Home:
    """Write a base profile, and a derived one with a session of ours that AWS does not know."""
    home.add_base(user, config=f"region = us-west-2\n{config}")
    home.write(base_section(user) + session_section(DERIVED, source=BASE, expires=expires))
    return home


def with_mfa_process(device: MFADevice) -> str:
    """Settings by which a code comes without a person."""
    script = f"import pyotp; print(pyotp.TOTP('{device.seed}').now())"
    return f'mfa_serial = {device.serial_number}\nmfa_process = {sys.executable} -c "{script}"\n'


@pytest.mark.parametrize("name", [BASE, DERIVED])
def test_a_valid_session_is_printed(home: Home, aws: LocalAWS, user: User, name: str) -> None:
    """Version 1 with the expiration, whichever of the two names is given; AWS is not asked."""
    with_session(home, user, ends_in(hours=2))

    result = credential_process(home, name)

    assert (0, "", expected(home)) == (result.code, result.stderr, printed(result))
    assert [] == aws.actions


def test_an_expired_session_is_refreshed_through_mfa_process(home: Home, user: User, device: MFADevice) -> None:
    """Nobody has to be there."""
    home.secrets.append(str(device.seed))
    with_session(home, user, ends_in(hours=-1), with_mfa_process(device))

    result = credential_process(home)

    assert (0, expected(home)) == (result.code, printed(result))
    assert home.section()["x_security_token_expires"] > ends_in(hours=11)
    assert result.errors[0].startswith(f"{DERIVED} is valid until ")


def test_many_at_once_ask_for_one_session(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """A program with ten workers costs one code."""
    home.secrets.append(str(device.seed))
    with_session(home, user, ends_in(hours=-1), with_mfa_process(device))

    with ThreadPoolExecutor(10) as workers:
        results = list(workers.map(lambda _: credential_process(home), range(10)))

    assert ["GetSessionToken"] == aws.actions
    assert [expected(home)] * 10 == [printed(result) for result in results]


def test_without_a_way_to_a_code_it_ends_at_once(home: Home, aws: LocalAWS, user: User) -> None:
    """Exit 5, a sentence on stderr, and nothing on stdout."""
    with_session(home, user, ends_in(hours=-1))

    result = credential_process(home)

    assert (5, "", []) == (result.code, result.stdout, aws.actions)
    assert result.errors[0].startswith("mfa-profiles: error: a token code is needed")


def test_what_is_left_is_given_when_no_code_can_be_had(home: Home, user: User) -> None:
    """Ten minutes are better than an error, and the SDK will ask again: not a word."""
    with_session(home, user, ends_in(minutes=10))

    result = credential_process(home)

    assert (0, "", expected(home)) == (result.code, result.stderr, printed(result))


def test_mfa_process_renews_what_is_about_to_end(home: Home, user: User, device: MFADevice) -> None:
    """As SDKs call again fifteen minutes before the end."""
    home.secrets.append(str(device.seed))
    with_session(home, user, ends_in(minutes=10), with_mfa_process(device))

    result = credential_process(home)

    assert (0, expected(home)) == (result.code, printed(result))
    assert home.section()["x_security_token_expires"] > ends_in(hours=11)


def test_what_is_left_is_given_when_aws_refuses(home: Home, user: User, device: MFADevice) -> None:
    """The SDK gets what it can work with, a person the reason."""
    home.secrets.append(str(device.seed))
    with_session(home, user, ends_in(minutes=10), with_mfa_process(device))
    user.deny("sts:GetSessionToken")

    result = credential_process(home)

    assert (0, expected(home)) == (result.code, printed(result))
    assert result.errors[0].startswith(f"mfa-profiles: warning: {DERIVED} is used until ")
    assert "could not be refreshed: profile smce-veda has no permission sts:GetSessionToken" in result.errors[0]


def in_a_terminal(home: Home) -> "pexpect.spawn[str]":
    """Run the command with a terminal, and its stdout in a file."""
    return pexpect.spawn(
        "/bin/sh",
        ["-c", f"{TOOL} credential-process {BASE} >out; echo exit $?"],
        env=home.environment(),
        cwd=str(home.path),
        encoding="utf-8",
        timeout=120,
    )


@pytest.mark.parametrize("left", [timedelta(hours=-1), timedelta(seconds=30)])
def test_the_terminal_is_asked_when_nothing_is_left(
    home: Home, user: User, device: MFADevice, left: timedelta
) -> None:
    """The question is on the terminal, and stdout gets the object alone."""
    with_session(home, user, ends_in(seconds=int(left.total_seconds())))
    child = in_a_terminal(home)

    child.expect("MFA code for .*: ")
    child.sendline(home.code(device))

    child.expect("exit 0")
    assert expected(home) == json.loads(home.text(home.path / "out"))


def test_the_terminal_is_left_alone_while_something_is_left(home: Home, user: User) -> None:
    """A program in the background must not stop for a question ten minutes before it has to."""
    with_session(home, user, ends_in(minutes=10))
    child = in_a_terminal(home)

    child.expect("exit 0")
    assert "MFA code" not in str(child.before)
    assert expected(home) == json.loads(home.text(home.path / "out"))


@pytest.mark.parametrize(("expires", "code"), [(timedelta(hours=1), 0), (timedelta(hours=-1), 3)])
def test_a_session_of_another_tool(home: Home, expires: timedelta, code: int) -> None:
    """Given as long as it lives; then it is for that tool to get a new one, and the exit code is 3."""
    home.write(session_section("sso", expires=ends_in(seconds=int(expires.total_seconds()))))

    result = credential_process(home, "sso")

    assert code == result.code
    if code:
        assert "" == result.stdout
        assert "error: the session in sso has expired, and mfa-profiles cannot refresh it:" in result.errors[0]
    else:
        assert expected(home, "sso") == printed(result)


@pytest.mark.parametrize(("expires", "code"), [(timedelta(hours=1), 0), (timedelta(hours=-1), 3)])
def test_a_session_in_the_config_file(home: Home, expires: timedelta, code: int) -> None:
    """SDKs take keys from there, too: the end of a session is handed on with it, and afterwards it is refused."""
    end = ends_in(seconds=int(expires.total_seconds()))
    home.write("", session_section("profile sso", expires=end))
    home.secrets.extend(["secret/of/a/session", "token/of/a/session=="])

    result = credential_process(home, "sso")

    assert code == result.code
    if code:
        assert "" == result.stdout
        assert "error: the session in sso has expired, and mfa-profiles cannot refresh it:" in result.errors[0]
    else:
        assert end == printed(result)["Expiration"]


@pytest.mark.parametrize("command", ["export", "credential-process"])
def test_nothing_is_derived_from_a_session(home: Home, command: str) -> None:
    """What looks like the name of a derived profile does not get around the end of another tool's session."""
    home.write(session_section("saml", expires="2001-01-01T00:00:00Z"))

    result = home.run(command, "saml-mfa")

    assert (1, "") == (result.code, result.stdout)
    assert "mfa-profiles: error: there is no profile saml-mfa" == result.errors[0]


def test_a_role(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """Assumed with the session of its source, and no code, as long as that is valid."""
    role = aws.create_role("operator", trusted=user.arn, require_mfa=True)
    home.add_base(user)
    home.add_role("production", role.arn)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))

    result = credential_process(home, "production")

    assert (0, expected(home, "production-mfa")) == (result.code, printed(result))


def test_the_session_of_another_role_is_not_handed_out(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """Once the profile names another role, what is left of the old one is good for nothing."""
    roles = [aws.create_role(name, trusted=user.arn, require_mfa=True) for name in ("staging", "production")]
    home.add_base(user)
    home.add_role("job", roles[0].arn)
    home.run_warm("refresh", "job", "--token-code", home.code(device))
    home.run("clear", BASE)
    home.config.write_text(home.config.read_text().replace(roles[0].arn, roles[1].arn))

    result = credential_process(home, "job")

    assert (5, "") == (result.code, result.stdout)


def test_botocore_asks_nobody(home: Home, user: User) -> None:
    """A role that wants a code, behind temporary keys: its own prompt would read the stdin of whoever called."""
    home.write(
        base_section(user, "long-term") + session_section("src"),
        "[profile src]\ncredential_process = false\n[profile r]\nrole_arn = arn:aws:iam::123456789012:role/x\n"
        "source_profile = src\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n",
    )

    result = home.run("-c", f"{TOOL} credential-process r; cat", program="/bin/sh", stdin="data\n")

    assert "data\n" == result.stdout
    assert "getpass" not in result.stderr.lower()


def test_a_profile_that_gets_its_keys_elsewhere(home: Home) -> None:
    """What its own credential_process prints is handed on, with its expiration."""
    expires = ends_in(hours=1)
    home.secrets.extend(["its/secret", "its/token"])
    object_ = {
        "Version": 1,
        "AccessKeyId": "ASIAELSEWHERE",
        "SecretAccessKey": "its/secret",
        "SessionToken": "its/token",
        "Expiration": expires,
    }
    (home.path / "object").write_text(json.dumps(object_))
    home.write("", f"[profile elsewhere]\ncredential_process = cat {home.path / 'object'}\n")

    result = credential_process(home, "elsewhere")

    assert (0, "") == (result.code, result.stderr)
    assert json.loads(home.masked(json.dumps(object_))) == printed(result)


def test_ctrl_c_ends_a_process_that_gives_keys(home: Home) -> None:
    """It is not left behind, holding the terminal."""
    (home.path / "forever").write_text("echo $$ >pid; exec sleep 600")
    home.write("", f"[profile elsewhere]\ncredential_process = sh {home.path}/forever\n")
    with Screen(home, ["credential-process", "elsewhere"]) as screen:
        wait_for(home.path / "pid")
        screen.child.send("\x03")

        assert 130 == screen.end()
    assert is_gone(home.path / "pid")


def test_a_profile_that_leads_back_to_itself(home: Home) -> None:
    """A circle of processes ends with a sentence, and not with a full process table."""
    home.write(
        "",
        f"[profile a]\ncredential_process = {TOOL} credential-process b\n"
        f"[profile b]\ncredential_process = {TOOL} credential-process a\n",
    )

    result = credential_process(home, "a")

    assert (1, "") == (result.code, result.stdout)
    assert "mfa-profiles: error: credential_process of profile a failed" == result.errors[0]
    chain = f"{os.getpid()} a\n{os.getpid()} b"
    inner = home.run("credential-process", "a", env={"_MFA_PROFILES_CHAIN": chain})
    assert inner.errors[0] == (
        "mfa-profiles: error: credential_process or mfa_process of profile a leads back to itself"
    )


def test_boto3_sees_the_sentence(home: Home, user: User) -> None:
    """SDKs hide stderr of the process, but show it when it fails: a person reads what to do."""
    auto = f"[profile auto]\ncredential_process = {TOOL} credential-process {BASE}\n"
    with_session(home, user, ends_in(hours=-1), auto)
    script = "import boto3\ntry: boto3.client('sts').get_caller_identity()\nexcept Exception as error: print(error)"

    result = home.run("-c", script, program=sys.executable, env={"AWS_PROFILE": "auto"})

    assert "a token code is needed, and there is no terminal to ask for it on" in result.stdout
