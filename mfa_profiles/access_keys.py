"""What the two halves of an access key look like, as far as that can be told before AWS is asked."""

import re
from datetime import timedelta

DEFAULT_MAX_AGE = timedelta(days=60)
"""Long-term keys that are older should be replaced."""

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html and, for what the first letters mean,
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_LONG_TERM = "AKIA"
_TEMPORARY = "ASIA"

_SECRET = re.compile(r"[A-Za-z0-9/+=]{40}")


def looks_like_secret(text: str) -> bool:
    """True for what is most likely a secret access key: 40 characters of base64, of more than one kind."""
    return _SECRET.fullmatch(text) is not None and all(re.search(kind, text) for kind in ("[a-z]", "[A-Z]"))


def is_access_key_id(text: str) -> bool:
    """True for the form of an access key ID of a user, long-term or temporary."""
    return _ACCESS_KEY_ID.fullmatch(text) is not None and text.startswith((_LONG_TERM, _TEMPORARY))


def fault_of_id(text: str) -> str | None:
    """What is wrong with an access key ID, in a sentence that does not repeat it, or None if nothing is."""
    if not text:
        return "there is no access key ID"
    if looks_like_secret(text):
        return "this looks like a secret access key where the access key ID belongs"
    if not _ACCESS_KEY_ID.fullmatch(text):
        return f"this is not an access key ID: those are 20 capital letters and digits that begin with {_LONG_TERM}"
    if text.startswith(_TEMPORARY):
        return f"this is a temporary access key: the long-term one of an IAM user begins with {_LONG_TERM}"
    if not text.startswith(_LONG_TERM):
        return f"this is not the access key ID of an IAM user: those begin with {_LONG_TERM}"
    return None


def fault_of_secret(text: str) -> str | None:
    """What is wrong with a secret access key, in a sentence that does not repeat it, or None if nothing is."""
    if not text:
        return "there is no secret access key"
    if not re.fullmatch(r"[!-~]+", text):  # visible ASCII, which a file and a signature can hold
        return "this is not a secret access key: those are letters, digits and signs without blanks"
    if fault_of_id(text) is None:
        return "this looks like an access key ID where the secret access key belongs"
    return None
