"""What people and programs get to see of a result: tables on a terminal, lines in a pipe, JSON, notes."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from mfa_profiles import terminal
from mfa_profiles.errors import assignment, shell_command, tool_command
from mfa_profiles.profiles import masked, shown
from mfa_profiles.sessions import State, format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfa_profiles.commands.credentials import ReadyProfile
    from mfa_profiles.commands.devices import ListedDevice
    from mfa_profiles.commands.doctor import Finding
    from mfa_profiles.commands.export import EnvFile
    from mfa_profiles.commands.refresh import Refreshed
    from mfa_profiles.commands.rotate import Rotated
    from mfa_profiles.commands.setup import SetUp
    from mfa_profiles.commands.status import SessionStatus
    from mfa_profiles.errors import MfaProfilesError


def for_programs(value: object) -> None:
    """Print a value as JSON."""
    import json

    terminal.data(json.dumps(value, indent=2))


def set_up(made: "SetUp") -> None:
    """Say that a base profile is there, and what is left to do."""
    terminal.note(f"{made.profile} is set up in {' and '.join(made.paths)}")
    if made.taken_out:
        terminal.note(f"taken out of it, as it led to other credentials: {', '.join(made.taken_out)}")
    if made.csv is not None:
        others = ", and others on this machine can read it" if made.csv_is_open else ""
        terminal.note(f"{made.csv} still holds the secret access key{others}: delete it")
    if not made.wants_session:
        condition = "" if made.mfa_serial else ", with the MFA device in place"
        terminal.note(f"next{condition}: {made.refresh_command}")


def first_session(made: "SetUp", exit_code: int) -> None:
    """Say how the first session of a new profile is used, or had after a failure."""
    if exit_code == 0:
        terminal.note(f"AWS tools use it with {assignment('AWS_PROFILE', made.derived)}")
    else:
        terminal.note(f"{made.profile} itself is set up; the session: {made.refresh_command}")


def refreshed(outcomes: "Sequence[Refreshed]", now: datetime, *, as_json: bool, options_for_new: bool = False) -> int:
    """Say what became of each profile, and return the exit code: that of the failures if nothing else is there.

    ``options_for_new`` are options that only a new session would have followed. JSON comes last: should it not be
    taken, what has been done was told.
    """
    requested = [outcome for outcome in outcomes if outcome.requested]
    for outcome in outcomes:
        if outcome.error is None:
            still = "" if outcome.refreshed else "still "
            force = "; --force refreshes it all the same" if options_for_new and not outcome.refreshed else ""
            terminal.note(f"{outcome.status.profile} is {still}valid{_until(outcome.status.expiration, now)}{force}")
    _tell_errors([(outcome.status.profile, outcome.error) for outcome in requested])
    if as_json:
        for_programs([_refreshed_object(outcome) for outcome in requested])
    codes = {outcome.error.exit_code if outcome.error else 0 for outcome in requested}
    return next(iter(codes)) if len(codes) == 1 else int(bool(codes))


def _tell_errors(outcomes: "Sequence[tuple[str, MfaProfilesError | None]]") -> None:
    """Write each error once, behind the profiles that have it; there is no need to name the only one there is."""
    failed: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for profile, error in outcomes:
        if error is not None:
            failed.setdefault((error.message, error.hints), []).append(profile)
    for (message, hints), names in failed.items():
        terminal.error(message if len(outcomes) == 1 else f"{_some(names)}: {message}", hints)


def _refreshed_object(outcome: "Refreshed") -> dict[str, str | int | bool | None]:
    error = {"error": outcome.error.message} if outcome.error else {}
    return {**outcome.status.as_json(), "refreshed": outcome.refreshed, **error}


def _some(names: Sequence[str]) -> str:
    """Names in a sentence, however many there are."""
    count = 3 if len(names) > 4 else len(names)
    rest = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest


def devices(listed: "Sequence[ListedDevice]", *, as_json: bool) -> None:
    """Print devices."""
    if as_json:
        for_programs([device.as_json() for device in listed])
    elif not listed:
        terminal.note("this user has no MFA device")
    elif terminal.stdout_is_terminal():
        rows = [
            [device.serial_number, "usable" if device.why_not is None else "not usable", device.kind, _taken(device)]
            for device in listed
        ]
        colours = ["green" if device.why_not is None else "yellow" for device in listed]
        terminal.show(terminal.table(("DEVICE", "STATE", "KIND", "REFRESH"), rows, colours))
    else:
        terminal.data("\n".join(map(_line_of_device, listed)))


def _line_of_device(device: "ListedDevice") -> str:
    usable = "usable" if device.why_not is None else "unusable"
    cells = (device.serial_number, device.kind, usable, device.chosen_because or "-")
    return "\t".join(map(terminal.printable, cells))


def _taken(device: "ListedDevice") -> str:
    if device.chosen_because is not None:
        return f"takes it: {device.chosen_because}"
    return f"cannot: {device.why_not}" if device.why_not else ""


_LEVEL_COLOURS = {"ok": "green", "fixed": "green", "warning": "yellow", "problem": "red"}


def findings(found: "Sequence[Finding]", name: str | None, *, offline: bool, as_json: bool) -> None:
    """Print what a doctor of one profile or all has found, and on stderr how much that is.

    ``offline``: it did not ask AWS, and should not when it is run again.
    """
    if as_json:
        terminal.note(_summary(found, name, offline=offline))
        for_programs([finding.as_json() for finding in found])
        return
    if terminal.stdout_is_terminal():
        for subject in dict.fromkeys(finding.subject for finding in found):
            terminal.show(_heading(subject))
            for line in _lines_of_findings([finding for finding in found if finding.subject == subject]):
                terminal.show(line)
    elif found:
        terminal.data("\n".join(map(_line_of_finding, found)))
    terminal.note(_summary(found, name, offline=offline))


def _line_of_finding(finding: "Finding") -> str:
    to_do = "; ".join(_hints(finding)) or "-"
    cells = (_level(finding), finding.check, finding.profile or "-", finding.message, to_do)
    return "\t".join(map(terminal.printable, cells))


def _heading(text: str) -> str:
    return terminal.styled(text, "bold", sys.stdout)


def _lines_of_findings(found: "Sequence[Finding]") -> Iterator[str]:
    """What there is to say of each, and last what is well in general, as much of it on a line as fits."""
    general = [finding for finding in found if finding.level == "ok" and not finding.hints and not finding.profile]
    for finding in found:
        if finding not in general:
            yield from _labelled(_level(finding), finding.message)
            yield from (f"{' ' * _INDENT}{terminal.printable(hint)}" for hint in _hints(finding))
    if general:
        yield from _labelled("ok", "; ".join(finding.message for finding in general))


_INDENT = 11


def _labelled(label: str, text: str) -> Iterator[str]:
    import shutil
    import textwrap

    width = max(shutil.get_terminal_size().columns - _INDENT, 40)
    first, *rest = textwrap.wrap(terminal.printable(text), width, break_long_words=False, break_on_hyphens=False)
    yield f"  {terminal.styled(label.ljust(_INDENT - 3), _LEVEL_COLOURS[label], sys.stdout)} {first}"
    yield from (f"{' ' * _INDENT}{line}" for line in rest)


def _hints(finding: "Finding") -> Iterator[str]:
    """What to do, unless it has been done, and where."""
    if finding.fixed:
        return
    if finding.line is not None and f"line {finding.line}" not in finding.message:
        yield f"line {finding.line} of {finding.path}"
    yield from finding.hints
    if finding.fixable:
        yield "--fix does it"


def _level(finding: "Finding") -> str:
    return "fixed" if finding.fixed else finding.level.value


def _summary(found: "Sequence[Finding]", name: str | None, *, offline: bool) -> str:
    standing = Counter(_level(finding) for finding in found)
    fixable = sum(finding.fixable and not finding.fixed for finding in found)
    parts = [_count(standing[level], level) for level in ("problem", "warning") if standing[level]]
    text = ", ".join(parts) or "no problems"
    if standing["fixed"]:
        text = f"{standing['fixed']} repaired; {text}"
    if fixable:
        options = [*(["--offline"] if offline else []), "--fix"]
        of_all = shell_command("mfa-profiles", "doctor", *options)
        doctor = tool_command("doctor", shown(name), *options) if name else of_all
        is_all = fixable == standing["problem"] + standing["warning"]
        them = ("it" if fixable == 1 else "them") if is_all else f"{fixable} of them"
        text += f"; {doctor} repairs {them}"
    return text


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def statuses(listed: "Sequence[SessionStatus]", now: datetime, *, as_json: bool) -> None:
    """Print how long sessions live and, if AWS was asked, whether they work; why not goes to stderr."""
    errors = [(status.profile, status.verification.error if status.verification else None) for status in listed]
    if as_json:
        _tell_errors(errors)
        for_programs([status.as_json() for status in listed])
        return
    if not listed:
        terminal.note(NO_SESSION)
    elif terminal.stdout_is_terminal():
        terminal.show(_table(listed, now))
    else:
        terminal.data("\n".join(_line(status) for status in listed))
        _note_mismatches(listed)
    _tell_errors(errors)


def _note_mismatches(listed: "Sequence[SessionStatus]") -> None:
    for mismatch in dict.fromkeys(status.mismatch for status in listed):
        if mismatch is not None:
            names = [status.profile for status in listed if status.mismatch is mismatch]
            terminal.note(f"{_some(names)}: the session there is {mismatch.in_words}")


NO_SESSION = (
    "no session yet: mfa-profiles setup PROFILE makes a profile, and mfa-profiles refresh PROFILE its session"
)


def _line(status: "SessionStatus") -> str:
    expiration = None if status.expiration is None else format_time(status.expiration)
    cells = [status.profile, status.state.value, expiration, status.remaining_seconds, status.source_profile]
    if status.verification is not None:
        cells.append(status.verification.verdict)
    return "\t".join("-" if cell is None else terminal.printable(str(cell)) for cell in cells)


def _table(listed: "Sequence[SessionStatus]", now: datetime) -> str:
    rows = [[status.profile, status.state, *times(status, now), status.source_profile or ""] for status in listed]
    colours = [state_colour(status.state) for status in listed]
    header = ["PROFILE", "STATE", "LEFT", "UNTIL", "SOURCE"]
    verdicts = [status.verification.verdict for status in listed if status.verification is not None]
    if not verdicts:
        return terminal.table(header, rows, colours)
    rows = [[*row, verdict or ""] for row, verdict in zip(rows, verdicts, strict=True)]
    verdict_colours = [_VERDICT_COLOURS.get(verdict or "", "red") for verdict in verdicts]
    return terminal.table([*header, "AWS"], rows, colours, last=verdict_colours)


_VERDICT_COLOURS = {"works": "green", "unreachable": "yellow"}


def state_colour(state: State) -> str:
    """The colour that a state has on terminals."""
    return {State.VALID: "green", State.EXPIRING: "yellow"}.get(state, "red")


def times(status: "SessionStatus", now: datetime) -> tuple[str, str]:
    """How much is left of a session, and until when it lives, as people say it; empty where its end is not known.

    Instead of a time, the reason why a session is not one of its base profile.
    """
    if status.mismatch is not None:
        return "", status.mismatch.in_words
    if status.expiration is None or status.remaining is None:
        return "", ""
    ago = " ago" if status.state is State.EXPIRED else ""
    return terminal.in_words(status.remaining) + ago, terminal.clock_time(status.expiration, now)


def rotated(rotation: "Rotated") -> None:
    """Say which access key a base profile has now, and what became of the old one."""
    now = (
        f"the access key of {', '.join((rotation.profile, *rotation.others))} is {masked(rotation.access_key_id)} now"
    )
    if rotation.replaced is None:
        terminal.note(f"{now}: another mfa-profiles has just rotated it")
    else:
        fate = "deleted" if rotation.is_deleted else "inactive"
        terminal.note(f"{now}; {masked(rotation.replaced)} is {fate}")


def ready(profile: "ReadyProfile", now: datetime) -> None:
    """Say what became of a profile whose credentials are wanted, if a person might not expect it."""
    until = _until(profile.expiration, now)
    if profile.refreshed:
        terminal.note(f"{profile.profile} is valid{until}")
    reason = profile.not_refreshed
    if reason is not None:
        how = f"{until}, as it could not be refreshed" if until else " without an MFA session"
        terminal.warn(f"{profile.profile} is used{how}: {reason.message}")
        for hint in reason.hints:
            terminal.hint(hint)


def env_file(file: "EnvFile", now: datetime) -> None:
    """Say what became of a profile, and of the ``.env`` file that it was exported to."""
    ready(file.ready, now)
    holds = "names" if file.by_profile else "has the credentials of"
    already = "" if file.changed else "already "
    until = _until(file.ready.expiration, now)
    end = f", valid{until}" if until else ""
    terminal.note(f"{file.path} {already}{holds} {file.ready.profile}{end}")


def _until(expiration: datetime | None, now: datetime) -> str:
    if expiration is None:
        return ""
    return f" {terminal.until(expiration, now)}"
