"""The tool in a pseudo-terminal of its own, whose screen is read as a person sees it."""

import time
from collections.abc import Callable, Mapping, Sequence

import pexpect
import pyte

from tests.home import TOOL, Home
from tests.processes import PATIENCE


class Screen:
    """A program on a terminal of some lines and columns; nothing secret may ever be drawn on it."""

    def __init__(
        self,
        home: Home,
        arguments: Sequence[str],
        *,
        program: str = TOOL,
        env: Mapping[str, str] | None = None,
        lines: int = 24,
        columns: int = 100,
    ) -> None:
        self.home = home
        self.raw = ""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            program,
            list(arguments),
            env=home.environment({"TERM": "xterm-256color", "LANG": "C.UTF-8", **(env or {})}),
            cwd=str(home.path),
            encoding="utf-8",
            dimensions=(lines, columns),
        )
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.02

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self.child.close(force=True)
        self.home.check_for_secrets(self.raw)

    @property
    def text(self) -> str:
        """What is on the screen now, without the blanks at the ends of lines and of the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def type(self, text: str) -> None:
        """Type a text and press Enter."""
        self.child.send(text + "\r")

    def wait_for(self, text: str, timeout: float = PATIENCE) -> str:
        """Wait until a text is on the screen, and return the screen."""
        return self.wait_until(lambda screen: text in screen, timeout)

    def wait_until(self, is_there: Callable[[str], bool], timeout: float = PATIENCE) -> str:
        """Wait until the screen is as it should be, and return it."""
        end = time.monotonic() + timeout
        while not is_there(self.text):
            if time.monotonic() > end or not self._read():
                raise AssertionError(f"it is not on the screen:\n{self.home.masked(self.text)}")
        return self.text

    def end(self, timeout: float = PATIENCE) -> int:
        """Wait for the end of the program, and return its exit code (or the negative number of a signal)."""
        end = time.monotonic() + timeout
        while self._read():
            assert time.monotonic() < end, "it does not end"
        self.child.close()
        signal = self.child.signalstatus
        return -signal if signal is not None else int(self.child.exitstatus or 0)

    def _read(self) -> bool:
        """Read what has come; False at the end of the program."""
        try:
            text = self.child.read_nonblocking(65536, timeout=0.1)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += text
        self._stream.feed(text)
        return True
