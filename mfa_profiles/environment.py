"""The variables by which AWS tools take credentials and settings from the environment, and which override which.

The names are those that botocore, the AWS CLI, the SDKs for C++, Go, Java, JavaScript, .NET, PHP, Ruby and Rust, and
Terraform read. Variables that name files (``AWS_SHARED_CREDENTIALS_FILE``, Java's ``AWS_CREDENTIAL_PROFILES_FILE``,
``AWS_LOGIN_CACHE_DIRECTORY``) are not among them: a profile would not be found without them. Rust's
``SECRET_ACCESS_KEY`` is not, either: it does nothing without ``AWS_ACCESS_KEY_ID``.
"""

import re
from collections.abc import Collection, Mapping, MutableMapping
from datetime import datetime
from typing import NamedTuple

from mfa_profiles import sessions
from mfa_profiles.ancestors import TOKEN_CODE as TOKEN_CODE
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Keys, Profiles, shown
from mfa_profiles.settings import block

PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")

REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")

EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
"""The end of the session in the environment. Botocore refuses keys after it."""

COMBINED_WITH_KEYS = ("AWS_ACCOUNT_ID", "AWS_CREDENTIAL_SCOPE")
"""Variables that SDKs combine with keys from the environment, for endpoints and signatures. Alone they do nothing."""

TOKEN_VARIABLES = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
"""The second is boto 2's name, which botocore still reads before the first."""

ACCESS_KEY_IDS = ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AMAZON_ACCESS_KEY_ID")
SECRET_ACCESS_KEYS = ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_SECRET_ACCESS_KEY")
SESSION_TOKENS = (*TOKEN_VARIABLES, "AMAZON_SESSION_TOKEN")

READ_BY_SOURCE = {
    "environment": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", *TOKEN_VARIABLES),
    "ecscontainer": (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_SERVICE_ENDPOINT",  # the host of the former, in Java (SdkSystemSetting)
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ),
}
"""What a profile with ``credential_source`` needs itself, by the value of that in lower case."""

_OTHER_NAMES_OF_KEYS = (
    "AWS_ACCESS_KEY",  # Go (env_config.go), Java 1, Ruby
    "AWS_SECRET_KEY",  # the same, and .NET (EnvironmentVariablesAWSCredentials)
    "AMAZON_ACCESS_KEY_ID",  # these three: Ruby (credential_provider_chain.rb) and JavaScript 2
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
)

KEY_VARIABLES = (*READ_BY_SOURCE["environment"], *_OTHER_NAMES_OF_KEYS)
"""Variables that hold keys of their own accord."""

CREDENTIAL_VARIABLES = (
    *READ_BY_SOURCE["environment"],
    EXPIRATION,
    # The SDK for JavaScript prefers the first to keys; botocore and the SDK for C++ prefer the second to the first.
    *PROFILE_VARIABLES,
    *_OTHER_NAMES_OF_KEYS,
    *COMBINED_WITH_KEYS,
    "AWS_BEARER_TOKEN_BEDROCK",  # which SDKs send to Bedrock in place of a signature, whatever the keys are
    "AWS_ROLE_ARN",  # from here on: what botocore and others follow before they look at a profile's keys
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN",  # Terraform's, the token itself
    *READ_BY_SOURCE["ecscontainer"],
    "AWS_CREDENTIAL_FILE",  # a file with one pair of keys, which boto 2 prefers to profiles (botocore does not)
    "AWS_SESSION_EXPIRATION",  # these two are aws-vault's, for prompts
    "AWS_VAULT",
)
"""Variables that select an identity, without bearer tokens. Code that sets some of them unsets the rest."""

TERMINAL_VARIABLES = (*READ_BY_SOURCE["environment"], EXPIRATION, *PROFILE_VARIABLES)
"""Variables that select the profile or hold the session of a terminal."""

# Each service that accepts bearer tokens has a variable of its own (botocore.utils.get_token_from_environment).
_BEARER_TOKEN = re.compile(r"AWS_BEARER_TOKEN_[A-Z0-9_]+")

_ENDPOINT = "AWS_ENDPOINT_URL"
_IGNORE_ENDPOINTS = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"

# https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html, less those of the AWS CLI's output.
_VARIABLE_OF_SETTING = {
    setting: f"AWS_{setting.upper()}"
    for setting in (
        "account_id_endpoint_mode",
        "auth_scheme_preference",
        "ca_bundle",
        "defaults_mode",
        "disable_host_prefix_injection",
        "disable_request_compression",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
        "endpoint_discovery_enabled",
        "endpoint_url",
        "ignore_configured_endpoint_urls",
        "imds_use_ipv6",
        "max_attempts",
        "metadata_service_num_attempts",
        "metadata_service_timeout",
        "request_checksum_calculation",
        "request_min_compression_size_bytes",
        "response_checksum_validation",
        "retry_mode",
        "s3_disable_express_session_auth",
        "s3_disable_multiregion_access_points",
        "s3_us_east_1_regional_endpoint",
        "s3_use_arn_region",
        "sdk_ua_app_id",
        "sigv4a_signing_region_set",
        "sts_regional_endpoints",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
    )
}
SETTING_VARIABLES = frozenset(_VARIABLE_OF_SETTING.values())
"""Variables that stand for settings of a profile which control how AWS is called; services have further ones."""

_SWITCHES = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", _IGNORE_ENDPOINTS)

GIVEN_SETTINGS = "_MFA_PROFILES_SETTINGS"
"""The variable that names, separated by commas, the variables that were set beside keys for settings of a profile."""

Variables = dict[str, str | None]
"""Variables and their values; None for one that is to be unset."""


def credential_variables(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of all variables that select an identity, or were set beside keys.

    Of those without end, bearer tokens and settings, that are the ones among the ``variables`` that are set.
    """
    given = [GIVEN_SETTINGS, *given_settings(variables)] if GIVEN_SETTINGS in variables else []
    return tuple(dict.fromkeys([*CREDENTIAL_VARIABLES, *filter(is_bearer_token, variables), *given]))


def is_bearer_token(name: str) -> bool:
    """Return True for the name of a variable with the bearer token of a service."""
    return _BEARER_TOKEN.fullmatch(name) is not None


class Settings(NamedTuple):
    """The variables that stand for the settings of a profile that control how AWS is called, and their values.

    ``default`` are those of the profile default, which SDKs read beside keys when no AWS_PROFILE is set.
    """

    own: Mapping[str, str]
    default: Mapping[str, str]


def settings_of(profiles: Profiles, name: str) -> Settings:
    """Return the variables for what SDKs would read in a profile: those settings that have one."""
    return Settings(_variables_of(profiles, name), _variables_of(profiles, "default"))


def _variables_of(profiles: Profiles, name: str) -> dict[str, str]:
    values = profiles.seen_call_settings(name)
    s3 = {f"s3_{key.removeprefix('s3_')}": value for key, value in block(values.get("s3", "")).items()}
    found = {
        variable: value
        for setting, variable in _VARIABLE_OF_SETTING.items()
        if (value := values.get(setting, s3.get(setting, ""))) and not value.startswith("\n")
    }
    for service, value in profiles.config.sections.get(f"services {values.get('services')}", {}).items():
        variable, url = f"{_ENDPOINT}_{service.upper()}", block(value).get("endpoint_url")
        if url and _is_setting(variable):
            found[variable] = url
    return found


def _is_setting(name: str) -> bool:
    return name in SETTING_VARIABLES or re.fullmatch(rf"{_ENDPOINT}_[A-Z0-9_]+", name) is not None


def given_settings(variables: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that this tool has set beside keys, for settings of their profile."""
    return [name for name in variables.get(GIVEN_SETTINGS, "").split(",") if _is_setting(name)]


def forget_given_settings(variables: MutableMapping[str, str]) -> None:
    """Unset those variables: calls for another profile are not to go where those for that one went."""
    for name in given_settings(variables):
        variables.pop(name, None)


def of_keys(
    keys: Keys, expiration: datetime | None, region: str | None, settings: Settings, variables: Mapping[str, str]
) -> Variables:
    """The variables that hand over keys and the settings of their profile; ``variables`` are set already."""
    found = _with_the_rest(
        {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": keys.session_token,
        },
        expiration,
        region,
        variables,
    )
    new = _new_settings(settings, variables)
    return found | new | ({GIVEN_SETTINGS: ",".join(new)} if new else {})


def of_profile(
    profile: str,
    expiration: datetime | None,
    region: str | None,
    variables: Mapping[str, str],
    reads: Collection[str] = (),
) -> Variables:
    """The variables that name a profile, so that who has them follows later refreshes; those it ``reads`` stay.

    ``variables`` are set already.
    """
    found = _with_the_rest({"AWS_PROFILE": profile}, expiration, region, variables)
    return {name: value for name, value in found.items() if name not in (*reads, *COMBINED_WITH_KEYS)}


def _with_the_rest(
    identity: Variables, expiration: datetime | None, region: str | None, variables: Mapping[str, str]
) -> Variables:
    found: Variables = dict(identity)
    if expiration is not None:
        found[EXPIRATION] = sessions.format_time(expiration)
    if region:
        # Older SDKs and tools know but one of the two; one that is there already would override the profile's region.
        found |= dict.fromkeys(REGION_VARIABLES, region)
    return found | {name: None for name in credential_variables(variables) if found.get(name) is None}


def _new_settings(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    """Return those settings that the environment does not override, as it overrides those of a profile."""
    given = given_settings(variables)
    others = {name: value for name, value in variables.items() if name not in given}
    wanted = {**_against_default(settings, others), **settings.own}
    if others.get(_ENDPOINT):  # which overrides the endpoints of single services in a profile, too
        wanted = {name: value for name, value in wanted.items() if not name.startswith(_ENDPOINT)}
    # An empty URL is none to SDKs. Whatever else is empty is a value to botocore.
    return {
        name: value
        for name, value in wanted.items()
        if name not in others or (name.startswith(_ENDPOINT) and not others[name])
    }


def _against_default(settings: Settings, others: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps endpoints of the profile default from calls that are signed with keys of another one."""
    found = {name: "false" for name in _SWITCHES if settings.default.get(name, "").lower() == "true"}
    in_default, in_own, in_others = (
        any(names[name] and name.startswith(_ENDPOINT) for name in names)
        for names in (settings.default, settings.own, others)
    )
    if in_default and not in_own and not in_others:
        found[_IGNORE_ENDPOINTS] = "true"
    return found


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
