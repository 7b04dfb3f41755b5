"""Which sessions a refresh has to get, and in which order: from the files alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from mfa_profiles import roles, sessions
from mfa_profiles.commands.status import SessionStatus, session_status
from mfa_profiles.errors import MfaProfilesError, ProfileError, UsageError
from mfa_profiles.mfa_process import MFAProcess
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.roles import Role
from mfa_profiles.sessions import State


class Step(NamedTuple):
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
    """Profiles whose ``mfa_serial`` and ``mfa_process`` count where that of ``pair`` has none: roles that need this
    session, or the source of a role."""
    source_is_usable: bool = False
    """True if the session of the source that is stored now would do, should no new one be had."""


@dataclass
class Plan:
    """What is to be done. ``steps`` come in an order in which each finds its source done."""

    targets: list[ProfilePair] = field(default_factory=list)
    steps: dict[ProfilePair, Step] = field(default_factory=dict)
    failed: dict[ProfilePair, MfaProfilesError] = field(default_factory=dict)

    def fail(self, pair: ProfilePair, error: MfaProfilesError) -> None:
        """Note why a session cannot be had, and take out its step, those that needed it, and those for it alone."""
        self.failed.setdefault(pair, error)
        step = self.steps.pop(pair, None)
        for other in list(self.steps.values()):
            if other.source == pair and not other.source_is_usable:
                self.fail(other.pair, error)
        if step is not None and step.source is not None:
            self._drop_if_unused(step.source)

    def done(self, pair: ProfilePair) -> None:
        """Take out the step of a session that another process has got."""
        self.steps.pop(pair, None)

    def without_session(self, pair: ProfilePair, error: MfaProfilesError) -> None:
        """Let roles be assumed with the keys of their source as they are, as AWS gives no MFA session for them."""
        for other in list(self.steps.values()):
            if other.source == pair:
                self.steps[other.pair] = other._replace(source=None, keys_in=pair.base)
        if pair in self.targets:
            self.fail(pair, error)
        else:
            del self.steps[pair]

    def _drop_if_unused(self, pair: ProfilePair) -> None:
        if pair in self.targets or any(step.source == pair for step in self.steps.values()):
            return
        step = self.steps.pop(pair, None)
        if step is not None and step.source is not None:
            self._drop_if_unused(step.source)


class Wanted(NamedTuple):
    """When a session is good enough."""

    now: datetime
    min_remaining: timedelta | None
    force: bool = False
    seen: Mapping[ProfilePair, str | None] = {}
    """Access key IDs that were found before; a session with another one is new, and not refreshed by force again."""
    duration: timedelta | None = None
    """How long sessions should be; None if the profiles decide."""
    allows_direct: bool = False
    """True if a role may be assumed directly, with a code of its own: only for a profile that was named alone."""
    has_code: bool = False
    """True if an option, a variable or the terminal gives a code."""


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
        except (ProfileError, UsageError) as error:
            made.failed[pair] = error
    made.steps = dict(sorted(made.steps.items(), key=lambda item: _depth(made, item[1])))
    return made


def is_good(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> bool:
    """True if nothing has to be done for a derived profile that was asked for."""
    if _status(profiles, pair, wanted).state is not State.VALID:
        return False
    is_new = pair in wanted.seen and key_of(profiles, pair) != wanted.seen[pair]
    return is_new or not wanted.force


def is_done(profiles: Profiles, plan: Plan, step: Step, wanted: Wanted) -> bool:
    """Return True if another process has done a step since it was planned."""
    if step.pair in plan.targets:
        return is_good(profiles, step.pair, wanted)
    return _is_usable(profiles, step.pair, wanted)


def key_of(profiles: Profiles, pair: ProfilePair) -> str | None:
    """The access key ID of the session that a derived profile holds."""
    return profiles.setting(pair.derived, "aws_access_key_id")


def mfa_process(profiles: Profiles, step: Step) -> MFAProcess | None:
    """The command that prints the codes for a step: of its own profile, else of the roles that need it."""
    for name in (step.pair.base, *step.lenders):
        command = profiles.mfa_process(name)
        if command:
            return MFAProcess(command, name, (step.pair.base,))
    return None


def all_pairs(profiles: Profiles, warn: Callable[[str], None]) -> list[ProfilePair]:
    """All that ``--all`` refreshes: what this tool wrote, what has an MFA device, and the roles behind these.

    ``warn`` is told of role profiles that cannot work, which are left out.
    """
    found = [
        ProfilePair(origin.source_profile, name)
        for name, origin in profiles.origins.items()
        if origin.source_profile in profiles
    ]
    bases = [name for name in profiles.names() if name not in profiles.origins]
    for name in bases:
        if profiles.mfa_serial(name) and (profiles.has_keys(name) or profiles.provider(name)):
            found.append(profiles.pair(name))
    known = {pair.base for pair in found}
    for name in bases:
        if profiles.setting(name, "role_arn") and name not in known:
            try:
                chain = roles.sources(profiles, name)
            except ProfileError as error:
                warn(f"left out: {error.message}")
                continue
            if known & set(chain):
                found.append(profiles.pair(name))
    return list(dict.fromkeys(found))


def _status(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> SessionStatus:
    return session_status(profiles, pair, now=wanted.now, min_remaining=wanted.min_remaining, can_renew=True)


def _add(made: Plan, profiles: Profiles, chain: list[ProfilePair], wanted: Wanted) -> None:
    """Add the steps that lead to the first profile of a chain of sources."""
    for index, pair in enumerate(chain):
        lenders = tuple(lender.base for lender in reversed(chain[:index]))
        if pair in made.steps:
            made.steps[pair] = made.steps[pair]._replace(lenders=made.steps[pair].lenders + lenders)
            return
        source = chain[index + 1] if index + 1 < len(chain) else None
        step = _step(profiles, pair, source, lenders)
        if index == 0 and step.role and wanted.allows_direct and duration(step, wanted.duration) > roles.MAX_DURATION:
            raise UsageError("--duration-seconds: AWS allows at most 12h for a role")
        if index == 0 and _should_be_direct(profiles, step, wanted):
            step = step._replace(source=None, keys_in=chain[1].base, needs_code=True, lenders=(chain[1].base,))
        usable = step.source is not None and _is_usable(profiles, step.source, wanted)
        made.steps[pair] = step._replace(source_is_usable=usable)
        if step.source is None or usable:
            return


def _step(profiles: Profiles, pair: ProfilePair, source: ProfilePair | None, lenders: tuple[str, ...]) -> Step:
    role = roles.role_of(profiles, pair.base)
    if role is None:
        return Step(pair, None, None, pair.base, needs_code=True, lenders=lenders)
    if source is None:  # its own keys, or those of credential_source, which need a code if the profile says so
        own = role.source_profile is not None
        return Step(pair, role, None, pair.base, needs_code=own or profiles.mfa_serial(pair.base) is not None)
    if profiles.has_keys(source.base) and profiles.setting(source.base, "role_arn"):
        # Its derived profile is for that role: no place for a session of its user.
        return Step(pair, role, None, source.base, needs_code=True, lenders=(source.base,))
    if _is_temporary(profiles, source.base, (pair.base, *lenders)):
        return Step(pair, role, None, source.base, needs_code=False)
    return Step(pair, role, source, source.derived, needs_code=False)


def duration(step: Step, requested: timedelta | None) -> timedelta:
    """Return how long a session should be: as requested, else as the role profile says, else by default."""
    if step.role is None:
        return requested or sessions.DEFAULT_DURATION
    return requested or step.role.duration or roles.DEFAULT_DURATION


def may_need_no_code(profiles: Profiles, step: Step) -> bool:
    """Return True for a step whose keys something else gives: with temporary ones, a code is of no use."""
    is_own_role = step.role is not None and step.keys_in == step.pair.base
    return not is_own_role and not profiles.has_keys(step.keys_in) and profiles.provider(step.keys_in) is not None


def can_be_direct(profiles: Profiles, step: Step) -> bool:
    """Return True if long-term keys can assume the role of a step: a single role, whose source is a user."""
    if step.role is None:
        return False
    source = step.source.base if step.source else step.keys_in
    is_temporary = sessions.has_session_token(profiles.settings(source))
    return not is_temporary and profiles.provider(source) in (None, "credential_process")


def _should_be_direct(profiles: Profiles, step: Step, wanted: Wanted) -> bool:
    """Return True if a role is to be assumed with long-term keys and a code, because a session would limit it."""
    if not wanted.allows_direct or step.source is None or not can_be_direct(profiles, step):
        return False
    lenders = (step.source.base,)
    has_code = wanted.has_code or mfa_process(profiles, step._replace(lenders=lenders)) is not None
    return has_code and duration(step, wanted.duration) > roles.MAX_CHAINED_DURATION


def _is_temporary(profiles: Profiles, name: str, lenders: tuple[str, ...]) -> bool:
    """True if the keys of a source assume a role as they are, since no MFA session can be had with them."""
    if profiles.has_keys(name):
        return sessions.has_session_token(profiles.settings(name))
    provider = profiles.provider(name)
    if provider == "credential_process":  # of a password manager, whose keys are long-term ones, if there is a device
        return not any(profiles.mfa_serial(each) for each in (name, *lenders))
    return provider is not None and roles.role_of(profiles, name) is None


def _is_usable(profiles: Profiles, pair: ProfilePair, wanted: Wanted) -> bool:
    return profiles.foreign_content(pair) is None and _status(profiles, pair, wanted).is_usable


def _depth(made: Plan, step: Step) -> int:
    return 0 if step.source is None or step.source not in made.steps else 1 + _depth(made, made.steps[step.source])
