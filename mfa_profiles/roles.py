"""Role profiles: what they say of the role, and where the credentials come from that assume it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Profiles

DEFAULT_DURATION = timedelta(hours=1)
"""What AWS gives if nothing else is asked for; every role allows it."""

MIN_DURATION, MAX_DURATION = timedelta(minutes=15), timedelta(hours=12)
"""What AWS allows for a role session: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html."""

MAX_CHAINED_DURATION = timedelta(hours=1)
"""The limit for a role that is assumed with temporary credentials, those of GetSessionToken included.

https://repost.aws/knowledge-center/iam-role-chaining-limit
"""

DEFAULT_SESSION_NAME = "mfa-profiles"

SETTINGS_OF_ROLES = ("role_arn", "source_profile", "credential_source", "duration_seconds")
"""Settings without which no role can be assumed, so that a slip in one of them is refused before AWS is called."""

# Settings that lead to credentials together with role_arn, and to nothing without it.
_WITH_ROLE_ARN = ("source_profile", "credential_source", "web_identity_token_file")

# Settings that lead to credentials, and not to a role in the same profile.
_WITHOUT_ROLE_ARN = ("sso_session", "sso_start_url", "credential_process", "login_session")

PARTS = ("role_arn", *_WITH_ROLE_ARN, "mfa_serial")
"""Settings of profiles that are meant to lead to credentials."""


class Role(NamedTuple):
    """A role as a profile names it; exactly one of ``source_profile`` and ``credential_source`` is set."""

    profile: str
    arn: str
    source_profile: str | None
    credential_source: str | None
    session_name: str = DEFAULT_SESSION_NAME
    external_id: str | None = None
    duration: timedelta | None = None


def role_of(profiles: Profiles, name: str) -> Role | None:
    """The role of a profile with ``role_arn``, or None for another profile, by botocore's rules (credentials.py).

    Raises ProfileError for a role profile that no SDK could use.
    """
    values = profiles.settings(name)
    arn = values.get("role_arn")
    if not arn or values.get("web_identity_token_file"):
        return None
    profiles.refuse_faults(name, *SETTINGS_OF_ROLES)
    source, credential_source = values.get("source_profile") or None, values.get("credential_source") or None
    if source and credential_source:
        raise ProfileError(
            f"profile {name} has both source_profile and credential_source", "AWS tools want one of the two"
        )
    own = next((key for key in _WITHOUT_ROLE_ARN if values.get(key)), None)
    if own and not source and not credential_source:
        header = profiles.config_header(name)
        raise ProfileError(
            f"profile {name} has role_arn and {own}, but no source_profile: AWS tools use one of the two",
            f"move {own} and what belongs to it to another profile, and name that as source_profile under [{header}]",
            f"or delete role_arn under [{header}]",
        )
    if not source and not credential_source:
        raise ProfileError(
            f"profile {name} has role_arn, but does not say whose credentials assume the role",
            f"{_write(values, 'source_profile')} = NAME under [{profiles.config_header(name)}] in "
            f"{profiles.config.path}",
        )
    if source:
        _refuse_missing_source(profiles, name, source)
    return Role(
        name,
        arn,
        source,
        credential_source,
        values.get("role_session_name") or DEFAULT_SESSION_NAME,
        values.get("external_id") or None,
        _duration(name, values.get("duration_seconds")),
    )


def _refuse_missing_source(profiles: Profiles, name: str, source: str) -> None:
    try:
        profiles.pair(source)  # which may be a derived profile that is not there yet
    except ProfileError as error:
        raise ProfileError(f"source_profile of profile {name}: {error.message}", *error.hints) from None


def _duration(profile: str, text: str | None) -> timedelta | None:
    if not text:
        return None
    number = re.fullmatch(r"\d{1,6}", text, re.ASCII)
    duration = timedelta(seconds=int(text)) if number else None
    if duration is None or not MIN_DURATION <= duration <= MAX_DURATION:
        what = "out of AWS's bounds" if number else "not a number of seconds"
        raise ProfileError(f"duration_seconds of profile {profile} is {what}", "it is 900 to 43200, such as 3600")
    return duration


def sources(profiles: Profiles, name: str) -> list[str]:
    """A profile and the profiles behind it, each the source of the one before; the last has keys, or gets them.

    A role profile that is its own source ends there. Raises ProfileError for a loop.
    """
    chain = [name]
    while True:
        current = chain[-1]
        # A source that has keys is one, whatever else it has; so botocore sees it.
        role = None if len(chain) > 1 and profiles.has_keys(current) else role_of(profiles, current)
        source = role.source_profile if role else None
        if source is None or (source == current and profiles.has_keys(current)):
            _refuse_part_of_role(profiles, current, chain[-2] if len(chain) > 1 else None)
            return chain
        base = profiles.pair(source).base  # people name the derived profile too, for the sake of other tools
        if base == current:
            raise ProfileError(
                f"profile {current} is its own source_profile, and has no keys",
                f"name a profile with keys as source_profile under [{profiles.config_header(current)}]",
            )
        if base in chain:
            raise ProfileError(
                f"the source profiles go round in a circle: {' -> '.join([*chain[chain.index(base) :], base])}",
                "one of them has to be a profile with keys",
            )
        chain.append(base)


def _refuse_part_of_role(profiles: Profiles, name: str, role_profile: str | None) -> None:
    """Raise ProfileError for a profile with a part of a role only, which AWS tools ignore.

    ``role_profile`` names it as its source.
    """
    values = profiles.settings(name)
    if profiles.has_keys(name) or any(values.get(key) for key in ("role_arn", *_WITHOUT_ROLE_ARN)):
        return
    part = next((key for key in _WITH_ROLE_ARN if values.get(key)), None)
    mistake = _mistaken_role_arn(values)
    if part is None and mistake is None:
        return
    hint = f"{mistake or _write(values, 'role_arn')} under [{profiles.config_header(name)}]"
    source = values.get("source_profile")
    if mistake is None and source and source != name and source in profiles:
        if role_profile is None:
            hint = f"use profile {source} itself, or {hint}"
        else:
            header = profiles.config_header(role_profile)
            hint = f"write source_profile = {source} under [{header}], or {hint.removeprefix('write ')}"
    if part is None:
        raise ProfileError(f"profile {name} has the ARN of a role, but no role_arn", hint)
    uses = "follow" if part == "source_profile" else "use"
    raise ProfileError(f"profile {name} has {part}, but no role_arn: AWS tools {uses} it for a role only", hint)


def _write(values: Mapping[str, str], key: str) -> str:
    # A second line with the same key would make the file unreadable.
    return f"complete the line {key}" if key in values else f"write {key}"


def _mistaken_role_arn(values: Mapping[str, str]) -> str | None:
    """Return what to write instead of something that was meant as ``role_arn``, or None."""
    keys = [key for key, value in values.items() if ":role/" in value]
    if "arn" in keys:  # so a line with nothing but an ARN is read
        return "write role_arn = in front of the ARN"
    if not keys:
        return None
    import difflib

    alike = difflib.get_close_matches("role_arn", keys, cutoff=0.8)
    return f"write role_arn instead of {alike[0]}" if alike else None
