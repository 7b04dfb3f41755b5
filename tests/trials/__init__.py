"""What the tool promises, put to the test for long: killed, failed, raced, and fed with anything.

``python -m tests.trials`` runs the long versions and prints a table; the tests in this folder run short ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Outcome:
    """One line of the table.

    ``tried`` says what was done ("points killed at"), ``count`` how often; ``losses`` has a sentence, without any
    secret, for each time that a promise was broken; ``figures`` is what else was measured.
    """

    tried: str
    count: int
    losses: tuple[str, ...] = ()
    figures: str = ""


class Trial(Protocol):
    """A module of this folder."""

    def run(self) -> Iterator[Outcome]:
        """Run the long version."""
