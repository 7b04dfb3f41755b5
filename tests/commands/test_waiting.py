"""Programs that give keys or codes may run this tool, and people take their time: no process waits for itself."""

import json
import os
import threading
from pathlib import Path

import pytest

from tests.home import BASE, TOOL, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import wait_for
from tests.test_terminal import PROMPT, Terminal

CODE = "MFA_PROFILES_TOKEN_CODE"
CHAIN = "_MFA_PROFILES_CHAIN"
# The locks of roles are sixteen: these two share one, and the third has another.
DEPLOY, NETWORK, AUDIT = "deploy", "network", "audit"


def through_the_tool(home: Home, name: str) -> str:
    """Add a profile whose credentials are those of another, through this tool, and return its name."""
    with home.config.open("a") as config:
        config.write(f"\n[profile {name}-auto]\ncredential_process = {TOOL} credential-process {name}\n")
    return f"{name}-auto"


def printing(home: Home, name: str, command: str) -> str:
    """Write a program that does something and prints a text that is in a file, and return its path."""
    program = home.path / name
    program.write_text(f"#!/bin/sh\n{command}\nexec cat {program}.out\n")
    program.chmod(0o755)
    return str(program)


def keys_of(user: User) -> str:
    """What a ``credential_process`` prints for long-term keys."""
    return json.dumps({"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key})


def vault(home: Home, user: User, device: MFADevice, command: str = ":") -> None:
    """Write a base profile whose long-term keys come from a program that does something first."""
    home.secrets.append(user.secret_access_key)
    program = printing(home, "vault", command)
    Path(f"{program}.out").write_text(keys_of(user))
    home.write("", f"[profile vault]\ncredential_process = {program}\nmfa_serial = {device.serial_number}\n")


def add_jane(home: Home) -> MFADevice:
    """Add a base profile of another user, and return the device of that user."""
    jane = home.aws.create_user("jane.roe")
    home.secrets.append(jane.secret_access_key)
    home.credentials.write_text(home.credentials.read_text() + base_section(jane, "jane"))
    device = jane.add_virtual_device()
    with home.config.open("a") as config:
        config.write(f"\n[profile jane]\nmfa_serial = {device.serial_number}\n")
    return device


@pytest.mark.parametrize("names", [(BASE, "production"), ("production", BASE), ("--all",), ("production",)])
def test_a_role_whose_source_runs_the_tool_for_a_profile_of_the_same_run(
    base: Home, aws: LocalAWS, device: MFADevice, names: tuple[str, ...]
) -> None:
    base.add_role("production", aws.create_role("operator").arn, source=through_the_tool(base, BASE))
    if names == ("--all",):  # As on every morning after the first.
        assert base.run_warm("refresh", BASE, "production", "--token-code", base.code(device)).code == 0
        aws.clock.advance(86400)
    if names == ("production",):
        assert base.run_warm("refresh", BASE, "--token-code", base.code(device)).code == 0

    result = base.run_warm("refresh", *names, "--token-code", base.code(device))

    assert (result.code, aws.actions[-2:]) == (0, ["GetSessionToken", "AssumeRole"])
    assert "waiting" not in result.stderr


def test_the_same_on_a_terminal_asks_once(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    base.add_role("production", aws.create_role("operator").arn, source=through_the_tool(base, BASE))
    command = Terminal(base, "refresh", BASE, "production")
    command.expect(PROMPT)
    command.type(base.code(device) + "\n")

    assert command.end() == 0
    assert aws.actions.count("GetSessionToken") == 1


@pytest.mark.parametrize("name", [NETWORK, AUDIT])
@pytest.mark.parametrize("others", [0, 40])
def test_a_role_whose_source_runs_the_tool_for_another_role(
    refreshed: Home, aws: LocalAWS, name: str, others: int
) -> None:
    """Whether or not they share a lock, and also if the run needs all of the locks."""
    refreshed.add_role(DEPLOY, aws.create_role(DEPLOY).arn)
    refreshed.add_role(name, aws.create_role(name).arn, source=through_the_tool(refreshed, DEPLOY))
    names = [f"r{number}" for number in range(others)]
    for other in names:
        refreshed.add_role(other, aws.create_role(other).arn)

    result = refreshed.run_warm("refresh", name, *names)

    assert (result.code, "waiting" in result.stderr) == (0, False)
    assert aws.actions.count("AssumeRole") == 2 + others


@pytest.mark.parametrize("setting", ["credential_process", "mfa_process"])
def test_a_profile_that_needs_its_own_session_is_refused(
    home: Home, user: User, device: MFADevice, setting: str
) -> None:
    """At once, not when the lock of its own ancestor has been waited for."""
    tool = f"{TOOL} credential-process vault"
    command = printing(home, "program", f"{tool} 2>{home.path}/inner >/dev/null || exit 1")
    vault(home, user, device)
    if setting == "credential_process":
        home.config.write_text(home.config.read_text().replace(f"{home.path}/vault", command))
    else:
        home.config.write_text(f"{home.config.read_text()}mfa_process = {command}\n")

    result = home.run("refresh", "vault", env={CODE: home.code(device)} if setting == "credential_process" else {})

    assert (result.code, setting in result.errors[0]) == (1, True)
    inner = (home.path / "inner").read_text()
    assert "credential_process or mfa_process of profile vault leads back to itself" in inner


def test_what_a_daemon_of_such_a_program_inherited_is_forgotten(base: Home, device: MFADevice) -> None:
    """The process that waited has ended long ago."""
    ended = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(ended, 0)

    result = base.run_warm(
        "refresh", BASE, "--token-code", base.code(device), env={CHAIN: f"{ended} {BASE}\nnonsense\n"}
    )

    assert result.code == 0


def test_the_prompt_for_one_profile_keeps_no_role_of_another_waiting(
    base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """Although their locks are one."""
    of_jane = add_jane(base)
    base.add_role(DEPLOY, aws.create_role(DEPLOY).arn)
    base.add_role(NETWORK, aws.create_role(NETWORK).arn, source="jane")
    assert base.run_warm("refresh", "jane", "--token-code", base.code(of_jane)).code == 0
    asking = Terminal(base, "refresh", DEPLOY)
    asking.expect(PROMPT)

    result = base.run("refresh", NETWORK)

    assert (result.code, "waiting" in result.stderr) == (0, False)
    asking.type(base.code(device) + "\n")
    assert asking.end() == 0


def test_a_rotation_that_waits_for_a_code_keeps_no_other_waiting(base: Home, device: MFADevice) -> None:
    of_jane = add_jane(base)
    asking = Terminal(base, "rotate", BASE)
    asking.expect(PROMPT)

    result = base.run("rotate", "jane", "--token-code", base.code(of_jane))

    assert (result.code, "waiting" in result.stderr) == (0, False)
    asking.type(base.code(device) + "\n")
    assert asking.end() == 0


# --- What such programs find in their environment.

SHOWS = "env >>{home}/seen"


@pytest.mark.parametrize("command", ["refresh", "exec", "credential-process"])
def test_a_token_code_is_not_in_the_environment_of_other_programs(
    home: Home, user: User, device: MFADevice, command: str
) -> None:
    vault(home, user, device, SHOWS.format(home=home.path))
    arguments = ["--", "sh", "-c", SHOWS.format(home=home.path)] if command == "exec" else []

    result = home.run(command, "vault", *arguments, env={CODE: home.code(device)}, prints_secrets=True)

    assert result.code == 0
    seen = (home.path / "seen").read_text()
    assert "HOME=" in seen
    assert CODE not in seen


def test_nor_in_that_of_mfa_process(base: Home, device: MFADevice) -> None:
    """Which is run if the code comes from elsewhere, but not for another profile."""
    program = printing(base, "program", SHOWS.format(home=base.path))
    Path(f"{program}.out").write_text(base.code(device))
    with base.config.open("a") as config:
        config.write(f"mfa_process = {program}\n")

    assert base.run("refresh", BASE, env={"FOO": "bar"}).code == 0

    seen = (base.path / "seen").read_text()
    assert "FOO=bar" in seen
    assert CHAIN in seen


def test_nor_in_that_of_the_program_of_a_source_profile(home: Home, aws: LocalAWS, user: User) -> None:
    """Which botocore starts, when it assumes a role that needs no session of this tool."""
    program = printing(home, "vault", SHOWS.format(home=home.path))
    Path(f"{program}.out").write_text(keys_of(user))
    home.secrets.append(user.secret_access_key)
    home.write("", f"[profile vault]\nregion = us-west-2\ncredential_process = {program}\n")
    home.add_role("admin", aws.create_role("admin").arn, "region = us-west-2\n", source="vault")

    result = home.run("credential-process", "admin", env={CODE: "123456"}, prints_secrets=True)

    assert result.code == 0
    seen = (home.path / "seen").read_text()
    assert CODE not in seen
    assert f"{CHAIN}=" in seen


# --- Programs of other threads.

SLOW = "echo >{home}/started; while [ ! -e {home}/go ]; do sleep 0.05; done"


def test_the_environment_of_the_program_itself_is_not_changed(
    home: Home, user: User, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other threads start meanwhile would inherit it."""
    home.enter(monkeypatch)
    import mfa_profiles

    vault(home, user, device, SLOW.format(home=home.path))
    before = dict(os.environ)
    getting = threading.Thread(target=lambda: mfa_profiles.session("vault", token_code=home.code(device)))
    getting.start()
    wait_for(home.path / "started")
    during = dict(os.environ)
    (home.path / "go").touch()
    getting.join()

    assert before == during


FORKING = """
import os, sys, threading, time, mfa_profiles
getting = threading.Thread(target=lambda: mfa_profiles.session("vault", token_code=sys.argv[1]))
getting.start()
while not os.path.exists("started"):
    time.sleep(0.05)
child = os.fork()
if child == 0:
    open("go", "w").close()
    print(mfa_profiles.session("vault").client("sts").get_caller_identity()["Arn"], flush=True)
    os._exit(0)
getting.join()
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_fork_while_another_thread_gets_keys(home: Home, user: User, device: MFADevice) -> None:
    """The child waits for its parent, and for nothing that it has inherited."""
    vault(home, user, device, SLOW.format(home="."))
    home.config.write_text(f"{home.config.read_text()}region = us-west-2\n")

    result = home.run("-c", FORKING, home.code(device), program="python")

    assert (result.code, result.stdout) == (0, f"{user.arn}\n"), result.stderr
