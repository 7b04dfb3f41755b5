"""The Python API: a boto3 session of a profile, refreshed first when needed."""

import builtins
import logging
import os
import re
import sys
import time
import types
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from mfa_profiles import environment, shared_files, terminal
from mfa_profiles.aws.credentials import Resolved
from mfa_profiles.aws.refreshing import plain_session, refreshing_session
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, ReadyProfile, credentials, ready_profile
from mfa_profiles.errors import TokenCodeNeededError, UsageError, shell_command, tool_command
from mfa_profiles.mfa_process import parse
from mfa_profiles.token_code import Call, nothing

if TYPE_CHECKING:
    import boto3

# As boto3 does it: silent parts are for whoever configures logging, and without that Python shows warnings on stderr.
logger = logging.getLogger("mfa_profiles")

# What is left of a session is used to the end. Only botocore may not find it ended the moment after it got it.
_NEARLY_NOTHING = timedelta(seconds=1)


def session(
    profile: str | None,
    token_code: str | Callable[[], str] | None,
    region_name: str | None,
    min_remaining: timedelta | None,
) -> "boto3.Session":
    """See ``mfa_profiles.session``."""
    given: object = token_code
    if given is not None and not callable(given) and not (isinstance(given, str) and parse(given)):
        raise UsageError("a token code is six digits, as a string")
    context = Context(
        os.environ, now=now, ask=ask_person, warn=logger.warning, note=logger.warning, wait=_wait, hint=_hint
    )
    options = CredentialsOptions(min_remaining=min_remaining, token_code=token_code)
    name = context.named(profile)
    _refuse_settings_of_another(name, context)
    return open_session(name, options, region_name, context)[0]


def _refuse_settings_of_another(name: str, context: Context) -> None:
    """Raise UsageError if variables were set beside the keys of another profile, such as the endpoint of that one.

    This program may use those keys as well, so the variables cannot be unset here; and boto3 has no way around them.
    """
    profiles = shared_files.load(context.paths)
    own = environment.settings_of(profiles, profiles.pair(name).base).own
    given = environment.given_settings(context.environment)
    others = [each for each in given if context.environment.get(each) not in (None, own.get(each))]
    if others:
        are, them = ("is", "it") if len(others) == 1 else ("are", "them")
        raise UsageError(
            f"{', '.join(others)} in the environment {are} set for the keys of another profile, and boto3 would use "
            f"{them} for profile {name} as well",
            f"start this program without `mfa-profiles exec` and `aws_env --keys`, or unset {' '.join(others)}",
        )


def _hint(text: str) -> None:
    logger.warning("hint: %s", text)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the command line is not there to hand it down


def open_session(
    name: str, options: CredentialsOptions, region_name: str | None, context: Context
) -> tuple["boto3.Session", ReadyProfile]:
    """A boto3 session, and the profile it is of. Raises MfaProfilesError."""
    ready = ready_profile(name, options, context)
    if ready.not_refreshed is not None:
        how = "as it could not be refreshed" if ready.expiration else "without an MFA session"
        context.warn(f"{ready.profile} is used as it is, {how}: {ready.not_refreshed.message}")
        for hint in ready.not_refreshed.hints:
            context.hint(hint)
    if ready.expiration is None:
        return plain_session(ready.profile, region_name or ready.region), ready
    kept = {key: value for key, value in context.environment.items() if key != environment.TOKEN_CODE}
    # Requests are made in threads of all kinds, long after somebody sat there; and that code is spent.
    quiet = logger.debug
    unattended = context._replace(environment=kept, ask=None, warn=quiet, note=quiet, wait=_wait, hint=quiet)

    read = partial(_read, name, ready.profile, unattended)
    return refreshing_session(ready.profile, region_name or ready.region, read), ready


def _read(name: str, profile: str, context: Context) -> Resolved:
    """What the profile holds now; a new session instead of one that has ended, if it takes no person."""
    try:
        found = credentials(name, CredentialsOptions(min_remaining=_NEARLY_NOTHING), context)
    except TokenCodeNeededError:
        raise TokenCodeNeededError(
            f"the session in {profile} has ended, and a new one takes a token code",
            f"get it with `{tool_command('refresh', name)}` in a terminal, `{_magic(name)}` in a notebook, or "
            f"mfa_profiles.session({name!r}): what is open here goes on with it",
        ) from None
    return Resolved(found.keys, found.expiration)


def _magic(name: str) -> str:
    # IPython reads the line like a shell, and expands {expressions} even in quotes.
    return shell_command("%mfa", re.sub(r"[{}]", r"\g<0>\g<0>", name))


def ask_person(question: str, meanwhile: Call = nothing) -> str:
    """Ask the person at the terminal or the notebook. Raises TokenCodeNeededError if there is nobody to answer.

    What a program is given on stdin is data, not an answer: it is not read.
    """
    if not isinstance(builtins.input, types.BuiltinFunctionType):
        # A kernel has replaced it. Jupyter shows the question below the cell.
        return ask_with(builtins.input, question, meanwhile)
    if not _stdin_is_terminal():
        raise _nobody()
    if sys.stdin is not sys.__stdin__:
        return ask_with(builtins.input, question, meanwhile)  # the window of IDLE
    # Not with ``input``: that writes the question to stdout, wherever it leads, and the code into the history.
    if not terminal.is_there():
        raise _nobody()
    return terminal.ask(question, meanwhile)


def _stdin_is_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except (AttributeError, OSError, ValueError):  # closed, or whatever a program has put in its place
        return False


def _nobody() -> TokenCodeNeededError:
    return TokenCodeNeededError(
        "a token code is needed, and there is nobody to ask for it",
        f"run mfa-profiles refresh before this, give the code in {environment.TOKEN_CODE}, or set mfa_process in "
        "the base profile to a command that prints it",
    )


def ask_with(read: Callable[[str], str], question: str, meanwhile: Call) -> str:
    """Ask with a function like ``input``. Raises TokenCodeNeededError if nobody can answer."""
    meanwhile()  # the question is shown by somebody else, at no time that we know
    try:
        return read(f"{question} ")
    except (EOFError, OSError, RuntimeError):  # no stdin; IPython's StdinNotImplementedError is a RuntimeError
        raise _nobody() from None


def _wait(seconds: int, reason: str) -> None:
    logger.warning("%s %d s", reason, seconds)
    time.sleep(seconds)
