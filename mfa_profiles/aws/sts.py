"""AWS STS: session credentials for a token code."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mfa_profiles.aws import refusals
from mfa_profiles.aws.caller import Caller
from mfa_profiles.errors import AWSError
from mfa_profiles.sessions import SessionCredentials

# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
MIN_DURATION = timedelta(minutes=15)
MAX_DURATION = timedelta(hours=36)
DEFAULT_DURATION = timedelta(hours=12)


def get_session_token(
    caller: Caller, *, serial_number: str, token_code: str, duration: timedelta
) -> SessionCredentials:
    """Trade a token code for session credentials.

    Raises TokenCodeRefusedError if another code may do, AWSError for every other refusal or failure.
    """
    attempt = refusals.Attempt("GetSessionToken", caller, serial_number, token_code)
    with refusals.explained(attempt):
        answer = caller.sts().get_session_token(
            SerialNumber=serial_number, TokenCode=token_code, DurationSeconds=int(duration.total_seconds())
        )
    return _credentials(answer)


def _credentials(answer: Mapping[str, Any]) -> SessionCredentials:
    given = answer.get("Credentials", {})
    keys = [given.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    expiration = given.get("Expiration")
    # What is not plain text could not be written to the file, and whatever it is, AWS did not send it.
    if not all(isinstance(key, str) and key.isascii() and key.isprintable() and key for key in keys):
        raise AWSError(
            "AWS answered without usable session credentials", "is AWS_ENDPOINT_URL or a proxy in the way?"
        )
    if not isinstance(expiration, datetime):
        raise AWSError("AWS did not say when the session ends", "is AWS_ENDPOINT_URL or a proxy in the way?")
    return SessionCredentials(str(keys[0]), str(keys[1]), str(keys[2]), expiration)
