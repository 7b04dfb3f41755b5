"""-v tells what is done, step by step, and -vv what boto3 logs; neither tells a secret."""

import json
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import typer

import mfa_profiles
from mfa_profiles.cli import app
from tests.home import BASE, DERIVED, TOOL, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, PrivateCA, User
from tests.proxy import ConnectProxy
from tests.screens import Screen
from tests.test_redaction import SPELLINGS


def steps(home: Home, text: str) -> list[str]:
    """The steps, without times, and with paths and keys masked."""
    text = re.sub(r"(?m)^mfa-profiles: +\d+\.\d{3} s  ", "mfa-profiles: TIME  ", text)
    text = re.sub(r"after \d+ ms", "after N ms", text.replace(str(home.path), "~"))
    text = re.sub(r"\*{4}[A-Z2-7]{4}\b", "****KEY", re.sub(r"\.[0-9a-f-]{16}\.lock|\.role-.\.lock", ".ID.lock", text))
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "END", text).splitlines()


def check(home: Home, user: User, text: str) -> None:
    """Fail if a text holds a secret in any spelling, of sessions that were not stored, too."""
    for session in user.account.sessions.values():
        home.secrets.extend([session.secret_access_key, session.session_token])
    home.check_for_secrets(text)
    told = [spelling(secret) for secret in home.secrets for spelling in (*SPELLINGS, escape)]
    assert 0 == sum(secret in text for secret in told)


@pytest.fixture
def valid(home: Home, user: User) -> Home:
    """A home with a session that needs no refresh."""
    home.write(base_section(user) + session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z"))
    home.secrets.append(user.secret_access_key)
    return home


def test_the_steps_of_a_refresh(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """All of them, in their order: a code from the command line opens a role, and AWS is busy once."""
    role = aws.create_role("admin", external_id="a/known+secret")
    base.add_role("admin", role.arn, "external_id = a/known+secret\n")
    aws.faults.add(action="AssumeRole", error="Throttling", times=1)
    base.secrets.append("a/known+secret")

    result = base.run("refresh", "admin", "-v", "--token-code", base.code(device))

    check(base, user, result.stdout + result.stderr)
    version = f"mfa-profiles {mfa_profiles.__version__}, Python {'.'.join(map(str, sys.version_info[:3]))}"
    session = "smce-veda-mfa needs an MFA session of smce-veda"
    asks, signed = "asks sts for AssumeRole at 127.0.0.1 in us-east-1", "signed with ****KEY"
    expected = f"""\
{version}
reads ~/.aws/credentials
reads ~/.aws/config
admin means admin-mfa, derived from admin
{session}
admin-mfa needs a session of {role.arn}, with that of smce-veda-mfa
keeps the lock ~/.aws/.mfa-profiles/credentials.ID.lock, so that no other process refreshes smce-veda
reads ~/.aws/credentials
reads ~/.aws/config
makes sure that ~/.aws/config can be written
makes sure that ~/.aws/credentials can be written
the keys of profile smce-veda are ****KEY
the MFA device is {device.serial_number}: profile smce-veda names it
takes the token code that was given in --token-code
asks sts for GetSessionToken at 127.0.0.1 in us-west-2, {signed}
sts GetSessionToken: 200 after N ms
got ****KEY, which ends at END
adds [smce-veda-mfa] in ~/.aws/credentials
adds [profile smce-veda-mfa] in ~/.aws/config
writes ~/.aws/config
writes ~/.aws/credentials
keeps the lock ~/.aws/.mfa-profiles/credentials.ID.lock, so that no other process refreshes admin
reads ~/.aws/credentials
reads ~/.aws/config
{asks}, {signed}
sts AssumeRole: 400 Throttling after N ms
{asks}, {signed}, attempt 2
sts AssumeRole: 200 after N ms
got ****KEY, which ends at END
adds [admin-mfa] in ~/.aws/credentials
leaves ~/.aws/config as it is
writes ~/.aws/credentials"""
    assert (0, "") == (result.code, result.stdout)
    told = steps(base, result.stderr)
    assert [f"mfa-profiles: TIME  {line}" for line in expected.splitlines()] == told[:-2]
    assert ["smce-veda-mfa is valid", "admin-mfa is valid"] == [line.partition(" until")[0] for line in told[-2:]]


@pytest.fixture
def authority() -> PrivateCA:
    """A CA that has signed for AWS's names."""
    return PrivateCA("sts.us-west-2.amazonaws.com", "iam.amazonaws.com")


def test_what_boto3_logs_through_a_proxy_with_a_password(tmp_path: Path, authority: PrivateCA) -> None:
    """The requests and answers are left out, and of the rest each secret; the code is in the environment."""
    with LocalAWS(authority=authority) as aws, ConnectProxy(aws.port) as proxy:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        home = Home(tmp_path, aws, ["hunter2/+", "hunter2%2F%2B", "am9objpodW50ZXIyLys="])
        home.add_base(user)
        authority.write_pem(tmp_path / "ca.pem")
        env = {
            "AWS_ENDPOINT_URL": "",
            "AWS_CA_BUNDLE": str(tmp_path / "ca.pem"),
            "HTTPS_PROXY": proxy.url.replace("//", "//john:hunter2%2F%2B@"),
            "MFA_PROFILES_TOKEN_CODE": home.code(device),
        }
        script = (
            "import logging, sys; logging.basicConfig(level=logging.DEBUG); "  # nobody else is told
            "from mfa_profiles.__main__ import main; main()"
        )
        result = home.run("-c", script, "-v", "refresh", BASE, "-v", env=env, program=sys.executable)

        check(home, user, result.stdout + result.stderr)
    assert (0, "") == (result.code, result.stdout), result.stderr
    told = "\n".join(steps(home, result.stderr))
    assert re.findall(r"asks .*", told) == [
        f"asks {what} through the proxy 127.0.0.1, signed with ****KEY"
        for what in (
            "iam for ListMFADevices at iam.amazonaws.com in us-east-1",
            "sts for GetSessionToken at sts.us-west-2.amazonaws.com in us-west-2",
        )
    ]
    for line in (
        f"the MFA device is {device.serial_number}: AWS knows it",
        "takes the token code that was given in MFA_PROFILES_TOKEN_CODE",
        "botocore.endpoint: Making request for GetSessionToken with params: (left out)",
        "botocore.auth: CanonicalRequest:****",
        "botocore.endpoint: Sending http request: POST to sts.us-west-2.amazonaws.com",
        'urllib3.connectionpool: https://sts.us-west-2.amazonaws.com:443 "POST / HTTP/1.1" 200',
        "botocore.parsers: Response body:\nmfa-profiles: TIME  (bytes)",
    ):
        assert f"mfa-profiles: TIME  {line}" in told
    assert [] == re.findall(r"(?m)^(?!mfa-profiles: ).*(?:botocore|urllib3).*", told)


def test_a_question_is_not_mixed_with_steps(base: Home, user: User, device: MFADevice) -> None:
    """What boto3 logs in a thread waits for the answer; and a session that is given but not stored stays secret."""
    code = device.code()
    with Screen(base, ["refresh", BASE, "-vv"], lines=400, columns=250) as screen:
        screen.wait_for("MFA code for ")
        base.write(
            base_section(user) + f"[{DERIVED}]\naws_access_key_id = AKIAX\naws_secret_access_key = own/secret\n"
        )
        screen.type(code)
        assert 1 == screen.end()
        check(base, user, screen.raw)

    question = f"MFA code for {device.serial_number}: "
    before, _, after = screen.raw.partition(question)
    assert after.startswith(f"{code}\r\n")
    assert 1 == screen.raw.count(code)  # what the terminal echoed
    assert "botocore" in after
    assert before.endswith("asks for a token code on the terminal\x1b[0m\r\n")
    assert "holds long-term keys" in screen.text
    assert "\x1b[2mmfa-profiles: " in screen.raw


def test_a_refused_code_of_a_command_with_a_secret(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """Of the command its first word is told; the error is the last word, as without -v."""
    aws.faults.add(action="GetSessionToken", refusal=(403, "AccessDenied", "denied"))
    code = base.code(device)
    base.config.write_text(f"{base.config.read_text()}mfa_process = sh -c 'echo {code} # hunter2'\n")
    base.secrets.append("hunter2")

    result = base.run("refresh", BASE, "-vv", "--json")

    check(base, user, result.stdout + result.stderr)
    assert (1, False) == (result.code, json.loads(result.stdout)[0]["refreshed"])
    told = steps(base, result.stderr)
    assert "mfa-profiles: TIME  runs sh for a token code: mfa_process of profile smce-veda" in told
    assert "mfa-profiles: TIME  sts GetSessionToken: 403 AccessDenied after N ms" in told
    assert "TIME" not in told[-1]


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["credential-process", "-v"], "hands out ****KEY of profile smce-veda-mfa, which ends at END"),
        (["-v", "export", "--format=dotenv"], "hands out ****KEY of profile smce-veda-mfa, which ends at END"),
        (["exec", "-v", "--", "sh", "-v", "-c", "env"], "becomes sh, with the credentials in its environment"),
        (["--verbose", "status"], "finds no ~/.aws/config"),
        (["refresh", "--verbose", "--json"], "nothing to do for smce-veda-mfa: its session ends at END"),
    ],
)
def test_stdout_stays_as_it_is(valid: Home, arguments: list[str], last: str) -> None:
    """And stderr has the steps before all else, on whichever side of the command's name the option stands."""
    option = next(word for word in arguments if word in ("-v", "--verbose"))
    at = arguments.index(option)
    env = {"AWS_PROFILE": BASE}
    quiet = valid.run(*arguments[:at], *arguments[at + 1 :], env=env, prints_secrets=True)

    result = valid.run(*arguments, env=env, prints_secrets=True)

    assert (quiet.code, _without_times(quiet)) == (result.code, _without_times(result))
    told = steps(valid, result.stderr)
    assert "mfa-profiles: TIME  reads ~/.aws/credentials" == told[1]
    assert f"mfa-profiles: TIME  {last}" in told
    assert quiet.errors == [line for line in told if "TIME" not in line]


def _without_times(result: Result) -> str:
    return re.sub(r"\d{10}", "N", result.stdout)


def test_each_command_has_the_option_once(home: Home) -> None:
    """In its help; behind the profile, exec says where options belong."""
    group = typer.main.get_group(app)
    helps = [command.get_help(typer.Context(command)) for command in (group, *group.commands.values())]
    assert [1] * len(helps) == [text.count("-v, --verbose") for text in helps]

    wrong = home.run("exec", BASE, "-v", "--", "true")

    assert (2, "mfa-profiles: error: options come before the profile, and the command behind --") == (
        wrong.code,
        wrong.errors[0],
    )


def test_without_the_option_nothing_is_imported_for_it(valid: Home) -> None:
    """Commands for which SDKs and prompts wait stay as fast as they were; -v alone needs no logging either."""
    script = (
        "import sys; from mfa_profiles.__main__ import run; run(sys.argv[1:]); "
        "sys.exit(10 + ('mfa_profiles.redaction' in sys.modules) + 2 * ('logging' in sys.modules))"
    )

    def ended(*arguments: str) -> int:
        return valid.run("-c", script, *arguments, program=sys.executable, prints_secrets=True).code

    assert (10, 11) == (ended("credential-process", BASE), ended("credential-process", BASE, "-v"))


def test_control_characters_are_escaped_and_a_full_disk_is_no_matter(valid: Home) -> None:
    """Names come out of files; and a log that cannot be written keeps nothing from being done."""
    valid.write(
        valid.credentials.read_text() + session_section("red\x1b[31m", source=BASE, expires="2000-01-01T00:00:00Z")
    )

    told = valid.run("credential-process", "-v", "red\x1b[31m", env={"MFA_PROFILES_TOKEN_CODE": ""})
    full = valid.run("-c", f"{TOOL} refresh -v {BASE} 2>/dev/full", program="/bin/sh")

    assert "\x1b" not in told.stderr
    assert "red\\x1b[31m means red\\x1b[31m, derived from" in told.stderr
    assert 0 == full.code
