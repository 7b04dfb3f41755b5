"""Processes that those under test start: whether they have come to a point, and whether they have ended."""

import os
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0
"""Seconds after which something hangs: no machine is as slow as that."""

INTERRUPT_AT_THE_WRITING = """
import os, signal
change = signal.signal
def changed(number, handler):
    before = change(number, handler)
    if number == signal.SIGINT:
        signal.signal = change
        os.kill(os.getpid(), number)
    return before
signal.signal = changed
"""
"""Python to be run first by the tool: Ctrl-C comes just when it is put off, as something is written."""


def is_gone(pid_file: Path) -> bool:
    """True if the process whose ID is in a file does not run any more, or ends soon."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(int(pid_file.read_text()), 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def wait_until(is_so: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so, which another process or thread brings about."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.01)


def wait_for(path: Path) -> None:
    """Wait until another process has written a file."""
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
