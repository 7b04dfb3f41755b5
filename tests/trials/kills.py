"""Each command is killed at each of its system calls on files, and loses nothing: the next run finishes the job."""

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.trials import Outcome, spread
from tests.trials.injection import Call
from tests.trials.stages import COMMANDS, Recording, Stage, record, stages, torn, unfinished

CHANGES = ("openat", "write", "pwrite64", "ftruncate", "fchmod", "fchown", "fsetxattr", "fremovexattr", "fsync")


def run() -> Iterator[Outcome]:
    """Kill each command at each call, on its entry: what a call has done is seen at the next one."""
    for name in COMMANDS:
        yield spread(killed, name, calls_of(name))
        yield unsynced(name)


def calls_of(name: str) -> list[Call]:
    """The calls of a command on its files."""
    with stages(name) as new_stage:
        return record(new_stage()).calls


def killed(name: str, points: Sequence[Call]) -> Outcome:
    """Kill a command at some of its calls."""
    with stages(name) as new_stage:
        recording = record(new_stage())
        losses = [f"{point}: {loss}" for point in points for loss in _losses(new_stage(), point, recording)]
    return Outcome(f"points killed at: {name}", len(points), tuple(losses))


def _losses(stage: Stage, point: Call, recording: Recording) -> Iterator[str]:
    before = stage.files()
    traced = stage.run(recording.calls, f"{point.name}:signal=KILL:when={point.number}")
    if traced.result.code != -signal.SIGKILL or not traced.calls[-1].is_same(point):
        yield f"it was not killed there, but ended with {traced.result.code}"
    yield from torn(stage, before, recording.after)
    yield from unfinished(stage, before, recording.after)


def unsynced(name: str) -> Outcome:
    """Look at each renaming of a command: before it the file is synced as it was written, after it the directory.

    That is synced once for files that are renamed together, before anything else is written.
    """
    calls = calls_of(name)
    renamed = [number for number, call in enumerate(calls) if call.name == "rename"]
    losses = [f"{calls[number]}: {loss}" for number in renamed for loss in _unsynced(calls, number)]
    return Outcome(f"renamings looked at: {name}", len(renamed), tuple(losses))


def _unsynced(calls: Sequence[Call], number: int) -> Iterator[str]:
    temporary, target = calls[number].paths
    changes = [call.name for call in calls[:number] if temporary in call.paths and call.name in CHANGES]
    if changes[-1:] != ["fsync"]:
        yield "the file is not synced after it was written"
    directory = (str(Path(target).parent),)
    next_change = next((call for call in calls[number + 1 :] if call.name in CHANGES and call.name != "openat"), None)
    if next_change is None or (next_change.name, next_change.paths) != ("fsync", directory):
        yield "the directory is not synced"
