"""Checks of the two files themselves: that they can be read, by whom, and what lies beside them."""

import functools
import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mfa_profiles import git, ini, sessions, shared_files
from mfa_profiles.commands.doctor.findings import Check, Finding, Scope, Where, ok, problem, warning
from mfa_profiles.errors import NOTHING_CHANGED, FileRefusedError, StorageError, shell_command
from mfa_profiles.other_sdks import Difference, differences
from mfa_profiles.profiles import SharedPaths


def readable(scope: Scope) -> Iterator[Finding]:
    """What botocore, or a person, could not read a file for."""
    paths = scope.context.paths
    seen: set[str] = set()
    for path in (paths.credentials, paths.config):
        try:
            for refusal in shared_files.refusals(path):
                yield problem(refusal.message, *refusal.hints, path=path, line=refusal.line)
        except StorageError as error:
            if error.message in seen:  # of the directory of both
                continue
            seen.add(error.message)
            yield problem(error.message, *(hint for hint in error.hints if hint != NOTHING_CHANGED), path=path)
    for file in (scope.profiles.credentials, scope.profiles.config):
        try:
            ini.refuse_byte_order_marks(file)
        except FileRefusedError as refusal:
            # No file is changed beside a broken one.
            fix = scope.change(shared_files.without_byte_order_marks) if scope.is_readable else None
            yield problem(refusal.message, refusal.hints[0], path=file.path, line=refusal.line, fix=fix)


def other_sdks(scope: Scope) -> Iterator[Finding]:
    """Lines that boto3 can read, and that are something else to other SDKs; of each kind the first."""
    for file in (scope.profiles.credentials, scope.profiles.config):
        lines: dict[Difference, list[int]] = {}
        for found in differences(file.text):
            lines.setdefault(found.difference, []).append(found.line)
        for difference, numbers in lines.items():
            level = problem if difference is Difference.MORE_AFTER_HEADER else warning
            count = f" ({len(numbers)} such lines)" if len(numbers) > 1 else ""
            yield level(
                f"line {numbers[0]} of {file.path} {difference.what}{count}: {difference.effect}",
                difference.advice,
                path=file.path,
                line=numbers[0],
            )


def apart(scope: Scope) -> Iterator[Finding]:
    """Both files in one, in which each SDK sees other profiles."""
    paths = scope.context.paths
    if are_one(paths):
        yield problem(
            f"{paths.credentials} and {paths.config} are one and the same file",
            "the two files have to be apart: see AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE",
            path=paths.credentials,
        )


def are_one(paths: SharedPaths) -> bool:
    """True if both names lead to the same file."""
    return shared_files.same_file(*paths) and not shared_files.is_null_device(paths.config)


def is_absent(path: str, *, follow_symlinks: bool = False) -> bool:
    """True if there is nothing at a path. What cannot be looked at is not absent: who reads it is told why."""
    try:
        os.stat(path, follow_symlinks=follow_symlinks)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def missing(scope: Scope) -> Iterator[Finding]:
    """Files that nobody has made yet, or that are somewhere else."""
    paths = scope.context.paths
    both = ((paths.credentials, "AWS_SHARED_CREDENTIALS_FILE"), (paths.config, "AWS_CONFIG_FILE"))
    for path, variable in both:
        if not is_absent(path, follow_symlinks=True) or _leads_nowhere(path):
            continue
        if os.path.islink(path):
            yield warning(f"{path} is a link to a file that is not there", shell_command("ls", "-l", path), path=path)
        elif scope.context.environment.get(variable):
            yield warning(f"{variable} names {path}, which is not there", f"unset {variable}", path=path)
    if all(is_absent(path) and not _leads_nowhere(path) for path, _ in both):
        yield warning(
            f"there is neither {paths.credentials} nor {paths.config}",
            "mfa-profiles setup PROFILE creates a profile from your access key",
        )


def _leads_nowhere(path: str) -> bool:
    """True for a link to a directory that is not there, which is reported where the file is read."""
    try:
        shared_files.refuse_links_to_nowhere(path)
    except StorageError:
        return True
    return False


def permissions(scope: Scope) -> Iterator[Finding]:
    """Who else could read keys, or put something in their place."""
    paths = scope.context.paths
    config_holds_keys = any(values.get("aws_secret_access_key") for values in scope.profiles.config.sections.values())
    yield from _permissions(paths.credentials, 0o066, paths)
    yield from _permissions(paths.config, 0o066 if config_holds_keys else 0o022, paths)
    for directory in _directories(paths):
        yield from _permissions_of_directory(directory, paths)
    yield from _closed_to_owner(paths)


def _closed_to_owner(paths: SharedPaths) -> Iterator[Finding]:
    """Directories in which no file can be replaced. A config file may be in one that is read-only on purpose."""
    seen: list[str] = []
    for path, found, without in (
        (paths.credentials, problem, "no session can be stored there"),
        (paths.config, warning, f"{paths.config} cannot be changed"),
    ):
        directory = os.path.dirname(os.path.realpath(path))
        is_place = not shared_files.is_null_device(path) and os.path.isdir(directory)
        if not is_place or _is_one_of(seen, directory) or shared_files.may_write(directory):
            continue
        seen.append(directory)
        status = os.stat(directory)
        mode = stat.S_IMODE(status.st_mode)
        is_ours_to_open = status.st_uid == os.geteuid() and stat.S_IRWXU & ~mode
        yield found(
            f"you may not write {directory} (mode {mode:o}): {without}",
            shell_command(*(("chmod", "u+rwx") if is_ours_to_open else ("ls", "-ld")), directory),
            path=directory,
        )


def _directories(paths: SharedPaths) -> Iterable[str]:
    """Where the files are, and where those are that links lead to; each directory once."""
    files = [path for path in (paths.credentials, paths.config) if os.path.isfile(path)]
    named = [os.path.dirname(path) or os.curdir for path in files]
    real = [os.path.dirname(os.path.realpath(path)) for path in files]
    directories: list[str] = []
    for directory in [*named, *real]:
        if not _is_one_of(directories, directory):
            directories.append(directory)
    return directories


def _is_one_of(directories: Iterable[str], directory: str) -> bool:
    return any(shared_files.same_file(directory, other) for other in directories)


def _permissions(path: str, worst: int, paths: SharedPaths) -> Iterator[Finding]:
    """What others may do with a file; it is a problem if that is among the ``worst``, as bits of a mode."""
    if not os.path.isfile(path):
        return
    status = os.stat(path)
    yield from _owner(path, status)
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        directory = os.path.dirname(os.path.realpath(path))
        access = _Access.of(directory, paths)
        found = problem if mode & worst & access.by_chance else warning
        yield found(_who_may(path, mode), access.advice("chmod", "600", path), **_with_fix(path, status, access))


def _permissions_of_directory(path: str, paths: SharedPaths) -> Iterator[Finding]:
    status = os.stat(path)
    mode = stat.S_IMODE(status.st_mode)
    access = _Access.of(path, paths)
    others_write = mode & 0o022 and not mode & stat.S_ISVTX
    found = problem if others_write and mode & 0o022 & access.by_chance else warning
    if _is_usual_place(path):
        yield from _owner(path, status)
        if mode & 0o077:
            yield found(
                _who_may(path, mode),
                access.advice("chmod", "700", path),
                **_with_fix(path, status, access),
            )
    elif others_write:
        yield found(
            f"others may write {path} (mode {mode:o}): a file in it can be replaced",
            access.advice("chmod", "go-w", path),
            path=path,
        )


class _Access(NamedTuple):
    """For whom a directory and the files in it are."""

    is_usual_place: bool
    is_shared: bool

    @classmethod
    def of(cls, directory: str, paths: SharedPaths) -> "_Access":
        files = [path for path in (paths.credentials, paths.config) if os.path.isfile(path)]
        inside = [
            path for path in files if shared_files.same_file(os.path.dirname(os.path.realpath(path)), directory)
        ]
        return cls(_is_usual_place(directory), any(map(_is_shared_on_purpose, [directory, *inside])))

    @property
    def is_private(self) -> bool:
        """True if nobody else has a use for it: --fix takes away nothing that somebody was given."""
        return self.is_usual_place and not self.is_shared

    @property
    def by_chance(self) -> int:
        """The bits of a mode that a umask has left there, and nobody has set on purpose."""
        return 0o007 if self.is_shared else 0o077

    def advice(self, *command: str) -> str:
        return shell_command(*command) + ("" if self.is_private else ", if nobody else is meant to use it")


def _is_shared_on_purpose(path: str) -> bool:
    """True if somebody gave a file or a directory to a group, or has set an access control list for it.

    A umask does not do that, apart from giving it to the group that a user has for themselves.
    """
    status = os.stat(path)
    if shared_files.has_access_list(path) or (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISGID):
        return True
    more_than_others = status.st_mode >> 3 & ~status.st_mode & 0o7
    return bool(more_than_others) and not _is_group_of_one(status)


def _is_group_of_one(status: os.stat_result) -> bool:
    """True if the group of a file is for its owner alone. It has their name then, as useradd makes it."""
    import grp

    try:
        group = grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return group.gr_name == _user(status.st_uid) and not set(group.gr_mem) - {group.gr_name}


def _is_usual_place(path: str) -> bool:
    try:
        return os.path.samefile(path, os.path.expanduser("~/.aws"))
    except OSError:  # there is none
        return False


def _with_fix(path: str, status: os.stat_result, access: _Access) -> Where:
    """A path and, if it is private and this user's, how others are kept from it."""
    if not access.is_private or status.st_uid != os.geteuid():
        return {"path": path}
    mode = stat.S_IMODE(status.st_mode)
    mended = f"{path} was {' and '.join(_what(mode, _STATES))} by others, and is {mode & ~0o077:o} now"
    return {"path": path, "fix": functools.partial(shared_files.make_private, path), "mended": mended}


_ACTS = ("read", "write", "enter")
_STATES = ("readable", "writable", "reachable")


def _who_may(path: str, mode: int) -> str:
    return f"others may {' and '.join(_what(mode, _ACTS))} {path} (mode {mode:o})"


def _what(mode: int, words: tuple[str, str, str]) -> list[str]:
    """What a mode lets others do, in words for reading, writing, and for neither of the two."""
    read, write, neither = words
    return [word for word, bits in ((read, 0o044), (write, 0o022)) if mode & bits] or [neither]


def _owner(path: str, status: os.stat_result) -> Iterator[Finding]:
    own = os.geteuid()
    if status.st_uid != own:
        yield problem(
            f"{path} belongs to {_user(status.st_uid) or f'user {status.st_uid}'}, not to you",
            f"{shell_command('sudo', 'chown', _user(own) or str(own), path)}, if it should be yours",
            path=path,
        )


def _user(number: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


def locks(scope: Scope) -> Iterator[Finding]:
    """Something else in the place of the directory for locks: nothing can be written beside it."""
    for path in scope.context.paths:
        directory = os.path.join(os.path.dirname(os.path.realpath(path)), shared_files.DIRECTORY)
        if os.path.lexists(directory) and (os.path.islink(directory) or not os.path.isdir(directory)):
            yield problem(
                f"{directory} is not a directory: nothing can be written beside it",
                f"see what it is, and move it away: {shell_command('ls', '-ld', directory)}",
                path=directory,
            )


def leftovers(scope: Scope) -> Iterator[Finding]:
    """Copies of the files that a crash of this tool, or a disk that failed under it, has left beside them."""
    paths = scope.context.paths
    both = (paths.credentials, paths.config)
    for path in shared_files.leftovers(both):
        yield warning(
            f"{path} is left over from a write that was cut off",
            shell_command("rm", path),
            path=path,
            fix=functools.partial(shared_files.remove_leftovers, both),
        )
    for kept, target in shared_files.rescued(both):
        yield warning(
            f"{kept} is what {target} was to hold when the disk failed",
            f"if {target} is still damaged: {shell_command('cp', kept, target)}",
            f"once it is well: {shell_command('rm', kept)}",
            path=kept,
        )


def in_git(scope: Scope) -> Iterator[Finding]:
    """Long-term keys that ``git add`` would take."""
    files = (scope.profiles.credentials, scope.profiles.config)
    taken = [file for file in files if _has_long_term_keys(file) and git.would_add(file.path)]
    if scope.is_readable and not taken:
        yield ok("no credentials that git could commit")
    for file in taken:
        remove = shell_command("git", "rm", "--cached", os.path.realpath(file.path))
        yield problem(
            f"{file.path} holds long-term keys, and is in a git repository that does not ignore it",
            f"keep it out: name it in .gitignore; if it is in already: {remove}",
            "keys that were ever pushed have to be replaced: mfa-profiles rotate PROFILE",
            path=file.path,
        )


def _has_long_term_keys(file: ini.IniFile) -> bool:
    return any(sessions.has_long_term_keys(section) for section in file.sections.values())


CHECKS: Iterable[Check] = (
    Check("parse", readable, "boto3 and the AWS CLI can read both files"),
    Check("other-sdks", other_sdks),
    Check("same-file", apart),
    Check("missing", missing),
    Check("permissions", permissions, "only you may read or write them"),
    Check("locks", locks),
    Check("leftovers", leftovers, "no leftovers of a crash"),
    Check("git", in_git),
)
WITHOUT_FILES: Iterable[Check] = (Check("parse", readable), Check("same-file", apart), Check("missing", missing))
