"""STS: the actions served beside moto, which gives credentials to anybody and checks no codes.

An action is a function from the caller and the request's parameters to an answer, listed in
ACTIONS.  AssumeRole would be one more: its roles are in the caller's ``account.backend.roles``, and
its sessions need a role beside the user in ``accounts.Session``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from tests.local_aws import answers
from tests.local_aws.accounts import Caller
from tests.local_aws.answers import Answer, AWSError

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

# Limits in seconds, from https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
SHORTEST, LONGEST, DEFAULT, LONGEST_OF_ROOT = 900, 129_600, 43_200, 3_600


@dataclass(frozen=True)
class Action:
    """How an action is answered, and whether a policy can deny it."""

    answer: Callable[[Caller, Mapping[str, str]], Answer]
    deniable: bool = True


def get_session_token(caller: Caller, parameters: Mapping[str, str]) -> Answer:
    """Temporary credentials of the caller; with a device and its code they carry MFA."""
    serial_number, code = parameters.get("SerialNumber"), parameters.get("TokenCode")
    duration = _validated(serial_number, code, parameters.get("DurationSeconds"))
    if caller.session is not None:
        raise _denied("Cannot call GetSessionToken with session credentials")
    if serial_number is not None or code is not None:
        _check_mfa(caller, serial_number, code)
    if caller.is_root:
        duration = min(duration, LONGEST_OF_ROOT)
    # Expiration has whole seconds, and the session ends when it says.
    expiration = caller.account.clock.now().replace(microsecond=0) + timedelta(seconds=duration)
    session = caller.account.new_session(caller.user, expiration, mfa=code is not None)
    credentials = {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return answers.result("GetSessionToken", NAMESPACE, {"Credentials": credentials})


def get_caller_identity(caller: Caller, _parameters: Mapping[str, str]) -> Answer:
    """Who signed the request."""
    account = caller.account
    identity = {
        "Arn": caller.arn,
        "UserId": account.unique_id_of(caller.user),
        "Account": account.account_id,
    }
    return answers.result("GetCallerIdentity", NAMESPACE, identity)


ACTIONS = {
    "GetSessionToken": Action(get_session_token),
    "GetCallerIdentity": Action(get_caller_identity, deniable=False),
}


def _check_mfa(caller: Caller, serial_number: str | None, code: str | None) -> None:
    if serial_number is None or code is None:
        raise _denied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
    device = caller.account.backend.devices.get(serial_number)
    if device is None or device.seed is None or serial_number not in caller.user.mfa_devices:
        raise _denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  "
            "Please verify your MFA serial number is valid and associated with this user."
        )
    if not device.accept(code):
        raise _denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")


def _validated(serial_number: str | None, code: str | None, duration: str | None) -> int:
    """Refuse parameters that break their constraints, all in one message; the duration in seconds."""
    broken = []
    if serial_number is not None:
        broken += _lengths("serialNumber", serial_number, 9, 256)
        broken += _pattern("serialNumber", serial_number, r"[\w+=/:,.@-]*")
    if code is not None:
        broken += _lengths("tokenCode", code, 6, 6)
        broken += _pattern("tokenCode", code, r"[\d]*")
    seconds = DEFAULT
    if duration is not None:
        if not re.fullmatch(r"-?[0-9]{1,10}", duration):
            raise AWSError(400, "MalformedInput", "DurationSeconds is not an integer")
        seconds = int(duration)
        if seconds < SHORTEST:
            constraint = f"Member must have value greater than or equal to {SHORTEST}"
            broken.append(_broken("durationSeconds", duration, constraint))
        if seconds > LONGEST:
            constraint = f"Member must have value less than or equal to {LONGEST}"
            broken.append(_broken("durationSeconds", duration, constraint))
    if broken:
        errors = "error" if len(broken) == 1 else "errors"
        message = f"{len(broken)} validation {errors} detected: {'; '.join(broken)}"
        raise AWSError(400, "ValidationError", message)
    return seconds


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
