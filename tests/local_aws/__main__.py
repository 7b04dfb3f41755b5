"""A local AWS for a person: ``python -m tests.local_aws``, and its device's codes in another terminal."""

import argparse
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.local_aws.clock import Clock
from tests.local_aws.devices import MFADevice
from tests.local_aws.server import LocalAWS

PROFILE = "smce-veda"
ROLE_PROFILE = "production"
REGION = "us-west-2"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.local_aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="hold each answer back")
    home_help = "where to put the AWS files (default: a new temporary directory)"
    parser.add_argument("--home", type=Path, metavar="DIR", help=home_help)
    commands = parser.add_subparsers(dest="command")
    code = commands.add_parser("code", help="print the device's current code")
    code.add_argument("directory", type=Path, metavar="DIR", help="the directory that the server printed")
    chosen = parser.parse_args(arguments)
    if chosen.command == "code":
        print(current_code(chosen.directory))
    else:
        serve(chosen.port, chosen.latency, chosen.home)


def current_code(home: Path) -> str:
    """The code that the device in ``home`` shows now; whether it has been used, only the server knows."""
    try:
        serial_number, seed = (home / "device").read_text().split()
    except FileNotFoundError:
        sys.exit(f"no local AWS runs with files in {home}")
    return MFADevice(serial_number, Clock(), seed).code()


def serve(port: int, latency: float, home: Path | None) -> None:
    """Serve until interrupted or terminated, then remove what was made."""
    # A terminated server must clean up as an interrupted one does; and a shell that starts one in
    # the background lets it ignore interrupts.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), LocalAWS(port) as aws:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        aws.faults.add(latency=latency)
        credentials = (
            f"[{PROFILE}]\n"
            f"aws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
        )
        role = aws.create_role("operator", trusted=user.arn, max_session_duration=43_200)
        files = {
            "credentials": credentials,
            "config": (
                f"[profile {PROFILE}]\nregion = {REGION}\n\n"
                f"[profile {ROLE_PROFILE}]\nrole_arn = {role.arn}\nsource_profile = {PROFILE}\nregion = {REGION}\n"
            ),
            "device": f"{device.serial_number} {device.seed}\n",
        }
        with _directory_with(files, home) as directory:
            exports = {
                "AWS_ENDPOINT_URL": aws.endpoint_url,
                "AWS_SHARED_CREDENTIALS_FILE": str(directory / "credentials"),
                "AWS_CONFIG_FILE": str(directory / "config"),
            }
            print(f"A local AWS is running, with the user {user.arn}")
            print(f"and the MFA device {device.serial_number}.")
            print("Point another terminal at it, in this directory:\n")
            print(f'  export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"')
            for name, value in exports.items():
                print(f"  export {name}={shlex.quote(value)}")
            print(f"\nThen `mfa-profiles refresh {PROFILE} {ROLE_PROFILE}` refreshes a profile and its role.")
            print("`mfa-profiles setup another-name` can be given the same keys:\n")
            print(f"  {user.access_key_id}\n  {user.secret_access_key}")
            print("\nThe code that the device shows now:\n")
            print(f"  {shlex.quote(sys.executable)} -m tests.local_aws code {shlex.quote(str(directory))}")
            print("\nCtrl-C stops it and removes these files.", flush=True)
            signal.pause()


@contextlib.contextmanager
def _directory_with(files: dict[str, str], home: Path | None) -> Iterator[Path]:
    """A directory (0700 if made here) with files (0600), both removed at the end.

    A file that is there already is never touched: the end of the program.
    """
    if home is None:
        temporary = tempfile.TemporaryDirectory(prefix="local-aws-")
        with temporary as name, _directory_with(files, Path(name)) as directory:
            yield directory
        return
    directory, made = home.absolute(), not home.exists()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, text in files.items():
            path = directory / name
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                sys.exit(f"{path} is there already")
            written.append(path)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
        yield directory
    finally:
        for path in written:
            path.unlink(missing_ok=True)
        if made:
            # A directory into which somebody put more is theirs.
            with contextlib.suppress(OSError):
                directory.rmdir()


if __name__ == "__main__":
    main()
