"""The short version of ``tests.trials.kills``: where the files are replaced, all is on disk, or a part of it is."""

import pytest

from tests.tracing import needs_strace
from tests.trials.kills import calls_of, killed, unsynced
from tests.trials.stages import COMMANDS

pytestmark = needs_strace

# The rehearsal syncs a copy of each file that changes; then comes, for each of these: the sync of the copy and the
# replacing, and for all of them that of the directory.
STEPS = {
    "refresh": 2 + 2 * 2 + 1,
    "refresh --force": 2 - 1 + 3,
    "clear": 2 * 2 + 1,
    "rotate": 2 + 5 * 3,  # a comment, the new ID in it, the copy of the key in the config file, the key, no comment
    "export --output": 3,
    "setup": 2 + 2 * 2 + 1,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_killed(name: str) -> None:
    """Each file is its old self or its new, whole, with its mode and owner; the next run finishes the job at once."""
    outcome = killed(name, [call for call in calls_of(name) if call.name in ("fsync", "rename")])

    assert () == outcome.losses
    assert STEPS[name] == outcome.count


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_renamed_is_on_disk(name: str) -> None:
    """A crash of the machine loses no file: not its text, nor, once the command has ended, its new name."""
    outcome = unsynced(name)

    assert () == outcome.losses
    assert outcome.count >= 1
