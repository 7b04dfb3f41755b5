"""AWS STS: session credentials for a token code."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mfa_profiles.aws import refusals
from mfa_profiles.aws.caller import Caller
from mfa_profiles.errors import AWSError
from mfa_profiles.sessions import SessionCredentials


def get_session_token(
    caller: Caller, *, serial_number: str, token_code: str, duration: timedelta
) -> SessionCredentials:
    """Trade a token code for session credentials.

    Raises TokenCodeRefusedError if another code may do, AWSError for every other refusal or failure.
    """
    attempt = refusals.Attempt("GetSessionToken", caller, serial_number)
    with refusals.explained(attempt):
        answer = caller.sts().get_session_token(
            SerialNumber=serial_number, TokenCode=token_code, DurationSeconds=int(duration.total_seconds())
        )
    return _credentials(answer)


def _credentials(answer: Mapping[str, Any]) -> SessionCredentials:
    given = answer.get("Credentials", {})
    keys = [given.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    expiration = given.get("Expiration")
    # Keys that are not visible ASCII could not be written to the file, and did not come from AWS.
    plain = all(isinstance(key, str) and re.fullmatch(r"[!-~]+", key) for key in keys)
    if not plain or not isinstance(expiration, datetime):
        raise AWSError(
            "AWS answered without usable session credentials", "is AWS_ENDPOINT_URL or a proxy in the way?"
        )
    return SessionCredentials(str(keys[0]), str(keys[1]), str(keys[2]), expiration)
