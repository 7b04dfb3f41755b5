"""A ``.env`` file with anything in it, and values as nobody gives them."""

import io

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from mfa_profiles import dotenv
from mfa_profiles.dotenv import DotenvError
from mfa_profiles.errors import ProfileError
from tests.trials.fuzzing import MARKER, SEPARATOR, parts
from tests.trials.fuzzing.messages import check_message

_MAX_LENGTH = 2048
_NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def case(text: bytes, *values: str) -> bytes:
    """The case of a file, and of the values that are put into it; without any, they are taken out."""
    return SEPARATOR.join([*(value.encode(errors="surrogateescape") for value in values), text])


def check(data: bytes) -> None:
    """Set and unset variables, and read the file with python-dotenv."""
    *values, raw = parts(data[:_MAX_LENGTH], len(_NAMES) + 1)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return  # which change_env_file refuses
    texts = [value.decode(errors="surrogateescape") for value in values]
    variables: dict[str, str | None] = {
        name: value or None for name, value in zip(_NAMES, texts, strict=False) if value != "-"
    }
    is_readable = not any(binding.error for binding in parse_stream(io.StringIO(text, newline=""))) and "\r" not in (
        text.replace("\r\n", "")
    )
    try:
        after = dotenv.update(text, variables)
    except DotenvError as error:
        assert not is_readable, "a text is refused that python-dotenv reads"
        assert 1 <= error.line <= text.count("\n") + 1, "a line that the file has not"
        assert MARKER not in str(error), "a message holds what stands in the file"
        return
    except ProfileError as error:
        check_message(error)
        return
    assert is_readable, "a text is edited that python-dotenv does not read"
    after.encode()  # as it is written
    _check(text, after, variables)


def _check(text: str, after: str, variables: dict[str, str | None]) -> None:
    ours = {name: value for name, value in variables.items() if value is not None}
    before = _read(text)
    others = {name: value for name, value in before.items() if name not in variables}
    assert others | ours == _read(after), "python-dotenv reads something else"
    interpolated = _read(after, interpolate=True)
    assert ours == {name: interpolated[name] for name in ours}, "python-dotenv fills something in"
    assert _others(text, variables) == _others(after, variables), "another line is not what it was"
    assert after == dotenv.update(after, variables), "twice is not the same as once"
    if not set(variables) & set(before):
        assert text == dotenv.update(after, dict.fromkeys(variables)), "taken back, the file is not what it was"


def _read(text: str, *, interpolate: bool = False) -> dict[str, str | None]:
    return dotenv_values(stream=io.StringIO(text, newline=None), interpolate=interpolate)


def _others(text: str, variables: dict[str, str | None]) -> list[str]:
    """The lines of all other variables and of none; python-dotenv takes blank ones for a part of the next."""
    bindings = parse_stream(io.StringIO(text, newline=""))
    return [line for binding in bindings if binding.key not in variables if (line := binding.original.string.strip())]
