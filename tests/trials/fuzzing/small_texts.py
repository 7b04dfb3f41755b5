"""The small grammars: our own comments, times, the console's file of keys, and what commands print for codes."""

from datetime import UTC, datetime

from mfa_profiles import access_keys_csv, mfa_process, rotations, sessions
from mfa_profiles.access_keys import fault_of_id, fault_of_secret
from mfa_profiles.errors import ProfileError
from mfa_profiles.rotations import Rotation
from mfa_profiles.sessions import Origin
from tests.trials.fuzzing import parts
from tests.trials.fuzzing.messages import check_message

_MOMENT = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)


def check_comment(data: bytes) -> None:
    """What is found in a line is found again in the line that the tool makes of it."""
    line = data.decode(errors="replace").replace("\n", " ")
    origin = sessions.parse_expiration_comment(line)
    if origin is not None:
        _check_line(sessions.expiration_comment(_MOMENT, origin))
        again = sessions.parse_expiration_comment(sessions.expiration_comment(_MOMENT, origin))
        assert again is not None
        assert [value or None for value in origin] == [*again], "a comment does not say what it was given"
        assert sessions.with_other_access_key(line, "", "") == line
        for value in (origin.source_profile, origin.mfa_serial, origin.role_arn):
            (value or "").encode()
    rotation = rotations.parse_comment(line)
    if rotation is not None:
        _check_line(rotations.comment(rotation))
        again_rotation = rotations.parse_comment(rotations.comment(rotation))
        assert rotation == again_rotation, "a comment does not say what it was given"
    moment = sessions.parse_time(line)
    if moment is not None:
        assert moment.replace(microsecond=0) == sessions.parse_time(sessions.format_time(moment))


def check_values_in_comments(data: bytes) -> None:
    """Whatever names there are, a comment is one line, and gives them back."""
    source, serial, role = (part.decode(errors="replace").replace("\ufffd", "x") for part in parts(data, 3))
    origin = Origin(source or "a", serial or None, role or None)
    line = sessions.expiration_comment(_MOMENT, origin)
    _check_line(line)
    assert origin == sessions.parse_expiration_comment(line), "a comment does not say what it was given"
    assert None is rotations.parse_comment(line)
    rotation = Rotation("AKIAIOSFODNN7EXAMPLE", _MOMENT, keep_old=bool(serial))
    assert None is sessions.parse_expiration_comment(rotations.comment(rotation))


def _check_line(line: str) -> None:
    assert line.isascii(), "a comment has characters that a reader may not know"
    assert line.isprintable(), "a comment has more than a line"


def check_csv(data: bytes) -> None:
    """Keys of the right form that stand in the file, or an error without a word of it."""
    try:
        keys = access_keys_csv.keys_in(data, "accessKeys.csv")
    except ProfileError as error:
        check_message(error)
        return
    assert (None, None) == (fault_of_id(keys.access_key_id), fault_of_secret(keys.secret_access_key))
    text = data.decode("utf-8-sig").replace('""', '"')
    assert keys.access_key_id in text, "an access key ID that is not in the file"
    assert keys.secret_access_key in text or '"' in text, "a secret that is not in the file"


def check_printed_code(data: bytes) -> None:
    """Six digits of a line that has nothing else but blanks, or no code."""
    code = mfa_process.code_in(data)
    dense = bytes(byte for byte in data if not chr(byte).isspace())
    if code is None:
        assert not (len(data) == 6 and data.isdigit()), "a code that is not taken for one"
    else:
        assert len(code) == 6, "a code without six digits"
        assert set(code) <= set("0123456789"), "a code with something else than digits"
        if data.isascii():
            assert dense == code.encode(), "a code that was not printed"
            assert "\n" not in data.decode().strip(), "a code of two lines"
