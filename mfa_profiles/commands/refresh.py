"""Get session credentials for token codes, and of the roles behind them, and write them into derived profiles."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mfa_profiles import ancestors, ini, log, roles, sessions, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands import plan as planning
from mfa_profiles.commands.keys import no_mfa_session
from mfa_profiles.commands.plan import Plan, Step, Wanted
from mfa_profiles.commands.status import Mismatch, SessionStatus, mismatch_of, session_status
from mfa_profiles.errors import MfaProfilesError, ProfileError, TokenCodeNeededError, UsageError, tool_command
from mfa_profiles.profiles import ProfilePair, Profiles, refuse_illegal_name, shown
from mfa_profiles.sessions import Origin, SessionCredentials, State
from mfa_profiles.token_code import CodeSources, GivenCode


class RefreshOptions(NamedTuple):
    """How to refresh; each field is the option of the same name."""

    to: str | None = None
    token_code: GivenCode = None
    serial_number: str | None = None
    duration: timedelta | None = None
    min_remaining: timedelta | None = None
    force: bool = False
    allows_direct: bool = True
    """True if a role may be assumed directly, with a code of its own, should it be named alone."""

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds


class Refreshed(NamedTuple):
    """A derived profile and what became of it: ``refreshed``, good enough already, or ``error``.

    ``requested`` is False for the source of a role, refreshed on the way.
    """

    status: SessionStatus
    refreshed: bool
    error: MfaProfilesError | None = None
    requested: bool = True


def refresh(names: Sequence[str], options: RefreshOptions, context: Context) -> list[Refreshed]:
    """Make sure that derived profiles hold good sessions, asking AWS for those that do not.

    Nothing is written before AWS has answered everything, and no code is asked for before it is sure that the answer
    can be stored. What fails is in the list, and does not keep the rest from being written; an MfaProfilesError is
    raised for what keeps all from it.
    """
    if options.to is not None and len(names) > 1:
        raise UsageError("--to names one derived profile, and there are several profiles to refresh")
    profiles = shared_files.load(context.paths)
    meant = _meant(profiles, names, options)
    pairs = [pair for pair in meant if isinstance(pair, ProfilePair)]
    unknown = [outcome for outcome in meant if isinstance(outcome, Refreshed)]
    options = options._replace(allows_direct=options.allows_direct and len(set(meant)) == 1)
    outcomes = _refresh(profiles, pairs, options, context) + unknown
    # In the order asked for, behind the sources of roles.
    asked = (meaning.derived if isinstance(meaning, ProfilePair) else meaning.status.profile for meaning in meant)
    place = {profile: number for number, profile in enumerate(asked)}
    return sorted(outcomes, key=lambda outcome: place[outcome.status.profile] if outcome.requested else -1)


def refresh_all(options: RefreshOptions, context: Context) -> list[Refreshed]:
    """Refresh all that this tool wrote, each base profile with an MFA device, and the roles behind these."""
    if options.to is not None:
        raise UsageError("--to names one derived profile, and --all refreshes several")
    profiles = shared_files.load(context.paths)
    pairs = planning.all_pairs(profiles, context.warn)
    return _refresh(profiles, pairs, options._replace(allows_direct=False), context)


def _meant(profiles: Profiles, names: Sequence[str], options: RefreshOptions) -> list[ProfilePair | Refreshed]:
    """The pair that each name means, or an outcome if it means none."""
    meant: list[ProfilePair | Refreshed] = []
    for name in dict.fromkeys(names):
        try:
            pair = profiles.pair(name, options.to)
            log.step(f"{name} means {pair.derived}, derived from {pair.base}")
            meant.append(pair)
        except ProfileError as error:
            if shown(name) != name:  # a token code, as other tools take it
                raise
            status = SessionStatus(options.to or shown(name), None, State.UNKNOWN)
            meant.append(Refreshed(status, refreshed=False, error=error))
    return meant


def _refresh(
    profiles: Profiles, pairs: Sequence[ProfilePair], options: RefreshOptions, context: Context
) -> list[Refreshed]:
    codes = _code_sources(options, context)
    wanted = _wanted(options, codes, context)
    plan = planning.plan(profiles, pairs, wanted)
    _guarded(profiles, plan, options)
    _tell(profiles, plan, wanted)
    _note_mismatches(profiles, plan, context)
    profiles = _with_missing_settings(profiles, plan, context)
    _fail_without_codes(profiles, plan, codes, options.serial_number, context)
    if not plan.steps:
        return _outcomes(profiles, plan, [], options, context)
    wanted = wanted._replace(seen={pair: planning.key_of(profiles, pair) for pair in plan.targets})
    run = _Run(profiles, plan, wanted, codes, options, context)
    try:
        run.run()
    except (KeyboardInterrupt, MfaProfilesError):
        if run.stored:
            context.note(f"{', '.join(pair.derived for pair in run.stored)} was refreshed before that")
        raise
    _warn_of_what_hides_the_sessions(run.profiles, run.stored, context)
    return _outcomes(run.profiles, plan, run.stored, options, context)


class _Run:
    """The steps of a plan, done one after the other.

    A session that costs a code is stored before anything else is done: another program may need it to give the keys
    for a role, and an interruption may come at any time. Role sessions are stored together at the end.
    """

    def __init__(
        self,
        profiles: Profiles,
        plan: Plan,
        wanted: Wanted,
        codes: CodeSources,
        options: RefreshOptions,
        context: Context,
    ) -> None:
        from mfa_profiles.commands.acquire import Acquisition

        self.profiles = profiles
        """Both files as they were when they were last read or written."""
        self.stored: list[ProfilePair] = []
        """The pairs whose sessions were written."""
        self._plan = plan
        self._replaced: dict[ProfilePair, str | None] = {}  # what --force replaces, in words
        self._wanted = wanted
        self._options = options
        self._context = context
        self._acquisition = Acquisition(profiles, plan, codes, options.serial_number, options.duration, context)

    def run(self) -> None:
        """Do the steps. Raises what keeps all that is left from being done."""
        self._acquisition.refuse_one_code_for_several()
        for pair in [step.pair for step in self._plan.steps.values() if step.needs_code]:
            self._get_for_code(pair)
        if self._roles():
            self._allow_interruptions()
            # While no lock is kept: the programs that give keys may run this tool.
            self._acquisition.get_keys_of_others()
        if self._roles():
            self._assume_roles()

    def _get_for_code(self, pair: ProfilePair) -> None:
        if pair not in self._plan.steps:  # It was for a role that has failed.
            return
        self._allow_interruptions()
        with shared_files.single_flight(
            self._context.paths, [shared_files.lock_of_session(pair)], self._note_waiting
        ):
            self._read_again()
            if pair in self._plan.steps and self._is_left(self._plan.steps[pair]):
                self._rehearse()
                self._store(self._acquisition.get_for_code(self._plan.steps[pair]))

    def _assume_roles(self) -> None:
        locks = [shared_files.lock_of_role(step.pair) for step in self._roles()]
        with shared_files.single_flight(self._context.paths, locks, self._note_waiting):
            self._read_again()
            for step in self._roles():
                self._is_left(step)
            if self._roles():
                self._rehearse()
            self._store(self._acquisition.assume_roles())

    def _roles(self) -> list[Step]:
        """The steps that are left once those for codes are done."""
        return [step for step in self._plan.steps.values() if step.pair not in self.stored]

    def _note_waiting(self, name: str) -> None:
        self._context.note(f"waiting for another mfa-profiles that is refreshing {name}")

    def _allow_interruptions(self) -> None:
        if self.stored:
            self._context.after_writing()

    def _read_again(self) -> None:
        self.profiles = shared_files.load(self._context.paths)
        self._wanted = self._wanted._replace(now=self._context.now())
        self._acquisition.use(self.profiles)

    def _is_left(self, step: Step) -> bool:
        """Return True if a step is to be done; else it is taken out of the plan.

        The process that had the lock before may have done it, and the files may have changed meanwhile.
        """
        if planning.is_done(self.profiles, self._plan, step, self._wanted):
            self._plan.done(step.pair)
        elif step.pair in self._plan.steps:
            options = self._options if step.pair in self._plan.targets else RefreshOptions()
            try:
                self._replaced[step.pair] = _guard(self.profiles, step.pair, options, self._context.warn)
                self._refuse_changed_source(step)
            except (ProfileError, UsageError) as error:
                self._plan.fail(step.pair, error)
        return step.pair in self._plan.steps

    def _refuse_changed_source(self, step: Step) -> None:
        """Raise ProfileError if the session that is to assume a role does not belong to its base profile any more."""
        is_there = step.source in self.stored or step.source not in self._plan.steps
        mismatch = mismatch_of(self.profiles, step.source) if step.source and is_there else None
        if step.source and mismatch:
            raise _changed(step.source, mismatch)

    def _rehearse(self) -> None:
        """Raise what would keep sessions from being stored, before a code is spent on them."""
        if not self.stored:  # what can be stored once can be stored again
            ini.refuse_byte_order_marks(self.profiles.credentials, self.profiles.config)
            new = {pair: (sessions.STAND_IN, Origin(pair.base)) for pair in self._plan.steps}
            shared_files.rehearse(self._context.paths, lambda latest: shared_files.with_sessions(latest, new))

    def _refuse_to_store(self, latest: Profiles, pair: ProfilePair, origin: Origin) -> None:
        """Raise ProfileError if the files have changed since the session was asked for, so that it has no place."""
        force = self._options.force and pair in self._plan.targets
        replaced = _refuse_to_overwrite(latest, pair, force=force)
        if replaced != self._replaced.get(pair):  # --force is for what the person was warned of
            _refuse_to_overwrite(latest, pair, force=False)
        if mismatch := mismatch_of(latest, pair, origin):
            raise _changed(pair, mismatch)

    def _store(self, got: shared_files.NewSessions) -> None:
        """Write sessions into both files; what has turned up in the place of one since stays."""
        if not got:
            return
        stored: dict[ProfilePair, tuple[SessionCredentials, Origin]] = {}
        refused: dict[ProfilePair, MfaProfilesError] = {}

        def edit(latest: Profiles) -> Profiles:
            stored.clear()
            refused.clear()
            for pair, session in got.items():
                try:
                    self._refuse_to_store(latest, pair, session[1])
                    stored[pair] = session
                except ProfileError as error:
                    refused[pair] = error
            edited = shared_files.with_sessions(latest, stored)
            self._context.before_writing()
            return edited

        written = shared_files.change(self._context.paths, edit)
        self.profiles = written.profiles
        self.stored += stored
        for warning in written.warnings:
            self._context.warn(warning)
        for pair, error in refused.items():
            self._acquisition.drop(pair)
            self._plan.fail(pair, error)


def _wanted(options: RefreshOptions, codes: CodeSources, context: Context) -> Wanted:
    return Wanted(
        context.now(),
        options.min_remaining,
        options.force,
        duration=options.duration,
        allows_direct=options.allows_direct,
        has_code=codes.gives_any_profile_one,
    )


def _tell(profiles: Profiles, plan: Plan, wanted: Wanted) -> None:
    if not log.is_on():
        return
    for pair in plan.targets:
        if pair not in plan.steps and pair not in plan.failed:
            status = session_status(profiles, pair, now=wanted.now)
            end = sessions.format_time(status.expiration) if status.expiration else "a time that is not known"
            log.step(f"nothing to do for {pair.derived}: its session ends at {end}")
    for step in plan.steps.values():
        session = f"a session of {shown(step.role.arn)}" if step.role else f"an MFA session of {step.pair.base}"
        behind = f", with that of {step.source.derived}" if step.source else ""
        log.step(f"{step.pair.derived} needs {session}{behind}")


def _note_mismatches(profiles: Profiles, plan: Plan, context: Context) -> None:
    """Print why sessions that have not ended are replaced."""
    found: dict[Mismatch, list[str]] = {}
    for pair in plan.steps:
        mismatch = session_status(profiles, pair, now=context.now()).mismatch
        if mismatch is not None:
            found.setdefault(mismatch, []).append(pair.derived)
    for mismatch, names in found.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        context.note(f"{', '.join(names[:3])}{more}: the session there is {mismatch.in_words}, and is not used")


def _with_missing_settings(profiles: Profiles, plan: Plan, context: Context) -> Profiles:
    """Copy what good sessions of ours still need from their base profiles, and return the files as they are then.

    The base profile may have got a setting since; and two files cannot be replaced at once: a clear that was killed
    has taken out the settings, and not the session.
    """
    good = [pair for pair in plan.targets if pair not in plan.steps and pair not in plan.failed]
    good = [pair for pair in good if pair.derived in profiles.origins]

    def edit(latest: Profiles) -> Profiles:
        edited = shared_files.with_settings(latest, good)
        context.before_writing()
        return edited

    if shared_files.with_settings(profiles, good) is profiles:
        return profiles
    written = shared_files.change(context.paths, edit)
    context.after_writing()  # a code may be asked for yet
    for warning in written.warnings:
        context.warn(warning)
    return written.profiles


def _guarded(profiles: Profiles, plan: Plan, options: RefreshOptions) -> None:
    """Take the steps out of a plan that would overwrite what is not ours."""
    for pair in dict.fromkeys([*plan.targets, *plan.steps]):
        if pair not in plan.failed:
            try:
                _guard(profiles, pair, options if pair in plan.targets else RefreshOptions(), lambda _: None)
            except (ProfileError, UsageError) as error:
                plan.fail(pair, error)


def _guard(profiles: Profiles, pair: ProfilePair, options: RefreshOptions, warn: Callable[[str], None]) -> str | None:
    """Raise ProfileError or UsageError if a session would overwrite what is not ours.

    Returns what --force replaces, in words, after a warning, or None.
    """
    if options.to is not None:
        _refuse_to_overwrite_a_source(profiles, pair)
    if pair.base == pair.derived:
        raise no_mfa_session(profiles, pair.base)
    if pair.derived not in profiles.credentials.sections:
        command = tool_command("refresh", pair.base, "--to", "NAME")
        refuse_illegal_name(pair.derived, f"{command} chooses another name for the derived profile")
    replaced = _refuse_to_overwrite(profiles, pair, force=options.force)
    if replaced is not None:
        warn(f"[{pair.derived}] in {profiles.credentials.path} holds {replaced}, which --force replaces")
    return replaced


def _changed(pair: ProfilePair, mismatch: Mismatch) -> ProfileError:
    return ProfileError(
        f"profile {pair.base} was changed while a session was requested: the session is {mismatch.in_words}, and is "
        "not stored",
        tool_command("refresh", pair.base),
    )


def _refuse_to_overwrite_a_source(profiles: Profiles, pair: ProfilePair) -> None:
    """Raise UsageError if ``--to`` names a profile that the session itself depends on; --force does not help."""
    base, *sources = roles.sources(profiles, pair.base)
    if pair.derived == base:
        raise UsageError(
            f"--to {base} would overwrite the base profile's own keys", "name another profile, or leave it out"
        )
    for source in sources:
        if pair.derived in (source, profiles.pair(source).derived):
            raise UsageError(
                f"--to {pair.derived} would overwrite what profile {base} gets its session through",
                "name another profile, or leave it out",
            )


def _refuse_to_overwrite(profiles: Profiles, pair: ProfilePair, *, force: bool) -> str | None:
    """What is not ours and would be overwritten, in words, or None. Raises ProfileError unless --force allows it."""
    replaced = profiles.foreign_content(pair)
    if replaced is not None and not force:
        raise ProfileError(
            f"[{pair.derived}] in {profiles.credentials.path} holds {replaced}",
            "mfa-profiles refresh --to NAME writes the session to another profile, --force replaces what is there",
        )
    return replaced


def _code_sources(options: RefreshOptions, context: Context) -> CodeSources:
    return CodeSources(options.token_code, context.environment, context.ask)


def _fail_without_codes(
    profiles: Profiles, plan: Plan, sources: CodeSources, serial_number: str | None, context: Context
) -> None:
    """Take out what cannot be had without a code or keys, before another process is waited for."""
    for step in [step for step in plan.steps.values() if step.needs_code]:
        try:
            if profiles.has_keys(step.keys_in) or not profiles.provider(step.keys_in):
                keys = profiles.keys(step.keys_in)
                if keys.session_token and step.role is None:
                    raise no_mfa_session(profiles, step.keys_in)
            ancestors.refuse_circle(step.pair.base, context.environment)
            sources.for_profile(planning.mfa_process(profiles, step))
        except TokenCodeNeededError as error:
            if planning.may_need_no_code(profiles, step):
                continue  # only the keys can tell
            from mfa_profiles.commands.known_device import find_known_device

            if find_known_device(serial_number, profiles, step.pair, step.lenders) is None:
                shows = tool_command("devices", step.keys_in)
                error.add_hint(f"profile {step.keys_in} names no MFA device: {shows} shows whether there is one")
            plan.fail(step.pair, error)
        except ProfileError as error:
            plan.fail(step.pair, error)


def _outcomes(
    profiles: Profiles,
    plan: Plan,
    stored: Sequence[ProfilePair],
    options: RefreshOptions,
    context: Context,
) -> list[Refreshed]:
    now = context.now()
    outcomes = []
    for pair in [*(pair for pair in stored if pair not in plan.targets), *plan.targets]:
        status = _status(profiles, pair, options, now)
        requested = pair in plan.targets
        outcomes.append(Refreshed(status, pair in stored, plan.failed.get(pair), requested))
    return outcomes


def _warn_of_what_hides_the_sessions(profiles: Profiles, pairs: Sequence[ProfilePair], context: Context) -> None:
    for pair in pairs:
        warn_of_hidden_settings(profiles, pair.base, context)
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


def warn_of_hidden_settings(profiles: Profiles, base: str, context: Context) -> None:
    """Tell a person about a section of the config file that lacks the word ``profile``."""
    if not profiles.hidden_settings(base):
        return
    right = profiles.config_header(base)
    todo = f"the header has to be [{right}]"
    if right in profiles.config.sections:  # two of one name would make the file an error
        todo = f"move its lines to [{right}], and delete it"
    context.warn(
        f"[{base}] in {profiles.config.path} is not seen by the SDKs: {todo}; its settings count for "
        f"{profiles.pair(base).derived} all the same"
    )


def status_after_failure(name: str, options: RefreshOptions, context: Context) -> SessionStatus:
    """What is there after a refresh has failed, as far as the files can still be read."""
    try:
        profiles = shared_files.load(context.paths)
        pair = profiles.pair(name, options.to)
    except MfaProfilesError:
        return SessionStatus(options.to or shown(name), None, State.UNKNOWN)
    return _status(profiles, pair, options, context.now())


def _status(profiles: Profiles, pair: ProfilePair, options: RefreshOptions, now: datetime) -> SessionStatus:
    return session_status(profiles, pair, now=now, min_remaining=options.min_remaining, can_renew=True)
