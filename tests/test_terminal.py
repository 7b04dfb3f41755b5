"""In a real pseudo-terminal: prompts, choices, interruptions, tables."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

from mfa_profiles import terminal
from tests.home import BASE, DERIVED, TOOL, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, PrivateCA, User
from tests.processes import PATIENCE, wait_until
from tests.proxy import SlowLine

PROMPT = r"MFA code for arn:aws:iam::123456789012:mfa/john.doe: "
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A command in a terminal of its own; stdin, stdout and stderr of the command lead elsewhere."""

    def __init__(self, home: Home, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.home = home
        # Somebody has to hold the terminal open until the tool opens it, hence the descriptor 9.
        command = f"exec {TOOL} {' '.join(arguments)} 9<&0 </dev/null >out 2>err"
        self.child = pexpect.spawn(
            "/bin/sh",
            ["-c", command],
            env=home.environment(env),
            cwd=str(home.path),
            encoding="utf-8",
            timeout=PATIENCE,
        )

    def expect(self, pattern: str) -> None:
        """Wait for a text on the terminal."""
        self.child.expect(pattern)

    def type(self, text: str) -> None:
        """Type on the terminal."""
        self.child.send(text)

    def end(self) -> int:
        """Wait for the end, look for secrets in what went to files, and return the exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        self.home.check_for_secrets(self.out + self.err)
        assert self.child.exitstatus is not None
        return int(self.child.exitstatus)

    @property
    def out(self) -> str:
        """What went to stdout."""
        return (self.home.path / "out").read_text()

    @property
    def err(self) -> str:
        """What went to stderr."""
        return (self.home.path / "err").read_text()


def acted(aws: LocalAWS) -> list[str]:
    """What AWS was asked for, apart from what is harmless, and done while a person types."""
    return [action for action in aws.actions if action != "GetCallerIdentity"]


@pytest.fixture
def refreshing(base: Home) -> Iterator[Terminal]:
    """A refresh that asks for a code."""
    command = Terminal(base, "refresh", BASE)
    yield command
    command.child.close(force=True)


def test_the_prompt_is_on_the_terminal_wherever_the_streams_lead(
    base: Home, device: MFADevice, refreshing: Terminal
) -> None:
    """With stdin, stdout and stderr redirected it asks all the same, and none of them gets the question."""
    refreshing.expect(PROMPT)
    refreshing.type(base.code(device) + "\n")

    assert 0 == refreshing.end()
    assert "" == refreshing.out
    assert refreshing.err.startswith(f"{DERIVED} is valid until ")
    assert base.section()["aws_access_key_id"].startswith("ASIA")


def test_a_typing_mistake_asks_again(base: Home, aws: LocalAWS, device: MFADevice, refreshing: Terminal) -> None:
    """Without AWS being asked, and as often as it takes."""
    for mistake in ("12345", "1234567", "12345a", "", "hunter2", "\x1b[A"):
        refreshing.expect(PROMPT)
        refreshing.type(f"{mistake}\n")
        refreshing.expect("That is not six digits.\r\n")
    refreshing.expect(PROMPT)
    code = base.code(device)
    refreshing.type(f" {code[:3]} {code[3:]} \n")

    assert 0 == refreshing.end()
    assert ["GetSessionToken"] == acted(aws)


def test_a_refused_code_asks_again(base: Home, device: MFADevice, refreshing: Terminal) -> None:
    """And says why."""
    refreshing.expect(PROMPT)
    refreshing.type(device.wrong_code() + "\n")
    refreshing.expect(PROMPT)
    refreshing.type(base.code(device) + "\n")

    assert 0 == refreshing.end()
    assert "warning: AWS did not accept the token code; if mistyped, the right one still works" in refreshing.err


def test_three_refusals_are_enough(base: Home, aws: LocalAWS, device: MFADevice, refreshing: Terminal) -> None:
    """After the third the error stands, and the files are as they were."""
    before = base.files()
    for number in range(3):
        refreshing.expect(PROMPT)
        refreshing.type(device.wrong_code(number) + "\n")

    assert 1 == refreshing.end()
    assert "mfa-profiles: error: AWS did not accept the token code" in refreshing.err
    assert 3 * ["GetSessionToken"] == acted(aws)
    assert before == base.files()


def test_a_signal_that_does_not_interrupt_the_wait_is_heard(home: Home) -> None:
    """As one that comes just before it: here another thread takes it."""
    script = """
import signal, threading
from mfa_profiles import terminal
threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
try:
    terminal.ask("Yes?")
except KeyboardInterrupt:
    print("heard")
"""
    child = pexpect.spawn(sys.executable, ["-c", script], env=home.environment(), encoding="utf-8", timeout=120)

    child.expect_exact("Yes? \r\nheard\r\n")
    child.close()


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_an_interrupted_prompt_writes_nothing(base: Home, aws: LocalAWS, refreshing: Terminal, key: str) -> None:
    """Exit 130, one line, no traceback, and both files untouched."""
    before = base.files()
    refreshing.expect(PROMPT)
    refreshing.type(key)

    assert 130 == refreshing.end()
    assert "mfa-profiles: error: interrupted\n" == refreshing.err
    assert before == base.files()
    assert [] == acted(aws)


def wait_for_the_connection(refreshing: Terminal) -> None:
    """Wait until a refresh with -v has read the answer to what it asks AWS while a person types.

    What it tells is held back for as long as it asks, so it is made to ask again and again.
    """
    refreshing.expect(PROMPT)

    def is_open() -> bool:
        is_told = "sts GetCallerIdentity: " in refreshing.err
        refreshing.type("x\n")
        refreshing.expect(PROMPT)
        return is_told

    wait_until(is_open)


def test_while_a_person_types_the_connection_is_opened(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """After Enter there is one request, on that connection."""
    refreshing = Terminal(base, "refresh", BASE, "-v")
    wait_for_the_connection(refreshing)
    refreshing.type(base.code(device) + "\n")

    assert 0 == refreshing.end()
    assert ["GetCallerIdentity", "GetSessionToken"] == aws.actions
    assert 1 == len({request.client_port for request in aws.requests})


def test_over_tls_one_round_trip_is_left_after_enter(tmp_path: Path) -> None:
    """The connection and the handshake are over by then, however slow the line is."""
    authority = PrivateCA()
    authority.write_pem(tmp_path / "authority.pem")
    with LocalAWS(authority=authority) as aws, SlowLine(aws.port, round_trip=0.1) as line:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        home = Home(tmp_path, aws)
        home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
        endpoint = {"AWS_ENDPOINT_URL": f"https://127.0.0.1:{line.port}", "AWS_CA_BUNDLE": "authority.pem"}
        refreshing = Terminal(home, "refresh", BASE, "-v", env=endpoint)
        wait_for_the_connection(refreshing)
        before = len(line.turns)
        refreshing.type(home.code(device) + "\n")

        assert 0 == refreshing.end()
        assert (3, 1) == (before, len(line.turns) - before)


@pytest.mark.parametrize("reason", ["keys", "partition", "secret", "clock"])
def test_what_no_code_can_help_is_found_before_one_is_spent(
    base: Home, aws: LocalAWS, user: User, device: MFADevice, reason: str
) -> None:
    """Keys that AWS does not know, and a wrong clock, with the sentence and the hints that they always have."""
    if reason == "keys":
        user.deactivate_access_key()
    elif reason == "partition":
        base.config.write_text(base.config.read_text().replace("us-west-2", "cn-north-1"))
    elif reason == "secret":
        base.write(base.credentials.read_text().replace(user.secret_access_key, "wrong/secret+key"))
    else:
        aws.clock.advance(3600)
    by_the_call = base.run("refresh", BASE, "--token-code", base.code(device))
    refreshing = Terminal(base, "refresh", BASE, "-v")
    wait_for_the_connection(refreshing)
    refreshing.type(base.code(device) + "\n")

    assert 1 == refreshing.end()
    told = [line for line in refreshing.err.splitlines() if line.startswith(("mfa-profiles: error: ", "hint: "))]
    assert by_the_call.stderr.splitlines() == told
    assert ["GetSessionToken", "GetCallerIdentity"] == aws.actions


@pytest.mark.parametrize("trouble", [{"reset": True}, {"latency": 3600.0}, {"answer": (200, b"<html>")}])
def test_other_trouble_meanwhile_is_nobodys(
    base: Home, aws: LocalAWS, device: MFADevice, refreshing: Terminal, trouble: dict[str, Any]
) -> None:
    """It neither delays the call nor breaks it."""
    aws.faults.add(action="GetCallerIdentity", **trouble)
    refreshing.expect(PROMPT)
    wait_until(lambda: aws.requests)
    refreshing.type(base.code(device) + "\n")

    assert 0 == refreshing.end()
    assert ["GetSessionToken"] == acted(aws)


def test_an_interrupted_call_writes_nothing(
    base: Home, aws: LocalAWS, device: MFADevice, refreshing: Terminal
) -> None:
    """Ctrl-C works while AWS takes its time."""
    before = base.files()
    aws.faults.add(latency=3600)
    refreshing.expect(PROMPT)
    refreshing.type(base.code(device) + "\n")
    wait_until(lambda: acted(aws))
    refreshing.type(CTRL_C)

    assert 130 == refreshing.end()
    assert "mfa-profiles: error: interrupted\n" == refreshing.err
    assert before == base.files()


def test_what_turns_up_while_the_code_is_typed_is_not_overwritten(
    base: Home, device: MFADevice, refreshing: Terminal
) -> None:
    """The guard is asked again when the session is written."""
    refreshing.expect(PROMPT)
    base.write(base.credentials.read_text() + session_section(DERIVED))
    before = base.files()
    refreshing.type(base.code(device) + "\n")

    assert 1 == refreshing.end()
    assert "holds a session that another tool wrote" in refreshing.err
    assert before == base.files()


def test_a_person_chooses_among_devices(home: Home, user: User) -> None:
    """By number, and what is no number of the list asks again."""
    user.add_virtual_device()
    token = user.add_hardware_device("GAHT12345678")
    user.add_passkey()
    home.add_base(user)
    command = Terminal(home, "refresh", BASE)

    command.expect(r"MFA devices:\r\n  1  arn:aws:iam::123456789012:mfa/john.doe\r\n  2  GAHT12345678\r\n")
    for answer in ("0", "3", "x", "", "2"):
        command.expect(r"Which one gives the code \(1-2\)\? ")
        command.type(f"{answer}\n")
    command.expect("MFA code for GAHT12345678: ")
    command.type(home.code(token) + "\n")

    assert 0 == command.end()
    assert "mfa_serial GAHT12345678" in home.text(home.credentials)


def test_each_identity_has_its_prompt(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Two users, two codes; the roles behind them need none."""
    other = aws.create_user("other")
    second = other.add_virtual_device()
    base.secrets.append(other.secret_access_key)
    base.credentials.write_text(base.credentials.read_text() + base_section(other, "other"))
    base.config.write_text(f"{base.config.read_text()}\n[profile other]\nmfa_serial = {second.serial_number}\n")
    for source in (BASE, "other"):
        base.add_role(f"{source}-admin", aws.create_role(source).arn, source=source)
    command = Terminal(base, "refresh", "--all")

    command.expect(PROMPT)
    command.type(base.code(device) + "\n")
    command.expect("MFA code for arn:aws:iam::123456789012:mfa/other: ")
    command.type(base.code(second) + "\n")

    assert 0 == command.end()
    assert ["GetSessionToken", "GetSessionToken", "AssumeRole", "AssumeRole"] == acted(aws)


def add_roles(home: Home, aws: LocalAWS, count: int) -> None:
    """Role profiles behind the base profile."""
    for number in range(count):
        home.add_role(f"role-{number}", aws.create_role(f"role-{number}").arn)


def test_a_bar_shows_how_many_roles_are_assumed(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """On a terminal; in a file it would be noise."""
    add_roles(base, aws, 20)
    aws.faults.add(action="AssumeRole", latency=0.2)
    code = base.code(device)

    child = pexpect.spawn(
        TOOL, ["refresh", "--all", "--token-code", code], env=base.environment(), encoding="utf-8", timeout=PATIENCE
    )
    child.expect(r"assuming roles  \[-+\]")
    child.expect(r"assuming roles  \[#+-+\] +\d+%")
    child.expect(r"assuming roles  \[#+\] +100%")
    child.expect("role-19-mfa is valid until ")
    child.expect(pexpect.EOF)
    child.close()
    again = base.run("refresh", "--all", "--force", "--token-code", base.code(device))

    assert (0, 0) == (child.exitstatus, again.code)
    assert "assuming" not in again.stderr


def test_ctrl_c_while_roles_are_assumed(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """It does not wait for the calls that are under way; the session that cost a code is stored, and reported."""
    add_roles(base, aws, 20)
    aws.faults.add(action="AssumeRole", latency=3600)
    command = Terminal(base, "refresh", "--all", "--token-code", base.code(device))
    wait_until(lambda: len(aws.requests) >= 2)
    command.type(CTRL_C)

    assert 130 == command.end()
    assert ["smce-veda-mfa was refreshed before that", "mfa-profiles: error: interrupted"] == command.err.splitlines()
    assert [BASE, DERIVED] == base.parsed_credentials().sections()


def test_ctrl_c_while_another_process_is_waited_for(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Who waits can give up; who types goes on."""
    first = Terminal(base, "refresh", BASE)
    first.expect(PROMPT)
    second = Terminal(base, "refresh", BASE)
    wait_until(lambda: "waiting for another mfa-profiles that is refreshing smce-veda" in second.err)
    second.type(CTRL_C)
    code = second.end()
    first.type(base.code(device) + "\n")

    assert (130, 0) == (code, first.end())
    assert ["GetSessionToken"] == acted(aws)


OUTLIVES = """
import os, signal, time
from mfa_profiles import terminal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.open(os.ttyname(0), os.O_RDWR)
started = time.monotonic()
terminal.wait(3, "trying again in")
print(time.monotonic() - started >= 3, flush=True)
"""


def test_a_countdown_outlives_its_terminal() -> None:
    """What is waited for is the time: a terminal that goes away ends neither that nor the command."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", OUTLIVES], stdin=theirs, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        os.close(theirs)
        while b"trying again in 3 s" not in os.read(ours, 1024):
            pass
        os.close(ours)
        out, _ = process.communicate(timeout=120)

    assert (0, "True\n") == (process.returncode, out)


def test_ctrl_c_on_a_terminal_of_which_stderr_is_full(base: Home) -> None:
    """The exit code tells what cannot be written."""
    child = pexpect.spawn(
        "/bin/sh", ["-c", f"exec {TOOL} refresh {BASE} 2>/dev/full"], env=base.environment(), encoding="utf-8"
    )
    child.expect(PROMPT)
    child.send(CTRL_C)
    child.expect(pexpect.EOF)
    child.close()

    assert 130 == child.exitstatus


def test_devices_on_a_terminal_is_a_table(base: Home, user: User, device: MFADevice) -> None:
    """With what refresh takes and what it cannot take."""
    user.add_passkey()
    env = base.environment()
    child = pexpect.spawn(TOOL, ["devices", BASE], env=env, encoding="utf-8", timeout=120, dimensions=(24, 200))
    child.expect(pexpect.EOF)

    plain = re.sub(r"\x1b\[\d*m", "", str(child.before)).splitlines()
    assert re.fullmatch(r"DEVICE +STATE +KIND +REFRESH", plain[0])
    rows = sorted(re.split(r"  +", line) for line in plain[1:])
    assert [device.serial_number, "usable", "virtual", f"takes it: profile {BASE} names it"] == rows[0]
    assert ["not usable", "passkey", "cannot: a passkey, and AWS STS takes codes only"] == rows[1][1:]


def test_without_a_terminal_and_a_code_it_ends_at_once(base: Home) -> None:
    """No cron job hangs on a prompt that nobody sees."""
    result = base.run("refresh", BASE)  # which takes no longer than a limit

    assert 5 == result.code


def shown(home: Home, *, env: str = "") -> str:
    """What `status` shows on a terminal 80 columns wide."""
    command = f"/bin/sh -c '{env} {TOOL} status'"
    child = pexpect.spawn(command, env=home.environment(), encoding="utf-8", timeout=120)
    child.expect(pexpect.EOF)
    return str(child.before).replace("\r\n", "\n")


def test_status_on_a_terminal_is_a_table(home: Home) -> None:
    """Aligned, with the state in colour and the time left as people say it."""
    home.write(
        session_section("a-long-profile-name", expires="2020-01-01T00:00:00Z")
        + session_section("b", expires="2099-01-01T00:00:00Z")
        + session_section("c")
    )

    lines = shown(home).splitlines()
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in lines]

    assert re.fullmatch(r"PROFILE              STATE    LEFT +UNTIL +SOURCE", plain[0])
    assert re.fullmatch(r"a-long-profile-name  expired  \d+ h( \d+ m)? ago +2019-12-31 16:00", plain[1])
    assert re.fullmatch(r"b                    valid    \d+ h( \d+ m)? +2098-12-31 16:00", plain[2])
    assert "c                    unknown" == plain[3]
    assert ["\x1b[31m", "\x1b[32m", "\x1b[31m"] == [re.findall(r"\x1b\[\d+m", line)[0] for line in lines[1:]]


@pytest.mark.parametrize("env", ["NO_COLOR=1", "TERM=dumb"])
def test_no_colour_where_it_is_not_wanted(home: Home, env: str) -> None:
    """With NO_COLOR, or on a terminal that has none."""
    home.write(session_section("c"))

    assert "\x1b" not in shown(home, env=env)


@pytest.mark.parametrize("command", [[], ["setup"], ["refresh"], ["devices"], ["status"], ["clear"]])
def test_help_fits_into_80_columns(home: Home, command: list[str]) -> None:
    """And names every option with a sentence."""
    result = home.run(*command, "--help")

    assert 0 == result.code
    assert result.stdout.startswith(f"Usage: {' '.join(['mfa-profiles', *command])} [OPTIONS]")
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 m"),
        (899, "15 m"),
        (3599, "1 h"),
        (3660, "1 h 1 m"),
        (43199.2, "12 h"),
        (-7200, "2 h"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    """To the minute, and to the second under a minute."""
    assert words == terminal.in_words(timedelta(seconds=seconds))


def test_printable_keeps_text_and_shows_controls() -> None:
    """What would move a cursor, turn text around or cannot be encoded is shown as an escape."""
    assert "é ü 漢 \\x1b[2J\\n\\u202e\\u061c\\udcff" == terminal.printable("é ü 漢 \x1b[2J\n\u202e\u061c\udcff")


def test_a_hint_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A name with a line break in it begins no line of its own, which could say anything."""
    terminal.error("a\nb", ["c\nhint: d"])

    assert "mfa-profiles: error: a\\nb\nhint: c\\nhint: d\n" == capsys.readouterr().err
