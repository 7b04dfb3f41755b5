"""Which source of token codes is taken, and what each does."""

import io
import os
import sys
from pathlib import Path

import pytest

from mfa_profiles.errors import TokenCodeNeededError, UsageError
from mfa_profiles.mfa_process import MFAProcess
from mfa_profiles.token_code import Call, CodeSource, CodeSources, nothing

DEVICE = "arn:aws:iam::123456789012:mfa/john.doe"
OTHER_DEVICE = "arn:aws:iam::210987654321:mfa/john.doe"
PROCESS = MFAProcess("echo 333333", "work")
BY_ENVIRONMENT = {"MFA_PROFILES_TOKEN_CODE": "222 222"}


class Person:
    """Somebody at the terminal, who types the answers one after the other."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    def __call__(self, question: str, meanwhile: Call = nothing) -> str:
        """Answer a question, once there is one."""
        meanwhile()
        self.questions.append(question)
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("option", "environment", "process", "code", "attempts", "waits"),
    [
        ("111111", BY_ENVIRONMENT, PROCESS, "111111", 1, False),
        ("-", BY_ENVIRONMENT, PROCESS, "555555", 1, False),
        (None, BY_ENVIRONMENT, PROCESS, "222222", 1, False),
        ("", {"MFA_PROFILES_TOKEN_CODE": "-"}, PROCESS, "555555", 1, False),
        (None, {}, PROCESS, "333333", 2, True),
        (None, {"MFA_PROFILES_TOKEN_CODE": ""}, PROCESS, "333333", 2, True),
        (None, {}, None, "444444", 3, False),
    ],
)
def test_the_first_source_there_is(
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    environment: dict[str, str],
    process: MFAProcess | None,
    code: str,
    attempts: int,
    waits: bool,
) -> None:
    """The option, the environment, the command, the terminal; the command's code is right, so waiting helps it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"555555\n")))

    source: CodeSource = CodeSources(option, environment, Person("444444")).for_profile(process)

    assert (attempts, waits, code) == (source.attempts, source.waits, source.code(DEVICE))


def test_without_a_source() -> None:
    """The hints name all the ways."""
    with pytest.raises(TokenCodeNeededError) as raised:
        CodeSources(None, {}, None).for_profile()

    assert "a token code is needed, and there is no terminal to ask for it on" == raised.value.message
    assert (
        "run it in a terminal",
        "or give it in MFA_PROFILES_TOKEN_CODE, or mfa-profiles refresh --token-code CODE (- reads stdin)",
        "or set mfa_process in the base profile to a command that prints it",
    ) == raised.value.hints


def test_the_command_needs_no_terminal() -> None:
    """That is what it is for."""
    assert "333333" == CodeSources(None, {}, None).for_profile(PROCESS).code(DEVICE)


def test_the_command_is_run_for_each_code(tmp_path: Path) -> None:
    """And not before one is needed."""
    log = tmp_path / "log"
    source = CodeSources(None, {}, None).for_profile(MFAProcess(f"sh -c 'echo x >>{log}; echo 333333'", "work"))
    assert not log.exists()

    codes = [source.code(DEVICE), source.code(DEVICE)]

    assert ["333333", "333333"] == codes
    assert "x\nx\n" == log.read_text()


@pytest.mark.parametrize(
    ("option", "environment", "given_in"),
    [
        ("hunter2", {"MFA_PROFILES_TOKEN_CODE": "123456"}, "--token-code"),
        (None, {"MFA_PROFILES_TOKEN_CODE": "hunter2"}, "MFA_PROFILES_TOKEN_CODE"),
    ],
)
def test_what_is_no_code_is_not_repeated(option: str | None, environment: dict[str, str], given_in: str) -> None:
    """It is refused before anything else is done, and who has typed none is told where it came from."""
    with pytest.raises(UsageError) as raised:
        CodeSources(option, environment, None).for_profile()

    assert f"a token code is six digits, which {given_in} is not" == raised.value.message
    assert "hunter2" not in " ".join(raised.value.hints)


@pytest.mark.parametrize(
    ("option", "environment", "one"),
    [
        ("111111", {}, True),
        (None, BY_ENVIRONMENT, True),
        ("-", BY_ENVIRONMENT, False),
        (None, {"MFA_PROFILES_TOKEN_CODE": "-"}, False),
        ("", {"MFA_PROFILES_TOKEN_CODE": ""}, False),
        (None, {}, False),
    ],
)
def test_one_code_is_not_enough_for_two(option: str | None, environment: dict[str, str], one: bool) -> None:
    """A given code is one; stdin and the terminal have more."""
    assert one is CodeSources(option, environment, None).gives_one_code


def test_a_stdin_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(os.open(tmp_path / "written", os.O_WRONLY | os.O_CREAT)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)

        with pytest.raises(UsageError, match="--token-code - reads stdin, which cannot be read: bad file descriptor"):
            CodeSources("-", {}, None).for_profile().code(DEVICE)


def test_each_identity_reads_a_line_of_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, until there are no more."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"111111\n222 222\n")))
    sources = CodeSources("-", {}, None)

    codes = [sources.for_profile().code(DEVICE), sources.for_profile(PROCESS).code(OTHER_DEVICE)]

    assert ["111111", "222222"] == codes
    with pytest.raises(UsageError):
        sources.for_profile().code(DEVICE)


def test_a_closed_stdin_has_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None in its place."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(UsageError):
        CodeSources("-", {}, None).for_profile().code(DEVICE)


def test_a_person_is_asked_until_it_is_six_digits() -> None:
    """What was typed is not repeated."""
    person = Person("", "hunter2", "111 111")

    code = CodeSources(None, {}, person).for_profile().code(DEVICE)

    assert "111111" == code
    question = f"MFA code for {DEVICE}:"
    complaint = f"That is not six digits.\n{question}"
    assert [question, complaint, complaint] == person.questions


def test_a_code_that_was_just_typed_is_not_taken_again() -> None:
    """AWS takes each once: whoever types it again, for the same profile or another, is told to wait."""
    person = Person("111111", "111 111", "x", "222222", "222222", "111111", "333333")
    sources = CodeSources(None, {}, person)
    first, second = sources.for_profile(), sources.for_profile()

    codes = [first.code(DEVICE), first.code(DEVICE), second.code(DEVICE)]

    assert ["111111", "222222", "333333"] == codes
    question = f"MFA code for {DEVICE}:"
    used = f"That code was just used: wait until the device shows the next one.\n{question}"
    assert [
        question,
        question,
        used,
        f"That is not six digits.\n{question}",
        question,
        used,
        used,
    ] == person.questions


def test_another_device_may_show_the_same_code() -> None:
    """And another run knows nothing of this one."""
    person = Person("111111", "111111", "111111")
    sources = CodeSources(None, {}, person)

    codes = [
        sources.for_profile().code(DEVICE),
        sources.for_profile().code(OTHER_DEVICE),
        CodeSources(None, {}, person).for_profile().code(DEVICE),
    ]

    assert ["111111"] * 3 == codes


def test_no_code_and_no_command_in_repr() -> None:
    """Of the sources, or of what makes them."""
    sources = CodeSources("111111", BY_ENVIRONMENT, Person("444444"))
    typed = CodeSources(None, {}, Person("444444"))
    from_terminal = typed.for_profile()
    from_terminal.code(DEVICE)

    shown = repr(
        [sources, sources.for_profile(), typed, from_terminal, CodeSources(None, {}, None).for_profile(PROCESS)]
    )

    for secret in ("111111", "222", "333333", "444444"):
        assert secret not in shown
