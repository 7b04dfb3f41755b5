"""What is done, step by step, for whoever asked with ``-v``. Secrets have no place in a step, and are taken out."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfa_profiles.redaction import Redactor

STEPS = 1
"""The verbosity at which steps are told."""

SDK = 2
"""The verbosity at which the AWS SDK's own log is told, too."""


class _Log:
    """Lines for one person, who may be asked something while threads go on."""

    def __init__(self, verbosity: int, write: Callable[[str], None], redactor: "Redactor", start: float) -> None:
        self.verbosity = verbosity
        self.redactor = redactor
        self.start = start
        self._write = write
        self._lock = threading.RLock()
        self._holders = 0
        self._held: list[str] = []

    def tell(self, text: str, *, is_foreign: bool) -> None:
        time_since = f"{time.monotonic() - self.start:7.3f} s"
        # Secrets first: one could be hidden from the patterns by the ends of lines.
        lines = self.redactor.redact(text, is_foreign=is_foreign).splitlines() or [""]
        with self._lock:
            self._held += [f"{time_since}  {line}" for line in lines]
            self._flush()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                self._flush()

    def _flush(self) -> None:
        while self._held and not self._holders:
            self._write(self._held.pop(0))


_log: _Log | None = None  # nothing is told, and nothing imported or compiled for it


def begin(verbosity: int, write: Callable[[str], None], environment: Mapping[str, str]) -> None:
    """Tell steps from now on, line by line, without the secrets that the environment holds."""
    global _log
    from mfa_profiles.redaction import Redactor

    redactor, start = (Redactor(), time.monotonic()) if _log is None else (_log.redactor, _log.start)
    redactor.add_of_environment(environment)
    _log = _Log(verbosity, write, redactor, start)


def is_on(verbosity: int = STEPS) -> bool:
    """True if somebody wants to know this much."""
    return _log is not None and _log.verbosity >= verbosity


def step(text: str) -> None:
    """Tell that something has been done or is about to be, in a line as people say it."""
    if _log is not None:
        _log.tell(text, is_foreign=False)


def sdk(text: str) -> None:
    """Tell what the AWS SDK has to say, which may be several lines."""
    if is_on(SDK):
        assert _log is not None
        _log.tell(text, is_foreign=True)


def secret(*values: str | None) -> None:
    """Take some texts out of all that is told from now on: to be called wherever a secret comes into this process."""
    if _log is not None:
        for value in values:
            if value:
                _log.redactor.add(value)


def url(value: str) -> None:
    """Take the password in a URL out of all that is told from now on."""
    if _log is not None:
        _log.redactor.add_of_url(value)


def held() -> contextlib.AbstractContextManager[None]:
    """Keep back what is told meanwhile: a person is being asked something, and threads go on."""
    return contextlib.nullcontext() if _log is None else _log.held()
