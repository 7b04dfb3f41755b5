"""A stored session belongs to the access key, the MFA device and the role that its base profile has now."""

import json
import sys
from collections.abc import Callable

import pytest

from tests.commands.test_rotate import learn_keys
from tests.commands.test_rotate_killed import HASTE, POINTS, killed_at
from tests.home import BASE, DERIVED, Home, Result, base_section
from tests.local_aws import LocalAWS, MFADevice, User

ROLE = "admin"
NO_CODE = 5  # the exit code of a command that needs a token code and has no way to one

COMMANDS = [
    ["refresh", BASE],
    ["refresh", ROLE],
    ["refresh", "--all"],
    ["exec", BASE, "--", "true"],
    ["exec", ROLE, "--", "true"],
    ["export", BASE],
    ["export", ROLE, "--by-profile"],
    ["export", BASE, "--format", "dotenv", "--output", ".env"],
    ["credential-process", BASE],
    ["credential-process", DERIVED],
    ["credential-process", ROLE],
    ["credential-process", BASE, "--min-remaining", "0"],
]


@pytest.fixture
def with_role(base: Home, aws: LocalAWS, device: MFADevice) -> Home:
    """A home with sessions of a base profile and of a role behind it."""
    base.add_role(ROLE, aws.create_role(ROLE).arn)
    assert base.run_warm("refresh", BASE, ROLE, "--token-code", base.code(device)).code == 0
    return base


@pytest.fixture
def jane(aws: LocalAWS, base: Home) -> User:
    """Another user, with a device."""
    jane = aws.create_user("jane.roe")
    base.secrets.append(jane.secret_access_key)
    return jane


def put_keys(home: Home, old: User, new: User) -> None:
    """Replace the keys of the base profile by hand."""
    text = home.credentials.read_text()
    home.write(text.replace(base_section(old), base_section(new)))


def states(home: Home) -> dict[str, tuple[str, str | None]]:
    """By profile, the state and the mismatch of each session."""
    listed = json.loads(home.run_warm("status", "--json").stdout)
    return {status["profile"]: (status["state"], status.get("mismatch")) for status in listed}


VALID = {DERIVED: ("valid", None), f"{ROLE}-mfa": ("valid", None)}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_session_of_another_user_is_not_used(command: list[str], with_role: Home, user: User, jane: User) -> None:
    """Not by any command, and not with a warning either."""
    put_keys(with_role, user, jane)

    result = with_role.run(*command)

    assert (result.code, result.stdout) == (NO_CODE, "")
    assert "of another access key" in result.stderr
    assert not (with_role.path / ".env").exists()


def test_python_does_not_use_a_session_of_another_user(with_role: Home, user: User, jane: User) -> None:
    put_keys(with_role, user, jane)
    program = f"""
import mfa_profiles
for name in ("{BASE}", "{ROLE}"):
    try:
        mfa_profiles.session(name)
    except mfa_profiles.TokenCodeNeededError:
        print("a code is needed")
"""

    result = with_role.run("-c", program, program=sys.executable)

    assert result.stdout.splitlines() == ["a code is needed"] * 2


def test_status_names_what_differs(with_role: Home, user: User, jane: User) -> None:
    put_keys(with_role, user, jane)

    piped, doctor = with_role.run_warm("status"), with_role.run_warm("doctor", "--offline")

    assert piped.code == 3
    assert piped.stdout.splitlines() == [f"{DERIVED}\tmissing\t-\t-\t{BASE}", f"{ROLE}-mfa\tmissing\t-\t-\t{ROLE}"]
    assert piped.errors == [f"{DERIVED}, {ROLE}-mfa: the session there is of another access key"]
    assert states(with_role) == dict.fromkeys(VALID, ("missing", "access_key_id"))
    assert doctor.code == 1
    then, now = user.access_key_id[-4:], jane.access_key_id[-4:]
    found = f"the session in {DERIVED} is of another access key, and the SDKs still use it: access_key_id was ****"
    assert f"{found}{then}, and is ****{now} now" in doctor.stdout


def test_a_new_session_is_one_of_the_new_user(with_role: Home, user: User, jane: User) -> None:
    """With the device of the new user, though the old session remembers another one."""
    with_role.config.write_text(with_role.config.read_text().replace("mfa_serial", "# mfa_serial"))
    put_keys(with_role, user, jane)
    device = jane.add_virtual_device()

    result = with_role.run_warm("exec", ROLE, "--", "true", env={"MFA_PROFILES_TOKEN_CODE": with_role.code(device)})

    assert result.code == 0
    assert states(with_role) == VALID
    assert (
        f"access_key_id {jane.access_key_id}, mfa_serial {device.serial_number}" in with_role.credentials.read_text()
    )


def in_config(home: Home, old: User, new: User) -> None:
    """Keys in the config file."""
    home.write(home.credentials.read_text().replace(base_section(old), ""))
    text = home.config.read_text().replace(f"[profile {BASE}]\n", base_section(new, f"profile {BASE}"))
    home.config.write_text(text)


def by_setup(home: Home, _: User, new: User) -> None:
    """Keys that setup writes."""
    home.path.joinpath("secret").write_text(new.secret_access_key)
    options = ["--access-key-id", new.access_key_id, "--secret-access-key-file", "secret", "--no-refresh", "--force"]
    assert home.run_warm("setup", BASE, "--region", "us-west-2", *options).code == 0


@pytest.mark.parametrize("change", [put_keys, in_config, by_setup])
def test_wherever_the_keys_come_from(
    change: Callable[[Home, User, User], None], with_role: Home, user: User, jane: User
) -> None:
    jane.add_virtual_device()
    change(with_role, user, jane)

    assert states(with_role) == dict.fromkeys(VALID, ("missing", "access_key_id"))


@pytest.mark.parametrize(("base", "options"), [("work-long-term", []), ("work", ["--to", "other"])])
def test_other_names_of_the_pair(
    base: str, options: list[str], home: Home, user: User, device: MFADevice, aws: LocalAWS
) -> None:
    """The layout of aws-mfa, and a derived profile with a name of its own."""
    home.add_base(user, base, config=None)
    assert home.run_warm("refresh", base, *options, "--token-code", home.code(device)).code == 0
    before = home.run_warm("exec", base, "--", "true")
    jane = aws.create_user("jane.roe")
    home.secrets.append(jane.secret_access_key)
    home.write(home.credentials.read_text().replace(base_section(user, base), base_section(jane, base)))

    assert (before.code, home.run_warm("exec", base, "--", "true").code) == (0, NO_CODE)


@pytest.mark.parametrize("changed", ["mfa_serial", "role_arn"])
def test_another_device_and_another_role(changed: str, with_role: Home, device: MFADevice) -> None:
    """The role session is one of the device of its source."""
    text = with_role.config.read_text()
    other = f"{device.serial_number}.new" if changed == "mfa_serial" else "arn:aws:iam::123456789012:role/other"
    with_role.config.write_text(
        "".join(
            f"{changed} = {other}\n" if line.startswith(changed) else line for line in text.splitlines(keepends=True)
        )
    )

    differs = {f"{ROLE}-mfa"} if changed == "role_arn" else {*VALID}

    assert states(with_role) == VALID | dict.fromkeys(differs, ("missing", changed))
    assert with_role.run_warm("doctor", "--offline").stdout.count(f"{changed} was ") == len(differs)
    for name in (DERIVED, f"{ROLE}-mfa"):
        handed_out = with_role.run("credential-process", name, prints_secrets=True)
        assert (handed_out.stdout == "") == (name in differs)


@pytest.mark.parametrize("removed", ["the ID in the comments", "the keys"])
def test_what_cannot_be_compared_differs_in_nothing(removed: str, with_role: Home, user: User, jane: User) -> None:
    """Comments of earlier versions have no access key ID, and some people keep their keys elsewhere."""
    text = with_role.credentials.read_text()
    if removed == "the keys":
        with_role.write(text.replace(base_section(user), ""))
    else:
        with_role.write(text.replace(f"access_key_id {user.access_key_id}, ", ""))
        put_keys(with_role, user, jane)

    assert states(with_role) == VALID


def test_keys_of_a_credential_process_are_recorded_and_not_compared(
    home: Home, user: User, jane: User, device: MFADevice
) -> None:
    def prints(who: User) -> str:
        keys = {"Version": 1, "AccessKeyId": who.access_key_id, "SecretAccessKey": who.secret_access_key}
        (home.path / "keys.json").write_text(json.dumps(keys))
        return f"[profile {BASE}]\ncredential_process = cat {home.path}/keys.json\n"

    home.secrets.append(user.secret_access_key)
    home.write("", f"{prints(user)}mfa_serial = {device.serial_number}\n")

    refreshed = home.run_warm("refresh", BASE, "--token-code", home.code(device))
    prints(jane)

    assert (refreshed.code, home.run_warm("exec", BASE, "--", "true").code) == (0, 0)
    assert f"source_profile {BASE}, access_key_id {user.access_key_id}, " in home.credentials.read_text()


def test_a_device_that_an_option_names(with_role: Home, user: User, device: MFADevice) -> None:
    """The session is good while the profile names the device that it named then, or the one of the option."""
    second = user.add_hardware_device("GAHT12345678")
    options = ["--force", "--serial-number", second.serial_number, "--token-code", with_role.code(second)]
    assert with_role.run_warm("refresh", BASE, *options).code == 0
    assert with_role.run_warm("refresh", ROLE, "--force").code == 0
    config = with_role.config.read_text()

    def with_device(serial_number: str) -> dict[str, tuple[str, str | None]]:
        with_role.config.write_text(config.replace(device.serial_number, serial_number))
        return states(with_role)

    assert with_device(device.serial_number) == VALID
    assert with_device(second.serial_number) == VALID
    assert with_device("GAHT87654321") == dict.fromkeys(VALID, ("missing", "mfa_serial"))


def test_roles_that_name_another_device_than_their_source_was_asked_with(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """Where the source names none, that of the first role counts. The second role is not assumed again and again."""
    home.add_base(user)
    for name, serial_number in (("first", device.serial_number), ("second", "GAHT12345678")):
        home.add_role(name, aws.create_role(name).arn, f"mfa_serial = {serial_number}\n")

    result = home.run_warm("refresh", "first", "second", "--token-code", home.code(device))

    assert result.code == 0
    assert set(states(home).values()) == {("valid", None)}


# --- A session survives the rotation of the key that it was made with.


def check_sessions(home: Home) -> None:
    """Both sessions can be used, and nobody is asked for a code."""
    assert states(home) == VALID
    assert home.run_warm("exec", ROLE, "--", "true").code == 0


@pytest.mark.parametrize("place", ["credentials", "config"])
def test_a_rotation_keeps_the_sessions(place: str, with_role: Home, user: User, device: MFADevice) -> None:
    """Also those of another profile with the same key, and with the key in the other file."""
    with_role.write(with_role.credentials.read_text() + base_section(user, "copy"))
    assert with_role.run_warm("refresh", "copy", "--token-code", with_role.code(device)).code == 0
    if place == "config":
        in_config(with_role, user, user)
    old = user.access_key_id

    result = with_role.run_warm("rotate", BASE)
    learn_keys(with_role, user)

    [new] = user.access_keys
    assert result.code == 0
    assert old not in with_role.credentials.read_text()
    assert with_role.credentials.read_text().count(f"access_key_id {new}, mfa_serial") == 3
    assert set(states(with_role).values()) == {("valid", None)}


@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_rotation_keeps_the_sessions(point: str, with_role: Home, user: User) -> None:
    """At each point, and after the run that finishes it."""
    killed_at(point, with_role, user)
    check_sessions(with_role)

    result = with_role.run_warm("rotate", BASE, "--delete-other", before=HASTE)
    learn_keys(with_role, user)

    assert result.code == 0
    check_sessions(with_role)


@pytest.mark.parametrize("recorded", ["old", "new"])
def test_both_keys_of_an_unfinished_rotation_are_one(recorded: str, with_role: Home, user: User) -> None:
    """A refresh that ran at the same time may have recorded either; the end of the rotation corrects it."""
    scene = killed_at("both files written", with_role, user)
    text = with_role.credentials.read_text()
    if recorded == "old":
        text = text.replace(f"access_key_id {scene.new}, mfa_serial", f"access_key_id {scene.old}, mfa_serial")
        with_role.write(text)
    check_sessions(with_role)

    assert with_role.run_warm("rotate", BASE).code == 0
    learn_keys(with_role, user)

    check_sessions(with_role)


# --- Profiles with the same key share a session, if nothing sets them apart.


def refresh_both(home: Home, user: User, codes: list[str], east: str, west: str, *options: str) -> Result:
    """Refresh two profiles with the same key, with codes on stdin."""
    home.secrets.append(user.secret_access_key)
    config = f"[profile east]\n{east}[profile west]\n{west}"
    home.write(base_section(user, "east") + base_section(user, "west"), config)
    env = {"AWS_ENDPOINT_URL": "", **dict.fromkeys(("NO_PROXY", "no_proxy"), "*")}
    code = ["--token-code", "-"]
    return home.run_warm(
        "refresh", "east", "west", *code, *options, stdin="".join(f"{each}\n" for each in codes), env=env
    )


def test_profiles_with_other_endpoints_share_no_session(home: Home, user: User, device: MFADevice) -> None:
    """Each asks its own endpoint for its own code."""
    second = user.add_hardware_device("GAHT12345678")
    here = f"endpoint_url = {home.aws.endpoint_url}\n"
    there = f"endpoint_url = {home.aws.endpoint_url.replace('127.0.0.1', 'localhost')}\n"
    devices = [f"mfa_serial = {each.serial_number}\n" for each in (device, second)]
    assert here != there

    result = refresh_both(home, user, [home.code(device), home.code(second)], here + devices[0], there + devices[1])

    assert (result.code, home.aws.actions) == (0, ["GetSessionToken"] * 2)
    assert home.section("east-mfa")["aws_access_key_id"] != home.section("west-mfa")["aws_access_key_id"]


@pytest.mark.parametrize(
    ("west", "calls"),
    [
        ("mfa_serial = GAHT12345678\n", 2),
        ("", 1),
        ("mfa_serial = {device}\nregion = eu-west-1\n", 1),
        ("endpoint_url = http://127.0.0.1:1\n", 1),
    ],
    ids=["another device", "no device", "another region", "an endpoint that does not answer"],
)
def test_what_profiles_with_one_key_share(west: str, calls: int, home: Home, user: User, device: MFADevice) -> None:
    """A device that the other profile does not name is no difference."""
    second = user.add_hardware_device("GAHT12345678")
    here = f"endpoint_url = {home.aws.endpoint_url}\nregion = us-west-2\n"
    is_closed = "endpoint_url" in west
    west = west.format(device=device.serial_number) + (
        "" if is_closed else f"endpoint_url = {home.aws.endpoint_url}\n"
    )

    result = refresh_both(
        home, user, [home.code(device), home.code(second)], f"{here}mfa_serial = {device.serial_number}\n", west
    )

    assert (result.code, home.aws.actions) == (1 if is_closed else 0, ["GetSessionToken"] * calls)
    assert ("west-mfa" in home.credentials.read_text()) == (not is_closed)


def test_one_code_is_not_spent_for_two_endpoints(home: Home, user: User, device: MFADevice) -> None:
    here = f"endpoint_url = {home.aws.endpoint_url}\nmfa_serial = {device.serial_number}\n"

    home.secrets.append(user.secret_access_key)
    there = here.replace("127.0.0.1", "localhost")
    home.write(
        base_section(user, "east") + base_section(user, "west"), f"[profile east]\n{here}[profile west]\n{there}"
    )
    result = home.run_warm("refresh", "east", "west", "--token-code", home.code(device), env={"AWS_ENDPOINT_URL": ""})

    assert (result.code, home.aws.requests) == (2, [])


# --- Short sessions.


@pytest.mark.parametrize("command", [["exec", BASE, "--", "true"], ["export", BASE], ["credential-process", BASE]])
def test_a_short_session_is_not_expiring_when_it_is_written(
    command: list[str], base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """It is used for most of its time, whatever longer time a command is to make sure of."""
    options = ["--token-code", base.code(device), "--duration-seconds", "15m"]
    assert base.run_warm("refresh", BASE, *options).code == 0
    aws.requests.clear()

    plain = base.run(*command, prints_secrets=True)
    asked = base.run(command[0], "--min-remaining", "2h", *command[1:], prints_secrets=True)
    status, explicit = base.run_warm("status"), base.run_warm("status", "--min-remaining", "15m")

    assert (plain.code, asked.code, aws.requests) == (0, 0, [])
    assert (status.code, explicit.code) == (0, 4)
    assert "still valid" in base.run_warm("refresh", BASE).stderr


def test_a_short_session_that_aws_chose(home: Home, aws: LocalAWS) -> None:
    """The root user gets an hour, whatever was asked for, and the comment records that hour."""
    root = aws.create_user("", root=True)
    device = root.add_virtual_device("root")
    home.add_base(root, config=f"mfa_serial = {device.serial_number}\n")

    assert home.run_warm("refresh", BASE, "--token-code", home.code(device)).code == 0

    assert "duration_seconds 3600)" in home.credentials.read_text()


@pytest.mark.parametrize("setting", ["sso_session = corp", "login_session = arn:aws:iam::222222222222:user/eve"])
def test_a_session_of_keys_that_gave_way_to_another_sign_in_is_not_used(
    refreshed: Home, user: User, setting: str
) -> None:
    keys = f"aws_access_key_id = {user.access_key_id}\naws_secret_access_key = {user.secret_access_key}\n"
    refreshed.credentials.write_text(refreshed.credentials.read_text().replace(keys, ""))
    refreshed.config.write_text(
        refreshed.config.read_text().replace(f"[profile {BASE}]\n", f"[profile {BASE}]\n{setting}\n")
    )

    status = refreshed.run_warm("status", BASE)
    doctor = refreshed.run_warm("doctor", "--offline")
    printed = refreshed.run("credential-process", BASE, prints_secrets=True)

    assert (status.code, "of another access key" in status.stderr) == (3, True)
    assert f"is what {setting.split()[0]} gives now" in doctor.stdout
    assert (printed.code != 0, printed.stdout) == (True, "")
