"""Where the sections and keys of a shared file are, down to the byte. The only part that uses ConfigUpdater.

ConfigUpdater finds the blocks and no more: its setters normalise lines, swallow what follows an indented one, and
write LF whatever the file uses.
"""

import contextlib
import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile

if TYPE_CHECKING:
    from configupdater.block import Block


class Part(NamedTuple):
    """A key with the lines of its value, or (without a key) comments or blank lines.

    Indented comments below a key belong to it: the SDKs for Rust and Java read them as a part of its value.
    """

    key: str | None
    text: str

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


class Section(NamedTuple):
    """A header line and the parts below it, which, joined, are the section."""

    header: str
    parts: list[Part]

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


@dataclass(frozen=True, repr=False)
class Document:
    """A file as a list of blocks (sections, and what stands before the first), whose texts, joined, are the file.

    ``names`` has the name of each that is a section. If the file lacks its final newline, ``open_end`` is set, and
    the last text has one all the same.
    """

    file: IniFile
    texts: list[str]
    names: list[str | None]
    open_end: bool

    @classmethod
    def of(cls, file: IniFile) -> "Document":
        """Take a file apart. Raises FileRefusedError if ConfigUpdater sees other sections than botocore."""
        open_end = bool(file.text) and not file.text.endswith("\n")
        text = file.text + file.newline if open_end else file.text
        if file.starts:  # by which ConfigUpdater need not look at ten thousand sections for the sake of one
            edges = [0, *file.starts.values(), len(text)]
            texts = [text[start:end] for start, end in itertools.pairwise(edges)]
            return cls(file, texts, [None, *file.starts], open_end)
        blocks = _parse(text) or []
        names = list(map(_section_name, blocks))
        if [name for name in names if name not in (None, "DEFAULT")] != list(file.sections) or (text and not blocks):
            raise doubt(file)
        return cls(file, _slices(text, blocks), names, open_end)

    def section(self, index: int) -> Section:
        """The section that is the block of this index. Raises FileRefusedError if ConfigUpdater does not see it."""
        text = self.texts[index]
        parsed = _parse(text) or []
        if list(map(_section_name, parsed)) != [self.names[index]]:
            raise doubt(self.file)
        return _section(text, parsed[0])

    def find(self, name: str) -> int | None:
        """The index of the block that is a section, or None. Refuses one that only some SDKs know by this name."""
        index = self._sections.get(name)
        self._refuse_lookalike(name)
        if index is not None and "]" in name:
            raise FileRefusedError(
                self.file.path,
                self._line(index),
                "for some SDKs the name in this header ends at the first ], for boto3 and the AWS CLI at the last",
                "put what is behind the name on a line of its own",
            )
        if index is not None and not re.fullmatch(r"\[[^\]]*\](\s.*)?", self._header(index)):
            raise FileRefusedError(
                self.file.path,
                self._line(index),
                f"the header [{name}] has text glued to it, which some SDKs do not take for a header",
                "put a space between the ] and the comment, or delete it",
            )
        return index

    def _refuse_lookalike(self, name: str) -> None:
        index = self._lookalikes.get(name)
        if index is not None:
            raise FileRefusedError(
                self.file.path,
                self._line(index),
                f"some SDKs take this header for [{name}], boto3 and the AWS CLI do not",
                f"write it as [{name}], or delete the section",
            )

    @functools.cached_property
    def _lookalikes(self) -> dict[str, int]:
        """By the name that stricter SDKs read in it, the first section that has another for botocore."""
        found: dict[str, int] = {}
        for section, index in self._sections.items():
            if not _EVEN_NAME.fullmatch(section) and (name := _strict_name(self._header(index))) != section:
                found.setdefault(name, index)
        return found

    @functools.cached_property
    def _sections(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.names) if name is not None}

    def _header(self, index: int) -> str:
        return self.texts[index].partition("\n")[0].strip()

    def _line(self, index: int) -> int:
        return sum(text.count("\n") for text in self.texts[:index]) + 1


def doubt(file: IniFile) -> FileRefusedError:
    """The refusal of a file that cannot be edited with certainty."""
    return FileRefusedError(
        file.path,
        None,
        "it cannot be edited safely; nothing was changed",
        "indented sections and keys are the usual reason: start them at the beginning of the line",
    )


@functools.lru_cache(maxsize=8)  # the rehearsal of an edit and the edit itself see the same texts
def _parse(text: str) -> "Sequence[Block] | None":
    """The blocks of a text, or None if ConfigUpdater does not take it."""
    from configupdater import ConfigUpdater

    # ConfigUpdater takes an indented `# k = v` for a key or a part of the value above, configparser does not. With
    # its indent turned into more `#` it is a comment to both, and as long as before: texts are cut from the original.
    masked = re.sub(r"(?m)^[^\S\n]+(?=[#;])", lambda indent: "#" * len(indent[0]), text)
    with contextlib.suppress(Exception):  # whatever it is, it quotes the file in its message
        return list(ConfigUpdater().read_string(masked).iter_blocks())
    # What raises for the plainest text as well is not the file's fault. It is raised here, where the exception that
    # quotes the file is no context of it.
    ConfigUpdater().read_string("[a]\nb = c\n")
    return None


def _section(text: str, section: "Block") -> Section:
    import configupdater

    assert isinstance(section, configupdater.Section)
    blocks = list(section.iter_blocks())
    header_end = len(text) - sum(len(str(block)) for block in blocks)
    keys = [block.key if isinstance(block, configupdater.Option) else None for block in blocks]
    return Section(text[:header_end], _parts(zip(keys, _slices(text[header_end:], blocks), strict=True)))


def _parts(blocks: Iterable[tuple[str | None, str]]) -> list[Part]:
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
        parts += [Part(key, text + loose[:end]), Part(None, loose[end:])]
    return parts


def _section_name(block: "Block") -> str | None:
    from configupdater import Section

    return block.name if isinstance(block, Section) else None


def _slices(text: str, blocks: "Iterable[Block]") -> list[str]:
    """A text cut into pieces as long as the blocks that were found in it."""
    ends = itertools.accumulate(len(str(block)) for block in blocks)
    return [text[start:end] for start, end in itertools.pairwise([0, *ends])]


_EVEN_NAME = re.compile(r'(?:profile )?[^\s"\]]+')  # which all read alike: nearly every section has one
_PROFILE = re.compile(r"profile\S*\s+(.*)")  # to botocore [profiles x] is one as well


def _strict_name(header: str) -> str:
    """The section a header means to the stricter SDKs: up to the first bracket, spacing and quotes made even."""
    name = header.removeprefix("[").partition("]")[0].strip()
    profile = _PROFILE.fullmatch(name)
    return "profile " + profile[1].strip(' \t"') if profile else name
