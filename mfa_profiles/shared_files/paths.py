"""Compare paths by the files that they lead to, not by their text, and name what is at a path."""

import contextlib
import os
import stat
import sys

from mfa_profiles.profiles import SharedPaths

_LISTS = {"system.posix_acl_access", "system.posix_acl_default"}
"""The extended attributes of access control lists on Linux: of a file or directory, and for new files in it."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def same_file(one: str, other: str) -> bool:
    """Return whether two paths lead to one file: through links, mounts, or another spelling of its name.

    Of files that do not exist, names count as the same if they differ in case alone: many file systems keep one file
    for both, and none of them says so.
    """
    try:
        return os.path.samefile(one, other)
    except OSError:
        one, other = os.path.realpath(one), os.path.realpath(other)
    if one == other or os.path.lexists(one) != os.path.lexists(other):
        return one == other
    (directory, name), (other_directory, other_name) = os.path.split(one), os.path.split(other)
    return name.casefold() == other_name.casefold() and same_file(directory, other_directory)


def is_null_device(path: str) -> bool:
    """Return whether a path leads to the null device, with which people say that there is no such file.

    A container may have a node of its own for it, which is another file.
    """
    if path == os.devnull:
        return True
    try:
        status = os.stat(path)
        return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev
    except OSError:
        return False


def kind(mode: int) -> str:
    """Return what is at a path, by its mode, in words such as ``a directory``."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def variables_naming(path: str) -> list[tuple[str, str]]:
    """Return the variables for the shared files that are set and lead to a path, each with its usual file."""
    variables = (("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"), ("AWS_CONFIG_FILE", "~/.aws/config"))
    return [
        (variable, usual)
        for (variable, usual), named in zip(variables, SharedPaths.from_environment(os.environ), strict=True)
        if os.environ.get(variable) and same_file(named, path)
    ]


def may_write(directory: str) -> bool:
    """Return whether this process may put files into a directory."""
    effective = os.access in os.supports_effective_ids
    return os.access(directory, os.W_OK | os.X_OK, effective_ids=effective)


def has_access_list(path: str) -> bool:
    """Return whether a file or directory has an access control list, which a change of its mode would disable.

    On macOS, lists do not depend on modes.
    """
    if sys.platform != "darwin":
        with contextlib.suppress(OSError):  # a file system without lists
            return not _LISTS.isdisjoint(os.listxattr(path))
    return False
