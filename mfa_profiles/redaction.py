"""Take secrets out of a text: those that are known, in whatever form they are written, and what looks like one.

Where both could be right, too much is taken out.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

MASK = "****"

MIN_LENGTH = 6
"""Known secrets with fewer characters are left to the patterns: to mask ``on`` wherever it stands would tell it."""

# Whatever follows one of these to the end of the text is taken out: no rule has to know where a value ends.
_NAMES = (
    r"token_?code|(?<!get)session_?token|security[_-]?token|secret_?(?:access_?)?key|external_?id|authorization"
    r"|authentication_?code\d?|signature|canonical_?request|string_?to_?sign|(?:access|refresh|id|identity|bearer)_?token"
    r"|client_?secret|device_?code|saml_?assertion|private_?key|passw(?:or)?d|passphrase|cookie|mfa_?process"
)
_PATTERNS = (
    re.compile(rf"((?:{_NAMES})(?:[\"'\\]*\s*(?:[=:>]|%3d|&gt;)|[\"'\\]+\s*,)).*", re.IGNORECASE | re.DOTALL),
    # To the last @ of the line: a password that is not escaped may hold anything.
    re.compile(r"(://|:\\+/\\+/|%3a%2f%2f)[^\n]*(?=@|%40)", re.IGNORECASE),
    re.compile(r"(\b(?:basic|bearer|negotiate|ntlm|aws4-[\w-]+)\s+)\S+", re.IGNORECASE),
)
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/=_%-])[A-Za-z0-9+/=_%-]{36,}")
_PATH = re.compile(r"/(?:Applications|Library|Users|etc|home|mnt|nix|opt|private|root|srv|tmp|usr|var)/")

_SECRET_VARIABLE = re.compile(r"(?i)(?:SECRET|TOKEN|PASSWORD|PASSPHRASE|AUTHORIZATION)\w*|\w+_KEY")
_NOT_SECRET = re.compile(r"(?i).*_(?:FILE|URI|URL|EXPIRATION|ARN|ID)")


class Redactor:
    """The secrets that one run has come to know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Each with the longest word in it, which is the same however it is escaped.
        self._secrets: dict[str, str] = {}

    def add(self, secret: str) -> None:
        """Take a secret out from now on; one with several lines in each of them."""
        found = {line.strip() for line in secret.splitlines()}
        digits = "".join(secret.split())
        if re.fullmatch(r"\d{6}", digits):  # a token code, which people write in groups
            found |= {digits, f"{digits[:3]} {digits[3:]}"}
        with self._lock:
            new = {each for each in found if len(each) >= MIN_LENGTH}.difference(self._secrets)
            new |= {plain for each in new if len(plain := each.replace("\\", "")) >= MIN_LENGTH}
            words = {secret: max(re.split("[^A-Za-z0-9]", secret), key=len) for secret in new}
            self._secrets = {**self._secrets, **words}  # a new one: other threads may be going through the old

    def add_of_url(self, text: str) -> None:
        """Take out the passwords of the URLs in a text, correct or not: as they are, and as they go to a proxy.

        A text without ``://`` is a URL itself, as a proxy may be written.
        """
        import base64
        from urllib.parse import unquote

        for line in text.splitlines():
            for url in re.split("://", line)[line.count("://") > 0 :]:
                user_info, at, _ = url.rpartition("@")
                for form in dict.fromkeys((user_info, unquote(user_info))) if at else ():
                    user, colon, password = form.partition(":")
                    self.add(password if colon else user)
                    self.add(base64.b64encode(form.encode(errors="replace")).decode())

    def add_of_environment(self, environment: Mapping[str, str]) -> None:
        """Take out what variables hold whose names say that it is secret, and the passwords of URLs."""
        for name, value in environment.items():
            if _SECRET_VARIABLE.search(name) and not _NOT_SECRET.fullmatch(name):
                self.add(value)
            if "://" in value or name.lower().endswith("_proxy"):
                self.add_of_url(value)

    def redact(self, text: str, *, is_foreign: bool = False) -> str:
        """The text without secrets; in one that is foreign, long runs of letters and digits are taken for one."""
        text = _without(text, self._secrets)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<1>{MASK}", text)
        if is_foreign:
            text = _LONG_RUN.sub(_masked_run, text)
        return text


def _without(text: str, secrets: Mapping[str, str]) -> str:
    possible = [secret for secret, word in secrets.items() if word in text]
    if not possible:  # the rule, which has to be quick
        return text
    found = {place for reading in _readings(text) for secret in possible for place in reading.occurrences(secret)}
    told, at = "", 0
    for begin, end in sorted(found):
        if begin >= at:
            told += text[at:begin] + MASK
        at = max(at, end)
    return told + text[at:]


def _masked_run(match: re.Match[str]) -> str:
    run = str(match[0])
    is_mixed = all(re.search(kind, run) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return MASK if is_mixed and not _PATH.match(run) else run


class _Reading(NamedTuple):
    """A text that was found by reading another, and for each character where in that it begins and ends."""

    text: str
    begins: Sequence[int]
    ends: Sequence[int]

    def occurrences(self, secret: str) -> Iterator[tuple[int, int]]:
        at = self.text.find(secret)
        while at >= 0:
            yield self.begins[at], self.ends[at + len(secret) - 1]
            at = self.text.find(secret, at + 1)


def _readings(text: str) -> Iterable[_Reading]:
    """A text as it is, and as whoever unescapes it reads it, up to three times over."""
    found = {text: _Reading(text, range(len(text)), range(1, len(text) + 1))}
    latest = list(found.values())
    for _ in range(3):
        read = [_read(reading, escape, meaning) for reading in latest for escape, meaning in _ESCAPES]
        latest = list({reading.text: reading for reading in read if reading.text not in found}.values())
        found |= {reading.text: reading for reading in latest}
    return found.values()


def _read(reading: _Reading, escape: re.Pattern[str], meaning: Callable[[str], str]) -> _Reading:
    pieces: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    at = 0
    for match in escape.finditer(reading.text):
        first, last = match.span()
        meant = meaning(match[0])
        pieces += [reading.text[at:first], meant]
        begins += [*reading.begins[at:first], *[reading.begins[first]] * len(meant)]
        ends += [*reading.ends[at:first], *[reading.ends[last - 1]] * len(meant)]
        at = last
    pieces.append(reading.text[at:])
    return _Reading("".join(pieces), [*begins, *reading.begins[at:]], [*ends, *reading.ends[at:]])


def _percent(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("%", "")).decode(errors="replace")


def _form(escaped: str) -> str:
    return " " if escaped == "+" else _percent(escaped)


def _backslash(escaped: str) -> str:
    if len(escaped) == 2:
        return {"t": "\t", "n": "\n", "r": "\r"}.get(escaped[1], escaped[1])
    codes = [int(code[1:], 16) for code in escaped.split("\\")[1:]]
    if escaped[1] == "x":
        return "".join(map(chr, codes))
    if escaped[1] == "U":
        return "".join(chr(code) if code <= sys.maxunicode else "?" for code in codes)
    # In JSON what is beyond 16 bits comes in two halves.
    return b"".join(code.to_bytes(2, "big") for code in codes).decode("utf-16-be", errors="replace")


def _bytes(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode(errors="replace")


def _xml(escaped: str) -> str:
    import html

    return html.unescape(escaped)


# Each way of escaping by itself: whoever undoes one of them leaves what looks like another as it is.
_ESCAPES: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (re.compile(r"(?:%[0-9a-fA-F]{2})+"), _percent),
    (re.compile(r"(?:%[0-9a-fA-F]{2})+|\+"), _form),
    (re.compile(r"(?:\\x[0-9a-fA-F]{2})+|(?:\\u[0-9a-fA-F]{4})+|(?:\\U[0-9a-fA-F]{8})+|\\[^xuU]"), _backslash),
    (re.compile(r"(?:\\x[0-9a-fA-F]{2})+"), _bytes),
    # One that stands before them by chance makes others of the backslashes behind it: so without counting them, too.
    (re.compile(r"\\+"), lambda _: "\\"),
    (re.compile(r"\\+"), lambda _: ""),
    (re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos);"), _xml),
)
