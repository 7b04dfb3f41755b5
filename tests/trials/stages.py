"""Commands that are about to run: the files as people have them, and what the command may make of them."""

import contextlib
import itertools
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore.exceptions
import dotenv

from mfa_profiles.settings import COPIED_COMMENT
from tests.home import BASE, DERIVED, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, Request, User
from tests.trials import injection
from tests.trials.injection import Call, Traced

FOLDERS = (".aws", "project")
MODE = 0o640
OWNER = (1234, 1235) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
EXPIRES = "2099-01-01T00:00:00Z"
OTHER = "[other]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = other/secret\n"
ENV_FILE = "# mine\nPORT=8000\nAWS_ACCESS_KEY_ID=stale  # of last week\n"


@dataclass(frozen=True)
class Command:
    """What a command begins with, its command line, and that of the run after one that was killed or failed.

    ``between`` makes of the files as they were those that may be there while it is not finished. ``spends`` is what
    AWS is not to be asked for in vain.
    """

    prepare: Callable[["Stage"], None]
    arguments: Callable[["Stage"], list[str]]
    again: Callable[["Stage"], list[str]]
    files: tuple[str, ...] = (".aws/credentials", ".aws/config")
    between: Callable[[str], Sequence[str]] = lambda _: ()
    spends: str = ""


@dataclass(frozen=True)
class File:
    """A file, its mode and its owner."""

    data: bytes
    mode: int
    owner: tuple[int, int]

    def __repr__(self) -> str:
        return f"File({len(self.data)} bytes, {self.mode:o}, {self.owner})"


@dataclass(frozen=True)
class Stage:
    """A home in which one command is to run, of a user who has nothing else."""

    command: Command
    home: Home
    user: User
    device: MFADevice
    old_keys: tuple[str, str]

    @property
    def env_file(self) -> Path:
        """The ``.env`` file, in a folder of its own."""
        return self.home.path / "project" / ".env"

    def run(self, recorded: Sequence[Call] = (), inject: str = "") -> Traced:
        """Run the command, traced; to inject something takes the calls of a run without it."""
        paths = dict.fromkeys(path for call in recorded for path in call.paths)
        return injection.run(self.home, self.command.arguments(self), FOLDERS, paths=paths, inject=inject)

    def run_again(self) -> Result:
        """The run that comes after."""
        return self.home.run_warm(*self.command.again(self))

    def files(self) -> dict[str, File | None]:
        """The files as they are."""
        return {name: _file(self.home.path / name) for name in self.command.files}

    def shape(self, data: bytes) -> str:
        """A text in which what differs from one stage to the next has a name: keys, sessions, times."""
        key_id, secret = self.old_keys
        text = data.decode().replace(key_id, "<old id>").replace(secret, "<old secret>")
        for new_id, new_secret in zip(self.user.access_keys, self.user.secrets, strict=True):
            text = text.replace(new_id, "<new id>").replace(new_secret, "<new secret>")
        text = text.replace(self.user.name, "<user>")
        text = re.sub(r"\bASIA\w+", "<session id>", text)
        # A key that was deleted again, of which the comment of the interrupted run is left.
        text = re.sub(r"(# Rotating access key .+ to )AKIA\w+", r"\1<new id>", text)
        text = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>", text)
        return re.sub(
            r"(?m)^(aws_(?:secret_access_key|session_token) = )[A-Za-z0-9/+=]{40,}$", r"\1<of session>", text
        )

    def leftovers(self) -> list[str]:
        """The temporary files that are there."""
        return [path.name for folder in FOLDERS for path in (self.home.path / folder).glob("*.mfa-profiles.tmp")]


def _file(path: Path) -> File | None:
    if not path.exists():
        return None
    status = path.stat()
    return File(path.read_bytes(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))


@dataclass(frozen=True)
class Recording:
    """A run of a command to its end: its calls on the files, and the shapes of these then.

    ``rehearsed`` is the number of calls before AWS was asked for what is not to be spent in vain, without those at
    its end that sync a directory and clear away: who cannot do that may still be able to write.
    """

    calls: list[Call]
    after: Mapping[str, str]
    rehearsed: int


@contextlib.contextmanager
def stages(name: str) -> Iterator[Callable[[], Stage]]:
    """What makes one stage of a command after the other, at one local AWS."""
    numbers = itertools.count(1)
    with LocalAWS() as aws, tempfile.TemporaryDirectory() as directory:
        yield lambda: _stage(COMMANDS[name], aws, Path(os.path.realpath(directory)), next(numbers))


def _stage(command: Command, aws: LocalAWS, directory: Path, number: int) -> Stage:
    home = Home(directory / f"{number}", aws)
    home.path.mkdir()
    (home.path / "project").mkdir()
    user = aws.create_user(f"john.doe.{number:05}")
    home.secrets.extend([user.secret_access_key, "other/secret"])
    stage = Stage(command, home, user, user.add_virtual_device(), (user.access_key_id, user.secret_access_key))
    command.prepare(stage)
    for path in command.files:
        if (home.path / path).exists():
            (home.path / path).chmod(MODE)
            os.chown(home.path / path, *OWNER)
    return stage


def record(stage: Stage, inject: str = "", recorded: Sequence[Call] = ()) -> Recording:
    """Run a command to its end."""
    before = stage.files()
    rehearsed = 0

    def note(request: Request) -> None:
        nonlocal rehearsed
        if request.action == stage.command.spends:
            names = [call.name for call in injection.calls_so_far(stage.home, FOLDERS)]
            while names and names[-1] in ("openat", "fsync", "unlink", "flock", "close"):
                names.pop()
            rehearsed = len(names)

    stage.home.aws.before = note
    traced = stage.run(recorded, inject)
    stage.home.aws.before = lambda _: None
    assert traced.result.code == 0, traced.result.stderr
    after = stage.files()
    assert before != after, "the command has not written anything"
    shapes = {name: stage.shape(file.data) for name, file in after.items() if file is not None}
    return Recording(traced.calls, shapes, rehearsed)


# --- What may not be lost.


def torn(stage: Stage, before: Mapping[str, File | None], after: Mapping[str, str]) -> Iterator[str]:
    """Each file that is neither what it was nor what it was to become, whole and with its mode and owner."""
    for name, file in stage.files().items():
        old = before[name]
        if file == old:
            continue
        if file is None:
            yield f"{name} is gone"
            continue
        if (file.mode, file.owner) != ((old.mode, old.owner) if old else (0o600, (os.geteuid(), os.getegid()))):
            yield f"{name} has another mode or owner: {file.mode:o} {file.owner}"
        between = stage.command.between(stage.shape(old.data)) if old else ()
        if stage.shape(file.data) not in (after[name], *between):
            yield f"{name} is neither old nor new"
    yield from _unreadable(stage)


def _unreadable(stage: Stage) -> Iterator[str]:
    """Each file that its readers do not understand, and each profile whose credentials AWS does not take."""
    sections = RawConfigParser()
    for name in (".aws/config", ".aws/credentials"):
        try:
            sections.read(stage.home.path / name)
        except Exception:  # noqa: BLE001 - its text holds what it has read
            yield f"{name} cannot be parsed"
    if stage.env_file.exists() and dotenv.dotenv_values(stage.env_file).get("PORT") != "8000":
        yield ".env cannot be parsed"
    for name in (BASE, DERIVED):
        section = dict(sections[name]) if sections.has_section(name) else {}
        if section and "ASIAIOSFODNN7EXAMPLE" not in section.values() and not _works(stage, section):
            yield f"AWS does not take the credentials of {name}"


def _works(stage: Stage, section: Mapping[str, str]) -> bool:
    sts = boto3.client(
        "sts",
        endpoint_url=stage.home.aws.endpoint_url,
        region_name="us-west-2",
        aws_access_key_id=section.get("aws_access_key_id"),
        aws_secret_access_key=section.get("aws_secret_access_key"),
        aws_session_token=section.get("aws_session_token"),
    )
    try:
        return sts.get_caller_identity()["Arn"] == stage.user.arn
    except botocore.exceptions.ClientError:
        return False


def unfinished(stage: Stage, before: Mapping[str, File | None], after: Mapping[str, str]) -> Iterator[str]:
    """What the next run does not mend."""
    result = stage.run_again()
    if result.code != 0:
        yield f"the next run fails: {stage.home.masked(result.stderr)!r}"
    yield from torn(stage, before, after)
    for name, file in stage.files().items():
        if file is None or stage.shape(file.data) != after[name]:
            yield f"{name} is not right after the next run"
    if leftovers := stage.leftovers():
        yield f"the next run leaves {', '.join(leftovers)}"
    if list(stage.user.access_keys.values()) != ["Active"]:
        yield f"the keys of the user are {', '.join(stage.user.access_keys.values())} after the next run"


# --- The commands.


def _write(stage: Stage, *, session: str = "", derived: str = "", copy: str = "") -> None:
    credentials = f"# mine\n\n{OTHER}\n{base_section(stage.user)}{session}\n# the end\n[last]\nregion=eu-west-1"
    settings = f"region = us-west-2\nmfa_serial = {stage.device.serial_number}\n"
    stage.home.write(
        credentials, f"[default]\nregion=eu-west-1\n\n[profile {BASE}]\n{settings}{derived}{copy}# end\n"
    )


def _write_session(stage: Stage) -> None:
    session = session_section(DERIVED, source=BASE, expires=EXPIRES)
    _write(stage, session=session, derived=f"[profile {DERIVED}]\n{COPIED_COMMENT}{BASE}\nregion = us-west-2\n")


def _write_env_file(stage: Stage) -> None:
    _write_session(stage)
    stage.env_file.write_text(ENV_FILE)


def _write_copy_and_refresh(stage: Stage) -> None:
    _write(stage, copy=base_section(stage.user, "profile second"))
    assert stage.home.run_warm(*_refresh(stage)).code == 0


def _write_secret(stage: Stage) -> None:
    (stage.home.path / "secret").write_text(stage.user.secret_access_key)


def _refresh(stage: Stage) -> list[str]:
    return ["refresh", BASE, "--token-code", stage.home.code(stage.device)]


def _refresh_by_force(stage: Stage) -> list[str]:
    return [*_refresh(stage), "--force"]


def _clear(_: Stage) -> list[str]:
    return ["clear", BASE]


def _rotate(_: Stage) -> list[str]:
    return ["rotate", BASE]


def _rotate_again(stage: Stage) -> list[str]:
    """A key whose ID is in neither file may be the user's own: it is deleted only if told so."""
    text = stage.home.credentials.read_text() + stage.home.config.read_text()
    is_lost = any(access_key_id not in text for access_key_id in stage.user.access_keys)
    return ["rotate", BASE, *(["--delete-other"] if is_lost else [])]


def _export(stage: Stage) -> list[str]:
    return ["export", BASE, "--format", "dotenv", "--output", str(stage.env_file)]


def _setup(stage: Stage) -> list[str]:
    keys = ["--access-key-id", stage.user.access_key_id, "--secret-access-key-file", "secret"]
    return [
        "setup",
        BASE,
        *keys,
        "--region",
        "us-west-2",
        "--serial-number",
        stage.device.serial_number,
        "--no-refresh",
    ]


def _setup_by_force(stage: Stage) -> list[str]:
    return [*_setup(stage), "--force"]


def _rotating(before: str) -> list[str]:
    comment = "# Rotating access key <old id> since <time> (mfa-profiles: rotate again to finish)\n"
    begun = before.replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}")
    recorded = begun.replace("<old id> since", "<old id> to <new id> since")
    stored = recorded
    for line in (
        "aws_access_key_id = <old id>\naws_secret_access_key = <old secret>\n",
        f"source_profile {BASE}, access_key_id <old id>,",  # of the session, which goes on
    ):
        stored = stored.replace(line, line.replace("<old ", "<new "))
    return [begun, recorded, stored]


COMMANDS = {
    "refresh": Command(_write, _refresh, _refresh, spends="GetSessionToken"),
    "refresh --force": Command(_write_session, _refresh_by_force, _refresh_by_force, spends="GetSessionToken"),
    "clear": Command(_write_session, _clear, _clear),
    "rotate": Command(_write_copy_and_refresh, _rotate, _rotate_again, between=_rotating, spends="CreateAccessKey"),
    "export --output": Command(_write_env_file, _export, _export, files=(*Command.files, "project/.env")),
    "setup": Command(_write_secret, _setup, _setup_by_force),  # in a home without a .aws
}
