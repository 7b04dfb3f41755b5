"""Calls beside the main thread, which alone is told of Ctrl-C."""

import signal
import subprocess
import sys

from mfa_profiles import parallel

MASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


def mask() -> set[int]:
    """The signals that this thread does not take."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_no_call_takes_a_signal() -> None:
    """Else Ctrl-C would now and then be noted in its thread, and the main one would wait on."""
    before = mask()

    blocked = parallel.run(mask)

    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGWINCH} <= blocked
    assert before == mask()


def test_a_process_that_a_call_starts_takes_signals() -> None:
    """Where the call says so; afterwards its thread takes none again, as those of other calls."""

    def child() -> str:
        with parallel.signals_for_children():
            found = subprocess.run([sys.executable, "-c", MASK], capture_output=True, text=True, check=True).stdout
        assert signal.SIGINT in mask()
        return found

    assert "False\n" == parallel.run(child)
