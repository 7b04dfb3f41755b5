"""The command line: parse, call one command, render. It decides nothing."""

import os
import re
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

import mfa_profiles
from mfa_profiles import terminal, token_code
from mfa_profiles.commands import Context
from mfa_profiles.commands.status import SessionStatus, exit_code
from mfa_profiles.errors import MfaProfilesError
from mfa_profiles.sessions import (
    DEFAULT_MIN_REMAINING,
    MAX_DURATION,
    MIN_DURATION,
    State,
    format_time,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfa_profiles.commands.devices import ListedDevice
    from mfa_profiles.commands.refresh import Refreshed

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help reads as well, and rich takes longer to import than all the rest
)


def _context() -> Context:
    return Context(
        environment=os.environ,
        now=lambda: datetime.now(UTC),  # noqa: TID251 - the one place
        ask=terminal.ask if terminal.is_there() else None,
        warn=terminal.warn,
        note=terminal.note,
        wait=terminal.wait,
        progress=terminal.progress,
        before_writing=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )


def _duration(text: str | timedelta) -> timedelta:
    """Seconds (``43200``), or hours, minutes and seconds (``12h``, ``45m``, ``1h30m``)."""
    if isinstance(text, timedelta):  # typer parses defaults too
        return text
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip(), re.ASCII)
    if match is None or not any(match.groups()) or len(text) > 12:
        raise typer.BadParameter("write it in seconds or like 12h, 45m, 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise typer.BadParameter("that is longer than anything lasts") from None


def _session_duration(text: str | timedelta) -> timedelta:
    duration = _duration(text)
    if not MIN_DURATION <= duration <= MAX_DURATION:
        raise typer.BadParameter("AWS allows 15m to 36h")
    return duration


def _time_option(flag: str, parser: Callable[[str | timedelta], timedelta], help_text: str) -> Any:
    return typer.Option(flag, metavar="TIME", parser=parser, help=help_text, show_default=False)


def _show_version(value: bool) -> None:  # noqa: FBT001 - how typer calls back
    if value:
        terminal.data(f"mfa-profiles {mfa_profiles.__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done or valid, 1 failed, 2 usage, 3 session expired or missing, 4 session ends soon, "
    "5 a token code is needed and cannot be asked for, 130 interrupted."
)
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Turn one MFA code into a named AWS profile that every tool can use.

    A base profile NAME has your long-term keys. `refresh` trades an MFA code for
    session credentials and writes them into the derived profile NAME-mfa, in
    ~/.aws/credentials and ~/.aws/config, which are otherwise left as they are.
    """


_Name = Annotated[
    str | None,
    typer.Argument(
        metavar="PROFILE",
        help="The base or the derived profile; if not given, AWS_PROFILE, else default.",
        show_default=False,
    ),
]


_Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROFILE]...",
        help="Base or derived profiles; if not given, AWS_PROFILE, else default.",
        show_default=False,
    ),
]


_Json = Annotated[bool, typer.Option("--json", help="Print an array of objects for programs.")]


@app.command()
def refresh(
    profiles: _Names = None,
    *,
    refresh_all: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All that mfa-profiles wrote, every base profile with an MFA device, and the roles behind these.",
        ),
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="NAME", help="The derived profile, if not PROFILE-mfa. It is remembered."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            "--token-code",
            metavar="CODE",
            help=f"The six digits; - reads them from stdin. If not given: {token_code.ENVIRONMENT_VARIABLE} in the "
            "environment, mfa_process of the profile, the terminal.",
            show_default=False,
        ),
    ] = None,
    serial_number: Annotated[
        str | None,
        typer.Option(
            "--serial-number",
            metavar="SERIAL",
            help="The MFA device. If not given, mfa_serial of the base profile, or what AWS finds.",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[
        timedelta | None,
        _time_option(
            "--duration-seconds",
            _session_duration,
            "How long the session lives, in seconds or like 45m, 15m to 36h (a role: 12h); if not given, 12h, "
            "and for a role its duration_seconds or 1h.",
        ),
    ] = None,
    min_remaining: Annotated[
        timedelta,
        _time_option(
            "--min-remaining",
            _duration,
            "Refresh a session with no more left than this, in seconds or like 30m; if not given, 15m.",
        ),
    ] = DEFAULT_MIN_REMAINING,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Refresh a session that is still valid, too, and replace long-term keys or another tool's session "
            "in the derived profile.",
        ),
    ] = False,
    as_json: _Json = False,
) -> int:
    """Get MFA session credentials and write derived profiles.

    Does nothing while a session has more than --min-remaining left. Afterwards
    AWS_PROFILE=PROFILE-mfa works in every AWS tool and SDK.

    A profile with role_arn and source_profile gets a session of the role; one
    code opens all the roles behind an identity.
    """
    from mfa_profiles.commands import refresh as command

    context = _context()
    options = command.RefreshOptions(
        to=to,
        token_code=code,
        serial_number=serial_number,
        duration=duration,
        min_remaining=min_remaining,
        force=force,
    )
    if refresh_all and profiles:
        raise typer.BadParameter("--all cannot be combined with profile names")
    names = profiles or [context.default_profile]
    try:
        outcomes = command.refresh_all(options, context) if refresh_all else command.refresh(names, options, context)
    except MfaProfilesError as error:
        if as_json:
            statuses = [] if refresh_all else [command.status_after_failure(name, options, context) for name in names]
            _print_json([{**status.as_json(), "refreshed": False, "error": error.message} for status in statuses])
        raise
    if not outcomes:
        terminal.note("nothing to refresh: no profile has a session or an MFA device; name one")
    return _report(outcomes, context.now(), as_json=as_json)


def _report(outcomes: "Sequence[Refreshed]", now: datetime, *, as_json: bool) -> int:
    """Say what became of each profile, and return the exit code: that of the failures if nothing else is there."""
    requested = [outcome for outcome in outcomes if outcome.requested]
    if as_json:
        _print_json([_as_json(outcome) for outcome in requested])
    for outcome in outcomes:
        if outcome.error is None:
            still = "" if outcome.refreshed else "still "
            terminal.note(f"{outcome.status.profile} is {still}valid{_until(outcome.status, now)}")
    failed: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for outcome in requested:
        if outcome.error is not None:
            failed.setdefault((outcome.error.message, outcome.error.hints), []).append(outcome.status.profile)
    for (message, hints), names in failed.items():
        terminal.error(message if len(requested) == 1 else f"{_some(names)}: {message}", hints)
    codes = {outcome.error.exit_code if outcome.error else 0 for outcome in requested}
    return next(iter(codes)) if len(codes) == 1 else int(bool(codes))


def _as_json(outcome: "Refreshed") -> dict[str, str | int | bool | None]:
    error = {"error": outcome.error.message} if outcome.error else {}
    return {**outcome.status.as_json(), "refreshed": outcome.refreshed, **error}


def _some(names: Sequence[str]) -> str:
    """Names in a sentence, however many there are."""
    shown = 3 if len(names) > 4 else len(names)
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest


@app.command()
def devices(profile: _Name = None, *, as_json: _Json = False) -> int:
    """Show the MFA devices of the user, and which one refresh takes.

    In a pipe: a line for each device, with tabs between serial number, kind,
    whether it is usable, and why refresh takes it (- if it does not).
    """
    from mfa_profiles.commands import devices as command

    context = _context()
    listed = command.devices(profile or context.default_profile, context)
    if as_json:
        _print_json([device.as_json() for device in listed])
    elif not listed:
        terminal.note("this user has no MFA device")
    elif terminal.stdout_is_terminal():
        rows = [
            [device.serial_number, "usable" if device.why_not is None else "not usable", device.kind, _taken(device)]
            for device in listed
        ]
        colours = ["green" if device.why_not is None else "yellow" for device in listed]
        terminal.data(terminal.table(("DEVICE", "STATE", "KIND", "REFRESH"), rows, colours))
    else:
        for device in listed:
            usable = "usable" if device.why_not is None else "unusable"
            cells = (device.serial_number, device.kind, usable, device.chosen_because or "-")
            terminal.data("\t".join(terminal.printable(cell) for cell in cells))
    return 0


def _taken(device: "ListedDevice") -> str:
    if device.chosen_because is not None:
        return f"takes it: {device.chosen_because}"
    return f"cannot: {device.why_not}" if device.why_not else ""


@app.command(
    epilog="Exit codes: 0 all are valid, 3 one is expired or missing, or its end is not known, "
    "4 one ends within --min-remaining.",
)
def status(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE]...",
            help="Base or derived profiles; if not given, all sessions, and base profiles with an MFA device "
            "but no session.",
            show_default=False,
        ),
    ] = None,
    *,
    min_remaining: Annotated[
        timedelta,
        _time_option(
            "--min-remaining",
            _duration,
            "Call a session with no more left than this expiring, in seconds or like 2h; if not given, 15m.",
        ),
    ] = DEFAULT_MIN_REMAINING,
    as_json: _Json = False,
) -> int:
    """Show how long each session lives, without asking AWS.

    In a pipe: a line for each session, with tabs between profile, state,
    expiration (UTC), seconds left and source profile.
    """
    from mfa_profiles.commands import status as command

    context = _context()
    statuses = command.status(profiles or [], min_remaining, context)
    if as_json:
        _print_json([status.as_json() for status in statuses])
    elif not statuses:
        terminal.note("no session yet; mfa-profiles refresh PROFILE gets one")
    elif terminal.stdout_is_terminal():
        terminal.data(_table(statuses, context.now()))
    else:
        terminal.data("\n".join(_line(status) for status in statuses))
    return exit_code(statuses)


@app.command()
def clear(
    profiles: _Names = None,
    *,
    clear_all: Annotated[bool, typer.Option("--all", help="Every derived profile that mfa-profiles wrote.")] = False,
) -> int:
    """Remove derived profiles from both files.

    Base profiles stay, and so does what other tools wrote, or what you added to
    a derived profile.
    """
    from mfa_profiles.commands import clear as command

    if clear_all and profiles:
        raise typer.BadParameter("--all cannot be combined with profile names")
    context = _context()
    cleared = (
        command.clear_all(context) if clear_all else command.clear(profiles or [context.default_profile], context)
    )
    for name in cleared:
        terminal.note(f"{name} is cleared")
    if not cleared:
        terminal.note("nothing to clear")
    return 0


def _print_json(objects: Sequence[object]) -> None:
    import json

    terminal.data(json.dumps(objects, indent=2))


def _until(status: SessionStatus, now: datetime) -> str:
    if status.expiration is None or status.remaining is None:
        return ""
    return f" until {terminal.clock_time(status.expiration, now)} ({terminal.in_words(status.remaining)})"


def _line(status: SessionStatus) -> str:
    expiration = status.expiration and format_time(status.expiration)
    cells = (status.profile, status.state.value, expiration, status.remaining_seconds, status.source_profile)
    return "\t".join("-" if cell is None else terminal.printable(str(cell)) for cell in cells)


def _table(statuses: Sequence[SessionStatus], now: datetime) -> str:
    rows = [[status.profile, status.state, *_times(status, now), status.source_profile or ""] for status in statuses]
    colours = [_STATE_COLOURS.get(status.state, "red") for status in statuses]
    return terminal.table(("PROFILE", "STATE", "LEFT", "UNTIL", "SOURCE"), rows, colours)


_STATE_COLOURS = {State.VALID: "green", State.EXPIRING: "yellow"}


def _times(status: SessionStatus, now: datetime) -> tuple[str, str]:
    if status.expiration is None or status.remaining is None:
        return "", ""
    ago = " ago" if status.state is State.EXPIRED else ""
    return terminal.in_words(status.remaining) + ago, terminal.clock_time(status.expiration, now)
