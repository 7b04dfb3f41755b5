"""The credentials of a profile as text for shells, programs and ``.env`` files."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mfa_profiles import access_keys, dotenv, environment, formats, git, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import (
    CredentialsOptions,
    ReadyProfile,
    credentials,
    needs_no_session,
    ready_profile,
)
from mfa_profiles.commands.status import session_status
from mfa_profiles.environment import Variables
from mfa_profiles.errors import NOTHING_CHANGED, FileRefusedError, ProfileError, UsageError, shell_command
from mfa_profiles.profiles import Profiles, masked
from mfa_profiles.sessions import STAND_IN, State


@dataclass(frozen=True)
class Exported:
    """What to print, and the profile that it is of."""

    text: str = field(repr=False)
    ready: ReadyProfile


@dataclass(frozen=True)
class EnvFile:
    """A ``.env`` file that has the credentials of a profile, or names it; ``changed`` if it did not before."""

    path: str
    ready: ReadyProfile
    by_profile: bool
    changed: bool


def export(
    name: str, format_name: str, options: CredentialsOptions, context: Context, *, by_profile: bool
) -> Exported:
    """The credentials of a profile in a format, or with ``by_profile`` the name of the profile that has them.

    Raises MfaProfilesError if there are none, or if a value cannot be written in the format.
    """
    if format_name == "process":
        if by_profile:
            raise UsageError("--format process is for keys, and --by-profile gives none")
        import json

        found = credentials(name, options, context)
        return Exported(json.dumps(found.as_json(), indent=2), found)
    ready, variables = _found(name, options, context, by_profile=by_profile)
    # What reads a .env file has an environment of its own.
    present = {} if format_name == "dotenv" else context.environment
    return Exported(formats.render(format_name, variables(present)), ready)


def export_to_env_file(
    name: str, path: str, options: CredentialsOptions, context: Context, *, by_profile: bool, force: bool = False
) -> EnvFile:
    """Write the credentials of a profile into a ``.env`` file; its other lines stay.

    Long-term keys in it that are nowhere in the shared files are replaced with ``force`` only. Raises
    MfaProfilesError.
    """
    _rehearse(name, path, options, context, force=force)
    ready, variables_for = _found(name, options, context, by_profile=by_profile)
    profiles = shared_files.load(context.paths)
    account = profiles.account(ready.profile)
    others: list[str] = []
    replaced: list[str] = []

    def edit(text: str) -> str:
        found = _assignments(path, text)
        variables = variables_for(dict(found))
        # Other keys than long-term ones have a token, and what is exported is not lost.
        known = [*_keys_in(profiles), (variables.get("AWS_ACCESS_KEY_ID"), variables.get("AWS_SECRET_ACCESS_KEY"))]
        others[:] = _own_lines(dict(found), variables, ready.profile, account)
        changes = {key: value for key, value in variables.items() if not _stays(key, others)}
        replaced[:] = _lost_keys([(key, value) for key, value in found if key in changes], known)
        if replaced and not force:
            raise _holds_long_term_keys(path, replaced)
        return dotenv.update(text, changes)

    stored = shared_files.change_env_file(context.paths, path, edit)
    for warning in stored.warnings:
        context.warn(warning)
    for key in replaced:
        context.warn(f"{path} had {key}, which --force replaced")
    for other in others:
        does = "combine with these keys" if other in environment.COMBINED_WITH_KEYS else "prefer"
        context.warn(f"{path} also sets {other}, which some SDKs {does}: remove that line")
    if not by_profile:
        _warn_of_who_may_read_it(path, context)
    return EnvFile(path, ready, by_profile, stored.changed)


_KeyPair = tuple[str | None, str | None]
"""An access key ID and its secret access key."""


def _keys_in(profiles: Profiles) -> list[_KeyPair]:
    sections = (profiles.settings(name) for name in profiles.names())
    return [(section.get("aws_access_key_id"), section.get("aws_secret_access_key")) for section in sections]


def _lost_keys(found: Sequence[tuple[str, str]], known: Collection[_KeyPair]) -> list[str]:
    """Return, in words, the long-term keys among the settings of a ``.env`` file that are not ``known``.

    AWS shows a secret access key once: the file may have the only copy. Which ID belongs to which secret is not
    certain, as variables can be there several times. So a secret counts as a session's only if no ID is left that
    may be a long-term key's.
    """
    ids, secrets, tokens = (
        {value: None for name, value in found if name in names and value}
        for names in (environment.ACCESS_KEY_IDS, environment.SECRET_ACCESS_KEYS, environment.SESSION_TOKENS)
    )
    here = [(key, secret) for key, secret in known if key in ids and secret in secrets]
    ids = {key: None for key in ids if key not in dict(here)}
    if not set(secrets) - {secret for _, secret in here}:
        return []
    if ids and all(key.startswith("ASIA") for key in ids):
        return []
    if tokens and not any(key.startswith("AKIA") for key in ids):
        return []
    # What stands in the place of an ID may be a secret.
    long_term = [key for key in ids if access_keys.is_access_key_id(key) and not key.startswith("ASIA")]
    return [f"the long-term key {masked(key)}" for key in long_term] or ["a secret access key"]


def _holds_long_term_keys(path: str, keys: Sequence[str]) -> ProfileError:
    is_one = len(keys) == 1
    return ProfileError(
        f"{path} has {' and '.join(keys)}, and no profile has {'it' if is_one else 'them'}",
        f"keep {'it' if is_one else 'them'} in a profile first (mfa-profiles setup NAME); --force replaces what is "
        "there",
        NOTHING_CHANGED,
    )


def _own_lines(values: Mapping[str, str], variables: Variables, profile: str, account: str | None) -> list[str]:
    """Return the variables of a ``.env`` file that are a person's own, and stand in the way of ``variables``."""
    own = (*environment.PROFILE_VARIABLES, *environment.COMBINED_WITH_KEYS)
    harmless = {*((name, profile) for name in environment.PROFILE_VARIABLES), ("AWS_ACCOUNT_ID", account)}
    return [
        name
        for name, value in values.items()
        if (environment.is_bearer_token(name) or (name in own and name in variables))
        and not variables.get(name)
        and (name, value) not in harmless
    ]


def _stays(name: str, others: Sequence[str]) -> bool:
    """Return True for a line that is not changed.

    A project may read its account there, or keep the only copy of a bearer token.
    """
    return name in (*others, *environment.COMBINED_WITH_KEYS) or environment.is_bearer_token(name)


def _rehearse(name: str, path: str, options: CredentialsOptions, context: Context, *, force: bool) -> None:
    """Raise what would keep a ``.env`` file from being written, before a code is spent on a session for it."""
    shared_files.refuse_env_file(context.paths, path)
    profiles = shared_files.load(context.paths)
    pair = profiles.pair(name)
    status = session_status(profiles, pair, now=context.now(), min_remaining=options.min_remaining, can_renew=True)
    if status.state is State.VALID or needs_no_session(profiles, pair):
        return  # and whatever watches the directory is not disturbed

    def edit(text: str) -> str:
        if (lost := _lost_keys(_assignments(path, text), _keys_in(profiles))) and not force:
            raise _holds_long_term_keys(path, lost)
        return f"{text}\n{STAND_IN.session_token}"

    shared_files.rehearse_env_file(context.paths, path, edit)


def _assignments(path: str, text: str) -> list[tuple[str, str]]:
    try:
        return dotenv.assignments(text)
    except dotenv.DotenvError as error:
        raise FileRefusedError(path, error.line, error.reason, NOTHING_CHANGED) from None


def _warn_of_who_may_read_it(path: str, context: Context) -> None:
    if git.would_add(path):
        context.warn(f"{path} is in a git work tree and not ignored: add it to .gitignore before it is committed")
    if shared_files.others_can_read(path):
        context.warn(f"{path} can be read by others: {shell_command('chmod', '600', path)}")


def _found(
    name: str, options: CredentialsOptions, context: Context, *, by_profile: bool
) -> tuple[ReadyProfile, Callable[[Mapping[str, str]], Variables]]:
    """Return a profile, and a function from the variables that are set already to those that are to be."""
    if by_profile:
        ready = ready_profile(name, options, context)
        return ready, lambda present: environment.of_profile(
            ready.profile, ready.expiration, ready.region, present, ready.reads
        )
    found = credentials(name, options, context)
    return found, lambda present: environment.of_keys(
        found.keys, found.expiration, found.region, found.settings, present
    )
