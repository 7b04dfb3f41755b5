"""refresh: from a token code to a derived profile, against a local AWS."""

import json
import signal
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from mfa_profiles.commands import Context
from mfa_profiles.commands.refresh import RefreshOptions, refresh
from mfa_profiles.profiles import shown
from mfa_profiles.token_code import Call, nothing
from tests.home import BASE, DERIVED, TOOL, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import wait_until

FOREIGN = session_section(DERIVED)


def test_refresh_writes_the_derived_profile_into_both_files(home: Home, user: User, device: MFADevice) -> None:
    """The files as a person had them, with the new sections at their ends and nothing else changed."""
    credentials = f"# keys\n{base_section(user)}# end\n"
    s3 = "s3 =\n    max_concurrent_requests = 20"
    config = f"[profile {BASE}]\nregion = us-west-2\n{s3}\nmfa_serial = {device.serial_number}"
    home.write(credentials, config)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (0, "") == (result.code, result.stdout)
    session = home.section()
    expires = session["x_security_token_expires"]
    new_credentials = (
        f"\n[{DERIVED}]\n"
        f"# Expires {expires} (mfa-profiles: source_profile {BASE}, access_key_id {user.access_key_id}, "
        f"mfa_serial {device.serial_number})\n"
        f"aws_access_key_id = {session['aws_access_key_id']}\n"
        f"aws_secret_access_key = {session['aws_secret_access_key']}\n"
        f"aws_session_token = {session['aws_session_token']}\n"
        f"x_security_token_expires = {expires}\n"
    )
    new_config = (
        f"\n\n[profile {DERIVED}]\n# Settings copied by mfa-profiles from profile {BASE}\nregion = us-west-2\n{s3}"
    )
    assert home.masked(credentials + new_credentials) == home.text(home.credentials)
    assert config + new_config == home.text(home.config)
    left = datetime.fromisoformat(expires) - datetime.now(UTC)
    assert timedelta(hours=12) >= left > timedelta(hours=11, minutes=55)


def test_refresh_says_until_when_the_session_is_valid(home: Home, user: User, device: MFADevice) -> None:
    """In the local zone, as a clock on the wall shows it."""
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), "--duration-seconds", "1h")

    end = datetime.fromisoformat(home.section()["x_security_token_expires"])
    local = end.astimezone(ZoneInfo("America/Los_Angeles"))
    assert [f"{DERIVED} is valid until {local:%H:%M} (1 h)"] == [
        line.replace(f"{local:%Y-%m-%d} ", "") for line in result.errors
    ]


def test_refresh_finds_the_device_and_remembers_it(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """The first time AWS is asked for the devices, the second time the comment knows."""
    home.add_base(user)

    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    result = home.run_warm("refresh", BASE, "--force", "--token-code", home.code(device))

    assert 0 == result.code
    assert ["ListMFADevices", "GetSessionToken", "GetSessionToken"] == aws.actions


def test_passkeys_are_left_out(home: Home, user: User, device: MFADevice) -> None:
    """With a passkey beside the app, the app is found, and the person is told."""
    user.add_passkey()
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    assert "mfa-profiles: warning: left out 1 passkey: AWS STS takes codes only" == result.errors[0]
    assert device.serial_number in home.text(home.credentials)


def test_only_a_passkey_is_explained(home: Home, user: User) -> None:
    """With how to register an authenticator app beside it."""
    user.add_passkey()
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", "123456")

    assert 5 == result.code
    assert "has no MFA device for codes: only passkeys" in result.errors[0]
    assert "hint: register an authenticator app" in result.stderr


def test_a_configured_passkey_is_explained(home: Home, aws: LocalAWS, user: User) -> None:
    """Without asking AWS."""
    home.add_base(user, config="mfa_serial = arn:aws:iam::123456789012:u2f/user/john.doe/key\n")

    result = home.run_warm("refresh", BASE, "--token-code", "123456")

    assert (1, []) == (result.code, aws.requests)
    assert "is a passkey, and AWS STS takes codes only" in result.errors[0]


def test_no_device_is_explained(home: Home, user: User) -> None:
    """With how to register one."""
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", "123456")

    assert 5 == result.code
    assert f"mfa-profiles: error: the user of profile {BASE} has no MFA device" == result.errors[0]


def test_several_devices_without_a_terminal_are_listed(home: Home, user: User, device: MFADevice) -> None:
    """And the option that chooses is named."""
    user.add_hardware_device("GAHT12345678")
    home.add_base(user)

    listed = home.run_warm("refresh", BASE, "--token-code", home.code(device))
    chosen = home.run_warm(
        "refresh", BASE, "--token-code", home.code(device), "--serial-number", device.serial_number
    )

    assert (1, 0) == (listed.code, chosen.code)
    assert "GAHT12345678" in listed.errors[0]
    assert device.serial_number in listed.errors[0]
    assert "hint: name one with --serial-number" in listed.stderr


@pytest.mark.parametrize("key", ["mfa_serial", "aws_mfa_device"])
def test_a_configured_device_is_taken(home: Home, aws: LocalAWS, user: User, device: MFADevice, key: str) -> None:
    """By the AWS CLI's key or by aws-mfa's, without asking AWS which there are."""
    home.add_base(user, config=f"{key} = {device.serial_number}\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (0, ["GetSessionToken"]) == (result.code, aws.actions)


def test_list_mfa_devices_denied_names_the_line_to_add(home: Home, user: User, device: MFADevice) -> None:
    """The very line, and the file it goes into."""
    user.deny("iam:ListMFADevices")
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 1 == result.code
    assert "no permission iam:ListMFADevices" in result.errors[0]
    assert f"hint: add to [profile {BASE}] in {home.config}: mfa_serial = ARN" == result.errors[1]


def test_the_code_may_come_on_stdin(base: Home, device: MFADevice) -> None:
    """With - for the code."""
    assert 0 == base.run_warm("refresh", BASE, "--token-code", "-", stdin=f"{base.code(device)}\n").code


def test_the_code_may_be_in_the_environment(base: Home, device: MFADevice) -> None:
    """As MFA_PROFILES_TOKEN_CODE."""
    assert 0 == base.run_warm("refresh", BASE, env={"MFA_PROFILES_TOKEN_CODE": base.code(device)}).code


def test_the_code_may_have_spaces(base: Home, device: MFADevice) -> None:
    """Authenticators show it in groups."""
    code = base.code(device)

    assert 0 == base.run_warm("refresh", BASE, "--token-code", f"{code[:3]} {code[3:]}").code


@pytest.mark.parametrize("code", ["12345", "1234567", "abcdef", "١٢٣٤٥٦", ""])
def test_what_is_no_code_is_not_sent_to_aws(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, code: str
) -> None:
    """Six digits are checked here; a text that is none is not repeated in the error."""
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")

    result = home.run_warm("refresh", BASE, "--token-code", "-", stdin=f"{code}\n")

    assert (2, []) == (result.code, aws.requests)
    assert "mfa-profiles: error: a token code is six digits, which the line on stdin is not" == result.errors[0]


def test_without_a_code_or_a_terminal_it_ends_at_once(home: Home, aws: LocalAWS, user: User) -> None:
    """Exit 5, before AWS is asked for anything: no hanging cron job."""
    home.add_base(user)
    before = home.files()

    result = home.run_warm("refresh", BASE)

    assert (5, [], before) == (result.code, aws.requests, home.files())
    assert "hint: or give it in MFA_PROFILES_TOKEN_CODE, or mfa-profiles refresh --token-code" in result.stderr


def test_a_wrong_code_leaves_the_files_alone(home: Home, user: User, device: MFADevice) -> None:
    """The sentence says what to try, and no attempt is made with a code that is known to be wrong."""
    home.add_base(user)
    before = home.files()
    wrong = device.wrong_code()
    home.secrets.append(wrong)

    result = home.run_warm("refresh", BASE, "--token-code", wrong)

    assert (1, before) == (result.code, home.files())
    assert "mfa-profiles: error: AWS did not accept the token code" == result.errors[0]


def test_a_valid_session_is_left_alone(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """While more than --min-remaining is left, no code is needed; --force refreshes all the same."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    before = home.files()
    aws.requests.clear()

    again = home.run_warm("refresh", BASE)
    sooner = home.run_warm("refresh", DERIVED, "--min-remaining", "13h")
    in_vain = [
        home.run_warm("refresh", BASE, *options)
        for options in (
            ("--token-code", "123456"),
            ("--duration-seconds", "1h"),
            ("--serial-number", device.serial_number),
        )
    ]
    forced = home.run_warm("refresh", BASE, "--force", "--token-code", home.code(device))

    hint = "; --force refreshes it all the same"
    assert not again.errors[0].endswith(hint)
    assert [True] * 3 == [result.errors[0].endswith(hint) for result in in_vain]
    assert (0, 5, 0) == (again.code, sooner.code, forced.code)
    assert "is still valid until" in again.stderr
    assert ["GetSessionToken"] == aws.actions
    assert before != home.files()


def test_a_valid_session_gets_the_settings_that_it_lacks(refreshed: Home, aws: LocalAWS) -> None:
    """As after a run that was killed between the two files; AWS is not asked, and the session stays."""
    config, session = refreshed.config.read_text(), refreshed.section()
    refreshed.config.write_text(config[: config.index(f"\n[profile {DERIVED}]")])
    aws.requests.clear()

    result = refreshed.run_warm("refresh", BASE)

    assert (0, [], session) == (result.code, aws.actions, refreshed.section())
    assert config == refreshed.config.read_text()


def test_refreshing_again_changes_the_session_alone(home: Home, user: User, device: MFADevice) -> None:
    """A person's comments and settings in the derived profile, and their order, survive."""
    home.add_base(user, config="region = us-west-2\noutput = json\n")
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    first = home.section()
    mine = home.credentials.read_text().replace("aws_session", "# for the grid\ncli_pager = less\naws_session")
    home.credentials.write_text(mine)
    config = home.config.read_text()
    derived_at = config.index(DERIVED)
    config = config[:derived_at] + config[derived_at:].replace("us-west-2", "eu-west-1")
    home.config.write_text(config)

    result = home.run_warm("refresh", BASE, "--force", "--token-code", home.code(device), "--duration-seconds", "2h")

    expected = home.masked(mine)
    for key, new in home.section().items():
        expected = expected.replace(first.get(key, new), new)
    assert 0 == result.code
    assert expected == home.text(home.credentials)
    assert home.masked(mine) != home.text(home.credentials)
    assert config == home.text(home.config)


@pytest.mark.parametrize(
    ("section", "what"),
    [
        (FOREIGN, "a session that another tool wrote"),
        (FOREIGN + "manager = awsume\nexpiration = 2030-01-01 00:00:00\n", "a session that awsume wrote"),
        (
            f"[{DERIVED}]\naws_access_key_id = AKIAOTHERKEY\naws_secret_access_key = s/x\n",
            "long-term keys (****RKEY)",
        ),
    ],
)
def test_what_is_not_ours_is_not_overwritten(
    home: Home, user: User, device: MFADevice, section: str, what: str
) -> None:
    """Not without --force, which says what is about to be replaced."""
    home.add_base(user)
    home.write(home.credentials.read_text() + section)
    before = home.files()

    refused = home.run_warm("refresh", BASE, "--to", DERIVED, "--token-code", home.code(device))
    unchanged = home.files()
    forced = home.run_warm("refresh", BASE, "--to", DERIVED, "--force", "--token-code", home.code(device))

    assert (1, before) == (refused.code, unchanged)
    assert f"mfa-profiles: error: [{DERIVED}] in {home.credentials} holds {what}" == refused.errors[0]
    assert (
        f"mfa-profiles: warning: [{DERIVED}] in {home.credentials} holds {what}, which --force replaces"
        in forced.stderr
    )
    assert 0 == forced.code
    assert home.section()["aws_access_key_id"].startswith("ASIA")


def test_long_term_keys_put_over_our_session_are_safe_too(home: Home, user: User, device: MFADevice) -> None:
    """`aws configure --profile smce-veda-mfa` leaves our comment and its own keys: those are somebody's."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    lines = home.credentials.read_text().splitlines(keepends=True)
    home.write("".join(line for line in lines if "session_token" not in line))

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 1 == result.code
    assert "holds long-term keys" in result.errors[0]


def test_the_layout_of_aws_mfa_works_as_it_is(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """[X-long-term] writes [X]; a stale aws_security_token goes, and aws-mfa's own expiry key is kept true."""
    home.write(
        base_section(user, "grid-long-term")
        + f"aws_mfa_device = {device.serial_number}\n\n"
        + session_section("grid", "aws_security_token = t\nexpiration = 2020-01-01 00:00:00\nassumed_role = False"),
        "[profile grid]\nregion = eu-central-1\n",
    )
    config = home.config.read_text()

    result = home.run_warm("refresh", "grid", "--token-code", home.code(device))

    grid = home.section("grid")
    expires = datetime.fromisoformat(grid["x_security_token_expires"])
    assert 0 == result.code
    assert {"eu-central-1"} == {request.region for request in aws.requests}
    assert "aws_security_token" not in grid
    assert f"{expires:%Y-%m-%d %H:%M:%S}" == grid["expiration"]
    assert config == home.text(home.config)


def test_to_names_the_derived_profile_and_is_remembered(home: Home, user: User, device: MFADevice) -> None:
    """Later commands know the pair by either name."""
    home.add_base(user)

    first = home.run_warm("refresh", BASE, "--to", "work", "--token-code", home.code(device))
    by_base = home.run_warm("refresh", BASE)
    by_name = home.run("status", "work", "--json")

    assert (0, 0, 0) == (first.code, by_base.code, by_name.code)
    assert "work is still valid" in by_base.stderr
    assert BASE == json.loads(by_name.stdout)[0]["source_profile"]
    assert DERIVED not in home.text(home.credentials)


def test_to_the_base_itself_is_refused(home: Home, user: User, device: MFADevice) -> None:
    """Even with --force: the keys that every later session needs would be gone."""
    home.add_base(user)
    before = home.files()

    result = home.run_warm("refresh", BASE, "--to", BASE, "--force", "--token-code", home.code(device))

    assert (2, before) == (result.code, home.files())


@pytest.mark.parametrize("name", ["a b", "x]\n[evil", "ключ", "DEFAULT", "a#b"])
def test_names_that_some_sdk_cannot_read_are_refused(home: Home, user: User, device: MFADevice, name: str) -> None:
    """No new profile that works in one tool only, and no header that breaks out of its brackets."""
    home.add_base(user)
    before = home.files()

    result = home.run_warm("refresh", BASE, "--to", name, "--token-code", home.code(device))

    assert (1, before) == (result.code, home.files())
    assert "is not a profile name that every AWS SDK can read" in result.errors[0]


def test_keys_in_the_environment_are_not_used(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """They would make a session of somebody else under this name; and whoever set them is told what they do."""
    home.add_base(user)
    other = aws.create_user("somebody.else")
    env = {"AWS_ACCESS_KEY_ID": other.access_key_id, "AWS_SECRET_ACCESS_KEY": other.secret_access_key}
    home.secrets.append(other.secret_access_key)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env=env)

    assert 0 == result.code
    assert {user.access_key_id} == {request.access_key_id for request in aws.requests}
    assert "AWS_ACCESS_KEY_ID in the environment outranks AWS_PROFILE" in result.stderr


def test_aws_profile_names_the_profile(home: Home, user: User, device: MFADevice) -> None:
    """By its base or its derived name, which may not exist yet."""
    home.add_base(user)

    result = home.run_warm("refresh", "--token-code", home.code(device), env={"AWS_PROFILE": DERIVED})

    assert 0 == result.code
    assert f"{DERIVED} is valid" in result.stderr


def test_the_default_profile_is_the_default(home: Home, user: User, device: MFADevice) -> None:
    """[default] has no `profile ` before it in the config file, [default-mfa] has."""
    home.add_base(user, "default")
    home.config.write_text("[default]\nregion = us-east-2\n")

    result = home.run_warm("refresh", "--token-code", home.code(device))

    assert 0 == result.code
    assert {"region": "us-east-2"} == home.section("profile default-mfa", home.config)


def test_a_header_without_profile_counts_and_is_pointed_out(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """Guides that write [smce-veda] into the config file are common; no SDK sees that section."""
    home.add_base(user)
    home.config.write_text(f"[{BASE}]\nregion = us-west-2\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    assert f"the header has to be [profile {BASE}]" in result.stderr
    assert {"region": "us-west-2"} == home.section(f"profile {DERIVED}", home.config)
    assert {"us-west-2"} == {request.region for request in aws.requests}


def test_settings_that_say_who_you_are_are_not_copied(home: Home, user: User, device: MFADevice) -> None:
    """role_arn and its like in a derived profile would outrank the session."""
    identity = (
        f"mfa_serial = {device.serial_number}\nsource_profile = a\nexternal_id = b\nsso_account_id = c\n"
        "web_identity_token_file = d\nduration_seconds = 900\ncredential_process = e\nmfa_process = f\n"
        "role_session_name = g\nlogin_session = h\ncredential_source = Environment\nexpiration = i\n"
    )
    call = "region = us-west-2\noutput = json\nretry_mode = adaptive\nuse_fips_endpoint = false\n"
    home.add_base(user, config=identity + call)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    derived = home.section(f"profile {DERIVED}", home.config)
    assert {"region", "output", "retry_mode", "use_fips_endpoint"} == set(derived)


@pytest.mark.parametrize("command", ["refresh", "export", "credential-process", "rotate"])
def test_a_name_that_leads_to_no_derived_one(home: Home, user: User, device: MFADevice, command: str) -> None:
    """The command that chooses another is told in full: most commands have no --to."""
    home.add_base(user, "a b", config=None)

    result = home.run_warm(command, "a b", env={"MFA_PROFILES_TOKEN_CODE": home.code(device)})

    assert 1 == result.code
    assert "is not a profile name that every AWS SDK can read" in result.errors[0]
    assert "hint: mfa-profiles refresh 'a b' --to NAME chooses another name for the derived profile" in result.errors


@pytest.mark.parametrize("key", ["role_arn", "web_identity_token_file", "sso_start_url"])
def test_what_outranks_the_session_is_pointed_out(home: Home, user: User, device: MFADevice, key: str) -> None:
    """It is not ours to remove, but the SDKs would not use the session: so it takes --force to make one."""
    home.add_base(user)
    home.config.write_text(f"{home.config.read_text()}[profile {DERIVED}]\n{key} = x\n")

    refused = home.run_warm("refresh", BASE, "--token-code", home.code(device))
    result = home.run_warm("refresh", BASE, "--force", "--token-code", home.code(device))

    assert (1, 0) == (refused.code, result.code)
    assert f"holds a way to other credentials ({key} in {home.config})" in refused.errors[0]
    assert 1 == result.stderr.count("which --force replaces")
    assert f"profile {DERIVED} has {key}, which the SDKs follow" in result.stderr


def test_what_stands_beside_the_keys_is_not_copied(home: Home, user: User, device: MFADevice) -> None:
    """Out of the credentials file go known settings only: the config file may be for everyone to read."""
    home.add_base(user, config=None)
    settings = "console_password = hunter2\naws_secret_access_key_old = hunter2\nregion = us-west-2\ncli_pager =\n"
    home.write(home.credentials.read_text() + settings)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    assert {"region": "us-west-2", "cli_pager": ""} == home.section(f"profile {DERIVED}", home.config)


OTHER_TOOLS = """username = admin
password = invented-password
azure_tenant_id = 00000000-0000-0000-0000-000000000000
azure_default_role_arn = arn:aws:iam::123456789012:role/Saml
adfs_config.role_arn = arn:aws:iam::123456789012:role/Adfs
granted_sso_start_url = https://d-1.awsapps.com/start
include_profile = base
toolkit_artifact_guid = 11111111-2222-3333-4444-555555555555
okta_password = invented-too
okta =
    password = invented-as-well
"""


@pytest.mark.parametrize("file", ["credentials", "config"])
def test_settings_of_other_tools_are_not_copied(home: Home, user: User, device: MFADevice, file: str) -> None:
    home.add_base(user, config="output = json\n")
    path = home.path / ".aws" / file
    path.write_text(path.read_text() + "region = us-west-2\n" + OTHER_TOOLS)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert result.code == 0
    assert home.section(f"profile {DERIVED}", home.config) == {"region": "us-west-2", "output": "json"}
    assert sum(path.read_text().count("invented") for path in (home.credentials, home.config)) == 3


def test_an_empty_region_beside_the_keys_hides_none(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """An empty one that was copied by an older version gets the value of the base profile."""
    home.add_base(user, config="region = eu-west-1\n")
    copied = f"[profile {DERIVED}]\n# Settings copied by mfa-profiles from profile {BASE}\nregion =\n"
    home.write(home.credentials.read_text() + "region =\n", home.config.read_text() + copied)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert result.code == 0
    assert {request.region for request in aws.requests} == {"eu-west-1"}
    assert home.section(f"profile {DERIVED}", home.config) == {"region": "eu-west-1"}


def test_an_empty_region_is_filled_while_the_session_is_valid(refreshed: Home) -> None:
    text = refreshed.config.read_text()
    assert text.count("region = us-west-2\n") == 2
    refreshed.config.write_text("region =".join(text.rsplit("region = us-west-2", 1)))

    result = refreshed.run_warm("refresh", BASE)

    assert "is still valid" in result.stderr
    assert refreshed.config.read_text() == text


def test_without_a_code_and_a_known_device_the_hint_names_the_command_that_shows_it(home: Home, user: User) -> None:
    home.add_base(user)

    unknown = home.run_warm("refresh", BASE)
    given = home.run_warm("refresh", BASE, "--serial-number", "arn:aws:iam::123456789012:mfa/john.doe")

    hint = f"hint: profile {BASE} names no MFA device: mfa-profiles devices {BASE} shows whether there is one"
    assert (unknown.code, unknown.errors[-1]) == (5, hint)
    assert given.code == 5
    assert hint not in given.errors


def test_settings_in_the_derived_section_count(home: Home, user: User, device: MFADevice) -> None:
    """What a person wrote beside the session is not written into the config file once more."""
    home.add_base(user, config="region = us-west-2\noutput = json\n")
    home.write(f"{home.credentials.read_text()}[{DERIVED}]\nregion = eu-west-1\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    assert {"output": "json"} == home.section(f"profile {DERIVED}", home.config)
    assert "eu-west-1" == home.section()["region"]


def test_long_term_keys_in_the_config_file_are_guarded_too(home: Home, user: User, device: MFADevice) -> None:
    """botocore takes keys from there as well, and would no longer if the credentials file had some."""
    home.add_base(user)
    keys = "aws_access_key_id = AKIACONFIGKEY\naws_secret_access_key = s/c\n"
    home.config.write_text(f"{home.config.read_text()}[profile {DERIVED}]\n{keys}")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 1 == result.code
    assert "holds long-term keys (****GKEY)" in result.errors[0]


def test_the_device_of_another_base_is_not_remembered(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """A derived profile that changes hands is asked for with its new base's device."""
    other = aws.create_user("jane.doe")
    other_device = other.add_virtual_device()
    home.write(base_section(user) + base_section(other, "jane"))
    home.run_warm("refresh", BASE, "--to", "work", "--token-code", home.code(device))

    result = home.run_warm("refresh", "jane", "--to", "work", "--force", "--token-code", home.code(other_device))

    assert 0 == result.code
    fields = f"source_profile jane, access_key_id {other.access_key_id}, mfa_serial {other_device.serial_number}"
    assert fields in home.text(home.credentials)


def test_a_configured_device_counts_before_a_remembered_one(base: Home, user: User, device: MFADevice) -> None:
    """The person has changed their mind since, and written it down."""
    base.run_warm("refresh", BASE, "--token-code", base.code(device))
    token = user.add_hardware_device("GAHT12345678")
    base.config.write_text(base.config.read_text().replace(device.serial_number, token.serial_number))

    result = base.run_warm("refresh", BASE, "--force", "--token-code", base.code(token))

    assert 0 == result.code
    assert "mfa_serial GAHT12345678)" in base.text(base.credentials)


def test_the_option_counts_before_the_environment(base: Home, device: MFADevice) -> None:
    """A code in the environment may be an old one."""
    env = {"MFA_PROFILES_TOKEN_CODE": device.wrong_code()}

    assert 0 == base.run_warm("refresh", BASE, "--token-code", base.code(device), env=env).code


def test_a_session_that_could_not_be_stored_is_not_asked_for(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Storing is rehearsed before a code is spent on it."""
    before = base.files()

    result = base.run(
        "refresh", BASE, "--token-code", base.code(device), env={"AWS_CONFIG_FILE": str(base.credentials)}
    )

    assert (1, [], before) == (result.code, aws.requests, base.files())
    assert "are one and the same file" in result.errors[0]


KILLED_BETWEEN_THE_FILES = """
import os, signal
def replace(source, target, real=os.replace):
    real(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
"""


def test_killed_between_the_two_files(base: Home, device: MFADevice) -> None:
    """The next run does it all: without the session, which is written last, nothing is done yet."""
    refresh = ["refresh", BASE, "--token-code", base.code(device)]
    before = base.text(base.credentials)

    assert -signal.SIGKILL == base.run_warm(*refresh, before=KILLED_BETWEEN_THE_FILES).code
    assert before == base.text(base.credentials)
    refresh[-1] = base.code(device)

    assert 0 == base.run_warm(*refresh).code
    assert "us-west-2" == base.section(f"profile {DERIVED}", base.config)["region"]
    assert ["config", "credentials"] == sorted(base.files())


def test_a_config_file_that_is_no_file(base: Home, device: MFADevice) -> None:
    """AWS_CONFIG_FILE=/dev/null is how people say that there is none; nothing is written there."""
    env = {"AWS_CONFIG_FILE": "/dev/null", "AWS_REGION": "us-west-2"}

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), env=env)

    assert 0 == result.code
    assert base.section()["aws_access_key_id"].startswith("ASIA")
    assert not Path("/dev/.mfa-profiles").exists()


@pytest.mark.parametrize(
    ("partition", "env", "region"),
    [
        ("aws", {}, "us-east-1"),
        ("aws-us-gov", {}, "us-gov-west-1"),
        ("aws-cn", {}, "cn-north-1"),
        ("aws", {"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        ("aws", {"AWS_DEFAULT_REGION": "eu-west-3", "AWS_REGION": "eu-west-2"}, "eu-west-2"),
    ],
)
def test_the_region_without_one_in_the_profile(
    home: Home, aws: LocalAWS, partition: str, env: dict[str, str], region: str
) -> None:
    """The environment's, else the one that the device's partition begins with; never NoRegionError."""
    user = aws.create_user("jane.doe", account_id="210987654321", partition=partition)
    device = user.add_virtual_device()
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env=env)

    assert 0 == result.code
    assert [region] == [request.region for request in aws.requests]


def test_json(home: Home, user: User, device: MFADevice) -> None:
    """An array of one object, with whether the session is a new one."""
    home.add_base(user)

    new = home.run_warm("refresh", BASE, "--json", "--token-code", home.code(device))
    old = home.run_warm("refresh", BASE, "--json")

    [first], [second] = json.loads(new.stdout), json.loads(old.stdout)
    expected = {
        "profile": DERIVED,
        "source_profile": BASE,
        "state": "valid",
        "expiration": home.section()["x_security_token_expires"],
        "remaining_seconds": first["remaining_seconds"],
        "mfa_serial": device.serial_number,
        "role_arn": None,
        "region": "us-west-2",
        "managed_by": "mfa-profiles",
        "refreshed": True,
    }
    assert expected == first
    assert 43100 < first["remaining_seconds"] <= 43200
    assert False is second["refreshed"]


def test_json_that_is_not_taken_hides_nothing(home: Home, user: User, device: MFADevice) -> None:
    """What was done, or what has failed, is told on stderr all the same."""
    home.add_base(user)
    command = f"{TOOL} refresh {BASE} --json --token-code"

    wrong = home.run("-c", f"{command} {device.wrong_code()} >/dev/full", program="/bin/sh")
    broken = home.run("-c", f"AWS_CONFIG_FILE=/ {command} 123456 >/dev/full", program="/bin/sh")
    done = home.run("-c", f"{command} {home.code(device)} >/dev/full", program="/bin/sh")

    full = "mfa-profiles: error: the output could not be written: no space left on device"
    assert (1, full) == (wrong.code, wrong.errors[-2])
    assert "mfa-profiles: error: AWS did not accept the token code" in wrong.errors[0]
    assert (1, "mfa-profiles: error: / ") == (broken.code, broken.errors[0][:23])
    assert (1, full) == (done.code, done.errors[-2])
    assert done.errors[0].startswith(f"{DERIVED} is valid until ")


def test_json_of_a_failure(home: Home, user: User, device: MFADevice) -> None:
    """What is there, and why it is not more; the same sentence stands on stderr."""
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--json", "--token-code", device.wrong_code())

    [status] = json.loads(result.stdout)
    assert 1 == result.code
    assert ("missing", False) == (status["state"], status["refreshed"])
    assert f"mfa-profiles: error: {status['error']}" == result.errors[0]


@pytest.mark.parametrize(
    ("credentials", "sentence"),
    [
        ("", f"there is no profile {BASE}"),
        (f"[{BASE}]\nregion = x\n", f"profile {BASE} has no aws_access_key_id"),
        (f"[{BASE}]\naws_access_key_id = AKIA\n", f"profile {BASE} has no aws_secret_access_key"),
        (FOREIGN.replace(DERIVED, BASE), f"profile {BASE} holds session credentials"),
    ],
)
def test_a_base_without_long_term_keys_is_explained(home: Home, credentials: str, sentence: str) -> None:
    """Before any code is asked for."""
    home.write(credentials)

    result = home.run_warm("refresh", BASE)

    assert 1 == result.code
    assert f"mfa-profiles: error: {sentence}" in result.errors[0]


def test_a_misspelt_name_gets_a_suggestion(home: Home, user: User) -> None:
    """The names are in the files, so the right one can be shown."""
    home.add_base(user)

    result = home.run_warm("refresh", "smce-vida")

    assert ["mfa-profiles: error: there is no profile smce-vida", f"hint: did you mean {BASE}?"] == result.errors[:2]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b"[a]\nb = c\n[a]\n", 3, "duplicate section: the first is in line 1"),
        (b"[a]\nsecret = c\nsecret = d\n", 3, "duplicate key: the first is in line 2"),
        (b"secret\n", 1, "text before the first [section]"),
        (b"[a]\n\nsecret\n", 3, "not a [section], a key = value, or a comment"),
        (b"[a]\nb = secret\xff\n", 2, "not valid UTF-8"),
        (b"[a]\nb = secret\rc = d\n", 2, "a carriage return without a line feed"),
        (b"[a]\n[DEFAULT]\nb = secret\n", 2, "[DEFAULT] with keys"),
        (b"[a]\ns3 =\n  secret\n", 3, "a line of an indented block that is not key = value"),
        (b"\xef\xbb\xbf", 1, "a byte order mark, for which boto3 and the AWS CLI refuse the whole file"),
    ],
)
@pytest.mark.parametrize("which", ["credentials", "config"])
def test_files_that_boto3_refuses_are_refused(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, text: bytes, line: int, reason: str, which: str
) -> None:
    """Untouched, before a code is asked for, with path and line and without a word of what stands there."""
    home.add_base(user)
    path = getattr(home, which)
    old = path.read_bytes()
    path.write_bytes(text + old if text.startswith(b"\xef") else text + (old if which == "credentials" else b""))
    before = home.files()

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (1, before, []) == (result.code, home.files(), aws.requests)
    assert f"mfa-profiles: error: {path}, line {line}: {reason}" == result.errors[0]
    assert "secret" not in result.stderr.replace(str(path), "")


def test_a_section_that_cannot_be_edited_is_found_before_the_code_is_spent(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """AWS is not asked for a session that could not be stored."""
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")
    home.write(home.credentials.read_text() + f"[ {DERIVED} ]\n")
    before = home.files()

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (1, before, []) == (result.code, home.files(), aws.requests)


def test_the_files_may_be_elsewhere(home: Home, tmp_path: Path, user: User, device: MFADevice) -> None:
    """AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE are followed, with ~ and variables in them."""
    (tmp_path / "keys").write_text(base_section(user))
    env = {"AWS_SHARED_CREDENTIALS_FILE": "~/keys", "AWS_CONFIG_FILE": "$HOME/new/config"}

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env=env)

    assert 0 == result.code
    assert "ASIA" in home.text(tmp_path / "keys")
    assert not (tmp_path / ".aws").exists()


def test_the_session_carries_the_mode_and_the_link_of_the_file(
    home: Home, tmp_path: Path, user: User, device: MFADevice
) -> None:
    """A credentials file that is a link into dotfiles stays one, as private or as shared as it was."""
    home.add_base(user)
    real = tmp_path / "dotfiles"
    home.credentials.rename(real)
    real.chmod(0o640)
    home.credentials.symlink_to(real)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 0 == result.code
    assert home.credentials.is_symlink()
    assert 0o640 == stat.S_IMODE(real.stat().st_mode)
    assert home.section()


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("900", 900), ("15m", 900), ("36h", 129600), ("1h30m", 5400), ("129600s", 129600)],
)
def test_durations(home: Home, aws: LocalAWS, user: User, device: MFADevice, duration: str, seconds: int) -> None:
    """Seconds, or hours and minutes, from 15 minutes to 36 hours."""
    home.add_base(user)

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), "--duration-seconds", duration)

    left = datetime.fromisoformat(home.section()["x_security_token_expires"]) - aws.clock.now()
    assert 0 == result.code
    assert timedelta(seconds=seconds) >= left > timedelta(seconds=seconds - 120)


@pytest.mark.parametrize("duration", ["899", "14m", "37h", "-1", "12 hours", "", "h", "1e3", "9" * 400])
def test_durations_that_aws_would_refuse(home: Home, aws: LocalAWS, user: User, duration: str) -> None:
    """A usage error, before anything is asked."""
    home.add_base(user)

    result = home.run_warm("refresh", BASE, f"--duration-seconds={duration}")

    assert (2, []) == (result.code, aws.requests)
    assert "--duration-seconds" in result.errors[0]


ID, SECRET = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n", "aws_secret_access_key = hunter2\n"
ARN = "arn:aws:iam::123456789012:mfa/john.doe"
READ = "both CREDENTIALS and CONFIG were read"
PART = "which boto3 and the AWS CLI read as part of the value"

# name: (credentials, config, arguments, what refresh prints)
SLIPS = {
    "profile in the credentials file": (
        f"[profile default]\n{ID}{SECRET}",
        "",
        "",
        ["there is no profile default", "line 1 of CREDENTIALS has [profile default]: write [default] there"],
    ),
    "profile in both files": (
        f"[profile a]\n{ID}{SECRET}",
        "[profile a]\n",
        "a",
        ["profile a has no aws_access_key_id", "line 1 of CREDENTIALS has [profile a]: write [a] there"],
    ),
    "profile in the credentials file, and the right header without keys": (
        f"[a]\noutput = json\n[Profile a]\n{ID}{SECRET}",
        "",
        "a",
        [
            "profile a has no aws_access_key_id",
            "line 3 of CREDENTIALS has [Profile a]: move its settings to [a], which already exists, and delete this "
            "section",
        ],
    ),
    "profile in the credentials file, and the name of the derived profile": (
        f"[profile a]\n{ID}{SECRET}",
        "",
        "a-mfa",
        ["there is no profile a-mfa", "line 1 of CREDENTIALS has [profile a]: write [a] there"],
    ),
    "blanks": (
        f"[ a ]\n{ID}",
        "",
        "a",
        ["there is no profile a", "line 1 of CREDENTIALS has [ a ]: write [a] there"],
    ),
    "quotation marks": (
        f'["a"]\n{ID}',
        "",
        "a",
        ["there is no profile a", 'line 1 of CREDENTIALS has ["a"]: write [a] there'],
    ),
    "capital letters": (
        f"[Default]\n{ID}",
        "",
        "",
        ["there is no profile default", "line 1 of CREDENTIALS has [Default]: write [default] there"],
    ),
    "capital letters of a profile": (
        f"[Work]\n{ID}",
        "",
        "WORK",
        ["there is no profile WORK", "did you mean Work?", READ],
    ),
    "a dash and a letter that only look right": (
        f"[w\u043erk\u2011a]\n{ID}",
        "",
        "work-a",
        ["there is no profile work-a", "line 1 of CREDENTIALS has [w\u043erk\u2011a]: write [work-a] there"],
    ),
    "no profile in the config file": (
        f"[default]\n{ID}{SECRET}",
        "\n[prod]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\n",
        "prod",
        [
            "there is no profile prod",
            "line 2 of CONFIG has [prod]: the header has to be [profile prod]; mfa-profiles doctor --fix does it",
        ],
    ),
    "a header without a blank in the config file": (
        f"[default]\n{ID}{SECRET}",
        "[PROFILE prod]\nregion = us-west-2\n",
        "prod",
        ["there is no profile prod", "line 1 of CONFIG has [PROFILE prod]: write [profile prod] there"],
    ),
    "an SSO session": (
        "",
        "[sso-session a]\nsso_region = us-west-2\n",
        "a",
        [
            "there is no profile a",
            "line 1 of CONFIG has [sso-session a], which is not a profile: write a section [profile a]",
        ],
    ),
    "a name with a blank among others": (
        f"[b c]\n{ID}{SECRET}[d]\n",
        "",
        "a",
        [
            "there is no profile a",
            "there are 'b c', d",
            f"{READ}; without a name, AWS_PROFILE, else AWS_DEFAULT_PROFILE is used",
        ],
    ),
    "another profile": (
        "[b]\n",
        "",
        "a",
        [
            "there is no profile a",
            "there is b",
            f"{READ}; without a name, AWS_PROFILE, else AWS_DEFAULT_PROFILE is used",
        ],
    ),
    "a header that is glued to a value": (
        f"[default]\n{ID}aws_secret_access_key=hunter2[work]\n{ID}{SECRET}",
        "",
        "",
        ["CREDENTIALS, line 3: the line ends in [work]", "put [work] on a line of its own"],
    ),
    "a header that is glued to the last value": (
        f"[default]\n{ID}aws_secret_access_key={'hunter2/' * 5}[work]\nregion = us-west-2\n",
        "",
        "",
        [
            "aws_secret_access_key of profile default ends in [work]",
            "line 3 of CREDENTIALS: put [work] on a line of its own",
        ],
    ),
    "a secret that ends like a header, in a file that is refused for another reason": (
        f"[default]\n{ID}aws_secret_access_key=pass,word[hunter2]\nregion = a\n[work]\n[work]\n",
        "",
        "",
        ["CREDENTIALS, line 6: duplicate section: the first is in line 5", "merge the two"],
    ),
    "a key that is glued to a header": (
        f"[default]{ID}{SECRET}",
        "",
        "",
        [
            "profile default has no aws_access_key_id",
            "line 1 of CREDENTIALS: put what follows [default] on a line of its own",
        ],
    ),
    "both keys in one line": (
        f"[default]\n{ID[:-1]} {SECRET}",
        "",
        "",
        [
            "aws_access_key_id of profile default has aws_secret_access_key after it in the same line",
            "line 2 of CREDENTIALS: put aws_secret_access_key on a line of its own",
        ],
    ),
    "a merge conflict": (
        f"[default]\n<<<<<<< HEAD\n{ID}=======\n{ID}>>>>>>> other\n{SECRET}",
        "",
        "",
        [
            "CREDENTIALS, line 2: git could not merge the file; its markers are in lines 2, 4 and 6",
            "keep one side of each conflict, and delete the other side and the markers",
        ],
    ),
    "quotation marks around a key": (
        "[default]\naws_access_key_id = 'AKIAIOSFODNN7EXAMPLE'\n" + SECRET,
        "",
        "",
        [
            f"aws_access_key_id of profile default is in quotation marks, {PART}",
            "line 2 of CREDENTIALS: write it without quotation marks",
        ],
    ),
    "a comment after a serial number": (
        f"[default]\n{ID}{SECRET}",
        f"[default]\nmfa_serial = {ARN} # phone\n",
        "",
        [
            f"mfa_serial of profile default has a comment after it, {PART}",
            "line 2 of CONFIG: put the comment on a line of its own",
        ],
    ),
    "a quoted serial number of a role": (
        f"[default]\n{ID}{SECRET}",
        f'[profile a]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = default\nmfa_serial = "{ARN}"\n',
        "a",
        [
            f"mfa_serial of profile a is in quotation marks, {PART}",
            "line 4 of CONFIG: write it without quotation marks",
        ],
    ),
    "a quoted role": (
        f"[default]\n{ID}{SECRET}",
        "[profile a]\nrole_arn = 'arn:aws:iam::123456789012:role/r'\nsource_profile = default\n",
        "a",
        [
            f"role_arn of profile a is in quotation marks, {PART}",
            "line 2 of CONFIG: write it without quotation marks",
        ],
    ),
    "names that no SDK reads": (
        "[default]\nexport AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\naws-secret-key=hunter2\n",
        "",
        "",
        [
            "profile default has no aws_access_key_id",
            "line 2 of CREDENTIALS has export aws_access_key_id, which no SDK reads: write aws_access_key_id = ...",
            "line 3 of CREDENTIALS has aws-secret-key, which no SDK reads: write aws_secret_access_key = ...",
        ],
    ),
    "a name that no SDK reads, with the right one in the section, and again": (
        "[default]\naccess_key=AKIAIOSFODNN7EXAMPLE\naws_access_key=AKIAIOSFODNN7EXAMPLE\naws_access_key_id =\n",
        "",
        "",
        [
            "profile default has no aws_access_key_id",
            "line 2 of CREDENTIALS has access_key, which no SDK reads: move its value to aws_access_key_id, and "
            "delete the line",
        ],
    ),
    "keys without a header": (
        ID + SECRET,
        "",
        "",
        [
            "CREDENTIALS, line 1: text before the first [section]",
            "write [default] above it, or the header of its profile",
        ],
    ),
    "an encrypted file": (
        "$ANSIBLE_VAULT;1.1;AES256\nhunter2\n",
        "",
        "",
        ["CREDENTIALS: this looks encrypted", "decrypt it first: ansible-vault decrypt"],
    ),
    "a byte order mark": (
        f"\ufeff[default]\n{ID}{SECRET}",
        "",
        "",
        [
            "CREDENTIALS, line 1: a byte order mark, for which boto3 and the AWS CLI refuse the whole file",
            "save the file as UTF-8 without a byte order mark",
            "mfa-profiles doctor --fix removes it",
        ],
    ),
}


@pytest.mark.parametrize(("credentials", "config", "arguments", "expected"), SLIPS.values(), ids=SLIPS)
def test_slips_in_the_files_are_named(
    home: Home, aws: LocalAWS, credentials: str, config: str, arguments: str, expected: list[str]
) -> None:
    """With the line and what to write there, before a code is spent, and without a word of a value."""
    home.write(credentials, config)

    result = home.run_warm("refresh", *arguments.split(), "--token-code", "123456")

    errors = [
        line.replace(str(home.credentials), "CREDENTIALS").replace(str(home.config), "CONFIG")
        for line in result.errors
    ]
    assert errors == [f"mfa-profiles: error: {expected[0]}", *(f"hint: {hint}" for hint in expected[1:])]
    assert (result.code, aws.requests) == (1, [])
    assert "hunter2" not in result.stderr
    assert home.credentials.read_bytes().decode() == credentials


def test_a_comment_behind_a_region_is_explained(home: Home, user: User, device: MFADevice) -> None:
    """For boto3 and the AWS CLI it is a part of the value, which other SDKs cut off."""
    home.add_base(user, config="region = us-west-2 # Oregon\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert 1 == result.code
    assert "mfa-profiles: error: 'us-west-2 # Oregon' is not a region" == result.errors[0]
    assert result.errors[1:3] == [
        f"hint: region of profile {BASE} has a comment after it, {PART}",
        f"hint: line 2 of {home.config}: put the comment on a line of its own",
    ]


def test_an_interruption_is_put_off_once_writing_begins(
    base: Home, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line is told when all is ready and nothing is written yet: from there on, Ctrl-C would be a lie."""
    environment = base.environment()
    for name in ("HOME", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, environment[name])
    before = base.files()
    seen = []
    context = Context(
        environment=environment,
        now=lambda: datetime.now(UTC),
        ask=None,
        warn=pytest.fail,
        before_writing=lambda: seen.append({name: text for name, text in base.files().items() if name in before}),
    )

    refresh([BASE], RefreshOptions(token_code=base.code(device)), context)

    assert [before] == seen
    assert before != base.files()


@pytest.mark.parametrize(("seconds", "connections"), [(0, 1), (90, 2), (-90, 2)])
def test_an_old_connection_is_not_trusted(
    base: Home,
    aws: LocalAWS,
    device: MFADevice,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[str],
    seconds: int,
    connections: int,
) -> None:
    """What carries it may have forgotten it while the person looked for their phone, or while the laptop slept."""
    passed = timedelta()
    for name in ("HOME", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, base.environment()[name])

    def ask(question: str, meanwhile: Call = nothing) -> str:
        nonlocal passed
        assert "MFA code for" in question
        meanwhile()
        passed = timedelta(seconds=seconds)  # by the clock on the wall alone, as after a sleep
        wait_until(lambda: any(step.startswith("sts GetCallerIdentity: ") for step in steps))
        return base.code(device)

    context = Context(base.environment(), lambda: datetime.now(UTC) + passed, ask, warn=pytest.fail)
    refresh([BASE], RefreshOptions(), context)

    assert ["GetCallerIdentity", "GetSessionToken"] == aws.actions
    assert connections == len({request.client_port for request in aws.requests})


def test_an_interruption_is_put_off_while_settings_are_added(
    refreshed: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And may be reported again afterwards: another profile may need a code that a person is asked for."""
    monkeypatch.setenv("HOME", str(refreshed.path))
    config = refreshed.config.read_text()
    refreshed.config.write_text(config[: config.index(f"\n[profile {DERIVED}]")])
    seen = []
    context = Context(
        environment=refreshed.environment(),
        now=lambda: datetime.now(UTC),
        ask=None,
        warn=pytest.fail,
        before_writing=lambda: seen.append(("before", refreshed.config.read_text() == config)),
        after_writing=lambda: seen.append(("after", refreshed.config.read_text() == config)),
    )

    refresh([BASE], RefreshOptions(), context)

    assert [("before", False), ("after", True)] == seen


@pytest.mark.parametrize("serial_number", ["123456", "arn:aws:iam::123456789012:mfa/a b", "x" * 257])
def test_what_is_no_serial_number_is_not_sent_to_aws(base: Home, aws: LocalAWS, serial_number: str) -> None:
    """With what one looks like; six digits may be a code that went to the wrong option, and are not shown."""
    result = base.run_warm("refresh", BASE, "--token-code", "123456", "--serial-number", serial_number)

    assert (1, []) == (result.code, aws.requests)
    assert (
        f"mfa-profiles: error: {shown(serial_number)} is not the serial number of an MFA device" == result.errors[0]
    )
    assert result.errors[1].startswith("hint: it is an ARN such as arn:aws:iam::")
