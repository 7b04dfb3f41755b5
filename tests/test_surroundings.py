"""The tests run alike wherever they are started, and say what they lack."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import missing, to_install

SETTLED = """
import os, signal, subprocess, sys
from tests import surroundings
surroundings.settle()
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
os.kill(os.getpid(), signal.SIGHUP)
print("alive")
"""
SHOW = """
import os, signal
ignored = [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN]
print(sorted({*ignored} - {signal.SIGPIPE, signal.SIGXFSZ}), signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(oct(os.umask(0)))
"""


def refuse_all_signals() -> None:
    """Ignore some signals and block others, and have both inherited."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGTTOU, signal.SIGCHLD, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGALRM})


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_tests_start_inherits_neither_signals_nor_a_umask(umask: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SETTLED, SHOW],
        preexec_fn=refuse_all_signals,
        umask=umask,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    # What nohup has the run itself ignore, it still ignores.
    assert (done.stdout, done.stderr) == ("[] set()\n0o22\nalive\n", "")


def test_the_commands_that_install_what_is_missing() -> None:
    reasons = [
        missing("zsh"),
        missing("node"),
        missing("zsh"),
        missing("terraform"),
        missing("client-sts", "npm install x"),
        "only root can do that",
    ]

    assert to_install(reasons) == "apt install nodejs zsh && npm install x"
    assert to_install(["only root can do that"]) is None


@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_last_line_of_a_run_says_what_to_install(tmp_path: Path, workers: str) -> None:
    test = "tests/test_manual.py::test_a_checker_has_no_complaint"

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", workers, test],
        env={"PATH": str(tmp_path)},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines()[-1] == "to run the skipped tests: apt install mandoc"
