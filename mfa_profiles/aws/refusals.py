"""AWS's refusals, and failures on the way to it, as sentences with hints: tables, of which the first row counts.

``table`` is for what AWS answers, ``network`` for what botocore raises; here is what fills their sentences in.
The texts of AWS and botocore are matched, and never passed on: SignatureDoesNotMatch quotes the request with its
session token, ValidationError the token code.
"""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from mfa_profiles.aws import clients, crashes, network, sdk_settings, values
from mfa_profiles.aws.attempts import Attempt
from mfa_profiles.aws.caller import Caller, partition_of
from mfa_profiles.aws.iam import devices_of
from mfa_profiles.aws.mfa_device import SERIAL_NUMBER_FORM
from mfa_profiles.aws.rows import Facts
from mfa_profiles.aws.table import NOT_FROM_AWS, ROWS
from mfa_profiles.errors import MfaProfilesError, UnreachableError, aws_command, tool_command
from mfa_profiles.profiles import Profiles, masked, shown

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# AWS takes a signature that is up to five minutes old:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
CLOCK_TOLERANCE = timedelta(minutes=5)

# Codes are TOTP with windows of 30 seconds:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_virtual.html
_WINDOW = 30

_MAX_MESSAGE = 10_000
"""Characters. AWS's messages quote ARNs and requests, and have a few thousand at most."""


def of_call(error: Exception, attempt: Attempt) -> MfaProfilesError:
    """What botocore has raised in an attempt to call AWS, as an error that has nothing of the original in it."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    if isinstance(error, ClientError):
        return _refused(error, attempt)
    if isinstance(error, ParamValidationError):  # botocore looks at some parameters itself
        return _explanation("ValidationError", str(error.kwargs.get("report", "")), {}, attempt)
    if isinstance(error, BotoCoreError) or not crashes.has_answer():
        row = network.first(network.FAILURES, error)
        profiles = attempt.caller.clients.profiles
        blamed = _blamed_on_environment(row, error, profiles, attempt.caller.profile)
        return blamed or row.told(_failure_facts(error, profiles, attempt.caller.profile, attempt))
    return NOT_FROM_AWS.told(Facts())  # botocore's parsers raise whatever the answer of a stranger leads them to


def of_credentials(error: Exception, profiles: Profiles, profile: str) -> MfaProfilesError:
    """What botocore has raised while it got a profile's credentials, as an AWSError or a ProfileError."""
    web_identity = profiles.setting(profile, "web_identity_token_file") and "web_identity_token_file"
    row = network.first(network.CREDENTIALS, error, web_identity or profiles.provider(profile))
    return _blamed_on_environment(row, error, profiles, profile) or row.told(_failure_facts(error, profiles, profile))


def _blamed_on_environment(
    row: network.Failure, error: Exception, profiles: Profiles, profile: str
) -> MfaProfilesError | None:
    """The error for a variable that botocore refuses, if that and not the profile made the call fail."""
    if not row.of_settings:
        return None
    setting = network.refused_setting(error, profiles.call_settings(profile))
    fault = sdk_settings.fault_behind(setting, os.environ, network.refused_region(error))
    return UnreachableError(fault.message, fault.hint) if fault else None


def _refused(error: "ClientError", attempt: Attempt) -> MfaProfilesError:
    told = error.response.get("Error", {})
    # A megabyte of words that begin like a message would keep the patterns busy for minutes.
    message = str(told.get("Message", ""))[:_MAX_MESSAGE]
    return _explanation(str(told.get("Code") or ""), message, error.response, attempt)


def _explanation(code: str, message: str, response: Mapping[str, Any], attempt: Attempt) -> MfaProfilesError:
    temporary = attempt.caller.keys.session_token is not None
    row = next(row for row in ROWS if row.matches(code, message, attempt.action, temporary=temporary))
    # A broken answer can hold anything in place of a code, a secret too.
    if not row.codes and not re.fullmatch(r"[A-Za-z][A-Za-z.]{0,63}", code):
        row = NOT_FROM_AWS
    return row.told(_refusal_facts(code, message, response, attempt))


def _refusal_facts(code: str, message: str, response: Mapping[str, Any], attempt: Attempt) -> Facts:
    caller, role = attempt.caller, attempt.role
    profiles = caller.clients.profiles
    permission = _permission(message, attempt)
    policy, policy_owner = _policy(message)
    role_profile = role.profile if role else caller.profile
    base = _base(profiles, caller.holder)
    own_devices = cache(partial(_own_devices, attempt))  # two hints want it
    max_duration = cache(partial(_max_duration, attempt))
    return Facts(
        action=attempt.action,
        base=base,
        before_mfa=None if attempt.role else permission,
        code=code,
        config=profiles.config.path,
        credentials=profiles.credentials.path,
        device_to_set=lambda: (own_devices() or ["ARN"])[0],
        drift=partial(_drift, response, attempt),
        duration=int(attempt.duration.total_seconds()) if attempt.duration else "this many",
        external_id=_external_id(attempt),
        holder=caller.holder,
        key=masked(caller.keys.access_key_id),
        max_duration=max_duration,
        mfa=_mfa(attempt),
        off=partial(_off, response, attempt),
        one_hour=_one_hour(attempt),
        own_devices=lambda: _listed(own_devices()),
        permission=permission,
        place_of_keys=_place_of_keys(caller),
        policy=policy,
        policy_owner=policy_owner,
        profile=caller.profile,
        profile_section=profiles.config_header(caller.profile),
        refresh_base=tool_command("refresh", base, "--force"),
        region=caller.region,
        renew=_renewal(profiles, caller.holder),
        role=shown(role.arn) if role else "the role",
        role_profile=role_profile,
        role_section=profiles.config_header(role_profile),
        rotate=tool_command("rotate", caller.profile),
        seconds=partial(_seconds_until_next_code, response, attempt),
        section=profiles.config_header(caller.holder),
        serial_number=shown(attempt.serial_number or "the device"),
        shortest=lambda: None if max_duration() == 3600 else 3600,
        serial_number_form=SERIAL_NUMBER_FORM,
        statement=_statement(permission, attempt),
        still_good=_still_good(attempt),
        **_partitions(attempt),
    )


def _failure_facts(error: Exception, profiles: Profiles, profile: str, attempt: Attempt | None = None) -> Facts:
    host, proxy = network.called_host(error), network.proxy_host(error)
    ca_bundle, source_of_ca_bundle = _ca_bundle(profiles, profile)
    setting = network.refused_setting(error, profiles.call_settings(profile))
    region = attempt.caller.region if attempt else profiles.call_settings(profile).get("region")
    fault_of_region = profiles.fault(profile, "region")
    has_code = attempt is not None and attempt.serial_number is not None
    return Facts(
        answer_timeout=clients.CONNECT_TIMEOUT + clients.READ_TIMEOUT,
        at=f" {host}" if host else "",
        ca_bundle=f" {ca_bundle}" if ca_bundle else "",
        config=profiles.config.path,
        connect_timeout=clients.CONNECT_TIMEOUT,
        credentials=profiles.credentials.path,
        get_caller_identity=aws_command("sts", "get-caller-identity", profile=profile),
        kind=type(error).__name__,
        login=aws_command("login", profile=profile),
        missing=network.missing_part(error),
        place_of_setting=lambda: sdk_settings.place_of(profiles, profile, setting),
        next_code=", with the next code if this one is refused" if has_code else "",
        profile=profile,
        proxy=f" {proxy}" if proxy else "",
        quoted_region=repr(shown(region) if region else ""),
        read_timeout=clients.READ_TIMEOUT,
        region=region or "that region",
        region_advice=fault_of_region.hint if fault_of_region else None,
        region_fault=fault_of_region.message if fault_of_region else None,
        section=profiles.config_header(profile),
        setting=setting,
        source_of_ca_bundle=source_of_ca_bundle,
        sso_login=aws_command("sso", "login", profile=profile),
        still_good=_still_good(attempt) if attempt else None,
        try_next_code="try the next code: AWS may have used this one up" if has_code else "try again",
    )


def _ca_bundle(profiles: Profiles, profile: str) -> tuple[str | None, str]:
    """The CA bundle that botocore uses, and where it is set."""
    setting = profiles.call_settings(profile).get("ca_bundle")
    if "AWS_CA_BUNDLE" in os.environ or not (setting or os.environ.get("REQUESTS_CA_BUNDLE")):
        return os.environ.get("AWS_CA_BUNDLE"), "AWS_CA_BUNDLE"
    if setting:
        return setting, f"ca_bundle in [{profiles.config_header(profile)}]"
    return os.environ["REQUESTS_CA_BUNDLE"], "REQUESTS_CA_BUNDLE"


def _still_good(attempt: Attempt) -> str | None:
    return "the token code may still be good" if attempt.serial_number else None


# --- The device.


def _own_devices(attempt: Attempt) -> list[str] | None:
    """The serial numbers of the user's devices that give codes, or None if AWS does not tell."""
    try:
        found = devices_of(attempt.caller)
    except Exception:  # noqa: BLE001 - it is for a hint only, and the refusal itself is told in any case
        return None
    return [device.serial_number for device in found if device.gives_codes]


def _listed(found: list[str] | None) -> str | None:
    if found is None:
        return None
    return f"this user's: {', '.join(found)}" if found else "this user has none that gives codes"


# --- Permissions.

# By AWS's word for a kind of policy, ours, and who can change it.
_POLICIES = {
    "identity-based policy": ("a policy of the user", "an administrator of the account"),
    "service control policy": ("a service control policy", "who manages your AWS organization"),
    "resource control policy": ("a resource control policy", "who manages your AWS organization"),
    "permissions boundary": ("a permissions boundary", "an administrator of the account"),
    "session policy": ("a session policy", "who made the session"),
    "VPC endpoint policy": ("the policy of a VPC endpoint", "who manages your network in AWS"),
    "resource-based policy": ("a resource policy", "who manages the resource"),
    "role trust policy": ("the trust policy of the role", "who manages the role"),
}


def _policy(message: str) -> tuple[str, str]:
    found = re.search(rf"(?:explicit deny in (?:an?|the)|because no) ({'|'.join(_POLICIES)})", message)
    return _POLICIES[found[1]] if found else ("a policy", "an administrator")


_STS_ACTIONS = ("AssumeRole", "GetCallerIdentity", "GetSessionToken")


def _permission(message: str, attempt: Attempt) -> str:
    found = re.search(r"not authorized to perform: ([a-z]{2,20}:[A-Za-z]{2,40})(?![A-Za-z])", message)
    service = "sts" if attempt.action in _STS_ACTIONS else "iam"
    return found[1] if found else f"{service}:{attempt.action}"


def _statement(permission: str, attempt: Attempt) -> str:
    resource = attempt.role.arn if attempt.role else "*"
    return f'{{"Effect": "Allow", "Action": "{permission}", "Resource": "{resource}"}}'


def _mfa(attempt: Attempt) -> str | None:
    """What there is to know of MFA if a role asks for it, or None if the call had it, or cannot have it."""
    if attempt.role is None or attempt.serial_number is not None:
        return None
    profiles = attempt.caller.clients.profiles
    base = _base(profiles, attempt.caller.holder)
    if base != attempt.role.profile and profiles.setting(base, "role_arn") and not profiles.has_keys(base):
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
        return (
            f"if it asks for MFA: no session of a role has that, and {base} is one; name the user as source_profile"
        )
    if attempt.caller.keys.session_token is not None:
        return None
    return f"if it asks for MFA: mfa_serial = ARN under [{profiles.config_header(base)}] in {profiles.config.path}"


def _one_hour(attempt: Attempt) -> str | None:
    """How to get a session without a code of its own, for a role that was assumed directly for a longer one."""
    role = attempt.role
    if role is None or not role.source_profile or not attempt.serial_number:
        return None
    command = tool_command("refresh", role.profile, "--duration-seconds", "3600")
    return f"the MFA session of its source may do more, for one hour: {command}"


def _external_id(attempt: Attempt) -> str | None:
    if attempt.role is None:
        return None
    profiles = attempt.caller.clients.profiles
    place = f"[{profiles.config_header(attempt.role.profile)}] in {profiles.config.path}"
    if attempt.role.external_id is None:
        return f"if it asks for an external ID: external_id = ID under {place}"
    return f"is the external_id under {place} the one that it asks for?"


# --- Keys.


def _place_of_keys(caller: Caller) -> str | None:
    """Where the keys stand, or None if they are not in the file: those of `setup` have just been typed."""
    profiles = caller.clients.profiles
    if profiles.setting(caller.holder, "aws_access_key_id") != caller.keys.access_key_id:
        return None
    return f"[{caller.holder}] in {profiles.credentials.path}"


def _base(profiles: Profiles, holder: str) -> str:
    """The profile behind the one that holds the keys, if those are of a session that this tool got."""
    pair = profiles.pair_of_derived(holder)
    return pair.base if pair else holder


def _renewal(profiles: Profiles, holder: str) -> str:
    """What to do for new session credentials of a profile."""
    pair = profiles.pair_of_derived(holder)
    if pair is not None and pair.base != pair.derived:
        return tool_command("refresh", holder, "--force")
    if profiles.setting(holder, "aws_session_token"):
        return f"put new ones into [{holder}] in {profiles.credentials.path}"
    source = profiles.setting(holder, "credential_source") and "credential_source"
    provider = source or profiles.provider(holder) or ""
    if provider.startswith("sso_"):
        return aws_command("sso", "login", profile=holder)
    if provider == "login_session":
        return aws_command("login", profile=holder)
    if provider in ("credential_process", "credential_source", "web_identity_token_file"):
        return f"they come from {provider} under [{profiles.config_header(holder)}] in {profiles.config.path}"
    return tool_command("refresh", holder, "--force")


def _partitions(attempt: Attempt) -> dict[str, str]:
    """The partitions of the region and of an ARN of the account, if they are not the same."""
    arn = attempt.serial_number or (attempt.role.arn if attempt.role else "")
    of_region = partition_of(attempt.caller.region)
    of_arn = re.match(r"arn:(aws[a-z-]*):", arn)
    if of_arn is None or of_arn[1] == of_region:
        return {}
    return {"arn": arn, "arn_partition": of_arn[1], "region_partition": of_region}


# --- Times.


def _seconds_until_next_code(response: Mapping[str, Any], attempt: Attempt) -> int:
    now = values.time_at_aws(response) or attempt.caller.clients.now()
    return _WINDOW - int(now.timestamp()) % _WINDOW


def _off(response: Mapping[str, Any], attempt: Attempt) -> str:
    """By how much the clock is off, if it is off by more than AWS bears; else empty."""
    ahead = _ahead(response, attempt)
    if ahead is None or abs(ahead) < CLOCK_TOLERANCE:
        return ""
    return f": it is {ahead_in_words(ahead)} AWS's"


def _drift(response: Mapping[str, Any], attempt: Attempt) -> str | None:
    """By how much the clock is off, if the codes of another window come out by it."""
    ahead = _ahead(response, attempt)
    return None if ahead is None or abs(ahead).total_seconds() < _WINDOW else ahead_in_words(ahead)


def _ahead(response: Mapping[str, Any], attempt: Attempt) -> timedelta | None:
    there = values.time_at_aws(response)
    return None if there is None else attempt.caller.clients.now() - there


def ahead_in_words(ahead: timedelta) -> str:
    """How far a clock is from AWS's, such as ``45 s behind`` and ``6 minutes ahead of``."""
    seconds = round(abs(ahead).total_seconds())
    amount = f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} minutes"
    return f"{amount} {'ahead of' if ahead > timedelta() else 'behind'}"


def _max_duration(attempt: Attempt) -> int | None:
    """How long sessions of the role may be, or None if AWS does not tell."""
    if attempt.role is None:
        return None
    try:
        found = attempt.caller.iam().get_role(RoleName=attempt.role.arn.rsplit("/")[-1])["Role"]
    except Exception:  # noqa: BLE001 - it is for a hint only, and 3600 always works
        return None
    # IAM looks in the caller's account, where another role may have the name.
    return found.get("MaxSessionDuration") if found["Arn"] == attempt.role.arn else None
