"""Whether this machine lets a test trace the system calls of a command: not in each container it does."""

import shutil
import subprocess

import pytest


def is_possible() -> bool:
    """Whether strace is there, and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    return 0 == subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode


needs_strace = pytest.mark.skipif(not is_possible(), reason="strace is not installed, or may not trace")
