"""Get the sessions of a plan from AWS: those for codes one after the other, then roles in parallel.

What makes the calls is imported by them: a person who is to type a code does not wait for it.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from mfa_profiles import log, parallel, sessions
from mfa_profiles.aws.caller import Caller, partition_of, region_of
from mfa_profiles.aws.clients import MAX_CALLS_AT_ONCE, Clients
from mfa_profiles.commands import Context
from mfa_profiles.commands import plan as planning
from mfa_profiles.commands.keys import KeyRing, no_mfa_session
from mfa_profiles.commands.known_device import KnownDevice, find_named_device, known_serial_number
from mfa_profiles.commands.plan import Plan, Step
from mfa_profiles.commands.status import overridden_device
from mfa_profiles.errors import (
    ClockError,
    KeysRefusedError,
    MfaProfilesError,
    NoMFASessionError,
    TokenCodeRefusedError,
    UsageError,
    tool_command,
)
from mfa_profiles.profiles import Keys, ProfilePair, Profiles
from mfa_profiles.roles import MAX_CHAINED_DURATION, MAX_DURATION, Role
from mfa_profiles.sessions import Origin, SessionCredentials
from mfa_profiles.shared_files import NewSessions
from mfa_profiles.token_code import CodeSources

_MINUTE = timedelta(minutes=1)
_KEPT = _MINUTE
"""After that a connection is not trusted any more: what carries it may have forgotten it without a word."""


class _Identity(NamedTuple):
    """Whose session a code gets. Profiles with the same keys, endpoint and device share one."""

    caller: Caller
    device: str | None
    """None for a profile that names no device: it shares the session of any."""

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds

    def may_share(self, other: "_Identity") -> bool:
        """Return True if the session of another identity is one of this identity too."""
        if self.caller.keys != other.caller.keys or self.device not in (None, other.device):
            return False
        # It takes boto3, for which a person would have to wait: only where it may make a difference.
        return parallel.run(lambda: _endpoint(self.caller) == _endpoint(other.caller))


class Acquisition:
    """One run through a plan, which is told what fails.

    The caller decides when each step is made, and under which locks: a person or another program may be waited for
    by ``get_for_code`` and ``get_keys_of_others``, and by nothing else.
    """

    def __init__(
        self,
        profiles: Profiles,
        plan: Plan,
        codes: CodeSources,
        serial_number: str | None,
        duration: timedelta | None,
        context: Context,
    ) -> None:
        self.profiles = profiles
        """Both files as they are now."""
        self._plan = plan
        self._codes = codes
        self._serial_number = serial_number
        self._duration = duration
        self._context = context
        self._clients = Clients(profiles, context.now)
        self._got: dict[ProfilePair, tuple[SessionCredentials, Origin]] = {}
        self._key_ring = KeyRing()
        self._identities: list[tuple[_Identity, SessionCredentials, Origin]] = []
        self._shortened: dict[ProfilePair, Step] = {}
        self._traded: list[str] = []  # base profiles for which a code was accepted

    def use(self, profiles: Profiles) -> None:
        """Go on with the files as they are now: keys and endpoints may have changed together."""
        self.profiles = self._clients.profiles = profiles

    def drop(self, pair: ProfilePair) -> None:
        """Forget a session that could not be stored: no role is assumed with it."""
        del self._got[pair]

    def refuse_one_code_for_several(self) -> None:
        """Raise UsageError if one code, or one device, is given for the keys of several users in the files."""
        steps = [step for step in self._plan.steps.values() if step.needs_code]
        steps = [step for step in steps if not planning.may_need_no_code(self.profiles, step)]
        if len(steps) < 2 or (self._serial_number is None and not self._codes.gives_one_code):
            return
        identities: list[_Identity] = []
        alone: list[str] = []
        for step in steps:
            with contextlib.suppress(MfaProfilesError):  # It is reported when the step is made.
                identity = self._identity(step, self._caller(step))
                if step.role or not any(one.may_share(identity) or identity.may_share(one) for one in identities):
                    alone.append(step.pair.base)
                if not step.role:
                    identities.append(identity)
        if len(alone) > 1:
            self._refuse_one_for_all(alone)

    def get_for_code(self, step: Step) -> NewSessions:
        """Get the session of a step that needs a code; nothing if it turns out to need none, or if it fails."""
        try:
            caller = self._caller(step)
            is_temporary = caller.keys.session_token is not None
            if step.role and is_temporary and planning.may_need_no_code(self.profiles, step):
                self._plan.steps[step.pair] = step._replace(needs_code=False)  # The keys assume the role as they are.
                return {}
            self._get_for_code(step, caller)
        except NoMFASessionError as error:
            self._plan.without_session(step.pair, error)
        except MfaProfilesError as error:
            self._plan.fail(step.pair, error)
        return {step.pair: self._got[step.pair]} if step.pair in self._got else {}

    def get_keys_of_others(self) -> None:
        """Have other programs give the keys with which roles are assumed. They may run this tool."""
        for step in self._plan.steps.values():
            if step.pair not in self._got and step.source is None:
                # What is wrong with them is reported by the step that needs them.
                with contextlib.suppress(MfaProfilesError):
                    self._key_ring.get_of_others(self.profiles, step.keys_in, step.role, step.pair.base)

    def assume_roles(self) -> NewSessions:
        """Get the sessions of the steps that are left, each after that of its source."""
        steps = self._plan.steps
        new = [pair for pair in steps if pair not in self._got]
        while left := [step for step in steps.values() if step.pair not in self._got]:
            self._assume([step for step in left if step.source not in steps or step.source in self._got])
        self._note_shortened()
        return {pair: self._got[pair] for pair in new if pair in self._got}  # not in the order of their answers

    def _refuse_one_for_all(self, bases: Sequence[str]) -> None:
        if self._serial_number is not None or self._codes.gives_one_code:
            what = "--serial-number names one device" if self._serial_number else "there is one token code"
            raise UsageError(
                f"{what}, and these profiles need one each: {', '.join(bases)}",
                "refresh them one by one, or let the terminal or mfa_process give the codes",
            )

    def _get_for_code(self, step: Step, caller: Caller) -> None:
        identity = self._identity(step, caller)
        for known, session, origin in self._identities:
            # A role that is assumed with a code of its own shares nothing.
            if step.role is None and identity.may_share(known):
                origin = self._origin_with(step, caller, origin.mfa_serial, origin.duration_seconds)
                self._got[step.pair] = session, origin
                return
        # Without a way to get a code, AWS need not be asked for a device.
        self._codes.for_profile(planning.mfa_process(self.profiles, step))
        if self._traded:
            self._refuse_one_for_all([*self._traded, step.pair.base])
        serial_number = self._device(step, caller)
        session = self._with_code(step, caller, serial_number)
        self._traded.append(step.pair.base)
        origin = self._origin_with(step, caller, serial_number, self._seconds(step, caller, session))
        self._got[step.pair] = session, origin
        if step.role is None:
            self._identities.append((_Identity(caller, serial_number), session, origin))

    def _identity(self, step: Step, caller: Caller) -> _Identity:
        named = find_named_device(self._serial_number, self.profiles, step.pair, step.lenders)
        return _Identity(caller, named.serial_number if named else None)

    def _device(self, step: Step, caller: Caller) -> str:
        known = self._known(step)
        serial_number = known.serial_number if known else _discover(caller, self._context)
        log.step(f"the MFA device is {serial_number}: {known.because if known else 'AWS knows it'}")
        return serial_number

    def _known_device(self, step: Step) -> str | None:
        known = self._known(step)
        return known.serial_number if known else None

    def _known(self, step: Step) -> KnownDevice | None:
        return known_serial_number(self._serial_number, self.profiles, step.pair, step.lenders)

    def _with_code(self, step: Step, caller: Caller, serial_number: str) -> SessionCredentials:
        ready = parallel.Meanwhile(functools.partial(_connect, caller, serial_number))
        source = self._codes.for_profile(planning.mfa_process(self.profiles, step), ready.start)
        duration = self._duration_of(step, caller.keys)
        attempts_left = source.attempts
        while True:
            asked = self._context.now()  # a monotonic clock would stand still while a laptop sleeps
            code = source.code(serial_number)
            if not timedelta() <= self._context.now() - asked <= _KEPT:
                self._clients.disconnect()
            attempts_left -= 1
            _refuse_what_cannot_work(ready)
            try:
                session = parallel.run(functools.partial(_call, caller, step.role, serial_number, code, duration))
            except TokenCodeRefusedError as refusal:
                if not attempts_left:
                    raise
                self._before_next_attempt(refusal, waits=source.waits)
            else:
                self._tell_if_shorter(step, session, duration)
                return session

    def _before_next_attempt(self, refusal: TokenCodeRefusedError, *, waits: bool) -> None:
        if waits:
            # It came from a machine, so it has most likely been used. A second more, as no two clocks are the same.
            self._context.wait(refusal.seconds_until_next + 1, f"{refusal.message}: the next one comes in")
        else:
            self._context.warn(f"{refusal.message}; {refusal.hints[0]}")

    def _tell_if_shorter(self, step: Step, session: SessionCredentials, duration: timedelta) -> None:
        given = session.expiration - self._context.now()
        if step.role is None and not _is_as_long(given, duration):
            self._context.warn(
                f"AWS gave a shorter session to {step.pair.base} than it was asked for: the root user of an account "
                "gets an hour at most"
            )

    def _assume(self, steps: Sequence[Step]) -> None:
        calls: list[Callable[[], SessionCredentials]] = []
        called: list[Step] = []
        callers: list[Caller] = []
        for step in steps:
            try:
                caller = self._caller(step)
                calls.append(
                    functools.partial(_call, caller, step.role, None, None, self._duration_of(step, caller.keys))
                )
                called.append(step)
                callers.append(caller)
            except MfaProfilesError as error:
                self._plan.fail(step.pair, error)
        with self._context.progress(len(calls), "assuming roles") as advance:
            for index, outcome in parallel.run_all(calls, at_once=MAX_CALLS_AT_ONCE):
                step = called[index]
                try:
                    session = outcome()
                    self._got[step.pair] = session, self._origin_of_role(step, callers[index], session)
                except MfaProfilesError as error:
                    self._plan.fail(step.pair, error)
                advance()

    def _origin_of_role(self, step: Step, caller: Caller, session: SessionCredentials) -> Origin:
        """The origin of a role session: its key and its device are those of the session that assumed the role."""
        source = self._origin_of(step.source) if step.source else None
        seconds = self._seconds(step, caller, session)
        origin = self._origin_with(step, caller, source.mfa_serial if source else None, seconds)
        return origin._replace(access_key_id=source.access_key_id) if source else origin

    def _origin_with(self, step: Step, caller: Caller, mfa_serial: str | None, seconds: int | None) -> Origin:
        """The origin of a session that the keys of a caller got."""
        # Temporary keys change, and the keys of credential_source are not those of the profile.
        is_long_term = caller.keys.session_token is None and not (step.role and step.role.credential_source)
        return Origin(
            step.pair.base,
            mfa_serial,
            step.role.arn if step.role else None,
            caller.keys.access_key_id if is_long_term else None,
            overridden_device(self.profiles, step.pair.base, mfa_serial),
            seconds,
        )

    def _seconds(self, step: Step, caller: Caller, session: SessionCredentials) -> int | None:
        """The length to record: as it was asked for, unless AWS gave a shorter session."""
        asked, given = self._duration_of(step, caller.keys), session.expiration - self._context.now()
        return sessions.recorded_length(asked if _is_as_long(given, asked) else round(given / _MINUTE) * _MINUTE)

    def _origin_of(self, pair: ProfilePair) -> Origin | None:
        return self._got[pair][1] if pair in self._got else self.profiles.origins.get(pair.derived)

    def _caller(self, step: Step) -> Caller:
        keys = self._keys(step)
        arn = step.role.arn if step.role else self._known_device(step)
        region = region_of(self.profiles, step.pair, self._context.environment, arn)
        return Caller(self._clients, step.pair.base, keys, step.keys_in, region)

    def _keys(self, step: Step) -> Keys:
        """The keys that make the call of a step. Raises MfaProfilesError if it is not for them."""
        if step.source in self._got:
            session, _ = self._got[step.source]
            return Keys(session.access_key_id, session.secret_access_key, session.session_token)
        keys = self._key_ring.of(self.profiles, step.keys_in, step.role, step.pair.base)
        if keys.session_token and step.role is None:
            raise no_mfa_session(self.profiles, step.keys_in)
        return keys

    def _duration_of(self, step: Step, keys: Keys) -> timedelta:
        duration = planning.duration(step, self._duration if step.pair in self._plan.targets else None)
        if step.role is not None and keys.session_token is not None and duration > MAX_CHAINED_DURATION:
            self._shortened[step.pair] = step
            return MAX_CHAINED_DURATION
        return duration

    def _note_shortened(self) -> None:
        """Print one note for the role sessions that were limited to an hour, with the command for a longer one."""
        shortened = [
            step for step in self._shortened.values() if step.pair in self._got and step.pair in self._plan.targets
        ]
        direct = [  # without a source, the keys themselves are temporary
            step.pair.base for step in shortened if step.source and planning.can_be_direct(self.profiles, step)
        ]
        if not shortened:
            return
        names = ", ".join(step.pair.derived for step in shortened[:3])
        more = f" and {len(shortened) - 3} more" if len(shortened) > 3 else ""
        ends = "ends" if len(shortened) == 1 else "end"
        longer = ""
        if direct and (self._duration is None or self._duration <= MAX_DURATION):
            options = ["--duration-seconds", f"{self._duration.total_seconds():.0f}"] if self._duration else []
            command = tool_command("refresh", direct[0] if len(direct) == 1 else "NAME", "--force", *options)
            longer = f"; for a longer session, run in a terminal: {command}"
        self._context.note(
            f"{names}{more} {ends} after one hour: AWS allows no more for a role that is assumed with temporary "
            f"credentials{longer}"
        )


def _is_as_long(given: timedelta, asked: timedelta) -> bool:
    """True if AWS has given a session as long as it was asked for, as far as the clocks agree."""
    return given >= asked - timedelta(minutes=6)  # a clock may be five minutes off


def _endpoint(caller: Caller) -> str:
    """The endpoint of STS, without its region: those of AWS give the same sessions in all regions of a partition."""
    endpoint = caller.sts().meta.endpoint_url
    return f"{partition_of(caller.region)} {endpoint.replace(caller.region, '')}"


def _refuse_what_cannot_work(ready: parallel.Meanwhile) -> None:
    """Raise what was found out while a person typed, if no code can help; all else the call itself will find."""
    try:
        ready.raise_what_went_wrong()
    except (KeysRefusedError, ClockError):
        raise
    except Exception:  # noqa: BLE001 - it was done for haste alone
        log.step("could not get ready for the call to AWS meanwhile")


def _discover(caller: Caller, context: Context) -> str:
    from mfa_profiles.commands.devices import discover_serial_number

    return discover_serial_number(caller, context)


def _connect(caller: Caller, serial_number: str) -> None:
    from mfa_profiles.aws import sts

    sts.connect(caller, serial_number)


def _call(
    caller: Caller, role: Role | None, serial_number: str | None, code: str | None, duration: timedelta
) -> SessionCredentials:
    from mfa_profiles.aws import sts

    if role is not None:
        return sts.assume_role(caller, role, duration=duration, serial_number=serial_number, token_code=code)
    assert serial_number is not None
    assert code is not None
    return sts.get_session_token(caller, serial_number=serial_number, token_code=code, duration=duration)
