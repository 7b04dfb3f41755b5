"""``python -m tests.benchmarks [NAME]...``: install what is compared, run it in turns, print a table."""

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks import Figure, peers
from tests.benchmarks.bench import Bench
from tests.benchmarks.stopwatch import Stopwatch
from tests.local_aws import LocalAWS

NAMES = ("session", "round_trips", "hot", "roles", "large_files")


def main() -> None:
    """Run the benchmarks that are named, or all."""
    arguments = _arguments()
    found = peers.install(arguments.directory, arguments.aws2)
    measured: list[Figure] = []
    as_table = not (arguments.json or arguments.markdown)
    if as_table:
        print(f"{_machine()}; {', '.join(f'{name} {version}' for name, version in found.versions().items())}\n")
        print(_row("", "mfa-profiles", "", "", "ratio", "target", ""))
    with LocalAWS() as aws, Stopwatch() as stopwatch, tempfile.TemporaryDirectory() as directory:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        bench = Bench(aws, user, device, found, stopwatch, Path(directory), arguments.rounds)
        for figure in _figures(bench, arguments.names or NAMES):
            measured.append(figure)
            if as_table:
                print(_line(figure), flush=True)
    if arguments.json:
        figures = [figure.as_json() for figure in measured]
        print(json.dumps({"machine": _machine(), "versions": found.versions(), "figures": figures}, indent=2))
    if arguments.markdown:
        print("\n".join(_markdown(measured)))
    sys.exit(1 if any(figure.is_met is False for figure in measured) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Compare the tool with others, and with the least that is possible. Fails if a target is missed.",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"one of {', '.join(NAMES)}; if not given, all")
    parser.add_argument("--rounds", type=int, default=15, help="how often each command runs; the median counts (15)")
    parser.add_argument("--json", action="store_true", help="print one object for programs")
    parser.add_argument("--markdown", action="store_true", help="print the table of the README: what has a target")
    parser.add_argument(
        "--aws2",
        metavar="PATH",
        help="an AWS CLI of version 2.30 or newer; if not given, that on the PATH, or else the one that AWS packs",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=peers.REPOSITORY / ".benchmarks",
        help="where the virtual environments of what is compared are kept (.benchmarks)",
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"there is no benchmark {', '.join(unknown)}, but {', '.join(NAMES)}")
    return arguments


def _figures(bench: Bench, names: Sequence[str]) -> Iterator[Figure]:
    for name in names:
        yield from importlib.import_module(f"tests.benchmarks.{name}").run(bench)


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def _line(figure: Figure) -> str:
    met = {None: "", True: "met", False: "MISSED"}[figure.is_met]
    return _row(
        f"{figure.what}{f' ({figure.note})' if figure.note else ''}",
        _amount(figure.ours, figure.unit),
        figure.rival or "",
        "" if figure.theirs is None else _amount(figure.theirs, figure.unit),
        _compared(figure),
        figure.target,
        met,
    )


def _markdown(figures: Sequence[Figure]) -> Iterator[str]:
    yield from ("| | mfa-profiles | | ratio |", "| --- | --- | --- | --- |")
    for figure in figures:
        if figure.at_most is None:
            continue
        theirs = "" if figure.theirs is None else f"{figure.rival}: {_amount(figure.theirs, figure.unit)}"
        yield f"| {figure.what} | {_amount(figure.ours, figure.unit)} | {theirs} | {_compared(figure)} |"


def _compared(figure: Figure) -> str:
    if figure.theirs is None:
        return ""
    if not figure.beyond:
        return f"{figure.ours / figure.theirs:.2f}"
    return f"{figure.ours - figure.theirs:+.{3 if figure.unit == 's' else 1}f}"


def _amount(number: float, unit: str) -> str:
    return f"{number:.3f} s" if unit == "s" else f"{number:.1f} {unit}".rstrip()


def _row(what: str, ours: str, rival: str, theirs: str, ratio: str, target: str, met: str) -> str:
    return f"{what:<46} {ours:>12}  {rival:<34} {theirs:>9} {ratio:>7}  {target:<22} {met}".rstrip()


if __name__ == "__main__":
    main()
