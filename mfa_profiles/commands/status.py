"""How long each session lives, from the files alone: no network, and nothing heavy to import.

What AWS says of sessions, ``verify`` finds out.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from mfa_profiles import sessions, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.errors import MfaProfilesError
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import State, StoredSession

EXIT_NOT_VERIFIED = 1
EXIT_EXPIRED_OR_MISSING = 3
EXIT_EXPIRING = 4

# A session that ends sooner may do so before its first request has arrived.
_USABLE = timedelta(minutes=1)


class Verdict(StrEnum):
    """What AWS says of a session."""

    WORKS = "works"
    EXPIRED = "expired"
    REVOKED = "revoked"
    """AWS does not know it, or not any more: its user or role is gone, or it is another one than was given out."""
    REFUSED = "refused"
    """It does not work for any other reason; its keys are damaged, for example."""
    UNREACHABLE = "unreachable"
    """AWS said nothing of it: no network, a proxy, throttling."""


class Verification(NamedTuple):
    """What became of asking AWS about a session; the verdict is None where the files alone say that it is over.

    ``arn`` is whose session it is; ``error`` says why it does not work, or why that is not known.
    """

    verdict: Verdict | None = None
    arn: str | None = None
    error: MfaProfilesError | None = None

    def as_json(self) -> dict[str, str | None]:
        """What ``--json`` has more with ``--verify``."""
        return {
            "verified": None if self.verdict is None else self.verdict.value,
            "arn": self.arn,
            "verification_error": None if self.error is None else self.error.message,
        }


class SessionStatus(NamedTuple):
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
    verification: Verification | None = None
    """None if AWS was not to be asked."""

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
            **(self.verification.as_json() if self.verification else {}),
        }


def status(names: Sequence[str], min_remaining: timedelta, context: Context) -> list[SessionStatus]:
    """The state of the sessions of some profiles, named by their base or derived names.

    Without names: of every section that holds a session token, whoever wrote it, and of every base profile that has
    an MFA device but no session yet.
    """
    profiles = shared_files.load(context.paths)
    return statuses_of(profiles, pairs_of(profiles, names), now=context.now(), min_remaining=min_remaining)


class Watch:
    """The same over time: the files are read again only once they have changed."""

    def __init__(self, names: Sequence[str], min_remaining: timedelta, context: Context) -> None:
        self._names = names
        self._min_remaining = min_remaining
        self._context = context
        self._profiles: Profiles | None = None
        self._version: object = None

    def statuses(self) -> list[SessionStatus]:
        """The state of the sessions by now. Raises what ``status`` raises, and can be asked again after that."""
        paths = self._context.paths
        version = shared_files.version(paths)  # before they are read: a change meanwhile is then seen the next time
        if self._profiles is None or version != self._version:
            self._profiles = None
            self._profiles, self._version = shared_files.load(paths), version
        pairs = pairs_of(self._profiles, self._names)
        return statuses_of(self._profiles, pairs, now=self._context.now(), min_remaining=self._min_remaining)


def pairs_of(profiles: Profiles, names: Sequence[str]) -> list[ProfilePair]:
    """The pairs that names mean, each once; without names all that there is something to say of."""
    return list(dict.fromkeys([profiles.pair(name) for name in names] if names else _all_pairs(profiles)))


def statuses_of(
    profiles: Profiles, pairs: Sequence[ProfilePair], *, now: datetime, min_remaining: timedelta
) -> list[SessionStatus]:
    """The state of some derived profiles."""
    return [session_status(profiles, pair, now=now, min_remaining=min_remaining) for pair in pairs]


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
        role_arn=(origin and origin.role_arn) or profiles.setting(pair.base, "role_arn"),
        region=profiles.setting(pair.derived, "region") or None,
        managed_by=session.managed_by,
    )


def is_of_its_base(profiles: Profiles, pair: ProfilePair) -> bool:
    """False if a session of ours is of another base profile, or of another role than that names by now."""
    origin = profiles.origins.get(pair.derived)
    role_arn = profiles.setting(pair.base, "role_arn") or None
    return origin is None or (origin.source_profile, origin.role_arn) == (pair.base, role_arn)


_NO_SESSION = StoredSession(expiration=None, managed_by=None, origin=None)


def exit_code(statuses: Sequence[SessionStatus]) -> int:
    """0 if all sessions are valid, else the worst that there is to say. A session of unknown end is not valid.

    The worst is one that does not work, by the files or by AWS, then one that ends soon, then one about which AWS
    could not be asked: what is known of one session is more than what is not known of another.
    """
    states = {status.state for status in statuses}
    verdicts = {status.verification.verdict for status in statuses if status.verification}
    if states & {State.EXPIRED, State.MISSING, State.UNKNOWN}:
        return EXIT_EXPIRED_OR_MISSING
    if verdicts & {Verdict.EXPIRED, Verdict.REVOKED, Verdict.REFUSED}:
        return EXIT_EXPIRED_OR_MISSING
    if State.EXPIRING in states:
        return EXIT_EXPIRING
    return EXIT_NOT_VERIFIED if Verdict.UNREACHABLE in verdicts else 0


def _all_pairs(profiles: Profiles) -> list[ProfilePair]:
    sections = profiles.credentials.sections
    held = dict.fromkeys(name for name, values in sections.items() if sessions.has_session_token(values))
    pairs = [profiles.pair_of_derived(name) for name in held]
    configured = [profiles.pair(name) for name in profiles.names() if profiles.mfa_serial(name) and name not in held]
    return [pair for pair in pairs if pair] + [pair for pair in configured if pair.derived not in held]
