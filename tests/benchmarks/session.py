"""Getting a session: until the prompt shows, from Enter to the end, and the whole command with the code on stdin."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tests.benchmarks import Figure
from tests.benchmarks.bench import BASE, CODE, DERIVED, REGION, Bench, Contender

LATENCY = 0.05


def run(bench: Bench) -> Iterator[Figure]:
    """Measure."""
    yield from _typed(bench)
    for latency, share in ((0.0, 1.0), (LATENCY, 0.95)):
        yield from _whole(bench, latency, share)


def _typed(bench: Bench) -> Iterator[Figure]:
    contenders = [refresh(bench, typed=True), aws_mfa(bench, typed=True)]
    if bench.peers.aws2:
        contenders.append(_aws2(bench, bench.peers.aws2, typed=True))
    with bench.latency(LATENCY):
        found = bench.compare(contenders)
    ours = found.pop("mfa-profiles")
    for name, theirs in found.items():
        target = 0.7 if name == "aws-mfa" else None
        yield Figure("start to prompt", ours.to_prompt, "s", name, theirs.to_prompt, target)
    for name, theirs in found.items():
        yield Figure("Enter to exit, 50 ms server", ours.from_enter, "s", name, theirs.from_enter, 0.55)
    yield Figure(
        "Enter to exit, beyond the server", ours.from_enter, "s", "a server of 50 ms", LATENCY, 0.015, beyond=True
    )


def _whole(bench: Bench, latency: float, share: float) -> Iterator[Figure]:
    contenders = [refresh(bench), aws_mfa(bench), _awsume(bench)]
    if bench.peers.aws2:
        contenders.append(_aws2(bench, bench.peers.aws2))
    with bench.latency(latency):
        found = bench.compare(contenders)
    ours = found.pop("mfa-profiles")
    targets = {"aws-mfa": share, "aws configure mfa-login": 0.75}
    what = f"whole command, {latency * 1000:.0f} ms server"
    for name, theirs in found.items():
        yield Figure(what, ours.seconds, "s", name, theirs.seconds, targets.get(name))
    if latency:
        theirs = found["aws-mfa"]
        yield Figure("peak memory of refresh", ours.peak, "MiB", "aws-mfa", theirs.peak, 10, beyond=True)


def refresh(bench: Bench, *, typed: bool = False) -> Contender:
    """A refresh by the tool, with the code typed or on stdin."""
    command = [bench.peers.program("mfa-profiles", "mfa-profiles"), "refresh", BASE]
    command += [] if typed else ["--token-code", "-"]
    return _contender(bench, "mfa-profiles", command, bench.base_files(), "MFA code" if typed else None)


def aws_mfa(bench: Bench, *, typed: bool = False) -> Contender:
    """The same by aws-mfa."""
    command = [bench.peers.program("aws-mfa", "aws-mfa"), "--profile", BASE]
    credentials = bench.base_section(f"{BASE}-long-term") + f"aws_mfa_device = {bench.device.serial_number}\n"
    # It does not look for the region of the profile.
    files = {"credentials": credentials, "config": f"[default]\nregion = {REGION}\n"}
    return _contender(bench, "aws-mfa", command, files, "Enter AWS MFA code" if typed else None)


def _awsume(bench: Bench) -> Contender:
    # What `awsume` runs; what it prints is for the shell. Its cache of sessions is left out: a new one is wanted.
    command = [bench.peers.program("awsume", "awsumepy"), BASE, "--refresh", "--mfa-token", CODE]
    return _contender(bench, "awsume", command, bench.base_files())


def _aws2(bench: Bench, program: str, *, typed: bool = False) -> Contender:
    command = [program, "configure", "mfa-login", "--profile", BASE, "--update-profile", DERIVED]
    files = bench.base_files()
    return _contender(bench, "aws configure mfa-login", command, files, "MFA token code" if typed else None)


def _contender(
    bench: Bench, name: str, command: Sequence[str], files: Mapping[str, str], prompt: str | None = None
) -> Contender:
    """A command in a home of its own, which has a code on stdin, or asks for it at a ``prompt``."""
    run = bench.run(*command, home=bench.home(), stdin=f"{CODE}\n")
    return Contender(name, replace(run, prompt=prompt), files)
