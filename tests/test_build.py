"""What is released: the same bytes wherever, whenever and by whomever it is built, and nothing but the product."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mfa_profiles import __version__

ROOT = Path(__file__).parent.parent
NAME = f"mfa_profiles-{__version__}"
BESIDE_THE_PACKAGE = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}

# What lies about in a clone, and must never be released.
JUNK = (
    ".aws/credentials",
    ".env",
    ".venv/lib/site.py",
    "dist/old.whl",
    "examples/.env",
    "mfa_profiles/.aws/credentials",
    "mfa_profiles/.env",
    "mfa_profiles/__pycache__/cli.cpython-311.pyc",
    "tests/clients/node_modules/index.js",
    "notes.txt",
)


def tracked() -> set[str]:
    """The files of the repository, with those that are about to be added."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone, or git is missing")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def copy_of_the_tree(directory: Path, *, mode: int, time: int) -> Path:
    """The repository at another path, with modes and times of its own."""
    for name in tracked():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, path)
        path.chmod(mode)
        os.utime(path, (time, time))
    return directory


def build(tree: Path, output: Path, environment: Mapping[str, str], *, umask: int) -> dict[str, bytes]:
    """The names and bytes of what the build backend makes, without a network and without isolation."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", output],
        cwd=tree,
        env={"PATH": os.environ["PATH"], **environment},
        umask=umask,
        capture_output=True,
        timeout=120,
        check=True,
    )
    return {path.name: path.read_bytes() for path in output.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A wheel and an sdist."""
    directory = tmp_path_factory.mktemp("built")
    tree = copy_of_the_tree(directory / "tree", mode=0o644, time=1_700_000_000)
    return build(tree, directory / "out", {"TZ": "UTC"}, umask=0o022)


def test_a_build_is_reproducible(built: dict[str, bytes], tmp_path: Path) -> None:
    """Path, owner's habits, times, zone, language and what else lies in the clone leave no trace."""
    tree = copy_of_the_tree(tmp_path / "another" / "place", mode=0o600, time=1_000_000_000)
    for name in JUNK:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("aws_secret_access_key = hunter2\n")
    environment = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}

    again = build(tree, tmp_path / "out", environment, umask=0o077)

    assert {f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz"} == set(built)
    assert [] == [name for name in built if built[name] != again.get(name)]


def test_the_wheel_holds_the_package_alone(built: dict[str, bytes], tmp_path: Path) -> None:
    """Every file of the package, what describes it, its licence, and the manual page where man looks for it."""
    with zipfile.ZipFile(written(built, ".whl", tmp_path)) as wheel:
        package = {name for name in tracked() if name.startswith("mfa_profiles/")} - {"mfa_profiles/mfa-profiles.1"}
        beside = {f"{NAME}.dist-info/{name}" for name in BESIDE_THE_PACKAGE}
        manual = f"{NAME}.data/data/share/man/man1/mfa-profiles.1"

        assert {manual} | package | beside == set(wheel.namelist())


def test_the_sdist_holds_what_is_in_the_repository(built: dict[str, bytes], tmp_path: Path) -> None:
    """All that is needed to build and to test it, no file that is not in the repository, and no link."""
    with tarfile.open(written(built, ".tar.gz", tmp_path)) as sdist:
        held = {member.name.removeprefix(f"{NAME}/") for member in sdist.getmembers() if member.isfile()}

        assert [] == [member.name for member in sdist.getmembers() if not member.isfile()]
    folders = ("mfa_profiles/", "tests/", "examples/")
    needed = {name for name in tracked() if name.startswith(folders)} | {"LICENSE", "README.md", "pyproject.toml"}
    assert set() == needed - held
    assert {"PKG-INFO"} == held - tracked()


def test_what_is_installed_runs(built: dict[str, bytes], tmp_path: Path) -> None:
    """The command of the wheel, from the wheel alone."""
    with zipfile.ZipFile(written(built, ".whl", tmp_path)) as wheel:
        wheel.extractall(tmp_path / "installed")
    command = (
        "import sys; from importlib.metadata import distribution as installed;"
        "[command] = installed('mfa-profiles').entry_points;"
        "sys.argv[0] = command.name; main = command.load();"
        "print(sys.modules['mfa_profiles'].__file__, flush=True); sys.exit(main())"
    )

    done = subprocess.run(
        [sys.executable, "-c", command, "--version"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert f"{tmp_path}/installed/mfa_profiles/__init__.py\nmfa-profiles {__version__}\n" == done.stdout


def environment_of_its_own(directory: Path) -> Path:
    """A new virtual environment with nothing in it but pip; its programs."""
    venv.create(directory, with_pip=True)
    return directory / "bin"


def pip_install(programs: Path, what: str) -> None:
    """Install something and what it needs from the package index; the test is skipped where there is none."""
    arguments = ["install", "--quiet", "--disable-pip-version-check", what]
    command = [str(programs / "python"), "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    if "No matching distribution" in done.stderr:
        pytest.skip("no package index can be reached")
    assert 0 == done.returncode, done.stderr


def run(*command: str | Path) -> str:
    """What a program prints that ends well."""
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.timeout(300)  # the package index may take its time
def test_the_wheel_in_an_environment_of_its_own(built: dict[str, bytes], tmp_path: Path) -> None:
    """It brings what it needs; the command, the manual page and the package are there."""
    programs = environment_of_its_own(tmp_path / "venv")

    pip_install(programs, str(written(built, ".whl", tmp_path)))

    assert f"mfa-profiles {__version__}\n" == run(programs / "mfa-profiles", "--version")
    assert (
        "no session yet"
        in subprocess.run(
            [programs / "mfa-profiles", "status"],
            env={"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stderr
    )
    assert (tmp_path / "venv" / "share" / "man" / "man1" / "mfa-profiles.1").is_file()
    assert f"{__version__}\n" == run(
        programs / "python", "-c", "import mfa_profiles; print(mfa_profiles.__version__)"
    )


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_index_would_take_it(built: dict[str, bytes], tmp_path: Path) -> None:
    """Its metadata is complete, and the README can be rendered, says the program that uploads it."""
    programs = environment_of_its_own(tmp_path / "venv")
    pip_install(programs, "twine")
    files = [written(built, ending, tmp_path) for ending in (".whl", ".tar.gz")]

    checked = run(programs / "twine", "--no-color", "check", "--strict", *files)

    assert 2 == checked.count("PASSED"), checked


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", ["pipx install .", "uv tool install .", "pip install ."])
def test_the_ways_to_install_it(tmp_path: Path, command: str) -> None:
    """Those that the README names, in a clone, with a home of its own."""
    program, _, arguments = command.partition(" ")
    programs = environment_of_its_own(tmp_path / "venv")
    if program != "pip":
        pip_install(programs, program)
    tree = copy_of_the_tree(tmp_path / "tree", mode=0o644, time=1_700_000_000)
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": f"{programs}:{os.environ['PATH']}"}

    subprocess.run([programs / program, *arguments.split()], cwd=tree, env=environment, timeout=120, check=True)

    installed = programs if program == "pip" else tmp_path / "home" / ".local" / "bin"
    assert f"mfa-profiles {__version__}\n" == run(installed / "mfa-profiles", "--version")


def written(built: Mapping[str, bytes], ending: str, directory: Path) -> Path:
    """One of the two as a file."""
    [name] = [name for name in built if name.endswith(ending)]
    (directory / name).write_bytes(built[name])
    return directory / name
