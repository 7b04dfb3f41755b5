"""A million documents that nobody would write, read and edited; and names, ``.env`` texts, comments, lists of keys.

Atheris makes them up, guided by what each of them reaches in the code. Each process has a seed, and a number of cases
to try. What two runs try is alike, and not the same: what is found is kept as a file.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.trials import Outcome

DOCUMENTS = 1_000_000
_PROCESSES = 2

# What is fuzzed, what one of its cases is called, and how many there are of them for one document.
_TARGETS = (
    ("both_files", "documents read and edited", 1.0),
    ("env_files", ".env files edited", 0.3),
    ("names", "names given to commands", 0.02),
    ("comments", "lines read as comments and times", 0.5),
    ("values_in_comments", "names written into comments", 0.3),
    ("csv_files", "lists of keys read", 0.3),
    ("printed_codes", "outputs of mfa_process read", 0.3),
)


def run(documents: int = DOCUMENTS) -> Iterator[Outcome]:
    """Make up documents, and try what must hold for each of them. What is found is kept in a directory."""
    if importlib.util.find_spec("atheris") is None:
        yield Outcome("none: Atheris is missing, which pip install -e '.[trials]' gets", 0)
        return
    for target, name, share in _TARGETS:
        findings = Path(tempfile.mkdtemp(prefix="mfa-profiles-findings-"))
        yield _fuzzed(target, name, max(_PROCESSES, int(documents * share)), findings)


def _fuzzed(target: str, name: str, runs: int, findings: Path) -> Outcome:
    began = time.monotonic()
    each = runs // _PROCESSES
    processes = [_started(target, each, seed, findings / str(seed)) for seed in range(1, _PROCESSES + 1)]
    ends = [process.wait() for process in processes]
    losses = [f"a process ended with {end}: see {findings}" for end in ends if end != 0]
    for told in sorted(findings.glob("*/*.txt")):
        command = f"python -m tests.trials.fuzzing {target} {told.with_suffix('')}"
        losses.append(f"{told.read_text()}: {command}")
    counts = [json.loads(path.read_text())["tried"] for path in findings.glob("*/*.json")]
    rate = sum(counts) / (time.monotonic() - began)
    return Outcome(name, sum(counts), tuple(losses), f"{rate:.0f} a second in {_PROCESSES} processes")


def _started(target: str, runs: int, seed: int, findings: Path) -> "subprocess.Popen[bytes]":
    findings.mkdir()
    command = [sys.executable, "-m", "tests.trials.fuzzing", target]
    with open(findings / "log", "wb") as log:
        return subprocess.Popen(
            [*command, f"--runs={runs}", f"--seed={seed}", f"--findings={findings}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parent.parent.parent,
            start_new_session=True,
        )
