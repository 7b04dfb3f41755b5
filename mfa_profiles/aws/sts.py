"""AWS STS: session credentials for a token code, and of roles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mfa_profiles import log
from mfa_profiles.aws import refusals
from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.credentials import is_plain
from mfa_profiles.errors import AWSError
from mfa_profiles.profiles import masked
from mfa_profiles.roles import Role
from mfa_profiles.sessions import MIN_DURATION, SessionCredentials, format_time

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import AssumeRoleRequestTypeDef


@dataclass(frozen=True)
class Identity:
    """Whose keys a caller has, and when AWS said so by its own clock (aware and in UTC; None if it did not tell)."""

    account: str
    arn: str
    time_at_aws: datetime | None


def caller_identity(caller: Caller) -> Identity:
    """Ask AWS whose keys these are; it tells whoever signs well, whatever policies say. Raises AWSError."""
    with refusals.explained(refusals.Attempt("GetCallerIdentity", caller)):
        answer = caller.sts().get_caller_identity()
    return Identity(answer["Account"], answer["Arn"], refusals.time_at_aws(answer))


def connect(caller: Caller) -> None:
    """Make the client that a call will use, so that it need not be made then. Raises AWSError as the call would."""
    with refusals.explained(refusals.Attempt("GetSessionToken", caller)):
        caller.sts()


def get_session_token(
    caller: Caller, *, serial_number: str, token_code: str, duration: timedelta
) -> SessionCredentials:
    """Trade a token code for session credentials.

    Raises TokenCodeRefusedError if another code may do, AWSError for every other refusal or failure.
    """
    attempt = refusals.Attempt("GetSessionToken", caller, serial_number=serial_number, duration=duration)
    with refusals.explained(attempt):
        answer = caller.sts().get_session_token(
            SerialNumber=serial_number, TokenCode=token_code, DurationSeconds=_seconds(duration)
        )
    return _credentials(answer)


def check_get_session_token(caller: Caller) -> None:
    """Find out whether the caller may call sts:GetSessionToken. Raises AWSError, PermissionDeniedError if not.

    There is no way to ask but to call it. Without a device it takes no code: what AWS gives, for the 15 minutes that
    are the least, opens nothing that the keys do not, and is dropped at once, unread.
    """
    duration = _seconds(MIN_DURATION)
    with refusals.explained(refusals.Attempt("GetSessionToken", caller, duration=MIN_DURATION)):
        caller.sts().get_session_token(DurationSeconds=duration)


def assume_role(
    caller: Caller,
    role: Role,
    *,
    duration: timedelta,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> SessionCredentials:
    """Credentials of a role; with a serial number and a token code if the caller's keys carry no MFA themselves.

    Raises TokenCodeRefusedError if another code may do, AWSError for every other refusal or failure.
    """
    attempt = refusals.Attempt("AssumeRole", caller, serial_number=serial_number, duration=duration, role=role)
    request: AssumeRoleRequestTypeDef = {
        "RoleArn": role.arn,
        "RoleSessionName": role.session_name,
        "DurationSeconds": _seconds(duration),
    }
    if role.external_id is not None:
        request["ExternalId"] = role.external_id
    if serial_number is not None and token_code is not None:
        request["SerialNumber"] = serial_number
        request["TokenCode"] = token_code
    with refusals.explained(attempt):
        answer = caller.sts().assume_role(**request)
    return _credentials(answer)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _credentials(answer: Mapping[str, Any]) -> SessionCredentials:
    given = answer.get("Credentials", {})
    keys = [given.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    expiration = given.get("Expiration")
    # Other keys could not be written to the file, and did not come from AWS.
    if not all(map(is_plain, keys)) or not isinstance(expiration, datetime):
        raise AWSError(
            "AWS answered without usable session credentials", "is AWS_ENDPOINT_URL or a proxy in the way?"
        )
    got = SessionCredentials(str(keys[0]), str(keys[1]), str(keys[2]), expiration)
    log.step(f"got {masked(got.access_key_id)}, which ends at {format_time(got.expiration)}")
    return got
