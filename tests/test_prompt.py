"""Questions on real terminals: jobs that shells stop and continue, and terminals in other programs' modes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.home import TOOL, Home
from tests.processes import wait_for, wait_until
from tests.screens import Screen
from tests.shells import SHELLS, Shell

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"

ASK = """
import os, sys
from mfa_profiles import terminal
open("pid", "w").write(f"{os.getpid()}\\n")
try:
    answer = terminal.ask_secret("Hidden?") if sys.argv[1] == "secret" else terminal.ask("Shown?")
    open("answer", "w").write(f"{answer}\\n")
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def _ask(home: Home) -> None:
    (home.path / "ask.py").write_text(ASK)


@pytest.fixture(params=[*SHELLS, "dash"])
def shell(request: pytest.FixtureRequest, home: Home) -> Iterator[Shell]:
    """A shell, of whose terminal each fragment of the secret is kept away."""
    shell = Shell(request.param, home)
    yield shell
    home.secrets.extend([SECRET[:10], SECRET[10:]])
    shell.close()


def start(shell: Shell, kind: str) -> None:
    """Start a question."""
    (shell.home.path / "pid").unlink(missing_ok=True)
    shell.keys(f"{sys.executable} ask.py {kind}\r")
    wait_for(shell.home.path / "pid")
    shell.expect("Hidden?" if kind == "secret" else "Shown?")


def process(shell: Shell) -> int:
    """The ID of the process that asks."""
    return int((shell.home.path / "pid").read_text())


def is_stopped(shell: Shell) -> bool:
    """True if the process that asks is stopped."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process(shell))], capture_output=True, text=True)
    return state.stdout.startswith("T")


def modes(shell: Shell) -> set[str]:
    """The modes of the terminal for commands of the shell."""
    assert 0 == shell.run("stty -a >modes")
    return set(re.findall(r"-?\w+", (shell.home.path / "modes").read_text()))


def by_key(shell: Shell) -> None:
    shell.keys(CTRL_Z)


def in_the_middle(shell: Shell) -> None:
    shell.keys(SECRET[:10] + CTRL_Z)


def in_the_middle_by_another(shell: Shell) -> None:
    shell.keys(SECRET[:10])
    os.kill(process(shell), signal.SIGTSTP)


def by_force(shell: Shell) -> None:
    os.kill(process(shell), signal.SIGSTOP)


@pytest.mark.parametrize("stop", [by_key, in_the_middle, in_the_middle_by_another, by_force])
def test_a_secret_stays_hidden_when_the_question_was_stopped(shell: Shell, stop: Callable[[Shell], None]) -> None:
    before = modes(shell)
    start(shell, "secret")
    for _ in range(2):
        stop(shell)
        wait_until(lambda: is_stopped(shell))
        if stop is not by_force or shell.name != "dash":  # which has no modes of its own
            assert before == modes(shell)
        shell.keys("fg\r")
        shell.expect("Hidden?")
    shell.answer(SECRET)
    wait_for(shell.home.path / "answer")

    assert before == modes(shell)
    assert f"{SECRET}\n" == (shell.home.path / "answer").read_text()


def test_a_secret_stays_hidden_when_the_question_was_in_the_background(shell: Shell) -> None:
    """A job that is continued there leaves the terminal to the shell."""
    before = modes(shell)
    start(shell, "secret")
    shell.keys(CTRL_Z)
    wait_until(lambda: is_stopped(shell))
    for continue_it in ("bg", f"kill -CONT {process(shell)}"):
        shell.run(continue_it)
        wait_until(lambda: is_stopped(shell))
        assert before == modes(shell)
    shell.keys("fg\r")
    shell.expect("Hidden?")
    shell.answer(SECRET)
    wait_for(shell.home.path / "answer")

    assert before == modes(shell)
    assert f"{SECRET}\n" == (shell.home.path / "answer").read_text()


def test_a_question_is_shown_again(shell: Shell) -> None:
    start(shell, "code")
    shell.keys(f"123{CTRL_Z}")
    wait_until(lambda: is_stopped(shell))
    shell.keys("fg\r")
    shell.expect("Shown?")
    shell.answer("654321")
    shell.expect("654321")
    wait_for(shell.home.path / "answer")

    assert "654321\n" == (shell.home.path / "answer").read_text()


def test_setup_hides_the_secret_access_key_after_fg(home: Home) -> None:
    home.secrets.append(SECRET)
    shell = Shell("bash", home)
    shell.keys(f"{TOOL} setup other --access-key-id AKIAIOSFODNN7EXAMPLE --region us-west-2\r")
    shell.expect("not shown")
    shell.keys(CTRL_Z)
    shell.expect("Stopped")
    shell.keys("fg\r")
    shell.expect("not shown")
    shell.answer(SECRET)
    shell.expect("give both halves again")
    shell.close()


# --- Whatever ends a question.


@pytest.mark.parametrize("kind", ["secret", "code"])
@pytest.mark.parametrize(
    ("end", "code"),
    [
        (CTRL_C, 130),
        (CTRL_D, 130),
        (CTRL_BACKSLASH, 131),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 138),
        ("typed\r", 0),
    ],
)
def test_the_terminal_is_what_it_was(home: Home, kind: str, end: str | signal.Signals, code: int) -> None:
    """Also in a script, whose shell does not see to that, and in the modes of a full-screen program."""
    for stty in ("echo", "raw -echo"):
        with question(home, kind, stty) as screen:
            if isinstance(end, str):
                screen.child.send(end)
            else:
                os.kill(int((home.path / "pid").read_text()), end)

            assert code == screen.end()
        assert (home.path / "before").read_text() == (home.path / "after").read_text()


# --- Modes of other programs.


def question(home: Home, kind: str, stty: str) -> Screen:
    """A question that a program asks on a terminal in some modes; that program ignores Ctrl-C."""
    (home.path / "pid").unlink(missing_ok=True)
    script = f"""
        trap '' INT
        trap : QUIT
        stty {stty}
        stty -g >before
        {sys.executable} ask.py {kind}
        code=$?
        stty -g >after
        exit $code
    """
    screen = Screen(home, ["-c", script], program="/bin/sh")
    screen.wait_for("Hidden?" if kind == "secret" else "Shown?")
    return screen


ODD = [
    "raw",
    "raw -echo",
    "cbreak -echo",
    "-isig",
    "-icanon min 0 time 1",
    "-opost",
    "-icrnl",
    "igncr",
    "inlcr",
    "-onlcr",
    "-echo echonl noflsh",
    "intr undef eof undef erase undef susp undef",
]


@pytest.mark.parametrize("stty", ODD)
def test_an_answer_on_a_terminal_in_other_modes(home: Home, stty: str) -> None:
    """What is typed is shown, Enter ends it, and the question begins in the first column."""
    with question(home, "code", stty) as screen:
        screen.child.send("1234567\x7f\r" if "undef" in stty else "123456\r")
        assert 0 == screen.end()

        assert "Shown? 123456" == screen.text.splitlines()[0]
        assert "123456\n" == (home.path / "answer").read_text()
    assert (home.path / "before").read_text() == (home.path / "after").read_text()


@pytest.mark.parametrize("stty", ["raw", "-icrnl", "-echo echonl noflsh"])
def test_a_secret_on_a_terminal_in_other_modes(home: Home, stty: str) -> None:
    home.secrets.append(SECRET)
    with question(home, "secret", stty) as screen:
        screen.type(SECRET)
        assert 0 == screen.end()

        assert "Hidden?" == screen.text
        assert f"{SECRET}\n" == (home.path / "answer").read_text()
    assert (home.path / "before").read_text() == (home.path / "after").read_text()


@pytest.mark.parametrize("stty", ["raw -echo", "-isig", "intr undef"])
def test_ctrl_c_on_a_terminal_in_other_modes(home: Home, stty: str) -> None:
    with question(home, "code", stty) as screen:
        screen.child.send(CTRL_C)

        assert 130 == screen.end()
    assert (home.path / "before").read_text() == (home.path / "after").read_text()
