"""Access control lists and extended attributes on macOS, which Python's os module does not know there."""

import contextlib
import ctypes
import errno
import functools
import os
from collections.abc import Iterator

_COPYFILE_XATTR = 1 << 2
"""From <copyfile.h>. COPYFILE_ACL is not used: it keeps the entries that the copy got from its directory."""

_NO_LIST = {errno.ENOENT, errno.ENOTSUP, errno.EOPNOTSUPP}
"""The errors for a file without a list, and on a file system without lists."""


@functools.cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.acl_get_fd.restype = libc.acl_init.restype = ctypes.c_void_p
    libc.acl_free.argtypes = [ctypes.c_void_p]
    libc.acl_set_fd.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.fcopyfile.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
    return libc


def copy_attributes(source: str, descriptor: int) -> None:
    """Replace the extended attributes of an open file by those of another file. Raises OSError."""
    with _opened(source) as original:
        if _libc().fcopyfile(original, descriptor, None, _COPYFILE_XATTR) < 0:
            raise _error()


def copy_access_list(source: str | None, descriptor: int) -> None:
    """Replace the access control list of an open file by that of another file, or by an empty one. Raises OSError.

    The entries that the open file got from its directory are replaced, too.
    """
    wanted = None
    present = _access_list(descriptor)
    try:
        if source is not None:
            with _opened(source) as original:
                wanted = _access_list(original)
        if wanted is None and present is None:
            return
        if wanted is None:
            wanted = _libc().acl_init(1)
        if wanted is None or _libc().acl_set_fd(descriptor, wanted) < 0:
            raise _error()
    finally:
        for access_list in (wanted, present):
            if access_list is not None:
                _libc().acl_free(access_list)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _access_list(descriptor: int) -> int | None:
    """A pointer to the access control list of a file, to be freed; None if it has none. Raises OSError."""
    access_list: int | None = _libc().acl_get_fd(descriptor)
    if access_list is None and ctypes.get_errno() not in _NO_LIST:
        raise _error()
    return access_list


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
