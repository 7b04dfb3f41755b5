"""Real clients, of AWS and of others, use the session in every way there is, against the local AWS."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.home import BASE, DERIVED, Home, Result
from tests.local_aws import LocalAWS, MFADevice, User
from tests.programs import missing, skip_without

NODE_PROGRAMS = Path(__file__).parent / "clients"

BOTO3 = """
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"], end=" ")
print(boto3.Session().region_name, boto3.client("iam").list_mfa_devices()["MFADevices"][0]["SerialNumber"])
"""


@dataclass(frozen=True)
class Way:
    """How a client gets at the session: what comes before its command, and the environment."""

    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """A command that prints the user's ARN: from STS, or from an object in a bucket that demands MFA.

    {url} and {host} stand for the local AWS, for those that do not know AWS_ENDPOINT_URL; ``needs``
    is a path without which it cannot run; ``prints`` is all that it prints.
    """

    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: Path | None = None
    prints: str = "{arn}"

    def expected(self, user: User, device: MFADevice) -> str:
        """What it prints for a user."""
        return self.prints.format(arn=user.arn, device=device.serial_number)

    def start(self, home: Home, way: Way) -> Result:
        """Run it in one of the ways; skipped if this machine does not have it."""
        local = {"url": home.aws.endpoint_url, "host": f"127.0.0.1:{home.aws.port}"}
        command = shlex.split(self.command.format(**local))
        skip_without(command[0], path=home.environment()["PATH"])
        if self.needs is not None and not self.needs.exists():
            pytest.skip(
                missing(
                    self.needs.name, f"npm install --prefix {NODE_PROGRAMS.relative_to(Path(__file__).parent.parent)}"
                )
            )
        environment = {name: value.format(**local) for name, value in self.environment.items()}
        program, *arguments = [*way.prefix, *command]
        return home.run(*arguments, program=program, env={**environment, **way.environment})


CLIENTS = {
    "boto3": Client(f"python -c {shlex.quote(BOTO3)}", prints="{arn} us-west-2 {device}"),
    "aws-cli": Client("aws sts get-caller-identity --query Arn --output text"),
    "javascript": Client(
        f"node {shlex.quote(str(NODE_PROGRAMS / 'caller_identity.mjs'))}",
        needs=NODE_PROGRAMS / "node_modules" / "@aws-sdk" / "client-sts",
    ),
    "rclone": Client(
        "rclone cat local:results/arn",
        {
            "RCLONE_CONFIG": "",
            "RCLONE_CONFIG_LOCAL_TYPE": "s3",
            "RCLONE_CONFIG_LOCAL_PROVIDER": "Other",
            "RCLONE_CONFIG_LOCAL_ENDPOINT": "{url}",
            "RCLONE_CONFIG_LOCAL_ENV_AUTH": "true",
        },
    ),
    "s3cmd": Client("s3cmd get s3://results/arn - --host {host} --host-bucket {host} --no-ssl --region us-west-2"),
}

# A terminal in which something else was set before: all of it would win over the session.
BEFORE = {
    "AWS_PROFILE": "another",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "stale",
    "AWS_SESSION_TOKEN": "stale",
    "AWS_SECURITY_TOKEN": "stale",
}
WAYS = {
    "profile": Way(environment={"AWS_PROFILE": DERIVED}),
    "credential-process": Way(environment={"AWS_PROFILE": "smce-veda-auto"}),
    "export": Way(["/bin/sh", "-ec", f'eval "$(mfa-profiles export {BASE})"; exec "$@"', "sh"], BEFORE),
    "export-by-profile": Way(
        ["/bin/sh", "-ec", f'eval "$(mfa-profiles export --by-profile {BASE})"; exec "$@"', "sh"], BEFORE
    ),
    "exec": Way(["mfa-profiles", "exec", BASE, "--"], BEFORE),
}
# s3cmd reads keys from the credentials file and the environment, and knows no credential_process.
MATRIX = [(client, way) for client in CLIENTS for way in WAYS if (client, way) != ("s3cmd", "credential-process")]


def _long_if_alike(client: str, way: str) -> ParameterSet:
    """Keys in the environment are the same to every client of one SDK, however they came there."""
    is_alike = way in ("export", "export-by-profile") or (client == "javascript" and way == "exec")
    return pytest.param(client, way, marks=[pytest.mark.long] * is_alike)


@pytest.fixture
def prepared(base: Home, user: User) -> Home:
    """A home with a profile of each kind, and a bucket with the user's ARN behind MFA."""
    base.aws.create_bucket("results", require_mfa=True).put_object("arn", user.arn.encode())
    with base.config.open("a") as config:
        config.write(
            "[profile smce-veda-auto]\n"
            f"credential_process = mfa-profiles credential-process {BASE}\n"
            "region = us-west-2\n"
        )
    return base


@pytest.mark.parametrize(("client", "way"), [_long_if_alike(*pair) for pair in MATRIX])
def test_every_client_in_every_way(
    prepared: Home, aws: LocalAWS, user: User, device: MFADevice, client: str, way: str
) -> None:
    """The client is the user, and has signed prepared with the session's key."""
    prepared.run("refresh", BASE, "--token-code", prepared.code(device))
    aws.requests.clear()

    result = CLIENTS[client].start(prepared, WAYS[way])

    assert (0, CLIENTS[client].expected(user, device)) == (result.code, result.stdout.strip()), result.stderr
    assert {prepared.section()["aws_access_key_id"]} == {request.access_key_id for request in aws.requests}


@pytest.mark.parametrize("client", ["rclone", "s3cmd"])
def test_without_mfa_the_bucket_is_closed(prepared: Home, aws: LocalAWS, user: User, client: str) -> None:
    """The long-term keys are known, and refused: it is the session that opens the bucket."""
    result = CLIENTS[client].start(prepared, Way(environment={"AWS_PROFILE": BASE}))

    assert (True, "") == (result.code > 0, result.stdout)
    assert {(user.access_key_id, "AccessDenied")} == {
        (request.access_key_id, request.error_code) for request in aws.requests
    }


@pytest.mark.parametrize(
    "client",
    ["boto3", *(pytest.param(client, marks=pytest.mark.long) for client in ("aws-cli", "javascript", "rclone"))],
)
def test_a_client_gets_the_session_it_needs(
    prepared: Home, aws: LocalAWS, user: User, device: MFADevice, client: str
) -> None:
    """Through credential_process and mfa_process, a client that finds no session starts one."""
    config = prepared.config.read_text()
    mfa_process = f"mfa_process = printf {prepared.code(device)}\n"
    prepared.config.write_text(config.replace("mfa_serial", f"{mfa_process}mfa_serial"))

    result = CLIENTS[client].start(prepared, WAYS["credential-process"])

    assert (0, CLIENTS[client].expected(user, device)) == (result.code, result.stdout.strip()), result.stderr
    first, *others = aws.requests
    assert ("GetSessionToken", user.access_key_id) == (first.action, first.access_key_id)
    assert {prepared.section()["aws_access_key_id"]} == {request.access_key_id for request in others}


def aws_cli(home: Home, *arguments: str, code: int = 0) -> str:
    """Run the AWS CLI in the home and return what it printed."""
    result = home.run(*arguments, program="aws")
    assert code == result.code, result.stderr
    return result.stdout.strip()


def test_the_aws_cli_uses_the_session_and_its_edits_survive(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """`aws configure set` between two refreshes: what it changed is there after the second, and clear still works."""
    home.add_base(user)
    home.run("refresh", BASE, "--token-code", home.code(device))
    assert user.arn == json.loads(aws_cli(home, "sts", "get-caller-identity", "--profile", DERIVED))["Arn"]
    assert home.section()["aws_access_key_id"] == aws.requests[-1].access_key_id

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
    assert "AKIANEW" == home.section("new")["aws_access_key_id"]
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
