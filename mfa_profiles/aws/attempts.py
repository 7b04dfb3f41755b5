"""Attempts to call AWS. What goes wrong in one is explained by ``refusals``, which nobody needs before that."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.quiet import quiet
from mfa_profiles.errors import MfaProfilesError
from mfa_profiles.profiles import Profiles
from mfa_profiles.roles import Role


class Attempt(NamedTuple):
    """A call to AWS, as far as its refusal can be explained by it."""

    action: str
    caller: Caller
    serial_number: str | None = None
    duration: timedelta | None = None
    role: Role | None = None


@contextlib.contextmanager
def explained(attempt: Attempt) -> Iterator[None]:
    """Turn whatever botocore raises into an AWSError, which has nothing of the original in it. Nothing is logged."""
    try:
        with quiet():
            yield
    except MfaProfilesError:
        raise
    except Exception as error:  # noqa: BLE001 - botocore's parsers raise what they are led to
        from mfa_profiles.aws import refusals

        refusal = refusals.of_call(error, attempt)
    else:
        return
    raise refusal


@contextlib.contextmanager
def credentials_explained(profiles: Profiles, profile: str) -> Iterator[None]:
    """Turn whatever botocore raises while it gets a profile's credentials into an AWSError or a ProfileError."""
    try:
        with quiet():
            yield
    except MfaProfilesError:
        raise
    except Exception as error:  # noqa: BLE001 - commands, files and services of all kinds are behind it
        from mfa_profiles.aws import refusals

        refusal = refusals.of_credentials(error, profiles, profile)
    else:
        return
    raise refusal
