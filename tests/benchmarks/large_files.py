"""Files of 10 to 10,000 profiles: how long commands take with them, and how that grows."""

import configparser
import math
import timeit
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from mfa_profiles import plain_ini
from mfa_profiles.sessions import Origin, expiration_comment, format_time
from tests.benchmarks import Figure
from tests.benchmarks.bench import BASE, CODE, DERIVED, REGION, Bench, Contender

SIZES = (10, 100, 1_000, 10_000)
FEW, MANY, MOST = SIZES[0], SIZES[-2], SIZES[-1]


def run(bench: Bench) -> Iterator[Figure]:
    """Measure."""
    yield _reading(_files(bench, MOST)["credentials"])
    # What a thousand profiles add is some milliseconds: their exponent takes more runs than anything else.
    often = [size for size in SIZES for _ in range(1 if size == MOST else 3)]
    contenders = [contender for size in often for contender in _contenders(bench, size)]
    found = {name: time.seconds for name, time in bench.compare(contenders).items()}
    bytes_of_most = sum(len(text) for text in _files(bench, MOST).values())
    note = f"{bytes_of_most / 1e6:.1f} MB"
    for command in ("status", "refresh", "clear"):
        seconds = {size: found[_name(command, size)] for size in SIZES}
        for size in SIZES[:-1]:
            yield Figure(_name(command, size), seconds[size])
        target = 0.5 if command == "status" else None
        yield Figure(_name(command, MOST), seconds[MOST], at_most=target, note=note)
        yield Figure(f"{command}, growth exponent beyond {MANY:,} profiles", _exponent(seconds), "", at_most=1.1)
        if command == "refresh":
            name = f"refresh with {FEW} profiles"
            yield Figure(_name(command, MOST), seconds[MOST], "s", name, seconds[FEW], 1.5, beyond=True)


def _reading(text: str) -> Figure:
    """Of the one step that all commands have in common, for files of nearly everybody."""

    def seconds(read: Callable[[str], object]) -> float:
        return min(timeit.repeat(lambda: read(text), number=1, repeat=5))

    ours, theirs = seconds(plain_ini.read), seconds(lambda text: configparser.RawConfigParser().read_string(text))
    return Figure(f"reading a file of {MOST:,} profiles", ours, "s", "configparser", theirs)


def _name(command: str, size: int) -> str:
    return f"{command}, {size:,} profiles"


def _exponent(seconds: Mapping[int, float]) -> float:
    """Of what a command takes beyond the time that it takes with nearly nothing in the files."""
    many, most = (seconds[size] - seconds[FEW] for size in (MANY, MOST))
    return math.log(most / max(many, 0.001)) / math.log(MOST / MANY)


def _contenders(bench: Bench, size: int) -> list[Contender]:
    files = _files(bench, size)
    commands = {
        "status": bench.tool("status", home=bench.home()),
        "refresh": bench.tool("refresh", BASE, "--force", "--token-code", "-", home=bench.home(), stdin=f"{CODE}\n"),
        "clear": bench.tool("clear", DERIVED, home=bench.home()),
    }
    return [Contender(_name(command, size), run, files) for command, run in commands.items()]


def _files(bench: Bench, size: int) -> dict[str, str]:
    """Both files with so many profiles: every second one is derived from the one before, and has a session."""
    names = [f"project-{number:04}" for number in range(size // 2)]
    names[len(names) // 2] = BASE
    expires = datetime.now(UTC) + timedelta(hours=11)
    credentials, config = [], []
    for name in names:
        comment = expiration_comment(expires, Origin(name, bench.device.serial_number))
        credentials.append(
            f"# Keys of {name}\n{bench.base_section(name)}\n[{name}-mfa]\n{comment}\n"
            f"aws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = {'s' * 40}\n"
            f"aws_session_token = {'t' * 380}\nx_security_token_expires = {format_time(expires)}\n\n"
        )
        config.append(
            f"[profile {name}]\nregion = {REGION}\noutput = json\nmfa_serial = {bench.device.serial_number}\n\n"
            f"[profile {name}-mfa]\nregion = {REGION}\noutput = json\n\n"
        )
    return {"credentials": "".join(credentials), "config": "".join(config)}
