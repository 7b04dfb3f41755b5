"""Draws ``terminal.svg``, the picture in the README, from a real run against a local AWS.

Run it as ``python -m examples.picture [FILE]``, with the development dependencies installed.
"""

import io
import re
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
from rich.console import Console
from rich.text import Text

from examples.demo import Demo
from mfa_profiles.sessions import Origin, expiration_comment
from tests.local_aws import LocalAWS

FILE = Path(__file__).with_name("terminal.svg")

COLUMNS = 92


def main(arguments: list[str]) -> None:
    """Draw it."""
    path = Path(arguments[0]) if arguments else FILE
    path.write_text(drawn(transcript()))


def transcript() -> str:
    """What is on the terminal after a refresh and a look at all sessions, with the colours' control sequences."""
    with LocalAWS() as aws, tempfile.TemporaryDirectory(prefix="mfa-profiles-picture-") as home:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        demo = Demo(Path(home), aws, user)
        _add_role(Path(home), aws.create_role("operator", trusted=user.arn).arn)
        _add_session(Path(home), "uah-veda", timedelta(minutes=9))
        return "".join(
            [
                run(demo, "mfa-profiles refresh smce-veda", {"MFA code for .*: ": device.code()}),
                run(demo, "export AWS_PROFILE=smce-veda-mfa"),
                run(demo, "mfa-profiles refresh production"),
                run(demo, "mfa-profiles status", ends_with=4),  # as a session is about to end
            ]
        )


def _add_role(home: Path, arn: str) -> None:
    with (home / ".aws" / "config").open("a") as config:
        config.write(f"\n\n[profile production]\nrole_arn = {arn}\nsource_profile = smce-veda\n")


def _add_session(home: Path, base: str, left: timedelta) -> None:
    comment = expiration_comment(datetime.now(UTC) + left, Origin(base))
    keys = "aws_access_key_id = ASIA\naws_secret_access_key = secret\naws_session_token = token\n"
    expires = re.sub(r"# Expires (\S+) .*", r"x_security_token_expires = \1\n", comment)
    with (home / ".aws" / "credentials").open("a") as credentials:
        credentials.write(f"\n[{base}-mfa]\n{comment}\n{keys}{expires}")


def run(demo: Demo, command: str, answers: Mapping[str, str] | None = None, *, ends_with: int = 0) -> str:
    """Run a command on a terminal, type the answers it waits for, and return what a person sees of all that."""
    environment = {**demo.environment, "TERM": "xterm-256color", "TZ": _where_it_is_nine()}
    size = (24, COLUMNS)
    seen = io.StringIO()
    child = pexpect.spawn("/bin/sh", ["-c", command], env=environment, encoding="utf-8", dimensions=size)
    child.logfile_read = seen
    for question, answer in (answers or {}).items():
        child.expect(question)
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    if child.exitstatus != ends_with:
        sys.exit(f"{command} failed: {seen.getvalue()}")
    return f"\x1b[1m$ {command}\x1b[0m\n" + seen.getvalue().replace("\r\n", "\n")


def _where_it_is_nine() -> str:
    """A time zone in which sessions that begin now end on the same day: POSIX has them count from there to UTC."""
    return f"NINE{datetime.now(UTC).hour - 9:+}"


def drawn(text: str) -> str:
    """The picture of a terminal with a text on it, which asks no server for a font."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text.from_ansi(text.rstrip()))
    picture = console.export_svg(title="one MFA code, a profile for every tool", unique_id="terminal")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in picture.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
