"""What an error may say of what it is about."""

from mfa_profiles.errors import MfaProfilesError
from tests.trials.fuzzing import MARKER


def check_message(error: MfaProfilesError, *, may_show: bool = False) -> None:
    """It holds nothing that stands for a secret, and nor does what led to it."""
    said = " ".join([error.message, *error.hints])
    assert may_show or MARKER not in said, "a message holds what stands in the file"
    assert may_show or MARKER not in str(error.__context__), "what led to an error holds what stands in the file"
