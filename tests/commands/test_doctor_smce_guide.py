"""doctor finds what people come to a guide to MFA scripts with: its common issues, each with what to do about it."""

from tests.home import BASE, DERIVED, Home
from tests.local_aws import LocalAWS, User
from tests.screens import Screen


def test_active_session_detected(refreshed: Home) -> None:
    """Issue 1, "Active session detected": a session in the environment, which has to be cleared first."""
    keys = refreshed.section()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    exported = {name: keys[name.lower()] for name in names}

    assert (
        "  problem  an active session is in the environment, which most tools prefer to\n"
        "           every profile: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,\n"
        "           AWS_SESSION_TOKEN\n"
        "           unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
    ) in screen(refreshed, "--offline", env=exported)


def test_unable_to_identify_user(home: Home, user: User) -> None:
    """Issue 2, "Unable to identify user": keys that are not configured correctly, and the wrong profile."""
    home.add_base(user)
    home.credentials.write_text(home.credentials.read_text().replace(user.secret_access_key, "a/secret/of/another"))

    seen = screen(home, env={"AWS_PROFILE": "smce"})

    assert (
        f"  problem  the secret access key of profile {BASE} does not belong to\n"
        f"           ****{user.access_key_id[-4:]}\n"
        f"           copy both again into [{BASE}] in {home.credentials}\n"
    ) in seen
    assert f"  problem  AWS_PROFILE: there is no profile smce\n           did you mean {BASE}?\n" in seen


def test_no_mfa_device_found(home: Home, user: User) -> None:
    """Issue 3, "No MFA device found": there is none yet, or the user may not ask for it."""
    home.add_base(user)
    none = screen(home)
    user.deny("iam:ListMFADevices")
    denied = screen(home)

    assert (
        f"  problem  the user of {BASE} has no MFA device\n"
        "           register an authenticator app: IAM console, your name at the top right, "
    ) in none
    assert "(no permission iam:ListMFADevices)" in denied
    assert f"           add to [profile {BASE}] in {home.config}: mfa_serial = ARN" in denied


def test_failed_to_generate_temporary_credentials(base: Home, aws: LocalAWS, user: User) -> None:
    """Issue 4, "Failed to generate temporary credentials": no permission, or a clock that gives wrong codes."""
    user.deny("sts:GetSessionToken")
    denied = screen(base)
    user.allow("sts:GetSessionToken")
    aws.clock.advance(600)
    slow = screen(base)

    assert f"  problem  profile {BASE} has no permission sts:GetSessionToken: a policy of" in denied
    assert (
        "  problem  this machine's clock is wrong: it is 10 minutes behind AWS's\n"
        "           set it, best with a time service: timedatectl set-ntp true\n"
    ) in slow


def test_script_returns_without_setting_credentials(refreshed: Home) -> None:
    """Issue 5, "Script returns without setting credentials": the session is there, and this terminal has another."""
    hint = f"           export AWS_PROFILE={DERIVED} uses the session in that profile\n"

    unset = screen(refreshed, "--offline")
    base = screen(refreshed, "--offline", env={"AWS_PROFILE": BASE})
    right = screen(refreshed, "--offline", env={"AWS_PROFILE": DERIVED})

    assert f"  ok       no AWS_PROFILE is set here, and there is no profile default\n{hint}" in unset
    assert f"  ok       this terminal uses profile {BASE} (AWS_PROFILE)\n{hint}" in base
    assert f"  ok       this terminal uses profile {DERIVED} (AWS_PROFILE)\n  ok " in right


def screen(home: Home, *options: str, env: dict[str, str] | None = None) -> str:
    """What a person sees."""
    with Screen(home, ["doctor", *options], env=env, lines=40, columns=160) as shown:
        shown.end()
        return shown.text
