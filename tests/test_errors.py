"""How hints write commands."""

import re
import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mfa_profiles
from mfa_profiles import errors, sessions
from mfa_profiles.errors import assignment, aws_command, set_clock_command, shell_command, tool_command
from mfa_profiles.sessions import Origin
from tests.home import Home, Result, base_section
from tests.local_aws import MFADevice, User
from tests.programs import skip_without

NAMES = (
    "work",
    "my profile",
    "it's",
    "$HOME",
    "a;b",
    "`id`",
    "~",
    "*",
    "a\\b",
    'a"b',
    "naïve",
    "#x",
    "=ls",
    "!x",
    "-x",
    "--force",
)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("name", NAMES)
def test_a_command_can_be_pasted_whatever_the_profile_is_called(name: str, shell: str) -> None:
    _, _, arguments = tool_command("refresh", name, "--force").partition(" ")

    expected = [f"--profile={name}"] if name.startswith("-") else [name]
    assert printed(shell, f"printf '%s\\0' {arguments}") == ["refresh", *expected, "--force"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_can_be_pasted_whatever_the_value_is(name: str, shell: str) -> None:
    command = f"export {assignment('AWS_PROFILE', name)}"

    assert printed(shell, f"{command}; printf '%s\\0' \"$AWS_PROFILE\"") == [name]


def printed(shell: str, script: str) -> list[str]:
    """Run a script, and return the words that it prints, each with a NUL at its end."""
    done = subprocess.run([skip_without(shell), "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


def test_a_plain_name_is_not_quoted() -> None:
    assert tool_command("clear", "smce-veda") == "mfa-profiles clear smce-veda"


def test_a_path_is_quoted() -> None:
    assert shlex.split(shell_command("chmod", "600", "/a b/c")) == ["chmod", "600", "/a b/c"]


@pytest.mark.parametrize("name", ["work", "my profile", "-x"])
def test_a_command_of_the_aws_cli_names_the_profile(name: str) -> None:
    named = [f"--profile={name}"] if name.startswith("-") else ["--profile", name]
    assert shlex.split(aws_command("sso", "login", profile=name)) == ["aws", "sso", "login", *named]


@pytest.mark.parametrize(
    ("platform", "command"),
    [("linux", "timedatectl set-ntp true"), ("darwin", "sudo sntp -sS time.apple.com")],
)
def test_each_system_has_a_command_that_sets_the_clock(platform: str, command: str) -> None:
    assert set_clock_command(platform) == command


def test_no_other_module_writes_the_name_of_a_profile_into_a_command() -> None:
    package = Path(mfa_profiles.__file__).parent
    by_hand = re.compile(r"(mfa-profiles (refresh|rotate|setup|clear|doctor|status|export)|--profile|aws_env) ?\{")

    found = [
        f"{path.relative_to(package)}:{number}"
        for path in package.rglob("*.py")
        if path != Path(errors.__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if by_hand.search(line)
    ]

    assert found == []


# --- The hints of the real tool, for profiles with odd names.

LATER = datetime(2100, 1, 1, tzinfo=UTC)
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)
SSO = (
    "sso_start_url = https://example.awsapps.com/start\nsso_region = us-west-2\n"
    "sso_account_id = 123456789012\nsso_role_name = admin\n"
)
ROLE = "arn:aws:iam::123456789012:role/admin"


class Scene:
    """A home with a profile of some name, and a session in the derived profile."""

    def __init__(self, home: Home, user: User, device: MFADevice, name: str) -> None:
        self.home = home
        self.user = user
        self.device = device
        self.name = name
        self.derived = f"{name}-mfa"
        self.named = self.words_for(name)

    @staticmethod
    def words_for(name: str) -> list[str]:
        """Return the words by which a command line names a profile."""
        return [f"--profile={name}"] if name.startswith("-") else [name]

    def write(self, *, ends: datetime | None = None, settings: str = "", comment: str = "", more: str = "") -> None:
        """Write both files; with a session if it ``ends``."""
        self.home.secrets.append(self.user.secret_access_key)
        text = base_section(self.user, self.name).replace("]\n", f"]\n{comment}", 1)
        if ends is not None:
            text += (
                f"[{self.derived}]\n{sessions.expiration_comment(ends, Origin(self.name))}\n"
                "aws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/a/session\n"
                f"aws_session_token = token/of/a/session==\nx_security_token_expires = {ends.isoformat()}\n"
            )
        config = f"[profile {shlex.quote(self.name)}]\nregion = us-west-2\n{settings}{more}"
        self.home.write(text, config)

    def run(self, command: str, *options: str, **env: str) -> Result:
        """Run a command for the profile."""
        return self.home.run_warm(command, *self.named, *options, env=env)


def no_profiles(scene: Scene) -> tuple[Result, list[str]]:
    return scene.run("refresh"), [shell_command("mfa-profiles", "setup", *scene.named)]


def illegal_derived_name(scene: Scene) -> tuple[Result, list[str]]:
    scene.write()
    return scene.run("refresh", "--to", "no name"), [
        shell_command("mfa-profiles", "refresh", *scene.named, "--to", "NAME")
    ]


def role_without_keys(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(more=f"[profile admin]\nrole_arn = {ROLE}\nsource_profile = {scene.name}\n")
    return scene.home.run_warm("rotate", "admin"), [shell_command("mfa-profiles", "rotate", *scene.named)]


def ended_session(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(ends=EARLIER)
    derived = scene.words_for(scene.derived)
    expected = [shell_command("mfa-profiles", command, *derived) for command in ("refresh", "clear")]
    return scene.run("doctor", "--offline"), expected


def unfinished_rotation(scene: Scene) -> tuple[Result, list[str]]:
    key = scene.user.access_key_id
    scene.write(comment=f"# Rotating access key {key} since 2026-01-01T00:00:00Z (mfa-profiles: rotate again)\n")
    return scene.run("doctor", "--offline"), [shell_command("mfa-profiles", "rotate", *scene.named)]


def repairable_files(scene: Scene) -> tuple[Result, list[str]]:
    scene.write()
    scene.home.credentials.chmod(0o644)
    expected = [
        shell_command("mfa-profiles", "doctor", *scene.named, "--offline", "--fix"),
        shell_command("chmod", "600", str(scene.home.credentials)),
    ]
    return scene.run("doctor", "--offline"), expected


def terminal_with_the_base_profile(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(ends=LATER)
    result = scene.home.run_warm("doctor", "--offline", env={"AWS_PROFILE": scene.name})
    return result, [f"export {assignment('AWS_PROFILE', scene.derived)} uses"]


def terminal_of_an_earlier_session(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(ends=LATER)
    env = {"AWS_PROFILE": scene.derived, "AWS_CREDENTIAL_EXPIRATION": "2098-12-31T23:00:00Z"}
    end_of_options = ["--"] if scene.name.startswith("-") else []
    return scene.home.run_warm("doctor", "--offline", env=env), [
        shell_command("aws_env", *end_of_options, scene.name)
    ]


def unknown_session(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(ends=LATER)
    command = shell_command("mfa-profiles", "refresh", *scene.words_for(scene.derived), "--force")
    return scene.run("status", "--verify"), [command]


def ended_sso_session(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(settings=SSO, more=f"[profile admin]\nrole_arn = {ROLE}\nsource_profile = {scene.name}\n")
    scene.home.credentials.write_text("")
    named = scene.named if scene.name.startswith("-") else ["--profile", scene.name]
    return scene.home.run_warm("refresh", "admin"), [shell_command("aws", "sso", "login", *named)]


def refused_setting(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(settings="defaults_mode = nonsense\n")
    named = scene.named if scene.name.startswith("-") else ["--profile", scene.name]
    return scene.run("devices"), [shell_command("aws", "sts", "get-caller-identity", *named)]


def two_access_keys(scene: Scene) -> tuple[Result, list[str]]:
    scene.write(ends=EARLIER, settings=f"mfa_serial = {scene.device.serial_number}\n")
    refreshed = scene.run("refresh", "--token-code", scene.home.code(scene.device))
    assert refreshed.code == 0, refreshed.stderr
    scene.user.add_access_key()
    return scene.run("rotate"), [shell_command("mfa-profiles", "rotate", *scene.named, "--delete-other")]


@pytest.mark.parametrize("name", ["work", "my profile", "it's", "$HOME", "-x", "a;b"])
@pytest.mark.parametrize(
    "provoke",
    [
        no_profiles,
        illegal_derived_name,
        role_without_keys,
        ended_session,
        unfinished_rotation,
        repairable_files,
        terminal_with_the_base_profile,
        terminal_of_an_earlier_session,
        unknown_session,
        ended_sso_session,
        refused_setting,
        two_access_keys,
    ],
)
def test_hints_name_the_profile_so_that_they_can_be_pasted(
    provoke: Callable[[Scene], tuple[Result, list[str]]], name: str, home: Home, user: User, device: MFADevice
) -> None:
    result, commands = provoke(Scene(home, user, device, name))

    text = result.stdout + result.stderr
    assert [command for command in commands if command not in text] == [], text


@pytest.mark.parametrize("directory", ["my files", "it's", "`id`", "a;b"])
def test_hints_name_files_so_that_they_can_be_pasted(home: Home, user: User, directory: str) -> None:
    path = home.path / directory / "credentials"
    path.parent.mkdir()
    path.write_text(base_section(user))
    path.chmod(0o644)

    result = home.run_warm("doctor", "--offline", env={"AWS_SHARED_CREDENTIALS_FILE": str(path)})

    assert shell_command("chmod", "600", str(path)) in result.stdout
