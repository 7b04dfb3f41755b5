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
    cleared: list[str] = []

    def edit(latest: Profiles) -> Profiles:
        pairs = find_pairs(latest)
        for pair in pairs:
            held = latest.foreign_content(pair)
            if held is not None:
                raise ProfileError(
                    f"[{pair.derived}] in {latest.credentials.path} holds {held}: not for this tool to remove",
                    "delete the section in an editor if you want it gone",
                )
        cleared[:] = dict.fromkeys(pair.derived for pair in pairs if pair.derived in latest)
        return shared_files.without_session(latest, cleared)

    for warning in shared_files.change(context.paths, edit).warnings:
        context.warn(warning)
    return cleared
