"""Get session credentials for a token code and write them into the derived profile."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mfa_profiles import shared_files, token_code
from mfa_profiles.aws import sts
from mfa_profiles.aws.caller import Caller
from mfa_profiles.commands import Context
from mfa_profiles.commands.devices import discover_serial_number, known_serial_number
from mfa_profiles.commands.status import SessionStatus, session_status
from mfa_profiles.errors import FileRefusedError, MfaProfilesError, TokenCodeRefusedError, UsageError
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, SessionCredentials, State
from mfa_profiles.token_code import CodeSource


@dataclass(frozen=True)
class RefreshOptions:
    """How to refresh; each field is the option of the same name."""

    to: str | None = None
    token_code: str | None = field(default=None, repr=False)
    serial_number: str | None = None
    duration: timedelta = sts.DEFAULT_DURATION
    min_remaining: timedelta = timedelta(minutes=15)
    force: bool = False


@dataclass(frozen=True)
class Refreshed:
    """The session that is there now; ``refreshed`` is False if it was good enough already."""

    status: SessionStatus
    refreshed: bool


def refresh(name: str, options: RefreshOptions, context: Context) -> Refreshed:
    """Make sure that the derived profile of a base profile holds a session, asking AWS for one if need be.

    Nothing is written before AWS has answered, and no code is asked for before it is sure that the answer can be
    stored. Raises an MfaProfilesError for everything that stands in the way.
    """
    profiles = shared_files.load(context.paths)
    pair = profiles.pair(name, options.to)
    _guard(profiles, pair, options, context)
    current = session_status(profiles, pair, now=context.now(), min_remaining=options.min_remaining)
    if current.state is State.VALID and not options.force:
        return Refreshed(current, refreshed=False)
    _refuse_byte_order_marks(profiles)
    profiles.long_term_keys(pair.base)
    codes = token_code.find_source(options.token_code, context.environment, context.ask)
    serial_number = known_serial_number(options.serial_number, profiles, pair)
    caller = Caller.of(profiles, pair, context.environment, serial_number)
    serial_number = serial_number or discover_serial_number(caller, context)
    origin = Origin(pair.base, serial_number)
    shared_files.with_session(profiles, pair, _REHEARSAL, origin)
    credentials = _get_session(caller, serial_number, codes, options.duration, context)

    def edit(latest: Profiles) -> Profiles:
        if not options.force:
            latest.refuse_to_overwrite(pair)
        return shared_files.with_session(latest, pair, credentials, origin)

    for warning in shared_files.change(context.paths, edit).warnings:
        context.warn(warning)
    profiles = shared_files.load(context.paths)
    _warn_of_what_hides_the_session(profiles, pair, context)
    now = context.now()
    return Refreshed(session_status(profiles, pair, now=now, min_remaining=options.min_remaining), refreshed=True)


# What AWS will answer has this shape: if this can be stored, so can that.
_REHEARSAL = SessionCredentials("ASIA", "secret", "token", datetime(2000, 1, 1, tzinfo=UTC))


def _guard(profiles: Profiles, pair: ProfilePair, options: RefreshOptions, context: Context) -> None:
    if options.to == pair.base:
        raise UsageError(
            f"--to {pair.base} would overwrite the base profile's own keys", "name another profile, or leave it out"
        )
    if pair.base == pair.derived:
        profiles.long_term_keys(pair.base)  # has none, and says so
    if not options.force:
        profiles.refuse_to_overwrite(pair)
    elif replaced := profiles.not_ours(pair):
        context.warn(f"[{pair.derived}] in {profiles.credentials.path} holds {replaced}: about to replace them")


def _refuse_byte_order_marks(profiles: Profiles) -> None:
    for file in (profiles.credentials, profiles.config):
        if file.has_byte_order_mark:
            raise FileRefusedError(
                file.path,
                1,
                "a byte order mark, for which boto3 and the AWS CLI refuse the whole file",
                "save the file as UTF-8 without a byte order mark",
            )


def _get_session(
    caller: Caller, serial_number: str, codes: CodeSource, duration: timedelta, context: Context
) -> SessionCredentials:
    attempts_left = codes.attempts
    while True:
        code = codes.code(serial_number)
        attempts_left -= 1
        try:
            return sts.get_session_token(caller, serial_number=serial_number, token_code=code, duration=duration)
        except TokenCodeRefusedError as refusal:
            if not attempts_left:
                raise
            context.warn(f"{refusal.message}; {refusal.hints[0]}")


def _warn_of_what_hides_the_session(profiles: Profiles, pair: ProfilePair, context: Context) -> None:
    if profiles.hidden_settings(pair.base):
        context.warn(
            f"[{pair.base}] in {profiles.config.path} is not seen by the SDKs: the header has to be "
            f"[profile {pair.base}]; its settings count for {pair.derived} all the same"
        )
    outranked_by = profiles.outranked_by(pair.derived)
    if outranked_by:
        context.warn(
            f"profile {pair.derived} has {outranked_by}, which the SDKs follow before they look at the session"
        )
    if context.environment.get("AWS_ACCESS_KEY_ID"):
        context.warn(
            "AWS_ACCESS_KEY_ID in the environment outranks AWS_PROFILE for most tools: "
            "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
        )


def status_after_failure(name: str, options: RefreshOptions, context: Context) -> SessionStatus:
    """What is there after a refresh has failed, as far as the files can still be read."""
    try:
        profiles = shared_files.load(context.paths)
        pair = profiles.pair(name, options.to)
    except MfaProfilesError:
        return SessionStatus(options.to or name, None, State.UNKNOWN, *[None] * 6)
    return session_status(profiles, pair, now=context.now(), min_remaining=options.min_remaining)
