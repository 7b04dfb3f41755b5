"""Runs a command with strace attached to it, which kills it at a system call on its files, or makes that call fail.

Of its threads only the first is traced, which alone touches the files. strace is attached when all is imported, so
that a run takes little longer than without it; the calls of each kind are counted from there on.
"""

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.home import Home, Result

DEADLINE = 60

# Strings are left out of the log (-s 0): it would hold secrets. Where Yama guards processes, only an ancestor may
# attach itself unless the process allows it, to all (-1) by PR_SET_PTRACER.
ATTACH = """
import ctypes, os, subprocess, time
ctypes.CDLL(None).prctl(0x59616d61, -1, 0, 0, 0)
command = ["strace", "-q", "-y", "-s", "0", "-p", str(os.getpid()), *{options!r}]
strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while "TracerPid:\\t0\\n" in open("/proc/self/status").read():
    assert strace.poll() is None, "strace could not attach itself"
    time.sleep(0.001)
"""


@dataclass(frozen=True)
class Call:
    """A system call on the files: the ``number``th of its name, from 1; ``paths`` are relative to the home."""

    name: str
    number: int
    paths: tuple[str, ...]
    flags: str
    answer: str

    def __str__(self) -> str:
        return f"{self.name} {self.number} of {', '.join(self.paths)}"

    @property
    def is_injected(self) -> bool:
        """True if strace has made it fail."""
        return self.answer.endswith("(INJECTED)")

    def is_same(self, other: "Call") -> bool:
        """True if it is the same one in another run."""
        return (self.name, self.number, self.paths) == (other.name, other.number, other.paths)


@dataclass(frozen=True)
class Traced:
    """How a command ended, and its calls on the files."""

    result: Result
    calls: list[Call]


def run(
    home: Home, arguments: Sequence[str], folders: Collection[str], *, paths: Collection[str] = (), inject: str = ""
) -> Traced:
    """Run the tool, and log its calls on what is in some folders of the home, and on these themselves.

    To ``inject``, in the words of strace, takes all the ``paths`` on which calls are counted: those of another run.
    """
    log = _log(home)
    log.unlink(missing_ok=True)
    options = ["-o", str(log), "-e", "trace=%file,%desc"]
    for path in paths:
        options += ["-P", str(home.path / path)]
    for rule in inject.split():
        options += ["-e", f"inject={rule}"]
    result = home.run_warm(*arguments, before=ATTACH.format(options=options))
    return Traced(result, _calls(_whole(log), home.path, folders))


def calls_so_far(home: Home, folders: Collection[str]) -> list[Call]:
    """The calls of a command that is running."""
    return _calls(_log(home).read_text().splitlines(), home.path, folders)


def _log(home: Home) -> Path:
    return home.path / "strace"


def _whole(log: Path) -> list[str]:
    """The lines of a log once strace has written the last one, which may be after the end of the command."""
    deadline = time.monotonic() + DEADLINE
    while not (text := log.read_text(errors="replace")).endswith(" +++\n"):
        assert time.monotonic() < deadline, "strace does not come to an end"
        time.sleep(0.001)
    return text.splitlines()


def _calls(lines: Sequence[str], home: Path, folders: Collection[str]) -> list[Call]:
    anywhere = "|".join(map(re.escape, folders))
    ours = re.compile(rf'[<"]{re.escape(str(home))}/((?:{anywhere})(?:/[^">]*)?)[">]')
    numbers: dict[str, int] = {}
    calls: list[Call] = []
    for line in lines:
        if not (match := re.fullmatch(r"(\w+)\((.*)\)\s+= (.*)", line)):
            continue
        name, arguments, answer = match.groups()
        # A file without a name is shown by its number, which is another one in each run.
        if paths := tuple(path for path in dict.fromkeys(ours.findall(arguments)) if "/#" not in path):
            numbers[name] = numbers.get(name, 0) + 1
            flags = "|".join(re.findall(r"O_\w+", arguments))
            calls.append(Call(name, numbers[name], paths, flags, answer))
    return calls
