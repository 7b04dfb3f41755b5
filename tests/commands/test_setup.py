"""setup: from the keys of an IAM user to a base profile, for scripts and for a person at a terminal."""

import os
import signal
import stat
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from mfa_profiles.commands import Context
from mfa_profiles.commands.setup import SetupOptions, set_up
from mfa_profiles.errors import MfaProfilesError
from tests.home import BASE, DERIVED, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import INTERRUPT_AT_THE_WRITING
from tests.screens import Screen

OTHER_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CTRL_C = "\x03"


@pytest.fixture(autouse=True)
def _secrets(home: Home, user: User) -> None:
    """What no output may hold."""
    home.secrets.extend([user.secret_access_key, OTHER_SECRET])


def run(
    home: Home, user: User, *arguments: str, name: str = BASE, env: Mapping[str, str] | None = None, stdin: str = ""
) -> Result:
    """Setup in a script, with the keys of a user."""
    keys = ("--access-key-id", user.access_key_id, "--secret-access-key-file", "-")
    return home.run("setup", name, *keys, *arguments, env=env, stdin=stdin or f"{user.secret_access_key}\n")


def refusal(home: Home, options: SetupOptions, name: str = BASE) -> MfaProfilesError:
    """The error of setup without a terminal, which has not come as far as to write anything, or to ask AWS."""
    paths = {"AWS_SHARED_CREDENTIALS_FILE": str(home.credentials), "AWS_CONFIG_FILE": str(home.config)}
    context = Context(home.environment(paths), now=lambda: datetime.now(UTC), ask=None, warn=print)
    before = [path.read_bytes() for path in (home.credentials, home.config) if path.exists()]
    with pytest.raises(MfaProfilesError) as raised:
        set_up(name, options, context)
    after = [path.read_bytes() for path in (home.credentials, home.config) if path.exists()]
    assert (True, []) == (before == after, home.aws.requests)
    home.check_for_secrets("\n".join([raised.value.message, *raised.value.hints]))
    return raised.value


def modes(home: Home) -> list[str]:
    """Who may do what with ~/.aws and its files."""
    paths = (home.credentials.parent, home.credentials, home.config)
    return [f"{stat.S_IMODE(path.stat().st_mode):o}" for path in paths]


def config_of(device: MFADevice, name: str = f"profile {BASE}", region: str = "us-west-2") -> str:
    """What the config file holds for a new profile."""
    return f"[{name}]\nregion = {region}\nmfa_serial = {device.serial_number}\n"


# --- Scripts.


def test_the_file_of_the_console(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """Two private files, a sentence for each step, and a word about the file that still holds the secret."""
    csv = home.path / "john.doe_accessKeys.csv"
    csv.write_bytes(
        f"\ufeffAccess key ID,Secret access key\r\n{user.access_key_id},{user.secret_access_key}\r\n".encode()
    )
    csv.chmod(0o644)

    result = home.run("setup", BASE, "--csv", csv.name, "--region", "us-west-2")

    assert (0, "") == (result.code, result.stdout)
    assert [
        f"these are the keys of {user.arn}",
        f"MFA device: {device.serial_number}",
        f"{BASE} is set up in {home.credentials} and {home.config}",
        f"{csv.name} still holds the secret access key, and others on this machine can read it: delete it",
        f"next: mfa-profiles refresh {BASE}",
    ] == result.errors
    assert {
        "config": config_of(device),
        "credentials": home.masked(base_section(user)),
    } == home.files()
    assert ["700", "600", "600"] == modes(home)
    assert ["GetCallerIdentity", "ListMFADevices"] == aws.actions


def test_every_answer_is_an_option(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """And the first session comes with it: no terminal, no question, no list of devices."""
    (home.path / "secret").write_text(f"  {user.secret_access_key}\r\n")
    options = ("--region", "eu-west-1", "--serial-number", device.serial_number)
    keys = ("--access-key-id", user.access_key_id, "--secret-access-key-file", "secret")

    result = home.run("setup", "default", *keys, *options, "--token-code", "-", stdin=f"{home.code(device)}\n")

    assert 0 == result.code
    assert [
        f"these are the keys of {user.arn}",
        f"default is set up in {home.credentials} and {home.config}",
        "AWS tools use it with AWS_PROFILE=default-mfa",
    ] == [line for line in result.errors if "valid until" not in line]
    assert config_of(device, "default", "eu-west-1") in home.text(home.config)
    assert home.section("default-mfa")["aws_access_key_id"].startswith("ASIA")
    assert ["GetCallerIdentity", "GetSessionToken"] == aws.actions
    assert home.run("status").stdout.startswith("default-mfa\tvalid\t")


CREDENTIALS = """\
; kept by hand, do not touch
[other]
aws_access_key_id=AKIAOTHER
\taws_secret_access_key : not/ours  ; not a comment
# above
[smce-veda]
  # mine
  output = json
# below

[last]
x=1"""
CONFIG = """\
\r
[default]\r
output   =   text\r
[profile smce-veda]   # production\r
region=eu-central-1\r
s3 =\r
    max_concurrent_requests = 20\r
endpoint_url=%s\r
# end of it\r
\r
[services x]\r
sts = \r
  endpoint_url = http://nowhere.example\r
"""


def test_every_other_byte_stays(home: Home, user: User, device: MFADevice) -> None:
    """Of files as people have them; a region that is there already is the answer, an endpoint is called."""
    config = CONFIG % home.aws.endpoint_url
    home.write(CREDENTIALS, config)
    home.credentials.chmod(0o640)

    result = run(home, user, env={"AWS_ENDPOINT_URL": ""})

    keys = f"  aws_access_key_id = {user.access_key_id}\n  aws_secret_access_key = {user.secret_access_key}\n"
    assert 0 == result.code
    assert CREDENTIALS.replace("  output = json\n", f"  output = json\n{keys}") == home.credentials.read_text()
    serial = f"mfa_serial = {device.serial_number}\r\n"
    assert config.replace("# end", f"{serial}# end").encode() == home.config.read_bytes()
    assert f"mfa-profiles: warning: others on this machine can read your keys: chmod 600 {home.credentials}" in (
        result.errors
    )
    assert ["700", "640", "600"] == modes(home)


def test_the_environment_gives_a_region_and_no_keys(home: Home, aws: LocalAWS, user: User) -> None:
    """Nor do other profiles have a say; a device that is configured stays, if AWS does not tell of any."""
    user.deny("iam:ListMFADevices")
    before = "[default]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n"
    home.write("", f"{before}[profile {BASE}]\nmfa_serial = {user.arn.replace('user', 'mfa')}\n")
    other = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": OTHER_SECRET, "AWS_SESSION_TOKEN": "x"}
    env = {**other, "AWS_PROFILE": "nowhere", "AWS_DEFAULT_PROFILE": "nowhere", "AWS_DEFAULT_REGION": "ap-south-1"}

    result = run(home, user, env=env)

    assert 0 == result.code
    device = "mfa_serial = arn:aws:iam::123456789012:mfa/john.doe"
    assert f"{before}[profile {BASE}]\n{device}\nregion = ap-south-1\n" == home.text(home.config)
    assert {user.access_key_id} == {request.access_key_id for request in aws.requests}


def test_another_partition(home: Home, aws: LocalAWS) -> None:
    """Its region comes with the device, or is named."""
    user = aws.create_user("li", account_id="210987654321", partition="aws-cn")
    device = user.add_virtual_device()
    home.secrets.append(user.secret_access_key)

    result = run(home, user, "--serial-number", device.serial_number)

    assert 0 == result.code
    assert config_of(device, region="cn-north-1") == home.text(home.config)


def test_a_header_without_the_word_profile(home: Home, user: User, device: MFADevice) -> None:
    """As SMCE's guide writes it: its region counts, and where it belongs is said. Other profiles have no say."""
    before = f"[default]\nignore_configured_endpoint_urls = true\n[{BASE}]\nregion = us-west-2\n"
    home.write("", before)

    result = run(home, user, env={"AWS_PROFILE": "nowhere"})

    assert f"{before}\n{config_of(device)}" == home.text(home.config)
    assert (
        f"mfa-profiles: warning: [{BASE}] in {home.config} is not seen by the SDKs: move its lines to "
        f"[profile {BASE}], and delete it; its settings count for {DERIVED} all the same"
    ) in result.errors


# --- What is there already.


@pytest.mark.parametrize(
    ("credentials", "config", "held"),
    [
        (f"[{BASE}]\naws_access_key_id = AKIAIOSFODNN7OLDKEY\n", "", "long-term keys (****DKEY)"),
        (session_section(BASE), "", "session credentials (****MPLE)"),
        ("", f"[profile {BASE}]\nsso_session = x\n", "a way to other credentials (sso_session)"),
        ("", f"[profile {BASE}]\nsso_account_id = 1\n", "a way to other credentials (sso_account_id)"),
    ],
)
def test_a_profile_that_is_there_stays(home: Home, credentials: str, config: str, held: str) -> None:
    """Whatever leads it to credentials; nobody types keys in vain."""
    home.write(credentials, config)
    (home.path / "secret").write_text(OTHER_SECRET)

    error = refusal(home, SetupOptions(None, "AKIAIOSFODNN7EXAMPLE", str(home.path / "secret")))

    assert (1, f"profile {BASE} is there already: it holds {held}") == (error.exit_code, error.message)
    uses = [f"mfa-profiles refresh {BASE} uses the keys that are there"] if "long-term" in held else []
    assert (*uses, "--force replaces what is there; another name leaves it alone") == error.hints


def test_force_replaces_all_that_leads_to_credentials(home: Home, aws: LocalAWS, device: MFADevice) -> None:
    """And nothing else; what was there and what went is said, and a session of the old keys does not stay either."""
    user = aws.create_user("jane")
    home.secrets.append(user.secret_access_key)
    jane = user.add_virtual_device()
    old = session_section(BASE, "output = json\naws_security_token = old/token\naws_account_id = 1")
    derived = session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z")
    home.write(
        f"{old}\n{derived}",
        f"[profile {BASE}]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = y\nregion = us-west-2\n"
        f"mfa_serial = {device.serial_number}\nsso_account_id = 1\naws_secret_access_key = o\nservices = s\n",
    )

    (home.path / "secret").write_text(user.secret_access_key)
    result = home.run(
        *("setup", BASE, "--force", "--access-key-id", user.access_key_id, "--secret-access-key-file", "secret"),
        *("--token-code", home.code(jane)),
    )

    assert 0 == result.code
    assert [
        f"mfa-profiles: warning: profile {BASE} holds session credentials (****MPLE), which --force replaces",
        f"these are the keys of {user.arn}",
        f"mfa-profiles: warning: {device.serial_number} is not a device of this user, but profile {BASE} names it",
        f"MFA device: {jane.serial_number}",
        f"{BASE} is set up in {home.credentials} and {home.config}",
        "taken out of it, as it led to other credentials: role_arn, source_profile, sso_account_id, "
        "aws_session_token, aws_security_token, aws_account_id",
    ] == result.errors[:6]
    assert (
        home.masked(
            f"[{BASE}]\naws_access_key_id = {user.access_key_id}\naws_secret_access_key = {user.secret_access_key}\n"
            f"output = json\n\n[{DERIVED}]\n"
        )
        == home.text(home.credentials).split("# Expires", maxsplit=1)[0]
    )
    assert f"[profile {BASE}]\nregion = us-west-2\nmfa_serial = {jane.serial_number}\nservices = s\n" == (
        home.text(home.config).split("\n\n", maxsplit=1)[0] + "\n"
    )
    assert home.section()["aws_access_key_id"] != "ASIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (DERIVED, 1, f"{DERIVED} is the derived profile of {BASE}, which refresh writes"),
        ("DEFAULT", 1, "'DEFAULT' is not a profile name that every AWS SDK can read"),
        ("my profile", 1, "'my profile' is not a profile name that every AWS SDK can read"),
        ("123456", 2, "****** is a token code and not the name of a profile"),
        (
            OTHER_SECRET,
            2,
            "that looks like a secret access key, which is never given on the command line: others can see it there",
        ),
    ],
)
def test_names_that_no_base_profile_has(base: Home, name: str, code: int, message: str) -> None:
    """Nothing is asked, and nothing is written."""
    error = refusal(base, SetupOptions(force=True), name)

    assert (code, message) == (error.exit_code, error.message)


def test_files_that_cannot_be_changed(home: Home) -> None:
    """Are found out before AWS is asked."""
    home.write("[a]\nx=1\n[a]\n", "")

    message = refusal(home, SetupOptions()).message
    assert message == f"{home.credentials}, line 3: duplicate section: the first is in line 1"


# --- Answers that are missing or wrong.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SetupOptions(), "the access key ID is needed, and there is no terminal to ask for it on"),
        (
            SetupOptions(access_key_id="AKIAIOSFODNN7EXAMPLE"),
            "the secret access key is needed, and there is no terminal to ask for it on",
        ),
        (SetupOptions(access_key_id=OTHER_SECRET), "that looks like a secret access key, which is never given"),
        (SetupOptions(secret_access_key_file=OTHER_SECRET), "that looks like a secret access key, which is never"),
        (SetupOptions(access_key_id="AKIA"), "--access-key-id: this is not an access key ID: those are 20 capital"),
        (SetupOptions(secret_access_key_file=__file__), "--secret-access-key-file: this is not a secret access key"),
        (SetupOptions(csv="-", access_key_id="AKIAIOSFODNN7EXAMPLE"), "--csv gives both keys"),
        (SetupOptions(csv="-", token_code="-"), "stdin can be read for one option only"),
        (SetupOptions(refresh=False, token_code="123456"), "--token-code is for the first session"),
        (SetupOptions(region="US West"), "--region: this is not the name of a region"),
    ],
)
def test_what_makes_no_sense(home: Home, options: SetupOptions, message: str) -> None:
    """Exit 2, without a word of what may be a secret, and without a trace in the home directory."""
    error = refusal(home, options)

    assert (2, message) == (error.exit_code, error.message[: len(message)])
    assert not home.credentials.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["setup", BASE, "--secret-access-key", OTHER_SECRET], "no such option: --secret-access-key"),
        (["setup", BASE, OTHER_SECRET], "got unexpected extra argument(s) (******)"),
        (["refresh", OTHER_SECRET], "there is no profile ******"),
    ],
)
def test_a_secret_on_the_command_line_is_not_repeated(home: Home, arguments: list[str], message: str) -> None:
    """In whatever place; there is no option for it."""
    result = home.run(*arguments)

    assert result.code in (1, 2)
    assert result.errors[0].startswith(f"mfa-profiles: error: {message}")


def test_a_file_that_cannot_be_read(home: Home) -> None:
    """Says which, and of which option."""
    error = refusal(home, SetupOptions(csv="/nowhere/accessKeys.csv"))

    assert "/nowhere/accessKeys.csv could not be read: no such file or directory" == error.message
    assert ("--csv takes the name of a file",) == error.hints
    assert "--csv takes the name of a file, and this one is empty" == refusal(home, SetupOptions(csv="")).message


def test_keys_that_aws_does_not_take(home: Home, user: User) -> None:
    """Nothing is written, and no hint is about a file in which they do not stand."""
    result = run(home, user, stdin=OTHER_SECRET)
    files = home.files()
    home.write(f"[{BASE}]\naws_access_key_id = AKIAIOSFODNN7OLDKEY\naws_secret_access_key = old/secret\n")
    before = home.files()
    forced = run(home, user, "--force", stdin=OTHER_SECRET)

    assert (1, {}, 1, before) == (result.code, files, forced.code, home.files())
    last = user.access_key_id[-4:]
    expected = [
        f"mfa-profiles: error: the secret access key of profile {BASE} does not belong to ****{last}",
        "hint: nothing was changed: give both halves again",
    ]
    assert (expected, expected) == (result.errors, forced.errors[1:])


def test_no_code_for_the_first_session(home: Home, user: User) -> None:
    """It is found out before anything is done."""
    (home.path / "secret").write_text(user.secret_access_key)

    error = refusal(home, SetupOptions(None, user.access_key_id, str(home.path / "secret"), refresh=True))

    assert 5 == error.exit_code


def test_a_refused_code_leaves_the_profile(home: Home, user: User, device: MFADevice) -> None:
    """The exit code is that of the refresh, and what is there and what is not is said."""
    result = run(home, user, "--token-code", device.wrong_code())

    assert (1, base_section(user)) == (result.code, home.credentials.read_text())
    assert "mfa-profiles: error: AWS did not accept the token code" in result.errors
    assert f"{BASE} itself is set up; the session: mfa-profiles refresh {BASE}" == result.errors[-1]


# --- Devices.


def test_several_devices_without_a_terminal(home: Home, user: User, device: MFADevice) -> None:
    """An error that names the option; a passkey is none of them."""
    user.add_hardware_device("GAHT12345678")
    user.add_passkey()

    result = run(home, user)

    assert (2, {}) == (result.code, home.files())
    assert "mfa-profiles: warning: left out 1 passkey: AWS STS takes codes only" in result.errors
    assert {f"there are 2 MFA devices: {device.serial_number}", "GAHT12345678"} == set(
        result.errors[-2].removeprefix("mfa-profiles: error: ").split(", ")
    )
    assert "hint: name one with --serial-number" == result.errors[-1]


def test_devices_that_may_not_be_listed(home: Home, user: User) -> None:
    """The very line to add later."""
    user.deny("iam:ListMFADevices")

    result = run(home, user)

    assert 0 == result.code
    assert [
        f"mfa-profiles: warning: the MFA device is not known, and profile {BASE} may not look for it "
        "(no permission iam:ListMFADevices)",
        f"hint: once you know it, add to [profile {BASE}] in {home.config}: mfa_serial = ARN",
        f"{BASE} is set up in {home.credentials} and {home.config}",
        f"next, with the MFA device in place: mfa-profiles refresh {BASE}",
    ] == result.errors[1:]


def test_a_root_user_who_has_a_passkey_alone(home: Home, aws: LocalAWS) -> None:
    """The profile is written all the same, and both are said."""
    root = aws.create_user(root=True)
    home.secrets.append(root.secret_access_key)
    root.add_passkey()

    result = run(home, root, "--region", "us-west-2")

    assert (0, f"[profile {BASE}]\nregion = us-west-2\n") == (result.code, home.text(home.config))
    assert "mfa-profiles: warning: the root user of an account should have no keys" in result.stderr
    assert "hint: register an authenticator app" in result.stderr
    assert f"next, with the MFA device in place: mfa-profiles refresh {BASE}" == result.errors[-1]


# --- A person at a terminal.


def test_a_person_is_asked(home: Home, aws: LocalAWS, user: User) -> None:
    """Mistakes ask again, a wrong secret too; the secret is on no screen; the first session comes last."""
    wrong_region = (400, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
    aws.faults.add(action="GetCallerIdentity", times=1, refusal=wrong_region)
    user.add_virtual_device()
    token = user.add_hardware_device("GAHT12345678")
    with Screen(home, ["setup", BASE], lines=50) as screen:
        screen.wait_for(f"Access key ID for {BASE}:")
        screen.type("AKIA 123")
        screen.wait_for("This is not an access key ID")
        screen.type(f"  {user.access_key_id} ")
        screen.wait_for("Secret access key (not shown while you paste it):")
        screen.type("two words")
        screen.wait_for("This is not a secret access key")
        screen.type(OTHER_SECRET)
        screen.wait_for("Region [us-east-1]:")
        screen.type("Oregon")
        screen.wait_for("This is not the name of a region")
        screen.type("us-west-2")
        screen.wait_for("is not for STS or IAM in us-west-2")
        screen.wait_for("Region [us-west-2]:")
        screen.type("")
        screen.wait_for("does not belong to")
        screen.wait_until(lambda text: 3 == text.count("Access key ID for"))
        screen.type(user.access_key_id)
        screen.wait_until(lambda text: 3 == text.count("not shown"))
        screen.type(user.secret_access_key)
        screen.wait_until(lambda text: 2 == text.count("Region [us-west-2]:"))
        screen.type("")
        screen.wait_for(f"these are the keys of {user.arn}")
        screen.wait_for("Which one gives the code (1-2)?")
        screen.type("2")
        screen.wait_for("Get the first session now? [Y/n]")
        screen.type("maybe")
        screen.wait_until(lambda text: 2 == text.count("Get the first session now?"))
        assert {} == home.files()
        screen.type("")
        screen.wait_for("MFA code for GAHT12345678:")
        screen.type(token.code())
        screen.wait_for(f"AWS tools use it with AWS_PROFILE={DERIVED}")

        assert 0 == screen.end()

    assert home.text(home.credentials).startswith(home.masked(base_section(user)))
    assert home.text(home.config).startswith(config_of(token))
    assert home.section()["aws_access_key_id"].startswith("ASIA")


def test_only_what_is_missing_is_asked_for(home: Home, user: User) -> None:
    """The device, if AWS does not tell; and no session now is an answer, too."""
    user.deny("iam:ListMFADevices")
    (home.path / "secret").write_text(user.secret_access_key)
    options = ("--access-key-id", user.access_key_id, "--secret-access-key-file", "secret", "--region", "us-west-2")
    with Screen(home, ["setup", BASE, *options]) as screen:
        screen.wait_for("Its ARN (nothing leaves it out):")
        screen.type("my phone")
        screen.wait_for("is not the serial number of an MFA device")
        screen.type("arn:aws:iam::123456789012:mfa/john.doe")
        screen.wait_for("Get the first session now? [Y/n]")
        screen.type("n")
        screen.wait_for(f"next: mfa-profiles refresh {BASE}")

        assert 0 == screen.end()

    assert "arn:aws:iam::123456789012:mfa/john.doe" == home.section(f"profile {BASE}", home.config)["mfa_serial"]


@pytest.mark.usefixtures("device")
def test_a_rotation_that_was_begun_is_over(home: Home, user: User) -> None:
    """The next one begins anew, and does not end what that of another key had begun."""
    comment = "# Rotating access key AKIAIOSFODNN7EXAMPLE since 2026-01-01T00:00:00Z (mfa-profiles: rotate again)"
    home.write(f"[{BASE}]\n{comment}\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = old/secret\n")
    home.secrets.append(user.secret_access_key)
    options = ["--access-key-id", user.access_key_id, "--secret-access-key-file", "-", "--no-refresh", "--force"]

    assert 0 == home.run_warm("setup", BASE, *options, stdin=user.secret_access_key).code

    assert home.masked(base_section(user)) == home.text(home.credentials)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("question", ["Secret access key", "first session"])
def test_ctrl_c_at_any_question(home: Home, user: User, question: str) -> None:
    """Nothing is written, and the terminal shows again what is typed."""
    answers = {
        "Access key ID": user.access_key_id,
        "Secret access key": user.secret_access_key,
        "Region": "",
        "first session": "",
    }
    # A shell stays when the tool is gone, on the same terminal.
    shell = f"trap : INT; mfa-profiles setup {BASE}; echo code $?; read -r line; echo read $line"
    with Screen(home, ["-c", shell], program="/bin/sh") as screen:
        for asked, answer in answers.items():
            screen.wait_for(asked)
            if asked == question:
                break
            screen.type(answer)
        screen.child.send(CTRL_C)
        screen.wait_for("mfa-profiles: error: interrupted\ncode 130")
        screen.type("visible")
        screen.wait_for("visible\nread visible")

        assert (0, {}) == (screen.end(), home.files())


def test_told_to_end_while_the_secret_is_asked_for(home: Home) -> None:
    """The terminal shows again what is typed, also in a script, whose shell does not see to that."""
    shell = (
        f"mfa-profiles setup {BASE} --access-key-id AKIAIOSFODNN7EXAMPLE; echo code $?; read -r line; echo read $line"
    )
    with Screen(home, ["-c", shell], program="/bin/sh") as screen:
        screen.wait_for("Secret access key")
        found = subprocess.run(["pgrep", "-P", str(screen.child.pid)], capture_output=True, text=True, check=True)
        os.kill(int(found.stdout), signal.SIGTERM)
        screen.wait_for("code 143")
        screen.type("visible")
        screen.wait_for("visible\nread visible")

        assert (0, {}) == (screen.end(), home.files())


def test_ctrl_c_at_the_code(home: Home, user: User, device: MFADevice) -> None:
    """The profile is there by then, and that was said."""
    with Screen(home, ["setup", BASE, "--refresh"]) as screen:
        for asked, answer in (
            ("Access key ID", user.access_key_id),
            ("Secret access key", user.secret_access_key),
            ("Region", "us-west-2"),
        ):
            screen.wait_for(asked)
            screen.type(answer)
        screen.wait_for("MFA code for")
        assert f"{BASE} is set up in" in screen.text
        screen.child.send(CTRL_C)

        assert 130 == screen.end()

    assert {"config": config_of(device), "credentials": home.masked(base_section(user))} == home.files()


def test_an_interruption_while_the_profile_is_written(home: Home, user: User, device: MFADevice) -> None:
    """It ends before the first session, and says how that is had."""
    options = ("--access-key-id", user.access_key_id, "--secret-access-key-file", "-", "--token-code", device.code())

    result = home.run_warm("setup", BASE, *options, stdin=user.secret_access_key, before=INTERRUPT_AT_THE_WRITING)

    told = f"{BASE} itself is set up; the session: mfa-profiles refresh {BASE}"
    assert (130, [told, "mfa-profiles: error: interrupted"]) == (result.code, result.errors[-2:])
    assert home.masked(base_section(user)) == home.text(home.credentials)


@pytest.mark.usefixtures("device")
def test_a_profile_that_turns_up_meanwhile_stays(home: Home, user: User) -> None:
    """Somebody else wrote it while a person was thinking."""
    (home.path / "keys.csv").write_text(
        f"Access key ID,Secret access key\n{user.access_key_id},{user.secret_access_key}\n"
    )
    with Screen(home, ["setup", BASE, "--csv", "keys.csv", "--region", "us-west-2"]) as screen:
        screen.wait_for("Get the first session now?")
        home.write(session_section(BASE))
        before = home.files()
        screen.type("")
        screen.wait_for(f"profile {BASE} is there already: it holds session credentials (****MPLE)")

        assert (1, before) == (screen.end(), home.files())


def test_stdin_of_a_terminal_is_no_place_for_a_secret(home: Home) -> None:
    """It would be seen while it is typed."""
    with Screen(home, ["setup", BASE, "--csv", "-"]) as screen:
        screen.wait_for("hint: leave --csv out, and you are asked for the keys")

        assert 2 == screen.end()
