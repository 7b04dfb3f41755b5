"""Calls that wait for the network, made beside the main thread so that Ctrl-C works while they do."""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_GLANCE = 0.1  # seconds


class _Outcome(Generic[T]):
    """What a call returned or raised."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._error: BaseException | None = None
        try:
            self._value = call()
        except BaseException as error:  # noqa: BLE001 - raised again where it is asked for
            self._error = error

    def get(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value


class _Calls(Generic[T]):
    """Calls that are made in threads, ``at_once`` of them at a time.

    The threads end with the calls: an idle one would make every later fork of the program unsafe. They are not those
    of a ThreadPoolExecutor, which waits at its end for calls that a person has interrupted.
    """

    def __init__(self, calls: Sequence[Callable[[], T]], *, at_once: int) -> None:
        self._waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, _Outcome[T]]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        for item in enumerate(calls):
            self._waiting.put(item)
        for _ in range(min(at_once, len(calls))):
            thread = threading.Thread(target=self._work, daemon=True)
            try:
                # The system may give a signal to any thread that takes it. Ctrl-C would be noted there, and the main
                # thread would wait on for a key or a call. A thread begins with the mask of the one that starts it.
                with _signals(signal.SIG_BLOCK):
                    thread.start()
            except RuntimeError:  # The system has no more threads for this process.
                if not self._threads:
                    self._work()
                break
            self._threads.append(thread)

    def _work(self) -> None:
        while True:
            try:
                index, call = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._done.put((index, _Outcome(call)))

    @property
    def is_outcome_ready(self) -> bool:
        """True if ``next`` would return at once."""
        return not self._done.empty()

    def next(self, within: float | None = None) -> tuple[int, _Outcome[T]]:
        """Return the next outcome, with the index of its call. Raises TimeoutError after that many seconds."""
        deadline = None if within is None else time.monotonic() + within
        while True:
            # Not for longer: of a signal that comes between Python's last look for one and the wait, it hears after
            # that.
            with contextlib.suppress(queue.Empty):
                return self._done.get(timeout=_GLANCE if within is None else min(_GLANCE, within))
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError

    def end(self) -> None:
        """Wait until the threads are gone, once all outcomes have been returned."""
        for thread in self._threads:
            thread.join()


def run(call: Callable[[], T], *, within: float | None = None) -> T:
    """Make one call. Raises TimeoutError if it takes longer than that many seconds; it is not ended by that."""
    calls = _Calls([call], at_once=1)
    _, outcome = calls.next(within)
    calls.end()
    return outcome.get()


class Meanwhile:
    """A call that may be made while something else is waited for, and that nobody waits for."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._calls: _Calls[object] | None = None

    def start(self) -> None:
        """Begin it, unless it was begun before."""
        if self._calls is None:
            self._calls = _Calls([self._call], at_once=1)

    def raise_what_went_wrong(self) -> None:
        """Raise what it has raised, once, if it has ended by now."""
        if self._calls is not None and self._calls.is_outcome_ready:
            self._calls.end()
            self._calls.next()[1].get()


def run_all(calls: Sequence[Callable[[], T]], *, at_once: int) -> Iterator[tuple[int, Callable[[], T]]]:
    """Make some calls, ``at_once`` of them at a time, and yield each as it ends: its index and its outcome.

    An outcome is called for what the call returned, or to have it raise what the call raised.
    """
    begun = _Calls(calls, at_once=at_once)
    for _ in calls:
        index, outcome = begun.next()
        yield index, outcome.get
    begun.end()


# A thread that does not take its own is killed by the system without faulthandler's last words.
_OF_A_CRASH = {signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV}


@contextlib.contextmanager
def _signals(change: int) -> Iterator[None]:
    before = signal.pthread_sigmask(change, [])
    try:  # it may raise what a signal before it was for, and have changed the mask
        signal.pthread_sigmask(change, signal.valid_signals() - _OF_A_CRASH)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def signals_for_children() -> contextlib.AbstractContextManager[None]:
    """Have this thread take signals, as what a call starts as a process of its own does as well.

    Ctrl-C reaches that process, too, and so ends the call.
    """
    return _signals(signal.SIG_UNBLOCK)
