"""``python -m tests.trials [NAME]...``: run the long trials, print a table, and fail if anything was lost."""

import argparse
import importlib
import sys
import time

from tests.trials import Outcome, Trial

NAMES = ("kills", "faults", "races", "files", "answers")


def main() -> None:
    """Run the trials that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.trials", description="Run the long trials.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"one of {', '.join(NAMES)}")
    names = parser.parse_args().names or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no trial {', '.join(unknown)}, but {', '.join(NAMES)}")
    lost = 0
    print(_row("trial", "tried", "count", "losses", "seconds", "figures"))
    for name in names:
        trial: Trial = importlib.import_module(f"tests.trials.{name}")
        began = time.monotonic()
        for outcome in trial.run():
            now = time.monotonic()
            print(_line(name, outcome, now - began), flush=True)
            for loss in outcome.losses[:20]:
                print(f"  lost: {loss}", file=sys.stderr, flush=True)
            lost += len(outcome.losses)
            began = now
    sys.exit(1 if lost else 0)


def _line(name: str, outcome: Outcome, seconds: float) -> str:
    return _row(
        name, outcome.tried, f"{outcome.count:,}", f"{len(outcome.losses):,}", f"{seconds:.0f}", outcome.figures
    )


def _row(name: str, tried: str, count: str, losses: str, seconds: str, figures: str) -> str:
    return f"{name:<8} {tried:<58} {count:>9} {losses:>6} {seconds:>7}  {figures}".rstrip()


if __name__ == "__main__":
    main()
