"""Which MFA device a session is asked for with."""

import re

from mfa_profiles.aws import iam
from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.refusals import not_a_serial_number
from mfa_profiles.commands import Context
from mfa_profiles.errors import AWSError, ProfileError
from mfa_profiles.profiles import ProfilePair, Profiles

# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html, SerialNumber
_SERIAL_NUMBER = re.compile(r"[\w+=/:,.@-]{9,256}", re.ASCII)


def known_serial_number(option: str | None, profiles: Profiles, pair: ProfilePair) -> str | None:
    """The serial number that was given, configured, or remembered in the derived section, in this order."""
    origin = profiles.origins.get(pair.derived)
    remembered = origin.mfa_serial if origin and origin.source_profile == pair.base else None
    serial_number = option or profiles.mfa_serial(pair.base) or remembered
    if not serial_number:
        return None
    if not _SERIAL_NUMBER.fullmatch(serial_number):
        raise ProfileError(*not_a_serial_number(serial_number))
    if not iam.MFADevice(serial_number).gives_codes:
        raise ProfileError(f"{serial_number} is a passkey, and AWS STS takes codes only", *_REGISTER)
    return serial_number


def discover_serial_number(caller: Caller, context: Context) -> str:
    """The serial number that AWS knows for the caller; a person chooses among several. Passkeys are left out."""
    devices = iam.list_mfa_devices(caller)
    usable = [device.serial_number for device in devices if device.gives_codes]
    passkeys = len(devices) - len(usable)
    if not usable:
        found = "only passkeys, and AWS STS takes codes only" if passkeys else "none"
        raise AWSError(f"the user of profile {caller.pair.base} has no MFA device for codes: {found}", *_REGISTER)
    if passkeys:
        context.warn(f"left out {passkeys} passkey{'s' * (passkeys > 1)}: AWS STS takes codes only")
    return usable[0] if len(usable) == 1 else _choose(usable, context)


_REGISTER = (
    "register an authenticator app beside it: IAM console, your name at the top right, Security credentials,",
    "Assign MFA device, Authenticator app",
)


def _choose(serial_numbers: list[str], context: Context) -> str:
    if context.ask is None:
        raise AWSError(
            f"there are {len(serial_numbers)} MFA devices: {', '.join(serial_numbers)}",
            "name one with --serial-number, or set mfa_serial in the base profile",
        )
    choices = "\n".join(f"  {number}  {serial}" for number, serial in enumerate(serial_numbers, 1))
    while True:
        answer = context.ask(f"MFA devices:\n{choices}\nWhich one gives the code (1-{len(serial_numbers)})?").strip()
        if answer.isascii() and answer.isdigit() and 1 <= int(answer) <= len(serial_numbers):
            return serial_numbers[int(answer) - 1]
