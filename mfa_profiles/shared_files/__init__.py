"""The two shared files, ``credentials`` and ``config``: reading them, and the edits that this tool makes."""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping

from mfa_profiles import ini, sessions
from mfa_profiles.errors import FileRefusedError, MfaProfilesError, StorageError
from mfa_profiles.profiles import ProfilePair, Profiles, SharedPaths
from mfa_profiles.sessions import Origin, SessionCredentials
from mfa_profiles.shared_files import editing, locking, storage
from mfa_profiles.shared_files.editing import Put
from mfa_profiles.shared_files.storage import Stored

NewSessions = Mapping[ProfilePair, tuple[SessionCredentials, Origin]]
"""Sessions to store, and where each came from."""

__all__ = [
    "NewSessions",
    "Stored",
    "change",
    "change_env_file",
    "flight",
    "has_session_of_ours",
    "load",
    "names_like",
    "refuse_env_file",
    "rehearse",
    "single_flight",
    "with_sessions",
    "without_sessions",
]


def load(paths: SharedPaths) -> Profiles:
    """Read both files. Raises FileRefusedError or StorageError; a missing file is an empty one."""
    return _profiles(paths, storage.read(paths.credentials), storage.read(paths.config))


def names_like(paths: SharedPaths, beginning: str) -> list[str]:
    """The profiles whose names begin so, for a person who presses TAB; none if the files cannot be read."""
    try:
        return [name for name in load(paths).names() if name.startswith(beginning)]
    except MfaProfilesError:
        return []


def change(paths: SharedPaths, edit: Callable[[Profiles], Profiles]) -> Stored:
    """Apply an edit to both files as they are now, under their locks. See storage.rewrite for what is promised."""
    return storage.rewrite([paths.credentials, paths.config], _edit_of_bytes(paths, edit))


def rehearse(paths: SharedPaths, edit: Callable[[Profiles], Profiles]) -> None:
    """Do all that ``change`` does but the last step, and raise what it would."""
    storage.rewrite([paths.credentials, paths.config], _edit_of_bytes(paths, edit), rehearsal=True)


def change_env_file(paths: SharedPaths, path: str, edit: Callable[[str], str]) -> Stored:
    """Apply an edit to the text of a ``.env`` file, with the promises of storage.rewrite; a new file is 0600.

    The lock is that of the credentials file: one beside the ``.env`` would litter somebody's project. Raises
    StorageError, FileRefusedError for a text that is not UTF-8, or what ``edit`` raises.
    """

    def edit_bytes(contents: list[bytes | None]) -> list[bytes | None]:
        try:
            text = (contents[0] or b"").decode()
        except UnicodeDecodeError as error:
            line = (contents[0] or b"").count(b"\n", 0, error.start) + 1
            raise FileRefusedError(path, line, "it is not UTF-8", "nothing was changed") from None
        return [edit(text).encode()]

    refuse_env_file(paths, path)
    return storage.rewrite([path], edit_bytes, lock_of=paths.credentials)


def refuse_env_file(paths: SharedPaths, path: str) -> None:
    """Raise StorageError for a path at which no ``.env`` file can be: the shared files would be ruined by it."""
    try:
        target = os.path.realpath(path)
        shared = {os.path.realpath(paths.credentials), os.path.realpath(paths.config)}
    except OSError:
        raise StorageError(f"{path} is in a directory that is not there any more", "cd to one that is") from None
    if target in shared:
        raise StorageError(f"{path} is one of AWS's own files", "name a .env file")
    if path == "-":
        raise StorageError("- is no file", "without --output the text goes to stdout")
    if not os.path.isdir(os.path.dirname(target)) or path.endswith(os.sep):
        raise StorageError(f"{path} is in a directory that does not exist, or is one", "nothing was changed")
    if os.path.exists(path) and not os.path.isfile(path):
        raise StorageError(f"{path} is not a file", "nothing was changed")


def flight(pair: ProfilePair, *, needs_code: bool) -> tuple[str, str]:
    """The name of the lock for getting a session, and the base profile that it is for.

    A session for a code has a lock of its own: a person may be asked while it is held. Roles, of which there may be
    hundreds, share sixteen, so as not to fill the directory.
    """
    import hashlib

    digest = hashlib.sha256(pair.derived.encode()).hexdigest()
    return (digest[:16] if needs_code else f"role-{digest[0]}"), pair.base


@contextlib.contextmanager
def single_flight(
    paths: SharedPaths, flights: Collection[tuple[str, str]], waiting: Callable[[str], None]
) -> Iterator[None]:
    """Be the only process that gets some sessions; ``waiting`` is told of profiles that others are busy with.

    Apart from the locks of the files, so that nobody who writes has to wait for a person who types a code. Raises
    StorageError if another process takes too long.
    """
    with contextlib.ExitStack() as locks:
        # Always in the same order, so that no two processes wait for each other.
        for name, profile in sorted(dict(flights).items()):
            locks.enter_context(locking.in_flight(paths.credentials, name, profile, waiting))
        yield


def _edit_of_bytes(paths: SharedPaths, edit: Callable[[Profiles], Profiles]) -> storage.Edit:
    def edit_bytes(contents: list[bytes | None]) -> list[bytes | None]:
        before = _profiles(paths, *contents)
        after = edit(before)
        return [
            old if file is as_read else file.encode(file.text)
            for old, as_read, file in zip(
                contents, (before.credentials, before.config), (after.credentials, after.config), strict=True
            )
        ]

    return edit_bytes


def _profiles(paths: SharedPaths, credentials: bytes | None, config: bytes | None) -> Profiles:
    return Profiles(ini.parse(credentials, paths.credentials), ini.parse(config, paths.config))


def with_sessions(profiles: Profiles, new: NewSessions) -> Profiles:
    """Both files with sessions in derived profiles, and with the settings that these need from their base profiles.

    Settings that a derived profile has already stay as they are: a person may have changed them.
    """
    in_credentials = {
        pair.derived: Put(
            sessions.session_settings(credentials, profiles.credentials.sections.get(pair.derived, {})),
            sessions.expiration_comment(credentials.expiration, origin),
            drop={"aws_security_token"},  # botocore would read this one, and boto 2 is no more
        )
        for pair, (credentials, origin) in new.items()
    }
    in_config = {}
    for pair in new:
        present = profiles.settings(pair.derived)
        missing = {key: value for key, value in profiles.call_settings(pair.base).items() if key not in present}
        if missing:
            header = profiles.config_header(pair.derived)
            comment = None if header in profiles.config.sections else editing.COPIED_COMMENT + pair.base
            in_config[header] = Put(missing, comment, may_have_blocks=True)
    return Profiles(
        editing.put_sections(profiles.credentials, in_credentials),
        editing.put_sections(profiles.config, in_config) if in_config else profiles.config,
    )


def without_sessions(profiles: Profiles, pairs: Collection[ProfilePair]) -> Profiles:
    """Both files without the sessions of some derived profiles, and without what was copied for them.

    Settings and comments that a person put into the derived profile stay, in what is left of their section; without
    any, the section goes. A section of the config file that a person made stays as it is.
    """
    ours = {pair.derived: _session_keys(profiles.credentials.sections.get(pair.derived, {})) for pair in pairs}
    copied = {}
    for pair in pairs:
        header = profiles.config_header(pair.derived)
        if editing.is_copied_by_us(profiles.config, header):
            section = profiles.config.sections[header]
            copied[header] = set(section) & set(
                profiles.call_settings(pair.base) if pair.base in profiles else section
            )
    return Profiles(
        editing.take_keys(profiles.credentials, ours),
        editing.take_keys(profiles.config, copied),
    )


def has_session_of_ours(profiles: Profiles, pair: ProfilePair) -> bool:
    """True if this tool has written a derived profile into one of the files."""
    in_config = editing.is_copied_by_us(profiles.config, profiles.config_header(pair.derived))
    return in_config or pair.derived in profiles.origins


def _session_keys(section: Mapping[str, str]) -> frozenset[str]:
    return sessions.SESSION_KEYS & set(section)
