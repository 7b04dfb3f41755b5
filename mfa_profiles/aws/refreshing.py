"""Sessions of boto3 that outlive the credentials they began with."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mfa_profiles.aws.credentials import Resolved
from mfa_profiles.sessions import format_time

if TYPE_CHECKING:
    import boto3
    from botocore.credentials import RefreshableCredentials

# Where no end is known, none is waited for.
_NEVER = datetime(9000, 1, 1, tzinfo=UTC)


def plain_session(profile: str, region_name: str | None) -> "boto3.Session":
    """The session that boto3 makes for a profile by itself."""
    import boto3

    return boto3.Session(profile_name=profile, region_name=region_name)


def refreshing_session(profile: str, region_name: str | None, read: Callable[[], Resolved]) -> "boto3.Session":
    """A session with the settings of a profile and the credentials that ``read`` returns.

    In the last 15 minutes before their end each request calls ``read`` again, in whatever thread it is made. What
    that raises is raised by the request once they have ended, and counts for nothing before.
    """
    import boto3
    import botocore.session

    session = botocore.session.Session(profile=profile)
    # In place of all that botocore would look for, keys in the environment included.
    session.register_component("credential_provider", _Provider(read))
    return boto3.Session(botocore_session=session, region_name=region_name)


def make_default(session: "boto3.Session") -> None:
    """Make a session the one that ``boto3.client`` and ``boto3.resource`` use."""
    import boto3

    boto3.DEFAULT_SESSION = session


class _Provider:
    """All that botocore asks of a chain of credential providers."""

    def __init__(self, read: Callable[[], Resolved]) -> None:
        self._read = read

    def load_credentials(self) -> "RefreshableCredentials":
        from botocore.credentials import RefreshableCredentials

        return RefreshableCredentials.create_from_metadata(
            self._metadata(),
            refresh_using=self._metadata,
            method="mfa-profiles",
            mandatory_timeout=0,  # 10 minutes by default, in which it would be an error that no code can be had
        )

    def _metadata(self) -> dict[str, str | None]:
        found = self._read()
        return {
            "access_key": found.keys.access_key_id,
            "secret_key": found.keys.secret_access_key,
            "token": found.keys.session_token,
            "expiry_time": format_time(found.expiration or _NEVER),
        }
