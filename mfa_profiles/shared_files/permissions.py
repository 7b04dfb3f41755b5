"""Who may do what with a new file that is about to replace another one: the same people, and never more."""

import contextlib
import errno
import os
import stat
import sys

_ACCESS_LIST = "system.posix_acl_access"
"""The extended attribute that holds an access control list on Linux."""

_USER, _MASK, _NO_NAME = 0x02, 0x10, 0xFFFFFFFF
"""Of linux/posix_acl.h: the tags of the entries for a named user and for the mask, and the name of the latter."""

_NEW_FILE_MODE = 0o600
_NEW_DIRECTORY_MODE = 0o700

_NOT_HERE = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""The errors of file systems without extended attributes."""


def copy(source: str, status: os.stat_result | None, path: str, descriptor: int) -> tuple[str, ...]:
    """Give a new file the owner, group, attributes and mode of another, and return warnings about the rest.

    ``path`` and ``descriptor`` are those of the new file. ``status`` is what the source was when it was read, or None
    if there is no such file. What the system denies is a warning, and takes permissions away.

    The order matters. A mode is meant for an owner and a group, so these come first. With an access control list, the
    group bits of a mode are the mask of that list, and no permissions of the group: the list comes before the mode.
    """
    if status is None:
        _remove_inherited_list(descriptor)
        give_to_owner_of_directory(path, descriptor)
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, _NEW_FILE_MODE)  # An odd umask takes rights from the owner, too.
        return ()
    warnings = []
    meant = mode = stat.S_IMODE(status.st_mode)
    _give(descriptor, status)
    now = os.fstat(descriptor)
    if now.st_uid != status.st_uid:
        warnings.append(f"the owner of {source} could not be kept: it is now your own file")
        mode &= ~stat.S_ISUID
    is_for_the_group = now.st_gid == status.st_gid
    if not is_for_the_group:
        # Another group gets only what everyone could do. The old group is now among all others, who may be allowed
        # more than it was.
        everyone = mode >> 3 & mode & 0o7
        mode = mode & (stat.S_ISUID | stat.S_IRWXU) | everyone << 3 | everyone
    if not _copy_attributes(source, descriptor):
        warnings.append(f"the extended attributes of {source} could not be kept")
    if not copy_access_list(source, descriptor, is_for_the_group=is_for_the_group):
        mode &= stat.S_IRWXU
    if (meant ^ mode) & 0o777:
        lost = "access control list" if is_for_the_group else "group"
        warnings.append(f"the {lost} of {source} could not be kept: its mode was {meant:o}, and is {mode:o} now")
    # Some servers throw a list away when a mode is set, and a list that was just set has set the mode.
    if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        try:
            os.fchmod(descriptor, mode)
        except OSError:
            # File systems without permissions (FAT, some mounts in containers) are no reason to fail.
            warnings.append(f"the permissions of {source} could not be kept: only you can read it now")
    return tuple(warnings)


def make_directories(path: str) -> None:
    """Make a directory, and those that it is in, as far as they are missing. Nobody else may enter any of them."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent not in ("", path):
        make_directories(parent)
    try:
        make_directory(path)
    except FileExistsError:  # another process may have been faster
        if not os.path.isdir(path):
            raise


def make_directory(path: str) -> None:
    """Make a directory that nobody else may enter. Raises FileExistsError, or another OSError."""
    os.mkdir(path, _NEW_DIRECTORY_MODE)
    if stat.S_IMODE(os.lstat(path).st_mode) & _NEW_DIRECTORY_MODE != _NEW_DIRECTORY_MODE:
        os.chmod(path, _NEW_DIRECTORY_MODE)  # An odd umask takes rights from the owner, too.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # Whoever may write the directory above may have put another one there. An empty one is no loss.
        if not os.listdir(descriptor):
            give_to_owner_of_directory(path, descriptor)
    finally:
        os.close(descriptor)


def give_to_owner_of_directory(path: str, descriptor: int) -> None:
    """Give a file or directory that root has just made to the owner and the group of the directory that it is in.

    With ``sudo -E``, root works in the home directory of a user, whose tools have to read the file. The owner of a
    directory that others may use as well, such as /tmp, is given nothing.
    """
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        directory = os.open(os.path.dirname(path) or os.curdir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            owner = os.fstat(directory)
            found = os.stat(os.path.basename(path), dir_fd=directory, follow_symlinks=False)
            # A link on the way to it may lead elsewhere by now: only what is in a user's directory is for that user.
            if os.path.samestat(found, os.fstat(descriptor)) and owner.st_uid != 0 and not is_shared(owner):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
        finally:
            os.close(directory)


def is_shared(directory: os.stat_result) -> bool:
    """Return whether others than the owner and the group may put files into a directory, or it is sticky."""
    return bool(directory.st_mode & (stat.S_IWOTH | stat.S_ISVTX))


def _give(descriptor: int, status: os.stat_result) -> None:
    """Change the owner and the group, or else the group alone: a user may choose among their own groups."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    except OSError:
        if now.st_gid != status.st_gid:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, -1, status.st_gid)


def _remove_inherited_list(descriptor: int) -> None:
    # Linux makes a list that a directory hands down ineffective for a file that is created 0600, until somebody
    # changes the mode. macOS does not.
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":
            from mfa_profiles.shared_files import macos

            macos.copy_access_list(None, descriptor)
        elif _has_list(descriptor):
            os.removexattr(descriptor, _ACCESS_LIST)


def _copy_attributes(source: str, descriptor: int) -> bool:
    """Copy the extended attributes, such as SELinux labels. Return False if some should be there and are not."""
    if sys.platform == "darwin":
        from mfa_profiles.shared_files import macos

        try:
            macos.copy_attributes(source, descriptor)
        except OSError:
            return False
    else:
        with contextlib.suppress(OSError):
            for name in os.listxattr(source):
                if name != _ACCESS_LIST:
                    with contextlib.suppress(OSError):  # some belong to the system alone
                        os.setxattr(descriptor, name, os.getxattr(source, name))
    return True


def copy_access_list(source: str, descriptor: int, *, is_for_the_group: bool, also_for: int | None = None) -> bool:
    """Copy the access control list, and remove one of the directory. Return False if the list differs now.

    On Linux a list has an entry for the group of the file, so it is copied only if the group was kept. ``also_for``
    is a user who may do everything there: the owner of the source, if they are not the owner of the copy.
    """
    is_to_go = False
    try:
        if sys.platform == "darwin":
            from mfa_profiles.shared_files import macos

            macos.copy_access_list(source, descriptor)
        else:
            is_to_go = _has_list(source) and not is_for_the_group
            if _has_list(source) and not is_to_go:
                access_list = os.getxattr(source, _ACCESS_LIST)
                if also_for is not None:
                    access_list = _with_entry(access_list, _USER, also_for, 0o7)
                # Some file systems set the mode first, whose group bits are the mask of the list. Until they have set
                # the list too, these would be permissions of the group.
                for step in (_with_entry(access_list, _MASK, _NO_NAME, 0), access_list):
                    os.setxattr(descriptor, _ACCESS_LIST, step)
            elif _has_list(descriptor):
                os.removexattr(descriptor, _ACCESS_LIST)
    except OSError:
        return False
    return not is_to_go


if sys.platform != "darwin":

    def _with_entry(access_list: bytes, tag: int, name: int, rights: int) -> bytes:
        """Return an access control list with an entry, in the place of one with the same tag and name.

        The form is that of linux/posix_acl_xattr.h.
        """
        import struct

        version, entry = struct.Struct("<I"), struct.Struct("<HHI")
        found = {(tag, name): rights for tag, rights, name in entry.iter_unpack(access_list[version.size :])}
        found[tag, name] = rights
        entries = (entry.pack(tag, rights, name) for (tag, name), rights in sorted(found.items()))
        return access_list[: version.size] + b"".join(entries)

    def _has_list(file: str | int) -> bool:
        try:
            return _ACCESS_LIST in os.listxattr(file)
        except OSError as error:
            if error.errno in _NOT_HERE:
                return False
            raise
