"""The variables by which AWS tools take credentials from the environment, and which of them outrank which."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from mfa_profiles import sessions
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Keys, shown

COMBINED_WITH_KEYS = ("AWS_ACCOUNT_ID", "AWS_CREDENTIAL_SCOPE")
"""Variables that SDKs combine with keys from the environment, for endpoints and signatures. Alone they do nothing."""

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
    "AMAZON_ACCESS_KEY_ID",  # these three are read by the SDK for Ruby
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    *COMBINED_WITH_KEYS,
    "AWS_BEARER_TOKEN_BEDROCK",  # which SDKs send to Bedrock in place of a signature, whatever the keys are
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
"""Variables that select an identity, without bearer tokens. Code that sets some of them unsets the rest."""

ACCESS_KEY_IDS = ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AMAZON_ACCESS_KEY_ID")
SECRET_ACCESS_KEYS = ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_SECRET_ACCESS_KEY")
SESSION_TOKENS = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AMAZON_SESSION_TOKEN")

# Each service that accepts bearer tokens has a variable of its own (botocore.utils.get_token_from_environment).
_BEARER_TOKEN = re.compile(r"AWS_BEARER_TOKEN_[A-Z0-9_]+")

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


def credential_variables(present: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all variables that say who one is, with those bearer tokens that are ``present``."""
    return tuple(dict.fromkeys([*CREDENTIAL_VARIABLES, *filter(is_bearer_token, present)]))


def is_bearer_token(name: str) -> bool:
    """Return True for the name of a variable with the bearer token of a service."""
    return _BEARER_TOKEN.fullmatch(name) is not None


def of_keys(keys: Keys, expiration: datetime | None, region: str | None, present: Iterable[str]) -> Variables:
    """The variables that hand over keys themselves; ``present`` are the names of those that are set already."""
    return _with_the_rest(
        {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        },
        expiration,
        region,
        present,
    )


def of_profile(
    profile: str, expiration: datetime | None, region: str | None, present: Iterable[str], reads: Collection[str] = ()
) -> Variables:
    """The variables that name a profile, so that who has them follows later refreshes; those it ``reads`` stay.

    ``present`` are the names of those that are set already.
    """
    variables = _with_the_rest({"AWS_PROFILE": profile}, expiration, region, present)
    return {name: value for name, value in variables.items() if name not in (*reads, *COMBINED_WITH_KEYS)}


def _with_the_rest(
    identity: Variables, expiration: datetime | None, region: str | None, present: Iterable[str]
) -> Variables:
    found: Variables = dict(identity)
    if expiration is not None:
        found["AWS_CREDENTIAL_EXPIRATION"] = sessions.format_time(expiration)
    if region:
        # Older SDKs and tools know but one of the two; one that is there already would outrank the profile's region.
        found["AWS_REGION"] = found["AWS_DEFAULT_REGION"] = region
    return found | {name: None for name in credential_variables(present) if found.get(name) is None}


def nameless_profile(variables: Mapping[str, str]) -> ProfileError | None:
    """Return the error for AWS_PROFILE or AWS_DEFAULT_PROFILE that is set to nothing, or None if neither is."""
    empty = [name for name in PROFILE_VARIABLES if name in variables and not variables[name].strip()]
    if not empty:
        return None
    return ProfileError(
        f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} set to nothing: boto3 and the AWS CLI look for "
        "a profile without a name",
        f"unset {' '.join(empty)}",
    )


def profiles_that_differ(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """Return a message and a hint if AWS_PROFILE and AWS_DEFAULT_PROFILE name two profiles, else None."""
    chosen, older = (variables.get(name, "") for name in PROFILE_VARIABLES)
    if not chosen.strip() or not older.strip() or chosen == older:
        return None
    return (
        f"AWS_PROFILE is {shown(chosen)} and AWS_DEFAULT_PROFILE is {shown(older)}: boto3 and version 1 of the AWS "
        "CLI use the latter, version 2 and most other SDKs the former",
        "unset AWS_DEFAULT_PROFILE",
    )


def chosen_profile(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the profile that this tool uses if none is named, and the variable that names it; None if none does."""
    return next(((variables[name], name) for name in PROFILE_VARIABLES if variables.get(name)), None)
