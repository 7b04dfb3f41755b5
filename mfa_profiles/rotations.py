"""The comment in a base section that says that its access key is being replaced."""

import re
from datetime import datetime
from typing import NamedTuple

from mfa_profiles import sessions


class Rotation(NamedTuple):
    """The access key that is being replaced, since when (aware and in UTC), and whether it is to stay, inactive.

    ``new_access_key_id`` is the key that replaces it, once AWS has answered with one. It proves that a rotation
    created that key: a key that is not recorded may be the user's own.
    """

    access_key_id: str
    since: datetime
    keep_old: bool = False
    new_access_key_id: str | None = None


# It stands directly under the header, at column 0, where it survives every edit of the AWS CLI:
#  # Rotating access key AKIAIOSFODNN7EXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: rotate again to finish)
#  # Rotating access key AKIAIOSFODNN7EXAMPLE to AKIAI44QH8DHBEXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: ...
# The form of the ID: https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html
_COMMENT = (  # not compiled before there is one: hot commands pass by here
    r"(?a)# Rotating access key (?P<id>\w{16,128})(?: to (?P<new_id>\w{16,128}))? since (?P<since>\S+) "
    r"\(mfa-profiles: rotate(?P<keep_old> --keep-old)?\b.*\)\s*"
)
BEGINNING = "# Rotating access key "


def comment(rotation: Rotation) -> str:
    """The comment line, without its line ending."""
    since = sessions.format_time(rotation.since)
    keep_old = " --keep-old" if rotation.keep_old else ""
    new = f" to {rotation.new_access_key_id}" if rotation.new_access_key_id else ""
    return f"{BEGINNING}{rotation.access_key_id}{new} since {since} (mfa-profiles: rotate{keep_old} again to finish)"


def parse_comment(line: str) -> Rotation | None:
    """The rotation that a comment line of ours remembers, or None for any other line."""
    found = re.fullmatch(_COMMENT, line) if line.startswith(BEGINNING) else None
    since = sessions.parse_time(found["since"]) if found else None
    if not found or not since:
        return None
    new_id = found["new_id"] if found["new_id"] != found["id"] else None  # no key replaces itself
    return Rotation(found["id"], since, found["keep_old"] is not None, new_id)
