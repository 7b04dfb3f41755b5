"""Good credentials for a profile: of the session that is stored, of a new one, or its own if it needs no session."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

# What refreshes is imported only once it is needed: SDKs wait for `credential-process`.
from mfa_profiles import environment, log, sessions, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands.status import SessionStatus, session_status
from mfa_profiles.errors import MfaProfilesError, NoMFASessionError, ProfileError, SessionEndedError
from mfa_profiles.profiles import Keys, ProfilePair, Profiles, masked
from mfa_profiles.sessions import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfa_profiles.token_code import GivenCode


@dataclass(frozen=True)
class CredentialsOptions:
    """When a session is refreshed, and with which code.

    ``ask_while_valid`` is False for programs of which nobody expects a question: a person is asked only when nothing
    is left of the session.
    """

    min_remaining: timedelta | None = None
    ask_while_valid: bool = True
    token_code: "GivenCode" = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ReadyProfile:
    """A profile that AWS tools can use now: a derived one, or one that needs no session.

    ``expiration`` is aware and in UTC; None where no end is known. ``not_refreshed`` says why a session was not
    refreshed though little is left of it, or why there is none. ``reads`` are the variables in which the profile
    itself finds its keys (``credential_source``).
    """

    profile: str
    expiration: datetime | None = None
    region: str | None = None
    refreshed: bool = False
    not_refreshed: MfaProfilesError | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProfileCredentials(ReadyProfile):
    """A profile that can be used now, its keys, and the variables for its settings."""

    keys: Keys
    settings: environment.Settings

    def as_json(self) -> dict[str, str | int]:
        """The object that SDKs want from a ``credential_process``.

        Without ``Expiration`` they never ask for new ones.
        https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
        """
        token = {"SessionToken": self.keys.session_token} if self.keys.session_token else {}
        end = {"Expiration": sessions.format_time(self.expiration)} if self.expiration else {}
        return {
            "Version": 1,
            "AccessKeyId": self.keys.access_key_id,
            "SecretAccessKey": self.keys.secret_access_key,
            **token,
            **end,
        }


def credentials(name: str, options: CredentialsOptions, context: Context) -> ProfileCredentials:
    """The keys of a profile, refreshed first when needed. Raises MfaProfilesError if there are none."""
    ready, profiles = _ready_profile(name, options, context)
    keys, expiration = _keys(profiles, ready)
    log.step(f"hands out {masked(keys.access_key_id)} of profile {ready.profile}{_end(expiration)}")
    settings = environment.settings_of(profiles, ready.profile)
    return ProfileCredentials(**vars(replace(ready, expiration=expiration)), keys=keys, settings=settings)


def _keys(profiles: Profiles, ready: ReadyProfile) -> tuple[Keys, datetime | None]:
    if _has_its_own_keys(profiles, ready.profile):
        return profiles.keys(ready.profile), ready.expiration
    log.step(f"has boto3 get the keys of profile {ready.profile}: it has {profiles.provider(ready.profile)}")
    from mfa_profiles import parallel
    from mfa_profiles.aws.credentials import resolve

    found = parallel.run(lambda: resolve(profiles, ready.profile))
    return found.keys, found.expiration


def _has_its_own_keys(profiles: Profiles, name: str) -> bool:
    """True if what a profile holds are the keys to hand out, and no way to others outranks them."""
    has_session = profiles.session(name) is not None
    return has_session or (profiles.has_keys(name) and not profiles.outranked_by(name))


def _end(expiration: datetime | None) -> str:
    return f", which ends at {sessions.format_time(expiration)}" if expiration else ""


def ready_profile(name: str, options: CredentialsOptions, context: Context) -> ReadyProfile:
    """The profile that AWS tools are to be pointed at, refreshed first when needed. Raises MfaProfilesError.

    What is left of a session is used if no new one can be had.
    """
    return _ready_profile(name, options, context)[0]


def _ready_profile(name: str, options: CredentialsOptions, context: Context) -> tuple[ReadyProfile, Profiles]:
    """The same, with the profiles as they are then."""
    profiles = shared_files.load(context.paths)
    pair = profiles.pair(name)
    before = session_status(profiles, pair, now=context.now(), min_remaining=options.min_remaining, can_renew=True)
    log.step(f"{name} means {pair.derived}, derived from {pair.base}")
    log.step(f"the session in {pair.derived} is {before.state}{_end(before.expiration)}")
    if profiles.has_session_of_another_tool(pair):
        return _of_another_tool(before), profiles
    if before.state is State.VALID:
        return _with_session(profiles, pair, before), profiles
    if before.state is State.MISSING and needs_no_session(profiles, pair):
        return _as_it_is(profiles, pair, context.now()), profiles
    ask = context.ask if options.ask_while_valid or not before.is_usable else None
    refreshed, error = _refresh(name, options, context._replace(ask=ask))
    profiles = shared_files.load(context.paths)  # another process may have refreshed it just as well
    after = session_status(profiles, pair, now=context.now())
    if after.is_usable:
        ready = _with_session(profiles, pair, after)
        return replace(ready, refreshed=refreshed, not_refreshed=error), profiles
    # Temporary keys are as good as a session. Long-term keys are not what was asked for.
    if isinstance(error, NoMFASessionError):
        return replace(_as_it_is(profiles, pair, context.now()), not_refreshed=error), profiles
    raise error or ProfileError(
        f"another program changed profile {pair.base} or {pair.derived} while a session was requested", "try again"
    )


def _with_session(profiles: Profiles, pair: ProfilePair, status: SessionStatus) -> ReadyProfile:
    region = status.region or profiles.region(pair)
    return ReadyProfile(profile=status.profile, expiration=status.expiration, region=region)


def _refresh(name: str, options: CredentialsOptions, context: Context) -> tuple[bool, MfaProfilesError | None]:
    """Refresh a profile; return whether that was done, and why not."""
    from mfa_profiles.commands.refresh import RefreshOptions, refresh

    refresh_options = RefreshOptions(
        token_code=options.token_code, min_remaining=options.min_remaining, allows_direct=False
    )
    # Keys in the environment are no reason for a warning: they are about to be replaced.
    outranking = environment.credential_variables(context.environment)
    kept = {key: value for key, value in context.environment.items() if key not in outranking}
    try:
        outcomes = refresh([name], refresh_options, context._replace(environment=kept))
    except MfaProfilesError as error:
        return False, error
    outcome = next(outcome for outcome in outcomes if outcome.requested)
    return outcome.refreshed, outcome.error


def _of_another_tool(status: SessionStatus) -> ReadyProfile:
    _refuse_expired(status.profile, status.state, status.managed_by)
    return ReadyProfile(profile=status.profile, expiration=status.expiration, region=status.region)


def _refuse_expired(profile: str, state: State, tool: str | None) -> None:
    """Raise SessionEndedError for a session that has expired and is not ours to refresh."""
    if state is State.EXPIRED:
        raise SessionEndedError(
            f"the session in {profile} has expired, and mfa-profiles cannot refresh it: "
            f"{tool or 'another tool'} wrote it",
            "get a new one the way you got it, or name a profile that has long-term keys",
        )


def needs_no_session(profiles: Profiles, pair: ProfilePair) -> bool:
    """True if neither long-term keys nor an MFA device are behind a profile: the SDKs get along by themselves."""
    from mfa_profiles import roles

    chain = roles.sources(profiles, pair.base)
    if any(profiles.mfa_serial(name) or profiles.mfa_process(name) for name in chain):
        return False
    if profiles.has_keys(chain[-1]):
        return sessions.has_session_token(profiles.settings(chain[-1]))
    return profiles.provider(chain[-1]) is not None


def _as_it_is(profiles: Profiles, pair: ProfilePair, now: datetime) -> ReadyProfile:
    from mfa_profiles import roles

    session = sessions.stored_session(profiles.settings(pair.base), None)  # in either file
    if session is not None and _has_its_own_keys(profiles, pair.base):
        state = sessions.state_of(session.expiration, now=now, min_remaining=timedelta(0))
        _refuse_expired(pair.base, state, session.managed_by)
    else:
        session = None
    sources = [profiles.setting(name, "credential_source") or "" for name in roles.sources(profiles, pair.base)]
    return ReadyProfile(
        profile=pair.base,
        expiration=session and session.expiration,
        region=profiles.call_settings(pair.base).get("region"),
        reads=tuple(name for source in sources for name in environment.READ_BY_SOURCE.get(source.lower(), ())),
    )
