"""What the tool promises, put to the test for long: killed, failed, raced, and fed with anything.

``python -m tests.trials`` runs the long versions and prints a table; the tests in this folder run short ones.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

T = TypeVar("T")


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


def spread(try_all: Callable[[str, Sequence[T]], Outcome], name: str, items: Sequence[T]) -> Outcome:
    """Try things in a process for each core, each with its share of them."""
    number = min(os.cpu_count() or 1, len(items))
    shares = [items[first::number] for first in range(number)]
    # Not forked: the threads of a local AWS would be left behind, holding their locks.
    with ProcessPoolExecutor(number, multiprocessing.get_context("spawn")) as processes:
        outcomes = list(processes.map(partial(try_all, name), shares))
    losses = tuple(loss for outcome in outcomes for loss in outcome.losses)
    return Outcome(outcomes[0].tried, sum(outcome.count for outcome in outcomes), losses)
