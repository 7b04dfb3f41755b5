"""The files change while a person is asked for a code: what comes of it belongs to the files as they are then."""

from collections.abc import Callable

import pytest

from tests.home import BASE, DERIVED, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.test_terminal import Terminal


def _eve(home: Home) -> User:
    eve = home.aws.create_user("eve", account_id="222222222222")
    home.secrets.append(eve.secret_access_key)
    return eve


def _other_keys(home: Home, user: User) -> None:
    eve = _eve(home)
    text = home.credentials.read_text().replace(user.access_key_id, eve.access_key_id)
    home.credentials.write_text(text.replace(user.secret_access_key, eve.secret_access_key))


def _other_device(home: Home, _: User) -> None:
    home.config.write_text(home.config.read_text().replace(":mfa/john.doe", ":mfa/second"))


@pytest.mark.parametrize(
    ("command", "change", "what"),
    [
        ("refresh smce-veda", _other_keys, "of another access key"),
        ("refresh smce-veda", _other_device, "of another MFA device"),
        ("refresh admin", _other_keys, "of another access key"),
        ("refresh admin", _other_device, "of another MFA device"),
        ("exec smce-veda -- true", _other_keys, "of another access key"),
        ("exec admin -- true", _other_device, "of another MFA device"),
        ("export smce-veda", _other_keys, "of another access key"),
        ("credential-process smce-veda", _other_keys, "of another access key"),
    ],
)
def test_a_session_of_a_profile_that_changes_at_the_prompt_is_not_used(
    base: Home,
    aws: LocalAWS,
    user: User,
    device: MFADevice,
    command: str,
    change: Callable[[Home, User], None],
    what: str,
) -> None:
    base.add_role("admin", aws.create_role("admin").arn)
    asking = Terminal(base, *command.split())
    asking.expect("MFA code for ")
    change(base, user)
    asking.type(base.code(device) + "\n")

    assert (asking.end(), asking.out) == (1, "")
    assert f"was changed while a session was requested: the session is {what}" in asking.err
    assert not base.parsed_credentials().has_section("admin-mfa")


def test_keys_that_turn_up_at_the_prompt_are_not_replaced_by_force(base: Home, device: MFADevice) -> None:
    """The person was not warned of them."""
    asking = Terminal(base, "refresh", BASE, "--force")
    asking.expect("MFA code for ")
    section = f"[{DERIVED}]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {'x' * 40}\n"
    base.credentials.write_text(base.credentials.read_text() + section)
    asking.type(base.code(device) + "\n")

    assert asking.end() == 1
    assert "holds long-term keys (****MPLE)" in asking.err
    assert section in base.credentials.read_text()


def test_keys_and_endpoint_that_change_at_the_prompt_go_together(base: Home, user: User, device: MFADevice) -> None:
    """The new keys are not sent to the old endpoint."""
    eve = _eve(base)
    of_base = f"endpoint_url = {base.aws.endpoint_url}\n"
    base.config.write_text(f"{base.config.read_text()}{of_base}\n[profile other]\nregion = us-west-2\n{of_base}")
    base.credentials.write_text(base.credentials.read_text() + base_section(user, "other"))
    asking = Terminal(base, "refresh", BASE, "other", env={"AWS_ENDPOINT_URL": ""})
    asking.expect("MFA code for ")
    base.credentials.write_text(base.credentials.read_text().partition("[other]")[0] + base_section(eve, "other"))
    text, _, _ = base.config.read_text().rpartition(of_base)
    base.config.write_text(f"{text}endpoint_url = http://127.0.0.1:9\n")
    asking.type(base.code(device) + "\n")

    assert asking.end() == 1
    assert {request.access_key_id for request in base.aws.requests} == {user.access_key_id}


def test_rotate_keeps_a_key_that_another_tool_puts_back_while_it_is_deactivated(
    refreshed: Home, aws: LocalAWS, user: User
) -> None:
    """A restored file has nothing but the old key."""
    text = refreshed.credentials.read_text()
    aws.before = lambda request: request.action == "UpdateAccessKey" and refreshed.credentials.write_text(text)

    result = refreshed.run_warm("rotate", BASE)

    assert (result.code, "DeleteAccessKey" in aws.actions) == (1, False)
    assert f"the keys of profile {BASE} were changed meanwhile" in result.stderr
    assert user.access_key_id in user.access_keys


def test_setup_does_not_replace_by_force_what_nobody_was_warned_of(base: Home, aws: LocalAWS, user: User) -> None:
    eve = _eve(base)
    (base.path / "secret").write_text(user.secret_access_key)
    section = base_section(eve, "work")

    def before(_: object) -> None:
        if "[work]" not in base.credentials.read_text():
            base.credentials.write_text(base.credentials.read_text() + section)

    aws.before = before
    options = ["--access-key-id", user.access_key_id, "--secret-access-key-file", "secret", "--region", "us-west-2"]

    result = base.run_warm("setup", "work", "--force", *options)

    assert (result.code, section in base.credentials.read_text()) == (1, True)
    assert "profile work is there already" in result.stderr
