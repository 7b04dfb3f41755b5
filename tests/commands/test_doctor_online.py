"""doctor, at AWS: whose keys these are, the clock, the devices, permissions, and the age of keys."""

import json
from collections.abc import Mapping

import pytest

from tests.home import BASE, DERIVED, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User

IDENTITY = f"ok identity the keys of {BASE} are those of arn:aws:iam::123456789012:user/john.doe"
CLOCK = "ok clock this machine's clock agrees with AWS's"
DEVICE = f"ok devices codes for {BASE} come from arn:aws:iam::123456789012:mfa/john.doe"
SESSIONS = f"ok aws-permissions {BASE} may get sessions (sts:GetSessionToken)"
REGISTER = [
    "  register an authenticator app: IAM console, your name at the top right, Security credentials,",
    "  Assign MFA device, Authenticator app",
]


def key_age(user: User, age: str = "0 days", level: str = "ok") -> str:
    """What is said of the age of a user's key."""
    return f"{level} key-age the access key ****{user.access_key_id[-4:]} of {BASE} is {age} old"


def test_all_is_well(base: Home, aws: LocalAWS, user: User) -> None:
    """Five checks, four calls, and not a trace of the session that was asked for."""
    before = base.files()

    assert (0, [IDENTITY, CLOCK, DEVICE, SESSIONS, key_age(user)]) == told(base)
    assert ["GetCallerIdentity", "ListMFADevices", "GetSessionToken", "ListAccessKeys"] == aws.actions
    assert before == base.files()


def test_passkeys_and_a_configured_device_that_is_not_there(home: Home, user: User) -> None:
    """What STS cannot use; then an app beside it, which is not the one that is configured."""
    user.add_passkey()
    home.add_base(user)
    passkeys = told(home)
    device = user.add_virtual_device()
    home.add_base(user, config="mfa_serial = arn:aws:iam::123456789012:mfa/old\n")
    wrong = told(home)
    home.add_base(user)

    problem = f"problem devices the user of {BASE} has only passkeys, and AWS STS takes codes"
    assert (1, [IDENTITY, CLOCK, problem, *REGISTER, SESSIONS, key_age(user)]) == passkeys
    assert (
        1,
        [
            IDENTITY,
            CLOCK,
            f"problem devices arn:aws:iam::123456789012:mfa/old is not a device of the user of {BASE}, but profile "
            f"{BASE} names it",
            f"  mfa_serial = {device.serial_number} under [profile {BASE}] in ~/.aws/config",
            SESSIONS,
            key_age(user),
        ],
    ) == wrong
    assert f"{DEVICE} (1 passkey beside, of no use here)" in told(home)[1]


def test_permissions_that_are_missing(home: Home, user: User, device: MFADevice) -> None:
    """Without sts:GetSessionToken nothing works; without the others a line in the config file does it."""
    for action in ("sts:GetSessionToken", "iam:ListMFADevices", "iam:ListAccessKeys"):
        user.deny(action)
    home.add_base(user)
    nothing_known = told(home)
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")

    sessions = [
        f"problem aws-permissions profile {BASE} has no permission sts:GetSessionToken: a policy of the user "
        "denies it",
        "  a Deny outweighs every Allow: an administrator of the account can change it",
        "  if it denies all that comes without MFA: sts:GetSessionToken belongs among the exceptions in its "
        "NotAction",
    ]
    age = (
        f"ok key-age the age of the access key of {BASE} is not known: profile {BASE} has no permission "
        "iam:ListAccessKeys"
    )
    assert (
        1,
        [
            IDENTITY,
            CLOCK,
            f"warning devices the MFA device is not known, and profile {BASE} may not look for it "
            "(no permission iam:ListMFADevices)",
            f"  add to [profile {BASE}] in ~/.aws/config: mfa_serial = ARN",
            "  the IAM console shows the ARN: your name at the top right, Security credentials, MFA",
            *sessions,
            age,
        ],
    ) == nothing_known
    configured = f"ok devices the MFA device of {BASE} is {device.serial_number}, which AWS does not let it look up"
    assert (1, [IDENTITY, CLOCK, configured, *sessions, age]) == told(home)


def test_old_keys(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """AWS is asked with the session, if there is one: many users may look at their keys with MFA only."""
    aws.requests.clear()
    young = told(refreshed)
    of_keys = next(request for request in aws.requests if request.action == "ListAccessKeys")
    user.account.backend.create_access_key(user.name)
    aged = told(refreshed, "--max-key-age", "0d")

    assert (0, key_age(user)) == (young[0], young[1][-1])
    assert of_keys.access_key_id.startswith("ASIA")
    assert 0 == aged[0]
    assert [
        f"warning key-age {key_age(user).removeprefix('ok key-age ')}",
        f"  mfa-profiles rotate {BASE}",
        f"warning key-age the user of {BASE} has two active access keys",
        "  delete the one that nobody uses: IAM console, your name at the top right, Security credentials",
    ] == aged[1][-4:]
    assert 2 == refreshed.run_warm("doctor", "--max-key-age", "2h").code


def test_a_session_that_was_revoked(refreshed: Home, user: User) -> None:
    """It is what is wrong, not the keys of the base profile, with which AWS is asked for their age then."""
    user.account.sessions.clear()

    result = refreshed.run_warm("doctor", "--json")

    session, age = json.loads(result.stdout)[-2:]
    assert 1 == result.code
    assert ("session", "problem", DERIVED, f"the session of profile {DERIVED} is no longer good") == (
        session["check"],
        session["level"],
        session["profile"],
        session["message"],
    )
    assert [f"mfa-profiles refresh {DERIVED} --force"] == session["hints"]
    assert key_age(user) == f"{age['level']} {age['check']} {age['message']}"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (180, ["warning clock this machine's clock is 3 minutes behind AWS's: codes that it computes may be wrong"]),
        (-3600, ["problem clock this machine's clock is wrong: it is 60 minutes ahead of AWS's"]),
    ],
)
def test_a_clock_that_is_off(base: Home, aws: LocalAWS, seconds: int, expected: list[str]) -> None:
    """By the time that AWS gives with each answer, a refusal of the signature too; told once for two profiles."""
    with base.credentials.open("a") as credentials:
        credentials.write(base.credentials.read_text().replace(BASE, "twin"))
    aws.clock.advance(seconds)

    exit_code, said = told(base)

    clock = [line for line in said if " clock " in line or "timedatectl" in line]
    assert expected == clock[:1]
    assert ["  set it, best with a time service: timedatectl set-ntp true"] == clock[1:]
    assert int(seconds < 0) == exit_code


def test_no_network(base: Home) -> None:
    """One problem, whatever the number of checks and profiles."""
    with base.credentials.open("a") as credentials:
        credentials.write(base.credentials.read_text().replace(BASE, "twin"))

    exit_code, said = told(base, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})

    assert (1, 1) == (exit_code, sum(not line.startswith("  ") for line in said))
    assert "problem identity the AWS endpoint 127.0.0.1 cannot be reached" == said[0]


def test_keys_that_are_no_good(home: Home, aws: LocalAWS, user: User) -> None:
    """The keys of the root user; those that AWS does not know, which is one problem; and some that are not asked."""
    root = aws.create_user(root=True)
    home.secrets.append(root.secret_access_key)
    user.deactivate_access_key()
    placeholder = "[guide]\naws_access_key_id = YOUR_ACCESS_KEY_ID\naws_secret_access_key = YOUR_SECRET_ACCESS_KEY\n"
    home.write(base_section(user) + base_section(root, "root") + placeholder)

    exit_code, said = told(home)

    assert 1 == exit_code
    assert [
        f"problem identity AWS does not know the access key ****{user.access_key_id[-4:]} of profile {BASE}",
        "warning identity the keys of root are those of the root user of account 123456789012",
    ] == [line for line in said if " identity " in line]
    assert not any("guide" in line for line in said)


def test_of_one_profile_only_its_own_keys_call_aws(base: Home, aws: LocalAWS) -> None:
    """For a role, those of its source; and with --offline none."""
    other = aws.create_user("other")
    base.secrets.append(other.secret_access_key)
    with base.credentials.open("a") as credentials:
        credentials.write(base_section(other, "other"))
    base.add_role("admin", aws.create_role("admin").arn)

    exit_code, said = told(base, "admin")
    calls = len(aws.requests)
    base.run_warm("doctor", "admin", "--offline")

    assert (0, IDENTITY) == (exit_code, said[0])
    assert 4 == calls == len(aws.requests)


def test_aws_is_not_asked(home: Home, user: User) -> None:
    """Why that is is told: a file that boto3 refuses, which can be repaired, or no keys to ask with."""
    home.write("[a]\nregion = us-west-2\n")
    no_keys = told(home)
    home.write(f"\ufeff{base_section(user)}")
    refused = told(home)
    repaired = told(home, "--fix")

    assert (0, ["ok aws AWS was not asked, as there are no long-term keys that could sign"]) == no_keys
    assert (1, ["warning aws AWS was not asked, as the files have to be mended first"]) == refused
    assert IDENTITY == repaired[1][0]


def told(home: Home, *options: str, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """The exit code, and what is said of AWS, in lines."""
    result = home.run_warm("doctor", "--json", *options, env=env)
    lines = []
    for finding in json.loads(result.stdout):
        if finding["subject"] == "aws":
            lines += [f"{finding['level']} {finding['check']} {finding['message']}"]
            lines += [f"  {hint}" for hint in finding["hints"]]
    return result.code, [line.replace(str(home.path), "~") for line in lines]
