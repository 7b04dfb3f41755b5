"""refresh of role profiles: one code opens every role behind it, against a local AWS."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from tests.home import BASE, DERIVED, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, Request, User

ADMIN = "arn:aws:iam::123456789012:role/admin"


def assumed(aws: LocalAWS) -> list[Request]:
    """The requests for roles."""
    return [request for request in aws.requests if request.action == "AssumeRole"]


def who_am_i(home: Home, profile: str) -> str:
    """What AWS says of a derived profile."""
    program = f'import boto3; print(boto3.Session(profile_name="{profile}", region_name="us-west-2").client("sts")'
    result = home.run("-c", program + '.get_caller_identity()["Arn"])', program="python")
    assert 0 == result.code
    return result.stdout.strip()


def test_one_code_opens_the_role_and_its_source(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """Both derived profiles are written, and each says where it came from."""
    role = aws.create_role("admin", trusted=user.arn, require_mfa=True)
    base.add_role("admin", role.arn, "region = eu-west-1\n")

    result = base.run_warm("refresh", "admin", "--token-code", base.code(device))

    assert (0, ["GetSessionToken", "AssumeRole"]) == (result.code, aws.actions)
    assert [DERIVED, "admin-mfa"] == [line.split(" is valid until ")[0] for line in result.errors]
    fields = f"access_key_id {user.access_key_id}, mfa_serial {device.serial_number}, role_arn {ADMIN}"
    comment = f"(mfa-profiles: source_profile admin, {fields}, duration_seconds 3600)"
    assert comment in base.text(base.credentials)
    assert {"region": "eu-west-1"} == base.section("profile admin-mfa", base.config)
    assert "arn:aws:sts::123456789012:assumed-role/admin/mfa-profiles" == who_am_i(base, "admin-mfa")


def test_a_second_role_needs_no_code(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """While the session of the source lives, no terminal and no code is needed."""
    for name in ("admin", "reader"):
        base.add_role(name, aws.create_role(name, require_mfa=True).arn)
    base.run_warm("refresh", "admin", "--token-code", base.code(device))
    aws.requests.clear()

    second = base.run_warm("refresh", "reader")
    again = base.run_warm("refresh", "reader")

    assert (0, 0, ["AssumeRole"]) == (second.code, again.code, aws.actions)
    assert "reader-mfa is still valid until" in again.stderr


def test_what_a_role_profile_says_is_honoured(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """external_id, role_session_name, duration_seconds and region go into the request."""
    role = aws.create_role("admin", external_id="x-42", max_session_duration=7200)
    settings = "external_id = x-42\nrole_session_name = jane\nduration_seconds = 7200\nregion = eu-west-1\n"
    base.add_role("admin", role.arn, settings)

    base.run_warm("refresh", "admin", "--token-code", base.code(device))

    [request] = assumed(aws)
    expected = {"ExternalId": "x-42", "RoleSessionName": "jane", "DurationSeconds": "7200", "RoleArn": role.arn}
    assert expected == {key: request.parameters[key] for key in expected}
    assert "eu-west-1" == request.region
    left = datetime.fromisoformat(base.section("admin-mfa")["x_security_token_expires"]) - datetime.now(UTC)
    assert timedelta(hours=2) >= left > timedelta(hours=1, minutes=55)


def test_duration_seconds_of_the_command_counts_for_the_role_asked_for(
    base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """And not for the session of its source, which lives its 12 hours."""
    base.add_role("admin", aws.create_role("admin").arn)

    base.run_warm("refresh", "admin", "--duration-seconds", "20m", "--token-code", base.code(device))

    durations = [(request.action, request.parameters["DurationSeconds"]) for request in aws.requests]
    assert [("GetSessionToken", "43200"), ("AssumeRole", "1200")] == durations


def test_a_chain_of_roles(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Each role is assumed with the session of the one before."""
    first = aws.create_role("first", require_mfa=True)
    second = aws.create_role("second", trusted=first.arn)
    base.add_role("first", first.arn)
    base.add_role("second", second.arn, source="first")

    result = base.run_warm("refresh", "second", "--token-code", base.code(device))

    assert (0, ["GetSessionToken", "AssumeRole", "AssumeRole"]) == (result.code, aws.actions)
    assert "arn:aws:sts::123456789012:assumed-role/second/mfa-profiles" == who_am_i(base, "second-mfa")


def test_a_loop_is_shown(base: Home, aws: LocalAWS) -> None:
    """With the names on the way round, before anything is asked."""
    base.add_role("a", ADMIN, source="b")
    base.add_role("b", ADMIN, source="c")
    base.add_role("c", ADMIN, source="b")

    result = base.run_warm("refresh", "a")

    assert (1, []) == (result.code, aws.requests)
    assert "mfa-profiles: error: the source profiles go round in a circle: b -> c -> b" == result.errors[0]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("", "profile r has role_arn, but does not say whose credentials assume the role"),
        ("source_profile = nobody\n", "source_profile of profile r: there is no profile nobody"),
        (
            f"source_profile = {BASE}\ncredential_source = Environment\n",
            "profile r has both source_profile and credential_source",
        ),
        (
            f"source_profile = {BASE}\nduration_seconds = 1h\n",
            "duration_seconds of profile r is not a number of seconds",
        ),
        ("credential_source = Moon\n", "credential_source of profile r is not one that AWS knows"),
    ],
)
def test_a_role_profile_that_cannot_work(base: Home, settings: str, sentence: str) -> None:
    """What is wrong, and with which profile."""
    base.config.write_text(f"{base.config.read_text()}\n[profile r]\nrole_arn = {ADMIN}\n{settings}")

    result = base.run_warm("refresh", "r", "--token-code", "123456")

    assert (1, f"mfa-profiles: error: {sentence}") == (result.code, result.errors[0])
    assert result.errors[1].startswith("hint: ")


def test_the_device_of_the_role_serves_a_source_without_one(home: Home, aws: LocalAWS, user: User) -> None:
    """As people write it for the AWS CLI: mfa_serial beside role_arn, and none in the base profile."""
    device = user.add_virtual_device()
    user.deny("iam:ListMFADevices")
    home.add_base(user)
    home.add_role("admin", aws.create_role("admin", require_mfa=True).arn, f"mfa_serial = {device.serial_number}\n")

    result = home.run_warm("refresh", "admin", "--token-code", home.code(device))

    assert (0, ["GetSessionToken", "AssumeRole"]) == (result.code, aws.actions)


def test_the_derived_profile_may_be_the_source(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """So that the SDKs can follow the role themselves; the session of the same pair is meant."""
    base.add_role("admin", aws.create_role("admin", require_mfa=True).arn, source=DERIVED)
    base.config.write_text(base.config.read_text() + f"\n[profile {DERIVED}]\nregion = us-west-2\n")

    result = base.run_warm("refresh", "admin", "--token-code", base.code(device))

    assert (0, ["GetSessionToken", "AssumeRole"]) == (result.code, aws.actions)


def test_a_role_profile_with_keys_of_its_own(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """It is its own source: the code goes with AssumeRole, as there is no room for another session."""
    role = aws.create_role("admin", require_mfa=True)
    home.secrets.append(user.secret_access_key)
    settings = f"role_arn = {role.arn}\nsource_profile = {BASE}\nmfa_serial = {device.serial_number}\n"
    home.write(base_section(user), f"[profile {BASE}]\n{settings}")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (0, ["AssumeRole"]) == (result.code, aws.actions)
    assert "arn:aws:sts::123456789012:assumed-role/admin/mfa-profiles" == who_am_i(home, DERIVED)


def test_keys_of_the_environment_may_be_the_source(home: Home, aws: LocalAWS, user: User) -> None:
    """With credential_source = Environment, and only then."""
    role = aws.create_role("admin", trusted=user.arn)
    home.secrets.append(user.secret_access_key)
    home.write("", f"[profile admin]\nrole_arn = {role.arn}\ncredential_source = Environment\nregion = us-west-2\n")
    keys = {"AWS_ACCESS_KEY_ID": user.access_key_id, "AWS_SECRET_ACCESS_KEY": user.secret_access_key}

    result = home.run_warm("refresh", "admin", env=keys)
    without = home.run_warm("refresh", "admin", "--force")

    assert (0, 1) == (result.code, without.code)
    assert "mfa-profiles: error: the AWS SDK finds no credentials for profile admin" == without.errors[0]


def test_long_term_keys_may_come_from_a_credential_process(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """A password manager's, say: what botocore can resolve is used."""
    keys = {"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    home.secrets.append(user.secret_access_key)
    (home.path / "keys").write_text(json.dumps(keys))
    process = f"credential_process = cat {home.path}/keys\nmfa_serial = {device.serial_number}\n"
    home.write("", f"[profile {BASE}]\nregion = us-west-2\n{process}")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device))

    assert (0, ["GetSessionToken"]) == (result.code, aws.actions)
    assert user.arn == who_am_i(home, DERIVED)


def test_temporary_keys_of_a_credential_process_are_explained(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """They cannot call GetSessionToken; as the source of a role they do."""
    process = session_process(home, aws, user, device)
    home.write("", f"[profile sso]\nregion = us-west-2\n{process}")
    home.add_role("admin", aws.create_role("admin", require_mfa=True).arn, source="sso")

    session = home.run_warm("refresh", "sso", "--token-code", "123456")
    role = home.run_warm("refresh", "admin")

    assert (1, 0) == (session.code, role.code)
    assert "profile sso gets temporary credentials through credential_process" in session.errors[0]
    assert "admin-mfa" in role.errors[-1]


def session_process(home: Home, aws: LocalAWS, user: User, device: MFADevice) -> str:
    """A ``credential_process`` setting whose command prints an MFA session, and notes that it was run."""
    sts = boto3.client(
        "sts",
        endpoint_url=aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id=user.access_key_id,
        aws_secret_access_key=user.secret_access_key,
    )
    keys = sts.get_session_token(SerialNumber=device.serial_number, TokenCode=device.code())["Credentials"]
    sts.close()
    aws.requests.clear()
    home.secrets.extend([keys["SecretAccessKey"], keys["SessionToken"]])
    return credential_process(home, json.dumps({"Version": 1} | keys, default=str))


@pytest.mark.parametrize("serial_of", ["foo", "bar"])
@pytest.mark.parametrize("options", [(), ("--token-code", "123456"), ("--duration-seconds", "2h")])
def test_roles_are_assumed_with_the_mfa_session_of_a_credential_process(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, serial_of: str, options: tuple[str, ...]
) -> None:
    """No code is needed, also where mfa_serial says that there is a device, as aws-vault wants it."""
    serial = {serial_of: f"mfa_serial = {device.serial_number}\n"}
    process = session_process(home, aws, user, device)
    home.write("", f"[profile foo]\nregion = us-west-2\n{process}{serial.get('foo', '')}")
    home.add_role("bar", aws.create_role("bar", require_mfa=True).arn, serial.get("bar", ""), source="foo")
    home.add_role("baz", aws.create_role("baz", require_mfa=True).arn, source="foo")

    one = home.run_warm("refresh", "bar", *options)
    several = home.run_warm("refresh", "bar", "baz", "--force")

    assert (one.code, several.code, aws.actions) == (0, 0, ["AssumeRole"] * 3)
    assert "with a code of its own" not in one.stderr
    assert [name for name in ("foo-mfa", "bar-mfa", "baz-mfa") if f"[{name}]" in home.text(home.credentials)] == [
        "bar-mfa",
        "baz-mfa",
    ]
    assert (home.path / "runs").read_text() == "run\nrun\n"


@pytest.mark.parametrize("options", [(), ("--token-code", "123456")])
def test_the_mfa_session_of_a_credential_process_is_not_exchanged(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, options: tuple[str, ...]
) -> None:
    process = session_process(home, aws, user, device)
    home.write("", f"[profile foo]\nregion = us-west-2\n{process}mfa_serial = {device.serial_number}\n")
    home.add_role("bar", aws.create_role("bar", require_mfa=True).arn, source="foo")

    alone = home.run_warm("refresh", "foo", *options)
    both = home.run_warm("refresh", "foo", "bar", *options)

    expected = [
        "mfa-profiles: error: profile foo gets temporary credentials through credential_process, and AWS gives no "
        "MFA session for those",
        "hint: it works without one: AWS_PROFILE=foo; so do roles with source_profile = foo",
        "hint: for an MFA session, let it print long-term keys under [profile foo] (aws-vault: --no-session)",
    ]
    assert (alone.code, alone.errors) == (1, expected)
    assert (both.code, aws.actions) == (1, ["AssumeRole"])
    assert both.stderr.count("bar-mfa is valid until") == 1


def test_long_term_keys_of_a_credential_process_need_a_code(home: Home, aws: LocalAWS, user: User) -> None:
    """Exit 5, before AWS is asked for anything."""
    keys = {"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    home.secrets.append(user.secret_access_key)
    serial = "mfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n"
    home.write("", f"[profile foo]\n{credential_process(home, json.dumps(keys))}{serial}")
    home.add_role("bar", aws.create_role("bar").arn, source="foo")

    results = [home.run_warm("refresh", name) for name in ("foo", "bar")]

    assert [result.code for result in results] == [5, 5]
    assert aws.actions == []


ONLY_FOR_ROLES = "but no role_arn: AWS tools follow it for a role only"
ARN = "arn:aws:iam::123456789012:role/r005"


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        (
            f"source_profile = {BASE}\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n",
            f"profile shared has source_profile, {ONLY_FOR_ROLES}",
            f"write source_profile = {BASE} under [profile dev], or role_arn under [profile shared]",
        ),
        (
            "source_profile = shared\n",
            f"profile shared has source_profile, {ONLY_FOR_ROLES}",
            "write role_arn under [profile shared]",
        ),
        (
            f"source_profile = {BASE}\n{ARN}\n",
            f"profile shared has source_profile, {ONLY_FOR_ROLES}",
            "write role_arn = in front of the ARN under [profile shared]",
        ),
        (
            f"source_profile = {BASE}\nrole_arm = {ARN}\n",
            f"profile shared has source_profile, {ONLY_FOR_ROLES}",
            "write role_arn instead of role_arm under [profile shared]",
        ),
        (
            f"{ARN}\n",
            "profile shared has the ARN of a role, but no role_arn",
            "write role_arn = in front of the ARN under [profile shared]",
        ),
        (
            "credential_source = Environment\n",
            f"profile shared has credential_source, {ONLY_FOR_ROLES.replace('follow', 'use')}",
            "write role_arn under [profile shared]",
        ),
        (
            "web_identity_token_file = token\n",
            f"profile shared has web_identity_token_file, {ONLY_FOR_ROLES.replace('follow', 'use')}",
            "write role_arn under [profile shared]",
        ),
        (
            f"role_arn = {ARN}\nsso_session = s\nsso_account_id = 123456789012\n",
            "profile shared has role_arn and sso_session, but no source_profile: AWS tools use one of the two",
            "move sso_session and what belongs to it to another profile, and name that as source_profile under "
            "[profile shared]",
        ),
        (
            f"role_arn = {ARN}\nsource_profile = shared\n",
            "profile shared is its own source_profile, and has no keys",
            "name a profile with keys as source_profile under [profile shared]",
        ),
    ],
)
def test_a_part_of_a_role_is_explained(base: Home, aws: LocalAWS, settings: str, message: str, hint: str) -> None:
    """No code would help; doctor gives the same message."""
    with base.config.open("a") as config:
        config.write(f"[profile shared]\n{settings}")
    base.add_role("dev", ARN, source="shared")

    refreshed = base.run_warm("refresh", "dev")
    itself = base.run_warm("refresh", "shared", "--token-code", "123456")
    findings = json.loads(base.run_warm("doctor", "dev", "--offline", "--json").stdout)

    assert (refreshed.code, refreshed.errors[:2]) == (1, [f"mfa-profiles: error: {message}", f"hint: {hint}"])
    assert (itself.code, itself.errors[0]) == (1, f"mfa-profiles: error: {message}")
    assert [
        (finding["level"], finding["message"], finding["hints"][0])
        for finding in findings
        if finding["check"] == "roles"
    ] == [("problem", message, hint)]
    assert aws.actions == []


def test_without_a_code_for_the_source_it_ends_at_once(base: Home, aws: LocalAWS) -> None:
    """Exit 5, before AWS is asked for anything."""
    base.add_role("admin", ADMIN)

    result = base.run_warm("refresh", "admin")

    assert (5, []) == (result.code, aws.requests)


def test_a_source_that_is_not_ours_is_left_alone(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Not even with --force, which is meant for the role."""
    base.add_role("admin", aws.create_role("admin").arn)
    with base.credentials.open("a") as credentials:
        credentials.write(f"[{DERIVED}]\naws_access_key_id = ASIAX\naws_secret_access_key = s/x\n")
        credentials.write("aws_session_token = t/x\n")
    before = base.files()

    result = base.run_warm("refresh", "admin", "--force", "--token-code", base.code(device))

    assert (1, [], before) == (result.code, aws.requests, base.files())
    assert f"[{DERIVED}] in {base.credentials} holds a session that another tool wrote" in result.errors[0]


def test_no_code_is_spent_for_what_cannot_be_stored(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """The derived profile of the role holds long-term keys, so its source is not asked for either."""
    base.add_role("admin", aws.create_role("admin").arn)
    with base.credentials.open("a") as credentials:
        credentials.write("[admin-mfa]\naws_access_key_id = AKIAX\naws_secret_access_key = s/x\n")
    before = base.files()

    result = base.run_warm("refresh", "admin", "--token-code", base.code(device))

    assert (1, [], before) == (result.code, aws.requests, base.files())
    assert "[admin-mfa]" in result.errors[0]


def test_a_role_profile_with_the_name_of_a_derived_one_is_left_alone(
    base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """No session is put where the SDKs would follow the role, and so the role has no source to be assumed with."""
    base.add_role(DERIVED, aws.create_role("admin").arn)
    config = base.config.read_text()

    of_base = base.run_warm("refresh", BASE, "--token-code", base.code(device))
    of_role = base.run_warm("refresh", DERIVED, "--token-code", base.code(device))

    assert (1, 1) == (of_base.code, of_role.code)
    assert f"holds a way to other credentials (role_arn in {base.config})" in of_base.errors[0]
    assert ([], config) == (aws.requests, base.config.read_text())


@pytest.mark.parametrize("to", [BASE, DERIVED])
def test_to_does_not_overwrite_the_source(base: Home, aws: LocalAWS, device: MFADevice, to: str) -> None:
    """Neither its keys nor its session, whatever --force says."""
    base.add_role("admin", aws.create_role("admin").arn)
    before = base.files()

    result = base.run_warm("refresh", "admin", "--to", to, "--force", "--token-code", base.code(device))

    assert (2, [], before) == (result.code, aws.requests, base.files())
    assert f"--to {to} would overwrite what profile admin gets its session through" in result.errors[0]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_source_that_is_a_role_profile_with_keys(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, names: tuple[str, str]
) -> None:
    """Its derived profile holds its role's session; who is behind it uses the keys, in whichever order."""
    home.secrets.append(user.secret_access_key)
    role = f"role_arn = {aws.create_role('a', require_mfa=True).arn}\nsource_profile = a\n"
    home.write(base_section(user, "a"), f"[profile a]\n{role}mfa_serial = {device.serial_number}\n")
    home.add_role("b", aws.create_role("b", trusted=user.arn, require_mfa=True).arn, source="a")
    first = home.code(device)
    device.accept(first)
    second = home.code(device)
    device.spent.clear()

    result = home.run_warm("refresh", *names, "--token-code", "-", stdin=f"{first}\n{second}\n")

    assert (0, ["AssumeRole", "AssumeRole"]) == (result.code, aws.actions)
    for name in names:
        assert f"arn:aws:sts::123456789012:assumed-role/{name}/mfa-profiles" == who_am_i(home, f"{name}-mfa")


def test_one_code_does_not_serve_two_roles_that_need_one_each(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """It is said before it is spent."""
    settings = f"credential_source = Environment\nmfa_serial = {device.serial_number}\n"
    roles = (f"[profile {name}]\nrole_arn = {aws.create_role(name).arn}\n{settings}\n" for name in ("a", "b"))
    home.secrets.append(user.secret_access_key)
    home.write("", "".join(roles))
    keys = {"AWS_ACCESS_KEY_ID": user.access_key_id, "AWS_SECRET_ACCESS_KEY": user.secret_access_key}

    result = home.run_warm("refresh", "a", "b", "--token-code", home.code(device), env=keys)

    assert (2, []) == (result.code, aws.requests)
    assert "there is one token code, and these profiles need one each: a, b" in result.errors[0]


def test_another_role_arn_makes_another_session(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """However long the session of the role that was there before lives."""
    base.add_role("admin", aws.create_role("admin").arn)
    base.run_warm("refresh", "admin", "--token-code", base.code(device))
    base.config.write_text(base.config.read_text().replace(ADMIN, aws.create_role("reader").arn))

    result = base.run_warm("refresh", "admin")

    assert 0 == result.code
    assert "arn:aws:sts::123456789012:assumed-role/reader/mfa-profiles" == who_am_i(base, "admin-mfa")


def test_the_source_may_be_a_derived_profile_that_is_not_there_yet(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """As with aws-mfa, whose users have roles behind the short-term profile."""
    home.secrets.append(user.secret_access_key)
    home.write(
        base_section(user, "work-long-term"), f"[profile work-long-term]\nmfa_serial = {device.serial_number}\n"
    )
    home.add_role("admin", aws.create_role("admin", require_mfa=True).arn, source="work")

    result = home.run_warm("refresh", "admin", "--token-code", home.code(device))

    assert (0, ["GetSessionToken", "AssumeRole"]) == (result.code, aws.actions)
    assert "[work]" in home.text(home.credentials)


def test_a_source_that_was_refreshed_is_reported_when_its_role_fails(
    base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """The code was not for nothing: the session of the source is there."""
    base.add_role("admin", aws.create_role("admin", trusted=[]).arn)

    result = base.run_warm("refresh", "admin", "--token-code", base.code(device))

    assert 1 == result.code
    assert result.errors[0].startswith(f"{DERIVED} is valid until ")
    assert (
        f"mfa-profiles: error: profile {DERIVED} may not assume {ADMIN}, or there is no such role"
        == (result.errors[1])
    )


def credential_process(home: Home, text: str) -> str:
    """A setting whose command prints a text, and notes that it was run."""
    (home.path / "keys").write_text(text)
    program = home.path / "process"
    program.write_text(f"#!/bin/sh\necho run >>{home.path}/runs\ncat {home.path}/keys\n")
    program.chmod(0o700)
    return f"credential_process = {program}\n"


def test_a_credential_process_is_run_once(home: Home, aws: LocalAWS, user: User) -> None:
    """However many roles are behind it."""
    keys = {"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    home.secrets.append(user.secret_access_key)
    home.write("", f"[profile sso]\n{credential_process(home, json.dumps(keys))}")
    for name in ("a", "b", "c"):
        home.add_role(name, aws.create_role(name).arn, source="sso")

    result = home.run_warm("refresh", "a", "b", "c")

    assert (0, ["AssumeRole"] * 3) == (result.code, aws.actions)
    assert "run\n" == (home.path / "runs").read_text()


@pytest.mark.parametrize(
    "keys", ['"AccessKeyId": 5, "SecretAccessKey": [1]', r'"AccessKeyId": "a\nb", "SecretAccessKey": "c"']
)
def test_what_is_no_key_is_explained(home: Home, aws: LocalAWS, keys: str) -> None:
    """Whatever a command prints in place of keys."""
    process = credential_process(home, f'{{"Version": 1, {keys}}}')
    home.write("", f"[profile p]\n{process}mfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n")

    result = home.run_warm("refresh", "p", "--token-code", "123456")

    assert (1, []) == (result.code, aws.requests)
    assert (
        "mfa-profiles: error: what profile p gets as keys is none: they are of letters, digits and signs"
        == (result.errors[0])
    )


def test_aws_profile_does_not_keep_the_environment_from_being_the_source(
    home: Home, aws: LocalAWS, user: User
) -> None:
    """direnv sets it to the derived profile that is to be made."""
    role = aws.create_role("admin", trusted=user.arn)
    home.secrets.append(user.secret_access_key)
    home.write("", f"[profile admin]\nrole_arn = {role.arn}\ncredential_source = Environment\n")
    keys = {"AWS_ACCESS_KEY_ID": user.access_key_id, "AWS_SECRET_ACCESS_KEY": user.secret_access_key}

    result = home.run_warm("refresh", env={"AWS_PROFILE": "admin-mfa", **keys})

    assert (0, ["AssumeRole"]) == (result.code, aws.actions)


@pytest.mark.parametrize(
    "secret", ["AbcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]
)
@pytest.mark.parametrize("key", ["role_arn", "region"])
def test_a_secret_in_the_place_of_another_setting_is_not_shown(
    base: Home, device: MFADevice, key: str, secret: str
) -> None:
    """Nor sent anywhere as a part of a host name: the first could be one."""
    base.secrets.append(secret)
    values = {"role_arn": ADMIN, "source_profile": BASE, key: secret}
    settings = "".join(f"{name} = {value}\n" for name, value in values.items())
    base.config.write_text(f"{base.config.read_text()}\n[profile r]\n{settings}")

    for arguments in (
        ["refresh", "r", "--token-code", base.code(device)],
        ["doctor"],
        ["-v", "exec", "r", "--", "true"],
    ):
        assert base.run_warm(*arguments).code == 1
