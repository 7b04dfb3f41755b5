"""One MFA code becomes a profile that works everywhere, shown from beginning to end against a local AWS.

Run it as ``python -m examples.demo``, with the development dependencies installed. It makes a home directory of its
own, with the files that the guide for NASA's SMCE has its readers write, and touches nothing else.
"""

import difflib
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pexpect

from tests.local_aws import LocalAWS, MFADevice, User

CREDENTIALS = """\
# Keys of my accounts. New ones are due every 60 days: the next on 1 December.

[smce-veda]
aws_access_key_id = {access_key_id}
aws_secret_access_key = {secret_access_key}

; the old account, until the data is moved
[uah-veda]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"""

CONFIG = """\
[profile smce-veda]
region = us-west-2
output = json
s3 =
    # the disaster imagery comes in many small files
    max_concurrent_requests = 20

[profile uah-veda]
region=us-east-1"""

WHO_AM_I = 'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"])'


def main() -> None:
    """Show it, and fail if any of it does not work."""
    with LocalAWS() as aws, tempfile.TemporaryDirectory(prefix="mfa-profiles-demo-") as home:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        demo = Demo(Path(home), aws, user)
        demo.refresh(device)
        demo.show_changes()
        demo.who_am_i(user)
        demo.run("mfa-profiles status")


class Demo:
    """A home directory, and commands run in it."""

    def __init__(self, home: Path, aws: LocalAWS, user: User) -> None:
        directory = home / ".aws"
        directory.mkdir(mode=0o700)
        keys = {"access_key_id": user.access_key_id, "secret_access_key": user.secret_access_key}
        self.before = {directory / "credentials": CREDENTIALS.format(**keys), directory / "config": CONFIG}
        for path, text in self.before.items():
            path.touch(0o600)
            path.write_text(text)
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = others | {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{others['PATH']}",
            "AWS_ENDPOINT_URL": aws.endpoint_url,
        }

    def refresh(self, device: MFADevice) -> None:
        """Refresh, and type the code that the device shows now."""
        self.run("mfa-profiles refresh smce-veda", answers={"MFA code for .*: ": device.code()})

    def show_changes(self) -> None:
        """What has changed in both files; every other byte, and each file's mode, is what it was."""
        for path, before in self.before.items():
            print(f"\n$ diff {path.name} (secrets left out here)")
            after = path.read_text()
            if not after.startswith(before) or path.stat().st_mode & 0o777 != 0o600:
                sys.exit(f"{path.name} is not what it was")
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=1)
            print("\n".join(re.sub(r"(secret_access_key|session_token) = .*", r"\1 = ...", line) for line in lines))

    def who_am_i(self, user: User) -> None:
        """Ask AWS with plain boto3, which knows nothing but the name of the profile."""
        self.environment["AWS_PROFILE"] = "smce-veda-mfa"
        print("\n$ export AWS_PROFILE=smce-veda-mfa")
        if self.run(f"python -c '{WHO_AM_I}'") != user.arn:
            sys.exit("that is somebody else")

    def run(self, command: str, answers: Mapping[str, str] | None = None) -> str:
        """Run a command on a terminal, type the answers it waits for, and return what it printed."""
        print(f"$ {command}", flush=True)
        child = pexpect.spawn(command, env=self.environment, encoding="utf-8", timeout=30)
        child.logfile_read = sys.stdout
        for question, answer in (answers or {}).items():
            child.expect(question)
            child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        if child.exitstatus != 0:
            sys.exit(f"{command.split()[0]} failed")
        return str(child.before).strip()


if __name__ == "__main__":
    main()
