"""AWS STS: session credentials for a token code, and of roles."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mfa_profiles import log
from mfa_profiles.aws import values
from mfa_profiles.aws.attempts import Attempt, explained
from mfa_profiles.aws.caller import Caller
from mfa_profiles.errors import AWSError, ClockError
from mfa_profiles.profiles import masked
from mfa_profiles.roles import Role
from mfa_profiles.sessions import MIN_DURATION, SessionCredentials, format_time

if TYPE_CHECKING:
    from mypy_boto3_sts.type_defs import AssumeRoleRequestTypeDef

T = TypeVar("T")

# AWS gives no longer session than it was asked for, and takes no request whose time is this far off its own.
_MARGIN = timedelta(hours=1)


class Identity(NamedTuple):
    """Whose keys a caller has, and when AWS said so by its own clock (aware and in UTC; None if it did not tell)."""

    account: str
    arn: str
    time_at_aws: datetime | None


def caller_identity(caller: Caller) -> Identity:
    """Ask AWS whose keys these are; it tells whoever signs well, whatever policies say. Raises AWSError."""
    with explained(Attempt("GetCallerIdentity", caller)):
        answer = caller.sts().get_caller_identity()
        return Identity(values.name(answer["Account"]), values.name(answer["Arn"]), values.time_at_aws(answer))


def connect(caller: Caller, serial_number: str) -> None:
    """Make the client and the connection for a call with a token code of a device, by one that is denied to nobody.

    Raises AWSError with what there is to say of keys, clock and code in that call.
    """
    with explained(Attempt("GetCallerIdentity", caller, serial_number=serial_number)):
        caller.sts().get_caller_identity()


def get_session_token(
    caller: Caller, *, serial_number: str, token_code: str, duration: timedelta
) -> SessionCredentials:
    """Trade a token code for session credentials.

    Raises TokenCodeRefusedError if another code may do, AWSError for every other refusal or failure.
    """
    attempt = Attempt("GetSessionToken", caller, serial_number=serial_number, duration=duration)
    with explained(attempt):
        answer = caller.sts().get_session_token(
            SerialNumber=serial_number, TokenCode=token_code, DurationSeconds=_seconds(duration)
        )
    return _credentials(answer, attempt)


def check_get_session_token(caller: Caller) -> None:
    """Find out whether the caller may call sts:GetSessionToken. Raises AWSError, PermissionDeniedError if not.

    There is no way to ask but to call it. Without a device it takes no code: what AWS gives, for the 15 minutes that
    are the least, opens nothing that the keys do not, and is dropped at once, unread.
    """
    duration = _seconds(MIN_DURATION)
    with explained(Attempt("GetSessionToken", caller, duration=MIN_DURATION)):
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
    attempt = Attempt("AssumeRole", caller, serial_number=serial_number, duration=duration, role=role)
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
    with explained(attempt):
        answer = caller.sts().assume_role(**request)
    return _credentials(answer, attempt)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _credentials(answer: Mapping[str, Any], attempt: Attempt) -> SessionCredentials:
    given = answer.get("Credentials", {})
    got = SessionCredentials(
        _usable(given, "AccessKeyId", values.access_key_id),
        _usable(given, "SecretAccessKey", values.secret),
        _usable(given, "SessionToken", values.secret),
        _usable(given, "Expiration", values.moment),
    )
    now = attempt.caller.clients.now()
    if attempt.duration is not None and got.expiration > now + attempt.duration + _MARGIN:
        raise _unusable("Expiration")  # a session that seems to go on would never be refreshed
    if got.expiration <= now:
        from mfa_profiles.aws.table import SET_CLOCK

        raise ClockError(
            f"the session that AWS gave ended at {format_time(got.expiration)}: is this machine's clock right?",
            SET_CLOCK,
            "or is AWS_ENDPOINT_URL or a proxy in the way?",
        )
    log.step(f"got {masked(got.access_key_id)}, which ends at {format_time(got.expiration)}")
    return got


def _usable(given: Mapping[str, Any], name: str, value_of: Callable[[object], T]) -> T:
    try:
        return value_of(given.get(name))
    except ValueError:
        raise _unusable(name) from None


def _unusable(name: str) -> AWSError:
    return AWSError(
        f"AWS answered without usable session credentials ({name})", "is AWS_ENDPOINT_URL or a proxy in the way?"
    )
