"""Get session credentials for a token code and write them into the derived profile."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mfa_profiles import ini, shared_files, token_code
from mfa_profiles.aws import sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.commands import Context
from mfa_profiles.commands.devices import discover_serial_number, known_serial_number
from mfa_profiles.commands.status import SessionStatus, session_status
from mfa_profiles.errors import MfaProfilesError, ProfileError, TokenCodeRefusedError, UsageError
from mfa_profiles.profiles import ProfilePair, Profiles, refuse_illegal_name, shown
from mfa_profiles.sessions import (
    DEFAULT_DURATION,
    DEFAULT_MIN_REMAINING,
    Origin,
    SessionCredentials,
    State,
)
from mfa_profiles.token_code import CodeSource


@dataclass(frozen=True)
class RefreshOptions:
    """How to refresh; each field is the option of the same name."""

    to: str | None = None
    token_code: str | None = field(default=None, repr=False)
    serial_number: str | None = None
    duration: timedelta = DEFAULT_DURATION
    min_remaining: timedelta = DEFAULT_MIN_REMAINING
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
    keys = profiles.long_term_keys(pair.base)
    codes = token_code.find_source(options.token_code, context.environment, context.ask)
    known = known_serial_number(options.serial_number, profiles, pair)
    region = region_of(profiles, pair, context.environment, known)
    _rehearse(profiles, pair, context)
    caller = Caller(profiles, pair, keys, region, context.now)
    serial_number = known or discover_serial_number(caller, context)
    credentials = _get_session(caller, serial_number, codes, options.duration, context)
    profiles = _store(credentials, Origin(pair.base, serial_number), pair, options, context)
    _warn_of_what_hides_the_session(profiles, pair, context)
    now = context.now()
    return Refreshed(session_status(profiles, pair, now=now, min_remaining=options.min_remaining), refreshed=True)


def _guard(profiles: Profiles, pair: ProfilePair, options: RefreshOptions, context: Context) -> None:
    if options.to == pair.base:
        raise UsageError(
            f"--to {pair.base} would overwrite the base profile's own keys", "name another profile, or leave it out"
        )
    if pair.base == pair.derived:
        profiles.long_term_keys(pair.base)  # has none, and says so
    if pair.derived not in profiles.credentials.sections:
        refuse_illegal_name(pair.derived)
    replaced = _refuse_to_overwrite(profiles, pair, options)
    if replaced is not None:
        context.warn(f"[{pair.derived}] in {profiles.credentials.path} holds {replaced}, which --force replaces")


def _refuse_to_overwrite(profiles: Profiles, pair: ProfilePair, options: RefreshOptions) -> str | None:
    """What is not ours and would be overwritten, in words, or None. Raises ProfileError unless --force allows it."""
    replaced = profiles.foreign_content(pair)
    if replaced is not None and not options.force:
        raise ProfileError(
            f"[{pair.derived}] in {profiles.credentials.path} holds {replaced}",
            "--to NAME writes the session to another profile, --force replaces what is there",
        )
    return replaced


def _rehearse(profiles: Profiles, pair: ProfilePair, context: Context) -> None:
    """Raise what would stand in the way of storing a session, before a code is spent on it."""
    for file in (profiles.credentials, profiles.config):
        ini.refuse_byte_order_mark(file)
    stand_in = SessionCredentials("ASIA", "secret", "token", datetime(2000, 1, 1, tzinfo=UTC))
    shared_files.rehearse(
        context.paths, lambda latest: shared_files.with_session(latest, pair, stand_in, Origin(pair.base))
    )


def _store(
    credentials: SessionCredentials, origin: Origin, pair: ProfilePair, options: RefreshOptions, context: Context
) -> Profiles:
    def edit(latest: Profiles) -> Profiles:
        _refuse_to_overwrite(latest, pair, options)
        edited = shared_files.with_session(latest, pair, credentials, origin)
        context.before_writing()
        return edited

    for warning in shared_files.change(context.paths, edit).warnings:
        context.warn(warning)
    return shared_files.load(context.paths)


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
        return SessionStatus(options.to or shown(name), None, State.UNKNOWN)
    return session_status(profiles, pair, now=context.now(), min_remaining=options.min_remaining)
