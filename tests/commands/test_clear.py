"""clear: derived profiles go from both files, and nothing else does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import MFADevice, User


@pytest.mark.parametrize("name", [BASE, DERIVED])
@pytest.mark.parametrize("end", ["\n", "", "\n\n", "\r\n"])
def test_refresh_and_clear_give_back_both_files(
    home: Home, user: User, device: MFADevice, name: str, end: str
) -> None:
    """Byte for byte, whatever they end with, by either name."""
    home.write(f"# mine\n{base_section(user)}# end{end}", f"[profile {BASE}]\nregion = us-west-2\n; c{end}")
    before = home.files()
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    assert before != home.files()

    result = home.run_warm("clear", name)

    assert (0, f"{DERIVED} is cleared\n") == (result.code, result.stderr)
    assert before == home.files()


@pytest.fixture
def elsewhere(home: Home, user: User) -> Home:
    """A home whose keys come from a program that the config file names. Only refresh makes a credentials file."""
    home.secrets.append(user.secret_access_key)
    keys = {"Version": 1, "AccessKeyId": user.access_key_id, "SecretAccessKey": user.secret_access_key}
    (home.path / "keys").write_text(json.dumps(keys))
    home.write("", f"[profile {BASE}]\ncredential_process = cat {home.path / 'keys'}\nregion = us-west-2\n")
    home.credentials.unlink()
    return home


def refresh_and_clear(home: Home, device: MFADevice) -> None:
    """A session that comes and goes."""
    assert home.run_warm("refresh", BASE, "--token-code", home.code(device)).code == 0
    assert DERIVED in home.text(home.credentials)
    assert home.run_warm("clear", BASE).code == 0


def test_files_that_refresh_has_made_go(elsewhere: Home, device: MFADevice) -> None:
    before = elsewhere.files()

    refresh_and_clear(elsewhere, device)

    assert elsewhere.files() == before
    assert sorted(path.name for path in elsewhere.config.parent.iterdir()) == [".mfa-profiles", "config"]


def test_a_config_file_that_refresh_has_made_goes(home: Home, user: User, device: MFADevice) -> None:
    """Its settings are those that stand beside the keys."""
    home.write(f"{base_section(user)}region = us-west-2\n")
    before = home.files()

    refresh_and_clear(home, device)

    assert home.files() == before
    assert not home.config.exists()


@pytest.mark.parametrize("text", ["", "\n", "\n\n", "# mine\n", "# mine", "\r\n"])
def test_a_file_that_was_there_stays(elsewhere: Home, device: MFADevice, text: str) -> None:
    """Byte for byte, if it had none, too."""
    elsewhere.write(text)
    before = elsewhere.files()

    refresh_and_clear(elsewhere, device)

    assert elsewhere.files() == before


Change = Callable[[Path], object]
CHANGES: dict[str, Change] = {
    "another mode": lambda path: path.chmod(0o640),
    "a link": lambda path: path.symlink_to(path.rename(path.with_name("real"))),
    "another name": lambda path: path.with_name("other").hardlink_to(path),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_of_which_somebody_has_made_more_stays(elsewhere: Home, device: MFADevice, change: str) -> None:
    """It is empty then, as it is where it cannot be removed."""
    assert elsewhere.run_warm("refresh", BASE, "--token-code", elsewhere.code(device)).code == 0
    CHANGES[change](elsewhere.credentials)

    assert elsewhere.run_warm("clear", BASE).code == 0

    assert elsewhere.credentials.read_bytes() == b""


def test_what_was_written_to_it_meanwhile_is_not_removed(elsewhere: Home, device: MFADevice) -> None:
    """Another program writes at the last moment before the file would go: it is read again."""
    assert elsewhere.run_warm("refresh", BASE, "--token-code", elsewhere.code(device)).code == 0
    late = f"""
import os
sync = os.fsync
def synced(descriptor):
    sync(descriptor)
    os.fsync = sync
    with open({str(elsewhere.credentials)!r}, "a") as file:
        file.write("[theirs]\\nregion = x\\n")
os.fsync = synced
"""

    assert elsewhere.run_warm("clear", BASE, before=late).code == 0

    assert elsewhere.credentials.read_text() == "[theirs]\nregion = x\n"


def test_clear_without_a_name_takes_aws_profile(home: Home, user: User, device: MFADevice) -> None:
    """As all commands do."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))

    result = home.run_warm("clear", env={"AWS_PROFILE": BASE})

    assert f"{DERIVED} is cleared\n" == result.stderr


def test_clear_all_removes_what_we_wrote(home: Home, user: User, device: MFADevice) -> None:
    """And no session of another tool."""
    home.write(base_section(user) + session_section("other", "expiration = 2030-01-01 00:00:00"))
    before = home.files()
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    home.run_warm("refresh", BASE, "--to", "second", "--token-code", home.code(device))

    result = home.run_warm("clear", "--all")

    assert f"{DERIVED} is cleared\nsecond is cleared\n" == result.stderr
    assert before["credentials"] == home.files()["credentials"]


@pytest.mark.parametrize(
    "section",
    [
        session_section(DERIVED),
        session_section(DERIVED, source="other", expires="2099-01-01T00:00:00Z"),
        f"[{DERIVED}]\nrole_arn = r\nsource_profile = a\n# precious\n",
        f"[{DERIVED}]\naws_access_key_id = AKIAMINE\naws_secret_access_key = s/x\n",
    ],
)
def test_what_is_not_ours_is_not_cleared(home: Home, user: User, section: str) -> None:
    """Sessions of other tools and long-term keys stay, under a derived name too."""
    home.write(base_section(user) + section)
    before = home.files()

    result = home.run_warm("clear", BASE)

    assert (1, before) == (result.code, home.files())
    assert "not for this tool to remove" in result.errors[0]


def test_all_or_none(home: Home, user: User, device: MFADevice) -> None:
    """If one of the names cannot be cleared, nothing is."""
    home.write(base_section(user) + session_section("other"))
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    before = home.files()

    result = home.run_warm("clear", BASE, "other")

    assert (1, before) == (result.code, home.files())


def test_settings_that_a_person_made_stay(home: Home, user: User, device: MFADevice) -> None:
    """A [profile X-mfa] that was there before us is not ours to remove, nor is aws-mfa's [profile X]."""
    config = f"[profile {BASE}]\nregion = a\n[profile {DERIVED}]\n# mine\noutput = json\n"
    home.write(base_section(user), config)
    home.run_warm("refresh", BASE, "--token-code", home.code(device), env={"AWS_REGION": "us-east-1"})
    assert "region = a\n[" in home.config.read_text()

    result = home.run_warm("clear", BASE)

    assert 0 == result.code
    assert config + "region = a\n" == home.config.read_text()
    assert DERIVED not in home.text(home.credentials)


def test_what_a_person_added_stays(home: Home, user: User, device: MFADevice) -> None:
    """The session goes; settings and comments beside it stay, in both files."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    home.credentials.write_text(home.credentials.read_text() + "# mine\ncli_pager = less\n")
    home.config.write_text(home.config.read_text() + "# mine too\ncli_timestamp_format = iso8601\n")

    result = home.run_warm("clear", BASE)

    assert 0 == result.code
    assert home.text(home.credentials).endswith(f"\n\n[{DERIVED}]\n# mine\ncli_pager = less\n")
    assert home.text(home.config).endswith(f"\n\n[profile {DERIVED}]\n# mine too\ncli_timestamp_format = iso8601\n")


def test_clear_works_without_the_base(home: Home, user: User, device: MFADevice) -> None:
    """Someone who has deleted the base profile can still tidy up, by the derived name."""
    home.add_base(user)
    home.run_warm("refresh", BASE, "--token-code", home.code(device))
    for path, header in ((home.credentials, f"[{DERIVED}]"), (home.config, f"[profile {DERIVED}]")):
        path.write_text(path.read_text()[path.read_text().index(header) :])

    result = home.run_warm("clear", DERIVED)

    assert (0, {}) == (result.code, home.files())


def test_the_session_of_aws_mfa_is_not_ours_to_clear(home: Home, user: User) -> None:
    """refresh takes it over; clear does not, before that."""
    home.write(base_section(user, "grid-long-term") + session_section("grid", "expiration = 2030-01-01 00:00:00"))
    before = home.files()

    result = home.run_warm("clear", "grid")

    assert (1, before) == (result.code, home.files())


def test_nothing_to_clear(home: Home, tmp_path: Path, user: User) -> None:
    """It is said, and is no error."""
    home.write(base_section(user))

    result = home.run_warm("clear", BASE)

    assert (0, "nothing to clear\n") == (result.code, result.stderr)
    assert not (tmp_path / ".aws" / "config").exists()


def test_all_goes_without_names(home: Home) -> None:
    """Someone who gives both means one of them, and only they know which."""
    result = home.run_warm("clear", "--all", BASE)

    assert (2, "mfa-profiles: error: --all cannot be combined with profile names") == (
        result.code,
        result.errors[0],
    )


def test_a_broken_file_is_refused(home: Home) -> None:
    """As it is by refresh: untouched, with path and line."""
    home.write("[a]\nb = c\n[a]\n")
    before = home.files()

    result = home.run_warm("clear", "a")

    assert (1, before) == (result.code, home.files())
    assert f"{home.credentials}, line 3: " in result.errors[0]


def test_a_config_file_that_was_never_there_is_not_made(home: Home, user: User, device: MFADevice) -> None:
    """It may not be allowed there: the session goes all the same."""
    home.add_base(user, config=None)
    before = home.text(home.credentials)
    code = ["--token-code", home.code(device), "--serial-number", device.serial_number]
    assert home.run_warm("refresh", BASE, *code).code == 0

    result = home.run_warm("clear", BASE)

    assert (result.code, home.text(home.credentials)) == (0, before)
    assert not home.config.exists()


def test_a_copy_that_a_killed_run_left_goes_even_if_there_is_nothing_else(home: Home, user: User) -> None:
    """It has all that the file had."""
    home.add_base(user)
    copy = home.credentials.with_name("credentials.mfa-profiles.tmp")
    copy.write_text(home.credentials.read_text())

    assert home.run_warm("clear", "--all").code == 0

    assert not copy.exists()
