"""Two hundred roles behind one code, 50 ms each: against boto3 that is asked for one after another."""

import json
from collections.abc import Iterator
from dataclasses import replace

from tests.benchmarks import Figure
from tests.benchmarks.bench import BASE, CODE, Bench, Contender
from tests.benchmarks.session import LATENCY

NUMBER = 200

# With one client and its one connection, and nothing written: faster than any tool that is run for each role.
_ONE_BY_ONE = """
import boto3, json, sys
arns, serial, code, key, secret = json.load(sys.stdin)
sts = boto3.client("sts", aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-west-2")
keys = sts.get_session_token(SerialNumber=serial, TokenCode=code)["Credentials"]
sts = boto3.client("sts", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                   aws_session_token=keys["SessionToken"], region_name="us-west-2")
for arn in arns:
    sts.assume_role(RoleArn=arn, RoleSessionName="one-by-one")
"""


def run(bench: Bench) -> Iterator[Figure]:
    """Measure."""
    roles = {
        f"role-{number:03}": bench.aws.create_role(f"role-{number:03}", trusted=bench.user.arn)
        for number in range(NUMBER)
    }
    files = bench.base_files()
    sections = (
        f"\n[profile {name}]\nrole_arn = {role.arn}\nsource_profile = {BASE}\n" for name, role in roles.items()
    )
    files["config"] += "".join(sections)
    ours = bench.tool("refresh", *roles, "--token-code", "-", home=bench.home(), stdin=f"{CODE}\n")
    one_by_one = bench.run(bench.peers.python, "-c", _ONE_BY_ONE, home=bench.home())
    arns = [role.arn for role in roles.values()]
    user = bench.user
    secrets = [arns, bench.device.serial_number, CODE, user.access_key_id, user.secret_access_key]
    one_by_one = replace(one_by_one, stdin=json.dumps(secrets))
    few = replace(bench, rounds=min(3, bench.rounds))  # one by one takes ten seconds
    with bench.latency(LATENCY):
        found = few.compare([Contender("ours", ours, files), Contender("theirs", one_by_one, files)])
    what = f"sessions of {NUMBER} roles, 50 ms server"
    yield Figure(what, found["ours"].seconds, "s", "boto3, one by one", found["theirs"].seconds, 0.1)
