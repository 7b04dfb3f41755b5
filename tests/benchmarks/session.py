"""Getting a session: until the prompt shows, from Enter to the end, and the whole command with the code on stdin."""

from collections.abc import Iterator
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
    slow = bench.aws.faults.add(latency=LATENCY)
    found = bench.compare([refresh(bench, typed=True), aws_mfa(bench, typed=True), *_aws2(bench, typed=True)])
    bench.aws.faults.remove(slow)
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
    slow = bench.aws.faults.add(latency=latency)
    rivals = [aws_mfa(bench), _awsume(bench), *_aws2(bench)]
    found = bench.compare([refresh(bench), *rivals])
    bench.aws.faults.remove(slow)
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
    home = bench.home()
    if typed:
        asked = replace(bench.tool("refresh", BASE, home=home), prompt="MFA code")
        return Contender("mfa-profiles", asked, bench.base_files())
    run = bench.tool("refresh", BASE, "--token-code", "-", home=home, stdin=f"{CODE}\n")
    return Contender("mfa-profiles", run, bench.base_files())


def aws_mfa(bench: Bench, *, typed: bool = False) -> Contender:
    """The same by aws-mfa."""
    home = bench.home()
    credentials = bench.base_section(f"{BASE}-long-term") + f"aws_mfa_device = {bench.device.serial_number}\n"
    # It does not look for the region of the profile.
    files = {"credentials": credentials, "config": f"[default]\nregion = {REGION}\n"}
    run = bench.run(bench.peers.program("aws-mfa", "aws-mfa"), "--profile", BASE, home=home, stdin=f"{CODE}\n")
    return Contender("aws-mfa", replace(run, prompt="Enter AWS MFA code") if typed else run, files)


def _awsume(bench: Bench) -> Contender:
    # What `awsume` runs; what it prints is for the shell. Its cache of sessions is left out: a new one is wanted.
    home = bench.home()
    program = bench.peers.program("awsume", "awsumepy")
    run = bench.run(program, BASE, "--refresh", "--mfa-token", CODE, home=home)
    return Contender("awsume", run, bench.base_files())


def _aws2(bench: Bench, *, typed: bool = False) -> list[Contender]:
    if bench.peers.aws2 is None:
        return []
    home = bench.home()
    arguments = ("configure", "mfa-login", "--profile", BASE, "--update-profile", DERIVED)
    run = bench.run(bench.peers.aws2, *arguments, home=home, stdin=f"{CODE}\n")
    run = replace(run, prompt="MFA token code") if typed else run
    return [Contender("aws configure mfa-login", run, bench.base_files())]
