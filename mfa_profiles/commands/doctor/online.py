"""Checks that ask AWS: whose keys these are, and whether a session can be had with them."""

import functools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mfa_profiles import parallel, sessions
from mfa_profiles.aws import iam, refusals, sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import MAX_CALLS_AT_ONCE, Clients
from mfa_profiles.aws.mfa_device import MFADevice
from mfa_profiles.aws.table import SET_CLOCK
from mfa_profiles.commands.doctor.findings import Finding, Scope, Subject, ok, problem, warning
from mfa_profiles.commands.doctor.profile_checks import flaws_of_keys
from mfa_profiles.commands.known_device import REGISTER, KnownDevice, known_serial_number
from mfa_profiles.commands.status import session_status
from mfa_profiles.errors import (
    ClockError,
    KeysRefusedError,
    MfaProfilesError,
    PermissionDeniedError,
    ProfileError,
    SessionExpiredError,
    SessionUnknownError,
    tool_command,
)
from mfa_profiles.profiles import ProfilePair, masked

_NOTICEABLE = timedelta(seconds=30)
"""A clock that is off by this much computes the code of another window."""


@dataclass(frozen=True)
class _Base:
    """A base profile whose long-term keys call AWS."""

    scope: Scope
    pair: ProfilePair
    clients: Clients
    max_key_age: timedelta

    @property
    def name(self) -> str:
        return self.pair.base

    def caller(self, holder: str) -> Caller:
        """A caller with the keys that the base or the derived profile holds."""
        profiles = self.scope.profiles
        region = region_of(profiles, self.pair, self.scope.context.environment)
        return Caller(self.clients, self.name, profiles.keys(holder), holder, region)


def ask(scope: Scope, max_key_age: timedelta) -> list[Finding]:
    """What AWS says of every base profile with long-term keys, all of them at once."""
    clients = Clients(scope.profiles, scope.context.now)
    bases = [_Base(scope, scope.profiles.pair(name), clients, max_key_age) for name in _bases(scope)]
    calls = [functools.partial(_examine, base) for base in bases]
    found = dict(parallel.run_all(calls, at_once=MAX_CALLS_AT_ONCE))
    return _told_once([finding for index in sorted(found) for finding in found[index]()])


def _bases(scope: Scope) -> Iterator[str]:
    for name in scope.names:
        has_keys = sessions.has_long_term_keys(scope.profiles.settings(name))
        is_base = scope.profiles.pair(name).base == name
        if has_keys and is_base and not any(flaws_of_keys(scope, name)):
            yield name


def _examine(base: _Base) -> list[Finding]:
    """Make all checks of one base profile, up to the first failure that would meet the rest just as well."""
    found: list[Finding] = []
    for check, look in _CHECKS:
        try:
            for finding in look(base):
                told = replace(finding, check=finding.check or check, profile=finding.profile or base.name)
                found.append(replace(told, subject=Subject.AWS))
        except MfaProfilesError as error:
            name = "clock" if isinstance(error, ClockError) else check
            told = problem(error.message, *error.hints, profile=base.name)
            found.append(replace(told, check=name, subject=Subject.AWS))
            if not isinstance(error, PermissionDeniedError):
                break
    return found


def _told_once(findings: Sequence[Finding]) -> list[Finding]:
    """Findings without those that are of this machine, its clock and its network, and were made for each profile."""
    told: dict[object, Finding] = {}
    for finding in findings:
        key = finding.check if finding.check == "clock" else (finding.check, finding.message)
        is_of_all = finding.check == "clock" or key in told
        told[key] = replace(told.get(key, finding), profile=None if is_of_all else finding.profile)
    return list(told.values())


def _identity(base: _Base) -> Iterator[Finding]:
    identity = sts.caller_identity(base.caller(base.name))
    if identity.arn.endswith(":root"):
        yield warning(
            f"the keys of {base.name} are those of the root user of account {identity.account}",
            f"make an IAM user, and put its keys into [{base.name}] in {base.scope.profiles.credentials.path}",
            "delete the root user's: https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",
        )
    else:
        yield ok(f"the keys of {base.name} are those of {identity.arn}")
    if identity.time_at_aws is not None:
        yield replace(_clock(base.scope.context.now() - identity.time_at_aws), check="clock")


def _clock(ahead: timedelta) -> Finding:
    if abs(ahead) >= refusals.CLOCK_TOLERANCE:
        return problem(f"this machine's clock is wrong: it is {refusals.ahead_in_words(ahead)} AWS's", SET_CLOCK)
    if abs(ahead) >= _NOTICEABLE:
        return warning(
            f"this machine's clock is {refusals.ahead_in_words(ahead)} AWS's: codes that it computes may be wrong",
            SET_CLOCK,
        )
    return ok("this machine's clock agrees with AWS's")


def _devices(base: _Base) -> Iterator[Finding]:
    profiles = base.scope.profiles
    known = None
    try:
        known = known_serial_number(None, profiles, base.pair)
    except ProfileError as error:
        yield problem(error.message, *error.hints)
    try:
        found = iam.list_mfa_devices(base.caller(base.name))
    except PermissionDeniedError as error:
        if known is not None:
            yield ok(f"the MFA device of {base.name} is {known.serial_number}, which AWS does not let it look up")
        else:
            line = f"add to [{profiles.config_header(base.name)}] in {profiles.config.path}: mfa_serial = ARN"
            yield warning(error.message, *error.hints, *([] if line in error.hints else [line]))
        return
    yield _usable(base, [device for device in found if device.gives_codes], len(found), known)


def _usable(base: _Base, usable: Sequence[MFADevice], found: int, known: KnownDevice | None) -> Finding:
    profiles = base.scope.profiles
    serial_numbers = [device.serial_number for device in usable]
    if not usable:
        what = "only passkeys, and AWS STS takes codes" if found else "no MFA device"
        return problem(f"the user of {base.name} has {what}", *REGISTER)
    if known is not None and known.serial_number not in serial_numbers:
        remembered = profiles.mfa_serial(base.name) is None
        return problem(
            f"{known.serial_number} is not a device of the user of {base.name}, but {known.because}",
            tool_command("refresh", base.name, "--force", "--serial-number", serial_numbers[0])
            if remembered
            else f"mfa_serial = {serial_numbers[0]} under [{profiles.config_header(base.name)}] in "
            f"{profiles.config.path}",
        )
    passkeys = found - len(usable)
    beside = f" ({passkeys} passkey{'s' * (passkeys > 1)} beside, of no use here)" if passkeys else ""
    taken = [known.serial_number] if known else serial_numbers
    return ok(f"codes for {base.name} come from {' or '.join(taken)}{beside}")


def _permission(base: _Base) -> Iterator[Finding]:
    sts.check_get_session_token(base.caller(base.name))
    yield ok(f"{base.name} may get sessions (sts:GetSessionToken)")


def _key_age(base: _Base) -> Iterator[Finding]:
    own = base.scope.profiles.keys(base.name)
    try:
        keys = yield from _access_keys(base)
    except PermissionDeniedError as error:
        yield ok(f"the age of the access key of {base.name} is not known: {error.message}")
        return
    created = next((key.created for key in keys if key.access_key_id == own.access_key_id), None)
    if created is not None:
        age = base.scope.context.now() - created
        message = f"the access key {masked(own.access_key_id)} of {base.name} is {_in_days(age)} old"
        if age > base.max_key_age:
            yield warning(message, tool_command("rotate", base.name))
        else:
            yield ok(message)
    if sum(key.is_active for key in keys) > 1:
        yield warning(
            f"the user of {base.name} has two active access keys",
            "delete the one that nobody uses: IAM console, your name at the top right, Security credentials",
        )


def _access_keys(base: _Base) -> Generator[Finding, None, Sequence[iam.AccessKey]]:
    """The access keys of the user, asked for with the session; with the keys of the base if that is not good."""
    derived = _holder_of_session(base)
    if derived is not None:
        try:
            return iam.list_access_keys(base.caller(derived))
        except (SessionExpiredError, SessionUnknownError, KeysRefusedError) as error:
            yield replace(problem(error.message, *error.hints, profile=derived), check="session")
    return iam.list_access_keys(base.caller(base.name))


def _holder_of_session(base: _Base) -> str | None:
    """The derived profile, if it has a session: what a user may do is often allowed with MFA only."""
    profiles, pair = base.scope.profiles, base.pair
    status = session_status(profiles, pair, now=base.scope.context.now())
    is_ours = pair.derived in profiles.origins
    return pair.derived if is_ours and status.is_usable else None


def _in_days(age: timedelta) -> str:
    days = max(age.days, 0)
    return f"{days} day{'s' * (days != 1)}"


_CHECKS: Sequence[tuple[str, Callable[[_Base], Iterable[Finding]]]] = (
    ("identity", _identity),
    ("devices", _devices),
    ("aws-permissions", _permission),
    ("key-age", _key_age),
)
