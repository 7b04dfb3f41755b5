"""The command that a base profile names in ``mfa_process``, a key of aws-vault's, to print the token code.

Neither the command line, which may hold a secret, nor what was printed is ever put into an error.
"""

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mfa_profiles import ancestors, log
from mfa_profiles.errors import ProfileError

if TYPE_CHECKING:
    from subprocess import Popen

TIMEOUT = 60.0
"""Seconds that a command has, and with it the person who is to touch a key or to unlock a safe."""

_LIMIT = 64 * 1024
_GRACE = 0.3
_NO_SHELL = "it is run without a shell, which sh -c '...' gives it: no pipes, no variables, no ~"


@dataclass(frozen=True)
class MFAProcess:
    """The ``mfa_process`` of a base profile."""

    command: str = field(repr=False)
    profile: str
    waiting: tuple[str, ...] = ()
    """Other profiles that wait for the code: their base profile, if a role has the setting."""


def parse(text: str) -> str | None:
    """The six digits in a text, or None. Authenticators show them in groups, so spaces do not count."""
    digits = "".join(text.split())
    if not re.fullmatch(r"\d{6}", digits, re.ASCII):
        return None
    log.secret(digits)  # every code passes through here, before it goes anywhere else
    return digits


def token_code(process: MFAProcess) -> str:
    """Run a command and return the code that it prints: six digits.

    It is run without a shell, has our stdin, stderr and terminal, and TIMEOUT seconds. Raises ProfileError.
    """
    where = f"mfa_process of profile {process.profile}"
    words = _words(process.command, where)
    hints = (_NO_SHELL,) if re.search(r"[|&;<>$`]|(^|\s)~", process.command) else ()
    variables = ancestors.environment_for_child(os.environ, process.profile, *process.waiting)
    printed, exit_code = _run(words, variables, where, hints)
    if exit_code < 0:
        raise ProfileError(f"{where}: {_program(words)} was ended by signal {_signal(-exit_code)}", *hints)
    if exit_code:
        raise ProfileError(
            f"{where}: {_program(words)} ended with exit code {exit_code}", "what it said is above", *hints
        )
    code = code_in(printed)
    if code is None:
        raise _not_six_digits(words, where, hints)
    return code


def code_in(printed: bytes) -> str | None:
    """The code that a command printed: six digits on a line, and nothing else."""
    text = printed.decode(errors="replace").strip()
    # Two lines with three digits each are something else than a code in groups.
    return parse(text) if len(text.splitlines()) == 1 else None


def _words(command: str, where: str) -> list[str]:
    import shlex

    try:
        words = shlex.split(command)
    except ValueError as error:
        reason = "quotes are not closed" if "quotation" in str(error) else "it ends with a backslash"
        raise ProfileError(f"{where} is not a command: {reason}") from None
    if not words or not words[0].strip():
        raise ProfileError(f"{where} is empty", "set it to a command that prints the token code, or take it out")
    # The value of such a variable is likely to be a secret, so this may not end as an unknown command.
    if re.match(r"\w+=", words[0]):
        raise ProfileError(f"{where} is not a command: it starts with a variable", _NO_SHELL)
    return words


def _program(words: list[str]) -> str:
    """The command as errors name it: its first word, and no more if quotes have made the whole line one word."""
    first, *more = words[0].split()
    return f"{first}..." if more else first


def _is_nameless(words: list[str]) -> bool:
    # A single word may be what people took the key for: the place of a code, or of the device's seed.
    return len(words) == 1 and "/" not in words[0]


def _run(words: list[str], variables: Mapping[str, str], where: str, hints: tuple[str, ...]) -> tuple[bytes, int]:
    """What a command printed, and its exit code."""
    log.step(f"runs {'a command' if _is_nameless(words) else _program(words)} for a token code: {where}")
    with log.held():  # it may have a question of its own
        return _run_child(words, variables, where, hints)


def _run_child(
    words: list[str], variables: Mapping[str, str], where: str, hints: tuple[str, ...]
) -> tuple[bytes, int]:
    from subprocess import TimeoutExpired

    child = _start(words, variables, where)
    try:
        deadline = time.monotonic() + TIMEOUT
        printed = _read(child, deadline)
        if len(printed) > _LIMIT:
            raise _not_six_digits(words, where, hints)
        exit_code = child.wait(max(0.0, deadline - time.monotonic()))
    except TimeoutExpired:
        raise ProfileError(f"{where}: {_program(words)} gave no code within {TIMEOUT:g} s", *hints) from None
    finally:
        _end(child)
    return printed, exit_code


def _start(words: list[str], variables: Mapping[str, str], where: str) -> "Popen[bytes]":
    import subprocess

    try:
        return subprocess.Popen(words, bufsize=0, stdout=subprocess.PIPE, env=variables)  # noqa: S603 - a user's own
    except OSError as error:
        raise _not_started(words, where, error) from None
    except ValueError:
        # A NUL, or what the file system's encoding does not have.
        raise ProfileError(f"{where} is not a command: it holds characters that none can have") from None


def _not_started(words: list[str], where: str, error: OSError) -> ProfileError:
    from shutil import which

    nameless = _is_nameless(words)
    if isinstance(error, FileNotFoundError) and which(words[0]) is None:
        missing = "such command" if nameless else f"command {_program(words)}"
        return ProfileError(f"{where}: there is no {missing}", "install it, or give its whole path", _NO_SHELL)
    reason = os.strerror(error.errno).lower() if error.errno else "the system gave no reason"
    if isinstance(error, FileNotFoundError):
        reason = "its interpreter is missing"
    return ProfileError(f"{where}: {'it' if nameless else _program(words)} could not be run: {reason}")


def _read(child: "Popen[bytes]", deadline: float) -> bytes:
    """What a child prints until it has ended, or until it is more than _LIMIT. Raises TimeoutExpired.

    The end of the pipe alone would not do: a daemon that the child leaves behind, as password managers do, may hold
    it open.
    """
    from selectors import EVENT_READ, DefaultSelector
    from subprocess import TimeoutExpired

    assert child.stdout is not None
    printed = b""
    with DefaultSelector() as selector:
        selector.register(child.stdout, EVENT_READ)
        while len(printed) <= _LIMIT:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutExpired("", TIMEOUT)
            ended = child.poll() is not None
            if selector.select(min(left, 0.05)):
                chunk = child.stdout.read(_LIMIT)
                if not chunk:
                    break
                printed += chunk
            elif ended:
                break
    return printed


def _end(child: "Popen[bytes]") -> None:
    """Leave no child behind, whatever happens.

    It gets a moment to end by itself: Ctrl-C has reached it too, and it may have to switch the terminal's echo on.
    """
    from subprocess import TimeoutExpired

    assert child.stdout is not None
    try:
        child.stdout.close()
        with suppress(TimeoutExpired):
            child.wait(_GRACE)
        child.terminate()
        with suppress(TimeoutExpired):
            child.wait(_GRACE)
    finally:
        child.kill()
        child.wait()


def _signal(number: int) -> str:
    from signal import Signals

    try:
        return Signals(number).name
    except ValueError:
        return str(number)


def _not_six_digits(words: list[str], where: str, hints: tuple[str, ...]) -> ProfileError:
    return ProfileError(
        f"{where}: {_program(words)} printed something that is not six digits",
        "it has to print the token code and nothing else",
        *hints,
    )
