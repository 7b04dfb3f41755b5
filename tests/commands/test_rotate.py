"""The access key of a base profile is replaced, and its owner never stranded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from configparser import RawConfigParser
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from tests.home import BASE, DERIVED, TOOL, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import wait_until
from tests.screens import Screen


def learn_keys(home: Home, user: User) -> None:
    """Make the secrets of all keys that the user has secrets of the home."""
    home.secrets.extend(user.secrets)


def identity(home: Home, profile: str = BASE) -> str:
    """Whose the keys of a profile are, by AWS itself."""
    parser = RawConfigParser()
    parser.read([home.config, home.credentials])
    profile = profile if profile in parser else f"profile {profile}"
    sts = boto3.client(
        "sts",
        endpoint_url=home.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id=parser[profile]["aws_access_key_id"],
        aws_secret_access_key=parser[profile]["aws_secret_access_key"],
        aws_session_token=parser[profile].get("aws_session_token"),
    )
    return sts.get_caller_identity()["Arn"]


def test_the_key_is_replaced_and_nothing_else(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """A new key, by the session that is there, which goes on working; every other byte of the file stays."""
    old = user.access_key_id
    text = refreshed.credentials.read_text().replace(
        f"aws_access_key_id = {old}", f"# of 2024\n  aws_access_key_id={old}"
    )
    before = f"# mine\n\n{text}# end"
    refreshed.credentials.write_text(before)
    refreshed.credentials.chmod(0o640)
    session_key = refreshed.section()["aws_access_key_id"]
    aws.requests.clear()

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    [new] = user.access_keys
    assert (0, "") == (result.code, result.stdout)
    assert [f"the access key of {BASE} is ****{new[-4:]} now; ****{old[-4:]} is deleted"] == result.errors
    after = before.replace(old, new).replace(user.secret_access_key, user.secrets[0])
    assert refreshed.masked(after) == refreshed.text(refreshed.credentials)
    assert 0o640 == refreshed.credentials.stat().st_mode & 0o777
    assert [
        ("ListAccessKeys", session_key),
        ("CreateAccessKey", session_key),
        ("GetCallerIdentity", new),
        ("UpdateAccessKey", session_key),
        ("DeleteAccessKey", session_key),
    ] == [(request.action, request.access_key_id) for request in aws.requests]
    assert user.arn == identity(refreshed) == identity(refreshed, DERIVED)


def test_a_session_is_got_first(base: Home, user: User, device: MFADevice) -> None:
    """One code is enough; the derived name means the same pair; and the old key may stay, inactive."""
    old = user.access_key_id

    result = base.run_warm("rotate", DERIVED, "--keep-old", "--token-code", base.code(device))
    learn_keys(base, user)

    assert 0 == result.code
    assert [f"****{old[-4:]} is inactive"] == [line.split("; ")[1] for line in result.errors]
    assert "Inactive" == user.access_keys[old]
    assert user.arn == identity(base, DERIVED)


def test_every_profile_with_the_key_gets_the_new_one(refreshed: Home, user: User) -> None:
    """People keep one key under two names, and in the config file; what has another secret is none of its copies."""
    with refreshed.credentials.open("a") as file:
        file.write(f"\n{base_section(user, 'default')}")
    with refreshed.config.open("a") as file:
        file.write(f"\n{base_section(user, 'profile elsewhere')}")
        file.write(
            f"\n[profile template]\naws_access_key_id = {user.access_key_id}\naws_secret_access_key = in/vault\n"
        )

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    [new] = user.access_keys
    assert user.access_key_id == refreshed.section("profile template", refreshed.config)["aws_access_key_id"]
    assert result.errors[0].startswith(f"the access key of {BASE}, default, elsewhere is ****{new[-4:]} now")
    paths = {"default": refreshed.credentials, BASE: refreshed.credentials, "profile elsewhere": refreshed.config}
    for section, path in paths.items():
        assert new == refreshed.section(section, path)["aws_access_key_id"]


def test_a_copy_in_two_halves(refreshed: Home, user: User) -> None:
    """Two files cannot be replaced at once: a profile with half of the key in each would be left with a dead one."""
    with refreshed.credentials.open("a") as file:
        file.write(f"\n[default]\naws_access_key_id = {user.access_key_id}\n")
    with refreshed.config.open("a") as file:
        file.write(f"\n[default]\naws_secret_access_key = {user.secret_access_key}\n")
    before = refreshed.files()

    result = refreshed.run_warm("rotate", BASE)

    assert (1, before) == (result.code, refreshed.files())
    assert "the access key ID of profile default and its secret are in two files" in result.errors[0]
    assert {user.access_key_id: "Active"} == user.access_keys


@pytest.mark.parametrize("command", ["rotate", "doctor"])
def test_the_partition_of_a_device_that_is_remembered(command: str, home: Home, aws: LocalAWS) -> None:
    """Without a region, that of the session's device counts, as for refresh."""
    user = aws.create_user("jane.doe", partition="aws-us-gov")
    device = user.add_virtual_device()
    home.add_base(user, config=None)
    options = ("--serial-number", device.serial_number, "--token-code", home.code(device))
    assert 0 == home.run_warm("refresh", BASE, *options).code

    result = home.run_warm(command, BASE)
    learn_keys(home, user)

    assert 0 == result.code
    assert {"us-gov-west-1"} == {request.region for request in aws.requests}


def test_keys_in_the_config_file(home: Home, user: User, device: MFADevice) -> None:
    """Where the keys are is where the new ones go, and the comment meanwhile."""
    home.secrets.append(user.secret_access_key)
    home.write("", base_section(user, f"profile {BASE}") + f"mfa_serial = {device.serial_number}\n")

    result = home.run_warm("rotate", BASE, "--token-code", home.code(device))
    learn_keys(home, user)

    [new] = user.access_keys
    assert 0 == result.code
    section = base_section(user, f"profile {BASE}").replace(user.access_key_id, new)
    section = section.replace(user.secret_access_key, user.secrets[0])
    assert home.masked(section + f"mfa_serial = {device.serial_number}\n") == home.text(home.config)


def test_without_a_device_the_keys_sign_themselves(home: Home, user: User) -> None:
    """A user without MFA has nothing else; a terminal is needed to find that out, as everywhere."""
    home.add_base(user)

    with Screen(home, ["rotate", BASE]) as screen:
        assert 0 == screen.end()
        learn_keys(home, user)

    [new] = user.access_keys
    assert new == home.section(BASE)["aws_access_key_id"]
    assert ["GetCallerIdentity", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"] == [
        request.action for request in home.aws.requests if request.access_key_id == new
    ]


def test_a_key_that_aws_does_not_know_yet_is_waited_for(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """IAM takes seconds to tell all of AWS of a new key; until then the old one stays active."""
    aws.delay_new_keys(1.5)

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    [new] = user.access_keys
    assert 0 == result.code
    assert "AWS does not know the new access key yet, trying again in 1 s" == result.errors[0]
    assert new == refreshed.section(BASE)["aws_access_key_id"]


def test_a_key_that_never_works_is_taken_back(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """The old key is put back, the new one deleted, and the files are what they were."""
    aws.delay_new_keys(3600)
    made: set[str] = set()
    aws.after = lambda _: made.update(user.access_keys)
    before = refreshed.files()

    result = refreshed.run_warm("rotate", BASE, before="import time; time.sleep = lambda seconds: None")
    learn_keys(refreshed, user)

    assert 1 == result.code
    assert "has not taken the new access key" in result.stderr
    [new] = made - {user.access_key_id}
    assert (
        f"hint: the old access key works; ****{new[-4:]}, which was made for it, is deleted again: "
        f"mfa-profiles rotate {BASE} tries again"
    ) == result.errors[-1]
    assert before == refreshed.files()
    assert {user.access_key_id: "Active"} == user.access_keys


@pytest.mark.parametrize("denied", ["ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"])
def test_a_permission_that_is_missing(denied: str, refreshed: Home, user: User) -> None:
    """The sentence names it, the file holds a key that works, and the next run finishes what was begun."""
    user.deny(f"iam:{denied}")
    before = refreshed.files()

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    assert 1 == result.code
    assert f"iam:{denied}" in result.errors[-3 if denied[0] in "UD" else 0] + result.errors[0]
    assert user.arn == identity(refreshed)
    if denied in ("ListAccessKeys", "CreateAccessKey"):
        assert before == refreshed.files()
    else:
        assert f"hint: mfa-profiles rotate {BASE} goes on from here" == result.errors[-1]
    user.allow(f"iam:{denied}")
    assert 0 == refreshed.run_warm("rotate", BASE).code
    learn_keys(refreshed, user)
    assert [refreshed.section(BASE)["aws_access_key_id"]] == list(user.access_keys)
    assert "Rotating" not in refreshed.text(refreshed.credentials)


def test_a_file_that_cannot_be_written(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """That is found out before AWS makes a key, or deletes one to make room: nothing is changed anywhere."""
    other = user.add_access_key()
    learn_keys(refreshed, user)
    text = refreshed.credentials.read_text().replace(f"[{BASE}]", f"[{BASE}]# glued")
    refreshed.credentials.write_text(text)
    aws.requests.clear()

    result = refreshed.run_warm("rotate", BASE, "--delete-other")

    assert 1 == result.code
    assert "glued" in result.errors[0]
    assert ["ListAccessKeys"] == aws.actions
    assert {user.access_key_id: "Active", other: "Active"} == user.access_keys


def test_a_config_file_that_cannot_be_edited(refreshed: Home, user: User) -> None:
    """It need not be: the keys are not in it, and no comment is either."""
    text = refreshed.config.read_text().replace(f"[profile {BASE}]", f"[profile {BASE}]# glued")
    refreshed.config.write_text(text)

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    assert (0, text) == (result.code, refreshed.config.read_text())
    assert "Rotating" not in refreshed.text(refreshed.credentials)


def test_a_byte_order_mark(refreshed: Home, aws: LocalAWS) -> None:
    """Is named before AWS is asked, as boto3 would only say that it cannot read the files."""
    refreshed.credentials.write_bytes(b"\xef\xbb\xbf" + refreshed.credentials.read_bytes())
    aws.requests.clear()

    result = refreshed.run_warm("rotate", BASE)

    assert (1, []) == (result.code, aws.actions)
    assert "line 1: a byte order mark" in result.errors[0]


# --- Two keys.


def make_inactive(user: User, other: str) -> str:
    """A key that was set aside."""
    user.account.backend.update_access_key(user.name, other, "Inactive")
    return "it was never used, and is inactive"


def leave_unused(_user: User, _other: str) -> str:
    """A key that waits for something."""
    return "it was never used, and is active"


@pytest.mark.parametrize("state", [make_inactive, leave_unused])
def test_two_keys(state: Callable[[User, str], str], refreshed: Home, user: User, aws: LocalAWS) -> None:
    """Which they are and what is known of the other one is told; it goes when a person says so."""
    other = user.add_access_key()
    learn_keys(refreshed, user)
    told = state(user, other)
    before = refreshed.files()

    refused = refreshed.run_warm("rotate", BASE)
    assert 1 == refused.code
    assert (
        f"mfa-profiles: error: the user has two access keys, and AWS allows no third: {BASE} has "
        f"****{user.access_key_id[-4:]}, and the other is ****{other[-4:]}: {told}"
    ) == refused.errors[0]
    assert f"hint: if nothing needs it: mfa-profiles rotate {BASE} --delete-other" == refused.errors[1]
    with Screen(refreshed, ["rotate", BASE]) as screen:
        screen.wait_for("(y/N)")
        screen.type("n")
        assert 1 == screen.end()
    assert (before, {"CreateAccessKey"}) == (refreshed.files(), {"CreateAccessKey"} - set(aws.actions))

    with Screen(refreshed, ["rotate", BASE]) as screen:
        screen.wait_for("(y/N)")
        screen.type("y")
        assert 0 == screen.end()
        learn_keys(refreshed, user)
    assert [refreshed.section(BASE)["aws_access_key_id"]] == list(user.access_keys)


def test_a_key_that_is_in_use(refreshed: Home, user: User, aws: LocalAWS) -> None:
    """Of an active key that something uses, more than a y is wanted; scripts say so by an option."""
    other = user.add_access_key()
    learn_keys(refreshed, user)
    secret = user.secrets[list(user.access_keys).index(other)]
    boto3.client(
        "sts",
        endpoint_url=aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id=other,
        aws_secret_access_key=secret,
    ).get_caller_identity()

    with Screen(refreshed, ["rotate", BASE]) as screen:
        screen.wait_for(f"type {other[-4:]} if nothing needs it")
        assert "for sts, and is active" in " ".join(screen.text.split())
        screen.type("y")
        assert 1 == screen.end()
    assert {user.access_key_id, other} == set(user.access_keys)

    assert 0 == refreshed.run_warm("rotate", BASE, "--delete-other").code
    learn_keys(refreshed, user)
    assert [refreshed.section(BASE)["aws_access_key_id"]] == list(user.access_keys)


def test_a_key_made_by_somebody_else_is_not_cleared_away(refreshed: Home, user: User) -> None:
    """A comment that an interrupted run left long ago is no reason to delete a key of today."""
    text = refreshed.credentials.read_text()
    comment = f"# Rotating access key {user.access_key_id} since 2026-01-01T00:00:00Z (mfa-profiles: rotate again)"
    refreshed.credentials.write_text(text.replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}\n"))
    user.add_access_key()
    learn_keys(refreshed, user)

    result = refreshed.run_warm("rotate", BASE)

    assert 1 == result.code
    assert "the user has two access keys" in result.errors[0]
    assert 2 == len(user.access_keys)


@pytest.mark.parametrize(
    "line", ['aws_access_key_id = "{}"', "export AWS_ACCESS_KEY_ID={}", "credential_process = p {}"]
)
@pytest.mark.parametrize("which", ["old", "other"])
def test_a_key_in_an_unusual_form_is_not_deleted(refreshed: Home, user: User, line: str, which: str) -> None:
    other = user.add_access_key() if which == "other" else user.access_key_id
    learn_keys(refreshed, user)
    before = dict(user.access_keys)
    with refreshed.credentials.open("a") as credentials:
        credentials.write(f"# {other}\n[second]\n{line.format(other)}\n")

    result = refreshed.run_warm("rotate", BASE, "--delete-other")

    assert (result.code, user.access_keys) == (1, before)
    number = len(refreshed.credentials.read_text().splitlines())
    assert f"which line {number} of {refreshed.credentials} has" in result.errors[0]


def test_the_other_key_is_not_deleted_while_this_terminal_has_it(refreshed: Home, user: User) -> None:
    other = user.add_access_key()
    learn_keys(refreshed, user)

    result = refreshed.run_warm("rotate", BASE, "--delete-other", env={"AWS_ACCESS_KEY_ID": other})

    assert result.code == 1
    assert result.errors[0].endswith("which is in AWS_ACCESS_KEY_ID of this terminal")
    assert other in user.access_keys


@pytest.mark.parametrize("new", ["", " to AKIAIOSFODNN7EXAMPLE"])
@pytest.mark.parametrize("age", [timedelta(), timedelta(days=300)])
def test_a_comment_on_keys_that_were_replaced_by_hand(age: timedelta, new: str, refreshed: Home, user: User) -> None:
    """It says nothing of those that are there now, even new ones: the key that it names is not deleted unasked.

    Earlier versions did not record the new key.
    """
    since = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    other = user.add_access_key()
    learn_keys(refreshed, user)
    comment = f"# Rotating access key {other}{new} since {since} (mfa-profiles: rotate again to finish)"
    text = refreshed.credentials.read_text().replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}\n")
    refreshed.credentials.write_text(text)

    result = refreshed.run_warm("rotate", BASE)

    assert 1 == result.code
    assert "the user has two access keys" in result.errors[0]
    assert {user.access_key_id, other} == set(user.access_keys)
    assert 0 == refreshed.run_warm("rotate", BASE, "--delete-other").code
    learn_keys(refreshed, user)
    [new] = user.access_keys
    assert new not in (user.access_key_id, other)
    assert "Rotating" not in refreshed.text(refreshed.credentials)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            f"[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = {BASE}\n",
            "profile admin is a role, which has no access key of its own",
        ),
        (
            "[profile admin]\ncredential_process = true\n",
            "profile admin gets its keys through credential_process: there are none in the file to replace",
        ),
        (
            "[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = admin\n"
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/admin\n",
            "profile admin is a role, and whatever assumes it is not in a profile of its own",
        ),
        (
            "[profile half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
            "the access key ID of profile half and its secret are in two files",
        ),
    ],
)
def test_profiles_without_a_key_of_their_own(config: str, message: str, base: Home, aws: LocalAWS) -> None:
    """A sentence, and nothing is asked of AWS."""
    with base.config.open("a") as file:
        file.write(f"\n{config}")
    with base.credentials.open("a") as file:
        file.write("\n[half]\naws_secret_access_key = other/half\n")

    result = base.run_warm("rotate", message.split("profile ")[1].split()[0])

    assert (1, f"mfa-profiles: error: {message}", []) == (result.code, result.errors[0], aws.actions)


def test_keys_of_another_user_than_the_session(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """Their keys are not touched, and the file neither."""
    other = aws.create_user("jane.doe")
    refreshed.secrets.append(other.secret_access_key)
    text = refreshed.credentials.read_text()
    text = text.replace(user.access_key_id, other.access_key_id).replace(
        user.secret_access_key, other.secret_access_key
    )
    refreshed.credentials.write_text(text)
    before = refreshed.files()

    result = refreshed.run_warm("rotate", BASE)

    assert (1, before) == (result.code, refreshed.files())
    assert "is none of the user whose session is in smce-veda-mfa" in result.errors[0]


def test_two_at_once_rotate_once(refreshed: Home, user: User, aws: LocalAWS) -> None:
    """The second one waits, finds a new key, and leaves it at that."""
    errors = [refreshed.path / name for name in ("first", "second")]

    def run(errors: Path) -> int:
        return refreshed.run("-c", f"exec {TOOL} rotate {BASE} 2>{errors}", program="/bin/sh").code

    def told(text: str) -> int:
        return sum(text in path.read_text() for path in errors if path.exists())

    with ThreadPoolExecutor(2) as pool, aws.held("CreateAccessKey"):
        codes = pool.map(run, errors)
        wait_until(lambda: told("waiting for another mfa-profiles that is rotating an access key"))
    learn_keys(refreshed, user)

    refreshed.check_for_secrets("".join(path.read_text() for path in errors))
    assert [0, 0] == list(codes)
    assert 1 == aws.actions.count("CreateAccessKey")
    assert 1 == told("another mfa-profiles has just rotated it")


def test_the_old_key_in_the_environment(refreshed: Home, user: User) -> None:
    """A terminal in which the old key is exported is told that it will not work there any more."""
    env = {"AWS_ACCESS_KEY_ID": user.access_key_id, "AWS_SECRET_ACCESS_KEY": user.secret_access_key}

    result = refreshed.run_warm("rotate", BASE, env=env)
    learn_keys(refreshed, user)

    assert 0 == result.code
    assert result.errors[0].endswith("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY")
