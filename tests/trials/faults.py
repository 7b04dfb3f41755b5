"""Each system call of each command on its files fails in turn, in all the ways that disks and mounts fail.

The command does all of its work all the same, or says in one line what has failed, leaves all files as they were, and
spends no code; the next run succeeds. What is the exception is told by the command, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.home import BASE, Result
from tests.trials import Outcome, spread
from tests.trials.injection import Call
from tests.trials.stages import COMMANDS, File, Recording, Stage, record, stages, torn, unfinished

ERRORS = ("ENOSPC", "EIO", "EDQUOT", "EACCES", "EROFS", "EBUSY")
LASTING = ("ENOSPC", "EROFS")
WRITES = (
    "openat",
    "mkdir",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fchmod",
    "fchown",
    "fsetxattr",
    "fremovexattr",
    "rename",
    "unlink",
    "flock",
)
IN_PLACE = "rename:error=EBUSY"


@dataclass(frozen=True)
class Fault:
    """A call that fails with an error, once or from then on; ``beside`` is what fails in any case."""

    call: Call
    error: str
    lasts: bool = False
    beside: str = ""

    def __str__(self) -> str:
        return f"{self.call}: {self.error}{' from then on' if self.lasts else ''} {self.beside}".rstrip()

    @property
    def injection(self) -> str:
        """It in the words of strace."""
        return f"{self.beside} {self.call.name}:error={self.error}:when={self.call.number}{'+' if self.lasts else ''}"


def run() -> Iterator[Outcome]:
    """Fail every call of every command, and those with which a file is written in place."""
    for name in COMMANDS:
        with stages(name) as new_stage:
            calls = record(new_stage()).calls
        yield spread(failed, name, [fault for call in calls for fault in _faults(call)])
    for name in COMMANDS:
        if name != "setup":  # it makes new files, and what is mounted is there already
            yield spread(failed, name, faults_in_place(name))


def _faults(call: Call) -> Iterator[Fault]:
    if call.name == "close":
        return  # strace fails a call by leaving it out: the file would stay open, as it never does
    if call.name not in WRITES:
        yield from (Fault(call, error) for error in ("EIO", "EACCES"))
        return
    for error in ERRORS:
        yield Fault(call, error)
        if error in LASTING and call.name != "flock":  # who cannot unlock need not know of it yet
            yield Fault(call, error, lasts=True)


def faults_in_place(name: str) -> list[Fault]:
    """Those of files that cannot be replaced."""
    with stages(name) as new_stage:
        calls = record(new_stage()).calls
        in_place = record(new_stage(), IN_PLACE, calls).calls
    begin = [call.name for call in in_place].index("rename")
    return [
        Fault(call, error, beside=IN_PLACE)
        for call in in_place[begin + 1 :]
        if call.name in WRITES and call.name not in ("rename", "flock")
        for error in ERRORS
    ]


def failed(name: str, faults: Sequence[Fault]) -> Outcome:
    """Run a command with each of some faults."""
    losses = []
    with stages(name) as new_stage:
        recording = record(new_stage())
        for fault in faults:
            try:
                losses += [f"{fault}: {loss}" for loss in _losses(new_stage(), fault, recording)]
            except AssertionError as error:  # secrets in the output, or a traceback
                losses.append(f"{fault}: {error}")
    return Outcome(f"faults at: {name}{' in place' if faults[0].beside else ''}", len(faults), tuple(losses))


def _losses(stage: Stage, fault: Fault, recording: Recording) -> Iterator[str]:
    before = stage.files()
    stage.home.aws.requests.clear()
    traced = stage.run(recording.calls, fault.injection)
    result, spent = traced.result, stage.command.spends in stage.home.aws.actions
    if not any(call.is_injected and call.is_same(fault.call) for call in traced.calls):
        yield "it did not happen"
    if result.code == 0:
        yield from _not_done(stage, fault, result, recording)
    elif result.code == 1:
        yield from _badly_told(result)
        yield from _changed(stage, result, before)
        if spent and fault.call in recording.calls[: recording.rehearsed]:
            yield f"{stage.command.spends} was called in vain"
    else:
        yield f"the exit code is {result.code}"
    before = _as_told(stage, result, before)
    yield from torn(stage, before, recording.after)
    yield from unfinished(stage, before, recording.after)


def _not_done(stage: Stage, fault: Fault, result: Result, recording: Recording) -> Iterator[str]:
    for name, file in stage.files().items():
        if file is None or stage.shape(file.data) != recording.after[name]:
            yield f"it says that all is well, and {name} is not"
    in_place = fault.beside or (fault.call.name, fault.error) == ("rename", "EBUSY")
    if in_place and "was written in place: a reader may have seen a part of it" not in result.stderr:
        yield "it does not tell that a file was written in place"


def _as_told(stage: Stage, result: Result, before: Mapping[str, File | None]) -> dict[str, File | None]:
    """The files as they were, with the mode and the owner that they have now if it tells that these were lost."""
    now = stage.files()
    return {
        name: replace(file, mode=then.mode, owner=then.owner)
        if file and (then := now[name]) and f"of {stage.home.path / name} could not be kept" in result.stderr
        else file
        for name, file in before.items()
    }


def _badly_told(result: Result) -> Iterator[str]:
    errors = [line for line in result.errors if line.startswith("mfa-profiles: error: ")]
    hints = [line for line in result.errors if line.startswith("hint: ")]
    if len(errors) != 1 or not hints or "this should not have happened" in result.stderr:
        yield f"it is told badly: {result.stderr!r}"


def _changed(stage: Stage, result: Result, before: dict[str, File | None]) -> Iterator[str]:
    """Each file that has changed though that is not told, and what is told and not true."""
    after = stage.files()
    changed = [name for name in before if before[name] != after[name]]
    told = [name for name in before if f"{stage.home.path / name} was written before that" in result.stderr]
    if "rotate" in stage.command.arguments(stage):
        yield from _untrue(stage, result, changed=bool(changed))
    elif changed != told:
        yield f"{changed} changed, and it says: {result.stderr!r}"


def _untrue(stage: Stage, result: Result, *, changed: bool) -> Iterator[str]:
    """What is wrong in what a rotation says of keys and files."""
    keys = stage.user.access_keys
    old, _ = stage.old_keys
    has_old = stage.home.section(BASE)["aws_access_key_id"] == old
    claims = {
        "nothing was changed": not changed,
        "is deleted again": keys == {old: "Active"},
        "is still there": len(keys) == 2,
        "the old access key works": has_old and keys.get(old) == "Active",
        "could not be put back": not has_old,
        "has the new access key": not has_old,
        "the old one is still there": keys.get(old) == "Active",
        "the old one is inactive": keys.get(old) == "Inactive",
        "the old one is deleted": old not in keys,
    }
    yield from (
        f"it says, and that is not true: {claim}"
        for claim, is_true in claims.items()
        if claim in result.stderr and not is_true
    )
    if changed and f"mfa-profiles rotate {BASE}" not in result.stderr:
        yield f"it does not say how to go on: {result.stderr!r}"
