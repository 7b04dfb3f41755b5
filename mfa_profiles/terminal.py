"""Everything that this tool says goes through here.

- stdout: data, and nothing else, so that a pipe or ``eval`` gets just that;
- stderr: notes, warnings, errors and their hints;
- the terminal itself (``/dev/tty``): questions and their answers, wherever stdin, stdout and stderr lead;
- colour only on a terminal, and never with ``NO_COLOR`` (https://no-color.org);
- names come out of files and from AWS: control characters in them never reach a terminal.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TextIO

from mfa_profiles import log
from mfa_profiles.errors import TokenCodeNeededError
from mfa_profiles.sessions import in_zone

TERMINAL = "/dev/tty"

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
# C0 and C1 controls, and the marks that turn the direction of text.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def prepare_streams() -> None:
    """Make sure that anything can be written to stderr, in encodings too that lack its characters.

    Data on stdout is exact, or an error: a name with other characters would be another profile's.
    """
    if sys.stdout is None:  # One that fails when it is written to, as it would without Python.
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="strict")
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """The text with control characters written as escapes, such as ``\\x1b``."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class OutputError(Exception):
    """Data could not be written to stdout: a full disk, a pipe that nobody reads any more, a character it lacks."""

    def __init__(self, reason: OSError | UnicodeEncodeError) -> None:
        if isinstance(reason, OSError):
            super().__init__((reason.strerror or "no reason given").lower())
            self.hint = "see where stdout leads: it has to be open, and there has to be room"
        else:
            super().__init__(f"stdout is in the encoding {reason.encoding}, which lacks some of its characters")
            self.hint = "set PYTHONIOENCODING=utf-8, or a locale such as LC_ALL=C.UTF-8; nothing was printed"
        self.reader_is_gone = isinstance(reason, BrokenPipeError)


def data(text: str) -> None:
    """Write lines of data to stdout: all of them, to the letter, or none. Raises OutputError."""
    _to_stdout(text + "\n")


def show(text: str) -> None:
    """Write lines for a person to stdout, with escapes for characters that it lacks. Raises OutputError."""
    data(_with_escapes(text))


def _with_escapes(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _to_stdout(text: str) -> None:
    try:
        print(text, end="", file=sys.stdout, flush=True)  # noqa: T201
    except UnicodeEncodeError as error:  # before anything of the text is written
        raise OutputError(error) from None
    except OSError as error:
        # Python would try once more at its end, and complain in its own way.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(error) from None


def note(text: str) -> None:
    """Tell the person something, on stderr; the text may have several lines."""
    _tell(_printable_lines(text))


def step(line: str) -> None:
    """Tell the person who asked for it what is being done, on stderr."""
    _tell(styled(f"mfa-profiles: {printable(line)}", "dim", sys.stderr))


def _tell(text: str) -> None:
    try:
        # At once, even if Python was told to buffer nothing: a grep of our stdout writes to the same terminal.
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        # A log on a full disk must not keep a session from being stored, or a command from being run.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def warn(text: str) -> None:
    """Tell the person something that they should act on, on stderr."""
    _labelled("warning", "yellow", text)


def error(message: str, hints: Sequence[str] = ()) -> None:
    """Write an error, and lines that say what to do about it, to stderr."""
    _labelled("error", "red", message)
    for line in hints:
        hint(line)


def hint(text: str) -> None:
    """Tell the person what to do about what they were told last, in a line on stderr."""
    _tell(f"hint: {printable(text)}")


def _labelled(label: str, colour: str, text: str) -> None:
    _tell(f"mfa-profiles: {styled(f'{label}:', colour, sys.stderr)} {printable(text)}")


def styled(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour, if the stream is a terminal that may have it."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if has_colours(stream) else text


def has_colours(stream: TextIO) -> bool:
    """True if the stream is a terminal that may show colours."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def stdout_is_terminal() -> bool:
    """True if a person reads what is written to stdout."""
    return sys.stdout.isatty()


def can_be_drawn_on() -> bool:
    """True if stdout is a terminal on which the cursor can be moved."""
    return stdout_is_terminal() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def size() -> tuple[int, int]:
    """The columns and lines of the terminal behind stdout, as it is now."""
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        columns, lines = 0, 0
    return columns or 80, lines or 24  # a serial line does not know


# The other screen that terminals have for programs: nothing on it is moved about when the window is resized, and what
# stood on the first comes back. Those that lack it (Linux's console) have it all on one, cleared when we leave.
_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"  # the cursor hidden; a line that is too long is not wrapped
_LEAVE = "\x1b[H\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l"


@contextlib.contextmanager
def full_screen() -> Iterator[Callable[[Sequence[str]], None]]:
    """Have the whole terminal behind stdout; what is yielded draws lines on it, which have to fit.

    Keys that are pressed meanwhile are not shown, and forgotten at the end. Raises OutputError.
    """
    import termios

    descriptor = sys.stdout.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        # A job in the background is stopped here, before it has drawn anything.
        termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
        _to_stdout(_ENTER)
        yield lambda lines: _to_stdout(_with_escapes("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[J"))
    finally:
        with contextlib.suppress(OutputError, termios.error):  # the terminal may have gone away
            _to_stdout(_LEAVE)
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def bell() -> None:
    """Ring the bell of the terminal behind stdout. Raises OutputError."""
    _to_stdout("\a")


def is_there() -> bool:
    """True if this process has a terminal to ask a person on, wherever its streams lead.

    A job in the background has none: it would be stopped as soon as it asked, with all locks that it holds.
    """
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    except OSError:
        return False


def ask(question: str, meanwhile: Callable[[], object] = lambda: None) -> str:
    """Ask a person on the terminal and return the line they type, without its end. A question may have several lines.

    ``meanwhile`` is called once it is there to be read. The end of input (Ctrl-D) means the same as Ctrl-C:
    KeyboardInterrupt. Raises TokenCodeNeededError if the terminal has gone away: the answer is a code in most cases.
    """
    return _ask(question, meanwhile, hidden=False)


def ask_secret(question: str) -> str:
    """Ask a person on the terminal for something that is not shown while they type it. Otherwise as ``ask``."""
    return _ask(question, lambda: None, hidden=True)


def _ask(question: str, meanwhile: Callable[[], object], *, hidden: bool) -> str:
    import locale

    from mfa_profiles import prompt  # most commands ask nothing

    encoding = locale.getpreferredencoding(do_setlocale=False)
    text = f"{_printable_lines(question)} ".encode(encoding, "backslashreplace")
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
        try:
            with log.held():
                answer = prompt.read_line(terminal, text, hidden=hidden, meanwhile=meanwhile)
        finally:
            os.close(terminal)
    except EOFError:
        raise KeyboardInterrupt from None
    except OSError:
        raise TokenCodeNeededError("the terminal to ask on has gone away", "run it in one that stays open") from None
    return answer.decode(encoding, "replace")


def wait(seconds: int, reason: str) -> None:
    """Let some seconds pass; on a terminal with a countdown behind the reason, which goes when it is over."""
    import time

    try:
        writer = open(TERMINAL, "w", errors="backslashreplace")  # noqa: SIM115 - closed below
    except OSError:
        note(f"{reason} {seconds} s")
        time.sleep(seconds)
        return
    with log.held():
        try:
            for left in range(seconds, 0, -1):
                with contextlib.suppress(OSError):  # the terminal may go away, and the time has to pass all the same
                    writer.write(f"\r{printable(reason)} {left} s \x1b[K")
                    writer.flush()
                time.sleep(1)
        finally:
            with contextlib.suppress(OSError), writer:
                writer.write("\r\x1b[K")


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], object]]:
    """A bar on stderr, if that is a terminal and there is more than one thing to do; what is yielded moves it on.

    Steps that are told there take its place.
    """
    if total < 2 or not sys.stderr.isatty() or log.is_on():
        yield lambda: None
        return
    import typer

    with typer.progressbar(length=total, label=what, file=sys.stderr, show_eta=False) as bar:
        yield lambda: bar.update(1)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[str], *, last: Sequence[str] = ()
) -> str:
    """Rows below a header in aligned columns, each row's second cell (its state) in a colour of its own.

    ``last`` are colours for the last cell of each row.
    """
    cells = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    widths[-1] = 0  # nothing stands behind it
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    padded[0] = [styled(cell, "bold", sys.stdout) for cell in padded[0]]
    for row, colour in zip(padded[1:], colours, strict=True):
        row[1] = styled(row[1], colour, sys.stdout)
    for row, colour in zip(padded[1:], last, strict=False):
        row[-1] = styled(row[-1], colour, sys.stdout) if row[-1] else ""
    return "\n".join("  ".join(row).rstrip() for row in padded)


def in_words(duration: timedelta) -> str:
    """A length of time as people say it: ``12 h``, ``11 h 58 m``, ``45 m``, ``30 s``."""
    seconds = round(abs(duration).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join(part for part in (f"{hours} h" * (hours > 0), f"{minutes} m" * (minutes > 0)) if part)


def until(moment: datetime, now: datetime) -> str:
    """Until when something lasts, and for how long: ``until 21:05 (12 h)``."""
    return f"until {clock_time(moment, now)} ({in_words(moment - now)})"


def clock_time(moment: datetime, now: datetime) -> str:
    """A moment in the local zone: the time of day, with the date before it if that is not today's.

    In UTC, and with that word, if ``TZ`` names a zone that Python cannot use.
    """
    local, today = in_zone(moment), in_zone(now).date()
    text = local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")
    return f"{text} UTC" if local.tzinfo is UTC else text
