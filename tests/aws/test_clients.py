"""The settings that clients are made with are those that botocore would read itself."""

from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pytest
from hypothesis import assume, example, given

from mfa_profiles import shared_files
from mfa_profiles.aws import clients
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.profiles import SharedPaths
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
    """Of each profile, and of all that it may refer to."""
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
        ours = clients.session_of(profiles, name)
        assert everything["profiles"][name] == ours.get_scoped_config()
        for referred in ("services", "sso_sessions"):
            assert everything.get(referred, {}) == ours.full_config[referred]


def test_a_profile_that_is_not_there_has_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those of the profile that AWS_PROFILE names."""
    paths = SharedPaths(str(tmp_path / "credentials"), str(tmp_path / "config"))
    Path(paths.config).write_text("[profile other]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_CONFIG_FILE", paths.config)

    session = clients.session_of(shared_files.load(paths), "new")

    assert {} == session.get_scoped_config()
    assert session.get_config_variable("region") is None
