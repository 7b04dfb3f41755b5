"""Slips in one line of a shared file: quotation marks, comments and names that SDKs do not read as they are meant.

All functions look at the text of a name or a value alone. What they return does not repeat the value.
"""

import re
import unicodedata
from typing import NamedTuple

from mfa_profiles.access_keys import looks_like_secret


class Fault(NamedTuple):
    """What is wrong with a value, as the end of a sentence about its setting, and what to do about it."""

    what: str
    advice: str


# Single words. None of them can contain a blank, a comma or the sign of a comment.
_WORDS = frozenset(
    {
        "aws_access_key_id",
        "credential_source",
        "defaults_mode",
        "duration_seconds",
        "max_attempts",
        "output",
        "region",
        "retry_mode",
        "sso_account_id",
        "sso_region",
        "sts_regional_endpoints",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
    }
)
_NEVER_SECRET = frozenset({"output", "region", "role_arn"})
_SECRETS = frozenset({"aws_secret_access_key", "aws_security_token", "aws_session_token"})
# A comma is legal in the names of users and roles.
_ARNS = frozenset({"aws_mfa_device", "external_id", "mfa_serial", "role_arn", "role_session_name", "sso_role_name"})
# Names of sections, which boto3 reads whatever is in them.
_NAMES = frozenset({"services", "source_profile", "sso_session"})
_URLS = frozenset({"endpoint_url", "sso_start_url"})
_PATHS = frozenset({"ca_bundle", "web_identity_token_file"})

_OPENING = "\"'“”„‘’‚«»`"  # noqa: RUF001 # typographic quotation marks are the point
_PART = "which boto3 and the AWS CLI read as part of the value"
_KEY_NAMES = "aws_access_key_id|aws_secret_access_key|aws_session_token|aws_security_token"
_SETTING_NAMES = "credential_source|mfa_serial|output|region|role_arn|source_profile"
_KEY_INSIDE = re.compile(rf"(?i)({_KEY_NAMES})\s*[=:]|\s({_SETTING_NAMES})\s*[=:]")
_HEADER_AT_END = re.compile(r"(?<!\s)\s*\[(?P<name>[A-Za-z0-9_\-/.%@:+ ]{1,64})\]$")
_SOPS = "ENC[AES256_GCM,"

# How a secret of AWS begins. Services that take the place of AWS may have any characters in their secrets: no part of
# those may be taken for a comment or a header, or be shown.
_SECRET_OF_AWS = re.compile(rf"[{_OPENING}]?[A-Za-z0-9/+=]{{40}}")

COMMENT = Fault(f"has a comment after it, {_PART}", "put the comment on a line of its own")
QUOTED = Fault(f"is in quotation marks, {_PART}", "write it without quotation marks")


def fault_of_value(key: str, value: str) -> Fault | None:
    """Return what is wrong with the value of a setting, or None. Commands and unknown settings have no faults."""
    if key in _NEVER_SECRET and looks_like_secret(value):
        return Fault("looks like a secret access key", "write another value")
    if key in _PATHS:
        return QUOTED if _is_quoted(value) else None
    if key in _SECRETS and not value.startswith(_SOPS) and not _SECRET_OF_AWS.match(value):
        return None
    if key in _WORDS | _ARNS | _SECRETS | _NAMES:
        return _fault_of_text(value, has_signs=key in _SECRETS | _NAMES) or _fault_of_word(key, value)
    return _fault_of_text(value) if key in _URLS or re.match(rf"[{_OPENING}]?arn:aws[a-z-]*:", value) else None


def is_secret(key: str) -> bool:
    """Return True for a setting whose value is a secret."""
    return key in _SECRETS


def _fault_of_text(value: str, *, has_signs: bool = True) -> Fault | None:
    """Faults that no value has on purpose; it may have # and ; inside only if it ``has_signs``."""
    if value.startswith(_SOPS):
        return Fault("is encrypted by sops", "decrypt the file first: sops decrypt")
    if _is_quoted(value):
        return QUOTED
    if re.search(r"\s[#;]" if has_signs else r"\s[#;]|[#;].", value):
        return COMMENT
    if value and (value[0] in _OPENING or value[-1] in _OPENING):
        return QUOTED
    if any(_is_invisible(character) for character in value):
        return Fault("has an invisible character in it", "delete the line and type it anew")
    return None


def _is_quoted(value: str) -> bool:
    value = value.rstrip(",;")
    return len(value) > 1 and value[0] in _OPENING and value[-1] in _OPENING


def _is_invisible(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs")


def _fault_of_word(key: str, value: str) -> Fault | None:
    header = header_at_end(key, value)
    if header and (key not in _SECRETS or re.fullmatch(r"[A-Za-z0-9/+]{40}\s*\[[^\[]*\]", value)):
        return Fault(f"ends in {header}", f"put {header} on a line of its own")
    line, *below = value.split("\n")
    if found := _KEY_INSIDE.search(line):
        name = (found[1] or found[2]).lower()
        advice = "delete one of the two" if name == key else f"put {name} on a line of its own"
        return Fault(f"has {name} after it in the same line", advice)
    if line and below:
        return Fault("goes on in the line below, which is indented", _advice_on_indented(key, below[0]))
    if key in _WORDS and value.endswith((",", ";")):
        sign = "comma" if value.endswith(",") else "semicolon"
        return Fault(f"ends in a {sign}, {_PART}", f"delete the {sign}")
    return None


def _advice_on_indented(key: str, line: str) -> str:
    """Return what to do about a line so that boto3 can still read the file."""
    found = re.match(r"([A-Za-z][\w.-]*)\s*[=:]", line)
    if found is None:
        return "delete that line, or make it a comment with # as its first character"
    return "delete one of the two" if found[1].lower() == key else "begin that line without blanks"


def header_at_end(key: str, value: str) -> str | None:
    """Return the header, or ``a header``, that is glued to the end of a value in which AWS has no [, or None.

    In a secret of another service, that may be a part of the secret: see ``file_faults.glued_headers``.
    """
    found = _HEADER_AT_END.search(value) if key in _WORDS | _ARNS | _SECRETS and not value.startswith(_SOPS) else None
    if found is None or not found.start():
        return None
    may_be_secret = looks_like_secret(found["name"]) or re.fullmatch(r"\d{6}", found["name"])
    return "a header" if may_be_secret else f"[{found['name']}]"


# A name without blanks, signs and the word aws, and the one that SDKs know.
_RIGHT_NAMES = {
    "accesskey": "aws_access_key_id",
    "accesskeyid": "aws_access_key_id",
    "accesskeysecret": "aws_secret_access_key",
    "keyid": "aws_access_key_id",
    "secret": "aws_secret_access_key",
    "secretaccesskey": "aws_secret_access_key",
    "secretkey": "aws_secret_access_key",
    "sessiontoken": "aws_session_token",
}
_SHELL_WORD = re.compile(r"(export|set|setx|setenv|declare\s+-x|-\s|\$env:|env:)\s*", re.IGNORECASE)
POWERSHELL = "$env"
"""The key that boto3 reads in a line such as ``$env:AWS_ACCESS_KEY_ID="AKIA..."``: a colon ends it."""


def right_name(key: str, value: str = "") -> str | None:
    """Return the name of a key of an access key that is written under another, or None if no SDK would read it."""
    if key.lower() == POWERSHELL:
        key = "$env:" + value.split("=")[0]
    beginning = _SHELL_WORD.match(key)
    letters = re.sub(r"[^a-z0-9]", "", key[beginning.end() if beginning else 0 :].lower())
    right = _RIGHT_NAMES.get(letters.removeprefix("aws"))
    return None if right == key.lower() else right
