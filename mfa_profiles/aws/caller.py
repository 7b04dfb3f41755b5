"""Who calls AWS, from which region, and the boto3 clients for it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mfa_profiles.errors import AWSError
from mfa_profiles.profiles import LongTermKeys, ProfilePair, Profiles

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
"""Seconds. An endpoint that does not answer is given up before a person gives up."""

_MAX_ATTEMPTS = 3

# Where the global services of each partition are run; the rest of an ARN's partition says nothing about a region.
_DEFAULT_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
}


@dataclass(frozen=True)
class Caller:
    """The base profile as a caller: its keys, and its settings for everything else (endpoints, proxies, CAs, ...).

    The keys are those of the profile, never the environment's: those would make a session of somebody else.
    """

    profiles: Profiles
    pair: ProfilePair
    keys: LongTermKeys
    region: str
    now: Callable[[], datetime]

    def sts(self) -> "STSClient":
        """A client for STS that signs with the base profile's keys."""
        with _endpoint_explained():
            return self._session().client("sts", **self._client_arguments())

    def iam(self) -> "IAMClient":
        """A client for IAM that signs with the base profile's keys."""
        with _endpoint_explained():
            return self._session().client("iam", **self._client_arguments())

    def _client_arguments(self) -> dict[str, Any]:
        from botocore.config import Config

        return {
            "aws_access_key_id": self.keys.access_key_id,
            "aws_secret_access_key": self.keys.secret_access_key,
            "config": Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"mode": "standard", "total_max_attempts": _MAX_ATTEMPTS},
            ),
        }

    def _session(self) -> "boto3.Session":
        import boto3
        import botocore.session

        session = botocore.session.Session(profile=self.pair.base)
        return boto3.Session(botocore_session=session, region_name=self.region)


@contextlib.contextmanager
def _endpoint_explained() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError:
        raise
    except ValueError:  # with a text that quotes the endpoint, credentials in it included
        pass
    else:
        return
    raise AWSError("the AWS endpoint is not a URL", "see AWS_ENDPOINT_URL, and endpoint_url in the base profile")


def region_of(
    profiles: Profiles, pair: ProfilePair, environment: Mapping[str, str], serial_number: str | None
) -> str:
    """The region to call: the profile's, else the environment's, else by the partition of the MFA device's ARN."""
    partition = (serial_number or "").split(":")[1:2]
    return (
        profiles.region(pair)
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or _DEFAULT_REGIONS.get(partition[0] if partition else "aws", "us-east-1")
    )
