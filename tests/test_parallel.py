"""Calls beside the main thread, which alone is told of Ctrl-C."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from mfa_profiles import parallel
from tests.processes import wait_until

MASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


SCARCE = """
import resource, sys, threading
from mfa_profiles import parallel
from tests.processes import wait_until
threading.stack_size(int(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
print(sorted((index, call()) for index, call in parallel.run_all([lambda: 1, lambda: 2, lambda: 3], at_once=3)))
print(parallel.run(lambda: 4))
"""


def mask() -> set[int]:
    """The signals that this thread does not take."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def test_no_call_takes_a_signal() -> None:
    """Else Ctrl-C would now and then be noted in its thread, and the main one would wait on."""
    before = mask()

    blocked = parallel.run(mask)

    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGWINCH} <= blocked
    assert before == mask()


def test_a_crash_of_a_call_is_told() -> None:
    """By faulthandler, which somebody may have turned on, and which hears of it by a signal."""
    crash = "import ctypes, faulthandler; faulthandler.enable(); from mfa_profiles import parallel; "

    done = subprocess.run(
        [sys.executable, "-c", f"{crash}parallel.run(lambda: ctypes.string_at(0))"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert -signal.SIGSEGV == done.returncode
    assert "Fatal Python error: Segmentation fault" == done.stderr.splitlines()[0]


@pytest.mark.parametrize("stack", [2**31, 600 * 2**20], ids=["none", "one"])
def test_the_system_may_have_few_threads_to_give(stack: int) -> None:
    """Then those that there are make the calls, or the one that asks for them."""
    done = subprocess.run([sys.executable, "-c", SCARCE, str(stack)], capture_output=True, text=True, check=False)

    assert ("[(0, 1), (1, 2), (2, 3)]\n4\n", "") == (done.stdout, done.stderr)


def test_a_process_that_a_call_starts_takes_signals() -> None:
    """Where the call says so; afterwards its thread takes none again, as those of other calls."""

    def child() -> str:
        with parallel.signals_for_children():
            found = subprocess.run([sys.executable, "-c", MASK], capture_output=True, text=True, check=True).stdout
        assert signal.SIGINT in mask()
        return found

    assert "False\n" == parallel.run(child)


WAITS: dict[str, Callable[[threading.Event], object]] = {
    "for one call": lambda event: parallel.run(event.wait),
    "for one call, not for ever": lambda event: parallel.run(event.wait, within=60),
    "for several": lambda event: list(parallel.run_all([event.wait, event.wait], at_once=2)),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_that_does_not_interrupt_the_wait_is_heard(wait: str) -> None:
    """As one that comes just before it: here another thread takes it."""
    event = threading.Event()

    def interrupted() -> None:
        threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
        WAITS[wait](event)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    event.set()


def test_no_thread_stays_behind() -> None:
    """Python warns of every fork of a program that has threads, and a child of it can hang."""
    before = threading.enumerate()

    parallel.run(lambda: 1)
    list(parallel.run_all([lambda: 1] * 5, at_once=3))
    begun = parallel.Meanwhile(lambda: 1)
    begun.start()
    wait_until(lambda: threading.enumerate() == before)
    begun.raise_what_went_wrong()

    assert threading.enumerate() == before
