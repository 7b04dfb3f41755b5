"""Ask for a line on the terminal, in modes that suit a question, whatever modes it had before.

A shell gives the terminal modes of its own while a job is stopped, and may give it others when the job continues. A
program that runs this one may have put it into raw mode. So the modes are set when a question is asked and whenever
this process is continued, and they are put back whenever somebody else gets the terminal.
"""

import contextlib
import errno
import os
import select
import signal
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
"""The signals whose default action would leave the terminal as it is now."""

_KEYS = {
    termios.VINTR: b"\x03",
    termios.VQUIT: b"\x1c",
    termios.VERASE: b"\x7f",
    termios.VKILL: b"\x15",
    termios.VEOF: b"\x04",
    termios.VSUSP: b"\x1a",
}
"""The usual keys, for a terminal on which a program has switched them off."""

_Modes = list[Any]
"""What termios.tcgetattr returns."""


def read_line(terminal: int, question: bytes, *, hidden: bool, meanwhile: Callable[[], object]) -> bytes:
    """Show a question and return the line that a person types, without its end. Call ``meanwhile`` in between.

    Where input ends before anything is typed (Ctrl-D), this raises EOFError. Raises OSError if the terminal has gone
    away. Signals such as SIGTERM and SIGHUP that would end the process raise SystemExit.
    """
    prompt = _Prompt(terminal, question, hidden=hidden)
    with prompt.heeding_signals():
        try:
            prompt.show()
            meanwhile()
            answer = prompt.line()
            if hidden:
                _write(terminal, b"\n")
        except (EOFError, KeyboardInterrupt, SystemExit):
            with contextlib.suppress(OSError):
                _write(terminal, b"\n")
            raise
        finally:
            prompt.end()
    return answer


class _Prompt:
    def __init__(self, terminal: int, question: bytes, *, hidden: bool) -> None:
        self._terminal = terminal
        self._question = question
        self._hidden = hidden
        self._before: _Modes | None = None
        self._ours: _Modes | None = None
        self._is_shown = self._is_being_shown = self._is_over = False

    def show(self) -> None:
        """Set the modes, then show the question; both once more if the process is stopped before that is done."""
        if self._is_being_shown:  # a signal has come just then
            return
        self._is_being_shown = True
        try:
            while not self._is_shown:
                self._is_shown = True
                try:
                    self._set_modes()
                except termios.error as error:
                    # A job in the background is stopped by the attempt, until it is in the foreground again.
                    if error.args[0] != errno.EINTR:
                        raise OSError(*error.args) from None
                    self._is_shown = False
                else:
                    _write(self._terminal, self._question)
        finally:
            self._is_being_shown = False

    def _set_modes(self) -> None:
        now = termios.tcgetattr(self._terminal)
        if now != self._ours:  # A process that is stopped by SIGSTOP leaves its modes to a shell that has none.
            self._before = now
        # What is typed early counts, as it does for commands.
        termios.tcsetattr(
            self._terminal, termios.TCSADRAIN, _for_a_question(now, self._terminal, hidden=self._hidden)
        )
        self._ours = termios.tcgetattr(self._terminal)

    def line(self) -> bytes:
        """Read to the end of a line. Raises EOFError if there is none."""
        text = b""
        while not text.endswith((b"\n", b"\r")):  # what was typed in raw mode ends with CR
            # A signal that comes between Python's last look for one and the wait is heard after that: it is short.
            while not select.select([self._terminal], [], [], 0.1)[0]:
                pass
            chunk = os.read(self._terminal, 4096)
            if not chunk:
                break
            text += chunk
        if not text:
            raise EOFError
        return text.rstrip(b"\r\n")

    def end(self) -> None:
        """Put the terminal back as it was, for good."""
        self._is_over = True
        self._put_back()

    def _put_back(self) -> None:
        # Half of a secret, or what follows it in a text that was pasted, is nothing for a shell to show or to run.
        when = termios.TCSAFLUSH if self._hidden else termios.TCSADRAIN
        with contextlib.suppress(OSError, termios.error):  # the terminal may have gone away
            is_in_foreground = os.tcgetpgrp(self._terminal) == os.getpgrp()
            if is_in_foreground and self._before is not None and self._before != self._ours:
                termios.tcsetattr(self._terminal, when, self._before)

    @contextlib.contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Act on signals that would stop, continue or end this process, unless the program does so itself."""
        handlers = {signal.SIGTSTP: self._stop, signal.SIGCONT: self._continue, **dict.fromkeys(_ENDING, _exit)}
        # A program that has put the terminal into raw mode may ignore Ctrl-C, which is inherited. It ends a question.
        interrupt = {signal.SIGINT: signal.default_int_handler}
        with _handled(handlers, instead_of=signal.SIG_DFL), _handled(interrupt, instead_of=signal.SIG_IGN):
            yield

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._put_back()
        with _handled(dict.fromkeys((signal.SIGTSTP, signal.SIGCONT), signal.SIG_DFL)):
            signal.raise_signal(signal.SIGTSTP)  # returns when the process is continued
        self._continue()

    def _continue(self, *_: object) -> None:
        if not self._is_over:
            self._is_shown = False
            self.show()


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _handled(handlers: Mapping[signal.Signals, Any], *, instead_of: object = None) -> Iterator[None]:
    """Handle signals, or only those whose handler is ``instead_of``. Only the main thread can do so."""
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if instead_of is None or signal.getsignal(number) is instead_of:
                    before[number] = signal.getsignal(number)
                    signal.signal(number, handler)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _for_a_question(modes: _Modes, terminal: int, *, hidden: bool) -> _Modes:
    """Return modes for lines that a person edits and sees, or does not see, and in which Ctrl-C is a signal."""
    input_modes, output_modes, control_modes, local_modes, input_speed, output_speed, keys = modes
    input_modes = input_modes & ~(termios.INLCR | termios.IGNCR) | termios.ICRNL
    output_modes |= termios.OPOST | termios.ONLCR
    local_modes &= ~(termios.ECHO | termios.ECHONL | termios.NOFLSH)
    local_modes |= termios.ICANON | termios.ISIG | termios.IEXTEN | (0 if hidden else termios.ECHO)
    off = bytes([os.fpathconf(terminal, "PC_VDISABLE")])
    keys = [_KEYS.get(index, key) if key == off else key for index, key in enumerate(keys)]
    return [input_modes, output_modes, control_modes, local_modes, input_speed, output_speed, keys]


def _write(terminal: int, text: bytes) -> None:
    while text:
        text = text[os.write(terminal, text) :]
