"""Attempts to call AWS. What goes wrong in one is explained by ``refusals``, which nobody needs before that."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import NamedTuple

from mfa_profiles import settings
from mfa_profiles.aws import crashes
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
    """Turn whatever botocore raises into an AWSError, which has nothing of the original in it. Nothing is logged.

    A crash stays the exception that it is.
    """

    def explain(error: Exception) -> MfaProfilesError:
        from mfa_profiles.aws import refusals

        return refusals.of_call(error, attempt)

    return _explained(explain, crashes.is_crash)


def credentials_explained(profiles: Profiles, profile: str) -> AbstractContextManager[None]:
    """Turn whatever botocore raises while it gets a profile's credentials into an AWSError or a ProfileError.

    A crash stays the exception that it is.
    """

    def explain(error: Exception) -> MfaProfilesError:
        from mfa_profiles.aws import refusals

        return refusals.of_credentials(error, profiles, profile)

    def is_crash(error: Exception) -> bool:
        if _reads_answers(profiles, profile):
            return isinstance(error, crashes.NEVER_OF_AN_ANSWER)
        return crashes.is_crash(error) and not _has_misplaced_block(profiles, profile)

    return _explained(explain, is_crash)


def _reads_answers(profiles: Profiles, profile: str) -> bool:
    """Return True if botocore reads answers for a profile without an event: of a machine, a cache, or a command.

    The command is that of a source; that of the profile itself is watched.
    """
    seen: list[str] = []
    name: str | None = profile
    while name and name not in seen:
        keys = _ANSWERING if name == profile else (*_ANSWERING, "credential_process")
        if any(profiles.setting(name, key) for key in keys):
            return True
        seen.append(name)
        name = profiles.setting(name, "source_profile")
    return False


_ANSWERING = ("credential_source", "login_session", "sso_session", "sso_start_url")


def _has_misplaced_block(profiles: Profiles, profile: str) -> bool:
    """Return True if a setting that leads to credentials is a block, where botocore expects a text."""
    values = profiles.settings(profile)
    values |= profiles.config.sections.get(f"sso-session {values.get('sso_session')}", {})
    return any(values[name].startswith("\n") for name in settings.replaced_by_keys(values))


@contextlib.contextmanager
def _explained(
    explain: Callable[[Exception], MfaProfilesError], is_crash: Callable[[Exception], bool]
) -> Iterator[None]:
    with crashes.no_answer_yet():
        try:
            with quiet():
                yield
        except MfaProfilesError:
            raise
        except Exception as error:
            if is_crash(error):
                raise
            with quiet():  # Some hints call AWS.
                refusal = explain(error)
        else:
            return
        raise refusal  # here, where the original is no context of it
