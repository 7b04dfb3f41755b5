"""refresh with mfa_process: a command gives the codes, and nobody has to be there."""

import time

import pexpect
import pytest

from tests.code_programs import add_program, with_oathtool
from tests.home import BASE, DERIVED, TOOL, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.local_aws.devices import WINDOW

# Recipes of aws-vault's users: https://github.com/99designs/aws-vault/blob/master/USAGE.md, "Using a Yubikey" and
# what its issues say of 1Password's command.
RECIPES = {
    "ykman": (
        "ykman oath accounts code --single arn:aws:iam::123456789012:mfa/john.doe",
        "oath accounts code --single",
    ),
    "op": ('op item get "AWS of work" --otp', "item get AWS of work --otp"),
}


def path_with(home: Home) -> dict[str, str]:
    """The environment in which the stand-in is found."""
    return {"PATH": f"{home.path / 'bin'}:{home.environment()['PATH']}"}


def to_the_end_of_a_window(aws: LocalAWS, seconds: int) -> None:
    """Set the server's clock so that so many seconds are left until the next code."""
    aws.clock.offset = int(WINDOW - seconds - time.time() % WINDOW)


@with_oathtool
@pytest.mark.parametrize(("command", "arguments"), RECIPES.values(), ids=RECIPES)
def test_recipes_of_aws_vault(base: Home, aws: LocalAWS, device: MFADevice, command: str, arguments: str) -> None:
    """No terminal, no option: the command is run with its arguments as they are, and its stderr is seen."""
    add_program(base, command.split()[0], device, arguments)
    base.config.write_text(f"{base.config.read_text()}mfa_process = {command}\n")

    result = base.run_warm("refresh", BASE, env=path_with(base))

    assert (0, ["GetSessionToken"]) == (result.code, aws.actions)
    assert "Touch your key..." == result.errors[0]


@with_oathtool
def test_the_command_of_a_role_profile_serves_its_source(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """As mfa_serial does."""
    program = add_program(base, "code", device)
    base.add_role("admin", aws.create_role("admin", require_mfa=True).arn, f"mfa_process = {program}\n")

    result = base.run_warm("refresh", "admin")

    assert (0, ["GetSessionToken", "AssumeRole"]) == (result.code, aws.actions)


@with_oathtool
@pytest.mark.long  # waits for a window; the countdown below does the same
def test_two_sessions_with_one_device_need_two_windows(
    base: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """The second code is the first again, which AWS refuses: it is waited for the next, and tried once more."""
    to_the_end_of_a_window(aws, 15)
    program = add_program(base, "code", device, offset=int(aws.clock.offset))
    second = user.account.backend.create_access_key(user.name)
    base.secrets.append(second.secret_access_key)
    other = User(user.account, user.name, second.access_key_id, second.secret_access_key)
    base.credentials.write_text(base_section(user) + base_section(other, "other"))
    serial = f"mfa_serial = {device.serial_number}\nmfa_process = {program}\n"
    base.config.write_text(f"[profile {BASE}]\n{serial}\n[profile other]\n{serial}")

    result = base.run_warm("refresh", "--all")

    assert (0, ["GetSessionToken"] * 3) == (result.code, aws.actions)
    assert [None, "AccessDenied", None] == [request.error_code for request in aws.requests]
    assert "AWS did not accept the token code: the next one comes in" in result.stderr


@with_oathtool
def test_waiting_is_a_countdown_on_the_terminal(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """It is gone when it is over."""
    to_the_end_of_a_window(aws, 15)
    program = add_program(base, "code", device, offset=int(aws.clock.offset))
    base.config.write_text(f"{base.config.read_text()}mfa_process = {program}\n")
    base.run_warm("refresh", BASE)

    child = pexpect.spawn(
        TOOL, ["refresh", DERIVED, "--force"], env=base.environment(), encoding="utf-8", timeout=120
    )
    child.expect(r"\rAWS did not accept the token code: the next one comes in 1?\d s \x1b\[K\r")
    child.expect(r"comes in 1 s \x1b\[K\r\x1b\[K")
    child.expect(f"{DERIVED} is valid until ")
    child.expect(pexpect.EOF)
    child.close()

    assert 0 == child.exitstatus
    base.check_for_secrets(str(child.before))


def test_a_wrong_code_of_a_command_is_not_tried_for_ever(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Twice, and then it is an error."""
    to_the_end_of_a_window(aws, 3)
    wrong = device.wrong_code()
    base.secrets.append(wrong)
    base.config.write_text(f"{base.config.read_text()}mfa_process = echo {wrong}\n")

    result = base.run_warm("refresh", BASE)

    assert (1, ["GetSessionToken"] * 2) == (result.code, aws.actions)
    assert "mfa-profiles: error: AWS did not accept the token code" in result.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("nobody-has-this --otp", f"mfa_process of profile {BASE}: there is no command nobody-has-this"),
        ("false", f"mfa_process of profile {BASE}: false ended with exit code 1"),
        ("echo hunter2", f"mfa_process of profile {BASE}: echo printed something that is not six digits"),
    ],
)
def test_a_command_that_gives_no_code(base: Home, aws: LocalAWS, command: str, sentence: str) -> None:
    """One sentence, and AWS is not asked."""
    base.secrets.append("hunter2")
    base.config.write_text(f"{base.config.read_text()}mfa_process = {command}\n")
    before = base.files()

    result = base.run_warm("refresh", BASE)

    assert (1, [], before) == (result.code, aws.requests, base.files())
    assert f"mfa-profiles: error: {sentence}" == result.errors[0]
    assert result.errors[1].startswith("hint: ")


def test_an_option_outranks_the_command(base: Home, device: MFADevice) -> None:
    """So that a person can help out."""
    base.config.write_text(f"{base.config.read_text()}mfa_process = false\n")

    assert 0 == base.run_warm("refresh", BASE, "--token-code", base.code(device)).code
