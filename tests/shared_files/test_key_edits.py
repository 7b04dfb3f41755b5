"""Edits of access keys, over generated files: what a rotation puts in, it can take out again."""

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import Keys, Profiles
from mfa_profiles.rotations import Rotation
from mfa_profiles.shared_files import with_new_key, with_rotation, without_rotation
from tests.documents import Document, documents
from tests.shared_files.test_editing_properties import parsed

BASE = "smce-veda"
OLD, NEW = Keys("AKIAIOSFODNN7EXAMPLE", "old/secret"), Keys("AKIAI44QH8DHBEXAMPLE", "new/secret=")

delimiters = st.sampled_from([" = ", "=", "= ", "\t=\t"])
trivia = st.lists(
    st.sampled_from(["# mine", "  ; indented", "", "region = x", "# Expires never"]), max_size=2, unique=True
)


@st.composite
def sections(draw: st.DrawFn, name: str) -> tuple[str, str]:
    """A section that has the old key, and whatever people put between."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    keys = [("aws_access_key_id", OLD.access_key_id), ("AWS_SECRET_ACCESS_KEY", OLD.secret_access_key)]
    between = draw(trivia)
    first, second = (f"{key}{draw(delimiters)}{value}" for key, value in draw(st.permutations(keys)))
    lines = [
        f"[{name}]{draw(st.sampled_from(['', ' # c']))}",
        first,
        *between,
        second,
        draw(st.sampled_from(["", "# e"])),
    ]
    return name, "".join(line + end for line in lines)


@given(documents(), sections(BASE), sections("copy"), st.booleans(), st.booleans())
def test_a_rotation_that_is_taken_back_leaves_no_trace(
    others: Document, base: tuple[str, str], copy: tuple[str, str], keep_old: bool, is_recorded_first: bool
) -> None:
    """Byte for byte, in all sections that have the key; and meanwhile the comment is found again."""
    before = Profiles(parsed(Document(others.preamble, (base, *others.sections, copy))), IniFile("config"))
    rotation = Rotation(OLD.access_key_id, datetime(2026, 11, 24, tzinfo=UTC), keep_old)
    recorded = rotation._replace(new_access_key_id=NEW.access_key_id)
    try:
        begun = with_rotation(before, BASE, rotation)
        noted = with_rotation(begun, BASE, recorded) if is_recorded_first else begun
        stored = with_new_key(with_rotation(noted, BASE, recorded), BASE, OLD, NEW)
        back = without_rotation(with_new_key(stored, BASE, NEW, OLD), BASE)
    except FileRefusedError:
        assume(False)
        raise

    assert begun.rotations == {BASE: rotation}
    assert stored.rotations == {BASE: recorded}
    assert NEW == stored.keys(BASE) == stored.keys("copy")
    assert before.credentials.text == back.credentials.text
