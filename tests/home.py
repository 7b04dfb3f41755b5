"""A home directory with AWS files, and the tool run in it as a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import warm
from tests.local_aws import LocalAWS, MFADevice, User

TOOL = shutil.which("mfa-profiles", path=str(Path(sys.executable).parent)) or "mfa-profiles"
BASE = "smce-veda"
DERIVED = "smce-veda-mfa"

# Of a file, or of a text in which they are masked already.
_SECRET = re.compile(
    r"(?im)^\s*aws_(?:secret_access_key|session_token|security_token)\s*[=:]\s*(?!<secret \d+>)(\S+)"
)


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """The lines on stderr."""
        return self.stderr.splitlines()


@dataclass(frozen=True)
class Home:
    """A home directory; ``secrets`` are the texts that no output may hold."""

    path: Path
    aws: LocalAWS
    secrets: list[str] = field(default_factory=list, repr=False)

    @property
    def credentials(self) -> Path:
        """The shared credentials file."""
        return self.path / ".aws" / "credentials"

    @property
    def config(self) -> Path:
        """The shared config file."""
        return self.path / ".aws" / "config"

    def write(self, credentials: str, config: str | None = None) -> None:
        """Put files into ~/.aws, private as they should be."""
        self.credentials.parent.mkdir(mode=0o700, exist_ok=True)
        for path, text in ((self.credentials, credentials), (self.config, config)):
            if text is not None:
                path.write_bytes(text.encode())
                path.chmod(0o600)

    def add_base(self, user: User, name: str = BASE, config: str | None = "region = us-west-2\n") -> None:
        """Write a base profile with a user's long-term keys, and settings for it into the config file."""
        self.secrets.append(user.secret_access_key)
        self.write(base_section(user, name), None if config is None else f"[profile {name}]\n{config}")

    def add_role(self, name: str, arn: str, settings: str = "", *, source: str = BASE) -> None:
        """Add a role profile to the config file."""
        with self.config.open("a") as config:
            config.write(f"\n[profile {name}]\nrole_arn = {arn}\nsource_profile = {source}\n{settings}")

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of commands: nothing of AWS's but the endpoint, and a zone in which local is not UTC."""
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        bin_directory = str(Path(sys.executable).parent)
        return kept | {
            "PATH": f"{bin_directory}:{kept.get('PATH', '/usr/bin:/bin')}",
            "HOME": str(self.path),
            "AWS_ENDPOINT_URL": self.aws.endpoint_url,
            "COLUMNS": "80",
            "TZ": "America/Los_Angeles",
            **(extra or {}),
        }

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have everything in this process happen in this home."""
        for name in os.environ:
            if name.startswith(("AWS_", "MFA_PROFILES_")):
                monkeypatch.delenv(name)
        for name, value in self.environment().items():
            monkeypatch.setenv(name, value)

    def run(
        self,
        *arguments: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        program: str = TOOL,
        prints_secrets: bool = False,
    ) -> Result:
        """Run the tool (or another program) without a terminal, in a session of its own, as cron does.

        If it ``prints_secrets``, as it is its job to, they are masked in what is returned of stdout.
        """
        done = subprocess.run(
            [program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(env),
            cwd=self.path,
            start_new_session=True,
            timeout=120,
            check=False,
        )
        if prints_secrets:
            self.check_for_secrets(done.stderr)
            return Result(done.returncode, self.masked(done.stdout), done.stderr)
        self.check_for_secrets(done.stdout + done.stderr)
        return Result(done.returncode, done.stdout, done.stderr)

    def run_warm(
        self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, before: str = ""
    ) -> Result:
        """The same for many runs whose start is not what is tested: see ``tests.warm``."""
        done = warm.run(arguments, env=self.environment(env), cwd=self.path, stdin=stdin, before=before)
        self.check_for_secrets(done.stdout + done.stderr)
        return Result(done.code, done.stdout, done.stderr)

    def check_for_secrets(self, text: str) -> None:
        """Fail, without saying which, if a text holds a secret: of the base, of any session so far, or a code."""
        if self.credentials.exists():
            self.text(self.credentials)
        found = sum(secret in text for secret in self.secrets)
        if found or "Traceback" in text:
            raise AssertionError(f"{found} secrets in the output, or a traceback")

    def code(self, device: MFADevice) -> str:
        """An unused code of a device, which is a secret from now on."""
        code = device.code()
        self.secrets.append(code)
        return code

    def section(self, name: str = DERIVED, path: Path | None = None) -> dict[str, str]:
        """A section as botocore's parser reads it, masked."""
        parser = RawConfigParser()
        parser.read_string(self.text(path or self.credentials))
        return dict(parser.items(name))

    def parsed_credentials(self) -> RawConfigParser:
        """The credentials file as botocore's parser reads it, with the secrets in it."""
        self.text(self.credentials)  # which are secrets from now on
        parser = RawConfigParser()
        parser.read_string(self.credentials.read_text())
        return parser

    def masked(self, text: str) -> str:
        """The text with each secret replaced by a number of its own: as good to compare, and fit to be printed."""
        self.secrets.extend(_SECRET.findall(text))
        names = {secret: f"<secret {number}>" for number, secret in enumerate(dict.fromkeys(self.secrets)) if secret}
        # All at once: a short secret may stand in what was put in the place of another, and the text would only grow.
        anywhere = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        return re.sub(anywhere, lambda found: names[found[0]], text) if names else text

    def text(self, path: Path) -> str:
        """The text of a file with its line endings, masked."""
        return self.masked(path.read_bytes().decode(errors="surrogateescape"))

    def files(self) -> dict[str, str]:
        """All files in ~/.aws, masked; not those in its directories, such as the locks."""
        paths = sorted((self.path / ".aws").iterdir())
        return {path.name: self.text(path) for path in paths if not path.is_dir()}


def add_temporary_keys(home: Home, name: str = BASE) -> None:
    """Replace both files by a profile that has a device, and temporary keys from a program of its own."""
    keys = '{"Version": 1, "AccessKeyId": "ASIAELSEWHERE", "SecretAccessKey": "its/secret", "SessionToken": "t/x"}'
    (home.path / "keys").write_text(keys)
    settings = "mfa_serial = arn:aws:iam::123456789012:mfa/john.doe\nregion = us-west-2\n"
    home.write("", f"[profile {name}]\ncredential_process = cat {home.path / 'keys'}\n{settings}")


def base_section(user: User, name: str = BASE) -> str:
    """The section of a base profile."""
    return f"[{name}]\naws_access_key_id = {user.access_key_id}\naws_secret_access_key = {user.secret_access_key}\n"


def session_section(name: str, settings: str = "", *, source: str | None = None, expires: str | None = None) -> str:
    """A section with a session: with a ``source`` as this tool writes it, without as another one would."""
    lines = [
        f"[{name}]",
        f"# Expires {expires} (mfa-profiles: source_profile {source})" if source else "",
        "aws_access_key_id = ASIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = secret/of/a/session",
        "aws_session_token = token/of/a/session==",
        f"x_security_token_expires = {expires}" if expires else "",
        settings.rstrip("\n"),
    ]
    return "".join(f"{line}\n" for line in lines if line)
