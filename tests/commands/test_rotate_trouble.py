"""Whatever becomes of files, keys and answers while a key is rotated: nobody is stranded, the next run goes on."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.commands.test_rotate import identity, learn_keys
from tests.home import BASE, DERIVED, TOOL, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, Request, User
from tests.local_aws.answers import AWSError
from tests.processes import INTERRUPT_AT_THE_WRITING, wait_until
from tests.screens import Screen


def once_after(aws: LocalAWS, action: str, do: Callable[[], object]) -> None:
    """Do something as soon as AWS has done an action, and before it says so."""

    def after(request: Request) -> None:
        if request.action == action:
            aws.after = lambda _: None
            do()

    aws.after = after


def finish(home: Home, user: User, *options: str) -> list[str]:
    """Run it again: it ends with one key, which is in the file, and no comment. Return what it said."""
    again = home.run_warm("rotate", BASE, *options)
    learn_keys(home, user)
    assert (0, user.arn) == (again.code, identity(home))
    assert {home.section(BASE)["aws_access_key_id"]: "Active"} == user.access_keys
    assert "Rotating" not in home.text(home.credentials)
    return again.errors


# --- The answer to the one request that must not be made twice.


def cut(_aws: LocalAWS) -> None:
    """The connection ends."""
    raise ConnectionAbortedError


def fail(_aws: LocalAWS) -> None:
    """A failure on AWS's side, of which nobody knows how far the request had come."""
    raise AWSError(500, "InternalFailure", "The request processing has failed because of an unknown error.")


def garble(aws: LocalAWS) -> None:
    """An answer without what it should have."""
    aws.faults.add(action="CreateAccessKey", answer=(200, b"<CreateAccessKeyResponse/>"), times=1)


@pytest.mark.parametrize("trouble", [cut, fail, garble])
def test_an_answer_that_is_lost_makes_no_third_key(
    trouble: Callable[[LocalAWS], None], refreshed: Home, aws: LocalAWS, user: User
) -> None:
    """The key may be there: nothing is asked twice, and the message says so. It is not deleted unasked."""
    if trouble is garble:
        trouble(aws)
    else:
        once_after(aws, "CreateAccessKey", lambda: trouble(aws))
    before = refreshed.section(BASE)

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    assert (1, before) == (result.code, refreshed.section(BASE))
    assert 1 == aws.actions.count("CreateAccessKey")
    hint = f"hint: AWS may have created a key: mfa-profiles rotate {BASE} looks, and asks before it deletes one"
    assert hint == result.errors[-1]
    if trouble is garble:  # it has not reached AWS
        finish(refreshed, user)
        return
    keys = user.access_keys
    again = refreshed.run_warm("rotate", BASE)
    assert (again.code, user.access_keys) == (1, keys)
    assert again.errors[0].endswith(": it was never used, and is active; an interrupted run may have created it")
    finish(refreshed, user, "--delete-other")


def test_the_old_key_where_the_new_one_should_be(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """To put it back, and to delete what was made for it, would be to delete the only key that works."""
    old, other_secret = user.access_key_id, "x" * 40
    refreshed.secrets.append(other_secret)
    body = f"<AccessKeyId>{old}</AccessKeyId><SecretAccessKey>{other_secret}</SecretAccessKey>"
    result_of = "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey>{}</AccessKey></CreateAccessKeyResult>"
    answer = f"{result_of.format(body)}</CreateAccessKeyResponse>".encode()
    aws.faults.add(action="CreateAccessKey", answer=(200, answer), times=1)

    result = refreshed.run_warm("rotate", BASE)

    message = "AWS answered with the old access key where there should be a new one"
    assert (1, f"mfa-profiles: error: {message}") == (result.code, result.errors[0])
    assert ({old: "Active"}, old) == (user.access_keys, refreshed.section(BASE)["aws_access_key_id"])
    finish(refreshed, user)


def test_a_key_that_the_list_did_not_show_yet(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """IAM is eventually consistent: what an interrupted run has created may appear later, as the question says."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    comment = f"# Rotating access key {user.access_key_id} since {since} (mfa-profiles: rotate again to finish)"
    refreshed.credentials.write_text(
        refreshed.credentials.read_text().replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}\n")
    )
    before = refreshed.files()
    aws.before = lambda request: request.action == "CreateAccessKey" and user.add_access_key()

    result = refreshed.run_warm("rotate", BASE)
    aws.before = lambda _: None
    learn_keys(refreshed, user)

    assert (1, before) == (result.code, refreshed.files())
    assert "has two access keys already" in result.errors[0]
    orphan = list(user.access_keys)[-1]
    with Screen(refreshed, ["rotate", BASE]) as screen:
        screen.wait_for(f"Delete ****{orphan[-4:]}? (y/N)")
        assert "an interrupted run may have created it." in " ".join(screen.text.split())
        screen.type("y")
        assert screen.end() == 0
        learn_keys(refreshed, user)
    assert {refreshed.section(BASE)["aws_access_key_id"]: "Active"} == user.access_keys


def test_a_recorded_key_that_the_list_did_not_show_yet(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """The record outlives a run that AWS refuses, and a run that finds the key says that it deletes it."""
    orphan = user.add_access_key()
    learn_keys(refreshed, user)
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    comment = f"# Rotating access key {user.access_key_id} to {orphan} since {since} (mfa-profiles: rotate)"
    refreshed.credentials.write_text(
        refreshed.credentials.read_text().replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}\n")
    )
    before = refreshed.section(BASE)
    metadata = f"<UserName>{user.name}</UserName><AccessKeyId>{user.access_key_id}</AccessKeyId>"
    listed = f"<member>{metadata}<Status>Active</Status><CreateDate>{since}</CreateDate></member>"
    result_of = "<ListAccessKeysResponse><ListAccessKeysResult>{}</ListAccessKeysResult></ListAccessKeysResponse>"
    body = result_of.format(f"<IsTruncated>false</IsTruncated><AccessKeyMetadata>{listed}</AccessKeyMetadata>")
    aws.faults.add(action="ListAccessKeys", answer=(200, body.encode()), times=1)

    result = refreshed.run_warm("rotate", BASE)

    assert (result.code, refreshed.section(BASE)) == (1, before)
    assert "has two access keys already" in result.errors[0]
    told = finish(refreshed, user)
    assert told[0] == f"deleted ****{orphan[-4:]}, which an interrupted run created, and whose secret was lost"


# --- Files that others change.


@pytest.mark.parametrize("action", ["CreateAccessKey", "GetCallerIdentity"])
def test_a_file_that_is_changed_meanwhile(action: str, refreshed: Home, aws: LocalAWS, user: User) -> None:
    """By an editor that had it open: the key that is in it then is left alone, at AWS as well."""
    saved = f"# saved\n{refreshed.credentials.read_text()}"
    if action == "CreateAccessKey":  # with other keys, for which the new one is none's successor
        saved = saved.replace(f"aws_secret_access_key = {user.secret_access_key}", "aws_secret_access_key = other")
    once_after(aws, action, lambda: refreshed.credentials.write_text(saved))

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    assert (1, saved) == (result.code, refreshed.credentials.read_text())
    assert f"mfa-profiles: error: the keys of profile {BASE} were changed meanwhile" == result.errors[0]
    assert "Active" == user.access_keys[user.access_key_id]
    assert (1 if action == "CreateAccessKey" else 2) == len(user.access_keys)
    assert "UpdateAccessKey" not in aws.actions


def add_profile(home: Home, name: str, access_key_id: str, secret: str) -> None:
    """Add a profile with a key to the credentials file."""
    with home.credentials.open("a") as file:
        file.write(f"\n[{name}]\naws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\n")


def test_a_profile_that_gets_the_old_key_meanwhile(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """The old key stays active until the profile has the new one."""
    old, secret = user.access_key_id, user.secret_access_key
    once_after(aws, "GetCallerIdentity", lambda: add_profile(refreshed, "late", old, secret))

    result = refreshed.run_warm("rotate", BASE)
    learn_keys(refreshed, user)

    new = list(user.access_keys)[-1]
    assert (result.code, user.access_keys) == (1, {old: "Active", new: "Active"})
    assert result.errors[0] == (f"mfa-profiles: error: the old access key is ****{old[-4:]}, which profile late has")
    assert f"hint: put ****{new[-4:]} and its secret into late as well, then run mfa-profiles rotate {BASE}" in (
        result.errors
    )
    again = refreshed.run_warm("rotate", BASE)
    assert (again.code, user.access_keys) == (1, {old: "Active", new: "Active"})
    text = refreshed.credentials.read_text().replace(f"= {old}", f"= {new}").replace(secret, user.secrets[-1])
    refreshed.credentials.write_text(text)
    finish(refreshed, user)


def test_a_profile_that_gets_the_other_key_during_the_question(refreshed: Home, user: User) -> None:
    other = user.add_access_key()
    learn_keys(refreshed, user)

    with Screen(refreshed, ["rotate", BASE]) as screen:
        screen.wait_for("(y/N)")
        add_profile(refreshed, "late", other, user.secrets[1])
        screen.type("y")
        assert screen.end() == 1

    assert set(user.access_keys) == {user.access_key_id, other}


def test_a_profile_that_gets_the_new_key_meanwhile(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """The new key is not deleted with a rotation that failed."""
    aws.delay_new_keys(3600)
    once_after(
        aws, "GetCallerIdentity", lambda: add_profile(refreshed, "late", list(user.access_keys)[-1], "in/vault")
    )

    result = refreshed.run_warm("rotate", BASE, before="import time; time.sleep = lambda seconds: None")
    learn_keys(refreshed, user)

    assert result.code == 1
    assert "is still there" in result.errors[-1]
    assert len(user.access_keys) == 2
    assert refreshed.section(BASE)["aws_access_key_id"] == user.access_key_id


# --- Other keys and profiles.


def test_a_key_of_which_aws_does_not_tell_when_it_was_used(refreshed: Home, user: User) -> None:
    """It may be in use."""
    other = user.add_access_key()
    learn_keys(refreshed, user)
    user.deny("iam:GetAccessKeyLastUsed")

    result = refreshed.run_warm("rotate", BASE)

    assert 1 == result.code
    assert result.errors[0].endswith(f"****{other[-4:]}: AWS does not tell when it was used, and is active")


def test_the_other_key_is_not_deleted_under_another_profile(refreshed: Home, user: User) -> None:
    """Not even with --delete-other; and what the hint says does help."""
    other = user.add_access_key()
    learn_keys(refreshed, user)
    section = base_section(user, "second").replace(user.access_key_id, other)
    section = section.replace(user.secret_access_key, user.secrets[1])
    text = refreshed.credentials.read_text()
    refreshed.credentials.write_text(f"{text}\n{section}")

    result = refreshed.run_warm("rotate", BASE, "--delete-other")

    assert 1 == result.code
    assert (
        f"mfa-profiles: error: the user has two access keys, and AWS allows no third: {BASE} has "
        f"****{user.access_key_id[-4:]}, and the other is ****{other[-4:]}, which profile second has"
    ) == result.errors[0]
    assert (
        f"hint: put ****{user.access_key_id[-4:]} and its secret into second as well, then run "
        f"mfa-profiles rotate {BASE}"
    ) == result.errors[1]
    assert {user.access_key_id, other} == set(user.access_keys)
    refreshed.credentials.write_text(f"{text}\n{base_section(user, 'second')}")
    assert 0 == refreshed.run_warm("rotate", BASE, "--delete-other").code
    learn_keys(refreshed, user)
    assert user.arn == identity(refreshed) == identity(refreshed, "second")


def test_what_was_begun_under_one_name_is_finished_under_it(refreshed: Home, user: User, device: MFADevice) -> None:
    """And not begun again under another name of the same key; whether the old key stays was said before."""
    with refreshed.credentials.open("a") as file:
        file.write(f"\n{base_section(user, 'second')}")
    old = user.access_key_id
    user.deny("iam:UpdateAccessKey")
    assert 1 == refreshed.run_warm("rotate", BASE, "--keep-old").code
    user.allow("iam:UpdateAccessKey")
    learn_keys(refreshed, user)
    code = refreshed.code(device)

    refused = refreshed.run_warm("rotate", "second", "--token-code", code, "--delete-other")

    assert f"mfa-profiles: error: the access key of profile {BASE} is being replaced, which was interrupted" in (
        refused.errors
    )
    assert f"hint: mfa-profiles rotate {BASE} finishes it" == refused.errors[-1]
    assert 2 == len(user.access_keys)
    result = refreshed.run_warm("rotate", BASE)
    assert result.errors[-1].endswith(f"; ****{old[-4:]} is inactive")
    assert "Inactive" == user.access_keys[old]
    assert user.arn == identity(refreshed) == identity(refreshed, "second")


# --- Ctrl-C.


def test_an_interruption_at_the_question(base: Home, user: User, device: MFADevice) -> None:
    """It works though a session was written just before, and nothing is changed."""
    user.add_access_key()
    learn_keys(base, user)

    with Screen(base, ["rotate", BASE]) as screen:
        screen.wait_for("MFA code for")
        screen.type(device.code())  # which is echoed
        screen.wait_for("(y/N)")
        screen.child.sendintr()
        assert 130 == screen.end()

    assert 2 == len(user.access_keys)
    assert "Rotating" not in base.text(base.credentials)


def test_an_interruption_while_the_new_key_is_waited_for(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """It says how far it has come, and the next run goes on from there."""
    aws.delay_new_keys(3600)

    with Screen(refreshed, ["rotate", BASE], columns=200) as screen:
        screen.wait_for("AWS does not know the new access key yet")
        learn_keys(refreshed, user)
        screen.child.sendintr()
        assert 130 == screen.end()
        new = list(user.access_keys)[-1]
        told = (
            f"{BASE} has the new access key ****{new[-4:]}, and the old one is still there: "
            f"mfa-profiles rotate {BASE} goes on from here"
        )
        assert f"mfa-profiles: warning: {told}" in screen.text

    aws.delay_new_keys(0)
    finish(refreshed, user)


def test_an_interruption_while_the_new_key_is_made(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """It comes too late for the new key, which is stored, and in time for the old one, which stays."""
    with Screen(refreshed, ["rotate", BASE], columns=200) as screen:
        with aws.held("CreateAccessKey"):
            wait_until(lambda: "CreateAccessKey" in aws.actions)
            screen.child.sendintr()
            screen.wait_for("^C")
        assert 130 == screen.end()
        old, new = user.access_keys
        assert {old: "Active", new: "Active"} == user.access_keys
        told = (
            f"mfa-profiles: warning: {BASE} has the new access key ****{new[-4:]}, and the old one is still there: "
            f"mfa-profiles rotate {BASE} goes on from here"
        )
        assert f"{told}\nmfa-profiles: error: interrupted" in screen.text

    learn_keys(refreshed, user)
    assert new == refreshed.section(BASE)["aws_access_key_id"]
    finish(refreshed, user)


def test_an_interruption_that_is_meant_for_others(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """What runs in the background of a script is left alone by Ctrl-C, also while it writes."""
    [old] = user.access_keys

    with Screen(refreshed, ["-c", f"trap '' INT; exec {TOOL} rotate {BASE}"], program="/bin/sh") as screen:
        with aws.held("CreateAccessKey"):
            wait_until(lambda: "CreateAccessKey" in aws.actions)
            screen.child.sendintr()
            screen.wait_for("^C")
        assert 0 == screen.end()

    assert old not in user.access_keys


def test_an_error_says_more_than_an_interruption(refreshed: Home, aws: LocalAWS) -> None:
    """Of a key that was refused there is more to tell than that somebody had enough of waiting."""
    aws.faults.add(action="CreateAccessKey", refusal=(409, "LimitExceeded", "Cannot exceed quota."))
    before = refreshed.files()

    with Screen(refreshed, ["rotate", BASE], columns=200) as screen:
        with aws.held("CreateAccessKey"):
            wait_until(lambda: "CreateAccessKey" in aws.actions)
            screen.child.sendintr()
            screen.wait_for("^C")
        assert 1 == screen.end()
        assert "interrupted" not in screen.text

    assert before == refreshed.files()


def test_an_interruption_while_the_session_is_stored(base: Home, user: User, device: MFADevice) -> None:
    """The session is there, of which it tells; nothing is done to the keys."""
    learn_keys(base, user)
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    result = base.run_warm("rotate", BASE, env=env, before=INTERRUPT_AT_THE_WRITING)

    told = f"{DERIVED} is refreshed; the access key of {BASE} is as it was"
    assert (130, [told, "mfa-profiles: error: interrupted"]) == (result.code, result.errors)
    assert {user.access_key_id: "Active"} == user.access_keys
    assert "aws_session_token" in base.section(DERIVED)
