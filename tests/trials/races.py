"""Many processes on one pair of files, with and without a tool that takes no lock.

All commands are real, each in a process of its own, with sessions of a local AWS. What the processes saw is compared
with what AWS issued: a session that AWS gave and a refresh stored, and that is not there, was lost.
"""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

from tests.home import Home, base_section
from tests.local_aws import LocalAWS, MFADevice, Request, User
from tests.local_aws.accounts import Session
from tests.trials import Outcome
from tests.trials.racers import Base, Plan, Report, digest

ROOT = Path(__file__).parent.parent.parent

CREDENTIALS = """\
; keys that no command is told of, written as nobody else would
[untouched]
aws_access_key_id=AKIAUNTOUCHED
# a comment in the middle
aws_secret_access_key   =   of/the/untouched
   # and so is this

[Odd Name]
aws_access_key_id : AKIAODD
aws_secret_access_key : of/the/odd


"""
CONFIG = """\
[profile untouched]
region=eu-west-3
s3 =
    # at most
    max_concurrent_requests = 3
[default]
output = json

"""

WITHOUT_LOCKS = """
import os, time
from mfa_profiles.shared_files import storage
storage._lock_all = lambda targets, locks, lock: {}
replace = os.replace
def replace_late(source, target):
    time.sleep(0.05)
    replace(source, target)
os.replace = replace_late
"""
"""Breaks the tool, and has it take its time, to see that its losses would be found."""


SLOW_WRITER = """
import sys, time
path, pause = sys.argv[1:]
with open(path) as file:
    text = file.read()
half = text.index("[own-1]")
with open(path, "w") as file:
    file.write(text[:half])
    file.flush()
    print("half", flush=True)
    sys.stdin.readline() if pause == "stopped" else time.sleep(float(pause))
    file.write(text[half:])
"""
"""Writes a file as tools without locks do, but slowly."""

Owner = tuple[User, MFADevice]


@dataclass(frozen=True)
class Race:
    """What came of a race: counts, what was broken and how often, and the seconds of the slowest command."""

    commands: int
    looks: int
    broken: Counter[str]
    slowest: float

    @property
    def figures(self) -> str:
        """What else is worth a line."""
        return f"{self.looks:,} reads, slowest command {self.slowest:.1f} s"


def run() -> Iterator[Outcome]:
    """Run the long versions."""
    yield with_locks(workers=50, shared=5, seconds=60)
    yield beside_the_aws_cli(workers=6, seconds=60)
    for pause in ("0.005", "0.05", "1", "stopped"):
        yield beside_a_slow_writer(pause, times=3 if pause == "stopped" else 20)


def with_locks(*, workers: int, shared: int, seconds: float) -> Outcome:
    """The race of this tool's own commands: nothing is lost, and no reader sees anything but whole files."""
    result = race(workers=workers, shared=shared, seconds=seconds)
    losses = tuple(f"{what} ({count} times)" for what, count in sorted(result.broken.items()))
    return Outcome(f"commands of {workers} processes", result.commands, losses, result.figures)


def beside_the_aws_cli(*, workers: int, seconds: float) -> Outcome:
    """The race beside a tool that takes no lock: it may undo what this one wrote, but no base profile is lost."""
    result = race(workers=workers, shared=2, seconds=seconds, with_aws_cli=True)
    losses = tuple(what for what in sorted(result.broken) if what.startswith(("at the end", "aws configure set")))
    figures = [result.figures, *(f"{count} x {what}" for what, count in sorted(result.broken.items()))]
    return Outcome("commands beside aws configure set", result.commands, losses, "; ".join(figures))


def beside_a_slow_writer(pause: str, *, times: int) -> Outcome:
    """Refreshes while another tool has cut the file and not yet written all of it."""
    losses: list[str] = []
    with LocalAWS() as aws, tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), aws)
        owners = [_owner(aws, f"own-{number}") for number in range(2)]
        _let_codes_be_used_again(aws, owners)
        _write_files(home, owners)
        original = home.credentials.read_bytes()
        for _ in range(times):
            losses += _refresh_beside(home, owners[0][1], pause)
            if not home.credentials.read_bytes().startswith(original):
                losses.append(f"keys are gone from the file after a pause of {pause}")
                _write_files(home, owners)
    return Outcome(f"refreshes in the middle of a write, pause {pause}", times, tuple(losses))


def _refresh_beside(home: Home, device: MFADevice, pause: str) -> Iterator[str]:
    command = [sys.executable, "-c", SLOW_WRITER, str(home.credentials), pause]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        done = home.run_warm("refresh", "own-0", "--force", "--token-code", device.code())
        writer.communicate("\n")
    if done.code != (1 if pause == "stopped" else 0):
        yield f"refresh ended with {done.code} after a pause of {pause}: {done.errors[:1]}"


def race(*, workers: int, shared: int, seconds: float, with_aws_cli: bool = False, before: str = "") -> Race:
    """Let processes loose on one home; ``before`` is Python that each command runs first."""
    with LocalAWS() as aws, tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), aws)
        own = [_owner(aws, f"own-{number}") for number in range(workers)]
        common = [_owner(aws, f"shared-{number}") for number in range(shared)]
        _let_codes_be_used_again(aws, [*own, *common])
        _write_files(home, [*own, *common])
        originals = _contents(home)
        plan = Plan(
            home=name,
            env=home.environment(),
            texts=originals,
            seconds=seconds,
            own=[_base(*owner) for owner in own],
            shared=[_base(*owner) for owner in common],
            readers=2,
            with_aws_cli=with_aws_cli,
            before=before,
        )
        reports = _run(plan, home)
        broken = sum((report.broken for report in reports), Counter[str]())
        broken += _compared_with_aws(home, reports, aws_sessions(own), aws_sessions(common))
        broken += _base_profiles_gone(home, [*own, *common])
        if not with_aws_cli:
            broken += _bytes_changed(home, originals)
    slowest = max(report.slowest for report in reports)
    return Race(sum(r.commands for r in reports), sum(r.looks for r in reports), broken, slowest)


def _owner(aws: LocalAWS, name: str) -> Owner:
    user = aws.create_user(name)
    return user, user.add_virtual_device()


def _base(user: User, device: MFADevice) -> Base:
    assert device.seed is not None
    return Base(user.name, user.access_key_id, device.seed)


def _let_codes_be_used_again(aws: LocalAWS, owners: list[Owner]) -> None:
    """AWS takes each code once: with that, all would wait for half a minute after each refresh."""
    devices = {device.serial_number: device for _, device in owners}

    def forget(request: Request) -> None:
        if device := devices.get(request.parameters.get("SerialNumber", "")):
            device.spent.clear()

    aws.before = forget


def _write_files(home: Home, owners: list[Owner]) -> None:
    settings = "".join(
        f"[profile {user.name}]\nregion = us-west-2\nmfa_serial = {device.serial_number}\n" for user, device in owners
    )
    home.secrets.extend(user.secret_access_key for user, _ in owners)
    home.write(CREDENTIALS + "".join(base_section(user, user.name) for user, _ in owners), CONFIG + settings)


def _contents(home: Home) -> tuple[str, str]:
    return home.credentials.read_bytes().decode(), home.config.read_bytes().decode()


def _run(plan: Plan, home: Home) -> list[Report]:
    directory = home.path / "reports"
    directory.mkdir()
    plan.dump(home.path / "plan")
    command = [sys.executable, "-m", "tests.trials.racers", str(home.path / "plan"), str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=plan.seconds + 300)
    return [Report.load(path) for path in sorted(directory.iterdir())]


def aws_sessions(owners: list[Owner]) -> dict[str, list[Session]]:
    """The sessions that AWS gave to each user, in their order."""
    given = [session for user, _ in owners[:1] for session in user.account.sessions.values()]
    return {user.name: [session for session in given if session.principal.name == user.name] for user, _ in owners}


def _compared_with_aws(
    home: Home, reports: list[Report], own: dict[str, list[Session]], common: dict[str, list[Session]]
) -> Counter[str]:
    """What each worker saw in its own profile is what AWS gave to it, and all else was whole."""
    broken = Counter[str]()
    at_the_end = sections(home.credentials)
    for report in reports:
        if report.name in own:
            given = [session.access_key_id for session in own[report.name]]
            broken["a session that AWS gave was not in the file after the refresh"] += len(
                set(given) - set(report.seen)
            )
            broken["a refresh stored what AWS did not give"] += len(set(report.seen) - set(given))
            found = at_the_end.get(f"{report.name}-mfa", {}).get("aws_access_key_id")
            broken["the last update was lost"] += found != report.left
    whole = {
        digest(session.access_key_id, session.secret_access_key, session.session_token)
        for sessions in (*own.values(), *common.values())
        for session in sessions
    }
    broken["a session was seen that AWS never gave"] += len(set[str]().union(*(r.sessions for r in reports)) - whole)
    return +broken


def _base_profiles_gone(home: Home, owners: list[Owner]) -> Counter[str]:
    """No key that only these files hold is gone for good."""
    names = ["untouched", "Odd Name", *(user.name for user, _ in owners)]
    present = sections(home.credentials)
    left = [path.name for path in home.credentials.parent.iterdir() if path.name.endswith(".tmp")]
    return +Counter(
        {
            "at the end a base profile was gone": sum(name not in present for name in names),
            "at the end a temporary file was left": len(left),
        }
    )


def _bytes_changed(home: Home, originals: tuple[str, str]) -> Counter[str]:
    """Once all that is ours is taken out, each byte is as it was."""
    cleared = home.run_warm("clear", "--all").code == 0
    return +Counter({"at the end the files were not as before": not (cleared and originals == _contents(home))})


def sections(path: Path) -> dict[str, dict[str, str]]:
    """The sections of a file, and what is in them."""
    parser = RawConfigParser()
    parser.read(path)
    return {name: dict(parser.items(name)) for name in parser.sections()}
