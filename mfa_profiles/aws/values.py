"""What stands in an answer of AWS's, taken only if it can be what it is said to be; else they raise ValueError.

Whoever answers may answer anything: a list for a text, a line break in a key, a time without a zone.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mfa_profiles.sessions import format_time, parse_time

_PLAIN = r"[!-~]+"


def is_plain(value: object) -> bool:
    """True for visible ASCII, which a header of HTTP and a file can hold."""
    return isinstance(value, str) and re.fullmatch(_PLAIN, value) is not None


def secret(value: object) -> str:
    """A secret access key or a session token, of which AWS tells neither form nor length."""
    return _matching(_PLAIN, value)


def access_key_id(value: object) -> str:
    """An access key ID: https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html."""
    return _matching(r"(?a)\w{16,128}", value)


def serial_number(value: object) -> str:
    """The serial number of an MFA device: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html."""
    return _matching(r"(?a)[\w+=/:,.@-]{9,256}", value)


def name(value: object) -> str:
    """An ARN, an account or a service, to be shown to people."""
    return _matching(r"[!-~]{1,2048}", value)


def moment(value: object) -> datetime:
    """A time, aware and in UTC, that can be written to a file and read again."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError
    try:
        found = value.astimezone(UTC)
    except OverflowError:
        raise ValueError from None
    if parse_time(format_time(found)) is None:
        raise ValueError
    return found


def _matching(pattern: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError
    return value


def time_at_aws(response: Mapping[str, Any]) -> datetime | None:
    """When AWS answered, by its own clock, in UTC; None if it did not tell."""
    from email.utils import parsedate_to_datetime

    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return moment(parsedate_to_datetime(date))
    except (OverflowError, TypeError, ValueError):
        return None
