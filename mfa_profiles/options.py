"""The arguments and options that commands share: what they are called, how they are read and completed."""

import functools
import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mfa_profiles import environment, log, terminal
from mfa_profiles.errors import UsageError
from mfa_profiles.sessions import MAX_DURATION, MIN_DURATION


def duration(text: str | timedelta) -> timedelta:
    """Seconds (``43200``), or hours, minutes and seconds (``12h``, ``45m``, ``1h30m``)."""
    if isinstance(text, timedelta):  # typer parses defaults too
        return text
    match = re.fullmatch(r"(\d+)|(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip(), re.ASCII)
    if match is None or not any(match.groups()) or len(text) > 12:
        raise typer.BadParameter("write it in seconds or like 12h, 45m, 1h30m")
    alone, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(hours=hours, minutes=minutes, seconds=alone + seconds)
    except OverflowError:
        raise typer.BadParameter("that is longer than anything lasts") from None


def session_duration(text: str | timedelta) -> timedelta:
    """The same, for what AWS allows a session to last."""
    chosen = duration(text)
    if not MIN_DURATION <= chosen <= MAX_DURATION:
        raise typer.BadParameter("AWS allows 15m to 36h")
    return chosen


def days(text: str | timedelta) -> timedelta:
    """Days, such as ``60`` or ``60d``."""
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d{1,5})d?", text.strip(), re.ASCII)
    if match is None:
        raise typer.BadParameter("write it in days, like 60 or 60d")
    return timedelta(days=int(match[1]))


def time_option(flag: str, parser: Callable[[str | timedelta], timedelta], help_text: str) -> Any:
    """An option that takes a length of time."""
    return typer.Option(flag, metavar="TIME", parser=parser, help=help_text, show_default=False)


def format_name(text: str) -> str:
    """The name of a format of credentials."""
    return _one_of(text, format_names(""))


def format_names(incomplete: str) -> list[str]:
    """The formats whose names begin like this."""
    from mfa_profiles.formats import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def shell(text: str) -> str:
    """The name of a shell that there are functions for."""
    return _one_of(text, shells(""))


def shells(incomplete: str) -> list[str]:
    """The shells whose names begin like this."""
    from mfa_profiles.shell import SHELLS

    return [name for name in SHELLS if name.startswith(incomplete)]


def _one_of(text: str, allowed: list[str]) -> str:
    if text not in allowed:
        raise typer.BadParameter(f"it is one of {', '.join(allowed)}")
    return text


def profile_names(incomplete: str) -> list[str]:
    """The profiles whose names begin like this, for a person who presses TAB: of any trouble they hear nothing."""
    from mfa_profiles import shared_files

    return shared_files.names_like(os.environ, incomplete)


Profile = Annotated[
    str | None,
    typer.Argument(
        metavar="PROFILE",
        help="The base or the derived profile; if not given, AWS_PROFILE, else AWS_DEFAULT_PROFILE, else default.",
        show_default=False,
        autocompletion=profile_names,
    ),
]

Profiles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROFILE]...",
        help="Base or derived profiles; if not given, AWS_PROFILE, else AWS_DEFAULT_PROFILE, else default.",
        show_default=False,
        autocompletion=profile_names,
    ),
]


class Command(TyperCommand):
    """A command whose profile may be named as the AWS CLI has it, too: ``--profile NAME``."""

    hints_if_named_twice: tuple[str, ...] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._argument = next((name for one in self.params if (name := one.name) in ("profile", "profiles")), "")
        if self._argument:
            self.params.extend(_made_by_typer(_with_profile_option))

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse, and put what the option names in the place of the argument. Raises UsageError for both of them."""
        rest = super().parse_args(ctx, args)
        named = ctx.params.pop("profile_option", None)
        if named:
            takes_one = self._argument == "profile"
            given = ctx.params[self._argument]
            if given or given == "" or (takes_one and len(named) > 1):
                raise UsageError(
                    "the profile is named twice", *self.hints_if_named_twice, f"{ctx.command_path} --help"
                )
            ctx.params[self._argument] = named[0] if takes_one else named
        return rest


def _with_profile_option(
    *,
    profile_option: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="The same as PROFILE, as the AWS CLI has it.",
            show_default=False,
            autocompletion=profile_names,
        ),
    ] = None,
) -> None:
    """Have the option that every command with a profile has."""


@functools.cache
def _made_by_typer(function: Callable[..., None]) -> list[Any]:
    """The options of a function; typer makes its own in another way in each release."""
    maker = typer.Typer(add_completion=False)
    maker.command()(function)
    return typer.main.get_command(maker).params


class WithCommandBehind(Command):
    """A command whose arguments from ``--`` on are another command's: they are not looked at."""

    hints_if_named_twice = ("with --profile, the command goes behind --",)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse what is before ``--``."""
        own, behind = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else (args, [])
        rest = super().parse_args(ctx, own)
        begun = ctx.params.get("command")
        if begun and begun[0].startswith("-"):
            hint = f"{ctx.command_path} --help"
            raise UsageError("options come before the profile, and the command behind --", hint)
        if "--" in args and not begun and not behind:  # a script whose variable is empty wants no shell
            raise UsageError("there is no command behind --", "without -- it is your shell")
        if begun:  # without the --, which is then its own
            behind = ["--", *behind] if "--" in args else []
        ctx.params["command"] = [*(ctx.params.get("command") or ()), *behind]
        return rest


CommandBehind = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- COMMAND...]", help="The command and its arguments.", show_default=False),
]

TokenCode = Annotated[
    str | None,
    typer.Option(
        "--token-code",
        metavar="CODE",
        help=f"The six digits; - reads them from stdin. If not given: {environment.TOKEN_CODE} in the "
        "environment, mfa_process of the profile, the terminal.",
        show_default=False,
    ),
]


class WithSharedOptions(TyperGroup):
    """A group with options that may stand before the name of the command or behind it, or at both places."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        options = _shared_options()
        for command in (self, *self.commands.values()):
            command.params.extend(options)


def _shared_options() -> list[Any]:
    options = _made_by_typer(_with_shared_options)
    for option in options:
        option.expose_value = False
    return options


def _show_help(context: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - how typer calls back
    if wanted:  # typer's own does it with an echo that may fail in any way
        terminal.data(context.get_help())
        raise typer.Exit


def _tell_more(context: typer.Context, times: int) -> None:
    said = context.meta[_VERBOSITY] = context.meta.get(_VERBOSITY, 0) + times
    if times:
        log.begin(said, terminal.step, os.environ)


def _with_shared_options(
    *,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            is_eager=True,  # before anything is read that is to be told of
            callback=_tell_more,
            show_default=False,
            help="Tell each step on stderr; -vv also what boto3 logs.",
        ),
    ] = 0,
    show_help: Annotated[
        bool,
        typer.Option("-h", "--help", is_eager=True, callback=_show_help, help="Show this message and exit."),
    ] = False,
) -> None:
    """Have the options that every command has."""


_VERBOSITY = "mfa_profiles.verbosity"

Json = Annotated[bool, typer.Option("--json", help="Print an array of objects for programs.")]

MinRemaining = Annotated[
    timedelta | None,
    time_option(
        "--min-remaining",
        duration,
        "Refresh a session with no more left than this, in seconds or like 30m; if not given, 15m, or a sixth of a "
        "session that is shorter than 90m.",
    ),
]
