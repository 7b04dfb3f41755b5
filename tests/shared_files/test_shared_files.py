"""Reading and changing the shared files, and the .env files beside them, on a disk."""

import os
import re
from pathlib import Path

import pytest

from mfa_profiles import ini, shared_files
from mfa_profiles.errors import FileRefusedError, MfaProfilesError, StorageError
from mfa_profiles.profiles import ProfilePair, Profiles, SharedPaths
from mfa_profiles.shared_files import Stored, editing
from mfa_profiles.shared_files.editing import Put
from mfa_profiles.shared_files.locking import Order


@pytest.fixture
def paths(tmp_path: Path) -> SharedPaths:
    """Where both files are, once there are any."""
    return SharedPaths(str(tmp_path / ".aws" / "credentials"), str(tmp_path / ".aws" / "config"))


def write(paths: SharedPaths, credentials: str | bytes, config: str | bytes) -> None:
    """Put both files there."""
    Path(paths.credentials).parent.mkdir(exist_ok=True)
    for path, text in ((paths.credentials, credentials), (paths.config, config)):
        Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())


def written(paths: SharedPaths) -> tuple[bytes, bytes]:
    """Both files."""
    return Path(paths.credentials).read_bytes(), Path(paths.config).read_bytes()


def put_in_both(before: Profiles) -> Profiles:
    """An edit of both files."""
    put = {"x": Put({"k": "new"})}
    return Profiles(editing.put_sections(before.credentials, put), editing.put_sections(before.config, put))


def test_files_are_loaded(paths: SharedPaths) -> None:
    """Missing ones are empty; what is refused is refused with its path."""
    assert Profiles(ini.IniFile(paths.credentials), ini.IniFile(paths.config)) == shared_files.load(paths)

    write(paths, "[a]\nk = v\n", "[profile b]\nl = m\n")
    loaded = shared_files.load(paths)

    assert ({"a": {"k": "v"}}, {"profile b": {"l": "m"}}) == (loaded.credentials.sections, loaded.config.sections)
    assert (paths.credentials, paths.config) == (loaded.credentials.path, loaded.config.path)


@pytest.mark.parametrize("broken", [0, 1])
def test_a_file_that_cannot_be_read_is_an_empty_one_for_who_goes_on(paths: SharedPaths, broken: int) -> None:
    """The other is read."""
    texts = ["[a]\nk = v\n", "[profile b]\nl = m\n"]
    texts[broken] = "hunter2"
    write(paths, *texts)
    with pytest.raises(FileRefusedError) as error:
        shared_files.load(paths)

    readable = shared_files.load_readable(paths)

    path = (paths.credentials, paths.config)[broken]
    files = [readable.credentials, readable.config]
    assert path == error.value.path
    assert [paths.credentials, paths.config] == [file.path for file in files]
    assert (ini.IniFile(path), texts[1 - broken]) == (files[broken], files[1 - broken].text)
    assert [1] == [refusal.line for refusal in shared_files.refusals(path)]
    assert [path] == [refusal.path for refusal in shared_files.refusals(path)]


def test_a_version_is_another_one_after_either_file_has_changed(paths: SharedPaths) -> None:
    """A file that comes, one that is replaced by another of its length, one that is written in place, or goes."""
    versions = [shared_files.version(paths)]
    write(paths, "[a]\n", "[a]\n")
    versions.append(shared_files.version(paths))
    assert versions[1] == shared_files.version(paths)
    for path in (paths.credentials, paths.config):
        Path(path + ".new").write_text("[b]\n")
        os.utime(path + ".new", ns=(0, os.stat(path).st_mtime_ns))
        os.replace(path + ".new", path)
        versions.append(shared_files.version(paths))
        Path(path).write_text("[b]\n# more\n")
        os.utime(path, ns=(0, 1))
        versions.append(shared_files.version(paths))
        os.utime(path, ns=(0, 2))
        versions.append(shared_files.version(paths))
    Path(paths.config).unlink()
    versions.append(shared_files.version(paths))

    assert [] == [version for number, version in enumerate(versions) if version in versions[:number]]


def test_names_for_a_person_who_presses_tab(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, paths: SharedPaths
) -> None:
    """Those that begin so; none if a file is broken, or in a directory that is gone."""
    environment = {"AWS_SHARED_CREDENTIALS_FILE": paths.credentials, "AWS_CONFIG_FILE": paths.config}
    write(paths, "[ab]\n[b]\n", "[profile abc]\n")
    assert ["ab", "abc"] == shared_files.names_like(environment, "a")

    write(paths, "[ab]\n[b]\n", "hunter2")
    assert [] == shared_files.names_like(environment, "a")

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert [] == shared_files.names_like({"AWS_CONFIG_FILE": "config"}, "a")


def test_both_files_are_changed(paths: SharedPaths) -> None:
    """With their line endings, and a byte order mark; what the edit leaves stays, to the byte."""
    write(paths, b"\xef\xbb\xbf[a]\r\n", b"[b]")

    assert shared_files.change(paths, put_in_both).changed
    assert (b"\xef\xbb\xbf[a]\r\n\r\n[x]\r\nk = new\r\n", b"[b]\n\n[x]\nk = new") == written(paths)
    assert not shared_files.change(paths, lambda before: before).changed


@pytest.mark.parametrize("which", [0, 1])
def test_one_of_both_is_changed(paths: SharedPaths, which: int) -> None:
    """The other is not written, not even for the first time."""

    def edit(before: Profiles) -> Profiles:
        after = put_in_both(before)
        return Profiles(before.credentials, after.config) if which else Profiles(after.credentials, before.config)

    assert shared_files.change(paths, edit).changed
    assert [which == 0, which == 1] == [os.path.exists(path) for path in (paths.credentials, paths.config)]


def test_a_rehearsal_is_no_performance(paths: SharedPaths) -> None:
    """Nothing is written; what would be raised is."""
    write(paths, "[a]\n", "[b]\n")

    shared_files.rehearse(paths, put_in_both)

    assert (b"[a]\n", b"[b]\n") == written(paths)
    write(paths, "[a]\n", "[ x]\n")
    with pytest.raises(FileRefusedError, match="config, line 1"):
        shared_files.rehearse(paths, put_in_both)


def test_the_steps_of_a_change(paths: SharedPaths, steps: list[str]) -> None:
    """What is added, changed and taken out, and what becomes of each file."""
    write(paths, "[a]\nk = v\n\n[x]\nk = old\n\n[same]\n", "[b]\n")

    def edit(before: Profiles) -> Profiles:
        after = put_in_both(before)
        return Profiles(editing.take_keys(after.credentials, {"a": ["k"]}), after.config)

    shared_files.load(paths)
    shared_files.rehearse(paths, edit)
    shared_files.change(paths, edit)
    shared_files.change(paths, lambda before: before)

    credentials, config = paths.credentials, paths.config
    assert [
        f"reads {credentials}",
        f"reads {config}",
        f"makes sure that {config} can be written",
        f"makes sure that {credentials} can be written",
        f"takes [a] out of {credentials}",
        f"changes [x] in {credentials}",
        f"adds [x] in {config}",
        f"writes {config}",
        f"writes {credentials}",
        f"leaves {config} as it is",
        f"leaves {credentials} as it is",
    ] == steps


def test_the_steps_where_nothing_is_there_and_another_program_writes(paths: SharedPaths, steps: list[str]) -> None:
    """What is not found, and that it begins again."""
    shared_files.load(paths)
    others = iter([b"[theirs]\n"])

    def edit(before: Profiles) -> Profiles:
        for text in others:
            Path(paths.credentials).write_bytes(text)
        return put_in_both(before)

    shared_files.change(paths, edit)

    assert [f"finds no {paths.credentials}", f"finds no {paths.config}"] == steps[:2]
    assert f"begins again: another program has written {paths.credentials} meanwhile" in steps
    assert b"[theirs]\n\n[x]\nk = new\n" == Path(paths.credentials).read_bytes()


def test_an_env_file_is_changed(paths: SharedPaths, tmp_path: Path) -> None:
    """A new one is private, and no lock lies beside it; what is right already stays."""
    path = tmp_path / "project" / ".env"
    path.parent.mkdir()

    assert Stored(changed=True) == shared_files.change_env_file(paths, str(path), lambda text: text + "A=é\n")
    assert 0o600 == path.stat().st_mode & 0o777
    assert Stored(changed=True) == shared_files.change_env_file(paths, str(path), lambda text: text + "B=2\r\n")
    assert Stored(changed=False) == shared_files.change_env_file(paths, str(path), lambda text: text)

    assert "A=é\nB=2\r\n".encode() == path.read_bytes()
    assert [".env"] == os.listdir(path.parent)
    assert not (tmp_path / ".aws").exists()


def test_an_env_file_that_is_not_utf_8_is_left_alone(paths: SharedPaths, tmp_path: Path) -> None:
    """With its line."""
    path = tmp_path / ".env"
    path.write_bytes(b"\n\nB=\xff\nC=3\nD=4\n")

    with pytest.raises(FileRefusedError) as error:
        shared_files.change_env_file(paths, str(path), lambda text: text + "D=4\n")

    assert (f"{path}, line 3: not valid UTF-8", ("nothing was changed",)) == (error.value.message, error.value.hints)
    assert (str(path), 3, b"\n\nB=\xff\nC=3\nD=4\n") == (error.value.path, error.value.line, path.read_bytes())
    assert None is error.value.__cause__ is error.value.__context__  # which would have all of the file


def test_where_no_env_file_can_be(paths: SharedPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its own sentence, and before anything is asked or written."""
    write(paths, "[a]\n", "[b]\n")
    (tmp_path / "link").symlink_to(paths.config)
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    nothing = "nothing was changed"
    own = ("one of AWS's own files", "name a .env file")
    refused = {
        paths.credentials: own,
        paths.config: own,
        str(tmp_path / "link"): own,
        "-": ("no file", "without --output the text goes to stdout"),
        str(tmp_path / "no" / ".env"): ("in a directory that does not exist, or is one", nothing),
        f"{tmp_path}/directory/": ("in a directory that does not exist, or is one", nothing),
        str(tmp_path / "directory"): ("a directory, not a file", nothing),
        str(tmp_path / "fifo"): ("a FIFO, not a file", nothing),
    }
    for path, (what, hint) in refused.items():
        with pytest.raises(StorageError) as error:
            shared_files.refuse_env_file(paths, path)
        assert (f"{path} is {what}", (hint,)) == (error.value.message, error.value.hints)
        with pytest.raises(StorageError, match=re.escape(error.value.message)):
            shared_files.change_env_file(paths, path, lambda text: text)
    shared_files.refuse_env_file(paths, str(tmp_path / ".env"))
    shared_files.refuse_env_file(paths, str(tmp_path / "directory" / ".env"))

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(StorageError) as error:
        shared_files.refuse_env_file(paths, ".env")
    expected = (".env is in a directory that is not there any more", ("cd to one that is",))
    assert expected == (error.value.message, error.value.hints)


def test_the_locks_for_getting_sessions() -> None:
    """One of its own for each session that needs a code; roles share sixteen."""
    pairs = [ProfilePair("a", f"r{number}") for number in range(200)]
    sessions = {shared_files.lock_of_session(pair).name for pair in pairs}
    roles = {shared_files.lock_of_role(pair).name for pair in pairs}

    assert len(sessions) == 200
    assert roles == {f"role-{digit}" for digit in "0123456789abcdef"}


def test_one_at_a_time_gets_a_session(paths: SharedPaths) -> None:
    """Who holds the locks is named to nobody who need not wait; they are free again whatever happens."""
    waited: list[str] = []
    locks = [shared_files.SessionLock(Order.ROLES, f"role-{name}", name) for name in "baa"]
    for _ in range(2):
        with (
            pytest.raises(MfaProfilesError, match="meanwhile"),
            shared_files.single_flight(paths, locks, waited.append),
        ):
            raise MfaProfilesError("meanwhile")

    assert [] == waited
    files = [".gitignore", *(f"credentials.role-{name}.lock" for name in "ab")]
    assert files == sorted(os.listdir(Path(paths.credentials).parent / ".mfa-profiles"))
