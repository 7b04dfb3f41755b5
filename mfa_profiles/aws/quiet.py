"""Keep what botocore logs of our own calls, token codes and new keys too, out of the logs of whoever calls us."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from mfa_profiles import log

_this_thread = threading.local()


class _NotOurs(logging.Filter):
    def filter(self, _: logging.LogRecord) -> bool:
        return not getattr(_this_thread, "is_ours", False)


_NOT_OURS = _NotOurs()
_filtered: set[str] = set()


def _filter_all() -> None:
    # A filter counts for its own logger alone, not for those below it.
    names = set(logging.root.manager.loggerDict) - _filtered
    for name in names:
        if name.partition(".")[0] in ("botocore", "urllib3"):
            logging.getLogger(name).addFilter(_NOT_OURS)
    _filtered.update(names)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what botocore and urllib3 log in this thread meanwhile; other threads may have calls of their own.

    With ``-vv`` all in this process is ours: then it is told, and reaches no other handler.
    """
    if log.is_on(log.SDK):
        from mfa_profiles.aws import sdk_log

        sdk_log.install()
        yield
        return
    import botocore.session  # noqa: F401 - its loggers have to be there to be given a filter

    _filter_all()
    before = getattr(_this_thread, "is_ours", False)
    _this_thread.is_ours = True
    try:
        yield
    finally:
        _this_thread.is_ours = before
