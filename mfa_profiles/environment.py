"""The variables by which AWS tools take credentials from the environment, and which of them outrank which."""

from collections.abc import Collection
from datetime import datetime

from mfa_profiles import sessions
from mfa_profiles.profiles import Keys

CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",  # boto 2's name, which botocore still reads before AWS_SESSION_TOKEN
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",  # which the SDK for JavaScript prefers to keys
    "AWS_DEFAULT_PROFILE",  # which botocore prefers to AWS_PROFILE
    "AWS_ACCESS_KEY",  # these two are read by the SDKs for Go and Java
    "AWS_SECRET_KEY",
    "AWS_ROLE_ARN",  # from here on: what botocore and others follow before they look at a profile's keys
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_SESSION_EXPIRATION",  # these two are aws-vault's, for prompts
    "AWS_VAULT",
)
"""All that says who one is. Whoever sets some of them has to unset the rest."""

READ_BY_SOURCE = {
    "environment": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "ecscontainer": (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ),
}
"""What a profile with ``credential_source`` needs itself, by the value of that in lower case."""

PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")

TOKEN_CODE = "MFA_PROFILES_TOKEN_CODE"  # noqa: S105 - a name
"""The variable that gives this tool a token code."""

Variables = dict[str, str | None]
"""Variables and their values; None for one that is to be unset."""


def of_keys(keys: Keys, expiration: datetime | None, region: str | None) -> Variables:
    """The variables that hand over keys themselves."""
    return _with_the_rest(
        {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        },
        expiration,
        region,
    )


def of_profile(
    profile: str, expiration: datetime | None, region: str | None, reads: Collection[str] = ()
) -> Variables:
    """The variables that name a profile, so that who has them follows later refreshes; those it ``reads`` stay."""
    variables = _with_the_rest({"AWS_PROFILE": profile}, expiration, region)
    return {name: value for name, value in variables.items() if name not in reads}


def _with_the_rest(identity: Variables, expiration: datetime | None, region: str | None) -> Variables:
    found: Variables = dict(identity)
    if expiration is not None:
        found["AWS_CREDENTIAL_EXPIRATION"] = sessions.format_time(expiration)
    if region:
        # Older SDKs and tools know but one of the two; one that is there already would outrank the profile's region.
        found["AWS_REGION"] = found["AWS_DEFAULT_REGION"] = region
    return found | {name: None for name in CREDENTIAL_VARIABLES if found.get(name) is None}
