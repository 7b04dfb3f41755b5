"""The server's clock: real time plus an offset."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Clock:
    """Real time plus ``offset`` seconds; a negative offset is a clock that is slow."""

    offset: float = 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock ``seconds`` forward (back, if negative)."""
        self.offset += seconds

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The time in UTC, timezone-aware."""
        return datetime.fromtimestamp(self.time(), UTC)
