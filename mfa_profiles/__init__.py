"""Turn one MFA code into a named AWS profile that every tool on the machine can use.

In Python::

    import mfa_profiles

    s3 = mfa_profiles.session("smce-veda").client("s3")

In IPython and Jupyter, ``%load_ext mfa_profiles`` and then ``%mfa smce-veda`` make it the session of all of boto3.
"""

__version__ = "0.1.0"

__all__ = [
    "AWSError",
    "MfaProfilesError",
    "ProfileError",
    "SessionEndedError",
    "TokenCodeNeededError",
    "TokenCodeRefusedError",
    "load_ipython_extension",
    "session",
]

# The command line imports this module at every start: all that it needs is imported when it is called.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    import boto3
    from IPython.core.interactiveshell import InteractiveShell

    from mfa_profiles.errors import (
        AWSError,
        MfaProfilesError,
        ProfileError,
        SessionEndedError,
        TokenCodeNeededError,
        TokenCodeRefusedError,
    )
else:

    def __getattr__(name: str) -> type[Exception]:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from mfa_profiles import errors

        return getattr(errors, name)


def session(
    profile: str | None = None,
    *,
    token_code: "str | Callable[[], str] | None" = None,
    region_name: str | None = None,
    min_remaining: "timedelta | None" = None,
) -> "boto3.Session":
    """A boto3 session of a profile, for which MFA session credentials are got first when needed.

    It has the settings of the derived profile, and its clients outlive a refresh: in the last minutes of the session
    and after it they read the profile anew, whoever has refreshed it: this function, ``%mfa``, or
    ``mfa-profiles refresh`` in a terminal. Where that takes no person, for ``mfa_process`` or for a role behind a
    session that is still valid, they refresh it themselves; they never ask. A profile that needs no MFA gives a plain
    boto3 session.

    Args:
        profile: The base or the derived profile; if not given, ``AWS_PROFILE``, else ``AWS_DEFAULT_PROFILE``,
            else ``default``.
        token_code: The six digits, or a function that returns them when they are needed, such as
            ``getpass.getpass``. If not given, and neither ``MFA_PROFILES_TOKEN_CODE`` in the environment nor
            ``mfa_process`` of the profile gives them, the person at the terminal or the notebook is asked. Without a
            terminal on stdin, TokenCodeNeededError is raised, and stdin is not read.
        region_name: The region, if not that of the profile.
        min_remaining: Refresh a session with no more left than this; if not given, 15 minutes, or a sixth of a
            session that is shorter than 90 minutes. What is left of a session is used if no new one can be had.

    Raises:
        TokenCodeNeededError: If a code is needed, and there is nobody to ask.
        TokenCodeRefusedError: If AWS took none of the codes.
        MfaProfilesError: For all else that went wrong; the two above are kinds of it. It has a ``message`` of one
            line, and ``hints``. A client raises it, too, once the session has ended.
    """
    from mfa_profiles import boto3_session

    return boto3_session.session(profile, token_code, region_name, min_remaining)


def load_ipython_extension(ipython: "InteractiveShell") -> None:
    """Add ``%mfa`` to IPython or a Jupyter kernel: what ``%load_ext mfa_profiles`` calls."""
    from mfa_profiles.ipython import load

    load(ipython)
