"""The profile that commands use if none is named: AWS_PROFILE, else AWS_DEFAULT_PROFILE, else default."""

import sys

import pytest

from tests.home import Home, session_section

DIFFER = (
    "mfa-profiles: warning: AWS_PROFILE is one and AWS_DEFAULT_PROFILE is two: boto3 and version 1 of the AWS CLI "
    "use the latter, version 2 and most other SDKs the former",
    "hint: unset AWS_DEFAULT_PROFILE",
)
TOKENS = {name: f"token/of/{name}/session==" for name in ("one", "two", "default")}


@pytest.fixture
def three(home: Home) -> Home:
    """A home with sessions of three base profiles."""
    sections = [
        f"[{name}]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/{name}\n"
        + session_section(f"{name}-mfa", source=name, expires="2099-01-01T00:00:00Z").replace(
            "token/of/a/", f"token/of/{name}/"
        )
        for name in TOKENS
    ]
    home.write("".join(sections), "")
    return home


@pytest.mark.parametrize(
    ("env", "profile", "errors"),
    [
        ({}, "default", ()),
        ({"AWS_PROFILE": "one"}, "one", ()),
        ({"AWS_DEFAULT_PROFILE": "two"}, "two", ()),
        ({"AWS_PROFILE": "one", "AWS_DEFAULT_PROFILE": "one"}, "one", ()),
        ({"AWS_PROFILE": "one", "AWS_DEFAULT_PROFILE": "two"}, "one", DIFFER),
    ],
)
@pytest.mark.parametrize(
    ("command", "after"),
    [("export", ("--by-profile",)), ("refresh", ()), ("credential-process", ()), ("session", ())],
)
def test_the_profile_of_the_environment(
    three: Home,
    command: str,
    after: tuple[str, ...],
    env: dict[str, str],
    profile: str,
    errors: tuple[str, ...],
) -> None:
    if command == "session":
        script = "import mfa_profiles; print(mfa_profiles.session().profile_name)"
        result = three.run("-c", script, program=sys.executable, env=env)
        errors = tuple(error.removeprefix("mfa-profiles: warning: ") for error in errors)
    else:
        result = three.run(command, *after, env=env, prints_secrets=True)

    assert result.code == 0
    printed = three.masked(TOKENS[profile]) if command == "credential-process" else f"{profile}-mfa"
    assert printed in (result.stderr if command == "refresh" else result.stdout)
    assert [line for line in result.errors if "-mfa" not in line or "mfa-profiles" in line] == list(errors)


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({"AWS_PROFILE": ""}, "AWS_PROFILE is"),
        ({"AWS_DEFAULT_PROFILE": " "}, "AWS_DEFAULT_PROFILE is"),
        ({"AWS_PROFILE": "one", "AWS_DEFAULT_PROFILE": ""}, "AWS_DEFAULT_PROFILE is"),
        ({"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "two"}, "AWS_PROFILE is"),
        ({"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": ""}, "AWS_PROFILE and AWS_DEFAULT_PROFILE are"),
    ],
)
@pytest.mark.parametrize("command", ["refresh", "clear", "credential-process", "export", "rotate"])
def test_a_variable_that_is_set_to_nothing(three: Home, command: str, env: dict[str, str], names: str) -> None:
    files = three.files()

    result = three.run_warm(command, env=env)

    assert result.code == 1
    assert result.stdout == ""
    assert result.errors == [
        f"mfa-profiles: error: {names} set to nothing: boto3 and the AWS CLI look for a profile without a name",
        f"hint: unset {' '.join(name for name in env if not env[name].strip())}",
    ]
    assert three.files() == files


@pytest.mark.parametrize("env", [{"AWS_PROFILE": ""}, {"AWS_PROFILE": "one", "AWS_DEFAULT_PROFILE": "two"}])
def test_with_a_name_the_variables_do_not_matter(three: Home, env: dict[str, str]) -> None:
    result = three.run_warm("export", "default", "--by-profile", env=env)

    assert (result.code, result.stderr) == (0, "")
