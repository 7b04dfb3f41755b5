"""Processes that those under test start: whether they have come to a point, and whether they have ended."""

import os
import time
from pathlib import Path


def is_gone(pid_file: Path) -> bool:
    """True if the process whose ID is in a file does not run any more, or ends within a moment."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(int(pid_file.read_text()), 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def wait_for(path: Path) -> None:
    """Wait until another process has written a file."""
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
