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
    DEFAULT_DURATION,
    DEFAULT_MIN_REMAINING,
    MAX_DURATION,
    MIN_DURATION,
    State,
    format_time,
)

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


_Json = Annotated[bool, typer.Option("--json", help="Print an array of objects for programs.")]


@app.command()
def refresh(
    profile: _Name = None,
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="NAME", help="The derived profile, if not PROFILE-mfa. It is remembered."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            "--token-code",
            metavar="CODE",
            help=f"The six digits; - reads them from stdin. If not given, {token_code.ENVIRONMENT_VARIABLE} is taken "
            "from the environment, or the terminal asks.",
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
        timedelta,
        _time_option(
            "--duration-seconds",
            _session_duration,
            "How long the session lives, in seconds or like 45m, 15m to 36h; if not given, 12h.",
        ),
    ] = DEFAULT_DURATION,
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
    """Get MFA session credentials and write the derived profile.

    Does nothing while the session has more than --min-remaining left. Afterwards
    AWS_PROFILE=PROFILE-mfa works in every AWS tool and SDK.
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
    name = profile or context.default_profile
    try:
        outcome = command.refresh(name, options, context)
    except MfaProfilesError as error:
        if as_json:
            status = command.status_after_failure(name, options, context)
            _print_json([{**status.as_json(), "refreshed": False, "error": error.message}])
        raise
    if as_json:
        _print_json([{**outcome.status.as_json(), "refreshed": outcome.refreshed}])
    still = "" if outcome.refreshed else "still "
    terminal.note(f"{outcome.status.profile} is {still}valid{_until(outcome.status, context.now())}")
    return 0


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
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE]...",
            help="Base or derived profiles; if not given, AWS_PROFILE, else default.",
            show_default=False,
        ),
    ] = None,
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
