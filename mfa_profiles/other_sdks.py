"""Lines that boto3 and the AWS CLI read, but other SDKs do not, or not in the same way.

The rules are those of the parsers in aws-runtime (Rust), ProfileFileReader (Java), internal/ini (Go) and
shared-ini-file-loader (JavaScript). The one for Rust is the strictest, and the loop below follows it.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from mfa_profiles.value_faults import fault_of_value, right_name

_REFUSED = "the SDKs for Rust and Java refuse the whole file"
_SETTINGS = re.compile(
    "aws_(access_key_id|secret_access_key|session_token)|region|role_arn|source_profile|credential_(source|process)"
    "|mfa_serial|external_id|role_session_name|duration_seconds|sso_[a-z_]+|endpoint_url|web_identity_token_file"
)


class Difference(Enum):
    """What is wrong with a line, what other SDKs make of it, and what to do about it."""

    INDENTED = (
        "is indented, but follows no key",
        f"{_REFUSED}, and the SDK for Go (Terraform) passes over the line",
        "begin it without blanks",
    )
    INDENTED_COMMENT = "is an indented comment that follows no key", _REFUSED, "begin it without blanks"
    IN_BLOCK = "is a comment in an indented block", _REFUSED, "begin it without blanks"
    JOINED = (
        "is an indented comment below a key",
        "the SDKs for Rust and Java take it for a part of the value above",
        "begin it without blanks",
    )
    MORE_AFTER_HEADER = (
        "has more than a comment after the header",
        f"boto3 and the AWS CLI pass over that, and {_REFUSED}",
        "put a setting on a line of its own, and delete anything else",
    )
    SIGN_IN_HEADER = "is a header with # or ; in its name", _REFUSED, "remove that character from the name"
    COLON = (
        "has a colon after the key",
        "the SDKs for Rust and Java refuse the whole file, or read another key",
        "write it as key = value",
    )
    GLUED_COMMENT = (
        "is a header with a comment that no blank separates from it",
        "the SDK for JavaScript does not read it as a header, and adds the keys to the section above",
        "put a blank before the comment",
    )
    CASE = (
        "has a key with capital letters",
        "the SDKs for Java and JavaScript do not know it",
        "write it in small letters",
    )
    INVISIBLE = (
        "begins or ends in an invisible character",
        "only boto3 and the AWS CLI pass over it",
        "delete the line and type it anew",
    )
    COMMENT = (
        "has a comment after the value",
        "boto3 and the AWS CLI take it for a part of the value, and other SDKs do not",
        "put the comment on a line of its own",
    )

    def __init__(self, what: str, effect: str, advice: str) -> None:
        self.what = what
        self.effect = effect
        self.advice = advice


class Found(NamedTuple):
    """A line, by its number, and what other SDKs make of it."""

    line: int
    difference: Difference


def differences(text: str) -> Iterator[Found]:
    """Yield the lines of a file, which boto3 can read, that are something else to other SDKs."""
    key: str | None = None
    value = ""
    indent = 0
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        found = None
        if not line.strip(" \t") or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            key, indent = None, 0
            found = _of_header(line)
        elif line.startswith((" ", "\t")):
            blanks = len(line) - len(line.lstrip())
            if key is None and indent and blanks > indent and not _is_comment(line):
                continue  # It belongs to the indented key above.
            found = _of_indented(line, key, value)
            indent = blanks if found is Difference.INDENTED else indent
        else:
            key, value = (part.strip(" \t") for part in re.sub("[=:]", "\0", line, count=1).partition("\0")[::2])
            found = _of_key(line, key, value)
        if found is not None:
            yield Found(number, found)


def _of_header(line: str) -> Difference | None:
    if not re.split("[#;]", line, maxsplit=1)[0].rstrip(" \t").endswith("]"):
        return Difference.MORE_AFTER_HEADER if has_more_after_header(line) else Difference.SIGN_IN_HEADER
    return Difference.GLUED_COMMENT if re.search(r"\][#;]", line) else None


def has_more_after_header(line: str) -> bool:
    """Return True for ``[work]aws_access_key_id = ...``: boto3 and the AWS CLI pass over what follows the ]."""
    return re.match(r"\s*\[[^\]]+\]\s*[^\s#;\]]", line) is not None


def _of_indented(line: str, key: str | None, value: str) -> Difference | None:
    if key is None:
        return Difference.INDENTED_COMMENT if _is_comment(line) else Difference.INDENTED
    if not _is_comment(line):
        return None
    if value:
        return Difference.JOINED
    return None if "=" in line else Difference.IN_BLOCK


def _of_key(line: str, key: str, value: str) -> Difference | None:
    name = key.lower()
    if _is_invisible(line[0]) or (value and _is_invisible(value[-1])):
        return Difference.INVISIBLE
    is_known = _SETTINGS.fullmatch(name) is not None
    if not is_known and (name == "arn" or right_name(key, value)):
        return None  # No SDK reads the key, which another check reports.
    if line[len(key) :].lstrip(" \t").startswith(":"):
        return Difference.COLON
    if not is_known:
        return None
    if key != name:
        return Difference.CASE
    # Where it is a problem for boto3, the check of values reports it.
    is_reported = fault_of_value(name, value) is not None
    return Difference.COMMENT if re.search(r"\s[#;]", value) and not is_reported else None


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", ";"))


def _is_invisible(character: str) -> bool:
    return not character.isascii() and character.isspace()
