"""Whose new files and directories are: root may work in another user's home directory, as with ``sudo -E``."""

import os
from pathlib import Path

import pytest

from mfa_profiles.shared_files import permissions
from mfa_profiles.shared_files.storage import rewrite
from tests.home import BASE, Home
from tests.local_aws import MFADevice, User
from tests.shared_files.test_storage import mode, write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

ALICE, TEAM = 4001, 4200
CRASH = "from mfa_profiles import terminal; terminal.prepare_streams = None\n"


def owners(directory: Path) -> dict[str, tuple[int, int, int]]:
    """The owner, group and mode of all that is in a directory, by the path there."""
    found = sorted(directory.rglob("*"))
    return {
        str(path.relative_to(directory)): (path.lstat().st_uid, path.lstat().st_gid, mode(path)) for path in found
    }


def test_all_that_root_makes_in_a_users_home_is_the_users(home: Home, user: User, device: MFADevice) -> None:
    """Also what root replaces there is still the user's."""
    home.secrets.append(user.secret_access_key)
    os.chown(home.path, ALICE, TEAM)
    keys = ["--access-key-id", user.access_key_id, "--secret-access-key-file", "-", "--region", "us-west-2"]
    env_file = ["export", BASE, "--format", "dotenv", "--output", ".env"]
    code = {"MFA_PROFILES_TOKEN_CODE": home.code(device)}

    assert home.run_warm("setup", BASE, *keys, "--no-refresh", stdin=user.secret_access_key).code == 0
    assert home.run_warm(*env_file, env=code).code == 0
    assert "crash-report.txt" in home.run_warm("status", before=CRASH).stderr

    file, directory = (ALICE, TEAM, 0o600), (ALICE, TEAM, 0o700)
    found = owners(home.path)
    assert found == {
        **dict.fromkeys(found, file),
        **dict.fromkeys((".aws", ".aws/.mfa-profiles"), directory),
    }
    names = {".env", ".aws/credentials", ".aws/config", ".aws/.mfa-profiles/.gitignore"}
    assert names | {".aws/.mfa-profiles/credentials.lock", ".aws/.mfa-profiles/crash-report.txt"} <= set(found)


@pytest.mark.parametrize("bits", [0o1777, 0o1775, 0o1700])
def test_a_directory_that_others_use_as_well_gives_nothing_to_its_owner(tmp_path: Path, bits: int) -> None:
    os.chown(tmp_path, ALICE, TEAM)
    tmp_path.chmod(bits)

    write(tmp_path / "new" / "credentials", b"new")
    write(tmp_path / "credentials", b"new")

    found = owners(tmp_path)
    assert {"credentials", "new", "new/credentials", ".mfa-profiles/credentials.lock"} <= set(found)
    assert {owner for owner, _, _ in found.values()} == {0}


def test_a_link_to_a_directory_of_roots(tmp_path: Path) -> None:
    """What is made there is not for the owner of the link."""
    for name in ("alice", "root"):
        (tmp_path / name).mkdir(mode=0o755)
    os.chown(tmp_path / "alice", ALICE, TEAM)
    (tmp_path / "alice" / ".aws").symlink_to(tmp_path / "root")

    write(tmp_path / "alice" / ".aws" / "credentials", b"new")

    assert {owner for owner, _, _ in owners(tmp_path / "root").values()} == {0}


def test_a_link_that_leads_elsewhere_meanwhile(tmp_path: Path) -> None:
    """A file that was made where it led before is not for the owner of where it leads now."""
    for name in ("alice", "root"):
        (tmp_path / name).mkdir(mode=0o755)
    os.chown(tmp_path / "alice", ALICE, TEAM)
    for planted in (Path.touch, lambda path: os.link(tmp_path / "root" / "other", path)):
        (tmp_path / "root" / "other").touch()
        (tmp_path / "alice" / "new").unlink(missing_ok=True)
        planted(tmp_path / "alice" / "new")
        with (tmp_path / "root" / "new").open("w") as made:
            permissions.give_to_owner_of_directory(str(tmp_path / "alice" / "new"), made.fileno())

    assert {owner for owner, _, _ in owners(tmp_path / "root").values()} == {0}


@pytest.mark.parametrize("mask", [0, 0o022, 0o277, 0o777])
def test_each_directory_that_is_made_is_private(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        rewrite([str(tmp_path / "one" / "two" / "three" / "credentials")], lambda _: [b"new"])
    finally:
        os.umask(before)

    made = (path for path in tmp_path.rglob("*") if path.is_dir())
    assert {path.name: mode(path) for path in made} == dict.fromkeys(("one", "two", "three", ".mfa-profiles"), 0o700)
