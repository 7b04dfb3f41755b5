"""What an edit must leave alone, found with readers of the tests' own."""

import configparser
import re
from collections import Counter
from collections.abc import Collection
from typing import Any

import botocore.configloader

from mfa_profiles import ini, ini_survey, rotations, sessions
from mfa_profiles.ini import IniFile
from tests import strict_reader

Sections = dict[str, dict[str, str]]

_CONFIGLOADER: Any = botocore.configloader  # of which the stubs know what is public
_OURS = "# Settings copied by mfa-profiles from profile "


def botocore_reads(data: bytes) -> Sections | None:
    """The sections of a file as botocore reads them (a byte order mark apart), or None if it is an error to it."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(data.removeprefix(ini.BYTE_ORDER_MARK).decode().replace("\r\n", "\n"))
        sections = {name: dict(parser.items(name)) for name in parser.sections()}
        for section in sections.values():
            for value in section.values():
                if value.startswith("\n"):
                    _CONFIGLOADER._parse_nested(value)
    except (configparser.Error, ValueError):
        return None
    return sections


def read(file: IniFile) -> Sections:
    """The sections that botocore finds in a file, which it has to take."""
    sections = botocore_reads(file.text.encode())
    assert sections is not None, "an edit made a file that botocore refuses"
    return sections


def profile_in_config(sections: Sections, name: str) -> dict[str, str]:
    """What botocore finds in the config file for a profile."""
    found: dict[str, str] = {}
    for section, values in sections.items():
        if section == name == "default":
            found = values
        elif section.startswith("profile"):
            found = _CONFIGLOADER._parse_section(section, values).get(name, found)
    return found


def check_others(before: IniFile, after: IniFile, touched: Collection[str]) -> None:
    """Every section that was not to be touched is what it was, for botocore and byte for byte."""
    assert _without(read(before), touched) == _without(read(after), touched), "another section is not what it was"
    assert list(_without(read(before), touched)) == list(_without(read(after), touched)), "sections changed places"
    _check_bytes(before, after, touched)
    _check_comments(before, after, touched)
    if before.text.count("\r\n") == before.text.count("\n") > 0:
        assert after.text.count("\r\n") == after.text.count("\n"), "a line ends in another way than all others"


def check_others_for_strict_sdks(
    before: IniFile, after: IniFile, touched: Collection[str], *, is_config: bool
) -> None:
    """Every profile that was not to be touched is what it was, for the stricter SDKs."""
    names = [_profile(name, is_config=is_config) for name in touched]
    strict_before = strict_reader.read(before.text, is_config=is_config)
    strict_after = strict_reader.read(after.text, is_config=is_config)
    if strict_before is not None:
        assert strict_after is not None, "stricter SDKs do not read the file any more"
        assert _without(strict_before, names) == _without(strict_after, names), "stricter SDKs read another section"
        for section, name in zip(touched, names, strict=True):
            old, new = read(before).get(section, {}), read(after).get(section, {})
            same = {key for key in set(old) & set(new) if old[key] == new[key]}
            kept = {key: value for key, value in strict_before.get(name, {}).items() if key in same}
            found = {key: strict_after.get(name, {}).get(key) for key in kept}
            assert kept == found, "stricter SDKs read another value, which was not to be touched"


def _without(sections: Sections, touched: Collection[str]) -> Sections:
    return {name: values for name, values in sections.items() if name not in touched}


def _profile(section: str, *, is_config: bool) -> str:
    return (re.sub(r"\Aprofile\s+", "", section) if is_config else section).strip()


def _check_bytes(before: IniFile, after: IniFile, touched: Collection[str]) -> None:
    blocks = _blocks(before)
    indexes = [index for index, (name, _) in enumerate(blocks) if name in touched]
    if not indexes:
        assert after.text.startswith(before.text), "bytes before a new section are not what they were"
        return
    head = "".join(text for _, text in blocks[: indexes[0]])
    tail = "".join(text for _, text in blocks[indexes[-1] + 1 :])
    if not {name for name, _ in blocks} <= {name for name, _ in _blocks(after)}:
        head = re.sub(r"(\A|\n)\r?\n\Z", r"\1", head)  # the blank line above a section goes with it
        if not before.text.endswith("\n"):  # which is how it was before the section was put there
            head = re.sub(r"\r?\n\Z", "", head)
    assert after.text.startswith(head), "bytes before the section are not what they were"
    if set(touched) <= {name for name, _ in blocks}:
        assert after.text.endswith(tail), "bytes after the section are not what they were"
    place = 0
    for core in [text.rstrip("\r\n") for name, text in blocks if name not in touched]:
        found = after.text.find(core, place)
        assert found >= 0, "bytes between the sections are not what they were"
        place = found + len(core)


def _blocks(file: IniFile) -> list[tuple[str | None, str]]:
    """What stands before the first header, and each section with its header, by the places of headers."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", file.text)
    headers = [place for place in ini_survey.places(file) if place.key is None]
    starts = [0, *(place.line - 1 for place in headers), len(lines)]
    names: list[str | None] = [None, *(place.section for place in headers)]
    return [(name, "".join(lines[start:end])) for name, start, end in zip(names, starts, starts[1:], strict=False)]


def _check_comments(before: IniFile, after: IniFile, touched: Collection[str]) -> None:
    left = {name for name, _ in _blocks(after)}
    is_gone = {name: name in touched and name not in left for name, _ in _blocks(before)}
    kept = "".join(_below_keys(text) if is_gone[name] else text for name, text in _blocks(before))
    lost = Counter(_comments(kept)) - Counter(_comments(after.text))
    assert not [line for line in lost if not is_ours(line)], "a comment is lost"


def _below_keys(section: str) -> str:
    """What stays of a section that goes: comments among its keys go with it."""
    return re.sub(r"(?s).*^[^\S\n]*[^\s#;][^\n]*$", "", section, flags=re.MULTILINE)


def _comments(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip().startswith(("#", ";"))]


def is_ours(line: str) -> bool:
    """True for a comment that the tool itself writes."""
    return (
        f"{line} ".startswith(_OURS)  # without the blanks at its end, and maybe without a name there
        or sessions.parse_expiration_comment(line) is not None
        or rotations.parse_comment(line) is not None
    )
