"""Settings of a profile: which say how to call AWS, and which say who you are."""

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

# Settings that say how to call AWS, which botocore reads from the credentials file too. Nothing else is copied out of
# that file: whatever people keep beside their keys, the config file may be for everyone to read.
_CALL_KEYS = frozenset(
    {
        "ca_bundle",
        "cli_binary_format",
        "cli_pager",
        "cli_timestamp_format",
        "defaults_mode",
        "endpoint_url",
        "ignore_configured_endpoint_urls",
        "max_attempts",
        "output",
        "parameter_validation",
        "region",
        "retry_mode",
        "s3",
        "services",
        "sts_regional_endpoints",
        "tcp_keepalive",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
    }
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


def call_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a section of the config file that say how to call AWS."""
    return {key: _without_blank_lines(value) for key, value in settings.items() if not _says_who_you_are(key)}


def _says_who_you_are(key: str) -> bool:
    return key in _IDENTITY_KEYS or key.startswith(_IDENTITY_PREFIXES)


def call_settings_beside_keys(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings of a section of the credentials file that say how to call AWS."""
    return {key: _without_blank_lines(value) for key, value in settings.items() if key in _CALL_KEYS}


def _without_blank_lines(value: str) -> str:
    first, *rest = value.split("\n")
    return "\n".join([first, *(line for line in rest if line)])
