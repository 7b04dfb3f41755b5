"""Who calls AWS, with which profile's settings, and from which region."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from mfa_profiles.access_keys import looks_like_secret
from mfa_profiles.aws.clients import Clients
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Keys, ProfilePair, Profiles

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient

# Each partition, what the names of its regions begin with, and the region in which its global services are run:
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/
_PARTITIONS = (
    ("aws-cn", "cn-", "cn-north-1"),
    ("aws-us-gov", "us-gov-", "us-gov-west-1"),
    ("aws-eusc", "eusc-", "eusc-de-east-1"),
    ("aws-iso", "us-iso-", "us-iso-east-1"),
    ("aws-iso-b", "us-isob-", "us-isob-east-1"),
    ("aws-iso-e", "eu-isoe-", "eu-isoe-west-1"),
    ("aws-iso-f", "us-isof-", "us-isof-south-1"),
    ("aws", "", "us-east-1"),  # whatever is in no other
)


class Caller(NamedTuple):
    """Keys, and the profile whose settings count for everything else (endpoints, proxies, CAs, ...).

    The keys are never the environment's, unless a profile says so: those would make a session of somebody else.
    ``holder`` is the profile that has the keys: the base profile itself, or the source of a role.
    """

    clients: Clients
    profile: str
    keys: Keys
    holder: str
    region: str

    def sts(self) -> "STSClient":
        """A client for STS. Raises what boto3 raises."""
        return cast("STSClient", self._client("sts"))

    def iam(self) -> "IAMClient":
        """A client for IAM. Raises what boto3 raises."""
        return cast("IAMClient", self._client("iam"))

    def _client(self, service: str) -> object:
        return self.clients.get(service, profile=self.profile, keys=self.keys, region=self.region)


def region_of(profiles: Profiles, pair: ProfilePair, environment: Mapping[str, str], arn: str | None = None) -> str:
    """The region to call: the profile's, else the environment's, else by the partition of an ARN of its account.

    Without an ARN that of the MFA device counts, as it is configured or remembered. Raises ProfileError for a value
    that looks like a secret access key, since a region becomes part of a host name.
    """
    origin = profiles.origins.get(pair.derived)
    arn = arn or profiles.mfa_serial(pair.base) or (origin.mfa_serial if origin else None) or ""
    region = (
        profiles.region(pair)
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        # The rest of an ARN says nothing about a region.
        or next((region for name, _, region in _PARTITIONS if arn.startswith(f"arn:{name}:")), "us-east-1")
    )
    if looks_like_secret(region):
        raise ProfileError(
            f"the region of profile {pair.base} looks like a secret access key", "write a region such as us-west-2"
        )
    return region


def partition_of(region: str) -> str:
    """The partition that a region is in."""
    return next(name for name, beginning, _ in _PARTITIONS if region.startswith(beginning))
