"""A file as botocore reads it, and what is said of one that it refuses."""

from mfa_profiles import ini


def test_a_line_that_is_not_utf_8_is_told_as_such() -> None:
    """Not as a line that is no ``key = value``, which it is as well once it is decoded somehow."""
    refusals = ini.refusals(b"[a]\n\xff\nold\n", "credentials")

    assert [
        "credentials, line 2: not valid UTF-8",
        "credentials, line 3: not a [section], a key = value, or a comment",
    ] == [refusal.message for refusal in refusals]
