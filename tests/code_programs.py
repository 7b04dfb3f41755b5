"""Programs that print token codes, for mfa_process."""

from pathlib import Path

from tests.home import Home
from tests.local_aws import MFADevice
from tests.programs import needs

with_oathtool = needs("oathtool")


def add_program(home: Home, name: str, device: MFADevice, arguments: str = "", offset: int = 0) -> Path:
    """A stand-in that knows the arguments it is called with, and has oathtool compute the code of the device."""
    directory = home.path / "bin"
    directory.mkdir(exist_ok=True)
    program = directory / name
    home.secrets.append(str(device.seed))
    program.write_text(
        f"#!/bin/sh\ncase \"$*\" in '{arguments}'*) ;; *) exit 64 ;; esac\necho 'Touch your key...' >&2\n"
        f'exec oathtool --totp --base32 --now "@$(($(date +%s) + {offset}))" {device.seed}\n'
    )
    program.chmod(0o700)
    return program
