"""Checks of the commands that profiles name, which the SDKs and this tool run without a shell."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator

from mfa_profiles.commands.doctor.findings import Finding, Scope, problem
from mfa_profiles.errors import shell_command
from mfa_profiles.profiles import shown


def credential_processes(scope: Scope) -> Iterator[Finding]:
    """Those that the SDKs could not run, or that ask this tool for the same profile, which asks them, and so on."""
    for name in scope.names:
        command = scope.profiles.setting(name, "credential_process")
        if not command or scope.profiles.has_keys(name):
            continue
        if _asks_for(command, name):
            yield problem(
                f"credential_process of profile {name} asks mfa-profiles for that profile itself",
                f"name the profile there that has the long-term keys, instead of {name}",
                **scope.where(name, "credential_process"),
            )
        else:
            yield from _flaws(scope, name, "credential_process", command)


def mfa_processes(scope: Scope) -> Iterator[Finding]:
    """Commands for token codes that could not be run."""
    for name in scope.names:
        command = scope.profiles.mfa_process(name)
        if command:
            yield from _flaws(scope, name, "mfa_process", command)


def _asks_for(command: str, name: str) -> bool:
    """True if a command has this tool print the credentials of a profile."""
    program, *words = _words(command) or [""]
    return os.path.basename(program) == "mfa-profiles" and words[:1] == ["credential-process"] and name in words[1:]


def _words(command: str) -> list[str]:
    """The words of a command, or none if it has none or its quotes are not closed."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _flaws(scope: Scope, name: str, key: str, command: str) -> Iterator[Finding]:
    """What keeps a command from being run: at most one thing. Only its program is named, the rest may be secret."""
    words = _words(command)
    where = scope.where(name, key)
    message = f"{key} of profile {name}"
    if not words or not words[0].strip():
        yield problem(f"{message} is not a command", "see its quotes and backslashes", **where)
    elif re.match(r"\w+=", words[0]):  # whose value is likely to be a secret
        yield problem(f"{message} starts with a variable", "it is run without a shell: sh -c '...'", **where)
    elif os.sep in words[0] and not os.path.isabs(words[0]):
        hint = "give its full path: it is run without a shell, and from any directory"
        yield problem(f"{message}: {_named(words)} is not a full path", hint, **where)
    elif shutil.which(words[0], path=scope.context.environment.get("PATH")) is None:
        # A word alone may be a code, or the seed of a device, that somebody has put in the place of a command.
        nameless = key == "mfa_process" and len(words) == 1 and os.sep not in words[0]
        program = "such program" if nameless else f"program {_named(words)}"
        place = "that you may run" if os.path.isabs(words[0]) else "on the PATH"
        base = "PROGRAM" if nameless else os.path.basename(_named(words))
        hint = f"install it, or give its full path: {shell_command('command', '-v', base)}"
        yield problem(f"{message}: there is no {program} {place}", hint, **where)


def _named(words: list[str]) -> str:
    """The program as it can be shown: no more than its first word, if quotes have made one of the whole line."""
    return shown(words[0].split()[0])
