"""Documents that nobody would write, and what must hold for each of them.

A case is bytes in parts, which ``\\xfe`` separates, for that is in no text: so a fuzzer can change it anywhere, it is
kept as a file, and ``python -m tests.trials.fuzzing TARGET FILE...`` tries it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

SEPARATOR = b"\xfe"

MARKER = "q7hXkMARKER"
"""What stands for a secret in the cases: it is to be in no message."""


@dataclass(frozen=True)
class Target:
    """A check, which raises for a case for which something does not hold, and cases to begin with."""

    check: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


def parts(case: bytes, count: int) -> list[bytes]:
    """The parts of a case; what lacks is empty."""
    found = case.split(SEPARATOR, count - 1)
    return found + [b""] * (count - len(found))
