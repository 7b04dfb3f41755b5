"""How often something goes to AWS and comes back between Enter and the end, over TLS: by counting."""

import statistics
from collections.abc import Iterator
from dataclasses import replace

from tests.benchmarks import Figure
from tests.benchmarks.bench import Bench, Contender
from tests.benchmarks.session import aws_mfa, refresh
from tests.benchmarks.stopwatch import Time
from tests.local_aws import LocalAWS, PrivateCA
from tests.proxy import SlowLine

ROUND_TRIP = 0.05


def run(bench: Bench) -> Iterator[Figure]:
    """Measure."""
    authority = PrivateCA()
    bundle = bench.directory / "authority.pem"
    authority.write_pem(bundle)
    with LocalAWS(authority=authority) as aws, SlowLine(aws.port, ROUND_TRIP) as line:
        user = aws.create_user("john.doe")
        variables = {"AWS_ENDPOINT_URL": f"https://127.0.0.1:{line.port}", "AWS_CA_BUNDLE": str(bundle)}
        behind = replace(bench, aws=aws, user=user, device=user.add_virtual_device(), variables=variables)
        ours, theirs = refresh(behind, typed=True), aws_mfa(behind, typed=True)
        found = {contender.name: _counted(behind, contender, line) for contender in (ours, theirs)}
    times = {name: statistics.median(time.from_enter for time, _ in counted) for name, counted in found.items()}
    # No number of rounds makes up for one in which there were more.
    most = {name: max(number for _, number in counted) for name, counted in found.items()}
    yield Figure("round trips after Enter, over TLS", most[ours.name], "", theirs.name, most[theirs.name])
    yield Figure("round trips after Enter, over TLS", most[ours.name], "", at_most=1)
    what = "Enter to exit, over TLS, round trips of 50 ms"
    yield Figure(what, times[ours.name], "s", theirs.name, times[theirs.name], 0.55)


def _counted(bench: Bench, contender: Contender, line: SlowLine) -> list[tuple[Time, int]]:
    found = []
    for _ in range(bench.rounds):
        line.turns.clear()
        time = bench.time(contender)
        found.append((time, sum(turn > time.entered for turn in line.turns)))
    return found
