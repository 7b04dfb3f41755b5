"""The settings that clients are made with are those that botocore would read itself."""

import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pytest
from hypothesis import assume, example, given

from mfa_profiles import settings, shared_files
from mfa_profiles.aws import clients
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.profiles import Keys, SharedPaths
from tests.documents import Document, documents

REFERRED = Document(
    "",
    (
        ("profile d", "[profile d]\nservices = local\nsso_session = s\ns3 =\n  addressing_style = path\n"),
        ("services local", "[services local]\nsts =\n  endpoint_url = http://127.0.0.1:1\n"),
        ("sso-session s", "[sso-session s]\nsso_region = us-west-2\n"),
    ),
)


@given(documents(), documents())
@example(Document("", (("d", "[d]\ns3 =\n  addressing_style = virtual\n"),)), REFERRED)
def test_settings_are_those_that_botocore_would_read(credentials: Document, config: Document) -> None:
    """Of each profile what says how to call AWS, but for blank lines, and all that this may refer to."""
    with TemporaryDirectory() as directory:
        paths = SharedPaths(f"{directory}/credentials", f"{directory}/config")
        Path(paths.credentials).write_bytes(credentials.text.encode())
        Path(paths.config).write_bytes(config.text.encode())
        try:
            profiles = shared_files.load(paths)
        except FileRefusedError:
            assume(False)
        theirs = botocore.session.Session()
        theirs.set_config_variable("credentials_file", paths.credentials)
        theirs.set_config_variable("config_file", paths.config)
        everything = theirs.full_config

    for name in profiles.names():
        ours = clients.session_of(profiles, name, "us-west-2")
        counting = settings.call_settings(profiles.settings(name))
        expected = {
            key: re.sub("\n+", "\n", value) if isinstance(value, str) else value
            for key, value in everything["profiles"][name].items()
            if key in counting
        }
        assert expected == ours.get_scoped_config()
        assert everything.get("services", {}) == ours.full_config["services"]


def test_a_profile_that_is_not_there_has_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those of the profile that AWS_PROFILE names."""
    paths = SharedPaths(str(tmp_path / "credentials"), str(tmp_path / "config"))
    Path(paths.config).write_text("[profile other]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_CONFIG_FILE", paths.config)

    session = clients.session_of(shared_files.load(paths), "new", "us-west-2")

    assert {} == session.get_scoped_config()
    assert session.get_config_variable("region") is None


def clients_in(directory: Path, config: str) -> clients.Clients:
    """The clients of a command in a home with this config file."""
    paths = SharedPaths(str(directory / "credentials"), str(directory / "config"))
    Path(paths.config).write_text(config)
    return clients.Clients(shared_files.load(paths), lambda: datetime.now(UTC))


def test_a_broken_way_to_credentials_is_not_gone(tmp_path: Path) -> None:
    """The calls are signed with keys, and two profiles that make them alike share what they are made with."""
    made = clients_in(tmp_path, "[profile a]\nsso_session = gone\n[profile b]\n")

    names = [made.get("sts", profile=name, keys=Keys("AKIA", "s"), region="us-west-2") for name in ("a", "b")]

    assert names[0] is names[1]


def test_a_client_finds_its_service_after_another_was_made(tmp_path: Path) -> None:
    """Botocore looks for it at its first list, long after."""
    made = clients_in(tmp_path, "[profile a]\n")

    iam, _ = (made.get(name, profile="a", keys=Keys("AKIA", "s"), region="us-west-2") for name in ("iam", "sts"))

    assert iam.can_paginate("list_mfa_devices")
