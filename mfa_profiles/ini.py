"""One of the two shared files as botocore and the AWS CLI read it, and the files that are refused.

A file that botocore refuses is one in which no derived profile could work, so it is refused here too. So is what
botocore and other SDKs read in different ways.
"""

import configparser
import functools
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mfa_profiles import log
from mfa_profiles.errors import FileRefusedError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Of any tool: aws_secret_access_key, aws_session_token, and what others keep beside them.
_SECRET_KEY = re.compile("secret|token$|password|external_id|private_key")

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True)
class IniFile:
    """A parsed file. ``text`` is without the byte order mark and has its line endings as they are on disk.

    ``sections`` maps section names to lower-case keys and values, the way ``RawConfigParser`` understands them. A
    missing file is an empty one.
    """

    path: str
    text: str = field(default="", repr=False)
    sections: Sections = field(default_factory=dict, repr=False)
    has_byte_order_mark: bool = False

    def encode(self, text: str) -> bytes:
        """The bytes of this file with another text in it."""
        return (BYTE_ORDER_MARK if self.has_byte_order_mark else b"") + text.encode()

    @property
    def newline(self) -> str:
        """The line ending that most lines have: ``"\\n"`` or ``"\\r\\n"``."""
        crlf = self.text.count("\r\n")
        return "\r\n" if 2 * crlf > self.text.count("\n") else "\n"


@functools.lru_cache(maxsize=8)  # a command reads, rehearses, edits and reads again, mostly the same bytes
def parse(data: bytes | None, path: str) -> IniFile:
    """Parse the bytes of a file (None: there is no file).

    Raises FileRefusedError, with the line and without a word of what stands on it, for anything that botocore refuses
    (but a byte order mark, which is kept: see refuse_byte_order_marks) and for what SDKs read in different ways.
    """
    if data is None:
        return IniFile(path)
    has_byte_order_mark = data.startswith(BYTE_ORDER_MARK)
    text = _decode(data.removeprefix(BYTE_ORDER_MARK), path)
    lone_cr = re.search(r"\r(?!\n)", text)
    if lone_cr:
        raise FileRefusedError(
            path,
            _line_of(text, lone_cr.start()),
            "a carriage return without a line feed",
            "some AWS tools end the line there, others do not; save the file with ordinary line endings",
        )
    sections = _parse_sections(text.replace("\r\n", "\n"), path)
    if log.is_on():
        _keep_from_log(sections)
    return IniFile(path, text, sections, has_byte_order_mark)


def _keep_from_log(sections: Sections) -> None:
    for section in sections.values():
        for key, value in section.items():
            if _SECRET_KEY.search(key):
                log.secret(value)
            if "://" in value:
                log.url(value)


def refuse_byte_order_marks(*files: IniFile) -> None:
    """Raise FileRefusedError for a file that begins with a byte order mark: boto3 makes no call with it."""
    for file in files:
        if file.has_byte_order_mark:
            raise FileRefusedError(
                file.path,
                1,
                "a byte order mark, for which boto3 and the AWS CLI refuse the whole file",
                "save the file as UTF-8 without a byte order mark",
            )


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
    """Everything that ``parse`` would refuse a file for, as far as it can be told before the first is mended."""
    try:
        parse(data, path)
    except FileRefusedError as error:
        first = error
    else:
        return []
    text = (data or b"").removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
    found, broken = _survey(text)
    repeated = [
        FileRefusedError(path, place.line, f"duplicate {what}: the first is in line {line}", hint)
        for place, line in _repeated(found)
        for what, hint in [("section", "merge the two") if place.key is None else ("key", "delete one of the two")]
    ]
    others = [_broken_line(path, line) for line in broken]
    refused = {error.line: error for error in (*others, first, *repeated)}
    return sorted(refused.values(), key=lambda error: error.line or 0)


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
    except configparser.MissingSectionHeaderError:  # which `parse` has refused it for
        header = re.search(r"(?m)^\s*\[.+\]", text)
        return _survey("\n" * text.count("\n", 0, header.start()) + text[header.start() :]) if header else ([], [])
    except configparser.ParsingError as error:
        return found, [line for line, _ in error.errors]
    return found, []


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
    raise FileRefusedError(path, line, "not valid UTF-8", "no AWS tool reads the file like this; save it as UTF-8")


def _parse_sections(text: str, path: str) -> Sections:
    parser = configparser.RawConfigParser()
    refusal = None
    try:
        parser.read_string(text)
    except configparser.Error as error:
        refusal = _explain(error, path)
    if refusal is not None:  # raised here, where no parser's error with the offending line in it can be its context
        raise refusal
    if parser.defaults():
        default = re.search(r"^\s*\[DEFAULT\]", text, re.MULTILINE)
        raise FileRefusedError(
            path,
            _line_of(text, default.end()) if default else None,
            "[DEFAULT] with keys",
            "boto3 and the AWS CLI add its keys to every profile, other SDKs do not; did you mean [default]?",
        )
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    _refuse_broken_blocks(sections, text, path)
    return sections


def _explain(error: configparser.Error, path: str) -> FileRefusedError:
    match error:
        case configparser.DuplicateSectionError(lineno=line):
            return FileRefusedError(path, line, "duplicate section", "merge the two")
        case configparser.DuplicateOptionError(lineno=line):
            return FileRefusedError(path, line, "duplicate key", "delete one of the two")
        case configparser.MissingSectionHeaderError(lineno=line):
            return FileRefusedError(path, line, "text before the first [section]", "put it below a header")
        case configparser.ParsingError(errors=[(line, _), *_]):
            return _broken_line(path, line)
    return FileRefusedError(path, None, "not a file that boto3 and the AWS CLI can read")


def _broken_line(path: str, line: int) -> FileRefusedError:
    return FileRefusedError(path, line, "not a [section], a key = value, or a comment", "fix the line")


def _refuse_broken_blocks(sections: Sections, text: str, path: str) -> None:
    """Refuse an indented block, as under ``s3 =``, with a line that is no ``key = value``.

    botocore (``_parse_nested`` in its configloader.py) takes the whole file for an error then.
    """
    for section in sections.values():
        for value in section.values():
            if not value.startswith("\n"):
                continue
            for line in value.splitlines():
                if line.strip() and "=" not in line:
                    raise FileRefusedError(
                        path,
                        _line_with(text, line.strip()),
                        "a line of an indented block that is not key = value",
                        "boto3 and the AWS CLI refuse the whole file for it; fix the line",
                    )


def _line_with(text: str, content: str) -> int | None:
    lines = text.split("\n")
    return next((number for number, line in enumerate(lines, 1) if line.strip() == content), None)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
