"""Real shells in terminals of their own, without any start-up files."""

import io
import re
from collections.abc import Mapping, Sequence

import pexpect

import mfa_profiles.shell
from tests.home import TOOL, Home, Result
from tests.programs import skip_without

SHELLS = ("bash", "zsh", "fish")
WITHOUT_START_UP_FILES = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"], "dash": []}
INIT = {
    "bash": f'eval "$({TOOL} shell-init bash)"',
    "zsh": f'eval "$({TOOL} shell-init zsh)"',
    "fish": f"{TOOL} shell-init fish | source",
}


def program(shell: str) -> str:
    """The path of a shell; the test is skipped if this machine does not have it."""
    return skip_without(shell)


def run(
    shell: str, home: Home, *lines: str, env: Mapping[str, str] | None = None, options: Sequence[str] | None = None
) -> Result:
    """Run lines in a shell that has no terminal, below the functions that the tool prints.

    ``options`` take the place of those that keep start-up files away.
    """
    script = home.path / "script"
    script.write_text("\n".join((mfa_profiles.shell.script(shell), *lines)))
    arguments = [*(WITHOUT_START_UP_FILES[shell] if options is None else options), str(script)]
    return home.run(*arguments, program=program(shell), env={"LANG": "C.UTF-8", **(env or {})})


class Shell:
    """A person's shell in a terminal, with ``aws_env`` if it is for that shell.

    ``before`` are the lines above the one that brings it.
    """

    def __init__(
        self, name: str, home: Home, before: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.home = home
        self._seen = io.StringIO()
        self.child = pexpect.spawn(
            program(name),
            WITHOUT_START_UP_FILES[name],
            env=home.environment({"TERM": "dumb", "LANG": "C.UTF-8", **(env or {})}),
            cwd=str(home.path),
            encoding="utf-8",
            timeout=120,
            dimensions=(50, 300),
        )
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.02
        self.child.logfile_read = self._seen
        for line in (*before, *([INIT[name]] if name in INIT else [])):
            assert 0 == self.run(line)

    def keys(self, keys: str) -> None:
        """Press keys."""
        self.child.send(keys)

    def type(self, line: str) -> None:
        """Type a line, which is to print its exit status."""
        status = "$status" if self.name == "fish" else "$?"
        # What is typed is drawn, maybe more than once, but never with a number between the brackets.
        self.keys(f'{line}; echo "<{status}>"\r')

    def answer(self, text: str) -> None:
        """Type an answer to what a command asks."""
        self.keys(f"{text}\r")

    def expect(self, text: str) -> None:
        """Wait for a text on the terminal."""
        self.child.expect_exact(text)

    def status(self) -> int:
        """Wait for the exit status of the line that was typed."""
        self.child.expect(r"<(\d+)>")
        assert isinstance(self.child.match, re.Match)
        return int(self.child.match[1])

    def run(self, line: str) -> int:
        """Type a line, and wait for its exit status."""
        self.type(line)
        return self.status()

    def output(self, line: str, status: int = 0) -> str:
        """What a line prints to stdout and stderr, given that it ends with this status."""
        assert status == self.run(f"{line} >output 2>&1")
        text = (self.home.path / "output").read_text()
        self.home.check_for_secrets(text)
        return text

    def variables(self) -> dict[str, str]:
        """The AWS variables that commands get in this terminal, masked."""
        assert 0 == self.run("command env -0 >variables")
        self.home.files()  # whose secrets are known from then on
        text = self.home.masked((self.home.path / "variables").read_text())
        found = dict(line.split("=", 1) for line in text.split("\0") if line)
        return {
            name: value for name, value in found.items() if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL"
        }

    @property
    def seen(self) -> str:
        """All that was on the terminal so far."""
        return self._seen.getvalue()

    def close(self) -> None:
        """End the shell, and look for secrets in all that was on its terminal."""
        self.child.close(force=True)
        self.home.check_for_secrets(self.seen)
