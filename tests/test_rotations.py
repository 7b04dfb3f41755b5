"""The comment that says that an access key is being replaced."""

from datetime import UTC, datetime

import pytest

from mfa_profiles.rotations import Rotation, comment, parse_comment

ROTATION = Rotation("AKIAIOSFODNN7EXAMPLE", datetime(2026, 11, 24, 9, 5, tzinfo=UTC))
LINE = "# Rotating access key AKIAIOSFODNN7EXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: rotate again to finish)"
KEEPING = LINE.replace("rotate again", "rotate --keep-old again")


def test_the_comment_is_written_and_found_again() -> None:
    """As people read it in the file, with whatever ends its line."""
    keeping = Rotation(ROTATION.access_key_id, ROTATION.since, keep_old=True)

    assert (LINE, KEEPING) == (comment(ROTATION), comment(keeping))
    assert (ROTATION, keeping) == (parse_comment(LINE), parse_comment(f"{KEEPING}\r\n"))


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
    ],
)
def test_other_comments_are_not_ours(line: str) -> None:
    """What a person wrote, or cut, is theirs."""
    assert None is parse_comment(line)
