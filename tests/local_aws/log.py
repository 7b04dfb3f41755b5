"""The log of requests: who asked for what, and when.  Never a secret, a token or a code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class Request:
    """One request, in the log from its arrival on.

    ``started`` and ``ended`` are seconds of ``time.monotonic()``, the server's clock aside;
    ``ended`` and ``status`` are None while the request is under way.  ``status`` stays None for a
    connection that was reset.  ``service``, ``access_key_id`` and ``region`` are what the
    credential scope says, even when its signature was wrong; empty without one.  ``host`` is the
    Host header, and ``parameters`` all that were sent except codes.  ``client_port`` is the same for all
    requests of one connection.
    """

    action: str
    service: str
    access_key_id: str
    region: str
    user_agent: str
    host: str
    parameters: Mapping[str, str] = field(repr=False)
    started: float
    client_port: int = 0
    ended: float | None = None
    status: int | None = None
    error_code: str | None = None


def peak_concurrency(requests: Iterable[Request]) -> int:
    """The most requests that were under way at one moment."""
    moments: list[tuple[float, int]] = []
    for request in requests:
        moments.append((request.started, 1))
        if request.ended is not None:
            moments.append((request.ended, -1))
    under_way = peak = 0
    for _, change in sorted(moments):
        under_way += change
        peak = max(peak, under_way)
    return peak
