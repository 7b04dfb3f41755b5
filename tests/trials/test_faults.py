"""The short version of ``tests.trials.faults``: each kind of call once, at the last of its places, with one error."""

import pytest

from tests.tracing import needs_strace
from tests.trials.faults import Fault, failed, faults_in_place
from tests.trials.stages import COMMANDS, record, stages

pytestmark = needs_strace

ERRORS = {
    "mkdir": "EROFS",
    "flock": "EIO",
    "write": "ENOSPC",
    "fsync": "EDQUOT",
    "rename": "EIO",
    "unlink": "EACCES",
    "read": "EIO",
    "fchown": "EPERM",
    "flistxattr": "EIO",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_failed(name: str) -> None:
    """All is done, or one line says what has failed and the files are as they were; the next run succeeds."""
    with stages(name) as new_stage:
        calls = record(new_stage()).calls
    last = {call.name: call for call in calls}
    first = {call.name: call for call in reversed(calls)}
    faults = [Fault(last[call], error) for call, error in ERRORS.items() if call in last]
    faults += [Fault(first["write"], "ENOSPC", lasts=True), Fault(first["rename"], "EBUSY")]

    outcome = failed(name, faults)

    assert () == outcome.losses
    assert outcome.count >= len(ERRORS) - 1  # a home without files has none to read, and no permissions to keep


@pytest.mark.parametrize("name", ["refresh", "export --output"])
def test_failed_in_place(name: str) -> None:
    """A file that cannot be replaced is never left cut off."""
    faults = [fault for fault in faults_in_place(name) if fault.call.name in ("pwrite64", "ftruncate")]

    outcome = failed(name, faults[::6])

    assert () == outcome.losses
    assert outcome.count >= 2
