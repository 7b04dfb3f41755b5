"""A small process that runs commands and times them; the process of the local AWS is large, and slow to fork.

Asks and answers are lines of JSON on stdin and stdout: a ``Run`` as its fields, and a ``Time``.
"""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

TIMEOUT = 120
"""After so many seconds a command is taken to hang."""


@dataclass(frozen=True)
class Run:
    """A command, and what it is given: ``stdin``, or a terminal on which ``answer`` is typed at a ``prompt``.

    ``pause`` is how long a person takes for that, in seconds.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    directory: str
    stdin: str = field(default="", repr=False)
    prompt: str | None = None
    answer: str = field(default="", repr=False)
    pause: float = 1.0


@dataclass(frozen=True)
class Time:
    """Seconds from start to end; with a prompt until that and from Enter on, too. ``peak`` is memory in MiB.

    ``entered`` is when Enter was pressed, by ``time.monotonic``.
    """

    code: int
    seconds: float
    peak: float
    to_prompt: float = 0.0
    from_enter: float = 0.0
    entered: float = 0.0
    output: str = field(default="", repr=False)


class Stopwatch:
    """The process, from the side of those who ask."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.stopwatch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, value, traceback)  # which closes its stdin, at which it ends

    def time(self, run: Run) -> Time:
        """Run a command. RuntimeError if it fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(run)) + "\n")
        self._process.stdin.flush()
        found = Time(**json.loads(self._process.stdout.readline()))
        if found.code != 0:
            raise RuntimeError(f"{' '.join(run.arguments)} ended with {found.code}:\n{found.output}")
        return found


def _serve() -> None:
    for line in sys.stdin:
        run = Run(**json.loads(line))
        print(json.dumps(asdict(_run(run) if run.prompt is None else _typed(run, run.prompt))), flush=True)


def _run(run: Run) -> Time:
    began = time.monotonic()
    with subprocess.Popen(
        run.arguments,
        env=run.environment,
        cwd=run.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(run.stdin.encode())
        process.stdin.close()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    return Time(process.returncode, seconds, usage.ru_maxrss / 1024, output=output.decode(errors="replace"))


def _typed(run: Run, prompt: str) -> Time:
    began = time.monotonic()
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(run.directory)
        os.execve(run.arguments[0], list(run.arguments), dict(run.environment))
    output = b""
    while prompt.encode() not in output:
        output += _read(process, terminal, began)
    to_prompt = time.monotonic() - began
    time.sleep(run.pause)
    entered = time.monotonic()
    os.write(terminal, run.answer.encode() + b"\n")
    while more := _read(process, terminal, entered, ends=True):
        output += more
    _, status, usage = os.wait4(process, 0)
    ended = time.monotonic()
    os.close(terminal)
    code = os.waitstatus_to_exitcode(status)
    text = output.decode(errors="replace")
    return Time(code, ended - began, usage.ru_maxrss / 1024, to_prompt, ended - entered, entered, text)


def _read(process: int, terminal: int, began: float, *, ends: bool = False) -> bytes:
    """What has come on a terminal; nothing at its end, which may come only if it ``ends``."""
    if not select.select([terminal], [], [], TIMEOUT - (time.monotonic() - began))[0]:
        os.kill(process, signal.SIGKILL)
        raise TimeoutError("a command hangs")
    try:
        return os.read(terminal, 65536)
    except OSError:  # as Linux tells of the end of a terminal
        if not ends:
            raise EOFError("a command ended without a prompt") from None
        return b""


if __name__ == "__main__":
    _serve()
