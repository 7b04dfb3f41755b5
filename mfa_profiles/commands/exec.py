"""Run a command with the credentials of a profile in its environment."""

import contextlib
import errno
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from typing import NoReturn

from mfa_profiles import ancestors, environment, log, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, ReadyProfile, credentials
from mfa_profiles.errors import CommandError
from mfa_profiles.profiles import shown


@dataclass(frozen=True)
class Execution:
    """The whole environment of the command, and the profile whose credentials are in it."""

    environment: dict[str, str] = field(repr=False)
    ready: ReadyProfile


def execution(name: str, options: CredentialsOptions, context: Context) -> Execution:
    """The environment of this process with the credentials and settings of a profile in place of all others.

    Raises MfaProfilesError if there are none.
    """
    found = credentials(name, options, context)
    variables = environment.of_keys(found.keys, found.expiration, found.region, found.settings, context.environment)
    own = ancestors.without_own_variables(context.environment)
    kept = {key: value for key, value in own.items() if key not in variables}
    if _lc_ctype_is_pythons():
        kept.pop("LC_CTYPE", None)
    return Execution(kept | {key: value for key, value in variables.items() if value is not None}, found)


def _lc_ctype_is_pythons() -> bool:
    """True if this process was not given an LC_CTYPE: Python sets one where there is no locale (PEP 538)."""
    try:
        with open("/proc/self/environ", "rb") as given:
            return not any(variable.startswith(b"LC_CTYPE=") for variable in given.read().split(b"\0"))
    except OSError:  # not Linux: it cannot be told, and does no harm
        return False


def refuse_what_cannot_run(name: str, command: str, context: Context) -> None:
    """Raise CommandError for a command that cannot be run, before a code is asked for its sake.

    Raises ProfileError first if there is no such profile: who forgets it has given the command in its place.
    """
    import shutil

    shared_files.load(context.paths).pair(name)
    is_path = os.sep in command
    if not (os.path.exists(command) if is_path else shutil.which(command, mode=os.F_OK)):
        raise CommandError(127, f"there is no command {shown(command)}")
    if os.path.isdir(command) and is_path:
        raise _cannot_run(shown(command), "it is a directory")
    path = shutil.which(command)
    if path is None:
        raise _cannot_run(shown(command), "permission denied")
    head = _head(path)
    interpreter = re.match(rb"#![ \t]*([^ \t\n\0]+)", head)
    if interpreter and not os.path.exists(interpreter[1]):
        raise _cannot_run(shown(command), _NO_INTERPRETER)
    if sys.platform == "linux" and _is_for_another_machine(head) and not _has_other_loaders():
        raise _cannot_run(shown(command), _NO_PROGRAM)


_NO_INTERPRETER = "its interpreter (see its first line) is missing"
_NO_PROGRAM = "it is neither a program for this machine nor a script"


def _cannot_run(command: str, reason: str) -> CommandError:
    return CommandError(126, f"{command} could not be run: {reason}")


def _head(path: str) -> bytes:
    """The beginning of a program, as long as the kernel looks for its kind; nothing if it may only be run."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # a FIFO would be waited for
            return file.read(256)
    except OSError:
        return b""


def _is_binary(head: bytes) -> bool:
    """True for what no shell takes for a script. The rule is bash's: a NUL in the first line."""
    return b"\0" in head.partition(b"\n")[0]


_ELF = b"\x7fELF"
_ALSO_RUN = {62: 3, 183: 40}
"""The 32-bit machines whose programs a 64-bit one may run as well: those of x86 and of ARM."""


def _is_for_another_machine(head: bytes) -> bool:
    """True for a binary that Linux cannot run by itself."""
    if not head.startswith(_ELF):
        return not head.startswith(b"#!") and _is_binary(head)
    python = _head(sys.executable)
    machine, ours = (int.from_bytes(each[18:20], sys.byteorder) for each in (head, python))
    return python.startswith(_ELF) and machine not in (ours, _ALSO_RUN.get(ours))


def _has_other_loaders() -> bool:
    """True if Linux was told of programs for other kinds, such as an emulator (binfmt_misc)."""
    try:
        return bool(set(os.listdir("/proc/sys/fs/binfmt_misc")) - {"register", "status"})
    except OSError:
        return False


def replace_process(command: list[str], execution: Execution) -> NoReturn:
    """Become the command, whose exit code and signals are its own. Raises CommandError if that cannot be."""
    log.step(f"becomes {shown(command[0])}, with the credentials in its environment")
    # What is ignored stays so in the new program, and Python ignores these two.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    script = _script_after_failure(command, execution)
    # As shells, env and nohup do with a script without #!.
    shell = ["/bin/sh", "--", script, *command[1:]]
    try:
        os.execve(shell[0], shell, execution.environment)  # noqa: S606 - it is what the person asked for
    except OSError as error:
        raise _cannot_run(command[0], (error.strerror or "its shell is missing").lower()) from None


def _script_after_failure(command: list[str], execution: Execution) -> str:
    """Become the command, or return the path of a script that does not say what runs it. Raises CommandError."""
    try:
        os.execvpe(command[0], command, execution.environment)  # noqa: S606 - it is what the person asked for
    except FileNotFoundError:  # although it is there
        raise _cannot_run(command[0], _NO_INTERPRETER) from None
    except (OSError, ValueError) as error:
        number, reason = getattr(error, "errno", None), getattr(error, "strerror", None) or "it cannot be"
    if number != errno.ENOEXEC:
        raise _cannot_run(command[0], reason.lower())
    import shutil

    path = shutil.which(command[0], path=execution.environment.get("PATH"))
    if path is None or _is_binary(_head(path)):
        raise _cannot_run(command[0], _NO_PROGRAM)
    return path
