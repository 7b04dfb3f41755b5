"""Whether sessions still work: AWS is asked, with the keys of each one, whose they are."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from mfa_profiles import log, parallel, shared_files
from mfa_profiles.aws import sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import MAX_CALLS_AT_ONCE, Clients
from mfa_profiles.commands import Context
from mfa_profiles.commands.status import SessionStatus, Verdict, Verification, pairs_of, statuses_of
from mfa_profiles.errors import (
    MfaProfilesError,
    ProfileError,
    SessionExpiredError,
    SessionUnknownError,
    UnreachableError,
)
from mfa_profiles.profiles import ProfilePair
from mfa_profiles.sessions import State


def verified_status(names: Sequence[str], min_remaining: timedelta | None, context: Context) -> list[SessionStatus]:
    """The same as ``status``, with what AWS says of each session that the files do not call over or missing.

    The call is one that no policy can deny (GetCallerIdentity): a session that is known, and may do nothing, works.
    """
    profiles = shared_files.load(context.paths)
    pairs = pairs_of(profiles, names)
    statuses = statuses_of(profiles, pairs, now=context.now(), min_remaining=min_remaining)
    clients = Clients(profiles, context.now)
    asked = [index for index, status in enumerate(statuses) if status.state not in (State.EXPIRED, State.MISSING)]
    calls = [_question(clients, pairs[index], statuses[index], context) for index in asked]
    verifications = [Verification() for _ in statuses]
    log.step(f"asking AWS about {len(calls)} session{'s' * (len(calls) != 1)}")
    with context.progress(len(calls), "asking AWS") as advance:
        for number, outcome in parallel.run_all(calls, at_once=MAX_CALLS_AT_ONCE):
            verifications[asked[number]] = _verification(outcome)
            advance()
    return [status._replace(verification=found) for status, found in zip(statuses, verifications, strict=True)]


def _question(
    clients: Clients, pair: ProfilePair, status: SessionStatus, context: Context
) -> Callable[[], sts.Identity]:
    region = region_of(clients.profiles, pair, context.environment, status.role_arn or status.mfa_serial)
    return lambda: sts.caller_identity(_caller(clients, pair.derived, region))


def _caller(clients: Clients, profile: str, region: str) -> Caller:
    """Who asks: the session as the credentials file holds it. Raises ProfileError if a part of it is missing."""
    try:
        keys = clients.profiles.keys(profile)
    except ProfileError as error:
        refusal = ProfileError(error.message, "its session is not complete: refresh it, or get it again")
    else:
        return Caller(clients, profile, keys, profile, region)
    raise refusal


def _verification(outcome: Callable[[], sts.Identity]) -> Verification:
    try:
        return Verification(Verdict.WORKS, arn=outcome().arn)
    except MfaProfilesError as error:
        return Verification(_verdict(error), error=error)


def _verdict(error: MfaProfilesError) -> Verdict:
    match error:
        case SessionExpiredError():
            return Verdict.EXPIRED
        case SessionUnknownError():
            return Verdict.REVOKED
        case UnreachableError():
            return Verdict.UNREACHABLE
    return Verdict.REFUSED
