"""What a check finds, and what it looks at."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypedDict, Unpack

from mfa_profiles import ini_survey, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.profiles import Profiles
from mfa_profiles.shared_files import Stored, StoredBoth


class Level(StrEnum):
    """How bad it is: a problem keeps something from working, or keys from being safe."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Subject(StrEnum):
    """What a check looks at."""

    FILES = "files"
    PROFILES = "profiles"
    TERMINAL = "terminal"
    AWS = "aws"


Fix = Callable[[], Stored | StoredBoth | None]
"""Repairs what was found, and raises an MfaProfilesError if that cannot be done."""


class Place(TypedDict, total=False):
    """What a finding is about."""

    profile: str | None
    path: str | None
    line: int | None


class Where(Place, total=False):
    """The same, and how it is repaired."""

    fix: Fix | None
    mended: str | None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is well or not, and what to do about it. ``fixed``: it was not, and has been repaired.

    ``mended`` is what to say then, if the message would sound as if it still were so.
    """

    level: Level
    message: str
    hints: tuple[str, ...] = ()
    profile: str | None = None
    path: str | None = None
    line: int | None = None
    fix: Fix | None = field(default=None, repr=False, compare=False)
    mended: str | None = None
    check: str = ""
    subject: Subject = Subject.FILES
    fixed: bool = False

    @property
    def fixable(self) -> bool:
        """True if ``--fix`` repairs it."""
        return self.fix is not None

    @property
    def name(self) -> tuple[str, str, str | None]:
        """What tells it from others, wherever in a file it has moved to."""
        return self.check, self.message, self.path

    def as_json(self) -> dict[str, str | int | bool | list[str] | None]:
        """The object that ``--json`` prints."""
        return {
            "subject": self.subject.value,
            "check": self.check,
            "level": self.level.value,
            "message": self.message,
            "hints": list(self.hints),
            "profile": self.profile,
            "path": self.path,
            "line": self.line,
            "fixable": self.fixable,
            "fixed": self.fixed,
        }


def ok(message: str, *hints: str, **where: Unpack[Where]) -> Finding:
    """A finding that is well."""
    return Finding(level=Level.OK, message=message, hints=hints, **where)


def warning(message: str, *hints: str, **where: Unpack[Where]) -> Finding:
    """A finding that someone should look at."""
    return Finding(level=Level.WARNING, message=message, hints=hints, **where)


def problem(message: str, *hints: str, **where: Unpack[Where]) -> Finding:
    """A finding that has to be mended."""
    return Finding(level=Level.PROBLEM, message=message, hints=hints, **where)


@dataclass(frozen=True)
class Scope:
    """What is looked at: the profiles of these names, which are those of one pair or all (``is_of_all``).

    If one of the files cannot be read (not ``is_readable``), it is empty in ``profiles``, and there are no names.
    """

    context: Context
    profiles: Profiles
    names: tuple[str, ...]
    is_of_all: bool
    is_readable: bool = True

    @functools.cached_property
    def lines(self) -> Mapping[tuple[str, str, str | None], int]:
        """By path, section and key (None: the header), the line of the first that there is.

        Found once: to look through both files for each of some hundred profiles would take a minute.
        """
        found: dict[tuple[str, str, str | None], int] = {}
        for file in (self.profiles.credentials, self.profiles.config):
            for place in ini_survey.places(file):
                found.setdefault((file.path, place.section, place.key), place.line)
        return found

    def change(self, edit: shared_files.EditOfBoth) -> Fix:
        """A repair that edits both files, as they are by then."""
        return functools.partial(shared_files.change, self.context.paths, edit)

    def where(self, name: str, key: str | None = None) -> Place:
        """A profile, and the line that its header or the first of its keys of this name is on."""
        profiles = self.profiles
        for path, section in (
            (profiles.credentials.path, name),
            (profiles.config.path, profiles.config_header(name)),
        ):
            line = self.lines.get((path, section, key))
            if line is not None:
                return {"profile": name, "path": path, "line": line}
        return {"profile": name}


@dataclass(frozen=True)
class Check:
    """A check by its name, and what there is to say if it finds nothing (None: nothing)."""

    name: str
    find: Callable[[Scope], Iterable[Finding]]
    else_ok: str | None = None


def run(subject: Subject, checks: Iterable[Check], scope: Scope) -> list[Finding]:
    """What some checks find."""
    findings = []
    for check in checks:
        found = list(dict.fromkeys(check.find(scope)))  # once, where both files are the same
        if not found and check.else_ok is not None:
            found = [ok(check.else_ok)]
        findings += [replace(finding, check=check.name, subject=subject) for finding in found]
    return findings
