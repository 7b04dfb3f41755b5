"""The MFA devices of a user: which there are, and which one a session is asked for with."""

from collections.abc import Sequence
from dataclasses import dataclass

from mfa_profiles import parallel, roles, shared_files
from mfa_profiles.aws import iam
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import Clients
from mfa_profiles.aws.mfa_device import MFADevice
from mfa_profiles.commands import Context
from mfa_profiles.commands.keys import KeyRing, no_mfa_session
from mfa_profiles.commands.known_device import PASSKEY, REGISTER, KnownDevice, find_known_device
from mfa_profiles.errors import (
    AWSError,
    NoMFADeviceError,
    OnlyPasskeysError,
    PermissionDeniedError,
)


@dataclass(frozen=True)
class ListedDevice:
    """A device as ``devices`` shows it; ``chosen_because`` says why refresh takes this one, None if it does not."""

    serial_number: str
    kind: str
    why_not: str | None
    chosen_because: str | None = None

    def as_json(self) -> dict[str, str | bool | None]:
        """The object that ``--json`` prints."""
        return {
            "serial_number": self.serial_number,
            "kind": self.kind,
            "usable": self.why_not is None,
            "why_not": self.why_not,
            "chosen": self.chosen_because is not None,
            "chosen_because": self.chosen_because,
        }


def devices(name: str, context: Context) -> list[ListedDevice]:
    """The MFA devices of the user behind a profile, and which of them refresh takes.

    If AWS does not allow to list them, those that are configured or remembered. Raises an MfaProfilesError if nothing
    is known.
    """
    profiles = shared_files.load(context.paths)
    chain = roles.sources(profiles, profiles.pair(name).base)
    pair = profiles.pair(chain[-1])
    known = find_known_device(None, profiles, pair, tuple(reversed(chain[:-1])))
    region = region_of(profiles, pair, context.environment, known.serial_number if known else None)
    keys = KeyRing().of(profiles, pair.base, roles.role_of(profiles, pair.base))
    if keys.session_token:
        raise no_mfa_session(profiles, pair.base)
    caller = Caller(Clients(profiles, context.now), pair.base, keys, pair.base, region)
    try:
        found = parallel.run(lambda: iam.list_mfa_devices(caller))
    except PermissionDeniedError as error:
        if known is None:
            raise
        context.warn(f"{error.message}: only what is configured is shown")
        found = [MFADevice(known.serial_number)]
    if known is not None and known.serial_number not in [device.serial_number for device in found]:
        context.warn(f"{known.serial_number} is not a device of this user, but {known.because}")
    return _listed(found, known)


def _listed(found: Sequence[MFADevice], known: KnownDevice | None) -> list[ListedDevice]:
    usable = [device for device in found if device.gives_codes]
    listed = []
    for device in found:
        because = None
        if known is not None:
            is_taken = known.serial_number == device.serial_number and device.gives_codes
            because = known.because if is_taken else None
        elif usable == [device]:
            because = "it is the only one that gives codes"
        why_not = None if device.gives_codes else PASSKEY
        listed.append(ListedDevice(device.serial_number, device.kind, why_not, because))
    return listed


def discover_serial_number(caller: Caller, context: Context) -> str:
    """The serial number that AWS knows for the caller; a person chooses among several. Passkeys are left out."""
    usable = usable_serial_numbers(caller, context)
    return usable[0] if len(usable) == 1 else choose(usable, context)


def usable_serial_numbers(caller: Caller, context: Context) -> list[str]:
    """Those of the caller's devices that give codes.

    Raises NoMFADeviceError (OnlyPasskeysError) if there is none, or AWSError.
    """
    found = parallel.run(lambda: iam.list_mfa_devices(caller))
    usable = [device.serial_number for device in found if device.gives_codes]
    passkeys = len(found) - len(usable)
    if not found:
        raise NoMFADeviceError(f"the user of profile {caller.profile} has no MFA device", *REGISTER)
    if not usable:
        raise OnlyPasskeysError(
            f"the user of profile {caller.profile} has no MFA device for codes: only passkeys, and AWS STS takes "
            "codes only",
            *REGISTER,
        )
    if passkeys:
        context.warn(f"left out {passkeys} passkey{'s' * (passkeys > 1)}: AWS STS takes codes only")
    return usable


def choose(serial_numbers: list[str], context: Context) -> str:
    """The one of several devices that a person chooses by its number. Raises AWSError if there is no terminal."""
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
