"""Put a section into a shared file, or take it out, and leave every other byte as it is. Text in, text out.

The text is spliced: between the bytes that stay, only lines of ours change. No edit leaves this module that
botocore's parser does not read as meant, with every other section unchanged.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mfa_profiles import ini, rotations, sessions, settings
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile
from mfa_profiles.plain_ini import Sections
from mfa_profiles.shared_files.blocks import Document, Section, doubt


class Put(NamedTuple):
    """What a section is to hold.

    ``comment`` (a line of ours, without its ending) goes directly under the header, in the place of one that is there
    already. Keys in ``drop`` are removed. With ``may_have_blocks``, a value whose key is new to the section may be an
    indented block, as RawConfigParser gives it (``"\\nkey = value"``); else line breaks are refused.
    """

    values: Mapping[str, str]
    comment: str | None = None
    drop: Collection[str] = ()
    may_have_blocks: bool = False

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


def put_sections(file: IniFile, puts: Mapping[str, Put]) -> IniFile:
    """The file with some sections as they are to be; those that are not there are added at the end of the file.

    Raises FileRefusedError where the edit cannot be made without doubt.
    """
    document = Document.of(file)
    texts = list(document.texts)
    sections = dict(file.sections)
    newline = file.newline  # for which the whole text is counted
    for name, put in puts.items():
        _refuse_unwritable(file, "".join([name, put.comment or "", *put.values]), "\r\n\0")
        _refuse_unwritable(file, "".join(put.values.values()), "\r\0" if put.may_have_blocks else "\r\n\0")
        index = document.find(name)
        if index is None:
            _refuse_unreadable_header(file, name)
            # After a blank line, which goes with the section when it is removed. In a file that was empty as well: by
            # that line, a file that a person had made is told from one that begins with a section of ours.
            texts.append((newline if texts or file.is_there else "") + _new_section(name, put, newline))
        else:
            texts[index] = _edited_section(document.section(index), put)
        others = {key: value for key, value in sections.get(name, {}).items() if key not in put.drop}
        sections[name] = {**others, **put.values}
    return _verified(document, texts, sections)


def take_keys(file: IniFile, keys: Mapping[str, Collection[str]]) -> IniFile:
    """The file without some keys, named by section, and without our comments in those sections.

    A section in which no key is left goes, with the blank line above it; comments and blank lines below its last key
    stay where they are. So putting a section that was not there and taking its keys gives back the file, byte for
    byte. Raises FileRefusedError where the edit cannot be made without doubt.
    """
    document = Document.of(file)
    texts = list(document.texts)
    sections = dict(file.sections)
    gone = set()
    for name, taken in keys.items():
        index = document.find(name)
        if index is None or name not in file.sections:  # as an empty [DEFAULT] is not
            continue
        section = document.section(index)
        sections[name] = {key: value for key, value in file.sections[name].items() if key not in taken}
        if sections[name]:
            texts[index] = _without_our_comments(_edited_section(section, Put({}, drop=taken)))
        else:
            del sections[name]
            texts[index] = _below_last_key(section)
            gone.add(index)
    _take_blank_lines_above(gone, texts)
    return _verified(document, texts, sections)


def is_left_over(before: IniFile, after: IniFile) -> bool:
    """Return True for a file of which an edit leaves nothing, and that was made for what the edit has removed.

    A file that was there before, if empty, begins with a blank line: see put_sections.
    """
    return before.text.startswith("[") and not after.encode(after.text)


def _take_blank_lines_above(gone: Collection[int], texts: list[str]) -> None:
    above: list[int] = []  # the texts so far in which something is left
    for index in range(len(texts)):
        if index in gone and above:
            texts[above[-1]] = re.sub(r"(\A|\n)\r?\n\Z", r"\1", texts[above[-1]])
            if not texts[above[-1]]:
                above.pop()
        if texts[index]:
            above.append(index)


def rename_section(file: IniFile, old: str, new: str) -> IniFile:
    """The file with another name in the header of a section. Raises FileRefusedError where it is not for sure."""
    _refuse_unwritable(file, new, "\r\n\0")
    _refuse_unreadable_header(file, new)
    document = Document.of(file)
    index = document.find(old)
    assert index is not None
    texts = list(document.texts)
    texts[index] = texts[index].replace(f"[{old}]", f"[{new}]", 1)
    return _verified(document, texts, {new if name == old else name: file.sections[name] for name in file.sections})


def _new_section(name: str, put: Put, newline: str) -> str:
    lines = [f"[{name}]", *([put.comment] if put.comment else [])]
    options = (_option(key, value, "", newline) for key, value in put.values.items())
    return "".join(line + newline for line in lines) + "".join(options)


def _option(key: str, value: str, indent: str, newline: str) -> str:
    first, *block = value.split("\n")
    lines = [f"{indent}{key} = {first}".rstrip(), *(f"{indent}    {line}" for line in block)]
    return "".join(line + newline for line in lines)


def _edited_section(section: Section, put: Put) -> str:
    newline = "\r\n" if section.header.endswith("\r\n") else "\n"
    texts = [section.header, *([put.comment + newline] if put.comment else [])]
    present = {part.key for part in section.parts if part.key is not None}
    missing = {key: value for key, value in put.values.items() if key not in present}
    # New keys follow the last one of ours, or else the last of all, and take its indent: deeper they would continue
    # its value, shallower the next key would continue theirs.
    anchors = present & set(put.values) or present - set(put.drop)
    anchor, indent = len(texts), _indent(section.header)
    for part in section.parts:
        text = _without_our_comments(part.text) if put.comment else part.text
        if part.key is not None and part.key in put.values:
            text = _with_value(text, put.values[part.key])
        elif part.key in put.drop:
            text = _at_column_0(_comments_in(text))
        texts.append(text)
        if part.key in anchors:
            anchor, indent = len(texts), _indent(part.text)
    texts[anchor:anchor] = [_option(key, value, indent, newline) for key, value in missing.items()]
    return "".join(texts)


def _indent(text: str) -> str:
    return re.match(r"[^\S\n]*", text)[0]  # type: ignore[index] # it matches any text


def _without_our_comments(text: str) -> str:
    return "".join(line for line in _lines(text) if not _is_our_comment(line))


def _is_our_comment(line: str) -> bool:
    return (
        line.startswith(settings.COPIED_COMMENT)
        or sessions.parse_expiration_comment(line) is not None
        or rotations.parse_comment(line) is not None
    )


def _comments_in(text: str) -> str:
    """The comments and blank lines among the lines of a key."""
    return "".join(line for line in _lines(text)[1:] if _is_comment_or_blank(line))


def _is_comment_or_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(("#", ";"))


def _with_value(text: str, value: str) -> str:
    """The lines of an option with another value; indent, key, spacing and line ending stay.

    A colon becomes an equals sign: only botocore takes it for a delimiter, and the SDKs for Rust and Java refuse a
    file with a line that has none. Lines that continued the old value go; comments among them stay.
    """
    line, *_ = _lines(text)
    match = re.match(r"(?P<key>[^=:]*)[=:](?P<gap>[^\S\r\n]*)", line)
    assert match is not None
    gap = match["gap"]
    if not gap and line[match.end() :].isspace() and match["key"][-1:].isspace():
        gap = " "
    ending = "\r\n" if line.endswith("\r\n") else "\n"
    return f"{match['key']}={gap}{value}{ending}" + _comments_in(text)


def _below_last_key(section: Section) -> str:
    lines = _lines("".join(part.text for part in section.parts))
    last = max((index for index, line in enumerate(lines) if not _is_comment_or_blank(line)), default=-1)
    return _at_column_0(_without_our_comments("".join(lines[last + 1 :])))


def _at_column_0(comments: str) -> str:
    """Comments that lose what stands above them, without the indent that would join them to something else."""
    return "".join(line if line.isspace() else line.lstrip() for line in _lines(comments))


def _lines(text: str) -> list[str]:
    """The lines of a text with their endings. Not ``str.splitlines``, which also splits at \\x0b, \\x85, U+2028."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _refuse_unwritable(file: IniFile, text: str, refused: str) -> None:
    # A name on the command line that is not UTF-8 has half a surrogate pair for each byte.
    if any(character in text for character in refused) or re.search(r"[\ud800-\udfff]", text):
        reason = "a line break or NUL, or what is no character, in what was to be written; nothing was changed"
        raise FileRefusedError(file.path, None, reason)


def _refuse_unreadable_header(file: IniFile, name: str) -> None:
    if "]" in name or re.search(r"\s[#;]", name):
        reason = f"some SDKs refuse the whole file for a header like [{name}]; nothing was changed"
        raise FileRefusedError(file.path, None, reason)


def _verified(document: Document, texts: Sequence[str], sections: Sections) -> IniFile:
    """The edited file, read again: it has these sections, to the letter."""
    text = "".join(texts)
    # A file without a final newline gets none: that is how a removal knows to give back the file as it was.
    if document.open_end:
        text = re.sub(r"\r?\n\Z", "", text)
    try:
        edited = ini.parse(document.file.encode(text), document.file.path)
    except FileRefusedError:  # for a line that is not in the file
        edited = None
    if edited is None or edited.sections != sections:
        raise doubt(document.file)
    return edited
