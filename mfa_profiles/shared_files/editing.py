"""Put a section into a shared file, or take it out, and leave every other byte as it is. Text in, text out.

ConfigUpdater finds the blocks; the text is spliced here, since its own setters normalise lines, swallow what follows
an indented one, and write LF whatever the file uses. No edit leaves this module that botocore's parser does not read
as meant, with every other section unchanged.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfa_profiles import ini, sessions
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile

if TYPE_CHECKING:
    from configupdater import ConfigUpdater, Section
    from configupdater.block import Block

COPIED_COMMENT = "# Settings copied by mfa-profiles from profile "


def put_section(
    file: IniFile,
    name: str,
    values: Mapping[str, str],
    *,
    comment: str | None = None,
    drop: Collection[str] = (),
) -> IniFile:
    """The file with ``values`` in section ``name``, which is added at the end of the file if it is not there.

    ``comment`` (a line of ours, without its ending) goes directly under the header, in the place of one that is there
    already. Keys in ``drop`` are removed. A value may hold an indented block, as RawConfigParser gives it
    (``"\\nkey = value"``), if its key is new to the section.

    Raises FileRefusedError where the edit cannot be made without doubt.
    """
    _refuse_line_breaks(file, [name, comment or "", *values.values()])
    document = _Document.of(file)
    index = document.find(name)
    if index is None:
        text = document.text_with(_new_section(name, values, comment, file.newline))
    else:
        section = document.sections[index]
        text = document.text_with(_edited_section(section, values, comment, drop), index)
    expected = {key: value for key, value in file.sections.get(name, {}).items() if key not in drop} | dict(values)
    return _verified(file, text, name, expected)


def remove_section(file: IniFile, name: str) -> IniFile:
    """The file without section ``name``; comments and blank lines below its last key stay where they are.

    Putting a section that was not there and removing it again gives back the file, byte for byte.
    """
    document = _Document.of(file)
    index = document.find(name)
    if index is None:
        return file
    return _verified(file, document.text_without(index), name, None)


def is_copied_by_us(file: IniFile, name: str) -> bool:
    """True if the comment directly under the header says that this tool made the section."""
    header = re.compile(r"\[" + re.escape(name) + r"\][^\n]*\n" + re.escape(COPIED_COMMENT))
    return header.search(file.text) is not None


@dataclass(frozen=True)
class _Document:
    """A file as a list of blocks whose texts, joined, are the file.

    ``open_end`` is set where the file lacks its final newline. It then still lacks it after the edit: that is how a
    later removal knows to give back the file as it was.
    """

    file: IniFile
    blocks: "list[Section | None]"
    texts: list[str]
    open_end: bool

    @classmethod
    def of(cls, file: IniFile) -> "_Document":
        from configupdater import Section

        open_end = bool(file.text) and not file.text.endswith("\n")
        text = file.text + file.newline if open_end else file.text
        blocks = list(_parse(text, file).iter_blocks())
        texts = [str(block) for block in blocks]
        if "".join(texts) != text:
            raise _doubt(file, None)
        return cls(file, [block if isinstance(block, Section) else None for block in blocks], texts, open_end)

    @property
    def sections(self) -> "dict[int, Section]":
        return {index: block for index, block in enumerate(self.blocks) if block is not None}

    def find(self, name: str) -> int | None:
        """The index of a section. Refuses one that only some SDKs know by this name."""
        lookalike = None
        for index, section in self.sections.items():
            header = self.texts[index].split("\n", 1)[0].strip()
            if section.name == name:
                if not re.fullmatch(r"\[[^\]]*\](\s.*)?", header):
                    raise FileRefusedError(
                        self.file.path,
                        self._line(index),
                        f"the header [{name}] has text glued to it, which some SDKs do not take for a header",
                        "put a space between the ] and the comment, or delete it",
                    )
                return index
            if _strict_name(header) == name:
                lookalike = index
        if lookalike is not None:
            raise FileRefusedError(
                self.file.path,
                self._line(lookalike),
                f"some SDKs take this header for [{name}], boto3 and the AWS CLI do not",
                f"write it as [{name}], or delete the section",
            )
        return None

    def _line(self, index: int) -> int:
        return sum(text.count("\n") for text in self.texts[:index]) + 1

    def text_with(self, section: str, index: int | None = None) -> str:
        texts = list(self.texts)
        if index is not None:
            texts[index] = section
        else:
            blank = self.file.newline if texts else ""
            texts.append(blank + section)
        return self._close("".join(texts))

    def text_without(self, index: int) -> str:
        before, after = "".join(self.texts[:index]), "".join(self.texts[index + 1 :])
        # The blank line that an added section was given goes with it.
        before = re.sub(r"(\A|\n)\r?\n\Z", r"\1", before)
        return self._close(before + _below_last_key(self.sections[index]) + after)

    def _close(self, text: str) -> str:
        return re.sub(r"\r?\n\Z", "", text) if self.open_end else text


def _parse(text: str, file: IniFile) -> "ConfigUpdater":
    from configupdater import ConfigUpdater

    try:
        return ConfigUpdater().read_string(text)
    except Exception:  # noqa: BLE001 - whatever it is, it quotes the file in its message, and the file is left alone
        doubt = _doubt(file, None)
    raise doubt


def _strict_name(header: str) -> str:
    """The section a header means to the stricter SDKs: up to the first bracket, spacing and quotes made even."""
    name = header.removeprefix("[").split("]", 1)[0].strip()
    profile = re.fullmatch(r"profile\s+(.*)", name)
    return f"profile {profile[1].strip().strip(chr(34) + chr(39)).strip()}" if profile else name


def _new_section(name: str, values: Mapping[str, str], comment: str | None, newline: str) -> str:
    lines = [f"[{name}]", *([comment] if comment else [])]
    return "".join(line + newline for line in lines) + "".join(
        _option(key, value, "", newline) for key, value in values.items()
    )


def _option(key: str, value: str, indent: str, newline: str) -> str:
    first, *block = value.split("\n")
    lines = [f"{indent}{key} = {first}".rstrip(), *(f"{indent}    {line}" for line in block)]
    return "".join(line + newline for line in lines)


def _edited_section(section: "Section", values: Mapping[str, str], comment: str | None, drop: Collection[str]) -> str:
    from configupdater import Option

    header, body = _header_and_body(section)
    newline = "\r\n" if header.endswith("\r\n") else "\n"
    parts = [header]
    if comment:
        parts.append(comment + newline)
    anchor, indent = len(parts), _indent(header)
    anchored_by_ours = False
    missing = dict(values)
    for block, text in body:
        if not isinstance(block, Option):
            parts.append(_without_our_comments(text) if comment else text)
        elif block.key in drop:
            parts.append("".join(line.lstrip() for line in _comment_lines(text)))
        else:
            if block.key in values:
                text = _with_value(text, missing.pop(block.key))
                anchored_by_ours = True
            parts.append(text)
            # New keys follow the last one of ours, or else the last of all, and take its indent: deeper they would
            # continue its value, shallower the next key would continue theirs.
            if block.key in values or not anchored_by_ours:
                anchor, indent = len(parts), _indent(text)
    parts[anchor:anchor] = [_option(key, value, indent, newline) for key, value in missing.items()]
    return "".join(parts)


def _header_and_body(section: "Section") -> "tuple[str, Sequence[tuple[Block, str]]]":
    body = [(block, str(block)) for block in section.iter_blocks()]
    length = sum(len(text) for _, text in body)
    whole = str(section)
    return whole[: len(whole) - length], body


def _indent(text: str) -> str:
    return re.match(r"[^\S\n]*", text)[0]  # type: ignore[index] # it matches any text


def _without_our_comments(text: str) -> str:
    return "".join(line for line in _lines(text) if sessions.parse_expiration_comment(line) is None)


def _comment_lines(text: str) -> list[str]:
    return [line for line in _lines(text)[1:] if line.lstrip().startswith(("#", ";"))]


def _with_value(text: str, value: str) -> str:
    """The lines of an option with another value; indent, key, delimiter and line ending stay.

    Lines that continued the old value go. Comments among them stay: they are somebody's.
    """
    line, *_ = _lines(text)
    match = re.fullmatch(r"(?P<key>[^=:]*[=:])(?P<gap>[^\S\r\n]*)(?P<old>.*?)(?P<ending>\s*)", line)
    assert match is not None
    gap = match["gap"]
    if not gap and not match["old"] and match["key"][-2:-1].isspace():
        gap = " "
    ending = "\r\n" if match["ending"].endswith("\r\n") else "\n"
    return f"{match['key']}{gap}{value}{ending}" + "".join(_comment_lines(text))


def _below_last_key(section: "Section") -> str:
    from configupdater import Option

    _, body = _header_and_body(section)
    last_key = max((index for index, (block, _) in enumerate(body) if isinstance(block, Option)), default=-1)
    left = "".join(_without_our_comments(text) for _, text in body[last_key + 1 :])
    # At column 0: an indented comment would join the value of the profile that now stands above it (SDKs for Rust,
    # Java).
    return "".join(line if line.isspace() else line.lstrip() for line in _lines(left) if not _is_ours(line))


def _is_ours(line: str) -> bool:
    return line.startswith(COPIED_COMMENT)


def _lines(text: str) -> list[str]:
    """The lines of a text with their endings. Not ``str.splitlines``, which also splits at \\x0b, \\x85, U+2028."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _refuse_line_breaks(file: IniFile, texts: list[str]) -> None:
    name, comment, *values = texts
    if re.search(r"[\r\n\0]", name + comment) or any(re.search(r"[\r\0]", value) for value in values):
        raise FileRefusedError(file.path, None, "a line break or NUL in what was to be written; nothing was changed")


def _verified(file: IniFile, text: str, name: str, expected: Mapping[str, str] | None) -> IniFile:
    edited = ini.parse(file.encode(text), file.path)
    others = {section: values for section, values in file.sections.items() if section != name}
    wanted = others if expected is None else others | {name: dict(expected)}
    if edited.sections != wanted or list(edited.sections) != _order(file, name, expected is not None):
        raise _doubt(file, name)
    return edited


def _order(file: IniFile, name: str, present: bool) -> list[str]:  # noqa: FBT001 - two lines away
    order = [section for section in file.sections if section != name or present]
    return order if not present or name in order else [*order, name]


def _doubt(file: IniFile, name: str | None) -> FileRefusedError:
    what = f"[{name}] cannot be changed" if name else "it cannot be changed"
    return FileRefusedError(
        file.path,
        None,
        f"{what} without touching what is not ours; nothing was changed",
        "indented sections and keys are the usual reason: start them at the beginning of the line",
    )
