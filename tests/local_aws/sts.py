"""STS: the actions served beside moto, which gives credentials to anybody and checks no codes.

An action is a function from all accounts, the caller and the request's parameters to an answer,
listed in ACTIONS.  What AssumeRole takes beyond a role, a code and an external id (session policies,
tags, a source identity) is not looked at.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.local_aws import answers
from tests.local_aws.accounts import Accounts, Caller, Session, assumed_role_arn
from tests.local_aws.answers import Answer, AWSError

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

# Limits in seconds, from https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
SHORTEST, LONGEST, DEFAULT, LONGEST_OF_ROOT = 900, 129_600, 43_200, 3_600

# And from https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
LONGEST_OF_ROLE, DEFAULT_OF_ROLE, LONGEST_OF_CHAIN = 43_200, 3_600, 3_600


@dataclass(frozen=True)
class Action:
    """How an action is answered, and whether a policy can deny it before it is looked at."""

    answer: Callable[[Accounts, Caller, Mapping[str, str]], Answer]
    deniable: bool = True


def get_session_token(_known: Accounts, caller: Caller, parameters: Mapping[str, str]) -> Answer:
    """Temporary credentials of the caller; with a device and its code they carry MFA."""
    duration, broken = _seconds(parameters, DEFAULT, LONGEST)
    _refuse(_broken_mfa(parameters) + broken)
    if caller.session is not None:
        raise _denied("Cannot call GetSessionToken with session credentials")
    mfa = _has_mfa(caller, parameters)
    if caller.is_root:
        duration = min(duration, LONGEST_OF_ROOT)
    session = caller.account.new_session(caller.principal, _expiration(caller, duration), mfa=mfa)
    return answers.result("GetSessionToken", NAMESPACE, {"Credentials": _credentials(session)})


def assume_role(known: Accounts, caller: Caller, parameters: Mapping[str, str]) -> Answer:
    """Temporary credentials of a role that trusts the caller.

    Whoever may not assume a role is not told why, nor whether the role exists.
    """
    duration, broken = _seconds(parameters, DEFAULT_OF_ROLE, LONGEST_OF_ROLE)
    _refuse(_broken_role(parameters) + _broken_mfa(parameters) + broken)
    arn, name = parameters["RoleArn"], parameters["RoleSessionName"]
    if not re.fullmatch(r"arn(:[^:]*){4}:.+", arn):
        raise AWSError(400, "ValidationError", f"{arn} is invalid")
    if caller.is_root:
        raise _denied("Roles may not be assumed by root accounts.")
    caller.check_permission("sts", "AssumeRole", arn)
    # MFA is of the session that signs, or of this request.  A role's session has none, even if it
    # took MFA to get it: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
    mfa = _has_mfa(caller, parameters) or caller.has_mfa
    account, role = known.find_role(arn, caller.account.partition) or (None, None)
    trust = account.trust.get(role.id) if account is not None and role is not None else None
    if (
        account is None
        or role is None
        or trust is None
        or not trust.takes(caller.arns, mfa=mfa, external_id=parameters.get("ExternalId"))
    ):
        raise _denied(f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    # Any session credentials count, those of GetSessionToken too:
    # https://repost.aws/knowledge-center/iam-role-chaining-limit, github.com/mmmorris1975/aws-runas/issues/11
    if caller.session is not None and duration > LONGEST_OF_CHAIN:
        limit = "the 1 hour session limit for roles assumed by role chaining."
        raise AWSError(400, "ValidationError", f"The requested DurationSeconds exceeds {limit}")
    if duration > int(role.max_session_duration or DEFAULT_OF_ROLE):
        limit = "the MaxSessionDuration set for this role."
        raise AWSError(400, "ValidationError", f"The requested DurationSeconds exceeds {limit}")
    session = account.new_session(role, _expiration(caller, duration), mfa=False, name=name)
    assumed = {"AssumedRoleId": f"{role.id}:{name}", "Arn": assumed_role_arn(account, role, name)}
    values = {"Credentials": _credentials(session), "AssumedRoleUser": assumed}
    return answers.result("AssumeRole", NAMESPACE, values)


def get_caller_identity(_known: Accounts, caller: Caller, _parameters: Mapping[str, str]) -> Answer:
    """Who signed the request."""
    identity = {
        "Arn": caller.arn,
        "UserId": caller.unique_id,
        "Account": caller.account.account_id,
    }
    return answers.result("GetCallerIdentity", NAMESPACE, identity)


ACTIONS = {
    "GetSessionToken": Action(get_session_token),
    # It asks for permission itself: its refusals name the role, whose ARN must be looked at first.
    "AssumeRole": Action(assume_role, deniable=False),
    "GetCallerIdentity": Action(get_caller_identity, deniable=False),
}


def _expiration(caller: Caller, seconds: int) -> datetime:
    # Expiration has whole seconds, and the session ends when it says.
    return caller.account.clock.now().replace(microsecond=0) + timedelta(seconds=seconds)


def _credentials(session: Session) -> dict[str, str]:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _has_mfa(caller: Caller, parameters: Mapping[str, str]) -> bool:
    """Whether the request has a device and its code; refused unless both are right and the caller's own."""
    serial_number, code = parameters.get("SerialNumber"), parameters.get("TokenCode")
    if serial_number is None and code is None:
        return False
    if serial_number is None or code is None:
        raise _denied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
    device = caller.account.backend.devices.get(serial_number)
    # With a session's keys a code is refused in the same words: github.com/99designs/aws-vault/issues/676.
    owner = caller.user if caller.session is None else None
    if device is None or device.seed is None or owner is None or serial_number not in owner.mfa_devices:
        raise _denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  "
            "Please verify your MFA serial number is valid and associated with this user."
        )
    if not device.accept(code):
        raise _denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
    return True


def _broken_mfa(parameters: Mapping[str, str]) -> list[str]:
    """What breaks the constraints of the device and its code."""
    broken = []
    serial_number, code = parameters.get("SerialNumber"), parameters.get("TokenCode")
    if serial_number is not None:
        broken += _lengths("serialNumber", serial_number, 9, 256)
        broken += _pattern("serialNumber", serial_number, r"[\w+=/:,.@-]*")
    if code is not None:
        broken += _lengths("tokenCode", code, 6, 6)
        broken += _pattern("tokenCode", code, r"[\d]*")
    return broken


def _broken_role(parameters: Mapping[str, str]) -> list[str]:
    """What breaks the constraints of the role, of its session's name and of the external id."""
    broken = []
    for parameter, name in (("RoleArn", "roleArn"), ("RoleSessionName", "roleSessionName")):
        if parameter not in parameters:
            constraint = "Member must not be null"
            broken.append(f"Value null at '{name}' failed to satisfy constraint: {constraint}")
    if "RoleArn" in parameters:
        broken += _lengths("roleArn", parameters["RoleArn"], 20, 2048)
    if "RoleSessionName" in parameters:
        broken += _lengths("roleSessionName", parameters["RoleSessionName"], 2, 64)
        broken += _pattern("roleSessionName", parameters["RoleSessionName"], r"[\w+=,.@-]*")
    if "ExternalId" in parameters:
        broken += _lengths("externalId", parameters["ExternalId"], 2, 1224)
        broken += _pattern("externalId", parameters["ExternalId"], r"[\w+=,.@:\/-]*")
    return broken


def _seconds(parameters: Mapping[str, str], default: int, longest: int) -> tuple[int, list[str]]:
    """The duration asked for, and what is wrong with it."""
    duration = parameters.get("DurationSeconds")
    if duration is None:
        return default, []
    if not re.fullmatch(r"-?[0-9]{1,10}", duration):
        raise AWSError(400, "MalformedInput", "DurationSeconds is not an integer")
    seconds = int(duration)
    broken = []
    if seconds < SHORTEST:
        constraint = f"Member must have value greater than or equal to {SHORTEST}"
        broken.append(_broken("durationSeconds", duration, constraint))
    if seconds > longest:
        constraint = f"Member must have value less than or equal to {longest}"
        broken.append(_broken("durationSeconds", duration, constraint))
    return seconds, broken


def _refuse(broken: list[str]) -> None:
    """Refuse parameters that break their constraints, all in one message."""
    if broken:
        errors = "error" if len(broken) == 1 else "errors"
        message = f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"
        raise AWSError(400, "ValidationError", message)


def _lengths(name: str, value: str, shortest: int, longest: int) -> list[str]:
    if len(value) < shortest:
        return [_broken(name, value, f"Member must have length greater than or equal to {shortest}")]
    if len(value) > longest:
        return [_broken(name, value, f"Member must have length less than or equal to {longest}")]
    return []


def _pattern(name: str, value: str, pattern: str) -> list[str]:
    if re.fullmatch(pattern, value, re.ASCII):
        return []
    return [_broken(name, value, f"Member must satisfy regular expression pattern: {pattern}")]


def _broken(name: str, value: str, constraint: str) -> str:
    return f"Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"


def _denied(message: str) -> AWSError:
    return AWSError(403, "AccessDenied", message)
