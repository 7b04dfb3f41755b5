"""The MFA device that AWS need not be asked for: it was given, is configured, or remembered."""

from collections.abc import Sequence
from typing import NamedTuple

from mfa_profiles.aws import values
from mfa_profiles.aws.mfa_device import MFADevice, not_a_serial_number
from mfa_profiles.commands.status import Mismatch, mismatch_of
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import ProfilePair, Profiles

PASSKEY = "a passkey, and AWS STS takes codes only"

REGISTER = (
    "register an authenticator app: IAM console, your name at the top right, Security credentials,",
    "Assign MFA device, Authenticator app",
)


class KnownDevice(NamedTuple):
    """A serial number that AWS need not be asked for, and where it stands."""

    serial_number: str
    because: str


def known_serial_number(
    option: str | None, profiles: Profiles, pair: ProfilePair, lenders: Sequence[str] = ()
) -> KnownDevice | None:
    """The device that was given, configured, or remembered in the derived section, in this order.

    ``lenders`` are role profiles whose ``mfa_serial`` counts if their source has none. Raises ProfileError for one
    that cannot give codes.
    """
    known = find_known_device(option, profiles, pair, lenders)
    if known is None:
        return None
    try:
        values.serial_number(known.serial_number)
    except ValueError:
        for name in () if option else (pair.base, *lenders):
            profiles.refuse_faults(name, "mfa_serial", "aws_mfa_device")
        raise ProfileError(*not_a_serial_number(known.serial_number)) from None
    if not MFADevice(known.serial_number).gives_codes:
        raise ProfileError(f"{known.serial_number} is {PASSKEY}", *REGISTER)
    return known


def find_known_device(
    option: str | None, profiles: Profiles, pair: ProfilePair, lenders: Sequence[str]
) -> KnownDevice | None:
    """The same, whatever is wrong with it."""
    named = find_named_device(option, profiles, pair, lenders)
    if named is not None:
        return named
    for each in (pair, *(profiles.pair(lender) for lender in lenders)):
        origin = profiles.origins.get(each.derived)
        if not origin or not origin.mfa_serial:
            continue
        # A session of another access key may be one of another user.
        if mismatch_of(profiles, each) not in (Mismatch.PROFILE, Mismatch.ACCESS_KEY):
            return KnownDevice(origin.mfa_serial, f"the session in {each.derived} was made with it")
    return None


def find_named_device(
    option: str | None, profiles: Profiles, pair: ProfilePair, lenders: Sequence[str]
) -> KnownDevice | None:
    """The device that was given or configured, whatever is wrong with it."""
    if option:
        return KnownDevice(option, "--serial-number names it")
    for profile in (pair.base, *lenders):
        serial_number = profiles.mfa_serial(profile)
        if serial_number:
            return KnownDevice(serial_number, f"profile {profile} names it")
    return None
