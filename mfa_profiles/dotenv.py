"""Edits the text of a ``.env`` file: text in, text out, and every byte that is not ours stays.

Nobody has defined these files. What a line is, is what python-dotenv takes for one; what we write is what it,
Node.js, Docker Compose, direnv and shells all read alike, with and without interpolation.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mfa_profiles.errors import ProfileError

LINE_BREAKS = r"\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
"""What some reader takes for the end of a line, to be put into a character class.

A reader that goes line by line would take the rest of a value for a variable of its own.
"""

# Patterns are compiled when they are used: commands that print no such file should not wait for it.
BARE = r"[A-Za-z0-9_@%+:,./-]*[A-Za-z0-9_@%+,./-]=*"
"""The values that need no quotes anywhere: those of the AWS CLI, less what zsh makes of ``=ls`` and ``:=ls``."""

# A byte of a variable that is not UTF-8 is half a surrogate pair, which no file in UTF-8 can hold.
_NEVER = rf"\0\ud800-\udfff{LINE_BREAKS}"

_FORMS = {
    "": BARE,
    # A backslash is itself between single quotes, save for python-dotenv if another or the end follows;
    # python-dotenv fills in ${X} even here.
    "'": rf"(?:[^'\\${_NEVER}]|\\(?!\\|\Z)|\$(?!\{{))*",
    '"': rf'[^"\\$`{_NEVER}]*',
}

_SPACE = r"[^\S\r\n]"
_END = r"(?:\r?\n|\Z)"
# Groups that are not to be gone back into are (?>(?:...)*): in (?:...)*+ Python 3.11.2, which Debian 12 has, forgets
# where a repetition that failed had begun.
_NOTHING = rf"{_SPACE}*+(?>(?:(?>(?:export{_SPACE}++)?)\#[^\r\n]*+)?){_END}"
_SETTING = rf"""(?xs)
    (?P<head>{_SPACE}*+(?>(?:export{_SPACE}++)?)(?:'(?P<quoted>[^']++)'|(?P<name>[^=\#\s'][^=\#\s]*+)))
    (?>(?P<equals>{_SPACE}*+={_SPACE}*+)?)
    (?(equals)(?P<value>
        '(?>(?:[^'\\]|\\.)*)'
        |"(?>(?:[^"\\]|\\.)*)"
        |(?<={_SPACE})(?=\#)   # a comment begins only after a space
        |(?!['"])(?>(?:\S|{_SPACE}++(?![\#\r\n]|\Z))*)
    ))
    (?P<tail>{_SPACE}*+(?>(?:\#[^\r\n]*+)?){_END})
"""


class DotenvError(ValueError):
    """A text that readers would not agree on: ``line`` counts from 1, and ``reason`` holds nothing of the text."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


class _Piece(NamedTuple):
    """A setting, which may have several lines, or anything else, which has no name."""

    text: str
    name: str | None = None
    head: str = ""
    equals: str = ""
    value: str = ""
    tail: str = ""


def assignments(text: str) -> list[tuple[str, str]]:
    """Return what a ``.env`` file sets, line by line, with values less the quotes. Raises DotenvError.

    A variable may be there more than once. Most readers take the last of its lines, some the first.
    """
    return [(piece.name, _unquoted(piece.value)) for piece in _pieces(text) if piece.name and piece.equals]


def update(text: str, variables: Mapping[str, str | None]) -> str:
    """Return the text of a ``.env`` file with these variables set, and those that are None taken out.

    ``text`` is the file as it is, its line endings not translated. A line that is there keeps its indentation, its
    ``export``, its spaces, its comment, and its quotes where they can hold the value. New lines follow the last of
    those, else the end. Taking out what was new gives back the text. Raises DotenvError for a text that cannot be
    understood, and ProfileError for a value that readers would not agree on, naming the variable but not the value.
    """
    first = text.find("\n")
    newline = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
    # A file without a final newline gets none: that is how taking lines out gives back the file as it was.
    open_end = text.removeprefix("\ufeff") != "" and not text.endswith("\n")
    pieces = list(_pieces(text))
    if open_end:
        pieces[-1] = pieces[-1]._replace(text=pieces[-1].text + newline, tail=pieces[-1].tail + newline)
    texts: list[str] = []
    after_ours: int | None = None
    missing = {name: value for name, value in variables.items() if value is not None}
    for piece in pieces:
        if piece.name is None or piece.name not in variables:
            texts.append(piece.text)
            continue
        # Each of several lines for one variable: most readers take the last, but those that never replace what is
        # set take the first.
        value = variables[piece.name]
        if value is not None:
            texts.append(_changed(piece, _quoted(piece.name, value, piece.value[:1])))
        missing.pop(piece.name, None)
        after_ours = len(texts)
    place = len(texts) if after_ours is None else after_ours
    texts[place:place] = [f"{name}={_quoted(name, value)}{newline}" for name, value in missing.items()]
    result = "".join(texts)
    return re.sub(r"\r?\n\Z", "", result) if open_end else result


def _pieces(text: str) -> Iterator[_Piece]:
    """The text in pieces, which together are the text."""
    # Some readers end the line here, others have it in the value.
    if match := re.search(r"\r(?!\n)", text):
        raise DotenvError(_line(text, match.start()), "a carriage return without a line feed")
    nothing, setting = re.compile(_NOTHING), re.compile(_SETTING)
    position = len(text) - len(text.removeprefix("\ufeff"))
    if position:
        yield _Piece(text[:position])
    while position < len(text):
        if match := nothing.match(text, position):
            yield _Piece(match[0])
        elif match := setting.match(text, position):
            groups = match.groupdict(default="")
            name = groups["quoted"] or groups["name"]
            yield _Piece(match[0], name, groups["head"], groups["equals"], groups["value"], groups["tail"])
        else:
            raise DotenvError(_line(text, position), "this is not NAME=value, or its quotes are not closed")
        position = match.end()


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _unquoted(value: str) -> str:
    return value[1:-1] if value.startswith(("'", '"')) else value


def _changed(piece: _Piece, value: str) -> str:
    # Without a space the comment would be a part of the value.
    space = " " if piece.tail.startswith("#") else ""
    return piece.head + (piece.equals or "=") + value + space + piece.tail


def _quoted(name: str, value: str, like: str = "") -> str:
    """A value as it is written, in quotes ``like`` those that it had, if they can hold it."""
    for quote in (like, *_FORMS):
        if quote in _FORMS and re.fullmatch(_FORMS[quote], value):
            return quote + value + quote
    raise ProfileError(f"the value of {name} has characters that not all programs read alike from a .env file")
