"""The bench on which programs are compared: a local AWS, a home for each program, and the stopwatch."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.benchmarks.peers import Peers
from tests.benchmarks.stopwatch import Run, Stopwatch, Time
from tests.local_aws import LocalAWS, MFADevice, User

BASE = "smce-veda"
DERIVED = "smce-veda-mfa"
REGION = "us-west-2"


@dataclass(frozen=True)
class Contender:
    """A program in its own home: what it runs, and what is there each time before it does."""

    name: str
    run: Run
    files: Mapping[str, str]


@dataclass(frozen=True)
class Bench:
    """What all benchmarks need; each thing measured is run ``rounds`` times, after once for warming up."""

    aws: LocalAWS
    user: User
    device: MFADevice
    peers: Peers
    stopwatch: Stopwatch
    directory: Path
    rounds: int
    variables: Mapping[str, str] = field(default_factory=dict)
    """What is in the environment of each command, beyond the usual."""

    def home(self) -> Path:
        """A new home directory."""
        return Path(tempfile.mkdtemp(dir=self.directory))

    def run(self, *arguments: str, home: Path, stdin: str = "") -> Run:
        """A command in a home, with nothing of AWS's in its environment but the endpoint."""
        environment = {
            "HOME": str(home),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "AWS_ENDPOINT_URL": self.aws.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.variables,
        }
        return Run(arguments, environment, str(home), stdin)

    def tool(self, *arguments: str, home: Path, stdin: str = "") -> Run:
        """A command of the tool."""
        return self.run(self.peers.program("mfa-profiles", "mfa-profiles"), *arguments, home=home, stdin=stdin)

    def base_section(self, name: str = BASE) -> str:
        """The section of a base profile in the credentials file."""
        return (
            f"[{name}]\naws_access_key_id = {self.user.access_key_id}\n"
            f"aws_secret_access_key = {self.user.secret_access_key}\n"
        )

    def base_files(self) -> dict[str, str]:
        """Both files with a base profile whose device is known."""
        config = f"[profile {BASE}]\nregion = {REGION}\nmfa_serial = {self.device.serial_number}\n"
        return {"credentials": self.base_section(), "config": config}

    @contextlib.contextmanager
    def latency(self, seconds: float) -> Iterator[None]:
        """A server that holds each answer back for so long."""
        slow = self.aws.faults.add(latency=seconds)
        try:
            yield
        finally:
            self.aws.faults.remove(slow)

    def compare(self, contenders: Sequence[Contender]) -> dict[str, Time]:
        """Let programs take turns; of each number of each program the median."""
        times: dict[str, list[Time]] = {contender.name: [] for contender in contenders}
        for number in range(self.rounds + 1):
            for contender in contenders:
                time = self.time(contender)
                if number:
                    times[contender.name].append(time)
        return {name: _median(found) for name, found in times.items()}

    def time(self, contender: Contender) -> Time:
        """Run a program once, with its files as they are to be and with a code that is new to AWS."""
        write(Path(contender.run.directory), contender.files)
        self.device.spent.clear()  # nobody waits here for a code of the next window
        code = self.device.code()
        run = contender.run
        if run.prompt is not None:
            run = replace(run, answer=code)
        elif CODE in run.stdin or CODE in run.arguments:
            arguments = [code if argument == CODE else argument for argument in run.arguments]
            run = replace(run, arguments=arguments, stdin=run.stdin.replace(CODE, code))
        return self.stopwatch.time(run)


CODE = "<code>"
"""Stands for a code that has not been used, on stdin or in the arguments of a command."""


def write(home: Path, files: Mapping[str, str]) -> None:
    """Write files into ~/.aws, private as they should be."""
    directory = home / ".aws"
    directory.mkdir(mode=0o700, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o600)


def _median(times: Sequence[Time]) -> Time:
    def of(number: Callable[[Time], float]) -> float:
        return statistics.median(map(number, times))

    return Time(
        code=0,
        seconds=of(lambda time: time.seconds),
        peak=of(lambda time: time.peak),
        to_prompt=of(lambda time: time.to_prompt),
        from_enter=of(lambda time: time.from_enter),
    )
