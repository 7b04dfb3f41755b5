"""Another user, who tries to open files all the time while they are written."""

import contextlib
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from tests.processes import PATIENCE

# Text that is written later can be read through a file that was opened before: to have opened it is enough.
_SCRIPT = """
import mmap, os, sys
user, groups, *paths = sys.argv[1:]
groups = [int(group) for group in groups.split()]
rounds = memoryview(mmap.mmap(1, 8)).cast("Q")
os.setgroups(groups)
os.setgid(groups[0])
os.setuid(int(user))
os.set_blocking(0, False)
while True:
    for path in paths:
        try:
            os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        sys.exit(path)
    rounds[0] += 1
    if rounds[0] % 100 == 0:
        try:
            if not os.read(0, 1):
                break
        except BlockingIOError:
            pass
"""

_CHANGES = {"open", "mkdir", "fchown", "fchmod", "setxattr", "removexattr", "write", "replace", "rename", "fsync"}
"""The calls of ``os`` after which a file may be open to others, and is not any more after the next."""


class Reader:
    """Ends as soon as one of the files could be opened."""

    def __init__(self, process: "subprocess.Popen[str]", rounds: memoryview) -> None:
        self._process = process
        self._rounds = rounds
        self.opened = ""
        """The path of that file, once the reader has ended."""

    def let_try(self) -> None:
        """Wait until it has tried to open each file once more, unless it has opened one."""
        enough = self._rounds[0] + 2  # one round is under way
        end = time.monotonic() + PATIENCE
        while self._rounds[0] < enough and self._process.poll() is None:
            assert time.monotonic() < end, "it does not try"
            time.sleep(0)

    def after_call(self, _frame: FrameType, event: str, call: object) -> None:
        """Be the profile function of the thread that writes, and so let the reader try after each change."""
        is_of_os = event == "c_return" and getattr(call, "__module__", "") == "posix"
        if is_of_os and getattr(call, "__name__", "") in _CHANGES:
            self.let_try()

    def end(self) -> None:
        """End it."""
        self.opened = self._process.communicate()[1].strip()


@contextlib.contextmanager
def reading(paths: Sequence[Path], user: int, *groups: int) -> Iterator[Reader]:
    """Have a user of some groups try to open files, after each call in the block that may change who can do so."""
    arguments = [sys.executable, "-c", _SCRIPT, str(user), " ".join(map(str, groups)), *map(str, paths)]
    with tempfile.TemporaryFile() as shared:
        shared.write(bytes(8))
        shared.flush()
        with subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=shared, stderr=subprocess.PIPE, text=True
        ) as process:
            reader = Reader(process, memoryview(mmap.mmap(shared.fileno(), 8)).cast("Q"))
            reader.let_try()
            sys.setprofile(reader.after_call)
            try:
                yield reader
            finally:
                sys.setprofile(None)
            reader.end()
