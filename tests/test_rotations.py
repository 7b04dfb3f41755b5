"""The comment that says that an access key is being replaced."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_profiles.rotations import Rotation, comment, parse_comment

ROTATION = Rotation("AKIAIOSFODNN7EXAMPLE", datetime(2026, 11, 24, 9, 5, tzinfo=UTC))
LINE = "# Rotating access key AKIAIOSFODNN7EXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: rotate again to finish)"
KEEPING = LINE.replace("rotate again", "rotate --keep-old again")
RECORDED = LINE.replace(" since", " to AKIAI44QH8DHBEXAMPLE since")

access_key_ids = st.from_regex(r"(?a)\w{16,128}", fullmatch=True)
rotations = st.builds(
    Rotation,
    access_key_ids,
    st.integers(0, 2**35).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.booleans(),
    st.none() | access_key_ids,
).filter(lambda rotation: rotation.access_key_id != rotation.new_access_key_id)


@pytest.mark.parametrize(
    ("line", "rotation"),
    [
        (LINE, ROTATION),
        (KEEPING, ROTATION._replace(keep_old=True)),
        (RECORDED, ROTATION._replace(new_access_key_id="AKIAI44QH8DHBEXAMPLE")),
    ],
)
def test_the_comment_is_written_and_found_again(line: str, rotation: Rotation) -> None:
    """As people read it in the file, with whatever ends its line."""
    assert comment(rotation) == line
    assert parse_comment(line) == rotation
    assert parse_comment(f"{line}\r\n") == rotation


@given(rotations, st.sampled_from(["", "\n", "\r\n", "  \n"]))
def test_every_rotation_is_found_again(rotation: Rotation, end: str) -> None:
    assert parse_comment(comment(rotation) + end) == rotation


def test_a_key_that_replaces_itself_is_not_recorded() -> None:
    """A comment that was edited like this would let the only key be deleted."""
    assert parse_comment(RECORDED.replace("AKIAI44QH8DHBEXAMPLE", ROTATION.access_key_id)) == ROTATION


@pytest.mark.parametrize(
    "line",
    [
        "",
        f" {LINE}",
        f"#{LINE}",
        f"{LINE} or not",
        LINE.replace("2026-11-24T09:05:00Z", "soon"),
        LINE.replace("AKIAIOSFODNN7EXAMPLE", "AKIA"),
        LINE.replace("AKIA", "ÄKIA"),
        LINE.replace("rotate again", "rotates again"),
        LINE.removesuffix(")"),
        RECORDED.replace(" to AKIA", " to ÄKIA"),
        RECORDED.replace("AKIAI44QH8DHBEXAMPLE", "AKIA"),
        RECORDED.replace(" to ", " into "),
    ],
)
def test_other_comments_are_not_ours(line: str) -> None:
    """What a person wrote, or cut, is theirs."""
    assert None is parse_comment(line)
