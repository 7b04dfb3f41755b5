"""What this process has inherited, and hands down to everything that a test starts, made the same for each run."""

import os
import signal


def settle() -> None:
    """Have the tests run alike under nohup, in the background of a shell, in cron and in a container."""
    _settle_signals()
    os.umask(0o022)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # closed: another file would get its number
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)


def _settle_signals() -> None:
    """Undo that signals are ignored or blocked, which programs inherit.

    What this process itself shall ignore, such as SIGHUP under nohup, it goes on to ignore: by a handler, which no
    program inherits.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _ignore)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which the tests raise in this process as well
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _ignore(_number: int, _frame: object) -> None:
    pass
