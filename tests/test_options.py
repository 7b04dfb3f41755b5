"""Options that commands share."""

import re

import pytest

from tests.home import BASE, DERIVED, TOOL, Home, session_section


@pytest.mark.parametrize("command", ["status", "credential-process", "clear"])
def test_the_profile_may_be_named_as_the_aws_cli_has_it(home: Home, command: str) -> None:
    """Also with =, for commands that take one profile or several; what they say is the same."""
    section = session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z")

    def said(*arguments: str) -> tuple[int, str, str]:
        home.write(f"[{BASE}]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n{section}")
        result = home.run(command, *arguments, prints_secrets=command == "credential-process")
        return result.code, re.sub(r"\t\d+\t", "\tseconds\t", result.stdout), result.stderr

    usual = said(BASE)

    assert 0 == usual[0]
    assert usual == said("--profile", BASE) == said(f"--profile={BASE}")


def test_several_profiles(home: Home) -> None:
    """Are named one after the other."""
    home.write("".join(session_section(name, expires="2099-01-01T00:00:00Z") for name in ("a", "b", "c")))

    result = home.run("status", "--profile", "a", "--profile", "c")

    assert ["a", "c"] == [line.partition("\t")[0] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "arguments",
    ["status a --profile b", "export a --profile a", "export --profile a --profile b"],
)
def test_a_profile_that_is_named_twice(home: Home, arguments: str) -> None:
    """Nobody has to guess which one counts."""
    result = home.run(*arguments.split())

    hint = f"hint: mfa-profiles {arguments.split()[0]} --help"
    assert (2, ["mfa-profiles: error: the profile is named twice", hint]) == (result.code, result.errors)


def test_an_empty_profile_is_one(home: Home) -> None:
    """As of a variable that is not set: it does not give way to another."""
    home.write(session_section("a", expires="2099-01-01T00:00:00Z"))

    result = home.run("export", "", "--profile", "a")

    assert (2, "mfa-profiles: error: the profile is named twice") == (result.code, result.errors[0])


def test_a_command_that_is_taken_for_the_profile(home: Home) -> None:
    """Who names the profile by the option may not expect it to be looked for behind."""
    result = home.run("exec", "--profile", "a", "echo", "hi")

    hints = ["hint: with --profile, the command goes behind --", "hint: mfa-profiles exec --help"]
    assert (2, ["mfa-profiles: error: the profile is named twice", *hints]) == (result.code, result.errors)


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        ("refresh --all a", "--all cannot be combined with profile names", "leave out one of them"),
        ("clear --all a", "--all cannot be combined with profile names", "leave out one of them"),
        ("status --watch --json", "--watch cannot be combined with --json", "leave out one of them"),
        ("status --watch --verify", "--watch cannot be combined with --verify", "leave out one of them"),
        ("export a --output b", "--output is for --format dotenv", "add --format dotenv"),
    ],
)
def test_options_that_do_not_go_together(home: Home, arguments: str, sentence: str, hint: str) -> None:
    """No value of theirs is wrong, and what to do is said."""
    result = home.run(*arguments.split())

    assert (2, [f"mfa-profiles: error: {sentence}", f"hint: {hint}"]) == (result.code, result.errors)


def test_a_command_behind_a_profile_that_is_named_so(home: Home) -> None:
    """Its own options are left alone."""
    home.write(session_section("a", expires="2099-01-01T00:00:00Z"))

    result = home.run("-c", f"{TOOL} exec --profile a -- printf '%s ' --profile x --help", program="/bin/sh")

    assert (0, "--profile x --help ") == (result.code, result.stdout)


@pytest.mark.parametrize("time", ["1h30", "1m30", "30m15", "", "h", "1.5h", "-900"])
def test_times_that_may_mean_another(home: Home, time: str) -> None:
    """Seconds without their letter stand alone: nobody has to guess what the 30 of 1h30 are."""
    result = home.run("status", f"--min-remaining={time}")

    sentence = "invalid value for '--min-remaining': write it in seconds or like 12h, 45m, 1h30m"
    assert (2, f"mfa-profiles: error: {sentence}") == (result.code, result.errors[0])
