"""One file under two names: links, mounts, and file systems that ignore case."""

import contextlib
import os
from pathlib import Path

import pytest

from mfa_profiles.shared_files import is_null_device, same_file
from tests.home import BASE, Home
from tests.local_aws import MFADevice
from tests.shared_files.faulty_places import ignoring_case, mounted

SHORT_WAITS = "from mfa_profiles.shared_files import locking; locking.TIMEOUT = locking.IN_FLIGHT_TIMEOUT = 0.6\n"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("file", "file", True),
        ("file", "directory/../file", True),
        ("file", "link", True),
        ("file", "hard-link", True),
        ("file", "copy", False),
        ("file", "missing", False),
        ("file", "FILE", False),
        ("missing", "missing", True),
        ("missing", "./missing", True),
        ("missing", "Missing", True),
        ("missing", "link-to-missing", True),
        ("missing", "directory/missing", False),
        ("directory/missing", "link-to-directory/Missing", True),
        ("no/directory/missing", "No/Directory/missing", True),
        ("no/directory/missing", "no/missing", False),
        ("file/below", "file/below", True),
        ("loop", "file", False),
    ],
)
def test_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str, *, is_same: bool) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("file", "copy"):
        Path(name).touch()
    Path("directory").mkdir()
    os.link("file", "hard-link")
    for name, target in (("link", "file"), ("link-to-missing", "missing"), ("link-to-directory", "directory")):
        Path(name).symlink_to(target)
    Path("loop").symlink_to("loop")
    if one == "file" and other == "FILE" and Path("FILE").exists():
        pytest.skip("this file system ignores case")

    assert same_file(one, other) == is_same
    assert same_file(other, one) == is_same


def test_the_null_device_under_other_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.devnull)
    (tmp_path / "file").touch()
    (tmp_path / "other").symlink_to("/dev/zero")
    null = [os.devnull, str(tmp_path / "link")]
    with contextlib.suppress(OSError):  # as containers have one, if this is allowed to make it
        os.mknod(tmp_path / "node", 0o20666, os.stat(os.devnull).st_rdev)
        null.append(str(tmp_path / "node"))

    assert [is_null_device(path) for path in null] == [True] * len(null)
    assert not any(is_null_device(str(tmp_path / name)) for name in ("file", "other", "missing"))


def test_a_config_file_that_is_masked_by_the_null_device(base: Home, device: MFADevice) -> None:
    base.config.unlink()
    base.config.symlink_to(os.devnull)

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device))

    assert (result.code, len(result.errors)) == (0, 1)
    assert base.config.is_symlink()


# --- Files that are one.


def _assert_refused_as_one(home: Home, device: MFADevice, config: Path) -> None:
    """Each command that writes refuses two names of the credentials file: at once, with no code spent."""
    credentials = home.text(home.credentials)
    env = {"AWS_CONFIG_FILE": str(config), "MFA_PROFILES_TOKEN_CODE": home.code(device)}

    refreshed = home.run_warm("refresh", BASE, "--force", env=env, before=SHORT_WAITS)
    exported = home.run_warm("export", BASE, "--format", "dotenv", "--output", str(config), before=SHORT_WAITS)
    looked = home.run_warm("doctor", "--offline", env={"AWS_CONFIG_FILE": str(config)})

    assert (refreshed.code, refreshed.errors[0]) == (
        1,
        f"mfa-profiles: error: {config} and {home.credentials} are one and the same file",
    )
    assert (exported.code, exported.errors[0]) == (1, f"mfa-profiles: error: {config} is one of AWS's own files")
    assert looked.code == 1
    assert "are one and the same file" in looked.stdout.replace("\n", " ")
    assert home.text(home.credentials) == credentials
    assert "GetSessionToken" not in home.aws.actions


def test_a_hard_link_to_the_credentials_file(base: Home, device: MFADevice) -> None:
    os.link(base.credentials, base.path / "linked")

    _assert_refused_as_one(base, device, base.path / "linked")


def test_the_credentials_file_through_a_bind_mount(base: Home, device: MFADevice) -> None:
    (base.path / "mounted").mkdir()

    with mounted("--bind", base.credentials.parent, base.path / "mounted"):
        _assert_refused_as_one(base, device, base.path / "mounted" / "credentials")


def test_the_credentials_file_in_another_case(base: Home, device: MFADevice) -> None:
    files = {path: path.read_bytes() for path in (base.credentials, base.config)}
    with ignoring_case(base.credentials.parent):
        for path, data in files.items():
            path.write_bytes(data)

        _assert_refused_as_one(base, device, base.path / ".aws" / "Credentials")


def test_a_missing_credentials_file_in_another_case(base: Home, device: MFADevice) -> None:
    """The keys of the base profile are in the config file."""
    with base.config.open("ab") as file:
        file.write(base.credentials.read_bytes().partition(b"\n")[2])
    base.credentials.unlink()
    output = str(base.credentials.with_name("CREDENTIALS"))

    result = base.run_warm(
        "export", BASE, "--format", "dotenv", "--output", output, env={"MFA_PROFILES_TOKEN_CODE": base.code(device)}
    )

    assert (result.code, result.errors[0]) == (1, f"mfa-profiles: error: {output} is one of AWS's own files")
    assert not base.credentials.exists()


# --- Files in one directory that has two names.


def _assert_refreshed(home: Home, device: MFADevice, config: Path) -> None:
    env = {"AWS_CONFIG_FILE": str(config)}
    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env=env, before=SHORT_WAITS)

    assert (result.code, len(result.errors)) == (0, 1)
    looked = home.run_warm("doctor", "--offline", env=env)
    assert "same file" not in looked.stdout
    assert home.section()["aws_access_key_id"].startswith("ASIA")


def test_both_files_in_one_directory_through_a_bind_mount(base: Home, device: MFADevice) -> None:
    (base.path / "mounted").mkdir()

    with mounted("--bind", base.credentials.parent, base.path / "mounted"):
        _assert_refreshed(base, device, base.path / "mounted" / "config")


def test_both_files_on_a_file_system_that_ignores_case(base: Home, device: MFADevice) -> None:
    files = {path: path.read_bytes() for path in (base.credentials, base.config)}
    place = base.path / "place"
    place.mkdir()
    with ignoring_case(place):
        (place / ".aws").mkdir(0o700)
        for path, data in files.items():
            (place / ".aws" / path.name).write_bytes(data)
        (base.credentials.parent / "credentials").unlink()
        base.credentials.symlink_to(place / ".aws" / "credentials")

        _assert_refreshed(base, device, place / ".AWS" / "Config")
