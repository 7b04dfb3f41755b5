"""Checks of this terminal: which profile it uses, and what in its environment outranks that."""

from collections.abc import Iterable, Iterator

from mfa_profiles import environment, sessions
from mfa_profiles.aws import sdk_settings
from mfa_profiles.commands.doctor.findings import Check, Finding, Scope, ok, problem, warning
from mfa_profiles.commands.status import session_status
from mfa_profiles.errors import assignment, shell_command
from mfa_profiles.profiles import ProfilePair, shown


def outranking_variables(scope: Scope) -> Iterator[Finding]:
    """What the SDKs take from the environment before they look at a profile."""
    variables = scope.context.environment
    found = [name for name in environment.credential_variables(variables) if variables.get(name)]
    found = [name for name in found if name not in environment.PROFILE_VARIABLES]
    keys = [name for name in found if name in environment.KEY_VARIABLES]
    holder = _holder_of_keys(scope) if keys else _holder_by_expiration(scope)
    if holder:
        yield _session_here(scope, holder)
        with_keys = (*keys, environment.GIVEN_SETTINGS) if keys else ()
        found = [name for name in found if name not in (*with_keys, environment.EXPIRATION)]
        keys = []
    if environment.GIVEN_SETTINGS in found:
        found += environment.given_settings(variables)  # whose values were forgotten when this command began
    if not keys:
        found = [name for name in found if name not in environment.COMBINED_WITH_KEYS]
        yield from _account_of_another(scope, holder)
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


def _account_of_another(scope: Scope, holder: str | None) -> Iterator[Finding]:
    """An AWS_ACCOUNT_ID that is not that of the profile whose session is here, or that this terminal uses."""
    variables = scope.context.environment
    chosen = environment.chosen_profile(variables)
    profile = holder or (chosen[0] if chosen else "default")
    given, account = variables.get("AWS_ACCOUNT_ID"), scope.profiles.account(profile)
    if given and account and given != account:
        yield warning(
            f"AWS_ACCOUNT_ID is {shown(given)}, but profile {shown(profile)} is of account {account}: SDKs combine "
            "it with keys from the environment, and call endpoints of that account",
            "unset AWS_ACCOUNT_ID",
            profile=shown(profile),
        )


def _holder_of_keys(scope: Scope) -> str | None:
    """The profile whose session is in the environment, as export and exec of this tool put it there."""
    variables = scope.context.environment
    chosen = {variables.get(name) for name in environment.PROFILE_VARIABLES} - {None, ""}
    given = {name: variables[name] for name in environment.KEY_VARIABLES if variables.get(name)}
    token = given.get("AWS_SESSION_TOKEN") or given.get("AWS_SECURITY_TOKEN")
    for name, section in scope.profiles.credentials.sections.items():
        held = {
            "AWS_ACCESS_KEY_ID": section.get("aws_access_key_id"),
            "AWS_SECRET_ACCESS_KEY": section.get("aws_secret_access_key"),
            **{variable: token for variable in environment.TOKEN_VARIABLES if variable in given},
        }
        in_file = section.get("aws_security_token") or section.get("aws_session_token")
        if token and token == in_file and given == held and chosen <= {name}:
            return name
    return None


def _holder_by_expiration(scope: Scope) -> str | None:
    """The profile that AWS_PROFILE names, if it has a session to which AWS_CREDENTIAL_EXPIRATION may belong."""
    name = scope.context.environment.get("AWS_PROFILE", "")
    session = scope.profiles.session(name)
    has_end = session is not None and session.expiration is not None
    return name if has_end and scope.context.environment.get(environment.EXPIRATION) else None


def _session_here(scope: Scope, profile: str) -> Finding:
    """What to say of a terminal that has a session, with what this tool says of its end to prompts."""
    end = scope.context.environment.get(environment.EXPIRATION)
    session = scope.profiles.session(profile)
    pair = scope.profiles.pair_of_derived(profile)
    if end and session and session.expiration not in (None, sessions.parse_time(end)):
        base = pair.base if pair else profile
        return warning(
            f"{environment.EXPIRATION} is of an earlier session of {profile}",
            f"{shell_command('aws_env', *(['--'] if base.startswith('-') else []), base)}, "
            f"or unset {environment.EXPIRATION}",
            profile=profile,
        )
    return ok(f"this terminal has the session of {profile}", profile=profile)


def refused_variables(scope: Scope) -> Iterator[Finding]:
    """Variables that boto3 and the AWS CLI refuse, whatever the profile is."""
    for fault in sdk_settings.faults(scope.context.environment):
        yield problem(fault.message, fault.hint)


def token_code(scope: Scope) -> Iterator[Finding]:
    """A code that was meant for one command."""
    if scope.context.environment.get(environment.TOKEN_CODE):
        yield warning(
            f"{environment.TOKEN_CODE} is set: AWS takes a code once, and the terminal is not asked for another",
            f"unset {environment.TOKEN_CODE}",
        )


def chosen_profile(scope: Scope) -> Iterator[Finding]:
    """The profile that tools use if none is named."""
    variables = scope.context.environment
    differ = environment.profiles_that_differ(variables)
    if differ is not None:
        message, hint = differ
        yield warning(message, hint)
    nameless = environment.nameless_profile(variables)
    missing = nameless is not None
    if nameless is not None:
        yield problem(nameless.message, *nameless.hints)
    for variable in environment.PROFILE_VARIABLES:
        name = variables.get(variable)
        if name and name.strip() and scope.is_readable and name not in scope.profiles:
            error = scope.profiles.no_such_profile(name)
            missing = True
            yield problem(f"{variable}: {error.message}", *error.hints, f"unset {variable}")
    if not missing and not any(variables.get(name) for name in environment.KEY_VARIABLES):
        yield _used(scope, environment.chosen_profile(variables))


def _used(scope: Scope, chosen: tuple[str, str] | None) -> Finding:
    if chosen:
        name, variable = chosen
        message = f"this terminal uses profile {shown(name)} ({variable})"
        own = [pair.derived for pair in _usable(scope) if pair.base == name != pair.derived]
        hints = [f"export {assignment(variable, derived)} uses the session in that profile" for derived in own]
        return ok(message, *hints[:1], profile=shown(name))
    usable = [pair.derived for pair in _usable(scope) if pair.derived != "default"]
    hints = [f"export {assignment('AWS_PROFILE', derived)} uses the session in that profile" for derived in usable]
    if "default" in scope.profiles or not scope.is_readable:
        return ok("this terminal uses profile default, as AWS_PROFILE is not set", *hints[:1], profile="default")
    return ok("no AWS_PROFILE is set here, and there is no profile default", *hints[:1])


def _usable(scope: Scope) -> list[ProfilePair]:
    """The pairs whose derived profiles hold sessions that can be used."""
    profiles, now = scope.profiles, scope.context.now()
    pairs = [profiles.pair_of_derived(name) for name in scope.names if profiles.session(name)]
    return [pair for pair in pairs if pair and session_status(profiles, pair, now=now).is_usable]


CHECKS: Iterable[Check] = (
    Check("environment", outranking_variables, "no keys in the environment"),
    Check("sdk-settings", refused_variables),
    Check("aws-profile", chosen_profile),
    Check("token-code", token_code),
)
