"""Faults on demand: slow answers, throttling, 5xx, refusals, reset connections, answers that are no XML."""

import threading
from dataclasses import dataclass

from tests.local_aws.answers import Answer, AWSError

# Codes, statuses and texts from AWS's "Common errors":
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
ERRORS = {
    "Throttling": (400, "Rate exceeded"),
    "InternalFailure": (
        500,
        "The request processing has failed because of an unknown error, exception or failure.",
    ),
    "ServiceUnavailable": (503, "The request has failed due to a temporary failure of the server."),
}


def failure(code: str) -> AWSError:
    """The refusal with one of the codes in ERRORS."""
    status, message = ERRORS[code]
    return AWSError(status, code, message)


@dataclass(eq=False)
class Fault:
    """What goes wrong, for which ``action`` (None: all) and for how many more requests (None: all).

    ``latency`` (seconds) holds the answer back; what the request asked for has been done by then,
    as when a client gives up on an AWS that is only slow.  The others come before anything is
    looked at: ``error`` is a key of ERRORS, ``refusal`` the status, the code and the message of a
    refusal that this server cannot come to by itself (an organization's policy, a region that is
    not enabled), ``reset`` a RST in place of an answer, ``answer`` a status and a body sent as they
    are.
    """

    action: str | None = None
    times: int | None = None
    latency: float = 0.0
    error: str | None = None
    refusal: tuple[int, str, str] | None = None
    reset: bool = False
    answer: tuple[int, bytes] | None = None

    @property
    def replaces_answer(self) -> bool:
        """Whether the request gets something else than its answer."""
        return self.error is not None or self.refusal is not None or self.reset or self.answer is not None

    def strike(self) -> Answer | None:
        """The answer given in place of the real one; None for no answer, but a reset."""
        if self.error is not None:
            raise failure(self.error)
        if self.refusal is not None:
            raise AWSError(*self.refusal)
        return None if self.answer is None else Answer(*self.answer)


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        *,
        action: str | None = None,
        times: int | None = None,
        latency: float = 0.0,
        error: str | None = None,
        refusal: tuple[int, str, str] | None = None,
        reset: bool = False,
        answer: tuple[int, bytes] | None = None,
    ) -> Fault:
        """Put a Fault in force, until it has struck ``times`` times or is removed."""
        if error is not None and error not in ERRORS:
            raise ValueError(f"error must be one of {', '.join(ERRORS)}, not {error}")
        if (error is not None) + (refusal is not None) + reset + (answer is not None) > 1:
            raise ValueError("one fault has one of error, refusal, reset and answer")
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        fault = Fault(action, times, latency, error, refusal, reset, answer)
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault out of force; nothing happens if it has ended by itself."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self) -> None:
        """Take every fault out of force."""
        with self._lock:
            self._faults.clear()

    def take(self, action: str) -> tuple[float, Fault | None]:
        """What strikes this request: the latencies' sum, and the first fault that replaces its answer."""
        latency, replacing = 0.0, None
        with self._lock:
            for fault in list(self._faults):
                if fault.action not in (None, action):
                    continue
                if fault.replaces_answer:
                    if replacing is not None:
                        continue
                    replacing = fault
                latency += fault.latency
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
        return latency, replacing
