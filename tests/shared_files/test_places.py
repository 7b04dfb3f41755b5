"""Where files are: names that are almost the same, names of our own, and links that lead nowhere."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_profiles.errors import StorageError
from mfa_profiles.shared_files import storage
from tests.home import BASE, Home
from tests.local_aws import MFADevice, User
from tests.shared_files.faulty_places import mounted
from tests.shared_files.refused import COMMANDS, Commands
from tests.shared_files.test_storage import names
from tests.shared_files.test_storage_trouble import told


@pytest.fixture
def commands(refreshed: Home, user: User, device: MFADevice) -> Commands:
    """A home with a session, and a project."""
    commands = Commands(refreshed, user, device)
    commands.env_file.parent.mkdir()
    return commands


# --- Names that are almost the same.

ALIKE = [(".aws", "aws"), ("aws", ".aws"), ("..aws", ".aws"), (".config", "config"), ("a", "a.mfa-profiles")]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("pair", ALIKE)
def test_each_file_gets_its_own_text(tmp_path: Path, pair: tuple[str, str], exists: bool) -> None:
    paths = [tmp_path / name for name in pair]
    for path in paths if exists else []:
        path.write_bytes(b"old")

    storage.rewrite([str(path) for path in paths], lambda _: [b"first", b"second"])

    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    assert [name for name in names(tmp_path) if name != ".mfa-profiles"] == sorted(pair)


def test_keys_do_not_get_into_the_config_file(base: Home, device: MFADevice) -> None:
    credentials = base.credentials.rename(base.credentials.with_name("keys"))
    config = base.config.rename(base.config.with_name(".keys"))
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(credentials), "AWS_CONFIG_FILE": str(config)}

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), env=env)

    assert result.code == 0
    assert "aws_secret_access_key" not in base.text(config)
    assert base.section(path=credentials)["aws_session_token"]


def test_two_names_that_are_one_to_the_file_system(tmp_path: Path) -> None:
    """Neither file gets the text of the other."""
    one, same = tmp_path / "one", tmp_path / "same"
    one.mkdir()
    same.mkdir()

    with mounted("--bind", one, same):
        paths = [str(one / "file"), str(same / "file")]
        message, *_ = told(lambda: storage.rewrite(paths, lambda _: [b"first", b"second"]))
        assert message == f"{paths[0]} and {paths[1]} are one and the same file"
        assert names(one) == []


# --- Names of our own.


@pytest.mark.parametrize(
    "name",
    [
        "credentials.mfa-profiles.tmp",
        "credentials.mfa-profiles.rescued",
        ".credentials.mfa-profiles.tmp",
        ".credentials.mfa-profiles.lock",
        ".credentials.mfa-profiles.rotate.lock",
        ".mfa-profiles/credentials.lock",
        ".credentials.mfa-profiles.lock.held",
        "Credentials.MFA-Profiles.TMP",
    ],
)
def test_names_of_our_own_files_are_refused(commands: Commands, name: str) -> None:
    home = commands.home
    path = home.credentials.parent / name
    sentence = f"{path} has a name that mfa-profiles keeps for its own files"

    commands.refused("refresh", sentence, env={"AWS_CONFIG_FILE": str(path)})
    export = ["export", BASE, "--format", "dotenv", "--output", str(path), "--min-remaining", "13h"]
    result = home.run_warm(*export, env={"MFA_PROFILES_TOKEN_CODE": home.code(commands.device)})

    assert (result.code, result.errors[0]) == (1, f"mfa-profiles: error: {sentence}")


def test_a_name_that_only_looks_like_one_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "team.mfa-profiles.env"

    storage.rewrite([str(path)], lambda _: [b"new"])

    assert path.read_bytes() == b"new"


# --- What a crash has left, also of versions that gave it another name.


def test_copies_with_former_names_are_found_and_removed(tmp_path: Path) -> None:
    left = [tmp_path / f"{name}.mfa-profiles.tmp" for name in ("keys", ".keys", ".config")]
    for path in left:
        path.write_bytes(b"secret")
    paths = [str(tmp_path / name) for name in ("keys", ".keys", "config")]

    assert storage.leftovers(paths) == [str(path) for path in left]
    storage.remove_leftovers(paths)

    assert [name for name in names(tmp_path) if name != ".mfa-profiles"] == []


def test_a_copy_that_has_the_name_of_a_file_is_no_leftover(tmp_path: Path) -> None:
    """Somebody may have named a config file like that."""
    config = tmp_path / ".credentials.mfa-profiles.tmp"
    config.write_bytes(b"precious")
    paths = [str(tmp_path / "credentials"), str(config)]

    assert storage.leftovers(paths) == []
    storage.remove_leftovers(paths)

    assert config.read_bytes() == b"precious"


def test_a_rescued_text_belongs_to_the_file_whose_whole_name_it_has(tmp_path: Path) -> None:
    kept = tmp_path / ".keys.mfa-profiles.rescued"
    kept.touch()
    keys, hidden = str(tmp_path / "keys"), str(tmp_path / ".keys")

    assert storage.rescued([keys, hidden]) == [(str(kept), hidden)]
    assert storage.rescued([keys]) == [(str(kept), keys)]


# --- Links that lead nowhere.


def _absolute(path: Path) -> None:
    path.symlink_to(path.parents[1] / "Volumes" / "Secure" / path.name)


def _relative(path: Path) -> None:
    path.symlink_to(f"../Volumes/{path.name}")


def _chain(path: Path) -> None:
    (path.parents[1] / "second").symlink_to(f"Volumes/Secure/{path.name}")
    path.symlink_to("../second")


def _through_a_directory(path: Path) -> None:
    (path.parents[1] / "Secure").symlink_to("Volumes/Secure")
    path.symlink_to(f"../Secure/{path.name}")


LINKS = (_absolute, _relative, _chain, _through_a_directory)


def _everything(home: Home) -> set[str]:
    return {str(path) for path in home.path.rglob("*") if not path.name.endswith(".lock")}


@pytest.mark.parametrize("command", [*COMMANDS, "export"])
@pytest.mark.parametrize("link", LINKS)
def test_no_file_is_made_where_a_volume_is_not_mounted(
    commands: Commands, command: str, link: Callable[[Path], None]
) -> None:
    """A key in clear text would stay under the mount point, and be hidden by the next mount."""
    home = commands.home
    commands.arguments(command)  # which makes a file of keys for setup
    for path in (home.credentials, home.config):
        kept = path.rename(home.path / "kept")
        link(path)
        before = _everything(home)

        target = os.path.realpath(path)
        hints = commands.refused(command, f"{path} is a link to a file that is not there: {target}")

        make = f"mkdir -p {os.path.dirname(target)}"
        assert hints == (f"if that is on a volume, mount it; else make the directory: {make}", "nothing was changed")
        assert _everything(home) == before
        for made in (path, home.path / "second", home.path / "Secure"):
            made.unlink(missing_ok=True)
        kept.rename(path)


def test_no_directory_is_made_where_a_volume_is_not_mounted(commands: Commands) -> None:
    """It is where both files are."""
    home = commands.home
    directory = home.credentials.parent
    directory.rename(home.path / "kept")
    directory.symlink_to("Volumes/aws")
    before = _everything(home)

    sentence = f"{directory} is a link to a directory that is not there: {home.path}/Volumes/aws"
    for command in (*COMMANDS, "export"):
        hints = commands.refused(command, sentence)
        assert hints[0].endswith(f": mkdir -p {home.path}/Volumes/aws")
    doctor = home.run_warm("doctor", "--offline", "--fix")

    assert (doctor.code, doctor.stdout.count(f"problem\tparse\t-\t{sentence}\t")) == (1, 1)
    assert _everything(home) - before <= {str(home.path / "accessKeys.csv")}


def test_a_loop_of_links(commands: Commands) -> None:
    home = commands.home
    home.credentials.parent.rename(home.path / "kept")
    home.credentials.parent.symlink_to(".aws")

    for command in COMMANDS:
        result = commands.run(command)

        sentence = "could not be read: too many levels of symbolic links"
        assert (result.code, sentence in result.errors[0]) == (1, True)


@pytest.mark.parametrize("link", LINKS)
def test_an_env_file_is_not_made_where_a_volume_is_not_mounted(
    commands: Commands, link: Callable[[Path], None]
) -> None:
    link(commands.env_file)

    sentence = f"{commands.env_file} is a link to a file that is not there: {os.path.realpath(commands.env_file)}"
    commands.refused("export", sentence)


@pytest.mark.parametrize("command", ["refresh", "status", "export", "exec", "credential-process", "devices"])
@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_leads_nowhere_is_named_by_commands_that_read(
    base: Home, command: str, link: Callable[[Path], None]
) -> None:
    base.credentials.unlink()
    link(base.credentials)
    arguments = [command, BASE, *(["--", "true"] if command == "exec" else [])]

    result = base.run_warm(*arguments)

    assert result.code == 1
    target = os.path.realpath(base.credentials)
    assert f"{base.credentials} is a link to a file that is not there: {target}" in result.errors[0]


@pytest.mark.parametrize("name", [BASE, "another"])
def test_a_link_to_a_missing_file_in_a_directory_is_named_where_keys_are_missed(base: Home, name: str) -> None:
    """The mount point of a volume may be there, and empty."""
    base.credentials.unlink()
    base.credentials.symlink_to("elsewhere")

    for command in ("refresh", "export"):
        result = base.run_warm(command, name)

        hint = f"hint: {base.credentials} is a link to a file that is not there: {base.path}/.aws/elsewhere"
        assert (result.code, result.errors[1]) == (1, hint)


def test_a_missing_file_in_a_directory_is_made(home: Home, user: User, device: MFADevice) -> None:
    commands = Commands(home, user, device)
    home.credentials.parent.mkdir()
    (home.path / "dotfiles").mkdir()
    home.credentials.symlink_to("../dotfiles/credentials")

    assert commands.run("setup").code == 0

    assert home.credentials.is_symlink()
    assert home.section("another", home.path / "dotfiles" / "credentials")["aws_access_key_id"]


def test_a_file_that_disappeared_with_its_volume_is_not_made_again(tmp_path: Path) -> None:
    """Between the reading and the writing."""
    volume = tmp_path / "volume"
    volume.mkdir()
    link = tmp_path / "credentials"
    link.symlink_to("volume/credentials")
    volume.rmdir()

    with pytest.raises(StorageError, match="is a link to a file that is not there"):
        storage.rewrite([str(link)], lambda _: [b"new"])

    assert names(tmp_path) == ["credentials"]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_leads_nowhere_is_named_beside_a_valid_session(
    refreshed: Home, link: Callable[[Path], None]
) -> None:
    """By credential-process, too, which has a fast way of its own to read the files."""
    refreshed.config.unlink()
    link(refreshed.config)

    result = refreshed.run_warm("credential-process", BASE)

    assert (result.code, result.stdout) == (1, "")
    assert f"{refreshed.config} is a link to a file that is not there: " in result.errors[0]


def test_a_directory_that_leads_nowhere_is_named_beside_a_valid_session(refreshed: Home) -> None:
    (refreshed.path / "elsewhere").symlink_to("Volumes/aws")

    env = {"AWS_CONFIG_FILE": str(refreshed.path / "elsewhere" / "config")}
    result = refreshed.run_warm("credential-process", BASE, env=env)

    assert (result.code, result.stdout) == (1, "")
    assert f"{refreshed.path}/elsewhere is a link to a directory that is not there: " in result.errors[0]
