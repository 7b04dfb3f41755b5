"""``python -m tests.trials.fuzzing TARGET FILE...`` tries cases that were found; with ``--runs`` it looks for more.

Looking is done by Atheris, which changes cases so that they reach what none has reached before: in the tool and in
the two parsers that it stands on, whose code is instrumented as it is imported.
"""

import argparse
import hashlib
import importlib
import json
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_INSTRUMENTED = ["mfa_profiles", "configupdater", "configparser"]


def main() -> None:
    """Try cases again, or look for new ones."""
    parser = argparse.ArgumentParser(prog="python -m tests.trials.fuzzing")
    parser.add_argument("target")
    parser.add_argument("cases", metavar="FILE", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, help="how many cases to make up")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("findings"), help="a directory for what is found")
    options = parser.parse_args()
    if options.runs:
        _look(options.target, options.runs, options.seed, options.findings)
    check = _check_of(options.target)
    for case in options.cases:
        check(case.read_bytes())
        print(f"{case}: all holds")


def _check_of(name: str) -> Callable[[bytes], object]:
    targets = importlib.import_module("tests.trials.fuzzing.targets").TARGETS
    check: Callable[[bytes], object] = targets[name].check
    return check


def _look(name: str, runs: int, seed: int, findings: Path) -> None:
    """Make up cases, and keep one of each kind for which something does not hold. Does not return."""
    atheris: Any = importlib.import_module("atheris")
    for module in _INSTRUMENTED:  # what has been imported on the way here was not instrumented
        sys.modules.pop(module, None)
    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        target = importlib.import_module("tests.trials.fuzzing.targets").TARGETS[name]
        seeds = importlib.import_module("tests.trials.fuzzing.seeds")
    findings.mkdir(parents=True, exist_ok=True)
    found: Counter[str] = Counter()
    tried = 0

    def try_one(data: bytes) -> None:
        nonlocal tried
        tried += 1
        try:
            target.check(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            kind = _kind(error)
            found[kind] += 1
            path = findings / f"{name}-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
            if found[kind] == 1 or len(data) < path.stat().st_size:
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(kind)
        if tried % 500 == 0 or tried == runs:
            (findings / f"{name}-{seed}.json").write_text(json.dumps({"tried": tried, "found": sum(found.values())}))

    with tempfile.TemporaryDirectory() as directory:
        corpus, words = Path(directory) / "corpus", Path(directory) / "words"
        corpus.mkdir()
        for number, case in enumerate(target.seeds()):
            (corpus / f"{number:05}").write_bytes(case)
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in seeds.WORDS))
        limits = [f"-runs={runs}", f"-seed={seed}", "-max_len=1024", "-rss_limit_mb=4096", "-timeout=60"]
        limits += [f"-artifact_prefix={findings}/", "-verbosity=0", "-print_final_stats=0"]
        atheris.Setup([sys.argv[0], *limits, f"-dict={words}", str(corpus)], try_one)
        atheris.Fuzz()


def _kind(error: Exception) -> str:
    """What tells one finding from another: the exception, and where it was raised. Nothing of the case."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-4:]]
    told = str(error).split("\n")[0] if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} {told} at {' < '.join(reversed(places))}"


def _escaped(word: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word.encode())


if __name__ == "__main__":
    main()
