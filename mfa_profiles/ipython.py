"""``%mfa`` for IPython and Jupyter kernels."""

import getpass
import os
from typing import TYPE_CHECKING

from mfa_profiles import boto3_session, environment, shared_files, terminal
from mfa_profiles.aws.refreshing import make_default
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, ReadyProfile
from mfa_profiles.errors import MfaProfilesError, UsageError
from mfa_profiles.token_code import Call, nothing

if TYPE_CHECKING:
    from types import SimpleNamespace

    from IPython.core.interactiveshell import InteractiveShell


def load(shell: "InteractiveShell") -> None:
    """Add the magic, and the completion of profile names behind it."""
    ask = boto3_session.ask_person
    if hasattr(shell, "kernel"):
        # Notebooks are saved with what is typed into them, unless it is hidden.
        def ask(question: str, meanwhile: Call = nothing) -> str:
            return boto3_session.ask_with(getpass.getpass, question, meanwhile)  # as it is then: a kernel replaces it

    def mfa(line: str) -> None:
        """Get an MFA session, and make it the one that boto3 and all of this kernel use.

        %mfa [PROFILE]

        PROFILE is the base or the derived profile; if not given, AWS_PROFILE, else
        AWS_DEFAULT_PROFILE, else default. The token code is asked for, unless the
        session is still good or mfa_process of the profile or MFA_PROFILES_TOKEN_CODE
        gives it.

        boto3.client("s3") and the like use it from then on. So that other libraries
        and `!commands` do, too, AWS_PROFILE is set in the environment of this kernel,
        and variables that outrank it, such as AWS_ACCESS_KEY_ID, are unset.

        When the session has ended, run %mfa again, here or in any other kernel, or
        `mfa-profiles refresh PROFILE` in a terminal. Clients that exist go on with it.
        """
        try:
            context = Context(
                os.environ, boto3_session.now, ask, terminal.warn, terminal.note, terminal.wait, hint=terminal.hint
            )
            _mfa(line, context)
        except MfaProfilesError as error:
            lines = [f"mfa-profiles: error: {error.message}", *(f"hint: {hint}" for hint in error.hints)]
            # How IPython lets an error show itself. It stays one, so that the cells below are not run.
            error._render_traceback_ = lambda: [*map(terminal.printable, lines)]  # type: ignore[attr-defined]
            raise

    shell.magics_manager.register_function(mfa, "line", "mfa")
    shell.set_hook("complete_command", _complete, str_key="%mfa")  # type: ignore[no-untyped-call]


def _mfa(line: str, context: Context) -> None:
    from IPython.utils.process import arg_split  # type: ignore[attr-defined]

    name, *more = arg_split(line, posix=True, strict=False) or [context.default_profile]
    if more:
        raise UsageError("%mfa takes one profile", "the token code is asked for")
    # What is set beside the keys of another profile would lead calls to its endpoint.
    before = {name: os.environ[name] for name in environment.given_settings(os.environ) if name in os.environ}
    environment.forget_given_settings(os.environ)
    try:
        session, ready = boto3_session.open_session(name, CredentialsOptions(), None, context)
    except BaseException:
        os.environ.update(before)
        raise
    make_default(session)
    _point_at(ready)
    terminal.show(_told(ready, context))


def _point_at(ready: ReadyProfile) -> None:
    """Have everything that reads this process's environment, or inherits it, use a profile."""
    # Its region and its end are left out: they would be those of this moment, and outlive it.
    variables = environment.of_profile(ready.profile, None, None, os.environ, ready.reads)
    unset = [name for name, value in variables.items() if value is None and os.environ.pop(name, "")]
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    told = [name for name in unset if name != environment.GIVEN_SETTINGS]
    if told:
        terminal.note(f"unset here, since it would outrank AWS_PROFILE: {', '.join(told)}")


def _told(ready: ReadyProfile, context: Context) -> str:
    if ready.expiration is None:
        return f"{ready.profile} is used without an MFA session"
    return f"{ready.profile} is valid {terminal.until(ready.expiration, context.now())}"


def _complete(_: "InteractiveShell", event: "SimpleNamespace") -> list[str]:
    return shared_files.names_like(os.environ, event.symbol)
