"""A process that has imported the tool and boto3 already, and forks for each command.

Most of what a command costs a test is the start of Python and the import of boto3. Where that is not what is tested,
here is the same command, in a process, a session and a directory of its own, without it.
"""

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn


class Done(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str


def run(arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str = "", before: str = "") -> Done:
    """Run the tool; ``before`` is Python that is run first, as by ``sitecustomize``."""
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / stream for stream in ("stdin", "stdout", "stderr")]
        for path, text in zip(streams, (stdin, "", ""), strict=True):
            path.write_text(text)
        process = _process()
        assert process.stdin is not None
        assert process.stdout is not None
        request = [list(arguments), dict(env), str(cwd), before, [str(path) for path in streams]]
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return Done(int(process.stdout.readline()), streams[1].read_text(), streams[2].read_text())


@functools.cache
def _process() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    atexit.register(process.__exit__, None, None, None)  # which closes its stdin, at which it ends
    return process


def _serve() -> None:
    import_all()
    for line in sys.stdin:
        print(forked(partial(become, *json.loads(line))), flush=True)


def forked(become: Callable[[], NoReturn]) -> int:
    """Fork a process to become something else, and return its exit code once it has ended."""
    child = os.fork()
    if child == 0:
        become()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def import_all() -> None:
    """Import all that commands import."""
    import boto3

    import mfa_profiles.cli
    import mfa_profiles.commands.acquire
    import mfa_profiles.commands.credentials  # noqa: F401

    for service in ("iam", "sts"):  # which imports what botocore itself imports late
        boto3.Session("AKIA", "secret", region_name="us-east-1").client(service)


def become(arguments: list[str], env: dict[str, str], cwd: str, before: str, streams: list[str]) -> NoReturn:
    """Be the tool from now on, in a process that was forked for it; ``streams`` are paths for 0, 1 and 2."""
    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    for descriptor, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY), descriptor)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - until the end
    sys.argv[:] = ["mfa-profiles", *arguments]
    code: object = 1
    try:
        exec(before, {})
        from mfa_profiles.__main__ import main

        main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve()
