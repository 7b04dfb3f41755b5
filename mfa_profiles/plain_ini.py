"""The files of nearly everybody, read in one pass: one key a line, nothing indented but comments, no odd names.

``configparser`` reads them to the same end in twice as long or more, and is asked for all others.
"""

import re

Sections = dict[str, dict[str, str]]

# No dataclass, and no tuple with names: importing what these need takes fast_lane longer than all else.
PlainFile = tuple[Sections, dict[str, int]]
"""The sections of a text, and where in it the header of each begins."""

_HEADER = re.compile(r"\[([^\[\]\r]+)\][ \t]*\r?")
_KEY = re.compile(r"([A-Za-z0-9_.-]+)[ \t]*[=:]")


def read(text: str) -> PlainFile | None:
    """What ``RawConfigParser`` reads in a text, with CRLF or without; None if there is any doubt about that."""
    sections: Sections = {}
    starts: dict[str, int] = {}
    section: dict[str, str] | None = None
    start = 0
    for line in text.split("\n"):
        first = line[:1]
        if first == "[":
            header = _HEADER.fullmatch(line)
            if header is None or header[1] in sections or header[1] == "DEFAULT":
                return None
            section = sections[header[1]] = {}
            starts[header[1]] = start
        elif first in " \t\r":  # of which nothing is one
            if line.strip()[:1] not in ("", "#", ";"):
                return None
        elif first not in "#;":
            key = _KEY.match(line)
            if key is None or section is None or (name := key[1].lower()) in section:
                return None
            section[name] = line[key.end() :].strip()
        start += len(line) + 1
    return sections, starts
