"""Put a section into a shared file, or take it out, and leave every other byte as it is. Text in, text out.

ConfigUpdater finds the blocks; the text is spliced here, since its own setters normalise lines, swallow what follows
an indented one, and write LF whatever the file uses. No edit leaves this module that botocore's parser does not read
as meant, with every other section unchanged.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfa_profiles import ini, sessions
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile

if TYPE_CHECKING:
    from configupdater import ConfigUpdater
    from configupdater.block import Block

COPIED_COMMENT = "# Settings copied by mfa-profiles from profile "


def put_section(
    file: IniFile,
    name: str,
    values: Mapping[str, str],
    *,
    comment: str | None = None,
    drop: Collection[str] = (),
    may_have_blocks: bool = False,
) -> IniFile:
    """The file with ``values`` in section ``name``, which is added at the end of the file if it is not there.

    ``comment`` (a line of ours, without its ending) goes directly under the header, in the place of one that is there
    already. Keys in ``drop`` are removed. With ``may_have_blocks``, a value whose key is new to the section may be an
    indented block, as RawConfigParser gives it (``"\\nkey = value"``); else line breaks are refused.

    Raises FileRefusedError where the edit cannot be made without doubt.
    """
    _refuse_line_breaks(file, "".join([name, comment or "", *values]), "\r\n\0")
    _refuse_line_breaks(file, "".join(values.values()), "\r\0" if may_have_blocks else "\r\n\0")
    document = _Document.of(file)
    index = document.find(name)
    if index is None:
        text = document.text_with(_new_section(name, values, comment, file.newline))
    else:
        text = document.text_with(_edited_section(document.section(index), values, comment, drop), index)
    expected = {key: value for key, value in file.sections.get(name, {}).items() if key not in drop} | dict(values)
    return _verified(file, text, name, expected)


def remove_section(file: IniFile, name: str) -> IniFile:
    """The file without section ``name``; comments and blank lines below its last key stay where they are.

    Putting a section that was not there and removing it again gives back the file, byte for byte.
    """
    document = _Document.of(file)
    index = document.find(name)
    return file if index is None else _verified(file, document.text_without(index), name, None)


def is_copied_by_us(file: IniFile, name: str) -> bool:
    """True if the comment directly under the header says that this tool made the section."""
    header = re.compile(r"\[" + re.escape(name) + r"\][^\n]*\n" + re.escape(COPIED_COMMENT))
    return header.search(file.text) is not None


@dataclass(frozen=True)
class _Part:
    """A key with the lines of its value, or (without a key) comments or blank lines.

    Indented comments below a key belong to it: the SDKs for Rust and Java read them as a part of its value.
    """

    key: str | None
    text: str


@dataclass(frozen=True)
class _Section:
    """A header line and the parts below it, which, joined, are the section."""

    header: str
    parts: list[_Part]


@dataclass(frozen=True)
class _Document:
    """A file as a list of blocks (sections, and what stands before the first), whose texts, joined, are the file.

    ``open_end`` is set where the file lacks its final newline. It then still lacks it after the edit: that is how a
    later removal knows to give back the file as it was.
    """

    file: IniFile
    blocks: "Sequence[Block]"
    texts: list[str]
    open_end: bool

    @classmethod
    def of(cls, file: IniFile) -> "_Document":
        open_end = bool(file.text) and not file.text.endswith("\n")
        text = file.text + file.newline if open_end else file.text
        blocks = list(_parse(text, file).iter_blocks())
        names = [name for name in map(_section_name, blocks) if name not in (None, "DEFAULT")]
        if names != list(file.sections):
            raise _doubt(file, None)
        return cls(file, blocks, _slices(text, blocks), open_end)

    def section(self, index: int) -> _Section:
        from configupdater import Option, Section

        section, text = self.blocks[index], self.texts[index]
        assert isinstance(section, Section)
        blocks = list(section.iter_blocks())
        header_end = len(text) - sum(len(str(block)) for block in blocks)
        keys = [block.key if isinstance(block, Option) else None for block in blocks]
        return _Section(text[:header_end], _parts(zip(keys, _slices(text[header_end:], blocks), strict=True)))

    def find(self, name: str) -> int | None:
        """The index of a section. Refuses one that only some SDKs know by this name."""
        lookalike = None
        for index, block in enumerate(self.blocks):
            if _section_name(block) is None:
                continue
            header = self.texts[index].split("\n", 1)[0].strip()
            if _section_name(block) == name:
                if re.fullmatch(r"\[[^\]]*\](\s.*)?", header):
                    return index
                raise FileRefusedError(
                    self.file.path,
                    self._line(index),
                    f"the header [{name}] has text glued to it, which some SDKs do not take for a header",
                    "put a space between the ] and the comment, or delete it",
                )
            if _strict_name(header) == name:
                lookalike = index
        if lookalike is None:
            return None
        raise FileRefusedError(
            self.file.path,
            self._line(lookalike),
            f"some SDKs take this header for [{name}], boto3 and the AWS CLI do not",
            f"write it as [{name}], or delete the section",
        )

    def _line(self, index: int) -> int:
        return sum(text.count("\n") for text in self.texts[:index]) + 1

    def text_with(self, section: str, index: int | None = None) -> str:
        """The file with another text for a section, or, without an index, with a new one after a blank line."""
        texts = list(self.texts)
        if index is None:
            texts.append((self.file.newline if texts else "") + section)
        else:
            texts[index] = section
        return self._close("".join(texts))

    def text_without(self, index: int) -> str:
        """The file without a section, and without the blank line that was put above it."""
        before, after = "".join(self.texts[:index]), "".join(self.texts[index + 1 :])
        before = re.sub(r"(\A|\n)\r?\n\Z", r"\1", before)
        return self._close(before + _below_last_key(self.section(index)) + after)

    def _close(self, text: str) -> str:
        return re.sub(r"\r?\n\Z", "", text) if self.open_end else text


def _parse(text: str, file: IniFile) -> "ConfigUpdater":
    from configupdater import ConfigUpdater

    # ConfigUpdater takes an indented `# k = v` for a key or a part of the value above, configparser does not. With
    # its indent turned into more `#` it is a comment to both, and as long as before: texts are cut from the original.
    masked = re.sub(r"(?m)^[^\S\n]+(?=[#;])", lambda indent: "#" * len(indent[0]), text)
    try:
        return ConfigUpdater().read_string(masked)
    except Exception:  # noqa: BLE001 - whatever it is, it quotes the file in its message, and the file is left alone
        doubt = _doubt(file, None)
    raise doubt


def _parts(blocks: Iterable[tuple[str | None, str]]) -> list[_Part]:
    """Blocks of ConfigUpdater with indented comments joined to the keys above them."""
    keys: list[tuple[str | None, str]] = [(None, "")]
    below: list[str] = [""]
    for key, text in blocks:
        if key is None:
            below[-1] += text
        else:
            keys.append((key, text))
            below.append("")
    parts = []
    for (key, text), loose in zip(keys, below, strict=True):
        of_key = re.match(r"(?s)(?:.*\n)?[^\S\n]+[#;][^\n]*\n", loose) if key else None
        end = of_key.end() if of_key else 0
        parts += [_Part(key, text + loose[:end]), _Part(None, loose[end:])]
    return parts


def _section_name(block: "Block") -> str | None:
    from configupdater import Section

    return block.name if isinstance(block, Section) else None


def _slices(text: str, blocks: "Iterable[Block]") -> list[str]:
    """A text cut into pieces as long as the blocks that were found in it."""
    ends = itertools.accumulate(len(str(block)) for block in blocks)
    return [text[start:end] for start, end in itertools.pairwise([0, *ends])]


def _strict_name(header: str) -> str:
    """The section a header means to the stricter SDKs: up to the first bracket, spacing and quotes made even."""
    name = header.removeprefix("[").split("]", 1)[0].strip()
    profile = re.fullmatch(r"profile\s+(.*)", name)
    return "profile " + profile[1].strip(' \t"') if profile else name


def _new_section(name: str, values: Mapping[str, str], comment: str | None, newline: str) -> str:
    lines = [f"[{name}]", *([comment] if comment else [])]
    options = (_option(key, value, "", newline) for key, value in values.items())
    return "".join(line + newline for line in lines) + "".join(options)


def _option(key: str, value: str, indent: str, newline: str) -> str:
    first, *block = value.split("\n")
    lines = [f"{indent}{key} = {first}".rstrip(), *(f"{indent}    {line}" for line in block)]
    return "".join(line + newline for line in lines)


def _edited_section(section: _Section, values: Mapping[str, str], comment: str | None, drop: Collection[str]) -> str:
    newline = "\r\n" if section.header.endswith("\r\n") else "\n"
    texts = [section.header, *([comment + newline] if comment else [])]
    ours_below = sum(part.key in values for part in section.parts)
    missing = {key: value for key, value in values.items() if all(part.key != key for part in section.parts)}
    anchor, indent = len(texts), _indent(section.header)
    for part in section.parts:
        text = _without_our_comments(part.text) if comment else part.text
        if part.key is None:
            texts.append(text)
        elif part.key in drop:
            texts.append(_at_column_0(_comments_in(text)))
        else:
            texts.append(_with_value(text, values[part.key]) if part.key in values else text)
            # New keys follow the last one of ours, or else the last of all, and take its indent: deeper they would
            # continue its value, shallower the next key would continue theirs.
            if part.key in values or not ours_below:
                anchor, indent = len(texts), _indent(part.text)
    texts[anchor:anchor] = [_option(key, value, indent, newline) for key, value in missing.items()]
    return "".join(texts)


def _indent(text: str) -> str:
    return re.match(r"[^\S\n]*", text)[0]  # type: ignore[index] # it matches any text


def _without_our_comments(text: str) -> str:
    return "".join(line for line in _lines(text) if not _is_our_comment(line))


def _is_our_comment(line: str) -> bool:
    return line.startswith(COPIED_COMMENT) or sessions.parse_expiration_comment(line) is not None


def _comments_in(text: str) -> str:
    """The comments and blank lines among the lines of a key."""
    return "".join(line for line in _lines(text)[1:] if _is_comment_or_blank(line))


def _is_comment_or_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(("#", ";"))


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
    return f"{match['key']}{gap}{value}{ending}" + _comments_in(text)


def _below_last_key(section: _Section) -> str:
    lines = _lines("".join(part.text for part in section.parts))
    last = max((index for index, line in enumerate(lines) if not _is_comment_or_blank(line)), default=-1)
    return _at_column_0(_without_our_comments("".join(lines[last + 1 :])))


def _at_column_0(comments: str) -> str:
    """Comments that lose what stands above them, without the indent that would join them to something else."""
    return "".join(line if line.isspace() else line.lstrip() for line in _lines(comments))


def _lines(text: str) -> list[str]:
    """The lines of a text with their endings. Not ``str.splitlines``, which also splits at \\x0b, \\x85, U+2028."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _refuse_line_breaks(file: IniFile, text: str, refused: str) -> None:
    if any(character in text for character in refused):
        raise FileRefusedError(file.path, None, "a line break or NUL in what was to be written; nothing was changed")


def _verified(file: IniFile, text: str, name: str, expected: Mapping[str, str] | None) -> IniFile:
    edited = ini.parse(file.encode(text), file.path)
    others = {section: values for section, values in file.sections.items() if section != name}
    wanted = others if expected is None else others | {name: dict(expected)}
    if edited.sections != wanted:
        raise _doubt(file, name)
    return edited


def _doubt(file: IniFile, name: str | None) -> FileRefusedError:
    what = f"[{name}] cannot be changed" if name else "it cannot be changed"
    return FileRefusedError(
        file.path,
        None,
        f"{what} without touching what is not ours; nothing was changed",
        "indented sections and keys are the usual reason: start them at the beginning of the line",
    )
