"""What is done, step by step, for whoever asked with ``-v``. Secrets have no place in a step."""

from collections.abc import Callable

_write: Callable[[str], None] | None = None


def steps_to(write: Callable[[str], None] | None) -> None:
    """Let steps be told to ``write`` from now on, or with None to nobody."""
    global _write
    _write = write


def step(text: str) -> None:
    """Tell that something has been done or is about to be, in a line as people say it."""
    if _write is not None:
        _write(text)
