"""Crashes: what is a defect of a program, what is not, and what the report contains."""

import contextlib
import http.server
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import mfa_profiles
from mfa_profiles.errors import MfaProfilesError
from tests.home import BASE, DERIVED, Home, Result
from tests.local_aws import LocalAWS, MFADevice

# Each function raises with a secret wherever an exception can hold one.
RAISE = """
import builtins, sys
def crash(kind):
    def broken(*arguments, secret="hunter2", **options):
        local = ["hunter2", arguments, options]
        error = getattr(builtins, kind)("hunter2", *local)
        error.add_note("hunter2")
        error.attribute = error.name = "hunter2"
        try:
            raise ValueError("hunter2", local)
        except ValueError:
            raise error
    return broken
"""
KINDS = (
    "AttributeError",
    "AssertionError",
    "ImportError",
    "IndexError",
    "KeyError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplementedError",
    "RecursionError",
    "RuntimeError",
    "TypeError",
)
PLACES = {
    "a session": "import botocore.session; botocore.session.Session.__init__ = crash({kind!r})",
    "a client": "import botocore.session; botocore.session.Session.create_client = crash({kind!r})",
    "a request": "import botocore.serialize as s; s.QuerySerializer.serialize_to_request = crash({kind!r})",
    "a signature": "import botocore.auth; botocore.auth.SigV4Auth.add_auth = crash({kind!r})",
    "a connection": "import urllib3; urllib3.HTTPConnectionPool.urlopen = crash({kind!r})",
    "a lock": "import filelock; filelock.FileLock.acquire = crash({kind!r})",
}


def report_of(home: Home) -> Path:
    """The path of the report."""
    return home.credentials.parent / ".mfa-profiles" / "crash-report.txt"


def check_crash(result: Result, home: Home, kind: str) -> str:
    """Check what a crash prints and writes, and return the report."""
    path = report_of(home)
    assert (result.code, result.stdout) == (1, "")
    assert result.errors[0].startswith(f"mfa-profiles: error: this should not have happened: {kind} at ")
    hint = f"hint: please report it: {path} is ready to paste into an issue, without messages and values"
    assert result.errors[1] == hint
    text = path.read_text()
    home.check_for_secrets(text + result.stderr)
    assert [word for word in ("hunter2", str(home.path), BASE, "--") if word in text] == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_a_defect_in_a_dependency_is_reported_as_a_crash(base: Home, device: MFADevice, kind: str) -> None:
    base.secrets.append("hunter2")
    before = RAISE + PLACES["a client"].format(kind=kind)

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), before=before)

    text = check_crash(result, base, kind)
    lines = text.splitlines()
    assert lines[:2] == ["```", "command: refresh"]
    assert f"mfa-profiles: {mfa_profiles.__version__}" in lines
    assert f"Python: {'.'.join(map(str, sys.version_info[:3]))}" in lines
    assert {line.partition(":")[0] for line in lines} >= {"boto3", "botocore", "configupdater", "filelock", "system"}
    stacks = text.partition(f"\n{kind}\n")[2]
    assert "\n  mfa_profiles/aws/clients.py, line " in stacks
    assert "\nValueError\n  <string>, line 10, in crash.<locals>.broken\n" in stacks


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["AttributeError", "ModuleNotFoundError", "TypeError"])
def test_a_defect_is_a_crash_wherever_it_is(base: Home, device: MFADevice, place: str, kind: str) -> None:
    before = RAISE + PLACES[place].format(kind=kind)

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), before=before)

    # botocore wraps what is raised while it sends.
    check_crash(result, base, "HTTPClientError" if place == "a connection" else kind)


@pytest.mark.parametrize("kind", ["AttributeError", "ImportError", "TypeError"])
@pytest.mark.parametrize(
    ("setting", "broken"),
    [
        ("credential_process = echo {}", "compat_shell_split"),
        ("credential_process = echo {}", "create_credential_resolver"),
        ("role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /x", "FileWebIdentityTokenLoader"),
    ],
)
def test_a_defect_on_the_way_to_credentials_is_a_crash(home: Home, setting: str, broken: str, kind: str) -> None:
    home.write("", f"[profile {BASE}]\n{setting}\nregion = us-west-2\n")
    name = "botocore.credentials" if broken != "FileWebIdentityTokenLoader" else "botocore.utils"
    before = (
        f"{RAISE}import botocore.credentials as c, botocore.utils\nc.{broken} = {name}.{broken} = crash({kind!r})"
    )

    result = home.run_warm("devices", BASE, before=before)

    check_crash(result, home, kind)


@pytest.mark.parametrize("module", ["botocore.session", "botocore.exceptions", "filelock"])
def test_a_missing_library_is_a_crash_with_a_hint(base: Home, device: MFADevice, module: str) -> None:
    before = f"import sys; sys.modules[{module!r}] = None"

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), before=before)

    check_crash(result, base, "ModuleNotFoundError")
    assert result.errors[2] == "hint: a library is missing or damaged: install mfa-profiles again"


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        (
            "AttributeError",
            RAISE + "import configupdater as c; c.ConfigUpdater.read_string = crash('AttributeError')",
        ),
        ("ModuleNotFoundError", "import sys; sys.modules['configupdater'] = None"),
    ],
)
def test_a_defect_of_configupdater_is_not_one_of_the_file(refreshed: Home, kind: str, before: str) -> None:
    texts = [refreshed.text(path) for path in (refreshed.credentials, refreshed.config)]

    result = refreshed.run_warm("clear", BASE, before=before)

    check_crash(result, refreshed, kind)
    assert [refreshed.text(path) for path in (refreshed.credentials, refreshed.config)] == texts


MISSING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise ModuleNotFoundError("hunter2", name="hunter2")
sys.meta_path.insert(0, Missing())
from mfa_profiles.__main__ import run
sys.exit(run(["status", "hunter2"]))
"""


@pytest.mark.parametrize("module", ["mfa_profiles.terminal", "mfa_profiles.cli", "typer", "mfa_profiles.profiles"])
def test_a_damaged_installation_is_a_crash(home: Home, module: str) -> None:
    home.write("[a]\n")

    result = home.run("-c", MISSING, module, program=sys.executable)

    assert result.code == 1
    assert result.errors[0].startswith("mfa-profiles: error: this should not have happened: ModuleNotFoundError at ")
    assert result.errors[-1] == "hint: a library is missing or damaged: install mfa-profiles again"
    assert report_of(home).exists() == (module != "mfa_profiles.profiles")
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["status"], "status"),
        (["-v", "status", "hunter2"], "status"),
        (["--profile=hunter2"], "none"),
        (["hunter2"], "not known"),
        (["123456", "status"], "not known"),
        ([], "none"),
    ],
)
def test_the_report_names_a_known_command_only(home: Home, arguments: list[str], command: str) -> None:
    home.write("[a]\n")
    before = f"{RAISE}import mfa_profiles.cli; mfa_profiles.cli.app_for = crash('TypeError')"

    result = home.run_warm(*arguments, before=before)

    assert check_crash(result, home, "TypeError").splitlines()[1] == f"command: {command}"


def test_the_report_of_a_recursion_is_short(home: Home) -> None:
    home.write("[a]\n")
    before = "import mfa_profiles.cli\ndef f(*_): f()\nmfa_profiles.cli.app_for = f"

    text = check_crash(home.run_warm("status", before=before), home, "RecursionError")

    assert len(text.splitlines()) < 130


def test_a_new_report_replaces_the_old_one_and_follows_no_link(home: Home) -> None:
    home.write("[a]\n")
    other = home.path / "other"
    other.write_text("mine")
    before = f"{RAISE}import os; os.umask(0)\nimport mfa_profiles.cli; mfa_profiles.cli.app_for = crash('TypeError')"
    check_crash(home.run_warm("status", before=before), home, "TypeError")
    first = set(report_of(home).parent.iterdir())
    report_of(home).unlink()
    report_of(home).symlink_to(other)

    check_crash(home.run_warm("clear", before=before), home, "TypeError")

    assert other.read_text() == "mine"
    assert not report_of(home).is_symlink()
    assert set(report_of(home).parent.iterdir()) == first


@pytest.mark.parametrize("directory", ["a file", "a report that is a directory", "nowhere"])
def test_a_report_that_cannot_be_written_is_no_second_crash(home: Home, directory: str) -> None:
    home.write("[a]\n")
    env = {}
    if directory == "a file":
        report_of(home).parent.write_text("mine")
    elif directory == "nowhere":
        env = {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}
    else:
        report_of(home).mkdir(parents=True)
    before = f"{RAISE}import mfa_profiles.cli; mfa_profiles.cli.app_for = crash('TypeError')"

    result = home.run_warm("status", env=env, before=before)

    assert result.code == 1
    assert result.errors == [
        "mfa-profiles: error: this should not have happened: TypeError at <string>:12",
        "hint: please report it with this message; a longer report could not be written",
    ]
    assert not list(home.credentials.parent.rglob("tmp*"))


def test_a_crash_keeps_the_sessions_that_codes_were_spent_on(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    base.add_role("admin", aws.create_role("admin", require_mfa=True).arn)
    before = (
        f"{RAISE}import botocore.signers as s; sign = s.RequestSigner.sign\n"
        "def broken(self, name, *more, **options):\n"
        "    return (crash('TypeError') if name == 'AssumeRole' else sign)(self, name, *more, **options)\n"
        "s.RequestSigner.sign = broken"
    )

    result = base.run_warm("refresh", "admin", "--token-code", base.code(device), before=before)

    check_crash(result, base, "TypeError")
    assert base.section(DERIVED)["aws_session_token"]


def test_a_crash_of_the_library_is_the_exception_that_it_is(
    base: Home, device: MFADevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in base.environment({"MFA_PROFILES_TOKEN_CODE": base.code(device)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delattr("botocore.session.Session.create_client")

    with pytest.raises(AttributeError) as raised:
        mfa_profiles.session(BASE)

    assert not isinstance(raised.value, MfaProfilesError)
    assert not report_of(base).exists()


AS_TEXT = "the AWS SDK got no credentials for profile smce-veda"
FAILED = "credential_process of profile smce-veda failed"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("credential_process =\n  a = b", FAILED),
        ("credential_process = echo '[]'", FAILED),
        ("credential_process = echo 1", FAILED),
        (
            'credential_process = echo \'{"Version": 1, "AccessKeyId": [], "SecretAccessKey": 1, "Expiration": 1}\'',
            FAILED,
        ),
        ("sso_session =\n  a = b\nsso_account_id = 1\nsso_role_name = x", AS_TEXT),
        ("sso_start_url =\n  a = b\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = x", AS_TEXT),
        (
            "sso_session = s\nsso_account_id = 1\nsso_role_name = x\n"
            "[sso-session s]\nsso_start_url = https://x.example\nsso_region =\n  a = b",
            AS_TEXT,
        ),
        ("role_arn = arn:aws:iam::1:role/x\nweb_identity_token_file =\n  a = b", AS_TEXT),
    ],
)
def test_a_mistake_of_the_user_is_not_a_crash(home: Home, settings: str, sentence: str) -> None:
    """botocore raises AttributeError and TypeError for these, too."""
    home.write("", f"[profile {BASE}]\nregion = us-west-2\n{settings}\n")

    result = home.run_warm("devices", BASE)

    assert (result.code, result.errors[0]) == (1, f"mfa-profiles: error: {sentence}")


@pytest.mark.parametrize("answer", ["[]", "5", "{}", '{"AccessKeyId": 1}'])
def test_an_odd_answer_of_a_container_is_not_a_crash(home: Home, answer: str) -> None:
    """Botocore shows no event for it."""
    role = "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = EcsContainer"
    home.write("", f"[profile {BASE}]\nregion = us-west-2\n{role}\n")
    with answering(answer.encode()) as url:
        result = home.run_warm("refresh", BASE, env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})

    assert result.code == 1
    assert "this should not have happened" not in result.stderr


@pytest.mark.parametrize("printed", ["[]", "5", "null"])
def test_an_odd_answer_of_the_process_of_a_source_is_not_a_crash(home: Home, printed: str) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p"
    home.write(
        "", f"[profile {BASE}]\nregion = us-west-2\n{role}\n[profile p]\ncredential_process = echo {printed}\n"
    )

    result = home.run_warm("export", BASE)

    assert result.code == 1
    assert "this should not have happened" not in result.stderr


@contextlib.contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers all requests alike."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
