"""Where the headers and keys of a file stand, and everything that it is refused for. The doctor wants to know."""

import configparser
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mfa_profiles import file_faults, ini
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import BYTE_ORDER_MARK, IniFile


@dataclass(frozen=True)
class Place:
    """A header (``key`` is None) or a key of a section, and the number of its line."""

    section: str
    key: str | None
    line: int


def places(file: IniFile) -> list[Place]:
    """All headers and keys of a file, in their order."""
    return _survey(file.text)[0]


def refusals(data: bytes | None, path: str) -> list[FileRefusedError]:
    """Everything that ``ini.parse`` would refuse a file for, as far as it can be told before the first is mended."""
    try:
        ini.parse(data, path)
    except FileRefusedError as error:
        first = error
    else:
        return []
    text = (data or b"").removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
    if file_faults.kind_of(data or b"") is not None:  # no line of another kind of file can be judged
        return [first]
    glued, markers = file_faults.glued_headers(text), file_faults.conflict_markers(text)
    found, broken = _survey(text)
    found = list(_with_glued_headers(found, glued))
    lines = text.split("\n")
    in_conflict = range(markers[0], markers[-1] + 1) if markers else range(0)
    refused: dict[int | None, FileRefusedError] = {
        **{line: ini.broken_line(path, line, lines[line - 1]) for line in broken if line not in in_conflict},
        **{line: ini.glued_header(path, line, header) for line, header in glued.items()},
        first.line: first,
        **{
            place.line: ini.duplicate(path, place.line, place.key, line)
            for place, line in _repeated(found)
            if place.line not in in_conflict
            and place.line not in glued
            and not file_faults.indented_header_above(text, place.line)
        },
    }
    return sorted(refused.values(), key=lambda error: error.line or 0)


def _with_glued_headers(found: list[Place], glued: Mapping[int, str]) -> Iterator[Place]:
    """Yield the places as they will be once each header has a line of its own."""
    section = None
    for place in found:
        section = section if place.key is not None else None
        yield place if section is None else replace(place, section=section)
        if place.line in glued:
            section = glued[place.line].strip("[]")
            yield Place(section, None, place.line)


def _repeated(found: list[Place]) -> Iterator[tuple[Place, int]]:
    """The places that repeat another, and the lines of those. Keys of two headers are not compared."""
    first: dict[tuple[str, str | None, int], int] = {}
    header = 0
    for place in found:
        header = place.line if place.key is None else header
        name = (place.section, place.key, 0 if place.key is None else header)
        if name in first:
            yield place, first[name]
        elif place.section != configparser.DEFAULTSECT or place.key is not None:  # which may be there twice
            first[name] = place.line


class _Surveyor(configparser.RawConfigParser):
    """Notes where configparser sees headers and keys, by what it calls for each of them."""

    def __init__(self, found: list[Place]) -> None:
        super().__init__(strict=False)
        self._found = found
        self._section, self._line = "", 0
        self.SECTCRE = self  # type: ignore[assignment] # the documented pattern for headers, of which it calls

    def match(self, text: str) -> re.Match[str] | None:
        """What the pattern for headers would find."""
        header = configparser.RawConfigParser.SECTCRE.match(text)
        if header is not None:
            self._section = header["header"]
            self._found.append(Place(self._section, None, self._line))
        return header

    def optionxform(self, optionstr: str) -> str:
        """The name of a key, which configparser asks for at its line."""
        key = super().optionxform(optionstr)
        self._found.append(Place(self._section, key, self._line))
        return key

    def numbered(self, text: str) -> Iterator[str]:
        """The lines of a text, each of which is the current one while it is looked at."""
        for self._line, line in enumerate(io.StringIO(text), 1):
            yield line


def _survey(text: str) -> tuple[list[Place], list[int]]:
    """All headers and keys, and the lines that are neither."""
    found: list[Place] = []
    surveyor = _Surveyor(found)
    try:
        surveyor.read_file(surveyor.numbered(text))
    except configparser.MissingSectionHeaderError:  # which ini.parse has refused it for
        header = re.search(r"(?m)^\s*\[.+\]", text)
        return _survey("\n" * text.count("\n", 0, header.start()) + text[header.start() :]) if header else ([], [])
    except configparser.ParsingError as error:
        return found, [line for line, _ in error.errors]
    return found, []
