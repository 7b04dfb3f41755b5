"""Where the six digits of an MFA device come from. They are never stored, logged or put into an error."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mfa_profiles.errors import TokenCodeNeededError, UsageError

ENVIRONMENT_VARIABLE = "MFA_PROFILES_TOKEN_CODE"

Ask = Callable[[str], str]
"""Puts a question to a person on the terminal and returns the answer."""


class CodeSource(Protocol):
    """Something that gives token codes."""

    @property
    def attempts(self) -> int:
        """How many codes are worth trying when AWS refuses one."""

    def code(self, serial_number: str) -> str:
        """The next code of a device: six digits."""


def find_source(option: str | None, environment: Mapping[str, str], ask: Ask | None) -> CodeSource:
    """The first source there is: ``--token-code``, ``MFA_PROFILES_TOKEN_CODE``, the terminal.

    Raises TokenCodeNeededError if there is none, UsageError if a given code is not one.
    """
    given = option or environment.get(ENVIRONMENT_VARIABLE)
    if given == "-":
        return _FromStdin()
    if given:
        return _Given(_six_digits(given))
    if ask is not None:
        return _FromTerminal(ask)
    raise TokenCodeNeededError(
        "a token code is needed, and there is no terminal to ask for it on",
        f"give it with --token-code CODE, on stdin with --token-code -, or in {ENVIRONMENT_VARIABLE}",
    )


def parse(text: str) -> str | None:
    """The six digits in a text, or None. Authenticators show them in groups, so spaces do not count."""
    digits = "".join(text.split())
    return digits if re.fullmatch(r"\d{6}", digits, re.ASCII) else None


def _six_digits(text: str) -> str:
    code = parse(text)
    if code is None:
        raise UsageError("a token code is six digits", "read it from the app or token that is your MFA device")
    return code


@dataclass(frozen=True)
class _Given:
    digits: str = field(repr=False)
    attempts: int = 1

    def code(self, serial_number: str) -> str:  # noqa: ARG002 - it is meant for the one device there is
        return self.digits


@dataclass(frozen=True)
class _FromStdin:
    attempts: int = 1

    def code(self, serial_number: str) -> str:  # noqa: ARG002 - as above
        return _six_digits(sys.stdin.readline() if sys.stdin else "")


@dataclass(frozen=True)
class _FromTerminal:
    ask: Ask
    attempts: int = 3

    def code(self, serial_number: str) -> str:
        question = f"MFA code for {serial_number}:"
        code = parse(self.ask(question))
        while code is None:
            code = parse(self.ask(f"That is not six digits.\n{question}"))
        return code
