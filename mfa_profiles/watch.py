"""A table of sessions that is kept up to date on the terminal, with bars that empty, and a bell."""

import contextlib
import gc
import math
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mfa_profiles import log, rendering, roles, sessions, terminal
from mfa_profiles.errors import MfaProfilesError, UsageError
from mfa_profiles.sessions import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console, OverflowMethod, RenderableType
    from rich.table import Table
    from rich.text import Text

    from mfa_profiles.commands.status import SessionStatus

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_AGAIN = frozenset({signal.SIGALRM, signal.SIGWINCH})

_SERIOUSNESS = {State.VALID: 1, State.EXPIRING: 2, State.EXPIRED: 3}

_HEADER = ("PROFILE", "STATE", "", "LEFT", "UNTIL", "SOURCE")
_PROFILE, _STATE, _BAR, _LEFT, _UNTIL, _SOURCE = range(6)
_MAY_BE_LEFT_OUT = (_SOURCE, _UNTIL, _BAR, _STATE)  # in this order, as the terminal gets narrow
_BAR_WIDTHS = (6, 30)
_GAP = 2


def watch(look: Callable[[], "list[SessionStatus]"], now: Callable[[], datetime]) -> int:
    """Show what ``look`` finds, second by second, until a person presses Ctrl-C or the process is told to end.

    The exit code is 0 after Ctrl-C, else 128 and the number of the signal. The last table stays on the terminal.
    Raises UsageError without a terminal to draw on, and what ``look`` raises the first time; trouble after that is
    shown in place of the table, and may pass.
    """
    if not terminal.can_be_drawn_on():
        raise UsageError(
            "--watch needs a terminal to draw on",
            "elsewhere: while :; do mfa-profiles status; sleep 60; done",
        )
    gc.enable()  # of all commands, this one goes on for days
    with _signals_held() as held:
        shown = _Shown(look, now)
        while True:
            with log.held(), terminal.full_screen() as draw:
                number = _draw_until_signal(shown, draw, held)
            if number != signal.SIGHUP:  # which says that the terminal has gone away
                terminal.show("\n".join(shown.picture(sys.maxsize)))
            if number in _ENDING:
                return 0 if number == signal.SIGINT else 128 + number
            _stop()


@contextlib.contextmanager
def _signals_held() -> Iterator[frozenset[int]]:
    """Let signals wait until they are asked for: none comes while half of a table has been written."""
    for number in _AGAIN:  # BSDs drop a signal that is ignored, even while it is held
        signal.signal(number, lambda *_: None)
    wanted = {*_ENDING, *_AGAIN, signal.SIGTSTP}  # but those that are ignored, by nohup for example, stay so
    held = frozenset(number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield held
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in held & signal.sigpending():  # Ctrl-C, pressed twice
            signal.sigwait({number})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop() -> None:
    """Stop as Ctrl-Z stops any program, until the shell lets it go on, or ends it."""
    free = {*_ENDING, signal.SIGTSTP}
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, free)
    signal.raise_signal(signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _draw_until_signal(shown: "_Shown", draw: Callable[[Sequence[str]], None], held: frozenset[int]) -> int:
    drawn: object = None
    while True:
        rings = shown.look()
        size = terminal.size()
        lines = shown.picture(size[1])
        if (lines, size) != drawn:  # a person may be selecting text, which drawing it anew would end
            draw(lines)
            drawn = lines, size
        if rings:
            terminal.bell()
        # Sessions end on full seconds, and are seen to; a thousandth more, not to come too early.
        signal.setitimer(signal.ITIMER_REAL, 1.001 - shown.now().microsecond / 1e6)
        number = signal.sigwait(held)
        if number not in _AGAIN:
            return number


@dataclass
class _Seen:
    """What was seen of a session: when it rings and how full its bar is depends on it."""

    state: State
    expiration: datetime | None
    length: timedelta


class _Shown:
    """What is shown: the sessions as they were last seen, or the error that kept them from being seen."""

    def __init__(self, look: Callable[[], "list[SessionStatus]"], now: Callable[[], datetime]) -> None:
        self.now = now
        self._look = look
        self._console = _console()
        self._seen: dict[str, _Seen] = {}
        self._error: MfaProfilesError | None = None
        self._statuses = look()

    def look(self) -> bool:
        """Look again; True if a session has come close to its end since, or to it."""
        try:
            self._statuses = self._look()
            self._error = None
        except MfaProfilesError as error:
            self._error = error
            return False
        rings = [self._remember(status) for status in self._statuses]
        return any(rings)

    def _remember(self, status: "SessionStatus") -> bool:
        before = self._seen.get(status.profile)
        self._seen[status.profile] = _Seen(status.state, status.expiration, _length(status, before))
        if before is None or before.state not in _SERIOUSNESS:
            return False
        return _SERIOUSNESS.get(status.state, 0) > _SERIOUSNESS[before.state]

    def picture(self, height: int) -> list[str]:
        """The lines to draw, no more than there is room for."""
        self._console.width = max(terminal.size()[0] - 1, 1)  # in the last column, terminals differ
        if self._error is not None:
            return self._lines(*_sentences(self._error))[:height]
        if not self._statuses:
            return self._lines(rendering.NO_SESSION)[:height]
        fitting = len(self._statuses) if len(self._statuses) < height else max(height - 2, 0)
        lines = self._lines(self._table(self._statuses[:fitting]))
        if fitting < len(self._statuses):
            lines += self._lines(f"... and {len(self._statuses) - fitting} more")
        return lines[:height]

    def _lines(self, *parts: "RenderableType") -> list[str]:
        with self._console.capture() as capture:
            self._console.print(*parts, sep="\n")
        return capture.get().rstrip("\n").split("\n")

    def _table(self, statuses: "Sequence[SessionStatus]") -> "Table":
        from rich.table import Table
        from rich.text import Text

        rows = [self._cells(status) for status in statuses]
        widths = _widths([_HEADER, *rows], self._console.width)
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        cut: OverflowMethod = "crop" if self._console.options.ascii_only else "ellipsis"
        for column, width in widths.items():
            table.add_column(_HEADER[column], width=width, no_wrap=True, overflow=cut)
        for status, row in zip(statuses, rows, strict=True):
            colour = rendering.state_colour(status.state)
            cells: dict[int, RenderableType] = {column: Text(row[column]) for column in widths}
            if _STATE in cells:
                cells[_STATE] = Text(row[_STATE], style=colour)
            if _BAR in cells and status.remaining is not None:
                cells[_BAR] = self._bar(self._part_left(status), widths[_BAR], colour)
            table.add_row(*cells.values())
        return table

    def _cells(self, status: "SessionStatus") -> tuple[str, ...]:
        left, until = rendering.times(status, self.now())
        cells = (status.profile, status.state.value, "", left, until, status.source_profile or "")
        encoding = self._console.encoding
        return tuple(terminal.printable(cell).encode(encoding, "backslashreplace").decode(encoding) for cell in cells)

    def _bar(self, part: float, width: int, colour: str) -> "Text":
        """A bar of which a part is full: also without colours; while anything is left, a half of a character is."""
        from rich.text import Text

        full, half, empty = ("#", "+", "-") if self._console.options.ascii_only else ("\u2501", "\u2578", "\u2500")
        wholes, halves = divmod(math.ceil(part * width * 2), 2)
        rest = empty * (width - wholes - halves)
        return Text.assemble((full * wholes + half * halves, colour), (rest, "bright_black"))

    def _part_left(self, status: "SessionStatus") -> float:
        if status.remaining is None or status.remaining <= timedelta():
            return 0
        return status.remaining / max(self._seen[status.profile].length, status.remaining)


def _length(status: "SessionStatus", before: _Seen | None) -> timedelta:
    """How long a session lives altogether, as well as that can be known.

    The comment of a short session records it. A session that was written while we watched has just begun. Of another
    session it is what is usual, 12 h and for a role 1 h, or what is left of it if that is more.
    """
    left = status.remaining or timedelta()
    if status.length is not None:
        return status.length
    if before is not None:
        return before.length if before.expiration == status.expiration else left
    usual = roles.DEFAULT_DURATION if status.role_arn else sessions.DEFAULT_DURATION
    return max(left, usual)


def _widths(rows: Sequence[Sequence[str]], room: int) -> dict[int, int]:
    """The columns for which there is room, and their widths; what is left over is the bar's."""
    from rich.cells import cell_len

    widths = {column: max(cell_len(row[column]) for row in rows) for column in range(len(_HEADER))}
    widths[_BAR] = _BAR_WIDTHS[0]
    leaving = iter(_MAY_BE_LEFT_OUT)
    while (spare := room - sum(widths.values()) - _GAP * (len(widths) - 1)) < 0:
        column = next(leaving, None)
        if column is None:
            widths[_PROFILE] = max(widths[_PROFILE] + spare, 1)
            break
        del widths[column]
    if _BAR in widths and spare > 0:
        widths[_BAR] = min(widths[_BAR] + spare, _BAR_WIDTHS[1])
    return widths


def _sentences(error: MfaProfilesError) -> "list[RenderableType]":
    from rich.text import Text

    label = Text.assemble(("error: ", "red"), terminal.printable(error.message))
    return [label, *(Text(f"hint: {terminal.printable(hint)}") for hint in error.hints)]


def _console() -> "Console":
    from rich.console import Console

    # All is said here that rich would guess from the environment by rules of its own.
    return Console(
        file=sys.stdout,
        color_system="standard" if terminal.has_colours(sys.stdout) else None,
        force_terminal=True,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        height=sys.maxsize,
    )
