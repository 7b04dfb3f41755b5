"""Names as people, variables and scripts give them, to the command line in this process and in a home of its own."""

import atexit
import contextlib
import io
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from mfa_profiles import terminal
from mfa_profiles.__main__ import run
from tests.trials.fuzzing import MARKER, SEPARATOR
from tests.trials.fuzzing.unchanged import botocore_reads

_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("status", "--", "NAME"),
    ("status", "--json", "NAME"),
    ("clear", "--", "NAME"),
    ("refresh", "--", "NAME"),
    ("refresh", "--json", "a", "--to", "NAME"),
    ("refresh", "--to", "NAME", "--", "NAME"),
    ("doctor", "--offline", "--fix", "--", "NAME"),
    ("export", "--by-profile", "--", "NAME"),
    ("export", "--format", "dotenv", "--by-profile", "--", "NAME"),
    ("credential-process", "NAME", "NAME"),
    ("setup", "--no-refresh", "--", "NAME"),
    ("setup", "--region", "NAME", "--serial-number", "NAME", "a"),
    ("devices", "--json", "NAME", "--NAME"),
    ("shell-init", "NAME"),
    ("status",),
    ("NAME",),
)
_ENDS = {0, 1, 2, 3, 4, 5}

_CREDENTIALS = f"""[a]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}

[a-mfa]
# Expires 2199-11-24T21:05:00Z (mfa-profiles: source_profile a)
aws_access_key_id = ASIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}
aws_session_token = {MARKER}
"""
_CONFIG = "[profile a]\nregion = eu-central-1\n"
_REPAIRED = "profile a-mfa"  # which lacks the region of its base


def case(name: str, command: int) -> bytes:
    """The case of a name, given to one of the commands."""
    return SEPARATOR.join([bytes([65 + command]), name.encode(errors="surrogateescape")])


def check(data: bytes) -> None:
    """Give a name to a command, which does no more with it than to say that it is none."""
    command, _, raw = data[:1024].partition(SEPARATOR)
    name = raw.decode(errors="surrogateescape")
    if name.startswith(("-v", "--v", "--w", "--token")) or MARKER in name:
        return
    words = _COMMANDS[(command or b"A")[0] % len(_COMMANDS)]
    for path, text in ((_home() / "credentials", _CREDENTIALS), (_home() / "config", _CONFIG)):
        path.write_text(text)
    code, said = _run([word.replace("NAME", name) for word in words], name.replace("\0", ""))
    assert code in _ENDS, f"an exit code that is none of ours: {code}"
    assert "this should not have happened" not in said, said.partition("happened: ")[2]
    assert MARKER not in said, "a secret is shown"
    assert not [char for char in said if not char.isprintable() and char not in "\n\t" + name], "not printable"
    assert "\x1b" not in said, "a control character reaches the terminal"
    for path, text in ((_home() / "credentials", _CREDENTIALS), (_home() / "config", _CONFIG)):
        before, after = botocore_reads(text.encode()), botocore_reads(path.read_bytes())
        assert before is not None
        assert after is not None, "the file cannot be read any more"
        assert set(after) <= {*before, _REPAIRED}, "a section is there that nobody meant"
        assert before.get("a") == after.get("a"), "the base profile is not what it was"


_made: list[Path] = []


def _home() -> Path:
    if not _made:
        memory = Path("/dev/shm")
        _made.append(Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None)))
        atexit.register(shutil.rmtree, _made[0], ignore_errors=True)
    return _made[0]


def _run(arguments: Sequence[str], profile: str) -> tuple[int, str]:
    """Run the tool without a terminal, and return how it ended and what it said on stderr and stdout."""
    environment = {
        "HOME": str(_home()),
        "PATH": os.defpath,
        "AWS_SHARED_CREDENTIALS_FILE": str(_home() / "credentials"),
        "AWS_CONFIG_FILE": str(_home() / "config"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_PROFILE": profile,
    }
    with mock.patch.dict(os.environ, environment, clear=True), _streams() as (out, err):
        interrupt = signal.getsignal(signal.SIGINT)
        try:
            code = run(arguments)
        finally:
            signal.signal(signal.SIGINT, interrupt)
        out.flush()
        err.flush()
        return code, (_written(out) if "credential-process" not in arguments else "") + _written(err)


def _written(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextlib.contextmanager
def _streams() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        mock.patch.object(sys, "stdin", io.StringIO()),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        mock.patch.object(terminal, "TERMINAL", os.devnull + "/none"),
    ):
        yield out, err
