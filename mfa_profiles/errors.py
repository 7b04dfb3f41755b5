"""The error tree: each error is one sentence and its hints, and knows its exit code.

A message never holds a secret, a token or a code: whoever raises is answerable for that, which is why errors of
parsers and SDKs, whose texts quote what they read, are never chained (``from None``), and those that hold it
themselves are not even the context of another, which is raised after the ``except`` then.
"""

import shlex
import sys

NOTHING_CHANGED = "nothing was changed"
"""The hint of all that is refused, or that failed, with the files as they were."""


def shell_command(*words: str) -> str:
    """Return a command that can be pasted into a shell, whatever its words contain. Hints write commands with it."""
    return " ".join(map(_quoted, words))


def assignment(variable: str, value: str) -> str:
    """Return an assignment such as ``AWS_PROFILE=work`` that can be pasted, alone or after ``export``."""
    return f"{variable}={_quoted(value)}"


def _quoted(word: str) -> str:
    quoted = shlex.quote(word)
    # shlex.quote does not quote =ls, which zsh replaces by the path of ls.
    return f"'{quoted}'" if quoted.startswith("=") else quoted


def tool_command(command: str, profile: str, *options: str) -> str:
    """Return a command of this tool, such as ``mfa-profiles refresh work --force``, that can be pasted."""
    # A name that begins with a dash would be read as an option.
    words = [f"--profile={profile}"] if profile.startswith("-") else [profile]
    return shell_command("mfa-profiles", command, *words, *options)


def aws_command(*words: str, profile: str) -> str:
    """Return a command of the AWS CLI, such as ``aws sso login --profile work``, that can be pasted."""
    named = [f"--profile={profile}"] if profile.startswith("-") else ["--profile", profile]
    return shell_command("aws", *words, *named)


def set_clock_command(platform: str = sys.platform) -> str:
    """Return the command that sets the clock by a time service, for a value of ``sys.platform``."""
    if platform == "darwin":
        return shell_command("sudo", "sntp", "-sS", "time.apple.com")
    return shell_command("timedatectl", "set-ntp", "true")


class MfaProfilesError(Exception):
    """Anything that a person is told in one line, with what to do about it in the lines below."""

    exit_code = 1

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints
        for hint in hints:  # for those who see it in a traceback of their own program
            self.add_note(f"hint: {hint}")

    def add_hint(self, hint: str) -> None:
        """Tell one thing more that is to be done, which only a caller further up knows."""
        self.hints = (*self.hints, hint)
        self.add_note(f"hint: {hint}")

    def add_what_is_left(self, *hints: str) -> None:
        """Tell what is done and what is left to do; that one step has changed nothing is no longer the point."""
        self.hints = (*(hint for hint in self.hints if hint != NOTHING_CHANGED), *hints)
        self.__notes__ = [f"hint: {hint}" for hint in self.hints]

    def __reduce__(self) -> tuple[object, ...]:
        # By default an exception is made anew from its message alone, which pools of processes come to grief over.
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[MfaProfilesError], arguments: tuple[object, ...], state: dict[str, object]) -> Exception:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class UsageError(MfaProfilesError):
    """The command line does not make sense."""

    exit_code = 2


class TokenCodeNeededError(MfaProfilesError):
    """A token code is needed, and there is no terminal, command or option to get it from."""

    exit_code = 5


class CommandError(MfaProfilesError):
    """A command could not be run; the exit codes are those that shells have for that, 126 and 127."""

    def __init__(self, exit_code: int, message: str, *hints: str) -> None:
        super().__init__(message, *hints)
        self.exit_code = exit_code


class ProfileError(MfaProfilesError):
    """A profile is missing, or cannot be used for what was asked."""


class NoMFASessionError(ProfileError):
    """AWS gives no MFA session to a profile, as its keys are temporary ones."""


class SessionEndedError(ProfileError):
    """A session is expired or missing, and this tool cannot refresh it."""

    exit_code = 3


class FileRefusedError(MfaProfilesError):
    """A shared file that is left as it is, since it cannot be read or changed safely."""

    def __init__(self, path: str, line: int | None, reason: str, *hints: str) -> None:
        place = path if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {reason}", *hints)
        self.path = path
        self.line = line


class StorageError(MfaProfilesError):
    """The operating system did not let a shared file be read or written."""


class NotWritableError(StorageError):
    """A file or its directory may only be read: a mount in a container, or missing permissions."""


class AWSError(MfaProfilesError):
    """AWS refused, or could not be reached."""


class UnreachableError(AWSError):
    """AWS could not be asked, or gave no answer to what it was asked: the network, a proxy, settings, throttling."""


class SessionExpiredError(AWSError):
    """AWS says that a session has expired."""


class SessionUnknownError(AWSError):
    """AWS does not know a session, or not any more."""


class KeysRefusedError(AWSError):
    """AWS does not know an access key, or its secret is another one: with others it may go better."""


class AccessKeyUnknownError(AWSError):
    """A user has no such access key, or not any more."""


class ClockError(AWSError):
    """AWS does not take what is signed by this machine's clock."""


class PermissionDeniedError(AWSError):
    """AWS does not let the user do this: what goes on without it may go on."""


class NoMFADeviceError(AWSError):
    """A token code is needed, and the user has no MFA device that gives one.

    The exit code is that of a run without a terminal, which ends before AWS is asked for a device.
    """

    exit_code = TokenCodeNeededError.exit_code


class OnlyPasskeysError(NoMFADeviceError):
    """A user has MFA devices, and none of them gives codes."""


class TokenCodeRefusedError(AWSError):
    """AWS did not take the token code: another one may do, and the next comes in ``seconds_until_next``."""

    def __init__(self, message: str, *hints: str, seconds_until_next: int) -> None:
        super().__init__(message, *hints)
        self.seconds_until_next = seconds_until_next
