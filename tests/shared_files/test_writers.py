"""Writing beside tools that take no lock: they cut a file to nothing, and then write it."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from mfa_profiles.errors import StorageError
from mfa_profiles.shared_files import writers
from mfa_profiles.shared_files.storage import read, rewrite

KEYS = "[base]\naws_access_key_id = AKIA\n\n[other]\naws_access_key_id = AKIA\n"
THEIRS = KEYS + "[theirs]\n"
HAS_LEASES = sys.platform == "linux"


@contextmanager
def half_written(path: Path, written: int) -> Iterator[TextIO]:
    """A file that another program has open, and has written as much of."""
    path.write_text(KEYS)
    with path.open("w") as file:
        file.write(THEIRS[:written])
        file.flush()
        yield file


@contextmanager
def finished_after(seconds: float, path: Path, written: int) -> Iterator[None]:
    """The same, if the program goes on after a while."""
    with ExitStack() as stack:
        file = stack.enter_context(half_written(path, written))

        def finish() -> None:
            file.write(THEIRS[written:])
            file.close()

        timer = threading.Timer(seconds, finish)
        timer.start()
        stack.callback(timer.join)
        yield


@contextmanager
def finished_when_waited_for(path: Path, written: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same, if the program goes on once somebody waits for it."""
    sleep = time.sleep

    with half_written(path, written) as file:

        def finish(seconds: float) -> None:
            if not file.closed:
                file.write(THEIRS[written:])
                file.close()
                os.utime(path, (1, 1))  # so that it has rested
            sleep(seconds)

        monkeypatch.setattr(time, "sleep", finish)
        yield


@pytest.fixture(params=["leases", "no leases"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system with leases, and one without, such as macOS, where a file has to have rested."""
    if request.param == "leases" and not HAS_LEASES:
        pytest.skip("this system has no leases")
    if request.param == "no leases":
        monkeypatch.setattr(sys, "platform", "a system without leases")
        monkeypatch.setattr(writers, "REST", 120)
    monkeypatch.setattr(writers, "PATIENCE", 120)


def add(path: Path, text: bytes = b"[ours]\n") -> None:
    """Add a section as this tool does."""
    rewrite([str(path)], lambda contents: [(contents[0] or b"") + text])


@pytest.mark.parametrize("written", [0, 40])
@pytest.mark.usefixtures("any_system")
def test_what_another_tool_has_begun_to_write_is_waited_for(
    tmp_path: Path, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or all that it had not written yet would be gone for good, long-term keys and all."""
    path = tmp_path / "credentials"

    with finished_when_waited_for(path, written, monkeypatch):
        add(path)

    assert THEIRS + "[ours]\n" == path.read_text()


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_one_that_takes_longer_is_waited_for_again(tmp_path: Path) -> None:
    """Half a file is never edited, however long it has rested."""
    path = tmp_path / "credentials"
    seen = []

    def edit(contents: list[bytes | None]) -> list[bytes | None]:
        seen.append(contents[0])
        return [(contents[0] or b"") + b"[ours]\n"]

    with finished_after(writers.PATIENCE + 0.2, path, 40):
        rewrite([str(path)], edit)

    assert [THEIRS.encode()] == seen
    assert THEIRS + "[ours]\n" == path.read_text()


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_one_that_has_opened_the_file_is_waited_for(tmp_path: Path) -> None:
    """What it is about to write would go to a file that has no name any more."""
    path = tmp_path / "credentials"
    path.write_text(KEYS)

    def write(file: TextIO) -> None:
        file.write(THEIRS)
        file.close()

    timers: list[threading.Timer] = []

    def edit(contents: list[bytes | None]) -> list[bytes | None]:
        if not timers:
            timers.append(threading.Timer(writers.PATIENCE + 0.2, write, [path.open("r+")]))
            timers[0].start()
        return [(contents[0] or b"") + b"[ours]\n"]

    rewrite([str(path)], edit)
    timers[0].join()

    assert THEIRS + "[ours]\n" == path.read_text()


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
@pytest.mark.parametrize("rehearsal", [False, True])
def test_one_that_does_not_finish_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rehearsal: bool
) -> None:
    """A stopped program finds the file as it left it; nobody spends a code on a session that cannot be stored."""
    monkeypatch.setattr(writers, "PATIENCE", 0.01)
    path = tmp_path / "credentials"

    with half_written(path, 40) as file:
        inode = path.stat().st_ino
        with pytest.raises(StorageError, match="keeps changing"):
            rewrite([str(path)], lambda _: [b"[ours]\n"], rehearsal=rehearsal)
        file.write(THEIRS[40:])

    assert (THEIRS, inode) == (path.read_text(), path.stat().st_ino)
    assert [".mfa-profiles", "credentials"] == sorted(os.listdir(tmp_path))


@pytest.mark.usefixtures("any_system")
def test_a_reader_waits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another tool has cut is no reason to tell somebody that a profile is missing."""
    path = tmp_path / "credentials"

    with finished_when_waited_for(path, 0, monkeypatch):
        assert THEIRS.encode() == read(str(path))


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_a_reader_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDKs read what is there, and so does status."""
    monkeypatch.setattr(writers, "PATIENCE", 0.01)
    path = tmp_path / "credentials"

    with half_written(path, 40):
        assert KEYS[:40].encode() == read(str(path))


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_one_that_begins_meanwhile_waits_for_us(tmp_path: Path) -> None:
    """Its file is not cut until we are done, and we learn that it waits."""
    path = tmp_path / "credentials"
    path.write_text(KEYS)

    with path.open("rb") as file, ExitStack() as holding:
        is_undisturbed = holding.enter_context(writers.held_off(file.fileno()))
        assert is_undisturbed()
        writer = threading.Thread(target=path.write_text, args=(THEIRS,))
        writer.start()
        deadline = time.monotonic() + 120
        while is_undisturbed() and time.monotonic() < deadline:
            time.sleep(0.001)
        assert (False, KEYS) == (is_undisturbed(), file.read().decode())
        holding.close()
        writer.join()

    assert THEIRS == path.read_text()


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_nobody_is_held_off_afterwards(tmp_path: Path) -> None:
    """Not even if the descriptor lives on in a process that was forked meanwhile."""
    path = tmp_path / "credentials"
    path.write_text(KEYS)

    with path.open("rb") as file:
        copy = os.dup(file.fileno())
        with writers.held_off(file.fileno()):
            pass
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))  # BlockingIOError if somebody holds a lease
    os.close(copy)


@pytest.mark.skipif(not HAS_LEASES, reason="this system has no leases")
def test_a_server_that_grants_no_leases_is_no_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and SMB refuse a lease in the words that elsewhere mean that somebody is writing."""
    path = tmp_path / "credentials"
    device = path.parent.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 {os.major(device)}:{os.minor(device)} / /home rw shared:1 - nfs4 server:/home rw\n")
    monkeypatch.setattr(writers, "_MOUNTS", str(mounts))

    with half_written(path, 40):  # in whose place the server would refuse it
        add(path)

    assert KEYS[:40] + "[ours]\n" == path.read_text()


def test_a_clock_that_is_ahead_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of files on a server are the server's."""
    monkeypatch.setattr(sys, "platform", "a system without leases")
    monkeypatch.setattr(writers, "PATIENCE", 3600)
    path = tmp_path / "credentials"
    path.write_text(KEYS)
    os.utime(path, (time.time() + 3600,) * 2)

    assert KEYS.encode() == read(str(path))
