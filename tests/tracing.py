"""Whether this machine lets a test trace the system calls of a command: not in each container it does."""

import shutil
import subprocess

import pytest

from tests.programs import missing


def is_possible() -> bool:
    """Whether strace is there, and may trace."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    return 0 == subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False).returncode


_WHY = "strace may not trace here" if shutil.which("strace") else missing("strace")
needs_strace = pytest.mark.skipif(not is_possible(), reason=_WHY)
