"""Places in which files cannot be written as usual: full, read-only, or owned by somebody else."""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import missing, skip_without

NOBODY = 65534


def as_user(number: int, *groups: int) -> str:
    """Make a process another user's, who is in a group of their own and in others."""
    # Everything is imported before the rights to read it may be gone.
    return f"""
import importlib.metadata
importlib.metadata.metadata("filelock")
import codecs, importlib, os, pkgutil, tempfile, filelock, mfa_profiles
for module in pkgutil.walk_packages(mfa_profiles.__path__, "mfa_profiles."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in ("ascii", "utf-8-sig"):
    codecs.lookup(name)
with tempfile.TemporaryDirectory() as directory, filelock.FileLock(directory + "/lock"):
    pass
os.setgroups({list(groups)})
os.setgid({number})
os.setuid({number})
"""


AS_NOBODY = as_user(NOBODY)

# Nothing is compiled on the way: Python would keep the first 4 KiB of it.
WITH_SMALL_FILES = """
import resource, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
"""


def without_locks(error: str) -> str:
    """What makes a process find no locks on any file system, which says so with an error of this name."""
    return f"""
import errno, fcntl, os
def flock(descriptor, operation):
    raise OSError(errno.{error}, os.strerror(errno.{error}))
fcntl.flock = flock
"""


def change_attribute(change: str, path: Path) -> None:
    """Make a file immutable (``+i``) or mutable (``-i``); the test is skipped where that cannot be."""
    try:
        done = subprocess.run(["chattr", change, path], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip(missing("chattr"))
    if done.returncode:
        pytest.skip("no file can be made immutable here")


def make_socket(path: Path) -> None:
    """Put a socket at a path, which nobody listens to."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:  # the names of sockets are short
        made.bind(path.name)


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    """A file that not even root may replace."""
    change_attribute("+i", path)
    try:
        yield
    finally:
        change_attribute("-i", path)


@contextlib.contextmanager
def mounted(*arguments: str | Path) -> Iterator[None]:
    """A mount, whose point comes last; the test is skipped where nobody may mount."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip(missing("mount"))
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", arguments[-1]], check=True)


@contextlib.contextmanager
def read_only(path: Path) -> Iterator[None]:
    """A file or directory that is mounted read-only, as containers are given one."""
    with mounted("--bind", path, path):
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        yield


@contextlib.contextmanager
def ignoring_case(directory: Path) -> Iterator[None]:
    """A file system in an empty directory that finds a file under its name in any case, as those of macOS do."""
    image = directory.with_name("image")
    image.touch()
    os.truncate(image, 4 * 2**20)
    made = subprocess.run(
        [skip_without("mkntfs"), "--force", "--quick", "--quiet", image], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no file system that ignores case can be made here")
    # It has owners and modes of its own, and no help from the kernel but FUSE.
    done = subprocess.run(
        [skip_without("lowntfs-3g"), "-o", "ignore_case,permissions", image, directory],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


@contextlib.contextmanager
def full_disk(directory: Path, pages_left: int = 0) -> Iterator[None]:
    """A file system of its own for the files of a directory, with so many free pages of 4 KiB."""
    files = {path: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    with mounted("-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", directory):
        for path, data in files.items():
            path.write_bytes(data)
            path.chmod(0o600)
        with open(directory / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        os.truncate(directory / "filler", (directory / "filler").stat().st_size - pages_left * 4096)
        yield


@contextlib.contextmanager
def directory_of_nobody() -> Iterator[Path]:
    """A directory that a process of nobody's can come to; the test is skipped for whoever cannot become another."""
    if os.geteuid() != 0:
        pytest.skip("only root can become someone else")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)
