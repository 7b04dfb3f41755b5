"""The processes of the races: workers that run commands, readers, and a tool that takes no lock.

``python -m tests.trials.racers PLAN`` forks them from a process that has imported everything, and each of them forks
for each command, as ``tests.warm`` does. They report what they saw, and no secret; ``tests.trials.races`` judges.
"""

import hashlib
import importlib
import json
import os
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from configparser import Error, RawConfigParser
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

import pyotp

from tests import warm


@dataclass(frozen=True)
class Base:
    """A base profile, and the seed of its device."""

    name: str
    access_key_id: str
    seed: str = field(repr=False)

    @property
    def derived(self) -> str:
        """The derived profile."""
        return f"{self.name}-mfa"

    def code(self) -> str:
        """The code that the device shows."""
        return pyotp.TOTP(self.seed).now()


@dataclass(frozen=True)
class Plan:
    """What the processes are told.

    ``texts`` are both files before the race; ``own`` has a base profile for each worker, and ``shared`` those that
    all of them change.
    """

    home: str
    env: dict[str, str] = field(repr=False)
    texts: tuple[str, str] = field(repr=False)
    seconds: float
    own: list[Base]
    shared: list[Base]
    readers: int
    with_aws_cli: bool
    before: str

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """The plan in a file."""
        plan = json.loads(path.read_text())
        return cls(**plan | {key: [Base(**base) for base in plan[key]] for key in ("own", "shared")})

    def dump(self, path: Path) -> None:
        """Put the plan into a file."""
        path.write_text(json.dumps(asdict(self)))


@dataclass
class Report:
    """What a process did and saw.

    ``seen`` are the IDs of the sessions that a worker got into its own profile, one after the other, ``left`` is the
    one that it left there, if any, ``sessions`` are the digests of all whole sessions that were seen, and ``broken``
    are sentences about promises that did not hold.
    """

    name: str
    commands: int = 0
    looks: int = 0
    slowest: float = 0.0
    seen: list[str] = field(default_factory=list)
    left: str | None = None
    sessions: set[str] = field(default_factory=set)
    broken: Counter[str] = field(default_factory=Counter)

    def dump(self, path: Path) -> None:
        """Put the report into a file."""
        path.write_text(json.dumps(vars(self) | {"sessions": sorted(self.sessions)}))

    @classmethod
    def load(cls, path: Path) -> "Report":
        """The report in a file."""
        report = json.loads(path.read_text())
        return cls(**report | {"sessions": set(report["sessions"]), "broken": Counter(report["broken"])})


def digest(access_key_id: str, secret_access_key: str, session_token: str) -> str:
    """What a session is known by in reports."""
    return hashlib.sha256("\n".join((access_key_id, secret_access_key, session_token)).encode()).hexdigest()


class Files:
    """Both files as one process sees them, which notes what is wrong with them at each look."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._paths = [Path(plan.home, ".aws", name) for name in ("credentials", "config")]
        # The tool without locks changes what is ours only by undoing it, but adds to the files.
        self._originals = [b"" if plan.with_aws_cli else text.encode() for text in plan.texts]
        self._bases = [base.name for base in (*plan.own, *plan.shared)]
        self._report = report

    def look(self) -> dict[str, dict[str, str]] | None:
        """The sections of the credentials file, if it is whole."""
        self._report.looks += 1
        credentials, config = [self._sections(*file) for file in zip(self._paths, self._originals, strict=True)]
        if credentials is None or config is None:
            return None
        for name in self._bases:
            if name not in credentials or f"profile {name}" not in config:
                self._report.broken["a file without a base profile was seen"] += 1
                return None
        for name, section in credentials.items():
            if name.endswith("-mfa"):
                self._note_session(section)
        return credentials

    def _sections(self, path: Path, original: bytes) -> dict[str, dict[str, str]] | None:
        data = path.read_bytes()
        if not data:
            self._report.broken["an empty file was seen"] += 1
            return None
        if not data.startswith(original):
            self._report.broken[f"{path.name} was seen without all that it had"] += 1
        parser = RawConfigParser()
        try:
            parser.read_string(data.decode())
        except Error as error:
            self._report.broken[f"{path.name} could not be parsed: {type(error).__name__}"] += 1
            return None
        return {name: dict(parser.items(name)) for name in parser.sections()}

    def _note_session(self, section: dict[str, str]) -> None:
        keys = [section.get(key) for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")]
        if None in keys or "x_security_token_expires" not in section:
            self._report.broken["a part of a session was seen"] += 1
        else:
            self._report.sessions.add(digest(*map(str, keys)))


class Worker:
    """Changes its own profile, and those that it shares, and reads what it has written."""

    def __init__(self, plan: Plan, number: int, report: Report) -> None:
        self._plan = plan
        self._own = plan.own[number]
        self._random = random.Random(number)
        self._report = report
        self._files = Files(plan, report)
        self._streams = [str(Path(plan.home, f"{number}.{stream}")) for stream in ("in", "out", "err")]
        self._env_file = Path(plan.home, f"{number}.env")
        self._env_file.write_text("# mine\nMINE=1\n")
        for stream in self._streams:
            Path(stream).touch(0o600)

    def run(self) -> None:
        """Do one thing after another."""
        things = [self._refresh] * 3 + [self._clear, self._export, self._print, self._status, self._use_env_file]
        things += [self._refresh_shared] * 2 + [self._clear_shared, self._status_of_shared]
        self._random.choice(things)()
        self._check()

    def _check(self) -> None:
        """What this process alone changes is as it left it."""
        sections = self._files.look()
        if sections is None:
            return
        session = sections.get(self._own.derived, {}).get("aws_access_key_id")
        if session != self._report.left:
            self._report.broken["an update was lost"] += 1
            self._report.left = session  # as things are now

    def _refresh(self) -> None:
        is_done = self._command("refresh", self._own.name, "--force", "--token-code", self._own.code()) is not None
        sections = self._files.look()
        if is_done and sections is not None:
            self._report.left = sections.get(self._own.derived, {}).get("aws_access_key_id")
            self._report.seen.append(self._report.left or "none")

    def _clear(self) -> None:
        self._command("clear", self._own.name)
        self._report.left = None

    def _status(self) -> None:
        self._command("status", self._own.name, expected=(0 if self._report.left else 3,))

    def _print(self) -> None:
        printed = self._command("credential-process", self._own.derived, expected=(0 if self._report.left else 5,))
        if self._report.left and printed and self._report.left != json.loads(printed)["AccessKeyId"]:
            self._report.broken["credential-process printed another session"] += 1

    def _export(self) -> None:
        printed = self._command("export", self._own.name, expected=(0 if self._report.left else 5,))
        if self._report.left and printed and f"AWS_ACCESS_KEY_ID={self._report.left}\n" not in printed:
            self._report.broken["export printed another session"] += 1

    def _use_env_file(self) -> None:
        how = ("--format", "dotenv", "--output", str(self._env_file))
        self._command("export", self._own.name, *how, expected=(0 if self._report.left else 5,))
        text = self._env_file.read_text()
        if not text.startswith("# mine\nMINE=1\n") or (self._report.left and self._report.left not in text):
            self._report.broken["an .env file is not as export left it"] += 1

    def _refresh_shared(self) -> None:
        base = self._random.choice(self._plan.shared)
        force = self._random.choice(([], ["--force"]))
        self._command("refresh", base.name, *force, "--token-code", base.code())

    def _clear_shared(self) -> None:
        self._command("clear", self._random.choice(self._plan.shared).name)

    def _status_of_shared(self) -> None:
        self._command("status", self._random.choice(self._plan.shared).derived, expected=(0, 3, 1))

    def _command(self, *arguments: str, expected: tuple[int, ...] = (0,)) -> str | None:
        """Run a command, and return what it printed, or None if it did not end as it should."""
        for path in self._streams[1:]:
            os.truncate(path, 0)
        began = time.monotonic()
        plan = self._plan
        code = warm.forked(partial(warm.become, list(arguments), plan.env, plan.home, plan.before, self._streams))
        self._report.slowest = max(self._report.slowest, time.monotonic() - began)
        self._report.commands += 1
        if code in expected:
            return Path(self._streams[1]).read_text()
        said = Path(self._streams[2]).read_text().splitlines()
        error = next((line for line in reversed(said) if line.startswith("mfa-profiles: error:")), "without a word")
        self._report.broken[f"{arguments[0]} ended with {code}: {error[:200]}"] += 1
        return None


class Reader:
    """Reads as the SDKs do, and as this tool's own parser does."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._files = Files(plan, report)
        self._count = 0

    def run(self) -> None:
        """Look at the files once, through botocore's eyes and through a parser's."""
        import botocore.session

        self._files.look()
        base = self._plan.own[self._count % len(self._plan.own)]
        self._count += 1
        self._report.looks += 1
        try:
            session = botocore.session.Session(profile=base.name)
            keys, region = session.get_credentials(), session.get_config_variable("region")
            other = botocore.session.Session(profile="untouched")
            others_keys, others_region = other.get_credentials(), other.get_config_variable("region")
        except Exception as error:  # noqa: BLE001 - whatever botocore says of a file
            self._report.broken[f"botocore could not read a profile: {type(error).__name__}"] += 1
            return
        found = (keys and keys.access_key, region, others_keys and others_keys.access_key, others_region)
        if found != (base.access_key_id, "us-west-2", "AKIAUNTOUCHED", "eu-west-3"):
            self._report.broken["botocore saw a profile without its keys or its region"] += 1


class AWSCLI:
    """``aws configure set``: it takes no lock, reads a file, cuts it to nothing, and writes it."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self._plan = plan
        self._report = report
        self._files = Files(plan, report)
        self._count = 0
        self._written: dict[str, str] = {}

    def run(self) -> None:
        """Write a key into the credentials file, and something into the config file."""
        profile, key = f"theirs-{self._count % 5}", f"AKIA{self._count}"
        self._count += 1
        for arguments in (["aws_access_key_id", key], ["region", "us-east-1"]):
            if warm.forked(partial(_become_aws_cli, ["configure", "set", *arguments, "--profile", profile])):
                self._report.broken["aws configure set failed"] += 1
            self._report.commands += 1
            if arguments[1] == key:
                self._written[profile] = key
            self._check()

    def _check(self) -> None:
        sections = self._files.look()
        for profile, key in list(self._written.items()):
            if sections is not None and sections.get(profile, {}).get("aws_access_key_id") != key:
                self._report.broken["an update of the AWS CLI was lost"] += 1
                del self._written[profile]


def _become_aws_cli(arguments: list[str]) -> NoReturn:
    code = 1
    try:
        code = importlib.import_module("awscli.clidriver").create_clidriver().main(arguments)
    finally:
        os._exit(code)


def _race(plan: Plan, reports: Path) -> None:
    warm.import_all()
    if plan.with_aws_cli:
        importlib.import_module("awscli.clidriver")
        importlib.import_module("awscli.customizations.configure.configure")
    ends = time.monotonic() + plan.seconds
    processes = [_fork(plan, reports, ends, *racer) for racer in _racers(plan)]
    broken = sum(os.waitpid(process, 0)[1] != 0 for process in processes)
    sys.exit(f"{broken} processes broke down" if broken else 0)


def _racers(plan: Plan) -> Iterator[tuple[str, Callable[[Report], Worker | Reader | AWSCLI]]]:
    for number in range(len(plan.own)):
        yield plan.own[number].name, lambda report, number=number: Worker(plan, number, report)  # type: ignore[misc]
    for number in range(plan.readers):
        yield f"reader-{number}", lambda report: Reader(plan, report)
    if plan.with_aws_cli:
        yield "aws-cli", lambda report: AWSCLI(plan, report)


def _fork(
    plan: Plan, reports: Path, ends: float, name: str, make: Callable[[Report], Worker | Reader | AWSCLI]
) -> int:
    process = os.fork()
    if process:
        return process
    try:
        data_path = os.environ.get("AWS_DATA_PATH")  # which the AWS CLI sets when it is imported
        os.environ.clear()
        os.environ.update(plan.env)
        if data_path is not None:
            os.environ["AWS_DATA_PATH"] = data_path
        report = Report(name)
        racer = make(report)
        racer.run()  # once at least, however slow the machine is
        while time.monotonic() < ends:
            racer.run()
        report.dump(reports / name)
        os._exit(0)
    except Exception:  # noqa: BLE001 - the parent must not go on here
        traceback.print_exc()
    finally:
        os._exit(1)


if __name__ == "__main__":
    _race(Plan.load(Path(sys.argv[1])), Path(sys.argv[2]))
