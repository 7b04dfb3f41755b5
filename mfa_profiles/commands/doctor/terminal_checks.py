"""Checks of this terminal: which profile it uses, and what in its environment outranks that."""

from collections.abc import Iterable, Iterator

from mfa_profiles import environment
from mfa_profiles.commands.doctor.findings import Check, Finding, Scope, ok, problem, warning
from mfa_profiles.commands.status import session_status
from mfa_profiles.profiles import ProfilePair, shown
from mfa_profiles.sessions import DEFAULT_MIN_REMAINING

_KEYS = (*environment.READ_BY_SOURCE["environment"], "AWS_ACCESS_KEY", "AWS_SECRET_KEY")


def outranking_variables(scope: Scope) -> Iterator[Finding]:
    """What the SDKs take from the environment before they look at a profile."""
    found = [name for name in environment.CREDENTIAL_VARIABLES if scope.context.environment.get(name)]
    found = [name for name in found if name not in environment.PROFILE_VARIABLES]
    keys = [name for name in found if name in _KEYS]
    if keys:
        what = "an active session is" if any(name.endswith("TOKEN") for name in keys) else "access keys are"
        yield problem(
            f"{what} in the environment, which most tools prefer to every profile: {', '.join(keys)}",
            f"unset {' '.join(found)}",
        )
    elif found:
        yield warning(
            f"{', '.join(found)} in the environment: some tools look there before they look at a profile",
            f"unset {' '.join(found)}",
        )


def chosen_profile(scope: Scope) -> Iterator[Finding]:
    """The profile that tools use which are named none."""
    variables = scope.context.environment
    chosen, older = (variables.get(name, "") for name in environment.PROFILE_VARIABLES)
    if chosen and older and chosen != older:
        yield warning(
            f"AWS_PROFILE is {shown(chosen)} and AWS_DEFAULT_PROFILE is {shown(older)}: boto3 and the AWS CLI follow "
            "the latter, other SDKs the former",
            "unset AWS_DEFAULT_PROFILE",
        )
    missing = False
    for variable in environment.PROFILE_VARIABLES:
        name = variables.get(variable)
        if name and scope.is_readable and name not in scope.profiles:
            error = scope.profiles.no_such_profile(name)
            missing = True
            yield problem(f"{variable}: {error.message}", *error.hints, f"unset {variable}")
    if not missing and not any(variables.get(name) for name in _KEYS):
        yield _used(scope, older or chosen, "AWS_DEFAULT_PROFILE" if older else "AWS_PROFILE")


def _used(scope: Scope, name: str, variable: str) -> Finding:
    if name:
        message = f"this terminal uses profile {shown(name)} ({variable})"
        own = [pair.derived for pair in _usable(scope) if pair.base == name != pair.derived]
        hints = [f"export {variable}={derived} uses the session in that profile" for derived in own]
        return ok(message, *hints[:1], profile=shown(name))
    usable = [pair.derived for pair in _usable(scope) if pair.derived != "default"]
    hints = [f"export AWS_PROFILE={derived} uses the session in that profile" for derived in usable]
    if "default" in scope.profiles or not scope.is_readable:
        return ok("this terminal uses profile default, as AWS_PROFILE is not set", *hints[:1], profile="default")
    return ok("no AWS_PROFILE is set here, and there is no profile default", *hints[:1])


def _usable(scope: Scope) -> list[ProfilePair]:
    """The pairs whose derived profiles hold sessions that can be used."""
    profiles, now = scope.profiles, scope.context.now()
    pairs = [profiles.pair_of_derived(name) for name in scope.names if profiles.session(name)]
    return [
        pair
        for pair in pairs
        if pair and session_status(profiles, pair, now=now, min_remaining=DEFAULT_MIN_REMAINING).is_usable
    ]


CHECKS: Iterable[Check] = (
    Check("environment", outranking_variables, "no keys in the environment"),
    Check("aws-profile", chosen_profile),
)
