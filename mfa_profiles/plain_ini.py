"""The files of nearly everybody, read by a pattern: one key a line, nothing indented but comments, no odd names.

``configparser`` reads them to the same end in several times as long, and is asked for all others.
"""

import re

Sections = dict[str, dict[str, str]]

# No dataclass, and no tuple with names: importing what these need takes fast_lane longer than all else.
PlainFile = tuple[Sections, dict[str, int]]
"""The sections of a text, and where in it the header of each begins."""

# A line, with the line feed before it: a header, a key with its value, or nothing but a comment at most.
_HEADER = r"\n\[([^\[\]\r\n]+)\][ \t]*\r?(?![^\n])"
_LINE = re.compile(rf"{_HEADER}|\n([A-Za-z0-9_.-]+)[ \t]*[=:]([^\n]*)|\n(?:[ \t\r][^\S\n]*)?(?:[#;][^\n]*|(?![^\n]))")
_HEADER_LINE = re.compile(_HEADER)


def read(text: str) -> PlainFile | None:
    """What ``RawConfigParser`` reads in a text, with CRLF or without; None if there is any doubt about that."""
    text = "\n" + text  # by which the place of a match is that of its [ in the text as it was given
    lines = _LINE.findall(text)
    if len(lines) < text.count("\n"):  # one of them is something else
        return None
    sections: Sections = {}
    section: dict[str, str] | None = None
    for header, key, value in lines:
        if key:
            if section is None or (name := key.lower()) in section:
                return None
            section[name] = value.strip()
        elif header:
            if header in sections or header == "DEFAULT":
                return None
            section = sections[header] = {}
    return sections, {header[1]: header.start() for header in _HEADER_LINE.finditer(text)}
