"""The two shared files, ``credentials`` and ``config``: reading them, and the edits that this tool makes."""

import contextlib
import functools
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from mfa_profiles import ini, log
from mfa_profiles.errors import (
    NOTHING_CHANGED,
    FileRefusedError,
    MfaProfilesError,
    NotWritableError,
    StorageError,
    UsageError,
)
from mfa_profiles.profiles import ProfilePair, Profiles, SharedPaths, refuse_tilde
from mfa_profiles.shared_files import locking, storage
from mfa_profiles.shared_files.base_edits import NewBase, with_base
from mfa_profiles.shared_files.editing import is_left_over
from mfa_profiles.shared_files.key_edits import (
    with_new_key,
    with_new_key_elsewhere,
    with_rotation,
    with_sessions_of,
    without_rotation,
)
from mfa_profiles.shared_files.locking import DIRECTORY, Order, lock_directory, locked_beside
from mfa_profiles.shared_files.paths import has_access_list, is_null_device, kind, may_write, same_file
from mfa_profiles.shared_files.repairs import (
    copies_of_other_tools,
    with_profile_header,
    with_region_of_base,
    without_byte_order_marks,
    without_copies_of_other_tools,
    without_empty_copies,
    without_settings,
)
from mfa_profiles.shared_files.session_edits import (
    NewSessions,
    empty_copies,
    has_session_of_ours,
    with_sessions,
    with_settings,
    without_sessions,
)
from mfa_profiles.shared_files.storage import (
    Stored,
    leftovers,
    make_private,
    others_can_read,
    refuse_links_to_nowhere,
    remove_leftovers,
    rescued,
)

__all__ = [
    "DIRECTORY",
    "EditOfBoth",
    "NewBase",
    "NewSessions",
    "Stored",
    "StoredBoth",
    "change",
    "change_env_file",
    "copies_of_other_tools",
    "empty_copies",
    "has_access_list",
    "has_session_of_ours",
    "is_null_device",
    "leftovers",
    "load",
    "load_readable",
    "lock_directory",
    "lock_of_role",
    "lock_of_rotation",
    "lock_of_session",
    "make_private",
    "may_write",
    "names_like",
    "others_can_read",
    "refusals",
    "refuse_env_file",
    "refuse_links_to_nowhere",
    "rehearse",
    "rehearse_env_file",
    "remove_leftovers",
    "rescued",
    "same_file",
    "single_flight",
    "version",
    "with_base",
    "with_new_key",
    "with_new_key_elsewhere",
    "with_profile_header",
    "with_region_of_base",
    "with_rotation",
    "with_sessions",
    "with_sessions_of",
    "with_settings",
    "without_byte_order_marks",
    "without_copies_of_other_tools",
    "without_empty_copies",
    "without_rotation",
    "without_sessions",
    "without_settings",
]

EditOfBoth = Callable[[Profiles], Profiles]
"""Makes of both files, as they are, what they are to be."""


class StoredBoth(NamedTuple):
    """What became of both files, and what is in them now: nobody has to read them again, which may fail."""

    changed: bool
    warnings: tuple[str, ...]
    """Sentences for a person."""
    profiles: Profiles


def load(paths: SharedPaths) -> Profiles:
    """Read both files. Raises FileRefusedError or StorageError; a missing file is an empty one."""
    both = (paths.credentials, paths.config)
    contents = [storage.read(path) for path in both]
    lost = tuple(
        f"{path} is a link to a file that is not there: {os.path.realpath(path)}"
        for path, content in zip(both, contents, strict=True)
        if content is None and not is_null_device(path) and os.path.islink(path)
    )
    return _profiles(paths, contents[0], contents[1], lost)


def version(paths: SharedPaths) -> object:
    """What is another one after either file has changed, without reading them: a replaced file has a new inode."""
    return [_version(path) for path in (paths.credentials, paths.config)]


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def load_readable(paths: SharedPaths) -> Profiles:
    """Read both files, and take each that ``load`` would raise for as an empty one."""
    files = []
    for path in (paths.credentials, paths.config):
        try:
            files.append(ini.parse(storage.read(path), path))
        except MfaProfilesError:
            files.append(ini.IniFile(path))
    return Profiles(*files)


def refusals(path: str) -> list[FileRefusedError]:
    """Everything that one of the files is refused for: see ini_survey. Raises StorageError as ``load`` does."""
    from mfa_profiles import ini_survey  # which is heavy, and for the doctor

    return ini_survey.refusals(storage.read(path), path)


def names_like(environment: Mapping[str, str], beginning: str) -> list[str]:
    """The profiles whose names begin so, for a person who presses TAB; none if the files cannot be read."""
    try:
        return [
            name for name in load(SharedPaths.from_environment(environment)).names() if name.startswith(beginning)
        ]
    except MfaProfilesError:
        return []


def change(paths: SharedPaths, edit: EditOfBoth) -> StoredBoth:
    """Apply an edit to both files as they are now, under their locks. See storage.rewrite for what is promised."""
    latest: list[Profiles] = []

    def told(before: Profiles) -> Profiles:
        after = edit(before)
        if log.is_on():
            _tell_changes(before.credentials, after.credentials)
            _tell_changes(before.config, after.config)
        latest[:] = [after]
        return after

    with _with_hint_where_to_write():
        stored = storage.rewrite(_in_order(paths), _edit_of_bytes(paths, told))
    return StoredBoth(*stored, profiles=latest[0])


def _in_order(paths: SharedPaths) -> tuple[str, str]:
    # Whoever is stopped between the two has not stored a session, or has not removed it: the next run does it all.
    return paths.config, paths.credentials


def _tell_changes(before: ini.IniFile, after: ini.IniFile) -> None:
    for name in dict.fromkeys([*before.sections, *after.sections]):
        if name not in after.sections:
            log.step(f"takes [{name}] out of {after.path}")
        elif before.sections.get(name) != after.sections[name]:
            log.step(f"{'changes' if name in before.sections else 'adds'} [{name}] in {after.path}")


def rehearse(paths: SharedPaths, edit: EditOfBoth) -> None:
    """Do all that ``change`` does but the last step, and raise what it would."""
    with _with_hint_where_to_write():
        storage.rewrite(_in_order(paths), _edit_of_bytes(paths, edit), rehearsal=True)


@contextlib.contextmanager
def _with_hint_where_to_write() -> Iterator[None]:
    """Add hints to an error about a shared file that cannot be written."""
    try:
        yield
    except NotWritableError as error:
        error.add_hint(
            "copy both files to a directory that you may write, and name the copies in "
            "AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE"
        )
        error.add_hint("or run mfa-profiles where these files can be written, such as outside the container")
        raise


def change_env_file(paths: SharedPaths, path: str, edit: Callable[[str], str]) -> Stored:
    """Apply an edit to the text of a ``.env`` file, with the promises of storage.rewrite; a new file is 0600.

    Its lock is beside it while it is written: processes with other shared files may write it as well. Raises
    StorageError, FileRefusedError for a text that is not UTF-8, or what ``edit`` raises.
    """
    return _change_env_file(paths, path, edit, rehearsal=False)


def rehearse_env_file(paths: SharedPaths, path: str, edit: Callable[[str], str]) -> None:
    """Do all that ``change_env_file`` does but the last step, and raise what it would."""
    _change_env_file(paths, path, edit, rehearsal=True)


def _change_env_file(paths: SharedPaths, path: str, edit: Callable[[str], str], *, rehearsal: bool) -> Stored:
    def edit_bytes(contents: list[bytes | None]) -> list[bytes | None]:
        return [edit(ini.decode(contents[0] or b"", path, NOTHING_CHANGED)).encode()]

    refuse_env_file(paths, path)
    return storage.rewrite([path], edit_bytes, rehearsal=rehearsal, lock=locked_beside)


def refuse_env_file(paths: SharedPaths, path: str) -> None:
    """Raise StorageError for a path at which no ``.env`` file can be: the shared files would be ruined by it.

    For no path at all, as of a variable that is not set, and for one that begins with ~, it is UsageError.
    """
    if not path:
        raise UsageError("--output takes the name of a file, and this one is empty")
    refuse_tilde(path, "--output")
    try:
        target = os.path.realpath(path)
    except OSError:
        raise StorageError(f"{path} is in a directory that is not there any more", "cd to one that is") from None
    storage.refuse_links_to_nowhere(path)
    if any(same_file(target, shared) for shared in paths):
        raise StorageError(f"{path} is one of AWS's own files", "name a .env file")
    if path == "-":
        raise StorageError("- is no file", "without --output the text goes to stdout")
    if not os.path.isdir(os.path.dirname(target)) or path.endswith(os.sep):
        raise StorageError(f"{path} is in a directory that does not exist, or is one", NOTHING_CHANGED)
    if os.path.exists(path) and not os.path.isfile(path):
        raise StorageError(f"{path} is {kind(os.stat(path).st_mode)}, not a file", NOTHING_CHANGED)


class SessionLock(NamedTuple):
    """The lock for getting a session, or for replacing an access key, of a base profile."""

    order: Order
    name: str
    profile: str


def lock_of_session(pair: ProfilePair) -> SessionLock:
    """Return the lock of a session for which a person may be asked while it is kept: one of its own."""
    return SessionLock(Order.SESSION, _digest(pair)[:16], pair.base)


def lock_of_role(pair: ProfilePair) -> SessionLock:
    """Return the lock of a role session. There may be hundreds of roles: sixteen locks do not fill the directory."""
    return SessionLock(Order.ROLES, f"role-{_digest(pair)[0]}", pair.base)


def lock_of_rotation(base: str) -> SessionLock:
    """Return the lock for replacing access keys: several profiles may have the same one."""
    return SessionLock(Order.ROTATION, "rotate", base)


def _digest(pair: ProfilePair) -> str:
    import hashlib

    return hashlib.sha256(pair.derived.encode()).hexdigest()


@contextlib.contextmanager
def single_flight(
    paths: SharedPaths, locks: Collection[SessionLock], waiting: Callable[[str], None]
) -> Iterator[None]:
    """Be the only process that gets some sessions; ``waiting`` is called with profiles that other processes get.

    Apart from the locks of the files, so that no process that writes has to wait for a person who types a code.
    Raises StorageError if another process takes too long.
    """
    with contextlib.ExitStack() as stack:
        for lock in sorted({lock.name: lock for lock in locks}.values()):
            stack.enter_context(locking.in_flight(lock.order, paths.credentials, lock.name, lock.profile, waiting))
        yield


def _edit_of_bytes(paths: SharedPaths, edit: EditOfBoth) -> storage.Edit:
    def edit_bytes(contents: list[bytes | None]) -> list[bytes | None]:
        config, credentials = contents
        before = _profiles(paths, credentials, config, ())
        after = edit(before)
        if is_null_device(paths.credentials) and after.credentials is not before.credentials:
            raise StorageError(
                f"no credentials can be kept in {paths.credentials}", "see AWS_SHARED_CREDENTIALS_FILE"
            )
        pairs = ((before.config, after.config), (before.credentials, after.credentials))
        return [
            old if file is as_read else None if is_left_over(as_read, file) else file.encode(file.text)
            for old, (as_read, file) in zip(contents, pairs, strict=True)
        ]

    return edit_bytes


@functools.lru_cache(maxsize=4)  # a command reads, rehearses, edits and reads again, mostly the same bytes
def _profiles(paths: SharedPaths, credentials: bytes | None, config: bytes | None, lost: tuple[str, ...]) -> Profiles:
    return Profiles(ini.parse(credentials, paths.credentials), ini.parse(config, paths.config), lost=lost)
