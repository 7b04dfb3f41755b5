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
from mfa_profiles.errors import MfaProfilesError, ProfileError
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, State, StoredSession

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


class Mismatch(StrEnum):
    """The setting of a base profile that differs from the one that a stored session was made with."""

    PROFILE = "source_profile"
    ROLE = "role_arn"
    ACCESS_KEY = "access_key_id"
    DEVICE = "mfa_serial"

    @property
    def in_words(self) -> str:
        """What the session is, after the words "a session"."""
        return _MISMATCHES_IN_WORDS[self]


_MISMATCHES_IN_WORDS = {
    Mismatch.PROFILE: "of another profile",
    Mismatch.ROLE: "of another role",
    Mismatch.ACCESS_KEY: "of another access key",
    Mismatch.DEVICE: "of another MFA device",
}


class SessionStatus(NamedTuple):
    """A derived profile and what is left of the session in it.

    A session that does not belong to the base profile as it is now is not used: it counts as ``missing``.
    """

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
    mismatch: Mismatch | None = None
    """Why the profile has no session of its own, if there is one that does not belong to it."""
    length: timedelta | None = None
    """How long the session is altogether, if its comment says so."""

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
            **({"mismatch": self.mismatch.value} if self.mismatch else {}),
            **(self.verification.as_json() if self.verification else {}),
        }


def status(names: Sequence[str], min_remaining: timedelta | None, context: Context) -> list[SessionStatus]:
    """The state of the sessions of some profiles, named by their base or derived names.

    Without names: of every section that holds a session token, whoever wrote it, and of every base profile that has
    an MFA device but no session yet.
    """
    profiles = shared_files.load(context.paths)
    return statuses_of(profiles, pairs_of(profiles, names), now=context.now(), min_remaining=min_remaining)


class Watch:
    """The same over time: the files are read again only once they have changed."""

    def __init__(self, names: Sequence[str], min_remaining: timedelta | None, context: Context) -> None:
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
    profiles: Profiles, pairs: Sequence[ProfilePair], *, now: datetime, min_remaining: timedelta | None
) -> list[SessionStatus]:
    """The state of some derived profiles."""
    return [session_status(profiles, pair, now=now, min_remaining=min_remaining) for pair in pairs]


def session_status(
    profiles: Profiles,
    pair: ProfilePair,
    *,
    now: datetime,
    min_remaining: timedelta | None = None,
    can_renew: bool = False,
) -> SessionStatus:
    """The state of one derived profile, as ``sessions.min_remaining`` has it."""
    session = profiles.session(pair.derived) or _NO_SESSION
    origin, expiration = session.origin, session.expiration
    length = origin.length if origin else None
    least = sessions.min_remaining(min_remaining, length, can_renew=can_renew)
    state = State.MISSING if session is _NO_SESSION else sessions.state_of(expiration, now=now, min_remaining=least)
    mismatch = None if state in (State.MISSING, State.EXPIRED) else mismatch_of(profiles, pair)
    if mismatch is not None:
        state, origin, expiration = State.MISSING, None, None
    return SessionStatus(
        profile=pair.derived,
        source_profile=pair.base if pair.base != pair.derived else None,
        state=state,
        expiration=expiration,
        remaining=expiration - now if expiration else None,
        mfa_serial=(origin and origin.mfa_serial) or profiles.mfa_serial(pair.base),
        role_arn=(origin and origin.role_arn) or profiles.setting(pair.base, "role_arn"),
        region=profiles.setting(pair.derived, "region") or None,
        managed_by=session.managed_by,
        mismatch=mismatch,
        length=length,
    )


def mismatch_of(profiles: Profiles, pair: ProfilePair, origin: Origin | None = None) -> Mismatch | None:
    """What keeps a session of ours from being one of its base profile as that is now, or None.

    It is the stored session, or one with an ``origin`` that is about to be stored.

    Only what is in the files can be compared: not the key that ``credential_process`` gives, and not what comments of
    earlier versions do not record.
    """
    origin = origin or profiles.origins.get(pair.derived)
    if origin is None:
        return None
    if origin.source_profile != pair.base:
        return Mismatch.PROFILE
    if origin.role_arn != (profiles.setting(pair.base, "role_arn") or None):
        return Mismatch.ROLE
    chain = _chain(profiles, pair.base)
    access_key_id = profiles.setting(chain[-1], "aws_access_key_id") if chain else None
    if origin.access_key_id and access_key_id and not _is_same_key(profiles, origin.access_key_id, access_key_id):
        return Mismatch.ACCESS_KEY
    # Keys that were taken out may have been moved to where credential_process finds them.
    others = profiles.provider(chain[-1]) if chain and not access_key_id else None
    if origin.access_key_id and others not in (None, "credential_process"):
        return Mismatch.ACCESS_KEY
    devices = _devices_of(profiles, chain)
    if origin.mfa_serial and devices and not {origin.mfa_serial, origin.overridden_mfa_serial} & set(devices):
        return Mismatch.DEVICE
    return None


def overridden_device(profiles: Profiles, base: str, mfa_serial: str | None) -> str | None:
    """The device that a base profile and its sources name, if a session is made with another one, or None."""
    devices = _devices_of(profiles, _chain(profiles, base))
    return devices[-1] if mfa_serial and devices and mfa_serial not in devices else None


def _chain(profiles: Profiles, base: str) -> list[str]:
    """A base profile and its sources, the last of which has keys; empty if they lead nowhere."""
    if not profiles.setting(base, "role_arn"):
        return [base]
    from mfa_profiles import roles

    try:
        return roles.sources(profiles, base)
    except ProfileError:
        return []


def _devices_of(profiles: Profiles, chain: Sequence[str]) -> list[str]:
    return [mfa_serial for name in chain if (mfa_serial := profiles.mfa_serial(name))]


def _is_same_key(profiles: Profiles, one: str, other: str) -> bool:
    """True also for two keys of which a rotation that is not finished replaces one by the other."""
    if one == other:
        return True
    replaced = [{each.access_key_id, each.new_access_key_id} for each in profiles.rotations.values()]
    return {one, other} in replaced


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
