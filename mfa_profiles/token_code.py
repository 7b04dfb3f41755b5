"""Where the six digits of an MFA device come from. They are never stored, logged or put into an error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mfa_profiles import environment, log, mfa_process, stdin
from mfa_profiles.errors import TokenCodeNeededError, UsageError
from mfa_profiles.mfa_process import MFAProcess, parse

Call = Callable[[], object]
"""Something that is done while a person types."""


def nothing() -> None:
    """Do nothing meanwhile."""


class CodeSource:
    """Something that gives token codes.

    ``attempts`` is how many codes are worth trying when AWS refuses one. It ``waits`` if a refused code was a right
    one that had been used: the next 30 seconds bring another.
    """

    def __init__(self, code: Callable[[str], str], *, attempts: int = 1, waits: bool = False) -> None:
        self.code = code
        """The next code of the device with a serial number: six digits."""
        self.attempts = attempts
        self.waits = waits


class Ask(Protocol):
    """Puts a question to a person on the terminal and returns the answer."""

    def __call__(self, question: str, meanwhile: Call = ...) -> str:
        """``meanwhile`` is called once the question is there to be read."""


GivenCode = str | Callable[[], str] | None
"""A token code, ``-`` for those on stdin, or a function that returns one at each call."""


@dataclass(frozen=True)
class CodeSources:
    """Where the codes of one run come from: ``--token-code``, the environment, a command or the terminal.

    The sources know of each other: a person is not asked to type for one profile what has been used for another.
    """

    option: GivenCode = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    ask: Ask | None
    _typed: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)

    @property
    def gives_one_code(self) -> bool:
        """True if there is one code and no more: AWS takes it once, so it does not serve two identities."""
        return isinstance(self._given, str) and self._given != "-"

    @property
    def gives_any_profile_one(self) -> bool:
        """True if an option, a variable or the terminal gives codes for all profiles."""
        return bool(self._given) or self.ask is not None

    def for_profile(self, process: MFAProcess | None = None, meanwhile: Call = nothing) -> CodeSource:
        """The first source that there is for a base profile with this ``mfa_process``.

        If that is a person, ``meanwhile`` is called each time that the question is there to be read.
        Raises TokenCodeNeededError if there is none, UsageError if a given code is not one.
        """
        if self._given == "-":
            return CodeSource(_from_stdin)
        if callable(self._given):
            # Behind it there may be a person, who has another code to give, or a program, which may have but one.
            return CodeSource(_from_function(self._given), attempts=3)
        if self._given:
            given_in = "--token-code" if self.option else environment.TOKEN_CODE
            return CodeSource(_given(_six_digits(self._given, given_in), given_in))
        if process is not None:
            return CodeSource(_from_process(process), attempts=2, waits=True)
        if self.ask is not None:
            return CodeSource(_from_terminal(self.ask, self._typed, meanwhile), attempts=3)
        raise TokenCodeNeededError(
            "a token code is needed, and there is no terminal to ask for it on",
            "run it in a terminal",
            f"or give it in {environment.TOKEN_CODE}, or mfa-profiles refresh --token-code CODE (- reads stdin)",
            "or set mfa_process in the base profile to a command that prints it",
        )

    @property
    def _given(self) -> GivenCode:
        return self.option or self.environment.get(environment.TOKEN_CODE) or None


def _six_digits(text: str, given_in: str) -> str:
    code = parse(text)
    if code is None:
        raise UsageError(
            f"a token code is six digits, which {given_in} is not",
            "read it from the app or token that is your MFA device",
        )
    return code


def _given(digits: str, given_in: str) -> Callable[[str], str]:
    def code(_: str) -> str:  # it is meant for the one device there is
        log.step(f"takes the token code that was given in {given_in}")
        return digits

    return code


def _from_stdin(_: str) -> str:
    log.step("reads a token code from stdin")
    line = stdin.read_line("--token-code")
    if not line:
        raise UsageError("there is no token code left on stdin", "each identity takes a line of its own")
    # Digits are ASCII, whatever stdin is encoded in; some programs put a byte order mark before them.
    return _six_digits(line.decode("utf-8-sig", errors="replace"), "the line on stdin")


def _from_function(function: Callable[[], str]) -> Callable[[str], str]:
    last = None

    def code(_: str) -> str:  # whoever wrote the function knows the device
        nonlocal last
        answer: object = function()
        digits = _six_digits(answer if isinstance(answer, str) else "", "the answer of token_code")
        if digits == last:
            raise UsageError(
                "token_code was called again and gave the same answer, which is no unused code of the device",
                "AWS takes each code once: try again when the device shows the next one",
            )
        last = digits
        return digits

    return code


def _from_process(process: MFAProcess) -> Callable[[str], str]:
    return lambda _: mfa_process.token_code(process)  # which knows its device


def _from_terminal(ask: Ask, typed: set[tuple[str, str]], meanwhile: Call) -> Callable[[str], str]:
    """``typed`` are serial numbers and the codes that were typed for them in this run."""

    def code(serial_number: str) -> str:
        log.step("asks for a token code on the terminal")
        question = f"MFA code for {serial_number}:"
        complaint = ""
        while True:
            digits = parse(ask(complaint + question, meanwhile))
            if digits is None:
                complaint = "That is not six digits.\n"
            elif (serial_number, digits) in typed:
                complaint = "That code was just used: wait until the device shows the next one.\n"
            else:
                typed.add((serial_number, digits))
                return digits

    return code
