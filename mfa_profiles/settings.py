"""Settings of a profile: which control how AWS is called, and which say who you are."""

from collections.abc import Mapping

from mfa_profiles import sessions

# Settings of the config file that say who you are. They belong to the base profile alone: in a derived one botocore
# would follow `role_arn`, `sso_*` or `web_identity_*` before it looks at the keys in the credentials file.
_IDENTITY_KEYS = frozenset(
    {
        "assume_role",
        "assumed_role",
        "assumed_role_arn",
        "credential_process",
        "credential_source",
        "duration_seconds",
        "external_id",
        "login_session",
        "manager",
        "mfa_process",
        "mfa_serial",
        "role_arn",
        "role_session_name",
        "session_tags",
        "source_identity",
        "source_profile",
        "transitive_session_tags",
        "x_principal_arn",
    }
    | sessions.EXPIRY_KEYS
)
_IDENTITY_PREFIXES = ("aws_", "sso_", "web_identity_")

# Settings that control how AWS is called, in either file: those that botocore, the AWS CLI and other SDKs document
# (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html). Nothing else is copied: other tools keep
# passwords under names of their own, and a copy would outlive the original.
_CALL_KEYS = frozenset(
    {
        "account_id_endpoint_mode",
        "adaptive_retry_wait_to_fill",
        "api_versions",
        "auth_scheme_preference",
        "ca_bundle",
        "correct_clock_skew",
        "csm_client_id",
        "csm_enabled",
        "csm_host",
        "csm_port",
        "data_path",
        "defaults_mode",
        "disable_ec2_metadata",
        "disable_host_prefix_injection",
        "disable_request_compression",
        "ec2_metadata_service_endpoint",
        "ec2_metadata_service_endpoint_mode",
        "ec2_metadata_v1_disabled",
        "emr",
        "endpoint_discovery_enabled",
        "endpoint_url",
        "ignore_configured_endpoint_urls",
        "imds_use_ipv6",
        "max_attempts",
        "metadata_service_num_attempts",
        "metadata_service_timeout",
        "output",
        "parameter_validation",
        "proxies_config",
        "region",
        "request_checksum_calculation",
        "request_min_compression_size_bytes",
        "response_checksum_validation",
        "retry_mode",
        "s3",
        "s3_disable_express_session_auth",
        "s3_disable_multiregion_access_points",
        "s3_force_path_style",
        "s3_us_east_1_regional_endpoint",
        "s3_use_arn_region",
        "sdk_ua_app_id",
        "services",
        "sigv4a_signing_region_set",
        "sts_regional_endpoints",
        "tcp_keepalive",
        "use_arn_region",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
        "user_agent_appid",
    }
)
_CALL_PREFIX = "cli_"  # the AWS CLI's own

# What an indented block of any service, such as ``sqs =``, may contain: botocore reads the signature version, and a
# plugin of the AWS CLI the others.
_SERVICE_KEYS = frozenset({"ca_bundle", "endpoint_url", "signature_version", "verify_ssl"})

_MAY_BE_EMPTY = frozenset({"cli_pager"})  # empty, it turns the pager off

_BREAKS_IF_EMPTY = frozenset(
    {
        "account_id_endpoint_mode",
        "api_versions",
        "cli_timestamp_format",
        "defaults_mode",
        "ec2_metadata_service_endpoint_mode",
        "endpoint_discovery_enabled",
        "max_attempts",
        "metadata_service_num_attempts",
        "metadata_service_timeout",
        "region",
        "request_checksum_calculation",
        "request_min_compression_size_bytes",
        "response_checksum_validation",
        "retry_mode",
        "s3",
        "s3_disable_express_session_auth",
        "s3_us_east_1_regional_endpoint",
        "services",
        "sts_regional_endpoints",
    }
)
_BREAKS_ROLE_IF_EMPTY = frozenset({"credential_source", "external_id", "mfa_serial", "role_arn", "source_profile"})
_BREAKS_WITHOUT_KEYS_IF_EMPTY = frozenset(
    {"aws_access_key_id", "aws_secret_access_key", "credential_process", "login_session"}
)

COPIED_COMMENT = "# Settings copied by mfa-profiles from profile "
"""How the comment begins that says, directly under its header, that this tool made a section of the config file."""

OUTRANKING_KEYS = ("role_arn", "web_identity_token_file", "sso_session", "sso_start_url")
"""Settings that botocore follows before it looks at the keys in the credentials file (credentials.py)."""

_MFA_KEYS = frozenset({"aws_mfa_device", "mfa_process", "mfa_serial"})

PROVIDER_KEYS = (*OUTRANKING_KEYS, "credential_process", "credential_source", "login_session", "source_profile")
"""Settings that lead to credentials: a section with one of them is somebody's, even if it holds no keys."""


def replaced_by_keys(settings: Mapping[str, str]) -> list[str]:
    """The settings of a section that must not stay beside new long-term keys of a user, in their order.

    Those are other keys, sessions and ways to credentials with all their parts: botocore refuses a profile that has a
    part of them, such as ``sso_account_id``. Those about MFA stay.
    """
    return [key for key in settings if _says_who_you_are(key) and key not in _MFA_KEYS]


def call_settings(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a section of either file that control how AWS is called, without empty ones."""
    return {
        key: _without_blank_lines(value)
        for key, value in values.items()
        if is_call_setting(key, value) and not is_empty(key, value)
    }


def is_empty(key: str, value: str) -> bool:
    """Return True for a setting without a value, unless that is a value too."""
    return not value.strip() and key not in _MAY_BE_EMPTY


def broken_if_empty(values: Mapping[str, str]) -> list[str]:
    """Return the empty settings of a profile (of both files together) for which botocore or the AWS CLI fail."""
    breaking = _BREAKS_IF_EMPTY
    if "role_arn" in values:  # botocore takes it for a role even if it is empty
        breaking |= _BREAKS_ROLE_IF_EMPTY
    if not values.get("aws_access_key_id") and not values.get("aws_secret_access_key"):
        breaking |= _BREAKS_WITHOUT_KEYS_IF_EMPTY
    return [key for key, value in values.items() if key in breaking and is_empty(key, value)]


def copied_before(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a section of the config file that any version of this tool may have copied.

    Older ones copied all that does not lead to credentials: settings of other tools, passwords, and empty ones too.
    """
    return {key: _without_blank_lines(value) for key, value in values.items() if not _says_who_you_are(key)}


def block(value: str) -> dict[str, str]:
    """Return the settings of an indented block, as under ``s3 =``; none for a value that is not one."""
    if not value.startswith("\n"):
        return {}
    pairs = (line.partition("=") for line in value.splitlines() if line.strip())
    return {key.strip(): nested.strip() for key, _, nested in pairs}


def is_call_setting(key: str, value: str) -> bool:
    """Return True for a setting that controls how AWS is called, even if it is empty."""
    if key in _CALL_KEYS or key.startswith(_CALL_PREFIX):
        return True
    nested = block(value)
    return bool(nested) and _SERVICE_KEYS.issuperset(nested)


def _says_who_you_are(key: str) -> bool:
    return key in _IDENTITY_KEYS or key.startswith(_IDENTITY_PREFIXES)


def _without_blank_lines(value: str) -> str:
    first, *rest = value.split("\n")
    return "\n".join([first, *(line for line in rest if line)])
