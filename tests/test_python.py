"""mfa_profiles.session: a boto3 session of the derived profile, refreshed first, that outlives its credentials."""

import json
import logging
import math
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import assert_type

import boto3
import pexpect
import pytest

import mfa_profiles
from mfa_profiles import errors, shared_files
from mfa_profiles.aws.credentials import resolve
from mfa_profiles.profiles import SharedPaths
from mfa_profiles.sessions import format_time
from tests.home import BASE, DERIVED, Home, add_temporary_keys, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import PATIENCE, wait_until

PAST = "2020-01-01T00:00:00Z"
PROMPT = "MFA code for arn:aws:iam::123456789012:mfa/john.doe: "


@pytest.fixture(autouse=True)
def _in_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in this process happens in the home of the test."""
    home.enter(monkeypatch)


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[str]:
    """Replace ``input``, as a kernel does, by one that returns these lines, and return the questions it is asked."""
    left, questions = iter(lines), []

    def answer(question: str) -> str:
        questions.append(question)
        for line in left:
            return line
        raise EOFError

    monkeypatch.setattr("builtins.input", answer)
    return questions


def who(session: boto3.Session) -> str:
    """Whom AWS takes the session for."""
    return session.client("sts").get_caller_identity()["Arn"]


def let_end(home: Home, name: str = DERIVED, seconds: float = 8) -> Callable[[], None]:
    """Have the file say that a session ends in so many seconds, or up to one more; what is returned waits for it."""
    end = datetime.fromtimestamp(math.ceil(time.time() + seconds), UTC)
    before = home.section(name)["x_security_token_expires"]
    home.credentials.write_text(home.credentials.read_text().replace(before, format_time(end)))
    return lambda: time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 0.05)


def never() -> str:
    """A function for codes that must not be called."""
    raise AssertionError("no code is needed")


def test_a_code_as_an_argument(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """The session has the derived profile's region, and signs with its keys."""
    session = mfa_profiles.session(BASE, token_code=base.code(device))

    assert_type(session, boto3.Session)
    assert (user.arn, "us-west-2", DERIVED) == (who(session), session.region_name, session.profile_name)
    assert base.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


def test_input_asks_until_the_code_is_right(
    base: Home,
    user: User,
    device: MFADevice,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on the command line; refusals are logged, which without a configuration shows them on stderr."""
    wrong = device.wrong_code()
    questions = type_in(monkeypatch, "hunter2", wrong, base.code(device))
    base.secrets.extend(["hunter2", wrong])

    assert user.arn == who(mfa_profiles.session(BASE))

    assert questions == [PROMPT, f"That is not six digits.\n{PROMPT}", PROMPT]
    (refusal,) = [record for record in caplog.records if record.name == "mfa_profiles"]
    assert logging.WARNING == refusal.levelno
    assert refusal.getMessage().startswith(
        "AWS did not accept the token code; if mistyped, the right one still works"
    )
    base.check_for_secrets(caplog.text)


def test_a_function_is_called_when_a_code_is_needed(base: Home, user: User, device: MFADevice) -> None:
    """Not while the session is good, under whichever name it is asked for."""
    codes = [base.code(device)]

    first = mfa_profiles.session(BASE, token_code=codes.pop)
    second = mfa_profiles.session(DERIVED, token_code=never, region_name="eu-west-1")

    assert (user.arn, user.arn, "eu-west-1") == (who(first), who(second), second.region_name)


@pytest.mark.usefixtures("base")
def test_a_function_that_has_one_code_is_not_called_for_ever(aws: LocalAWS, device: MFADevice) -> None:
    """A program has no other until the next half minute, and the loop of a person would not end."""
    wrong = device.wrong_code()

    with pytest.raises(mfa_profiles.MfaProfilesError, match="gave the same answer") as caught:
        mfa_profiles.session(BASE, token_code=lambda: wrong)

    assert ["GetSessionToken"] == aws.actions
    assert wrong not in repr(caught.value)


def test_a_function_gives_codes_and_a_person_chooses_the_device(
    home: Home, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that computes codes would answer this for ever."""
    user.add_virtual_device()
    token = user.add_hardware_device("GAHT12345678")
    home.add_base(user)
    questions = type_in(monkeypatch, "2")

    session = mfa_profiles.session(BASE, token_code=lambda: home.code(token))

    assert user.arn == who(session)
    assert questions[0].endswith("Which one gives the code (1-2)? ")


def test_a_function_goes_before_the_environment_and_that_before_a_person(
    base: Home, user: User, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which --token-code does."""
    monkeypatch.setenv("MFA_PROFILES_TOKEN_CODE", device.wrong_code())
    monkeypatch.setenv("AWS_PROFILE", DERIVED)
    assert user.arn == who(mfa_profiles.session(token_code=lambda: base.code(device)))
    base.run("clear", BASE)

    monkeypatch.setenv("MFA_PROFILES_TOKEN_CODE", base.code(device))
    monkeypatch.setattr("builtins.input", never)

    assert user.arn == who(mfa_profiles.session())


@pytest.mark.usefixtures("base")
@pytest.mark.parametrize("code", ["12345", "-"])
def test_what_is_no_code(aws: LocalAWS, code: str) -> None:
    """It is refused at once, and stdin is not read, as a ``-`` has the command line do."""
    with pytest.raises(mfa_profiles.MfaProfilesError, match="six digits"):
        mfa_profiles.session(BASE, token_code=code)

    assert [] == aws.requests


@pytest.mark.usefixtures("base")
def test_nobody_to_ask(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the input it is the package's own error, whose hints stand in the traceback."""
    type_in(monkeypatch)

    with pytest.raises(mfa_profiles.TokenCodeNeededError, match="there is nobody to ask for it") as caught:
        mfa_profiles.session(BASE)

    wait_until(lambda: aws.requests)  # the connection that is made while a person types; else another test gets it
    assert aws.actions == ["GetCallerIdentity"]
    assert [f"hint: {hint}" for hint in caught.value.hints] == caught.value.__notes__
    assert "MFA_PROFILES_TOKEN_CODE" in caught.value.__notes__[0]


PROGRAM = f"""
import sys
import mfa_profiles
try:
    mfa_profiles.session({BASE!r})
    print("has a session")
except mfa_profiles.TokenCodeNeededError as error:
    print("needs a code")
"""


@pytest.mark.parametrize("data", ["name,value\n1,2\n", "201131\n201132\n201133\n", ""])
def test_what_a_program_is_given_on_stdin_is_left_to_it(base: Home, aws: LocalAWS, data: str) -> None:
    result = base.run("-c", f"{PROGRAM}print(repr(sys.stdin.read()))", program=sys.executable, stdin=data)

    assert (result.code, result.stdout, result.stderr) == (0, f"needs a code\n{data!r}\n", "")
    assert aws.requests == []


@pytest.mark.parametrize("command", ["yes data | {program}", "{program} <&-", "{program} </dev/null"])
def test_a_program_without_anybody_to_ask_ends_at_once(base: Home, aws: LocalAWS, command: str) -> None:
    (base.path / "program.py").write_text(PROGRAM)

    result = base.run("-c", command.format(program=f"{sys.executable} program.py"), program="/bin/bash")

    assert result.stdout == "needs a code\n"
    assert aws.requests == []


class _Raising:
    """What pytest and other programs put in the place of stdin."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def isatty(self) -> bool:
        raise self._error

    def readline(self) -> str:
        raise AssertionError("stdin is not read")


@pytest.mark.parametrize("stdin", [None, object(), _Raising(OSError()), _Raising(ValueError())])
@pytest.mark.usefixtures("base")
def test_another_stdin_is_nobody(monkeypatch: pytest.MonkeyPatch, aws: LocalAWS, stdin: object) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(mfa_profiles.TokenCodeNeededError):
        mfa_profiles.session(BASE)

    assert aws.requests == []


@pytest.mark.parametrize("streams", ["", ">out", ">out 2>err", "| cat >out"])
def test_a_program_asks_on_its_terminal(base: Home, device: MFADevice, streams: str) -> None:
    (base.path / "program.py").write_text(PROGRAM)
    command = f"{sys.executable} program.py {streams}"
    child = pexpect.spawn("/bin/bash", ["-c", command], env=base.environment(), cwd=str(base.path), timeout=PATIENCE)

    child.expect_exact(PROMPT)
    child.sendline(base.code(device))
    child.expect(pexpect.EOF)

    printed = (base.path / "out").read_text() if streams else "has a session\n"
    assert printed == "has a session\n"
    child.close()


def test_a_program_that_has_lost_its_terminal_asks_nobody(base: Home, aws: LocalAWS) -> None:
    """A read of a job in the background would stop it."""
    (base.path / "program.py").write_text(PROGRAM)
    command = f"set -m; {sys.executable} program.py <$(tty) >out & wait"
    child = pexpect.spawn("/bin/bash", ["-c", command], env=base.environment(), cwd=str(base.path), timeout=PATIENCE)

    child.expect(pexpect.EOF)

    assert (base.path / "out").read_text() == "needs a code\n"
    assert aws.requests == []
    child.close()


@pytest.mark.parametrize(("options", "prompt"), [(("-i",), ">>> "), (("-m", "pdb", "program.py"), "(Pdb) ")])
def test_a_code_that_is_typed_at_a_prompt_of_python_is_not_in_its_history(
    base: Home, user: User, device: MFADevice, options: tuple[str, ...], prompt: str
) -> None:
    (base.path / "program.py").write_text("pass\n")
    child = pexpect.spawn(
        sys.executable,
        list(options),
        env=base.environment({"TERM": "dumb"}),
        cwd=str(base.path),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    code = base.code(device)
    for line in ("import readline, mfa_profiles", f"session = mfa_profiles.session({BASE!r})"):
        child.expect_exact(prompt)
        child.sendline(line)

    child.expect_exact(PROMPT)
    child.sendline(code)

    for line in (
        "print(session.client('sts').get_caller_identity()['Arn'])",
        "print([readline.get_history_item(i) for i in range(1, readline.get_current_history_length() + 1)], 'END')",
    ):
        child.expect_exact(prompt)
        child.sendline(line)
        child.expect_exact("END" if "END" in line else user.arn)
    child.expect_exact("'END')")
    child.expect_exact("] END")
    assert child.before is not None
    assert code not in child.before
    child.close()


def test_errors_are_the_package_s_own(base: Home, device: MFADevice, aws: LocalAWS) -> None:
    """Of profiles, of AWS, of codes."""
    with pytest.raises(mfa_profiles.ProfileError, match="there is no profile smce"):
        mfa_profiles.session("smce")
    with pytest.raises(mfa_profiles.TokenCodeRefusedError):
        mfa_profiles.session(BASE, token_code=device.wrong_code())
    aws.stop()
    with pytest.raises(mfa_profiles.AWSError):
        mfa_profiles.session(BASE, token_code=base.code(device))
    assert not hasattr(mfa_profiles, "NoSuchError")


@pytest.mark.usefixtures("base")
def test_ctrl_c_at_the_prompt_is_ctrl_c() -> None:
    """In Python that is an exception of its own."""

    def interrupted() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mfa_profiles.session(BASE, token_code=interrupted)


def test_keys_in_the_environment_do_not_outrank_it(
    base: Home, user: User, device: MFADevice, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As with any profile that boto3 is given by name; so there is nothing to warn of."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)

    session = mfa_profiles.session(BASE, token_code=base.code(device))

    credentials = session.get_credentials()
    assert credentials is not None
    assert base.section()["aws_access_key_id"] == credentials.access_key
    assert [] == [record for record in caplog.records if record.name == "mfa_profiles"]


def test_a_profile_that_needs_no_mfa(home: Home, aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what boto3 makes of it, and nobody is asked."""
    robot = aws.create_user("robot")
    home.write("", f"[profile robot]\ncredential_process = {home.path}/keys\nregion = eu-west-1\n")
    keys = {"Version": 1, "AccessKeyId": robot.access_key_id, "SecretAccessKey": robot.secret_access_key}
    (home.path / "keys").write_text(f"#!/bin/sh\necho '{json.dumps(keys)}'\n")
    (home.path / "keys").chmod(0o700)
    type_in(monkeypatch)

    session = mfa_profiles.session("robot")

    assert (robot.arn, "robot", "eu-west-1") == (who(session), session.profile_name, session.region_name)
    assert ["GetCallerIdentity"] == aws.actions


def test_a_user_without_a_device(home: Home, aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    """The long-term keys are not a session, whether there is somebody to ask or not."""
    home.add_base(aws.create_user("robot"))

    with pytest.raises(mfa_profiles.MfaProfilesError, match="has no MFA device") as alone:
        mfa_profiles.session(BASE)
    type_in(monkeypatch)
    with pytest.raises(mfa_profiles.MfaProfilesError, match="has no MFA device") as attended:
        mfa_profiles.session(BASE)

    assert alone.value.hints == attended.value.hints
    assert any("register an authenticator app" in hint for hint in attended.value.hints)


def test_temporary_keys_are_used_as_they_are(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning that says why, and what to do about it."""
    add_temporary_keys(home)

    mfa_profiles.session(BASE)

    why, *hints = (record.getMessage() for record in caplog.records if record.name == "mfa_profiles")
    assert why.startswith(f"{BASE} is used as it is, without an MFA session: ")
    assert hints
    assert all(hint.startswith("hint: ") for hint in hints)


def test_a_session_of_another_tool(home: Home) -> None:
    """It is used while it lasts; how to get another one that tool knows."""
    home.write(session_section("work", expires="2099-01-01T00:00:00Z") + session_section("old", expires=PAST))

    credentials = mfa_profiles.session("work").get_credentials()

    assert credentials is not None
    assert home.section("work")["aws_access_key_id"] == credentials.access_key
    with pytest.raises(mfa_profiles.SessionEndedError, match="the session in old has expired"):
        mfa_profiles.session("old")


def test_a_client_outlives_its_session(
    base: Home, aws: LocalAWS, user: User, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last second it works; then it says what to do, and goes on once that was done, in whatever process.

    It does not ask by itself, nor use a code that was meant for the beginning.
    """
    base.run("refresh", BASE, "--token-code", base.code(device))
    boto3.Session().client("sts", "us-west-2")  # the first of a process takes its time
    wait_for_its_end = let_end(base)
    monkeypatch.setenv("MFA_PROFILES_TOKEN_CODE", device.wrong_code())
    questions = type_in(monkeypatch, device.wrong_code())
    client = mfa_profiles.session(BASE, min_remaining=timedelta(0)).client("sts")

    assert user.arn == client.get_caller_identity()["Arn"]
    wait_for_its_end()
    with pytest.raises(mfa_profiles.TokenCodeNeededError, match=f"session in {DERIVED} has ended") as caught:
        client.get_caller_identity()
    assert "`mfa-profiles refresh smce-veda` in a terminal, `%mfa smce-veda`" in caught.value.__notes__[0]
    assert (["GetSessionToken", "GetCallerIdentity"], []) == (aws.actions, questions)
    assert 0 == base.run("refresh", DERIVED, "--token-code", base.code(device)).code

    assert user.arn == client.get_caller_identity()["Arn"]
    assert base.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


def test_a_client_follows_a_refresh_before_the_end(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """In the last minutes the profile is read at each request."""
    base.run("refresh", BASE, "--token-code", base.code(device))
    let_end(base, seconds=300)
    client = mfa_profiles.session(BASE, min_remaining=timedelta(0)).client("sts")
    client.get_caller_identity()
    old = aws.requests[-1].access_key_id

    base.run("refresh", BASE, "--token-code", base.code(device))
    client.get_caller_identity()

    assert old != base.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


def test_broken_files_do_not_break_a_client_before_the_end(base: Home, user: User, device: MFADevice) -> None:
    """Somebody may be editing them."""
    base.run("refresh", BASE, "--token-code", base.code(device))
    let_end(base, seconds=300)
    client = mfa_profiles.session(BASE, min_remaining=timedelta(0)).client("sts")
    client.get_caller_identity()

    base.credentials.write_text("[smce-veda\n")

    assert user.arn == client.get_caller_identity()["Arn"]


def test_a_role_is_assumed_again_without_a_person(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """While the session behind it is valid, its own end is nobody's concern."""
    base.add_role("admin", aws.create_role("admin", require_mfa=True).arn, "region = us-west-2\n")
    base.run("refresh", "admin", "--token-code", base.code(device))
    boto3.Session().client("sts", "us-west-2")  # the first of a process takes its time
    wait_for_its_end = let_end(base, "admin-mfa")
    client = mfa_profiles.session("admin", min_remaining=timedelta(0)).client("sts")
    arn = client.get_caller_identity()["Arn"]

    wait_for_its_end()

    assert arn == client.get_caller_identity()["Arn"]
    assert "arn:aws:sts::123456789012:assumed-role/admin/mfa-profiles" == arn
    assert ["GetSessionToken", "AssumeRole", "GetCallerIdentity", "AssumeRole", "GetCallerIdentity"] == aws.actions


def test_the_import_is_light(home: Home, user: User) -> None:
    """The command line imports the package at every start."""
    home.write(base_section(user))
    script = "import sys; old = {*sys.modules}; import mfa_profiles; print(*sorted({*sys.modules} - old))"

    assert "mfa_profiles\n" == home.run("-c", script, program=sys.executable).stdout


def test_botocores_debug_log_has_nothing_of_it(
    base: Home, user: User, device: MFADevice, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever debugs their own calls sees these, and neither the code nor the answer with the new keys."""
    caplog.set_level(logging.DEBUG)

    session = mfa_profiles.session(BASE, token_code=base.code(device))

    base.check_for_secrets(caplog.text)
    assert user.arn == who(session)
    assert "GetCallerIdentity" in caplog.text


def test_the_calls_for_a_hint_are_not_logged(
    base: Home, aws: LocalAWS, device: MFADevice, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal of a device is told with those that there are."""
    caplog.set_level(logging.DEBUG)
    other = aws.create_user("jane.doe").add_virtual_device()
    base.config.write_text(f"[profile {BASE}]\nmfa_serial = {other.serial_number}\n")

    with pytest.raises(mfa_profiles.AWSError) as refused:
        mfa_profiles.session(BASE, token_code=base.code(device))

    assert f"this user's: {device.serial_number}" == refused.value.hints[0]
    assert "ListMFADevices" not in caplog.text


def test_the_first_call_of_a_process_is_not_logged_either(base: Home, device: MFADevice) -> None:
    """The loggers of boto3 come with its import, which is ours."""
    script = (
        "import logging, sys; logging.basicConfig(level='DEBUG'); import mfa_profiles; "
        f"mfa_profiles.session({BASE!r}, token_code=sys.argv[1]); print('boto3' in sys.modules)"
    )

    result = base.run("-c", script, base.code(device), program=sys.executable)

    assert "True\n" == result.stdout
    assert "GetSessionToken" not in result.stderr


def kinds(kind: type[mfa_profiles.MfaProfilesError]) -> list[type[mfa_profiles.MfaProfilesError]]:
    """An error class and all below it."""
    return [kind, *(found for below in kind.__subclasses__() for found in kinds(below))]


def test_errors_survive_a_pool_of_processes() -> None:
    """Each kind can be pickled with its message, hints and exit code."""
    made: dict[type[mfa_profiles.MfaProfilesError], mfa_profiles.MfaProfilesError] = {
        errors.FileRefusedError: errors.FileRefusedError("path", 1, "reason", "hint"),
        errors.CommandError: errors.CommandError(127, "message", "hint"),
        errors.TokenCodeRefusedError: errors.TokenCodeRefusedError("message", "hint", seconds_until_next=3),
    }
    for kind in kinds(mfa_profiles.MfaProfilesError):
        error = made.get(kind) or kind("message", "hint")

        found = pickle.loads(pickle.dumps(error))

        assert (kind, vars(error), str(error)) == (type(found), vars(found), str(found))


def test_settings_of_another_profile_in_the_environment_are_refused(
    refreshed: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``exec`` and ``aws_env --keys`` set them beside keys: boto3 would send the session to that endpoint."""
    refreshed.aws.requests.clear()
    monkeypatch.setenv("_MFA_PROFILES_SETTINGS", "AWS_ENDPOINT_URL,AWS_RETRY_MODE")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")

    with pytest.raises(errors.UsageError, match="AWS_ENDPOINT_URL, AWS_RETRY_MODE in the environment are set for"):
        mfa_profiles.session(BASE)

    assert refreshed.aws.requests == []
    own = f"retry_mode = adaptive\nendpoint_url = {refreshed.aws.endpoint_url}\n"
    header = f"[profile {BASE}]\n"
    refreshed.config.write_text(refreshed.config.read_text().replace(header, header + own))
    who(mfa_profiles.session(BASE))


def test_no_thread_is_left(base: Home, device: MFADevice) -> None:
    """Each later fork of the program would be unsafe, and Python would warn of it."""
    before = threading.enumerate()
    session = mfa_profiles.session(BASE, token_code=base.code(device))
    who(session)

    assert {thread.name for thread in threading.enumerate() if thread not in before} <= {"local-aws"}


def test_threads_that_look_up_keys_at_once(home: Home) -> None:
    """Two profiles behind one credential_process: neither is taken for a circle."""
    home.secrets.append("its/secret")
    keys = '{"Version": 1, "AccessKeyId": "AKIAELSEWHERE", "SecretAccessKey": "its/secret"}'
    (home.path / "keys").write_text(keys)
    command = f"sh -c 'sleep 0.2; cat {home.path / 'keys'}'"
    home.write("", "".join(f"[profile p{number}]\ncredential_process = {command}\n" for number in range(3)))
    profiles = shared_files.load(SharedPaths.from_environment(os.environ))

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda number: resolve(profiles, f"p{number % 3}").keys.access_key_id, range(6)))

    assert ["AKIAELSEWHERE"] * 6 == found


def test_the_region_is_the_profiles(base: Home, device: MFADevice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, as with exec and export; an argument goes before both."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")

    assert "us-west-2" == mfa_profiles.session(BASE, token_code=base.code(device)).region_name
    assert "eu-west-1" == mfa_profiles.session(BASE, region_name="eu-west-1").region_name
