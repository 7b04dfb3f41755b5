"""Run a command with the credentials of a profile in its environment."""

import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import NoReturn

from mfa_profiles import ancestors, environment, log, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, ReadyProfile, credentials
from mfa_profiles.errors import CommandError
from mfa_profiles.profiles import shown


@dataclass(frozen=True)
class Execution:
    """The whole environment of the command, and the profile whose credentials are in it."""

    environment: dict[str, str] = field(repr=False)
    ready: ReadyProfile


def execution(name: str, options: CredentialsOptions, context: Context) -> Execution:
    """The environment of this process with the credentials and settings of a profile in place of all others.

    Raises MfaProfilesError if there are none.
    """
    found = credentials(name, options, context)
    variables = environment.of_keys(found.keys, found.expiration, found.region, found.settings, context.environment)
    own = ancestors.without_own_variables(context.environment)
    kept = {key: value for key, value in own.items() if key not in variables}
    if _lc_ctype_is_pythons():
        kept.pop("LC_CTYPE", None)
    return Execution(kept | {key: value for key, value in variables.items() if value is not None}, found)


def _lc_ctype_is_pythons() -> bool:
    """True if this process was not given an LC_CTYPE: Python sets one where there is no locale (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as given:
            return not any(variable.startswith(b"LC_CTYPE=") for variable in given.read().split(b"\0"))
    except OSError:  # not Linux: it cannot be told, and does no harm
        return False


def refuse_what_cannot_run(name: str, command: str, context: Context) -> None:
    """Raise CommandError for a command that cannot be run, before a code is asked for its sake.

    Raises ProfileError first if there is no such profile: who forgets it has given the command in its place.
    """
    import shutil

    shared_files.load(context.paths).pair(name)
    is_path = os.sep in command
    if not (os.path.exists(command) if is_path else shutil.which(command, mode=os.F_OK)):
        raise CommandError(127, f"there is no command {shown(command)}")
    if os.path.isdir(command) and is_path:
        raise CommandError(126, f"{shown(command)} could not be run: it is a directory")
    if not (os.access(command, os.X_OK) if is_path else shutil.which(command)):
        raise CommandError(126, f"{shown(command)} could not be run: permission denied")


def replace_process(command: list[str], execution: Execution) -> NoReturn:
    """Become the command, whose exit code and signals are its own. Raises CommandError if that cannot be."""
    log.step(f"becomes {shown(command[0])}, with the credentials in its environment")
    # What is ignored stays so in the new program, and Python ignores these two.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    try:
        os.execvpe(command[0], command, execution.environment)  # noqa: S606 - it is what the person asked for
    except FileNotFoundError:  # although it is there
        raise CommandError(
            126, f"{command[0]} could not be run: its interpreter (see its first line) is missing"
        ) from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it cannot be").lower()
        raise CommandError(126, f"{command[0]} could not be run: {reason}") from None
