"""A user without an MFA device for codes: no command hands out their long-term keys in the place of a session."""

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, User
from tests.screens import Screen

COMMANDS = [
    ["refresh", BASE],
    ["export", BASE],
    ["export", BASE, "--by-profile"],
    ["export", BASE, "--format", "dotenv", "--output", ".env"],
    ["exec", BASE, "--", "touch", "ran"],
    ["credential-process", BASE],
]
DEVICES = {
    "none": "has no MFA device",
    "passkeys": "has no MFA device for codes: only passkeys",
}


@pytest.mark.parametrize("devices", DEVICES)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_all_ends_the_same_with_and_without_a_terminal(
    home: Home, user: User, command: list[str], devices: str
) -> None:
    home.add_base(user)
    if devices == "passkeys":
        user.add_passkey()
    before = home.files()

    alone = home.run_warm(*command)
    with_code = home.run_warm(*command, env={"MFA_PROFILES_TOKEN_CODE": "123456"})
    with Screen(home, command, columns=200) as screen:
        shown = screen.wait_for("hint: Assign MFA device, Authenticator app")
        attended = screen.end()

    assert (alone.code, with_code.code, attended) == (5, 5, 5)
    assert (alone.stdout, with_code.stdout) == ("", "")
    assert f"mfa-profiles devices {BASE} shows whether there is one" in alone.errors[-1]
    assert DEVICES[devices] in with_code.errors[0]
    assert DEVICES[devices] in shown
    assert home.files() == before
    assert [path.name for path in home.path.iterdir()] == [".aws"]


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_a_user_who_may_not_list_devices(home: Home, user: User, command: list[str]) -> None:
    """There may well be a device, and the error shows how to name it."""
    user.deny("iam:ListMFADevices")
    home.add_base(user)

    result = home.run_warm(*command, env={"MFA_PROFILES_TOKEN_CODE": "123456"})

    assert (result.code, result.stdout) == (1, "")
    assert "the MFA device is not known" in result.errors[0]
    assert "mfa_serial = ARN" in result.errors[1]
    assert [path.name for path in home.path.iterdir()] == [".aws"]


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_a_profile_that_needs_no_mfa_goes_on_working(
    home: Home, aws: LocalAWS, user: User, command: list[str]
) -> None:
    """Its keys come from elsewhere, and nobody has configured a device for it."""
    keys = f'{{"Version": 1, "AccessKeyId": "{user.access_key_id}", "SecretAccessKey": "its/secret"}}'
    (home.path / "keys").write_text(keys)
    home.write("", f"[profile {BASE}]\ncredential_process = cat {home.path / 'keys'}\n")

    result = home.run_warm(*command)

    assert (result.code, aws.actions) == (0, [])
