"""How hints write commands."""

import shlex
import subprocess

import pytest

from mfa_profiles.errors import shell_command, tool_command

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
    "!x",
    "-x",
    "--force",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_can_be_pasted_whatever_the_profile_is_called(name: str) -> None:
    command = tool_command("refresh", name, "--force")

    _, _, arguments = command.partition(" ")
    shell = ["sh", "-c", f"printf '%s\\0' {arguments}"]
    words = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]

    expected = [f"--profile={name}"] if name.startswith("-") else [name]
    assert words == ["refresh", *expected, "--force"]


def test_a_plain_name_is_not_quoted() -> None:
    assert tool_command("clear", "smce-veda") == "mfa-profiles clear smce-veda"


def test_a_path_is_quoted() -> None:
    assert shlex.split(shell_command("chmod", "600", "/a b/c")) == ["chmod", "600", "/a b/c"]
