"""Why a file is refused, where the parser's own reason would lead to the wrong repair.

Everything here returns lines and sentences, and never a word of the file but the name of a section.
"""

import re
from typing import NamedTuple

from mfa_profiles.value_faults import header_at_end, is_secret

HEADER_FOR_KEYS = "write [default] above it, or the header of its profile"


class Kind(NamedTuple):
    """What a file is instead of an INI file, and what to do about it."""

    what: str
    advice: str


def _encrypted(advice: str) -> Kind:
    return Kind("this looks encrypted", f"decrypt it first: {advice}")


_UTF_16 = Kind("this is saved as UTF-16", "save it as UTF-8")
_JSON = Kind("this looks like JSON, not like an INI file", "write [default], and key = value below it")
_YAML = Kind("this looks like YAML, not like an INI file", "write [default], and key = value below it")
_WEB = Kind("this looks like a web page or XML, not like an INI file", "write [default], and key = value below it")
_CSV = Kind("this looks like the CSV file of the AWS console", "mfa-profiles setup --csv reads it")
_SCRIPT = Kind(
    "this looks like a shell script, not like an INI file",
    "write [default], and below it the lines as aws_access_key_id = ...",
)

# By the bytes that a file begins with, below its comments. The first that fits counts.
_KINDS: tuple[tuple[bytes, Kind], ...] = (
    (rb"\$ANSIBLE_VAULT;", _encrypted("ansible-vault decrypt")),
    (rb"\x00GITCRYPT\x00", _encrypted("git-crypt unlock")),
    (rb"age-encryption\.org/|-----BEGIN AGE ENCRYPTED FILE-----", _encrypted("age --decrypt")),
    (rb"-----BEGIN PGP MESSAGE-----", _encrypted("gpg --decrypt")),
    (rb"Salted__", _encrypted("openssl enc -d")),
    (rb"-----BEGIN ", Kind("this looks like a key or a certificate", "write [default], and key = value below it")),
    (rb"\xff\xfe|\xfe\xff|[ -~]\x00|\x00[ -~]", _UTF_16),
    (rb"(?i)(user name,|\"?)access key id\"?\s*,", _CSV),
    (rb"\s*(\{|\[\s*[\{\"])", _JSON),
    (rb"(?i)\s*<(!doctype|html|\?xml|!--|head|body)", _WEB),
    (rb"(?i)\s*((export|set|setx|setenv)\s+[a-z_]+[= ]|\$env:)", _SCRIPT),
    (rb"---\s|[\w.-]+:[ \t\r]*\n[ \t]+[\w.-]+:\s", _YAML),
)


def kind_of(data: bytes) -> Kind | None:
    """Return what a file that cannot be read is by its first bytes, or None if that is not known."""
    data = data.removeprefix(b"\xef\xbb\xbf")[:4096]
    while comment := re.match(rb"[ \t\r]*([#;][^\n]*)?\n", data):
        data = data[comment.end() :]
    return next((kind for beginning, kind in _KINDS if re.match(beginning, data)), None)


def conflict_markers(text: str) -> list[int]:
    """Return the lines that git leaves in a file that it could not merge."""
    lines = enumerate(text.split("\n"), 1)
    found = [(number, line[0]) for number, line in lines if re.match(r"(<{7}|\|{7}|={7}|>{7})(\s|$)", line)]
    signs = {sign for _, sign in found}
    return [number for number, _ in found] if {"<", ">"} <= signs else []


def glued_headers(text: str) -> dict[int, str]:
    """Return by line the headers that are glued to the value before them, because a line break was lost.

    After a secret, that counts only if the next key is already in the section, and so belongs to another one.
    Otherwise the text could be a part of the secret.
    """
    found: dict[int, str] = {}
    doubtful: tuple[int, str] | None = None
    keys: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("["):
            keys, doubtful = set(), None
        elif line.strip() and not line.startswith(("#", ";")):
            key, _, value = re.sub("[=:]", "\0", line, count=1).partition("\0")
            name = key.strip().lower()
            if doubtful is not None and name in keys:
                found[doubtful[0]] = doubtful[1]
                keys = set()
            header = header_at_end(name, value.strip())
            doubtful = (number, header) if header is not None and is_secret(name) else None
            if header is not None and doubtful is None:
                found[number] = header
            keys.add(name)
    return found


def indented_header_above(text: str, line: int) -> int | None:
    """Return the line of an indented header between a line and the header of its section, or None."""
    lines = text.split("\n")[:line]
    header = max((number for number, words in enumerate(lines, 1) if words.startswith("[")), default=line)
    inside = range(header + 1, line)
    return next((number for number in inside if re.match(r"[ \t]+\[[^\]=]+\]\s*$", lines[number - 1])), None)


def is_broken_header(line: str) -> bool:
    """Return True for a header without its opening or its closing bracket."""
    return re.match(r"\s*(\[[^\]=]*|[^\[=:]*\])\s*$", line) is not None


def advice_for_text_without_header(line: str, text: str) -> str:
    """Return what to do about a line above the first header."""
    is_key = re.match(r"(?i)\s*(\w[\w.-]*\s*=|(aws_\w+|output|region)\s*:)", line)
    if is_key and re.search(r"(?m)^\[default\]", text):
        return "move it below [default], or below the header of its profile"
    return HEADER_FOR_KEYS if is_key else "put it below a header"
