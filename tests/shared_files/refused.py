"""Commands that write, and the check that one which cannot has done no harm."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.home import BASE, Home, Result
from tests.local_aws import MFADevice, User

COMMANDS = ("refresh", "clear", "rotate", "setup")

# What cannot be taken back: a code that is spent, and keys that come and go.
_DEEDS = {"GetSessionToken", "AssumeRole", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"}


@dataclass(frozen=True)
class Commands:
    """Whoever runs them: a home with a session, and files that are too large for one page of memory."""

    home: Home
    user: User
    device: MFADevice

    def arguments(self, command: str) -> list[str]:
        """The command line that would change both files, or write ``.env``."""
        if command == "refresh":
            return ["refresh", BASE, "--force"]
        if command == "setup":
            csv = self.home.path / "accessKeys.csv"
            csv.write_text(f"Access key ID,Secret access key\n{self.user.access_key_id},{self.user.secrets[0]}\n")
            csv.chmod(0o644)
            return ["setup", "another", "--csv", str(csv), "--region", "us-west-2", "--no-refresh"]
        if command == "export":  # of which so little is left that it would be refreshed first
            env_file = str(self.env_file)
            return ["export", BASE, "--format", "dotenv", "--output", env_file, "--min-remaining", "13h"]
        return [command, BASE]

    @property
    def env_file(self) -> Path:
        """The ``.env`` that ``export`` writes."""
        return self.home.path / "project" / ".env"

    def run(self, command: str, *, before: str = "", env: Mapping[str, str] | None = None) -> Result:
        """Run a command, which has a code at hand."""
        with_code = {"MFA_PROFILES_TOKEN_CODE": self.home.code(self.device), **(env or {})}
        return self.home.run_warm(*self.arguments(command), before=before, env=with_code)

    def refused(
        self, command: str, sentence: str, *, before: str = "", env: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """The hints of a command that is refused with a sentence: it has changed no file, and done nothing at AWS."""
        files, requests = self._files(), len(self.home.aws.requests)

        result = self.run(command, before=before, env=env)

        error, *hints = [line for line in result.errors if not line.startswith("waiting for another mfa-profiles")]
        assert (1, "") == (result.code, result.stdout), error
        assert error.startswith("mfa-profiles: error: ")
        assert sentence in error, error
        assert all(hint.startswith("hint: ") for hint in hints)
        assert hints
        assert files == self._files()
        assert not _DEEDS & set(self.home.aws.actions[requests:])
        return tuple(hint.removeprefix("hint: ") for hint in hints)

    def _files(self) -> dict[str, tuple[str, int, int]]:
        places = [self.home.credentials.parent, self.env_file.parent]
        paths = [path for place in places if place.is_dir() for path in place.iterdir()]
        return {
            str(path): (self._text(path), path.lstat().st_ino, path.lstat().st_mode)
            for path in paths
            if path.name != ".mfa-profiles"
        }

    def _text(self, path: Path) -> str:
        return self.home.text(path) if stat.S_ISREG(path.lstat().st_mode) else ""
