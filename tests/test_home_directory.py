"""Paths with ``~`` where that stands for no directory."""

import os

import pytest

from tests.home import BASE, Home
from tests.local_aws import User
from tests.shared_files.faulty_places import as_user

NAMELESS = 4711
"""A user of whom the system knows nothing."""


@pytest.mark.parametrize(
    ("environment", "before", "error"),
    [
        ({"HOME": ""}, "", "~/.aws/credentials is in a home directory that is not known"),
        ({"HOME": "somewhere"}, "", "~/.aws/credentials is in a home directory that is not known"),
        ({"HOME": "~/x"}, "", "~/.aws/credentials is in a home directory that is not known"),
        ({"HOME": "$X/x"}, "", "~/.aws/credentials is in a home directory that is not known"),
        pytest.param(
            {},
            as_user(NAMELESS) + "os.environ.pop('HOME')\n",
            "~/.aws/credentials is in a home directory that is not known",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else"),
        ),
        (
            {"AWS_SHARED_CREDENTIALS_FILE": "~nobody-here/k"},
            "",
            "~nobody-here/k is in a home directory that is not known",
        ),
        ({"AWS_CONFIG_FILE": "~nobody-here"}, "", "~nobody-here is in a home directory that is not known"),
        ({"AWS_CONFIG_FILE": "${NOT_SET}/c"}, "", "${NOT_SET}/c begins with a variable that is not set"),
        ({"AWS_CONFIG_FILE": "$NOT_SET/c"}, "", "$NOT_SET/c begins with a variable that is not set"),
    ],
)
def test_a_home_directory_that_is_not_known(
    home: Home, user: User, environment: dict[str, str], before: str, error: str
) -> None:
    """Nothing is read from, or written to, a directory of that name in the working directory."""
    keys = f"Access key ID,Secret access key\n{user.access_key_id},{user.secret_access_key}\n"
    home.secrets.append(user.secret_access_key)

    for arguments in (
        ["setup", BASE, "--csv", "-", "--region", "us-west-2", "--no-refresh"],
        *(
            ["refresh", BASE],
            ["credential-process", BASE],
            ["export", BASE],
            ["status"],
            ["clear", "--all"],
            ["doctor"],
        ),
    ):
        result = home.run_warm(*arguments, stdin=keys, env=environment, before=before)

        assert (1, f"mfa-profiles: error: {error}") == (result.code, result.errors[0]), arguments
        assert result.errors[1].startswith("hint: set ")
    assert [] == [path.name for path in home.path.iterdir()]


@pytest.mark.parametrize("directory", ["~", "~nobody-here"])
def test_an_option_that_the_shell_has_not_expanded(base: Home, directory: str) -> None:
    (base.path / directory).mkdir()

    for option, arguments in (
        ("--output", ["export", BASE, "--format", "dotenv", "--output"]),
        ("--csv", ["setup", "other", "--csv"]),
        ("--secret-access-key-file", ["setup", "other", "--secret-access-key-file"]),
    ):
        result = base.run_warm(*arguments, f"{directory}/file")

        error = f"{option} {directory}/file begins with ~, which the shell has not replaced by a home directory"
        assert (2, f"mfa-profiles: error: {error}") == (result.code, result.errors[0])
    assert [] == list((base.path / directory).iterdir())
