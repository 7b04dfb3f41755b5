"""The entry point, and the one place where an error becomes a line on stderr and an exit code."""

import sys

# Nothing else is imported up here: Ctrl-C while modules are being imported has to be one line too.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    import typer

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit."""
    import gc

    # A command ends before there is anything to collect, and what it imports would be looked through again and again.
    gc.disable()
    _exit(run(sys.argv[1:]))


def _exit(code: int) -> "NoReturn":
    # All is done, all files are closed and all locks given back. Python would still take as long as half of a request
    # to AWS to take itself down, with botocore in it.
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):  # of which the person has been told where that was possible
            code = code or 1
    os._exit(code)


def run(arguments: "Sequence[str]") -> int:
    """Run the command line and return the exit code."""
    try:
        return _run_or_report(arguments)
    except KeyboardInterrupt:
        if sys.stderr is not None:
            try:  # noqa: SIM105 - contextlib would have to be imported
                sys.stderr.write("mfa-profiles: error: interrupted\n")
            except (OSError, ValueError):
                pass
        return EXIT_INTERRUPTED


def _run_or_report(arguments: "Sequence[str]") -> int:
    try:
        return _run(arguments)
    except Exception as error:  # noqa: BLE001 - no one who types an MFA code should see a traceback
        from mfa_profiles import crash

        crash.report(error, arguments)
        return 1


def _printed_at_once(arguments: "Sequence[str]") -> bool:
    """Print what can be said without any of the rest. If it cannot be printed, the usual way tells why."""
    if arguments[:1] != ["credential-process"]:
        return False
    import os

    from mfa_profiles import fast_lane

    answer = fast_lane.credential_process(arguments[1:])
    if answer is None:
        return False
    data = f"{answer}\n".encode()
    try:
        return os.write(1, data) == len(data)  # not through sys.stdout, which would keep what could not be written
    except OSError:
        return False


def _run(arguments: "Sequence[str]") -> int:
    if _printed_at_once(arguments):
        return 0
    from mfa_profiles import terminal
    from mfa_profiles.errors import MfaProfilesError

    try:
        terminal.prepare_streams()
        return _invoke(arguments)
    except MfaProfilesError as error:
        terminal.error(error.message, error.hints)
        return error.exit_code
    except terminal.OutputError as error:
        if not error.reader_is_gone:
            terminal.error(f"the output could not be written: {error}", [error.hint])
        return 1


def _invoke(arguments: "Sequence[str]") -> int:
    import os

    import typer

    from mfa_profiles.cli import app, app_for

    if "_MFA_PROFILES_COMPLETE" in os.environ:  # a shell asks what could stand where TAB was pressed
        return _complete(app, arguments)
    try:
        code = app_for(arguments)(arguments, prog_name="mfa-profiles", standalone_mode=False)
    except typer.TyperException as error:
        return _usage(error)
    if code == EXIT_INTERRUPTED:  # what typer makes of a KeyboardInterrupt
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _complete(app: "typer.Typer", arguments: "Sequence[str]") -> int:
    import contextlib

    from typer._completion_classes import completion_init

    completion_init()
    with contextlib.suppress(Exception):  # a person who presses TAB hears of no trouble: the command itself will say
        app(arguments, prog_name="mfa-profiles", standalone_mode=False)
    return 1  # all that goes well exits by itself


def _usage(error: "typer.TyperException") -> int:
    import re

    from mfa_profiles import terminal

    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        terminal.note(error.format_message())
        return EXIT_USAGE
    message = error.format_message().rstrip(".")
    # A code typed as an argument, as other tools take it, is still a code.
    message = re.sub(r"\d{3}\s?\d{3,}", "******", message)
    # And so is a secret access key.
    message = re.sub(r"(?<![\w/+=-])[A-Za-z0-9/+=]{40}(?![\w/+=-])", "******", message)
    terminal.error(message[:1].lower() + message[1:], [f"{context.command_path} --help"] if context else [])
    return EXIT_USAGE


if __name__ == "__main__":
    main()
