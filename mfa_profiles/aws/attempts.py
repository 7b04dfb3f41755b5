"""Attempts to call AWS. What goes wrong in one is explained by ``refusals``, which nobody needs before that."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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


def explained(attempt: Attempt) -> AbstractContextManager[None]:
    """Turn whatever botocore raises into an AWSError, which has nothing of the original in it. Nothing is logged."""

    def explain(error: Exception) -> MfaProfilesError:
        from mfa_profiles.aws import refusals

        return refusals.of_call(error, attempt)

    return _explained(explain)


def credentials_explained(profiles: Profiles, profile: str) -> AbstractContextManager[None]:
    """Turn whatever botocore raises while it gets a profile's credentials into an AWSError or a ProfileError."""

    def explain(error: Exception) -> MfaProfilesError:
        from mfa_profiles.aws import refusals

        return refusals.of_credentials(error, profiles, profile)

    return _explained(explain)


@contextlib.contextmanager
def _explained(explain: Callable[[Exception], MfaProfilesError]) -> Iterator[None]:
    try:
        with quiet():
            yield
    except MfaProfilesError:
        raise
    except Exception as error:  # noqa: BLE001 - commands, files, services and botocore's parsers are behind it
        with quiet():  # some hints take calls, too
            refusal = explain(error)
    else:
        return
    raise refusal  # here, where the original is no context of it
