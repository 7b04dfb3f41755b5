"""Real clients, plain boto3 and the AWS CLI v1, use the derived profile against the local AWS."""

import json
import sys

from tests.home import BASE, DERIVED, Home
from tests.local_aws import LocalAWS, MFADevice, User

BOTO3 = """
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"], boto3.Session().region_name)
print(boto3.client("iam").list_mfa_devices()["MFADevices"][0]["SerialNumber"])
"""


def aws_cli(home: Home, *arguments: str, code: int = 0) -> str:
    """Run the AWS CLI in the home and return what it printed."""
    result = home.run(*arguments, program="aws")
    assert code == result.code, result.stderr
    return result.stdout.strip()


def test_boto3_with_aws_profile(home: Home, user: User, device: MFADevice) -> None:
    """AWS_PROFILE is all it takes: identity, region, and a call that AWS allows with MFA only."""
    home.add_base(user)
    home.run("refresh", BASE, "--token-code", home.code(device))

    result = home.run("-c", BOTO3, program=sys.executable, env={"AWS_PROFILE": DERIVED})

    assert [f"{user.arn} us-west-2", device.serial_number] == result.stdout.splitlines()


def test_the_aws_cli_uses_the_session_and_its_edits_survive(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """`aws configure set` between two refreshes: what it changed is there after the second, and clear still works."""
    home.add_base(user)
    home.run("refresh", BASE, "--token-code", home.code(device))
    assert user.arn == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED))["Arn"]
    assert home.section()["aws_access_key_id"] == aws.requests[-1].access_key_id
    assert "us-west-2" == aws_cli(home, "configure", "get", "region", "--profile", DERIVED)

    aws_cli(home, "configure", "set", "region", "eu-west-1", "--profile", DERIVED)
    aws_cli(home, "configure", "set", "s3.max_concurrent_requests", "5", "--profile", DERIVED)
    aws_cli(home, "configure", "set", "output", "text", "--profile", BASE)
    aws_cli(home, "configure", "set", "aws_access_key_id", "AKIANEW", "--profile", "new")
    aws_cli(home, "configure", "set", "region", "us-east-2", "--profile", "new")
    edited = home.text(home.config)
    again = home.run("refresh", BASE, "--force", "--token-code", home.code(device))

    assert 0 == again.code
    copied = edited.replace("_requests = 5\n", "_requests = 5\noutput = text\n")
    assert copied == home.text(home.config)
    assert "eu-west-1" == aws_cli(home, "configure", "get", "region", "--profile", DERIVED)
    assert "5" == aws_cli(home, "configure", "get", "s3.max_concurrent_requests", "--profile", DERIVED)
    assert "text" == aws_cli(home, "configure", "get", "output", "--profile", BASE)
    assert "AKIANEW" == aws_cli(home, "configure", "get", "aws_access_key_id", "--profile", "new")
    assert (
        user.arn
        == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED, "--output", "json"))["Arn"]
    )
    assert DERIVED in home.run("status").stdout

    home.run("clear", BASE)
    aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED, code=255)
    assert (
        user.arn
        == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", BASE, "--output", "json"))["Arn"]
    )


def test_an_edit_of_the_session_by_the_aws_cli_keeps_our_comment(home: Home, user: User, device: MFADevice) -> None:
    """The comment under the header is where the AWS CLI's writer leaves it alone."""
    home.add_base(user)
    home.run("refresh", BASE, "--to", "work", "--token-code", home.code(device))
    aws_cli(home, "configure", "set", "aws_session_token", "broken", "--profile", "work")

    result = home.run("refresh", "work", "--force", "--token-code", home.code(device))

    assert 0 == result.code
    assert user.arn == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", "work"))["Arn"]


def test_an_expired_session_is_refreshed(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """When AWS's clock has passed the end, the CLI is refused; after a refresh it works again."""
    home.add_base(user)
    home.run("refresh", BASE, "--token-code", home.code(device), "--duration-seconds", "900")
    aws.clock.advance(901)
    aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED, code=255)
    aws.clock.advance(-901)

    result = home.run("refresh", BASE, "--min-remaining", "20m", "--token-code", home.code(device))

    assert 0 == result.code
    assert user.arn == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED))["Arn"]
