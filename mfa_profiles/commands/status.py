"""How long each session lives, from the files alone: no network, and nothing heavy to import."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mfa_profiles import sessions, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import State, StoredSession

EXIT_EXPIRED_OR_MISSING = 3
EXIT_EXPIRING = 4

# A session that ends sooner may do so before its first request has arrived.
_USABLE = timedelta(minutes=1)


@dataclass(frozen=True)
class SessionStatus:
    """A derived profile and what is left of the session in it."""

    profile: str
    source_profile: str | None
    state: State
    expiration: datetime | None = None
    remaining: timedelta | None = None
    mfa_serial: str | None = None
    role_arn: str | None = None
    region: str | None = None
    managed_by: str | None = None

    @property
    def remaining_seconds(self) -> int | None:
        """Whole seconds, negative once the session has expired."""
        return None if self.remaining is None else math.floor(self.remaining.total_seconds())

    @property
    def is_usable(self) -> bool:
        """True if a session lives long enough to be used once more, should no new one be had or asked for."""
        return self.remaining is not None and self.remaining > _USABLE

    def as_json(self) -> dict[str, str | int | None]:
        """The object that ``--json`` prints."""
        return {
            "profile": self.profile,
            "source_profile": self.source_profile,
            "state": self.state.value,
            "expiration": None if self.expiration is None else sessions.format_time(self.expiration),
            "remaining_seconds": self.remaining_seconds,
            "mfa_serial": self.mfa_serial,
            "role_arn": self.role_arn,
            "region": self.region,
            "managed_by": self.managed_by,
        }


def status(names: Sequence[str], min_remaining: timedelta, context: Context) -> list[SessionStatus]:
    """The state of the sessions of some profiles, named by their base or derived names.

    Without names: of every section that holds a session token, whoever wrote it, and of every base profile that has
    an MFA device but no session yet.
    """
    profiles = shared_files.load(context.paths)
    pairs = [profiles.pair(name) for name in names] if names else _all_pairs(profiles)
    now = context.now()
    return [session_status(profiles, pair, now=now, min_remaining=min_remaining) for pair in dict.fromkeys(pairs)]


def session_status(
    profiles: Profiles, pair: ProfilePair, *, now: datetime, min_remaining: timedelta
) -> SessionStatus:
    """The state of one derived profile."""
    session = profiles.session(pair.derived) or _NO_SESSION
    origin, expiration = session.origin, session.expiration
    missing = session is _NO_SESSION
    return SessionStatus(
        profile=pair.derived,
        source_profile=pair.base if pair.base != pair.derived else None,
        state=State.MISSING if missing else sessions.state_of(expiration, now=now, min_remaining=min_remaining),
        expiration=expiration,
        remaining=expiration - now if expiration else None,
        mfa_serial=(origin and origin.mfa_serial) or profiles.mfa_serial(pair.base),
        role_arn=(origin and origin.role_arn) or profiles.settings(pair.base).get("role_arn"),
        region=profiles.settings(pair.derived).get("region"),
        managed_by=session.managed_by,
    )


def is_of_its_base(profiles: Profiles, pair: ProfilePair) -> bool:
    """False if a session of ours is of another base profile, or of another role than that names by now."""
    origin = profiles.origins.get(pair.derived)
    role_arn = profiles.settings(pair.base).get("role_arn") or None
    return origin is None or (origin.source_profile, origin.role_arn) == (pair.base, role_arn)


_NO_SESSION = StoredSession(expiration=None, managed_by=None, origin=None)


def exit_code(statuses: Sequence[SessionStatus]) -> int:
    """0 if all sessions are valid, else the worst that there is to say. A session of unknown end is not valid."""
    states = {status.state for status in statuses}
    if states & {State.EXPIRED, State.MISSING, State.UNKNOWN}:
        return EXIT_EXPIRED_OR_MISSING
    return EXIT_EXPIRING if State.EXPIRING in states else 0


def _all_pairs(profiles: Profiles) -> list[ProfilePair]:
    held = [name for name in profiles.credentials.sections if profiles.session(name)]
    pairs = [profiles.pair_of_derived(name) for name in held]
    configured = [profiles.pair(name) for name in profiles.names() if profiles.mfa_serial(name) and name not in held]
    return [pair for pair in pairs if pair] + [pair for pair in configured if pair.derived not in held]
