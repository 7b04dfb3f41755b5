"""The one-hour limit: AWS allows a role that is assumed with temporary credentials one hour, and no more."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.home import BASE, Home, base_section
from tests.local_aws import LocalAWS, MFADevice, User

CODE = "--token-code"
FOUR_HOURS = "duration_seconds = 14400\n"
OF_THE_SOURCE = ("GetSessionToken", 43200, True)
LIMITED = ("AssumeRole", 3600, False)
DIRECT = ("AssumeRole", 14400, True)
REASON = "after one hour: AWS allows no more for a role that is assumed with temporary credentials"
TO_DO = "for a longer session, run in a terminal: mfa-profiles refresh"


@dataclass
class Scene:
    """A user with a base profile, a role of up to four hours, and other roles behind both."""

    home: Home
    aws: LocalAWS
    user: User
    device: MFADevice

    def add_role(
        self, name: str, settings: str = FOUR_HOURS, *, source: str = BASE, asks_for_mfa: bool = True
    ) -> None:
        """Add a role profile, and its role at AWS."""
        role = self.aws.create_role(name, require_mfa=asks_for_mfa, max_session_duration=14400)
        self.home.add_role(name, role.arn, settings, source=source)

    def refresh_source(self) -> None:
        """Get the MFA session of the base profile, so that roles need no code."""
        assert self.home.run_warm("refresh", BASE, CODE, self.home.code(self.device)).code == 0
        self.aws.requests.clear()

    @property
    def calls(self) -> list[tuple[str, int, bool]]:
        """What AWS was asked for: the action, the seconds, and whether a code was used for it."""
        return [
            (request.action, int(request.parameters["DurationSeconds"]), "SerialNumber" in request.parameters)
            for request in self.aws.requests
        ]


@pytest.fixture
def scene(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> Scene:
    """A scene with the role ``admin``, whose profile asks for four hours."""
    scene = Scene(base, aws, user, device)
    scene.add_role("admin")
    return scene


def test_a_role_of_more_than_an_hour_takes_a_code_of_its_own(scene: Scene) -> None:
    """The session of its source is neither used nor needed."""
    result = scene.home.run_warm("refresh", "admin", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [DIRECT])
    assert scene.aws.requests[0].access_key_id == scene.user.access_key_id
    assert "admin-mfa is valid until" in result.errors[-1]
    assert len(result.errors) == 1
    assert f"{BASE}-mfa" not in scene.home.text(scene.home.credentials)


def test_the_session_of_the_source_stays_as_it_was(scene: Scene) -> None:
    scene.refresh_source()
    before = scene.home.section(f"{BASE}-mfa")

    result = scene.home.run_warm("refresh", "admin", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [DIRECT])
    assert scene.home.section(f"{BASE}-mfa") == before


@pytest.mark.parametrize(
    ("settings", "options", "call"),
    [
        ("", [], ("AssumeRole", 3600, False)),
        ("duration_seconds = 3600\n", [], ("AssumeRole", 3600, False)),
        ("duration_seconds = 3601\n", [], ("AssumeRole", 3601, True)),
        ("", ["--duration-seconds", "2h"], ("AssumeRole", 7200, True)),
        (FOUR_HOURS, ["--duration-seconds", "2h"], ("AssumeRole", 7200, True)),
        (FOUR_HOURS, ["--duration-seconds", "1h"], ("AssumeRole", 3600, False)),
        (FOUR_HOURS, ["--duration-seconds", "15m"], ("AssumeRole", 900, False)),
    ],
)
def test_only_more_than_an_hour_takes_a_code(
    scene: Scene, settings: str, options: list[str], call: tuple[str, int, bool]
) -> None:
    scene.refresh_source()
    scene.add_role("other", settings)

    result = scene.home.run_warm("refresh", "other", CODE, scene.home.code(scene.device), *options)

    assert (result.code, scene.calls) == (0, [call])
    assert REASON not in result.stderr


def test_without_a_way_to_get_a_code_the_role_gets_an_hour(scene: Scene) -> None:
    scene.refresh_source()

    result = scene.home.run_warm("refresh", "admin")

    assert (result.code, scene.calls) == (0, [LIMITED])
    assert result.errors[0] == f"admin-mfa ends {REASON}; {TO_DO} admin --force"


def test_without_a_way_to_get_a_code_for_the_source_either_it_ends_with_5(scene: Scene) -> None:
    result = scene.home.run_warm("refresh", "admin")

    assert (result.code, scene.calls) == (5, [])


def test_the_command_in_the_note_gets_the_longer_session(scene: Scene) -> None:
    scene.refresh_source()
    note = scene.home.run_warm("refresh", "admin", "--duration-seconds", "3h").errors[0]
    scene.aws.requests.clear()

    _, *arguments = note.rpartition("mfa-profiles ")[2].split()
    result = scene.home.run_warm("refresh", *arguments, CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [("AssumeRole", 10800, True)])


@pytest.mark.parametrize("where", ["admin", BASE])
def test_mfa_process_is_a_way_to_get_a_code(scene: Scene, where: str) -> None:
    """That of the role profile, or that of its source."""
    scene.refresh_source()
    code = scene.home.path / "code"
    code.write_text(scene.home.code(scene.device))
    config = scene.home.config.read_text()
    scene.home.config.write_text(
        config.replace(f"[profile {where}]\n", f"[profile {where}]\nmfa_process = cat {code}\n")
    )

    result = scene.home.run_warm("refresh", "admin")

    assert (result.code, scene.calls) == (0, [DIRECT])


def test_the_variable_is_a_way_to_get_a_code(scene: Scene) -> None:
    scene.refresh_source()

    result = scene.home.run_warm("refresh", "admin", env={"MFA_PROFILES_TOKEN_CODE": scene.home.code(scene.device)})

    assert (result.code, scene.calls) == (0, [DIRECT])


@pytest.mark.parametrize("arguments", [["admin", "other"], ["--all"], ["admin", "admin", "other"]])
def test_several_profiles_share_the_session(scene: Scene, arguments: list[str]) -> None:
    """A code for each would have to be typed one after the other."""
    scene.add_role("other")

    result = scene.home.run_warm("refresh", *arguments, CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [OF_THE_SOURCE, LIMITED, LIMITED])
    assert result.errors[0] == f"admin-mfa, other-mfa end {REASON}; {TO_DO} NAME --force"
    assert result.stderr.count(REASON) == 1


def test_no_command_is_offered_that_aws_would_refuse(scene: Scene) -> None:
    scene.add_role("other")
    scene.refresh_source()

    result = scene.home.run_warm("refresh", "admin", "other", "--duration-seconds", "13h")

    assert (result.code, scene.calls) == (0, [LIMITED, LIMITED])
    assert result.errors[0] == f"admin-mfa, other-mfa end {REASON}"


def test_the_same_profile_named_twice_is_one(scene: Scene) -> None:
    result = scene.home.run_warm("refresh", "admin", "admin-mfa", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [DIRECT])


@pytest.mark.parametrize(
    "arguments", [["export", "admin"], ["exec", "admin", "--", "true"], ["credential-process", "admin"]]
)
def test_what_hands_out_credentials_takes_no_code_for_a_longer_session(scene: Scene, arguments: list[str]) -> None:
    """Even if a code is at hand: it renews itself each hour without one."""
    scene.refresh_source()

    result = scene.home.run(
        *arguments, prints_secrets=True, env={"MFA_PROFILES_TOKEN_CODE": scene.home.code(scene.device)}
    )

    assert (result.code, scene.calls) == (0, [LIMITED])
    assert f"admin-mfa ends {REASON}; {TO_DO} admin --force" in result.errors


def test_a_python_session_takes_no_code_for_a_longer_session(scene: Scene) -> None:
    scene.refresh_source()
    program = 'import mfa_profiles; mfa_profiles.session("admin", token_code=lambda: 1 / 0)'

    result = scene.home.run("-c", program, program="python")

    assert (result.code, scene.calls) == (0, [LIMITED])
    assert f"admin-mfa ends {REASON}; {TO_DO} admin --force" in result.errors


def test_a_longer_session_is_handed_out_while_it_is_valid(scene: Scene) -> None:
    scene.home.run_warm("refresh", "admin", CODE, scene.home.code(scene.device))
    scene.aws.requests.clear()

    result = scene.home.run("export", "admin", prints_secrets=True)

    assert (result.code, scene.calls, result.stderr) == (0, [], "")


def test_a_chain_of_roles_is_limited_and_no_command_is_offered(scene: Scene) -> None:
    """No code helps: the second role is assumed with the session of the first."""
    scene.add_role("second", source="admin", asks_for_mfa=False)

    result = scene.home.run_warm("refresh", "second", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [OF_THE_SOURCE, LIMITED, LIMITED])
    assert result.errors[0] == f"second-mfa ends {REASON}"


def test_a_role_profile_with_keys_of_its_own_gets_what_it_asks_for(
    home: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """Its keys are long-term ones."""
    scene = Scene(home, aws, user, device)
    role = aws.create_role("admin", require_mfa=True, max_session_duration=14400)
    home.secrets.append(user.secret_access_key)
    settings = f"role_arn = {role.arn}\nsource_profile = {BASE}\nmfa_serial = {device.serial_number}\n{FOUR_HOURS}"
    home.write(base_section(user), f"[profile {BASE}]\n{settings}")

    result = home.run_warm("refresh", BASE, CODE, home.code(device))

    assert (result.code, scene.calls) == (0, [DIRECT])


def long_term_keys(scene: Scene) -> dict[str, str]:
    """The keys of the user."""
    return {"AWS_ACCESS_KEY_ID": scene.user.access_key_id, "AWS_SECRET_ACCESS_KEY": scene.user.secret_access_key}


def session_keys(scene: Scene) -> dict[str, str]:
    """The keys of the user's MFA session."""
    scene.refresh_source()
    parser = scene.home.parsed_credentials()[f"{BASE}-mfa"]
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return {name.upper(): parser[name] for name in names}


@pytest.mark.parametrize(("keys", "call"), [(long_term_keys, ("AssumeRole", 14400, False)), (session_keys, LIMITED)])
def test_keys_of_the_environment_are_limited_if_they_are_temporary(
    scene: Scene, keys: Callable[[Scene], dict[str, str]], call: tuple[str, int, bool]
) -> None:
    variables = keys(scene)
    role = scene.aws.create_role("env", max_session_duration=14400)
    with scene.home.config.open("a") as config:
        config.write(f"[profile env]\nrole_arn = {role.arn}\ncredential_source = Environment\n{FOUR_HOURS}")

    result = scene.home.run_warm("refresh", "env", env=variables)

    assert (result.code, scene.calls) == (0, [call])
    assert (REASON in result.stderr) == (call == LIMITED)
    assert TO_DO not in result.stderr


@pytest.mark.parametrize("keys", [long_term_keys, session_keys])
def test_keys_of_a_credential_process(scene: Scene, keys: Callable[[Scene], dict[str, str]]) -> None:
    """A password manager's long-term keys take a code; a session that a command prints is limited."""
    variables = keys(scene)
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    printed = {"Version": 1, **dict(zip(names, variables.values(), strict=False))}
    (scene.home.path / "keys").write_text(json.dumps(printed))
    has_session = keys is session_keys
    device = "" if has_session else f"mfa_serial = {scene.device.serial_number}\n"
    with scene.home.config.open("a") as config:
        config.write(
            f"\n[profile vault]\nregion = us-west-2\ncredential_process = cat {scene.home.path}/keys\n{device}"
        )
    scene.add_role("far", source="vault")

    result = scene.home.run_warm("refresh", "far", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (0, [LIMITED if has_session else DIRECT])


def test_a_role_that_allows_less_is_explained(scene: Scene) -> None:
    role = scene.aws.create_role("short", max_session_duration=7200)
    scene.home.add_role("short", role.arn, FOUR_HOURS)

    result = scene.home.run_warm("refresh", "short", CODE, scene.home.code(scene.device))

    assert result.code == 1
    assert f"mfa-profiles: error: {role.arn} allows no session of 14400 s" in result.errors
    assert any("7200 is the most" in line for line in result.errors)


def test_an_account_that_wants_mfa_for_the_call_itself_is_explained(scene: Scene) -> None:
    """The session of the source gets an hour, with the command of the hint."""
    scene.refresh_source()
    scene.user.deny_without_mfa()

    denied = scene.home.run_warm("refresh", "admin", CODE, scene.home.code(scene.device))
    [hint] = [line for line in denied.errors if "for one hour" in line]
    allowed = scene.home.run_warm(*hint.partition("mfa-profiles ")[2].split())

    assert (denied.code, allowed.code, scene.calls) == (1, 0, [DIRECT, LIMITED])
    assert "has no permission sts:AssumeRole" in denied.errors[0]


@pytest.mark.parametrize("seconds", ["43201", "36h"])
def test_more_than_aws_allows_for_any_role_is_refused_before_a_code_is_used(scene: Scene, seconds: str) -> None:
    result = scene.home.run_warm(
        "refresh", "admin", "--duration-seconds", seconds, CODE, scene.home.code(scene.device)
    )

    assert (result.code, scene.calls) == (2, [])
    assert result.errors[0] == "mfa-profiles: error: --duration-seconds: AWS allows at most 12h for a role"


@pytest.mark.parametrize("seconds", ["899", "43201", "0"])
def test_a_profile_that_asks_for_what_aws_never_allows_is_refused_before_a_code_is_used(
    scene: Scene, seconds: str
) -> None:
    scene.add_role("odd", f"duration_seconds = {seconds}\n")

    result = scene.home.run_warm("refresh", "odd", CODE, scene.home.code(scene.device))

    assert (result.code, scene.calls) == (1, [])
    assert result.errors[0] == "mfa-profiles: error: duration_seconds of profile odd is out of AWS's bounds"


@pytest.mark.parametrize("in_config", [True, False])
def test_the_device_is_found_as_for_the_source(
    home: Home, aws: LocalAWS, user: User, device: MFADevice, in_config: bool
) -> None:
    """``mfa_serial`` of the role profile, or what the session of the source remembers, without asking AWS."""
    home.add_base(user)
    scene = Scene(home, aws, user, device)
    code = home.code(device)
    first = home.run_warm("refresh", BASE, CODE, code, "--serial-number", device.serial_number)
    user.deny("iam:ListMFADevices")
    scene.add_role("admin", FOUR_HOURS + (f"mfa_serial = {device.serial_number}\n" if in_config else ""))
    aws.requests.clear()

    result = home.run_warm("refresh", "admin", CODE, home.code(device))

    assert (first.code, result.code, scene.calls) == (0, 0, [DIRECT])
