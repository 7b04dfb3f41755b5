"""mfa_process: a command that prints the token code, run as people run theirs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from mfa_profiles import mfa_process
from mfa_profiles.errors import ProfileError
from mfa_profiles.mfa_process import MFAProcess, parse, token_code
from tests.processes import is_gone, wait_for
from tests.programs import skip_without

SECRET = "hunter2"
# The tests may run in the background of a shell, where Ctrl-C is ignored.
CALL = """
import signal, sys
from mfa_profiles.mfa_process import MFAProcess, token_code
signal.signal(signal.SIGINT, signal.default_int_handler)
print('code:', token_code(MFAProcess(sys.argv[1], 'work')))
"""

AddProgram = Callable[..., Path]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddProgram:
    """Adds programs, shell scripts, to a directory that is first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def add(name: str, script: str, shebang: str = "#!/bin/sh\n") -> Path:
        path = tmp_path / name
        path.write_text(shebang + script)
        path.chmod(0o700)
        return path

    return add


def failure(command: str) -> ProfileError:
    """The error of a command, which shows nothing that is secret."""
    with pytest.raises(ProfileError) as raised:
        token_code(MFAProcess(command, "work"))
    error = raised.value
    shown = " ".join([error.message, *error.hints])
    for secret in (SECRET, "123456"):
        assert secret not in shown
    assert error.__suppress_context__ or error.__context__ is None
    return error


@pytest.mark.parametrize(
    ("command", "name", "arguments"),
    [
        ("ykman oath accounts code -s aws", "ykman", ["oath", "accounts", "code", "-s", "aws"]),
        ("op item get 'AWS root' --otp", "op", ["item", "get", "AWS root", "--otp"]),
        (r'pass otp "a \"b\"" c\ d ""', "pass", ["otp", 'a "b"', "c d", ""]),
        ("op '$HOME' * | # ; ~", "op", ["$HOME", "*", "|", "#", ";", "~"]),
    ],
)
def test_the_command_gets_its_arguments_as_they_are(
    program: AddProgram, tmp_path: Path, command: str, name: str, arguments: list[str]
) -> None:
    """Split as a shell does, quotes included, and with no shell that would make something of them."""
    program(name, f"""printf '%s\\n' "$@" >{tmp_path}/arguments; echo 123456\n""")

    assert "123456" == token_code(MFAProcess(command, "work"))
    assert "".join(f"{argument}\n" for argument in arguments) == (tmp_path / "arguments").read_text()


@pytest.mark.parametrize("printed", ["123456", "123456\\n", "123 456\\n", "\\n  12 34 56 \\r\\n\\n"])
def test_a_code_may_have_spaces(program: AddProgram, printed: str) -> None:
    """As authenticators show it, with or without the end of a line."""
    program("otp", f"printf '{printed}'\n")

    assert "123456" == token_code(MFAProcess("otp", "work"))


def test_a_totp_of_a_real_program() -> None:
    """What oathtool makes of a seed is a code."""
    skip_without("oathtool")
    command = "oathtool --totp --base32 JBSWY3DPEHPK3PXP"

    code = token_code(MFAProcess(f"{command} --now '2009-02-13 23:31:30 UTC'", "work"))

    assert "742275" == code
    assert re.fullmatch(r"\d{6}", token_code(MFAProcess(command, "work")))


@pytest.mark.parametrize(
    "printed",
    [
        f"{SECRET} 123456\\n",
        "123456\\n123456\\n",
        "123\\n456\\n",
        "1234567\\n",
        "12345\\n",
        "",
        "\\377\\376\\000 123456",
        "\\331\\241\\331\\242\\331\\243\\331\\244\\331\\245\\331\\246\\n",
    ],
)
def test_what_is_not_a_code_is_not_repeated(program: AddProgram, printed: str) -> None:
    """More than one line, more or fewer digits, nothing, no text at all, digits of another script."""
    program("otp", f"printf '{printed}'\n")

    error = failure(f"otp {SECRET}")

    assert "mfa_process of profile work: otp printed something that is not six digits" == error.message
    assert ("it has to print the token code and nothing else",) == error.hints


def test_a_flood_is_not_read_to_its_end() -> None:
    """A command that prints without end is stopped."""
    error = failure("yes 123456")

    assert "mfa_process of profile work: yes printed something that is not six digits" == error.message


@pytest.mark.parametrize("blank", ["", "  ", "''", "' ' x"])
def test_an_empty_command(blank: str) -> None:
    """Nothing, or nothing but quotes."""
    assert "mfa_process of profile work is empty" == failure(blank).message


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (f"op item get '{SECRET} --otp", "quotes are not closed"),
        (f"op {SECRET} \\", "it ends with a backslash"),
        (f"OP_TOKEN={SECRET} op item get aws --otp", "it starts with a variable"),
        (f"'OP_TOKEN={SECRET} op' item get", "it starts with a variable"),
        (f"op {SECRET}\0", "it holds characters that none can have"),
        (f"op {SECRET}\ud800", "it holds characters that none can have"),
    ],
)
def test_what_is_no_command(command: str, reason: str) -> None:
    """Said without the command, which may hold a secret."""
    assert f"mfa_process of profile work is not a command: {reason}" == failure(command).message


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (f"no-such-ykman oath {SECRET}", "command no-such-ykman"),
        (f"/no/such/op {SECRET}", "command /no/such/op"),
        ("/no/such/op", "command /no/such/op"),
        (f"'no-such-op item get {SECRET}'", "such command"),
        (f"'no-such-op --token {SECRET}' x", "command no-such-op..."),
        (SECRET, "such command"),
        ("123456", "such command"),
    ],
)
def test_a_command_that_is_not_there(command: str, missing: str) -> None:
    """Only the first word is named, and not if it is all there is: it may be a code, or the seed of a device."""
    error = failure(command)

    assert f"mfa_process of profile work: there is no {missing}" == error.message
    assert "it is run without a shell, which sh -c '...' gives it: no pipes, no variables, no ~" == error.hints[-1]


@pytest.mark.parametrize(
    ("mode", "shebang", "reason"),
    [
        (0o600, "#!/bin/sh\n", "permission denied"),
        (0o700, "", "exec format error"),
        (0o700, "#!/no/such/interpreter\n", "its interpreter is missing"),
    ],
)
def test_a_command_that_cannot_be_run(program: AddProgram, mode: int, shebang: str, reason: str) -> None:
    """With the system's reason, in words."""
    path = program("otp", "echo 123456\n", shebang)
    path.chmod(mode)

    assert f"mfa_process of profile work: {path} could not be run: {reason}" == failure(f"{path} {SECRET}").message
    assert f"mfa_process of profile work: otp could not be run: {reason}" == failure(f"otp {SECRET}").message
    assert f"mfa_process of profile work: it could not be run: {reason}" == failure("otp").message


def test_an_exit_code(program: AddProgram, capfd: pytest.CaptureFixture[str]) -> None:
    """A code counts only if the command says that all is well; what it says on stderr is passed on."""
    program("ykman", "echo no key found >&2; echo 123456; exit 3\n")

    error = failure(f"ykman {SECRET}")

    assert "mfa_process of profile work: ykman ended with exit code 3" == error.message
    assert ("what it said is above",) == error.hints
    assert ("", "no key found\n") == capfd.readouterr()


def test_what_only_a_shell_understands_is_pointed_out(program: AddProgram) -> None:
    """aws-vault uses a shell, so its users may have written for one."""
    program("op", "exit 1\n")

    error = failure(f"op {SECRET} | tail -n 1")

    assert "it is run without a shell, which sh -c '...' gives it: no pipes, no variables, no ~" == error.hints[-1]
    assert "123456" == token_code(MFAProcess("sh -c 'echo 000000 123456 | cut -c 8-'", "work"))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGTERM, "SIGTERM"),
        (signal.SIGKILL, "SIGKILL"),
        pytest.param(35, "35", marks=pytest.mark.skipif(sys.platform != "linux", reason="no real-time signals")),
    ],
)
def test_a_signal(program: AddProgram, number: int, name: str) -> None:
    """A command that did not end by itself gave no code."""
    program("otp", f"echo 123456; kill -{int(number)} $$\n")

    error = failure(f"otp {SECRET}")

    assert f"mfa_process of profile work: otp was ended by signal {name}" == error.message


@pytest.mark.parametrize("before", ["", "trap '' TERM; ", "exec >&-; ", "echo 123456; "])
def test_a_command_has_so_much_time(
    program: AddProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Then it is ended, even if it would rather not, and its children that hold the pipe are not waited for."""
    pid, child = tmp_path / "pid", tmp_path / "child"
    child.touch()
    wait = f"while [ -e {child} ]; do sleep 0.1; done"
    program("otp", f"{before}echo $$ >{pid}; {wait} & while :; do sleep 0.1; done\n")
    for seconds in (1, 10, 60):  # a slow machine needs more of them to start it
        monkeypatch.setattr(mfa_process, "TIMEOUT", seconds)

        error = failure(f"otp {SECRET}")

        assert f"mfa_process of profile work: otp gave no code within {seconds} s" == error.message
        if pid.exists() and pid.read_text().endswith("\n"):
            break
    child.unlink()
    assert is_gone(pid)


def test_a_daemon_left_behind_is_not_waited_for(program: AddProgram, tmp_path: Path) -> None:
    """Password managers leave one, and it may hold the pipe open."""
    running = tmp_path / "running"
    running.touch()
    program("op", f"while [ -e {running} ]; do sleep 0.1; done & echo 123456\n")

    assert "123456" == token_code(MFAProcess("op", "work"))
    running.unlink()


def test_a_minute_is_given() -> None:
    """Long enough to find the key and to touch it."""
    assert 60 == mfa_process.TIMEOUT


def test_it_may_use_the_terminal(program: AddProgram, tmp_path: Path) -> None:
    """A command asks on stderr and on the terminal, and reads from stdin and from the terminal."""
    program(
        "op",
        f"echo 'Unlock the safe' >&2; read -r line; echo \"$line\" >{tmp_path}/stdin\n"
        "printf 'PIN: ' >/dev/tty; read -r pin </dev/tty; echo $((pin * 2))\n",
    )
    child = pexpect.spawn(sys.executable, ["-c", CALL, "op read"], encoding="utf-8", timeout=120)

    child.expect("Unlock the safe")
    child.sendline("a line")
    child.expect("PIN: ")
    child.sendline("111111")
    child.expect("code: 222222")
    child.expect(pexpect.EOF)
    child.close()

    assert 0 == child.exitstatus
    assert "a line\n" == (tmp_path / "stdin").read_text()


@pytest.mark.long  # it is a race against the machine
def test_ctrl_c_ends_it(program: AddProgram, tmp_path: Path) -> None:
    """On the terminal it reaches the command too, which may put the terminal in order before it ends."""
    program(
        "op",
        f"trap 'sleep 0.1; echo tidy >{tmp_path}/tidy; exit 1' INT\necho $$ >{tmp_path}/pid\n"
        "echo Touch >&2; while :; do sleep 0.1; done\n",
    )
    child = pexpect.spawn(sys.executable, ["-c", CALL, "op read"], encoding="utf-8", timeout=120)

    child.expect("Touch")
    child.sendintr()
    child.expect("KeyboardInterrupt")
    child.expect(pexpect.EOF)
    child.close()

    assert is_gone(tmp_path / "pid")
    assert "tidy\n" == (tmp_path / "tidy").read_text()


def test_an_interrupt_leaves_no_child_behind(program: AddProgram, tmp_path: Path) -> None:
    """Even if it reaches this process alone, and the command ignores what it is told."""
    # Not at once: what interrupts Python's Popen itself leaves nobody who knows of the child.
    program("op", f"trap '' INT TERM; sleep 0.5; echo $$ >{tmp_path}/pid; while :; do sleep 0.1; done\n")
    with subprocess.Popen([sys.executable, "-c", CALL, "op"], stderr=subprocess.PIPE, text=True) as process:
        wait_for(tmp_path / "pid")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)

    assert "KeyboardInterrupt" == errors.splitlines()[-1]
    assert is_gone(tmp_path / "pid")


def test_without_standard_streams(program: AddProgram) -> None:
    """As cron or a service may start it."""
    program("op", "echo 123456\n")
    call = CALL.replace("print('code:', ", "assert '123456' == (")
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", call, "op"], check=False
    )

    assert 0 == done.returncode


def test_the_command_is_not_in_repr() -> None:
    """It may hold a secret."""
    assert repr(MFAProcess(f"op {SECRET}", "work")) == "MFAProcess(profile='work', waiting=())"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("12345", None),
        ("1234567", None),
        ("", None),
        ("12345a", None),
    ],
)
def test_parse(text: str, code: str | None) -> None:
    """Six digits, whatever the spaces."""
    assert code == parse(text)
