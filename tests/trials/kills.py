"""Each command is killed at each of its system calls on files, and loses nothing: the next run finishes the job."""

import signal
from collections.abc import Callable, Iterator

from tests.trials import Outcome
from tests.trials.injection import Call
from tests.trials.stages import COMMANDS, Recording, Stage, record, stages, torn, unfinished


def run() -> Iterator[Outcome]:
    """Kill each command at each call, on its entry: what a call has done is seen at the next one."""
    for name in COMMANDS:
        yield killed(name)


def killed(name: str, wanted: Callable[[Call], bool] = lambda _: True) -> Outcome:
    """Kill a command at each call that is ``wanted``."""
    with stages(name) as new_stage:
        recording = record(new_stage())
        points = [call for call in recording.calls if wanted(call)]
        losses = [f"{point}: {loss}" for point in points for loss in _losses(new_stage(), point, recording)]
    return Outcome(f"points killed at: {name}", len(points), tuple(losses))


def _losses(stage: Stage, point: Call, recording: Recording) -> Iterator[str]:
    before = stage.files()
    traced = stage.run(recording.calls, f"{point.name}:signal=KILL:when={point.number}")
    if traced.result.code != -signal.SIGKILL or not traced.calls[-1].is_same(point):
        yield f"it was not killed there, but ended with {traced.result.code}"
    yield from torn(stage, before, recording.after)
    yield from unfinished(stage, before, recording.after)
