"""All commands in an account that denies nearly everything without MFA, as those do that this tool is for."""

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice, User


@pytest.fixture
def enforced(home: Home, aws: LocalAWS, user: User) -> Home:
    """A home with a role behind a base profile, whose device AWS has to be asked for."""
    home.add_base(user)
    home.add_role("admin", aws.create_role("admin", require_mfa=True).arn)
    user.deny_without_mfa()
    return home


def test_each_command_works(enforced: Home, user: User, device: MFADevice) -> None:
    code = enforced.code(device)
    for arguments in (
        ["devices", BASE],
        ["refresh", BASE, "--token-code", code],
        ["refresh", "admin"],
        ["status", "--verify"],
        ["export", "admin", "--by-profile"],
        ["rotate", BASE],
        ["doctor", BASE],
        ["clear", "--all"],
    ):
        result = enforced.run_warm(*arguments)
        assert result.code == 0, (arguments[0], result.stderr)
    assert list(user.access_keys.values()) == ["Active"]


def test_setup_works(home: Home, user: User, device: MFADevice) -> None:
    user.deny_without_mfa()
    home.secrets.append(user.secret_access_key)
    keys = ["--access-key-id", user.access_key_id, "--secret-access-key-file", "-"]

    result = home.run_warm(
        "setup", BASE, *keys, "--region", "us-west-2", "--no-refresh", stdin=user.secret_access_key
    )

    assert result.code == 0
    assert home.section(f"profile {BASE}", home.config)["mfa_serial"] == device.serial_number


@pytest.mark.usefixtures("device")
def test_doctor_says_what_it_may_not_see_without_a_session(enforced: Home) -> None:
    result = enforced.run_warm("doctor", BASE)

    assert result.code == 0
    assert "the age of the access key of smce-veda is not known" in result.stdout


@pytest.mark.parametrize("action", ["ListAccessKeys", "CreateAccessKey"])
def test_the_long_term_key_alone_is_denied(enforced: Home, user: User, action: str) -> None:
    """The local AWS denies it, so that the tests above could fail."""
    import boto3
    from botocore.exceptions import ClientError

    iam = boto3.client(
        "iam",
        endpoint_url=enforced.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )

    with pytest.raises(ClientError, match="explicit deny"):
        iam.list_access_keys() if action == "ListAccessKeys" else iam.create_access_key()
