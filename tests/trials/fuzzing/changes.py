"""What an edit of the shared files may change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import ProfilePair, Profiles, derived_name, refuse_illegal_name
from mfa_profiles.shared_files import EditOfBoth

MOMENT = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)

Check = Callable[[Profiles, Profiles], None]


@dataclass(frozen=True)
class Change:
    """An edit, the sections that it may touch in each file, and what they are to be after it.

    ``undo`` gives back the files, byte for byte, if it is not None. One that no command would make, as its
    name is not one that every SDK can read, is held to what botocore reads alone.
    """

    edit: EditOfBoth
    credentials: frozenset[str]
    config: frozenset[str]
    check: Check = field(default=lambda _before, _after: None)
    undo: EditOfBoth | None = None
    is_of_a_command: bool = True
    keeps_byte_order_marks: bool = True


def pair_of(profiles: Profiles, name: str) -> ProfilePair:
    """The pair that a command would take a name for; the usual one, if it is none."""
    try:
        pair = profiles.pair(name)
    except ProfileError:
        return ProfilePair(name, derived_name(name))
    return pair if pair.base != pair.derived else ProfilePair(name, derived_name(name))


def is_legal(name: str) -> bool:
    """True for a name that every SDK can read."""
    try:
        refuse_illegal_name(name)
    except ProfileError:
        return False
    return True
