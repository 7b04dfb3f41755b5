"""One of the two shared files as botocore and the AWS CLI read it, and the files that are refused.

A file that botocore refuses is one in which no derived profile could work, so it is refused here too. So is what
botocore and other SDKs read in different ways.
"""

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfa_profiles import log, plain_ini
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.plain_ini import Sections

if TYPE_CHECKING:
    import configparser

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Of any tool: aws_secret_access_key, aws_session_token, and what others keep beside them.
_SECRET_KEY = re.compile("secret|token$|password|external_id|private_key")


@dataclass(frozen=True)
class IniFile:
    """A parsed file. ``text`` is without the byte order mark and has its line endings as they are on disk.

    ``sections`` maps section names to lower-case keys and values, the way ``RawConfigParser`` understands them.
    ``starts`` is where in the text each of them begins, if that is without doubt. A missing file is an empty one
    that is not there (``is_there``).
    """

    path: str
    text: str = field(default="", repr=False)
    sections: Sections = field(default_factory=dict, repr=False)
    has_byte_order_mark: bool = False
    starts: dict[str, int] | None = field(default=None, repr=False)
    is_there: bool = False

    def encode(self, text: str) -> bytes:
        """The bytes of this file with another text in it."""
        return (BYTE_ORDER_MARK if self.has_byte_order_mark else b"") + text.encode()

    @functools.cached_property
    def at_column_0(self) -> set[str]:
        """The sections whose headers are not indented: an indented line of that look is a part of some value."""
        return set(re.findall(r"(?m)^\[(.+)\]", self.text))

    @property
    def newline(self) -> str:
        """The line ending that most lines have: ``"\\n"`` or ``"\\r\\n"``."""
        crlf = self.text.count("\r\n")
        return "\r\n" if 2 * crlf > self.text.count("\n") else "\n"


@functools.lru_cache(maxsize=8)  # what has been edited is parsed to be sure of it, and read again once it is stored
def parse(data: bytes | None, path: str) -> IniFile:
    """Parse the bytes of a file (None: there is no file).

    Raises FileRefusedError, with the line and without a word of what stands on it, for anything that botocore refuses
    (but a byte order mark, which is kept: see refuse_byte_order_marks) and for what SDKs read in different ways.
    """
    if data is None:
        return IniFile(path)
    refusal = None
    try:
        return _parse(data, path)
    except FileRefusedError as error:
        refusal = _cause(data, path, error) or error
    raise refusal  # outside of the except, so that no other error is its context


def _parse(data: bytes, path: str) -> IniFile:
    has_byte_order_mark = data.startswith(BYTE_ORDER_MARK)
    hint = "no AWS tool reads the file like this; save it as UTF-8"
    text = decode(data.removeprefix(BYTE_ORDER_MARK), path, hint)
    lone_cr = re.search(r"\r(?!\n)", text)
    if lone_cr:
        raise FileRefusedError(
            path,
            _line_of(text, lone_cr.start()),
            "a carriage return without a line feed",
            "some AWS tools end the line there, others do not; save the file with ordinary line endings",
        )
    plain = plain_ini.read(text)
    sections, starts = plain or (_parse_sections(text.replace("\r\n", "\n"), path), None)
    if log.is_on():  # once will do: the log begins before any file is read, and forgets no secret
        _keep_from_log(sections)
    return IniFile(path, text, sections, has_byte_order_mark, starts, is_there=True)


def _cause(data: bytes, path: str, error: FileRefusedError) -> FileRefusedError | None:
    """Return why a file is refused if that is not what its parser stumbled over, or None."""
    from mfa_profiles import file_faults

    kind = file_faults.kind_of(data)
    if kind is not None:
        return FileRefusedError(path, None, *kind)
    text = data.removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
    if markers := file_faults.conflict_markers(text):
        return conflict(path, markers)
    if glued := file_faults.glued_headers(text):
        return glued_header(path, *next(iter(glued.items())))
    indented = file_faults.indented_header_above(text, error.line) if error.line else None
    return indented_header(path, indented) if indented else None


def indented_header(path: str, line: int) -> FileRefusedError:
    """Return the refusal of a header that is read as a part of the value above it."""
    what = "an indented header, which boto3 and the AWS CLI read as part of the value above"
    return FileRefusedError(path, line, what, "begin the line without blanks")


def conflict(path: str, markers: list[int]) -> FileRefusedError:
    """Return the refusal of a file with the markers of a merge conflict in these lines."""
    lines = f"{', '.join(map(str, markers[:-1]))} and {markers[-1]}"
    return FileRefusedError(
        path,
        markers[0],
        f"git could not merge the file; its markers are in lines {lines}",
        "keep one side of each conflict, and delete the other side and the markers",
    )


def glued_header(path: str, line: int, header: str) -> FileRefusedError:
    """Return the refusal of a line with a header after a value."""
    return FileRefusedError(path, line, f"the line ends in {header}", f"put {header} on a line of its own")


def _keep_from_log(sections: Sections) -> None:
    for section in sections.values():
        for key, value in section.items():
            if _SECRET_KEY.search(key):
                log.secret(value)
            if "://" in value:
                log.url(value)


def under_headers(file: IniFile, beginning: str) -> Iterator[tuple[str, str]]:
    """The sections with a line directly under their header that begins so, and that line."""
    # Only a comment at column 0 directly under a header counts: there it survives every edit of the AWS CLI.
    text = file.text
    end_of_header = text.find(f"\n{beginning}")
    while end_of_header >= 0:
        header = re.match(r"(\s*)\[(.+)\]", text[text.rfind("\n", 0, end_of_header) + 1 : end_of_header])
        end = text.find("\n", end_of_header + 1)
        if header and header[2] in file.sections and not (header[1] and header[2] in file.at_column_0):
            yield header[2], text[end_of_header + 1 : end if end >= 0 else None]
        end_of_header = text.find(f"\n{beginning}", end_of_header + 1)


def refuse_byte_order_marks(*files: IniFile) -> None:
    """Raise FileRefusedError for a file that begins with a byte order mark: boto3 makes no call with it."""
    for file in files:
        if file.has_byte_order_mark:
            raise FileRefusedError(
                file.path,
                1,
                "a byte order mark, for which boto3 and the AWS CLI refuse the whole file",
                "save the file as UTF-8 without a byte order mark",
                "mfa-profiles doctor --fix removes it",
            )


def decode(data: bytes, path: str, hint: str) -> str:
    """The text of a file. Raises FileRefusedError, with the line and this hint, for one that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    # Raised here, where the error that holds all of the file cannot be its context.
    raise FileRefusedError(path, line, "not valid UTF-8", hint)


def _parse_sections(text: str, path: str) -> Sections:
    import configparser

    parser = configparser.RawConfigParser()
    refusal = None
    try:
        parser.read_string(text)
    except configparser.Error as error:
        refusal = _explain(error, text, path)
    if refusal is not None:  # raised here, where no parser's error with the offending line in it can be its context
        raise refusal
    if parser.defaults():
        default = re.search(r"^\s*\[DEFAULT\]", text, re.MULTILINE)
        raise FileRefusedError(
            path,
            _line_of(text, default.end()) if default else None,
            "[DEFAULT] with keys",
            "boto3 and the AWS CLI add its keys to every profile, other SDKs do not; "
            + ("move them to [default]" if parser.has_section("default") else "did you mean [default]?"),
        )
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    _refuse_broken_blocks(sections, text, path)
    return sections


def _explain(error: "configparser.Error", text: str, path: str) -> FileRefusedError:
    import configparser

    from mfa_profiles import file_faults

    match error:
        case configparser.DuplicateSectionError(section=str(section), lineno=int(line)):
            return duplicate(path, line, None, line_of(_above(text, line), section))
        case configparser.DuplicateOptionError(section=section, option=key, lineno=int(line)):
            return duplicate(path, line, key, line_of(_above(text, line), section, key))
        case configparser.MissingSectionHeaderError(lineno=line):
            words = text.split("\n")[line - 1]
            if file_faults.is_broken_header(words):
                return broken_line(path, line, words)
            advice = file_faults.advice_for_text_without_header(words, text)
            return FileRefusedError(path, line, "text before the first [section]", advice)
        case configparser.ParsingError(errors=[(line, _), *_]):
            return broken_line(path, line, text.split("\n")[line - 1])
    return FileRefusedError(path, None, "not a file that boto3 and the AWS CLI can read")


def duplicate(path: str, line: int, key: str | None, first: int | None) -> FileRefusedError:
    """Return the refusal of a key, or of a header (``key`` is None), that repeats the one in line ``first``."""
    from mfa_profiles.value_faults import POWERSHELL

    if key == POWERSHELL:  # boto3 takes $env for the key, so that any two variables are duplicates
        advice = "write it as key = value, without $env: and without quotation marks"
        return FileRefusedError(path, line, "a line of PowerShell", advice)
    what, advice = ("section", "merge the two") if key is None else ("key", "delete one of the two")
    where = f": the first is in line {first}" if first else ""
    return FileRefusedError(path, line, f"duplicate {what}{where}", advice)


def line_of(text: str, section: str, key: str | None = None) -> int | None:
    """Return the line of the first header of a section, or of the first of its keys of a name, or None."""
    lines = text.split("\n")
    headers = [number for number, line in enumerate(lines) if line.lstrip().startswith(f"[{section}]")]
    # What is indented may be a part of a value that only looks like a header or a key.
    header = min(headers, key=lambda number: _indent(lines[number]), default=None)
    if header is None or key is None:
        return None if header is None else header + 1
    end = next((at for at in range(header + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    beginning = re.compile(rf"\s*{re.escape(key)}\s*[=:]", re.IGNORECASE)
    keys = [at for at in range(header + 1, end) if beginning.match(lines[at])]
    found = min(keys, key=lambda number: _indent(lines[number]), default=None)
    return None if found is None else found + 1


def _above(text: str, line: int) -> str:
    return "\n".join(text.split("\n")[: line - 1])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def broken_line(path: str, line: int, words: str) -> FileRefusedError:
    """The refusal of a line that is nothing a file can have."""
    from mfa_profiles import file_faults

    if file_faults.is_broken_header(words):
        return FileRefusedError(path, line, "a header without one of its brackets", "write it as [NAME]")
    return FileRefusedError(
        path,
        line,
        "not a [section], a key = value, or a comment",
        "delete the line, write it as key = value, or begin it with # to make it a comment",
    )


def _refuse_broken_blocks(sections: Sections, text: str, path: str) -> None:
    """Refuse an indented block, as under ``s3 =``, with a line that is no ``key = value``.

    botocore (``_parse_nested`` in its configloader.py) takes the whole file for an error then.
    """
    for section, values in sections.items():
        for key, value in values.items():
            if not value.startswith("\n"):
                continue
            for line in value.splitlines():
                if line.strip() and "=" not in line:
                    raise FileRefusedError(
                        path,
                        _line_of_block(text, section, key, line.strip()),
                        "a line of an indented block that is not key = value",
                        "boto3 and the AWS CLI refuse the whole file for it: delete the line, or write it as "
                        "key = value",
                    )


def _line_of_block(text: str, section: str, key: str, content: str) -> int | None:
    """The number of the first line with a content below a key below a header: others may have the same words."""
    steps: list[Callable[[str], bool]] = [
        lambda line: line.strip().startswith(f"[{section}]"),
        lambda line: re.split("[=:]", line)[0].strip().lower() == key,
        lambda line: content in map(str.strip, line.splitlines()),
    ]
    lines, number = enumerate(text.split("\n"), 1), None
    for is_found in steps:
        number = next((number for number, line in lines if is_found(line)), None)
    return number


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
