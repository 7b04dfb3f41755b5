"""Hostile answers: whatever comes in the place of an answer of AWS, files stay whole and nobody sees a traceback."""

import html
import itertools
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from configparser import RawConfigParser
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.home import BASE, DERIVED, Home, Result
from tests.local_aws import LocalAWS, Request, User
from tests.trials import Outcome, mutated_answers
from tests.trials import hostile_answers as hostile
from tests.trials.hostile_answers import Wire

# What a person would wait for.
HASTE = """
import mfa_profiles.aws.clients as clients, mfa_profiles.commands.rotate as rotate
clients.READ_TIMEOUT = clients.CONNECT_TIMEOUT = 1
rotate._PAUSES = (0, 0)
"""

_NUMBERS = itertools.count()


@dataclass
class Scene:
    """A command, and the action of AWS's whose answer it does not get."""

    action: str
    arguments: Sequence[str]
    home: Home
    user: User
    files: dict[Path, bytes]
    needs_code: bool = False
    text_fields: tuple[str, ...] = ()
    time_fields: tuple[str, ...] = ()
    good: list[bytes] = field(default_factory=list)
    """The answers that the last run would have got."""
    sent: list[bytes] = field(default_factory=list)
    """What it got in their place, unless there was no end to it."""

    def run(self, wire: Wire, *more: str) -> Result:
        """Run the command with something else in place of each answer to the action."""
        aws = self.home.aws
        self.good.clear()
        self.sent.clear()

        def on_the_wire(request: Request, answer: bytes) -> Iterator[bytes]:
            if request.action != self.action:
                return iter([answer])
            self.good.append(answer)
            pieces = wire(answer)
            if isinstance(pieces, list):
                self.sent[:] = [b"".join(pieces)]
            return iter(pieces)

        aws.wire = on_the_wire
        try:
            return self._run(*more)
        finally:
            aws.wire = None

    def _run(self, *more: str) -> Result:
        given = []
        if self.needs_code:
            device = self.user.add_virtual_device(f"device-{next(_NUMBERS)}")  # whose codes are all unused
            given = ["--serial-number", device.serial_number, "--token-code", self.home.code(device)]
        return self.home.run_warm(*self.arguments, *given, *more, before=HASTE)

    def restore(self) -> None:
        """Put the files back as they were in the beginning."""
        for path, data in self.files.items():
            path.write_bytes(data)


_SESSION_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_SESSION = ("AccessKeyId", "SecretAccessKey", "SessionToken")


def scenes(aws: LocalAWS, directory: Path) -> Iterator[Scene]:
    """A scene for each command that depends on an answer."""
    refresh = partial(_scene, aws, directory, "GetSessionToken", ["refresh", BASE, "--force"])
    yield refresh(needs_code=True, text_fields=_SESSION, time_fields=("Expiration",))
    yield _scene(aws, directory, "AssumeRole", ["refresh", "admin", "--force"], _SESSION, ("Expiration",))
    verify = ["status", DERIVED, "--verify", "--json"]
    yield _scene(aws, directory, "GetCallerIdentity", verify, ("Arn", "Account", "UserId"))
    yield _scene(aws, directory, "GetCallerIdentity", ["doctor", BASE, "--json"], ("Arn", "Account"))
    yield _scene(aws, directory, "ListMFADevices", ["devices", BASE, "--json"], ("SerialNumber", "IsTruncated"))
    yield _scene(aws, directory, "ListMFADevices", ["devices", BASE], ("SerialNumber", "EnableDate"))
    keys = ("AccessKeyId", "Status", "UserName")
    yield _scene(aws, directory, "ListAccessKeys", ["doctor", BASE], keys, ("CreateDate",))
    yield _scene(aws, directory, "ListAccessKeys", ["rotate", BASE], keys, ("CreateDate",))
    yield _scene(aws, directory, "CreateAccessKey", ["rotate", BASE], ("AccessKeyId", "SecretAccessKey", "Status"))
    yield _scene(aws, directory, "GetCallerIdentity", ["rotate", BASE], ("Arn", "Account"))
    yield _scene(aws, directory, "UpdateAccessKey", ["rotate", BASE])
    yield _scene(aws, directory, "DeleteAccessKey", ["rotate", BASE])
    used = _scene(aws, directory, "GetAccessKeyLastUsed", ["rotate", BASE], ("ServiceName",), ("LastUsedDate",))
    used.user.add_access_key()
    yield used


def _scene(
    aws: LocalAWS,
    directory: Path,
    action: str,
    arguments: Sequence[str],
    text_fields: tuple[str, ...] = (),
    time_fields: tuple[str, ...] = (),
    *,
    needs_code: bool = False,
) -> Scene:
    path = Path(tempfile.mkdtemp(dir=directory))
    home, user = Home(path, aws, [hostile.MARK]), aws.create_user(path.name)
    device = user.add_virtual_device()
    home.add_base(user)
    home.add_role("admin", aws.create_role(path.name, require_mfa=True).arn)
    with home.credentials.open("a") as file:
        file.write("\n[other]\n# mine\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hunter2\n")
    refreshed = home.run_warm("refresh", BASE, "--token-code", home.code(device))
    assert 0 == refreshed.code
    files = {path: path.read_bytes() for path in (home.credentials, home.config)}
    return Scene(action, arguments, home, user, files, needs_code, text_fields, time_fields)


# --- What must hold.


def losses(scene: Scene, name: str, wire: Wire) -> Iterator[str]:
    """What a command loses when it gets something else for an answer: one sentence for each promise broken."""
    before = scene.home.files()
    where = f"{' '.join(scene.arguments[:1])}, {scene.action}, {name}"
    try:
        result = scene.run(wire)
    except AssertionError as error:
        yield f"{where}: {error}"
        scene.restore()
        return
    yield from (f"{where}: {loss}" for loss in _of_output(result))
    if scene.arguments[0] == "rotate":
        yield from (f"{where}: {loss}" for loss in _of_rotation(scene))
        return
    yield from (f"{where}: {loss}" for loss in _of_files(scene, before, result))
    scene.restore()


def _of_output(result: Result) -> Iterator[str]:
    if result.code not in (0, 1, 3):
        yield f"exit {result.code}"
    said = result.stdout + result.stderr
    if "should not have happened" in said:
        yield f"unforeseen: {result.errors[0]}"
    plain = re.sub("[\t\n]", "", said)
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in plain):
        yield "a character in the output that steers a terminal"
    if result.code == 1 and not result.stdout and not result.stderr.startswith("mfa-profiles: error: "):
        yield "no sentence"
    if any("Warning" in line for line in result.errors):
        yield "a warning of Python's"


def _of_files(scene: Scene, before: Mapping[str, str], result: Result) -> Iterator[str]:
    after = scene.home.files()
    is_write = scene.arguments[0] == "refresh" and result.code == 0
    if not is_write:
        if before != after:
            yield "files changed without a session"
        return
    derived = DERIVED if scene.needs_code else "admin-mfa"
    sections = {path: _sections(path.read_text()) for path in scene.files}
    for path, data in scene.files.items():
        old = _sections(data.decode())
        new = {name: values for name, values in sections[path].items() if name in old and derived not in name}
        if new != {name: values for name, values in old.items() if derived not in name}:
            yield f"another section of {path.name} changed"
        if set(sections[path]) - set(old) - {derived, f"profile {derived}"}:
            yield f"a section of {path.name} that nobody asked for"
    session = sections[scene.home.credentials][derived]
    if scene.sent and b"chunked" not in scene.sent[0]:
        sent = html.unescape(scene.sent[0].replace(b"\0", b"").decode(errors="replace"))  # which may have been UTF-16
        if not all(session[name] in sent for name in _SESSION_KEYS):
            yield "a session out of nothing"


def _sections(text: str) -> dict[str, dict[str, str]]:
    parser = RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _of_rotation(scene: Scene) -> Iterator[str]:
    """The key in the file works, and the next run ends with it or with a new one alone."""
    home, user = scene.home, scene.user
    home.secrets.extend(user.secrets)
    key = _sections(home.credentials.read_text())[BASE]["aws_access_key_id"]
    if user.access_keys.get(key) != "Active":
        yield "stranded: the key in the file is not good"
    again = home.run_warm("rotate", BASE, *(["--delete-other"] if len(user.access_keys) > 1 else []), before=HASTE)
    home.secrets.extend(user.secrets)
    section = _sections(home.credentials.read_text())[BASE]
    if again.code != 0:
        yield f"the next run does not finish: {again.errors[0]}"
    elif [section["aws_access_key_id"], section["aws_secret_access_key"]] != [*user.access_keys, *user.secrets]:
        yield "another key in the file than the one that is left"
    elif "# Rotating" in home.credentials.read_text():
        yield "a comment is left"
    if scene.action == "GetAccessKeyLastUsed":
        user.add_access_key()


# --- Answers.


def wires(scene: Scene) -> Iterator[tuple[str, Wire]]:
    """All answers that a scene is to be tried with, by name."""
    for group in (hostile.NOT_HTTP, hostile.NOT_XML, hostile.ENDLESS):
        yield from group.items()
    for name in (*scene.text_fields, *scene.time_fields):
        yield f"{name} gone", partial(_pieces, partial(hostile.without_field, name=name))
        yield f"{name} twice", partial(_pieces, partial(hostile.twice_the_field, name=name))
        texts = hostile.TEXTS | (hostile.TIMES if name in scene.time_fields else {})
        for what, text in texts.items():
            yield f"{name}: {what}", partial(_pieces, partial(hostile.with_field, name=name, text=text))


def _pieces(change: Callable[[bytes], bytes], answer: bytes) -> list[bytes]:
    return [change(answer)]


def mutated_losses(examples: int) -> tuple[str, ...]:
    """What is lost by that many good answers with something changed, read in this process."""
    lost: list[str] = []
    with mutated_answers.Reader() as reader:

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(mutated_answers.questions())
        def try_all(question: tuple[str, mutated_answers.Given]) -> None:
            lost.extend(reader.losses(*question))

        try_all()
    return tuple(lost)


def mutated_losses_of_tool(scene: Scene, examples: int) -> tuple[str, ...]:
    """What is lost by that many good answers with something changed, got by the tool over the wire."""
    list(losses(scene, "a good answer", lambda answer: [answer]))
    good = scene.good[0]
    lost: list[str] = []

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated_answers.mutated(hostile.parts(good)[1]))
    def try_all(body: bytes) -> None:
        lost.extend(losses(scene, scene.home.masked(repr(body)), lambda _: [hostile.with_body(good, body)]))

    try_all()
    return tuple(lost)


def run() -> Iterator[Outcome]:
    """All answers in every scene, and many that were changed by chance."""
    count = 50_000
    yield Outcome("good answers with something changed", count, mutated_losses(count))
    with LocalAWS() as aws, tempfile.TemporaryDirectory() as directory:
        for scene in scenes(aws, Path(directory)):
            command = scene.arguments[0]
            tried = list(wires(scene))
            lost = tuple(loss for name, wire in tried for loss in losses(scene, name, wire))
            yield Outcome(f"answers to {scene.action} ({command})", len(tried), lost)
            count = 20 if command == "rotate" else 100
            lost = mutated_losses_of_tool(scene, count)
            yield Outcome(f"answers to {scene.action} ({command}) with something changed", count, lost)
