"""An MFA device, of which its serial number tells what it is."""

from typing import NamedTuple

from mfa_profiles.profiles import shown

SERIAL_NUMBER_FORM = "it is an ARN such as arn:aws:iam::123456789012:mfa/john.doe, or the number of a hardware token"


class MFADevice(NamedTuple):
    """An MFA device by its serial number: an ARN, or for some hardware tokens the number on their back."""

    serial_number: str

    @property
    def kind(self) -> str:
        """``virtual`` (an authenticator app), ``hardware`` (a token) or ``passkey`` (any FIDO device).

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html and the serial numbers that
        https://docs.aws.amazon.com/IAM/latest/APIReference/API_MFADevice.html describes.
        """
        if ":u2f/" in self.serial_number:
            return "passkey"
        return "virtual" if ":mfa/" in self.serial_number else "hardware"

    @property
    def gives_codes(self) -> bool:
        """False for passkeys: the STS API takes nothing but six digits."""
        return self.kind != "passkey"


def not_a_serial_number(text: str) -> tuple[str, str]:
    """The sentence and the hint for what cannot be the serial number of an MFA device."""
    return f"{shown(text)} is not the serial number of an MFA device", SERIAL_NUMBER_FORM
