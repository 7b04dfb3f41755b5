"""Profiles: which names belong together, and what the SDKs see."""

import botocore.session
import pytest
from hypothesis import assume, given

from mfa_profiles import ini
from mfa_profiles.errors import FileRefusedError, ProfileError
from mfa_profiles.profiles import Profiles, SharedPaths, config_profile_name, derived_name, shown
from tests.documents import Document, documents
from tests.home import TOOL, Home

KEYS = "aws_access_key_id = AKIA\naws_secret_access_key = s\n"
SESSION = "aws_access_key_id = ASIA\naws_secret_access_key = s\naws_session_token = t\n"


def profiles(credentials: str = "", config: str = "") -> Profiles:
    """Both files from their texts."""
    return Profiles(ini.parse(credentials.encode(), "credentials"), ini.parse(config.encode(), "config"))


def comment(source: str) -> str:
    """The comment that says where a session came from."""
    return f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile {source})\n"


@pytest.mark.parametrize(
    ("base", "derived"),
    [("smce-veda", "smce-veda-mfa"), ("a-long-term", "a"), ("-long-term", "-long-term-mfa"), ("a-mfa", "a-mfa-mfa")],
)
def test_derived_names(base: str, derived: str) -> None:
    """X-mfa for X, and the layout of aws-mfa for X-long-term."""
    assert derived == derived_name(base)


PAIRS = {
    "the base, nothing derived yet": (f"[a]\n{KEYS}", "a", ("a", "a-mfa")),
    "the derived name, nothing derived yet": (f"[a]\n{KEYS}", "a-mfa", ("a", "a-mfa")),
    "both there": (f"[a]\n{KEYS}[a-mfa]\n{comment('a')}{SESSION}", "a-mfa", ("a", "a-mfa")),
    "aws-mfa's layout by its base": (f"[a-long-term]\n{KEYS}", "a-long-term", ("a-long-term", "a")),
    "aws-mfa's layout by its short name": (f"[a-long-term]\n{KEYS}", "a", ("a-long-term", "a")),
    "another name that the comment remembers": (f"[a]\n{KEYS}[b]\n{comment('a')}{SESSION}", "a", ("a", "b")),
    "by that name": (f"[a]\n{KEYS}[b]\n{comment('a')}{SESSION}", "b", ("a", "b")),
    "the usual name before another": (
        f"[a]\n{KEYS}[a-mfa]\n{comment('a')}{SESSION}[b]\n{comment('a')}{SESSION}",
        "a",
        ("a", "a-mfa"),
    ),
    "a base whose name ends like a derived one": (f"[a]\n{KEYS}[a-mfa]\n{KEYS}", "a-mfa", ("a-mfa", "a-mfa-mfa")),
    "a session without a base": (f"[s]\n{SESSION}", "s", ("s", "s")),
    "a name with a space in the comment": (f"[a b]\n{KEYS}[c]\n" + comment('"a b"') + SESSION, "c", ("a b", "c")),
}


@pytest.mark.parametrize(("credentials", "name", "pair"), PAIRS.values(), ids=PAIRS)
def test_pairs(credentials: str, name: str, pair: tuple[str, str]) -> None:
    """Every command takes the base name or the derived name, and means the same pair."""
    found = profiles(credentials).pair(name)

    assert pair == (found.base, found.derived)


@pytest.mark.parametrize(
    ("names", "name", "hints"),
    [
        ([], "a", ["there are no profiles in FILES yet", "mfa-profiles setup a creates it"]),
        ([], "", ["there are no profiles in FILES yet", "mfa-profiles setup PROFILE creates it"]),
        (["smce-veda", "x"], "smce-vda", ["did you mean smce-veda?", "both FILES were read"]),
        (
            ["b", "c"],
            "a",
            ["there are b, c", "both FILES were read; without a name, AWS_PROFILE, else AWS_DEFAULT_PROFILE is used"],
        ),
        (
            [f"b{number}" for number in range(12)],
            "a",
            [
                "there are b0, b1, b2, b3, b4, b5, b6, b7, b8, b9 and 2 more",
                "both FILES were read; without a name, AWS_PROFILE, else AWS_DEFAULT_PROFILE is used",
            ],
        ),
    ],
)
def test_no_such_profile(names: list[str], name: str, hints: list[str]) -> None:
    """A name that is in neither file, as itself or as a base's: a hint has those that are."""
    found = profiles("".join(f"[{one}]\n{KEYS}" for one in names))
    files = f"{found.credentials.path} and {found.config.path}"

    with pytest.raises(ProfileError) as raised:
        found.pair(name)

    assert f"there is no profile {shown(name)}" == raised.value.message
    assert hints == [hint.replace(files, "FILES") for hint in raised.value.hints]


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        (f"[a]\n{KEYS}", "b"),
        (f"[a]\n{SESSION}", "a-mfa"),
        (f"[a]\n{KEYS}[a-mfa]\n{comment('a')}{SESSION}", "a-mfa-mfa"),
    ],
)
def test_no_such_pair(credentials: str, name: str) -> None:
    """A name that is in neither file, as itself or as that of a base: what holds a session is none."""
    with pytest.raises(ProfileError, match=f"there is no profile {name}"):
        profiles(credentials).pair(name)


def test_a_comment_counts_directly_under_its_header_only() -> None:
    """Somewhere else it is left over from something."""
    credentials = f"[a]\n{SESSION}{comment('x')}[b]\n\n{comment('x')}{SESSION}[c]\n{comment('x')}{SESSION}"

    assert {"c"} == set(profiles(credentials).origins)


def test_a_comment_under_what_only_looks_like_a_header() -> None:
    """Indented below a key it is a part of the value; a header may be indented all the same."""
    credentials = f"[b]\nk = v\n  [a]\n{comment('x')}[a]\n{SESSION} [c]\n{comment('y')}"

    assert {} == profiles(credentials).origins
    assert {"c"} == set(profiles(f"  [c]\n{comment('y')}{SESSION}").origins)


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("default", "default"),
        ("profile default", "default"),
        ("profile a", "a"),
        ("profile   a", "a"),
        ('profile "a b"', "a b"),
        ("profile a b", None),
        ("a", None),
        ('profile "a', None),
        ("sso-session a", None),
    ],
)
def test_config_profile_names(section: str, name: str | None) -> None:
    """By botocore's rules, letter for letter."""
    assert name == config_profile_name(section)


@pytest.mark.parametrize(
    ("config", "name", "header"),
    [
        ("", "a", "profile a"),
        ("", "a b", "profile 'a b'"),
        ('[profile "a b"]\n', "a b", 'profile "a b"'),
        ("[profile 'a b']\n[profile \"a b\"]\n", "a b", 'profile "a b"'),
        ('[profile "a"]\n', "a", "profile a"),  # which editing refuses to put beside it
        ("[profile default]\n", "default", "profile default"),
    ],
)
def test_config_headers(config: str, name: str, header: str) -> None:
    """The one that botocore reads, where a name can be written in more than one way: another would hide it."""
    assert header == profiles(config=config).config_header(name)


@given(documents(), documents())
def test_we_see_the_profiles_that_botocore_sees(credentials: Document, config: Document) -> None:
    """With the settings it would merge, from both files."""
    import tempfile
    from pathlib import Path

    try:
        ours = profiles(credentials.text, config.text)
    except FileRefusedError:
        assume(False)
        raise
    with tempfile.TemporaryDirectory() as directory:
        paths = SharedPaths(f"{directory}/credentials", f"{directory}/config")
        Path(paths.credentials).write_bytes(credentials.text.encode())
        Path(paths.config).write_bytes(config.text.encode())
        session = botocore.session.Session()
        session.set_config_variable("credentials_file", paths.credentials)
        session.set_config_variable("config_file", paths.config)
        theirs = session.full_config["profiles"]

    assert set(theirs) == set(ours.names())
    for name in ours.names():
        flat = {key: value for key, value in theirs[name].items() if isinstance(value, str)}
        assert flat == {key: value for key, value in ours.settings(name).items() if not value.startswith("\n")}


@pytest.mark.parametrize(
    ("environment", "paths"),
    [
        ({}, SharedPaths("/home/x/.aws/credentials", "/home/x/.aws/config")),
        ({"AWS_SHARED_CREDENTIALS_FILE": "~/k", "AWS_CONFIG_FILE": "$D/c"}, SharedPaths("/home/x/k", "/d/c")),
        ({"AWS_SHARED_CREDENTIALS_FILE": "", "AWS_CONFIG_FILE": "c"}, SharedPaths("/home/x/.aws/credentials", "c")),
    ],
)
def test_shared_paths(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], paths: SharedPaths) -> None:
    """Where all SDKs look; an empty variable is none."""
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.setenv("D", "/d")

    assert paths == SharedPaths.from_environment(environment)


@pytest.mark.parametrize("variable", ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"])
@pytest.mark.parametrize("arguments", ["refresh", "clear --all", "rotate", "status"])
def test_files_in_a_directory_that_is_gone(base: Home, variable: str, arguments: str) -> None:
    """The working directory of a terminal may have been deleted since, and what is relative to it is nowhere."""
    script = f"mkdir gone; cd gone; rmdir ../gone; exec {TOOL} {arguments}"

    result = base.run("-c", script, program="/bin/sh", env={variable: "file"})

    error = "mfa-profiles: error: file is in a directory that is not there any more"
    assert (1, [error, "hint: cd to one that is"]) == (result.code, result.errors)
