"""MFA devices: the seed of a virtual or a hardware device, and the codes it shows.

A code is TOTP (RFC 6238) with SHA-1, six digits and windows of 30 seconds, which are the values
AWS requires: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_virtual.html
"""

from dataclasses import dataclass, field

import pyotp

from tests.local_aws.clock import Clock

WINDOW = 30


@dataclass(eq=False)
class MFADevice:
    """A device of a user; without a ``seed`` (base32) it is a passkey, which shows no codes."""

    serial_number: str
    clock: Clock = field(repr=False)
    seed: str | None = field(default=None, repr=False)
    spent: set[int] = field(default_factory=set, repr=False)

    def code(self) -> str:
        """An unused code that is valid right now: of this window, else of the next, else of the last.

        Asking again without using it gives the same code.  One that stands in the serial number is passed over: it
        would be found as a secret in every ARN.  RuntimeError if there is none: advance the server's clock by 30
        seconds for the next one.
        """
        window = self._window()
        for candidate in (window, window + 1, window - 1):
            if candidate not in self.spent and self._code_of(candidate) not in self.serial_number:
                return self._code_of(candidate)
        raise RuntimeError(f"every code of {self.serial_number} valid now has been used")

    def wrong_code(self, number: int = 0) -> str:
        """Six digits that are a code of no window near now; each ``number`` gives others."""
        window = self._window()
        near = {self._code_of(window + step) for step in range(-3, 4)}
        return [code for code in (f"{digits:06}" for digits in range(20 + number)) if code not in near][number]

    def accept(self, code: str) -> bool:
        """Take a code if it is right: one window early or late at most, and each window's once."""
        window = self._window()
        for candidate in (window, window - 1, window + 1):
            if candidate not in self.spent and code == self._code_of(candidate):
                self.spent.add(candidate)
                return True
        return False

    def accept_pair(self, first: str, second: str) -> bool:
        """Take two codes of consecutive windows, as EnableMFADevice asks for."""
        window = self._window()
        for candidate in range(window - 2, window + 2):
            if (first, second) == (self._code_of(candidate), self._code_of(candidate + 1)):
                self.spent |= {candidate, candidate + 1}
                return True
        return False

    def _window(self) -> int:
        return int(self.clock.time()) // WINDOW

    def _code_of(self, window: int) -> str:
        if self.seed is None:
            raise RuntimeError(f"{self.serial_number} is a passkey: it shows no codes")
        return pyotp.TOTP(self.seed, interval=WINDOW).generate_otp(window)
