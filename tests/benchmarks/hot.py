"""What programs and prompts run again and again, with a session that is valid: against the least it can take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mfa_profiles.sessions import format_time
from tests.benchmarks import Figure, nothing
from tests.benchmarks.bench import BASE, DERIVED, REGION, Bench, Contender
from tests.home import session_section

_NOTHING = "a typer program that does nothing"
_PASS = "python -c pass"
_LIST = "aws configure list (v1, the faster)"
_EXPORT = "aws configure export-credentials"


def run(bench: Bench) -> Iterator[Figure]:
    """Measure."""
    files = _files_with_session(bench)
    tool = bench.peers.program("mfa-profiles", "mfa-profiles")
    commands = {
        "status": (tool, "status"),
        "export": (tool, "export", BASE),
        "credential-process": (tool, "credential-process", BASE),
        "--help": (tool, "--help"),
        _NOTHING: (bench.peers.python, str(Path(nothing.__file__))),
        _PASS: (bench.peers.python, "-c", "pass"),
        _LIST: (bench.peers.program("awscli", "aws"), "configure", "list", "--profile", DERIVED),
        "aws-mfa --help": (bench.peers.program("aws-mfa", "aws-mfa"), "--help"),
    }
    if bench.peers.aws2:  # version 1 has no such command, and a start that takes half as long
        commands[_EXPORT] = (bench.peers.aws2, "configure", "export-credentials", "--profile", DERIVED)
    contenders = [
        Contender(name, bench.run(*command, home=bench.home()), files) for name, command in commands.items()
    ]
    found = {name: time.seconds for name, time in bench.compare(contenders).items()}
    targets = {
        ("status", _NOTHING): 1.5,
        ("status", _LIST): 0.4,
        ("export", _NOTHING): 1.5,
        ("export", _LIST): 0.4,
        ("export", _EXPORT): None,
        ("credential-process", _PASS): 3,
        ("credential-process", _EXPORT): None,
        ("--help", _NOTHING): None,
        ("--help", "aws-mfa --help"): None,
    }
    for (name, rival), target in targets.items():
        if rival in found:
            yield Figure(f"{name}, a session is valid", found[name], "s", rival, found[rival], target)


def _files_with_session(bench: Bench) -> dict[str, str]:
    expires = format_time(datetime.now(UTC) + timedelta(hours=11))
    session = session_section(DERIVED, source=BASE, expires=expires)
    files = bench.base_files()
    return {
        "credentials": f"{files['credentials']}\n{session}",
        "config": f"{files['config']}\n[profile {DERIVED}]\nregion = {REGION}\n",
    }
