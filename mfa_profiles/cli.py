"""The command line: parse, call one command, render. It decides nothing."""

import contextlib
import copy
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from typer.models import CommandInfo

import mfa_profiles
from mfa_profiles import access_keys, environment, log, options, rendering, terminal
from mfa_profiles.commands import Context
from mfa_profiles.errors import MfaProfilesError, TokenCodeNeededError, UsageError

app = typer.Typer(
    cls=options.WithSharedOptions,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help reads as well, and rich takes longer to import than all the rest
)


class _Interruptions:
    """Ctrl-C, which is put off while something is written: one that came meanwhile is not forgotten."""

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGINT)
        self._has_come = False

    def put_off(self) -> None:
        if self._handler is not signal.SIG_IGN:  # as it is for what a script has started in the background
            signal.signal(signal.SIGINT, self._remember)

    def _remember(self, _number: int, _frame: object) -> None:
        self._has_come = True

    def report(self) -> None:
        signal.signal(signal.SIGINT, self._handler)
        if self._has_come:
            self._has_come = False
            raise KeyboardInterrupt


def _context() -> Context:
    environment.forget_given_settings(os.environ)  # before botocore reads them
    interruptions = _Interruptions()
    has_terminal = terminal.is_there()
    log.step(f"mfa-profiles {mfa_profiles.__version__}, Python {'.'.join(map(str, sys.version_info[:3]))}")
    return Context(
        environment=os.environ,
        now=lambda: datetime.now(UTC),  # noqa: TID251 - the one place
        ask=terminal.ask if has_terminal else None,
        warn=terminal.warn,
        note=terminal.note,
        hint=terminal.hint,
        wait=terminal.wait,
        progress=terminal.progress,
        before_writing=interruptions.put_off,
        after_writing=interruptions.report,
        ask_secret=terminal.ask_secret if has_terminal else None,
    )


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


@app.command(cls=options.Command)
def setup(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="PROFILE",
            help="The base profile to create; if not given, AWS_PROFILE, else AWS_DEFAULT_PROFILE, else default.",
            show_default=False,
        ),
    ] = None,
    *,
    csv: Annotated[
        str | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="The accessKeys.csv of the IAM console; - reads it from stdin.",
            show_default=False,
        ),
    ] = None,
    access_key_id: Annotated[
        str | None,
        typer.Option(
            "--access-key-id",
            metavar="ID",
            help="The half of the access key that is no secret: AKIA...",
            show_default=False,
        ),
    ] = None,
    secret_access_key_file: Annotated[
        str | None,
        typer.Option(
            "--secret-access-key-file",
            metavar="FILE",
            help="A file with the other half, in one line; - reads it from stdin.",
            show_default=False,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="REGION", help="The region to work in.", show_default=False),
    ] = None,
    serial_number: Annotated[
        str | None,
        typer.Option(
            "--serial-number",
            metavar="SERIAL",
            help="The MFA device. If not given, the one that AWS knows; you are asked which, if there are several.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace keys, or a way to other credentials, that the profile has.")
    ] = False,
    first_session: Annotated[
        bool | None,
        typer.Option(
            "--refresh/--no-refresh",
            help="Get the first session, too; --token-code implies it. If not given, you are asked.",
            show_default=False,
        ),
    ] = None,
    code: options.TokenCode = None,
) -> int:
    """Create a base profile from long-term keys.

    Asks for the keys of your IAM user (the secret one is not shown), checks
    them with AWS, finds your MFA device, and writes ~/.aws/credentials and
    ~/.aws/config. What an option gives is not asked for; secrets come from the
    terminal, a file or stdin, never from the command line.
    """
    from mfa_profiles.commands import setup as command

    context = _context()
    how = command.SetupOptions(
        csv=csv,
        access_key_id=access_key_id,
        secret_access_key_file=secret_access_key_file,
        region=region,
        serial_number=serial_number,
        force=force,
        refresh=first_session,
        token_code=code,
    )
    made = command.set_up(context.named(profile), how, context)
    rendering.set_up(made)
    if not made.wants_session:
        return 0
    exit_code = 1
    try:
        context.after_writing()
        exit_code = rendering.refreshed(command.first_session(made, how, context), context.now(), as_json=False)
    finally:  # whatever has come between, the profile itself is there
        rendering.first_session(made, exit_code)
    return exit_code


@app.command(cls=options.Command)
def refresh(
    profiles: options.Profiles = None,
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
    code: options.TokenCode = None,
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
        options.time_option(
            "--duration-seconds",
            options.session_duration,
            "How long the session lives, in seconds or like 45m, 15m to 36h (a role: 12h); if not given, 12h, "
            "and for a role its duration_seconds or 1h. More than 1h for a role needs a code of its own, and only "
            "works for a single profile; otherwise it is 1h.",
        ),
    ] = None,
    min_remaining: options.MinRemaining = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Refresh a session that is still valid, too, and replace long-term keys or another tool's session "
            "in the derived profile.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> int:
    """Get MFA sessions and write derived profiles.

    Does nothing while a session has more than --min-remaining left. Afterwards
    AWS_PROFILE=PROFILE-mfa works in every AWS tool and SDK.

    A profile with role_arn and source_profile gets a session of the role; one
    code opens all the roles behind an identity.
    """
    from mfa_profiles.commands import refresh as command

    context = _context()
    how = command.RefreshOptions(
        to=to,
        token_code=code,
        serial_number=serial_number,
        duration=duration,
        min_remaining=min_remaining,
        force=force,
    )
    if refresh_all and profiles:
        raise UsageError("--all cannot be combined with profile names", "leave out one of them")
    names = context.all_named(profiles)
    try:
        outcomes = command.refresh_all(how, context) if refresh_all else command.refresh(names, how, context)
    except MfaProfilesError as error:
        if as_json:
            statuses = [] if refresh_all else [command.status_after_failure(name, how, context) for name in names]
            failure = {"refreshed": False, "error": error.message}
            with contextlib.suppress(terminal.OutputError):  # which would hide what has failed before
                rendering.for_programs([{**status.as_json(), **failure} for status in statuses])
        raise
    if not outcomes:
        terminal.note("nothing to refresh: no profile has a session or an MFA device; name one")
    in_vain = (code, serial_number, duration) != (None, None, None)
    return rendering.refreshed(outcomes, context.now(), as_json=as_json, options_for_new=in_vain)


@app.command(cls=options.Command)
def devices(profile: options.Profile = None, *, as_json: options.Json = False) -> int:
    """Show the MFA devices, and which one refresh takes.

    In a pipe: a line for each device, with tabs between serial number, kind,
    whether it is usable, and why refresh takes it (- if it does not).
    """
    from mfa_profiles.commands import devices as command

    context = _context()
    listed = command.devices(context.named(profile), context)
    rendering.devices(listed, as_json=as_json)
    return 0


@app.command(cls=options.Command, epilog="Exit codes: 0 no problem stands (warnings may), 1 one does.")
def doctor(
    profile: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROFILE]",
            help="Check this profile, and those that it depends on; if not given, all.",
            show_default=False,
            autocompletion=options.profile_names,
        ),
    ] = None,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what can be repaired without losing anything.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask AWS.")] = False,
    max_key_age: Annotated[
        timedelta,
        typer.Option(
            "--max-key-age",
            metavar="DAYS",
            parser=options.days,
            help="Warn of access keys that are older, in days or like 90d; if not given, 60d.",
            show_default=False,
        ),
    ] = access_keys.DEFAULT_MAX_AGE,
    as_json: options.Json = False,
) -> int:
    """Find what is wrong, and what to do about it.

    Looks at both files, the profiles, this terminal, and (signing with the
    long-term keys) at AWS. Writes nothing without --fix, and asks for no code.

    In a pipe: a line for each finding, with tabs between level (ok, warning,
    problem or fixed), check, profile (or -), message, and what to do (or -).
    """
    from mfa_profiles.commands import doctor as command

    how = command.DoctorOptions(fix=fix, offline=offline, max_key_age=max_key_age)
    findings = command.doctor(profile, how, _context())
    rendering.findings(findings, profile, offline=offline, as_json=as_json)
    return command.exit_code(findings)


@app.command(
    cls=options.Command,
    epilog="Exit codes, of which the first that fits counts: 3 one is expired or missing, its end is not known, or "
    "(--verify) it does not work, 4 one ends within --min-remaining, 1 AWS could not be asked about one (--verify), "
    "0 all are valid. With --watch 0 after Ctrl-C.",
)
def status(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROFILE]...",
            help="Base or derived profiles; if not given, all sessions, and base profiles with an MFA device "
            "but no session.",
            show_default=False,
            autocompletion=options.profile_names,
        ),
    ] = None,
    *,
    min_remaining: Annotated[
        timedelta | None,
        options.time_option(
            "--min-remaining",
            options.duration,
            "Call a session with no more left than this expiring, in seconds or like 2h; if not given, 15m, or a "
            "sixth of a session that is shorter than 90m.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Ask AWS as well whether each session still works. A session that may do nothing any more, as after "
            "Revoke active sessions in the IAM console, works all the same: no policy denies this one question.",
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Keep the table up to date, with bars that empty, until Ctrl-C. The bell rings when a session has "
            "no more than --min-remaining left, and when it ends.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> int:
    """Show how long each session lives.

    Nobody is asked, unless --verify has AWS asked.

    In a pipe: a line for each session, with tabs between profile, state,
    expiration (UTC), seconds left and source profile.

    With --verify also what AWS says: works, expired, revoked (AWS does not know
    it any more), refused (the message says why), unreachable (it said nothing),
    or - if it was not asked, since the session is over or missing.
    """
    from mfa_profiles.commands import status as command

    if watch and (as_json or verify):
        other = "--json" if as_json else "--verify"
        raise UsageError(f"--watch cannot be combined with {other}", "leave out one of them")
    context = _context()
    names = profiles or []
    if watch:
        from mfa_profiles.watch import watch as watch_until_interrupted

        return watch_until_interrupted(command.Watch(names, min_remaining, context).statuses, context.now)
    if verify:
        from mfa_profiles.commands.verify import verified_status

        statuses = verified_status(names, min_remaining, context)
    else:
        statuses = command.status(names, min_remaining, context)
    rendering.statuses(statuses, context.now(), as_json=as_json)
    return command.exit_code(statuses)


@app.command(cls=options.Command)
def clear(
    profiles: options.Profiles = None,
    *,
    clear_all: Annotated[bool, typer.Option("--all", help="Every derived profile that mfa-profiles wrote.")] = False,
) -> int:
    """Remove derived profiles from both files.

    Base profiles stay, and so does what other tools wrote, or what you added to
    a derived profile.
    """
    from mfa_profiles.commands import clear as command

    if clear_all and profiles:
        raise UsageError("--all cannot be combined with profile names", "leave out one of them")
    context = _context()
    cleared = command.clear_all(context) if clear_all else command.clear(context.all_named(profiles), context)
    for name in cleared:
        terminal.note(f"{name} is cleared")
    if not cleared:
        terminal.note("nothing to clear")
    return 0


@app.command(cls=options.Command)
def rotate(
    profile: options.Profile = None,
    *,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Leave the old key inactive, instead of deleting it.")
    ] = False,
    delete_other: Annotated[
        bool,
        typer.Option(
            "--delete-other",
            help="If the user has two access keys, delete the one that is not in the profile, to make room.",
        ),
    ] = False,
    code: options.TokenCode = None,
) -> int:
    """Replace the long-term access key of a base profile.

    Signed by the MFA session, which is refreshed first when needed and outlives
    the keys. The new key is stored at once, in all profiles that have the old
    one. When it works, the old key is deleted. What was interrupted, at whatever
    step, is finished by the next run. An access key that the file does not record
    is deleted only if you agree, or with --delete-other.
    """
    from mfa_profiles.commands import rotate as command

    context = _context()
    how = command.RotateOptions(keep_old=keep_old, delete_other=delete_other, token_code=code)
    rendering.rotated(command.rotate(context.named(profile), how, context))
    return 0


@app.command(cls=options.Command)
def export(
    profile: options.Profile = None,
    *,
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            parser=options.format_name,
            autocompletion=options.format_names,
            help="env, env-no-export, fish, powershell, windows-cmd, process or dotenv.",
        ),
    ] = "env",
    by_profile: Annotated[
        bool,
        typer.Option(
            "--by-profile",
            help="Name the profile (AWS_PROFILE) instead of giving its keys, so that later refreshes count as well.",
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="With --format dotenv: a .env file to create, or to update without touching its other lines.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="With --output: replace long-term keys in FILE that no profile has."),
    ] = False,
    min_remaining: options.MinRemaining = None,
) -> int:
    """Print the credentials of a profile.

    It is refreshed first when needed.

    For the shell: eval "$(mfa-profiles export PROFILE)". Variables that would
    outrank the new ones are unset. A question is asked on the terminal, and
    nothing but the credentials is printed.

    What is left of a session is used if no new one can be had.
    """
    from mfa_profiles.commands import export as command
    from mfa_profiles.commands.credentials import CredentialsOptions

    context = _context()
    how = CredentialsOptions(min_remaining)
    name = context.named(profile)
    if output is None:
        if force:
            raise UsageError("--force is for --output", "leave it out")
        exported = command.export(name, format_name, how, context, by_profile=by_profile)
        rendering.ready(exported.ready, context.now())
        terminal.data(exported.text)
    elif format_name != "dotenv":
        raise UsageError("--output is for --format dotenv", "add --format dotenv")
    else:
        file = command.export_to_env_file(name, output, how, context, by_profile=by_profile, force=force)
        rendering.env_file(file, context.now())
    return 0


@app.command(
    cls=options.WithCommandBehind,
    context_settings={"allow_interspersed_args": False},
    epilog="Exit codes: that of the command; 126 it cannot be run, 127 it is not found.",
)
def exec(  # noqa: A001 - the command's name
    profile: options.Profile = None,
    command: options.CommandBehind = None,
    *,
    min_remaining: options.MinRemaining = None,
) -> int:
    """Run a command with a profile's credentials.

    The profile is refreshed first when needed. The command takes the place of
    mfa-profiles: its exit code and signals are its own. Without a command, that
    is your shell.
    """
    from mfa_profiles.commands import exec as use_case
    from mfa_profiles.commands.credentials import CredentialsOptions

    context = _context()
    name = context.named(profile)
    words = command or [os.environ.get("SHELL") or "/bin/sh"]
    use_case.refuse_what_cannot_run(name, words[0], context)
    execution = use_case.execution(name, CredentialsOptions(min_remaining), context)
    rendering.ready(execution.ready, context.now())
    context.after_writing()
    use_case.replace_process(words, execution)


@app.command(cls=options.Command)
def credential_process(profile: options.Profile = None, *, min_remaining: options.MinRemaining = None) -> int:
    """Print credentials as the SDKs want them.

    For credential_process in the config file. The terminal is asked for a code
    when the session has ended; while something is left of it, only mfa_process.
    """
    from mfa_profiles.commands.credentials import CredentialsOptions, credentials

    context = _context()
    how = CredentialsOptions(min_remaining, ask_while_valid=False)
    found = credentials(context.named(profile), how, context)
    if not isinstance(found.not_refreshed, TokenCodeNeededError):  # SDKs just ask again later
        rendering.ready(found, context.now())
    rendering.for_programs(found.as_json())
    return 0


@app.command(cls=options.Command)
def shell_init(
    shell: Annotated[
        str,
        typer.Argument(
            metavar="bash|zsh|fish",
            help="Which shell.",
            parser=options.shell,
            autocompletion=options.shells,
            show_default=False,
        ),
    ],
) -> int:
    """Print aws_env and completion for your shell.

    In ~/.bashrc: eval "$(mfa-profiles shell-init bash)", in ~/.zshrc the same
    with zsh, in ~/.config/fish/config.fish: mfa-profiles shell-init fish | source
    """
    from mfa_profiles import shell as shells

    terminal.data(shells.script(shell))
    return 0


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The command line as far as it is needed: if a command is named first, typer need not make all of them."""
    named = [command for command in app.registered_commands if arguments[:1] == [_name_of(command)]]
    if not named:
        return app
    needed = copy.copy(app)
    needed.registered_commands = named
    return needed


def command_names() -> list[str]:
    """Return the names of all commands."""
    return [name for name in map(_name_of, app.registered_commands) if name]


def _name_of(command: CommandInfo) -> str | None:
    return command.name or (typer.main.get_command_name(command.callback.__name__) if command.callback else None)
