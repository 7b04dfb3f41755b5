"""Calls that wait for the network, made beside the main thread so that Ctrl-C works while they do."""

import contextlib
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


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


def run(call: Callable[[], T], *, within: float | None = None) -> T:
    """Make one call. Raises TimeoutError if it takes longer than that many seconds; it is not ended by that."""
    _, outcome = _next(_start([call], at_once=1), within)
    return outcome.get()


class Meanwhile:
    """A call that may be made while something else is waited for, and that nobody waits for."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._outcomes: queue.SimpleQueue[tuple[int, _Outcome[object]]] | None = None

    def start(self) -> None:
        """Begin it, unless it was begun before."""
        if self._outcomes is None:
            self._outcomes = _start([self._call], at_once=1)

    def raise_what_went_wrong(self) -> None:
        """Raise what it has raised, once, if it has ended by now."""
        if self._outcomes is not None and not self._outcomes.empty():
            self._outcomes.get()[1].get()


def run_all(calls: Sequence[Callable[[], T]], *, at_once: int) -> Iterator[tuple[int, Callable[[], T]]]:
    """Make some calls, ``at_once`` of them at a time, and give back each as it ends: its index and its outcome.

    An outcome is called for what the call returned, or to have it raise what the call raised.
    """
    outcomes = _start(calls, at_once)
    for _ in calls:
        index, outcome = _next(outcomes)
        yield index, outcome.get


_GLANCE = 0.1  # seconds


def _next(
    outcomes: "queue.SimpleQueue[tuple[int, _Outcome[T]]]", within: float | None = None
) -> tuple[int, _Outcome[T]]:
    """The next outcome. Raises TimeoutError if there is none within that many seconds."""
    deadline = None if within is None else time.monotonic() + within
    while True:
        # Not for longer: of a signal that comes between Python's last look for one and the wait, it hears after that.
        with contextlib.suppress(queue.Empty):
            return outcomes.get(timeout=_GLANCE if within is None else min(_GLANCE, within))
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError


def _start(calls: Sequence[Callable[[], T]], at_once: int) -> "queue.SimpleQueue[tuple[int, _Outcome[T]]]":
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, _Outcome[T]]] = queue.SimpleQueue()
    for item in enumerate(calls):
        waiting.put(item)

    def work() -> None:
        while True:
            try:
                index, call = waiting.get_nowait()
            except queue.Empty:
                return
            done.put((index, _Outcome(call)))

    for begun in range(min(at_once, len(calls))):
        try:
            _begin(work)
        except RuntimeError:  # the system has no more threads for us
            if not begun:
                work()
            break
    return done


# Threads with nothing to do. To start one for each request would take longer than much of the request itself; and
# a ThreadPoolExecutor waits at its end for calls that a person has interrupted.
_idle: list["queue.SimpleQueue[Callable[[], None]]"] = []
os.register_at_fork(after_in_child=_idle.clear)  # where these threads are not


def _begin(work: Callable[[], None]) -> None:
    """Have a thread do something that never raises."""
    try:
        tasks = _idle.pop()
    except IndexError:
        tasks = queue.SimpleQueue()
        # The system may give a signal to any thread that takes it. Ctrl-C would be noted there, and the main thread
        # would wait on for a key or a call. A thread begins with the mask of who starts it.
        with _signals(signal.SIG_BLOCK):
            threading.Thread(target=_serve, args=(tasks,), daemon=True).start()
    tasks.put(work)


def _serve(tasks: "queue.SimpleQueue[Callable[[], None]]") -> None:
    while True:
        tasks.get()()
        _idle.append(tasks)


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
