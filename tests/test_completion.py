"""What a shell is told when TAB is pressed. Real shells press it in test_shells.py."""

import pytest

from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import User

NAMES = {BASE, DERIVED, "other", "production"}


@pytest.fixture
def named(home: Home, user: User) -> Home:
    """A home with profiles in both files."""
    home.write(
        base_section(user) + session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z"),
        "[profile production]\nrole_arn = arn:aws:iam::123456789012:role/x\n[profile other]\nregion = us-west-2\n",
    )
    return home


def complete(home: Home, *words: str) -> list[str]:
    """What our shell functions are told, whichever shell it is, for a command line whose last word is incomplete."""
    env = {
        "_MFA_PROFILES_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": " ".join(["mfa-profiles", *words]),
        "COLUMNS": "9999",
    }
    result = home.run(env=env)
    assert "" == result.stderr
    return [line.partition("\t")[0] for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize(
    "command",
    ["refresh", "devices", "status", "clear", "rotate", "doctor", "export", "exec", "credential-process"],
)
def test_each_command_completes_profile_names(named: Home, command: str) -> None:
    """Base and derived ones, of both files, and those that begin like what is typed."""
    assert NAMES == set(complete(named, command, ""))
    assert [BASE, DERIVED] == complete(named, command, "smce")
    assert [] == complete(named, command, "nothing-like-it")


@pytest.mark.parametrize("command", ["refresh", "status", "clear"])
def test_commands_of_several_profiles_go_on(named: Home, command: str) -> None:
    """After a first name there may be a second."""
    assert ["other"] == complete(named, command, BASE, "o")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", BASE, "--format", "en"], ["env", "env-no-export"]),
        (["export", BASE, "--by"], ["--by-profile"]),
        (["shell-init", ""], ["bash", "zsh", "fish"]),
        (["ex"], ["export", "exec"]),
    ],
)
def test_options_values_and_commands(named: Home, words: list[str], expected: list[str]) -> None:
    """Whatever has a fixed set of values."""
    assert expected == complete(named, *words)


def test_a_file_that_cannot_be_read_completes_nothing(home: Home) -> None:
    """A person who types hears nothing of it: the command itself will say."""
    home.write("no section\n")

    assert [] == complete(home, "refresh", "")


def test_nobody_has_files_yet(home: Home) -> None:
    """No profile, and no error."""
    assert [] == complete(home, "refresh", "")


@pytest.mark.parametrize("env", [{}, {"COMP_WORDS": "mfa-profiles", "COMP_CWORD": "x"}])
def test_a_question_that_makes_no_sense_is_not_answered(home: Home, env: dict[str, str]) -> None:
    """A person who presses TAB hears nothing of that either."""
    result = home.run(env={"_MFA_PROFILES_COMPLETE": "complete_bash", **env})

    assert (1, "", "") == (result.code, result.stdout, result.stderr)
