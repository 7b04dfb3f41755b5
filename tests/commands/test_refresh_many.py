"""refresh of several profiles at once: one prompt for each identity, roles in parallel, one write."""

import concurrent.futures
import contextlib
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mfa_profiles.commands import Context
from mfa_profiles.commands.refresh import RefreshOptions, refresh_all
from tests.home import BASE, DERIVED, TOOL, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, Request, User, peak_concurrency
from tests.processes import wait_until

EXPIRED = "2020-01-01T00:00:00Z"


def add_roles(home: Home, aws: LocalAWS, names: list[str]) -> None:
    """Roles, and a role profile behind the base profile for each."""
    for name in names:
        home.add_role(name, aws.create_role(name).arn)


def test_two_hundred_roles(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """One code, one AssumeRole each, 25 of them at once and never more."""
    names = [f"role-{number:03}" for number in range(200)]
    add_roles(base, aws, names)
    together = threading.Barrier(25, timeout=120)

    def wait_for_the_others(request: Request) -> None:
        if request.action == "AssumeRole":
            with contextlib.suppress(threading.BrokenBarrierError):  # there are fewer at once
                together.wait()

    aws.after = wait_for_the_others

    result = base.run_warm("refresh", "--all", "--token-code", base.code(device))

    counts = {action: aws.actions.count(action) for action in set(aws.actions)}
    assert (0, {"GetSessionToken": 1, "AssumeRole": 200}) == (result.code, counts)
    assert len(names) == len({request.parameters.get("RoleArn") for request in aws.requests} - {None})
    assert 25 == peak_concurrency(aws.requests)
    assert 201 == base.text(base.credentials).count("# Expires ")


def test_all_takes_what_has_a_session_or_a_device_and_the_roles_behind(
    base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """And leaves alone what needs no code, or is somebody else's."""
    add_roles(base, aws, ["admin"])
    other = aws.create_user("other")
    base.credentials.write_text(base.credentials.read_text() + base_section(other, "plain"))
    base.secrets.append(other.secret_access_key)

    result = base.run_warm("refresh", "--all", "--json", "--token-code", base.code(device))

    assert 0 == result.code
    assert [DERIVED, "admin-mfa"] == [item["profile"] for item in json.loads(result.stdout)]


def test_nothing_to_refresh(home: Home, user: User) -> None:
    """--all without anything that it takes says so."""
    home.write(base_section(user))

    result = home.run("refresh", "--all")

    assert (0, ["nothing to refresh: no profile has a session or an MFA device; name one"]) == (
        result.code,
        result.errors,
    )


def test_what_succeeded_is_written_though_something_failed(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Each failure is told with the profile it belongs to, and the exit code is 1."""
    add_roles(base, aws, ["admin", "gone"])
    base.config.write_text(base.config.read_text().replace("role/gone", "role/nothing"))

    result = base.run_warm("refresh", "admin", "gone", "nobody", "--json", "--token-code", base.code(device))

    by_profile = {item["profile"]: item for item in json.loads(result.stdout)}
    assert 1 == result.code
    assert {"admin-mfa": True, "gone-mfa": False, "nobody": False} == {
        name: item["refreshed"] for name, item in by_profile.items()
    }
    assert ["gone-mfa", "nobody"] == [name for name, item in by_profile.items() if "error" in item]
    assert "mfa-profiles: error: nobody: there is no profile nobody" in result.stderr
    assert "[admin-mfa]" in base.text(base.credentials)
    assert "[gone-mfa]" not in base.text(base.credentials)


def test_outcomes_come_in_the_order_asked_for(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Also those of names that no profile has; the source that is refreshed on the way is not among them."""
    add_roles(base, aws, ["role-0", "role-1"])
    names = ["nope", "role-1", "nothing", "role-0-mfa"]

    result = base.run("refresh", *names, "--json", "--token-code", base.code(device))

    profiles = [outcome["profile"] for outcome in json.loads(result.stdout)]
    assert (1, ["nope", "role-1-mfa", "nothing", "role-0-mfa"]) == (result.code, profiles)


def test_a_failure_that_many_share_is_told_once(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Roles behind a code that was refused."""
    add_roles(base, aws, [f"role-{number}" for number in range(9)])
    wrong = device.wrong_code()
    base.secrets.append(wrong)

    result = base.run_warm("refresh", "--all", "--token-code", wrong)

    assert (1, ["GetSessionToken"]) == (result.code, aws.actions)
    assert (
        "mfa-profiles: error: smce-veda-mfa, role-0-mfa, role-1-mfa and 7 more: AWS did not accept"
        in (result.errors[0])
    )
    assert 1 == result.stderr.count("error:")


def test_one_code_does_not_serve_two_identities(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """It is said before any is spent."""
    other = aws.create_user("other")
    base.secrets.append(other.secret_access_key)
    text = f"{base.credentials.read_text()}{base_section(other, 'other')}mfa_serial = {device.serial_number}\n"
    base.credentials.write_text(text)

    result = base.run_warm("refresh", BASE, "other", "--token-code", base.code(device))

    assert (2, []) == (result.code, aws.requests)
    assert f"there is one token code, and these profiles need one each: {BASE}, other" in result.errors[0]


def test_codes_on_stdin_are_taken_one_by_one(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """A line for each identity; two profiles with the same key are one."""
    other = aws.create_user("other")
    second = other.add_virtual_device()
    base.secrets.append(other.secret_access_key)
    base.credentials.write_text(
        f"{base.credentials.read_text()}{base_section(other, 'other')}mfa_serial = {second.serial_number}\n"
        f"{base_section(user, 'same')}mfa_serial = {device.serial_number}\n"
    )
    codes = f"{base.code(device)}\n{base.code(second)}\n"

    result = base.run_warm("refresh", BASE, "other", "same", "--token-code", "-", stdin=codes)

    assert (0, ["GetSessionToken"] * 2) == (result.code, aws.actions)
    assert base.section(DERIVED)["aws_access_key_id"] == base.section("same-mfa")["aws_access_key_id"]


def test_to_names_one_profile(base: Home) -> None:
    """So it goes with one name, and not with --all."""
    several = base.run("refresh", BASE, "other", "--to", "x")
    everything = base.run("refresh", "--all", "--to", "x")

    assert (2, 2) == (several.code, everything.code)
    assert "--to names one derived profile" in several.stderr
    assert "--to names one derived profile" in everything.stderr


def test_throttled_roles_are_tried_again(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """With some time in between."""
    add_roles(base, aws, [f"role-{number}" for number in range(20)])
    aws.faults.add(action="AssumeRole", error="Throttling", times=10)

    result = base.run_warm("refresh", "--all", "--token-code", base.code(device))

    assert (0, 30) == (result.code, aws.actions.count("AssumeRole"))


@pytest.mark.long  # ten that want credentials do the same, in test_credential_process
def test_twenty_processes_ask_aws_once(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Each finds the session expired; one spends the code, the others wait and use what it got."""
    expired = session_section(DERIVED, source=BASE, expires=EXPIRED)
    base.credentials.write_text(base.credentials.read_text() + expired)
    code = base.code(device)
    aws.faults.add(action="GetSessionToken", latency=3.0)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: base.run("refresh", BASE, "--token-code", code), range(20)))

    assert ([0] * 20, ["GetSessionToken"]) == ([result.code for result in results], aws.actions)
    waited = sum("waiting for another mfa-profiles that is refreshing smce-veda" in r.stderr for r in results)
    assert waited >= 1


def test_force_takes_what_another_process_has_just_got(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """--force wants a new session, and a new session is there: the code is not spent again."""
    base.run_warm("refresh", BASE, "--token-code", base.code(device))
    code = base.code(device)
    aws.requests.clear()
    errors = [base.path / f"errors-{number}" for number in range(3)]

    def run(errors: Path) -> int:
        command = f"exec {TOOL} refresh {BASE} --force --token-code {code} 2>{errors}"
        return base.run("-c", command, program="/bin/sh").code

    def said() -> list[str]:
        return [path.read_text() for path in errors if path.exists()]

    with concurrent.futures.ThreadPoolExecutor(3) as pool, aws.held("GetSessionToken"):
        codes = pool.map(run, errors)
        wait_until(lambda: 2 == sum("waiting for another mfa-profiles" in text for text in said()))

    assert ([0] * 3, ["GetSessionToken"]) == (list(codes), aws.actions)
    base.check_for_secrets("".join(said()))


def test_a_process_that_cannot_have_a_code_does_not_wait(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """A cron job ends at once, even while somebody else is at it."""
    code = base.code(device)

    with concurrent.futures.ThreadPoolExecutor(1) as pool, aws.held("GetSessionToken"):
        other = pool.submit(base.run, "refresh", BASE, "--token-code", code)
        wait_until(lambda: aws.requests)
        result = base.run("refresh", BASE)
        assert not other.done()

    assert (5, 0) == (result.code, other.result().code)


def test_the_locks_are_private_files(base: Home, device: MFADevice) -> None:
    """Nobody else may hold one, and they hold nothing."""
    base.run_warm("refresh", BASE, "--token-code", base.code(device))

    locks = list(base.credentials.parent.glob(".mfa-profiles/*.lock"))
    assert 3 == len(locks)
    assert {(0o600, 0)} == {(os.stat(lock).st_mode & 0o777, os.stat(lock).st_size) for lock in locks}


def test_the_files_are_replaced_once_for_all_roles(
    base: Home, aws: LocalAWS, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the write for the session that cost a code; counted at the system call."""
    add_roles(base, aws, [f"role-{number}" for number in range(200)])
    environment = base.environment()
    for name in ("HOME", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, environment[name])
    replace, replaced = os.replace, []

    def counting(source: str, target: str) -> None:
        replaced.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", counting)
    context = Context(environment=environment, now=lambda: datetime.now(UTC), ask=None, warn=pytest.fail)

    outcomes = refresh_all(RefreshOptions(token_code=base.code(device)), context)

    assert 201 == sum(outcome.refreshed for outcome in outcomes)
    assert [str(base.config), str(base.credentials), str(base.credentials)] == replaced


def test_too_few_codes_on_stdin(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """What the first code got is written; who has none is told so."""
    other = aws.create_user("other")
    serial_number = other.add_virtual_device().serial_number
    base.secrets.append(other.secret_access_key)
    text = f"{base.credentials.read_text()}{base_section(other, 'other')}mfa_serial = {serial_number}\n"
    base.credentials.write_text(text)

    result = base.run_warm("refresh", BASE, "other", "--token-code", "-", stdin=f"{base.code(device)}\n")

    assert (1, ["GetSessionToken"]) == (result.code, aws.actions)
    assert "mfa-profiles: error: other-mfa: there is no token code left on stdin" in result.stderr
    assert f"[{DERIVED}]" in base.text(base.credentials)


def test_all_takes_every_derived_profile_of_a_base(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """With one code, as they are of one user; a role profile that cannot work is pointed out."""
    for name in ("one", "two"):
        expired = session_section(name, source=BASE, expires=EXPIRED)
        base.credentials.write_text(base.credentials.read_text() + expired)
    broken = "\n[profile broken]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = nobody\n"
    base.config.write_text(base.config.read_text() + broken)

    result = base.run_warm("refresh", "--all", "--token-code", base.code(device))

    assert (0, ["GetSessionToken"]) == (result.code, aws.actions)
    assert {"one is valid until", "two is valid until"} <= {line[:18] for line in result.errors}
    assert (
        "mfa-profiles: warning: left out: source_profile of profile broken: there is no profile nobody"
        in (result.errors[0])
    )


def test_a_role_does_not_wait_for_a_code_of_its_source(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """While somebody makes a new session, the one that is there opens roles."""
    add_roles(base, aws, ["admin"])
    base.run_warm("refresh", BASE, "--token-code", base.code(device))
    aws.requests.clear()
    code = base.code(device)

    with concurrent.futures.ThreadPoolExecutor(1) as pool, aws.held("GetSessionToken"):
        other = pool.submit(base.run, "refresh", BASE, "--force", "--token-code", code)
        wait_until(lambda: aws.requests)
        result = base.run("refresh", "admin")
        assert not other.done()

    assert (0, 0) == (result.code, other.result().code)
