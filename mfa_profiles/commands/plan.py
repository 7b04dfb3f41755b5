"""Which sessions a refresh has to get, and in which order: from the files alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mfa_profiles import roles
from mfa_profiles.commands.status import SessionStatus, session_status
from mfa_profiles.errors import MfaProfilesError, ProfileError
from mfa_profiles.mfa_process import MFAProcess
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.roles import Role
from mfa_profiles.sessions import State

USABLE = timedelta(minutes=1)
"""A session that nobody asked to refresh does for assuming a role while it has more than this left."""


@dataclass(frozen=True)
class Step:
    """A session to get and to store in the derived profile of ``pair``."""

    pair: ProfilePair
    role: Role | None
    """The role to assume; None for a session of the base profile's own user."""
    source: ProfilePair | None
    """Whose session assumes the role; None if keys do that have no session of ours."""
    keys_in: str
    """The profile that has the keys for the call, if no step before this one gets them."""
    needs_code: bool
    lenders: tuple[str, ...] = ()
    """Role profiles that need this session: their ``mfa_serial`` and ``mfa_process`` count where it has none."""


@dataclass
class Plan:
    """What is to be done. ``steps`` come in an order in which each finds its source done."""

    targets: list[ProfilePair] = field(default_factory=list)
    steps: dict[ProfilePair, Step] = field(default_factory=dict)
    failed: dict[ProfilePair, MfaProfilesError] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)
    """The base profiles whose codes or keys all of it depends on."""

    def fail(self, pair: ProfilePair, error: MfaProfilesError) -> None:
        """Note why a session cannot be had, and take out its step and those that needed it."""
        self.failed.setdefault(pair, error)
        self.steps.pop(pair, None)
        for dependent in [other.pair for other in self.steps.values() if other.source == pair]:
            self.fail(dependent, error)


@dataclass(frozen=True)
class Wanted:
    """When a session is good enough."""

    now: datetime
    min_remaining: timedelta
    force: bool = False
    seen: Mapping[ProfilePair, str | None] = field(default_factory=dict)
    """Access key IDs that were found before; a session with another one is new, and not refreshed by force again."""


def plan(profiles: Profiles, pairs: Sequence[ProfilePair], wanted: Wanted) -> Plan:
    """What has to be done so that the derived profiles of some base profiles hold good sessions."""
    made = Plan()
    for pair in dict.fromkeys(pairs):
        made.targets.append(pair)
        if pair in made.steps or is_good(profiles, pair, wanted):
            continue
        try:
            chain = roles.sources(profiles, pair.base)
            _add(made, profiles, [pair, *(profiles.pair(name) for name in chain[1:])], wanted)
        except ProfileError as error:
            made.failed[pair] = error
        else:
            made.identities.add(chain[-1])
    made.steps = dict(sorted(made.steps.items(), key=lambda item: _depth(made, item[1])))
    return made


def is_good(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> bool:
    """True if nothing has to be done for a derived profile that was asked for."""
    if _status(profiles, pair, wanted).state is not State.VALID:
        return False
    return not wanted.force or key_of(profiles, pair) != wanted.seen.get(pair, key_of(profiles, pair))


def key_of(profiles: Profiles, pair: ProfilePair) -> str | None:
    """The access key ID of the session that a derived profile holds."""
    return profiles.settings(pair.derived).get("aws_access_key_id")


def mfa_process(profiles: Profiles, step: Step) -> MFAProcess | None:
    """The command that prints the codes for a step: of its own profile, else of the roles that need it."""
    for name in (step.pair.base, *step.lenders):
        command = profiles.mfa_process(name)
        if command:
            return MFAProcess(command, name)
    return None


def no_mfa_session(profiles: Profiles, name: str) -> ProfileError:
    """The error for a base profile that has no long-term keys of a user, but temporary ones."""
    provider = None if profiles.has_keys(name) else profiles.provider(name)
    if provider is None:
        return ProfileError(
            f"profile {name} holds session credentials, and AWS gives no MFA session for those",
            "name a profile that has long-term keys (aws_access_key_id begins with AKIA)",
        )
    return ProfileError(
        f"profile {name} gets temporary credentials through {provider}, and AWS gives no MFA session for those",
        f"it works without one: AWS_PROFILE={name}; as the source_profile of a role, too",
    )


def all_pairs(profiles: Profiles) -> list[ProfilePair]:
    """All that ``--all`` refreshes: what this tool wrote, what has an MFA device, and the roles behind these."""
    known = [ProfilePair(origin.source_profile, name) for name, origin in profiles.origins.items()]
    found = {pair.base: pair for pair in known if pair.base in profiles}
    derived = {pair.derived for pair in known}
    bases = [name for name in profiles.names() if name not in derived]
    for name in bases:
        if profiles.mfa_serial(name) and (profiles.has_keys(name) or profiles.provider(name)):
            found.setdefault(name, profiles.pair(name))
    for name in bases:
        if profiles.settings(name).get("role_arn") and name not in found:
            try:
                chain = roles.sources(profiles, name)
            except ProfileError:
                continue
            if any(source in found for source in chain):
                found[name] = profiles.pair(name)
    return list(found.values())


def _status(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> SessionStatus:
    return session_status(profiles, pair, now=wanted.now, min_remaining=wanted.min_remaining)


def _add(made: Plan, profiles: Profiles, chain: list[ProfilePair], wanted: Wanted) -> None:
    """Add the steps that lead to the first profile of a chain of sources."""
    for index, pair in enumerate(chain):
        lenders = tuple(lender.base for lender in reversed(chain[:index]))
        if pair in made.steps:
            made.steps[pair] = replace(made.steps[pair], lenders=made.steps[pair].lenders + lenders)
            return
        source = chain[index + 1] if index + 1 < len(chain) else None
        made.steps[pair] = step = _step(profiles, pair, source, lenders)
        if step.source is None or _is_usable(profiles, step.source, wanted):
            return


def _step(profiles: Profiles, pair: ProfilePair, source: ProfilePair | None, lenders: tuple[str, ...]) -> Step:
    is_source_with_keys = bool(lenders) and profiles.has_keys(pair.base)
    role = None if is_source_with_keys else roles.role_of(profiles, pair.base)
    if role is None:
        return Step(pair, None, None, pair.base, needs_code=True, lenders=lenders)
    if source is None:  # its own keys, or those of credential_source, which need a code if the profile says so
        own = role.source_profile is not None
        return Step(pair, role, None, pair.base, needs_code=own or profiles.mfa_serial(pair.base) is not None)
    if _is_temporary(profiles, source.base, (pair.base, *lenders)):
        return Step(pair, role, None, source.base, needs_code=False)
    return Step(pair, role, source, source.derived, needs_code=False)


def _is_temporary(profiles: Profiles, name: str, lenders: tuple[str, ...]) -> bool:
    """True if the keys of a source assume a role as they are, since no MFA session can be had with them."""
    if profiles.has_keys(name):
        return profiles.settings(name).get("aws_session_token") is not None
    provider = profiles.provider(name)
    if provider == "credential_process":  # of a password manager, whose keys are long-term ones, if there is a device
        return not any(profiles.mfa_serial(each) for each in (name, *lenders))
    return provider is not None and roles.role_of(profiles, name) is None


def _is_usable(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> bool:
    status = _status(profiles, pair, replace(wanted, min_remaining=USABLE))
    return status.state is State.VALID and profiles.foreign_content(pair) is None


def _depth(made: Plan, step: Step) -> int:
    return 0 if step.source is None or step.source not in made.steps else 1 + _depth(made, made.steps[step.source])
