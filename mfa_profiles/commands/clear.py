"""Remove derived profiles from both files."""

from collections.abc import Callable, Sequence

from mfa_profiles import shared_files
from mfa_profiles.commands import Context
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import ProfilePair, Profiles


def clear(names: Sequence[str], context: Context) -> list[str]:
    """Remove the derived profiles of some profiles, named by their base or derived names: all of them, or none.

    Returns the names of those that were there. Raises ProfileError for one that this tool did not write.
    """
    return _clear(lambda profiles: [profiles.pair(name) for name in names], context)


def clear_all(context: Context) -> list[str]:
    """Remove every derived profile that this tool wrote, and return their names."""
    return _clear(
        lambda profiles: [ProfilePair(origin.source_profile, name) for name, origin in profiles.origins.items()],
        context,
    )


def _clear(find_pairs: Callable[[Profiles], list[ProfilePair]], context: Context) -> list[str]:
    if not _cleared(shared_files.load(context.paths), find_pairs)[1]:
        if shared_files.leftovers(context.paths):  # of a run that was killed, with all that the files held
            shared_files.remove_leftovers(context.paths)
        return []  # without locks, or directories for them
    names: list[str] = []

    def edit(latest: Profiles) -> Profiles:
        edited, names[:] = _cleared(latest, find_pairs)
        context.before_writing()
        return edited

    for warning in shared_files.change(context.paths, edit).warnings:
        context.warn(warning)
    return names


def _cleared(profiles: Profiles, find_pairs: Callable[[Profiles], list[ProfilePair]]) -> tuple[Profiles, list[str]]:
    """Both files without the sessions, and the names of the profiles that had something to remove."""
    pairs = find_pairs(profiles)
    for pair in pairs:
        _refuse_to_remove(profiles, pair)
    ours = [pair for pair in pairs if shared_files.has_session_of_ours(profiles, pair)]
    return shared_files.without_sessions(profiles, ours), [pair.derived for pair in ours]


def _refuse_to_remove(profiles: Profiles, pair: ProfilePair) -> None:
    held = profiles.foreign_content(pair)
    session = profiles.session(pair.derived)
    if held is None and session is not None and session.origin is None:
        held = f"a session that {session.managed_by} wrote"  # aws-mfa's, which refresh would take over
    if held is not None:
        raise ProfileError(
            f"[{pair.derived}] in {profiles.credentials.path} holds {held}: not for this tool to remove",
            "delete the section in an editor if you want it gone",
        )
