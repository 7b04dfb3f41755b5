"""Standard streams that are closed, full, or in an odd encoding: one error with a hint, and nothing is changed."""

import json
import os
import subprocess
from collections.abc import Callable
from functools import partial

import pytest

from tests.home import BASE, TOOL, Home, Result, session_section
from tests.local_aws import MFADevice, User
from tests.screens import Screen

COFFEE = "kaffee\u65e5\u672c"
SESSION = session_section(COFFEE, expires="2099-01-01T00:00:00Z")


def sh(home: Home, script: str, *, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
    """What a shell makes of a command, with streams as it opens them; ``mfa-profiles`` is the tool."""
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        input=stdin,
        capture_output=True,
        env=home.environment(env),
        cwd=home.path,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    home.check_for_secrets(output)
    return Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())


def is_an_error_with_a_hint(result: Result) -> bool:
    """One line and one hint, and not that of a crash."""
    error, hint, *more = result.errors
    is_error = error.startswith("mfa-profiles: error: ") and hint.startswith("hint: ")
    return is_error and not more and "should not have happened" not in error and result.code in (1, 2)


# --- stdin.

OPTIONS = ["--token-code", "--csv", "--secret-access-key-file"]

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "Latin-1": lambda text: b"\xe9" + text,
    "NUL": lambda text: text.strip() + b"\0",
    "no line break": lambda text: text.strip() * 20_000,
    "only bytes that are no text": lambda _: b"\xff" * 100_000,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_stdin_that_is_no_text(base: Home, user: User, device: MFADevice, option: str, encoding: str) -> None:
    before = base.files()

    stdin = ENCODINGS[encoding](given(base, user, device, option))
    result = sh(base, command(user, option), stdin=stdin, env={"PYTHONIOENCODING": "utf-8:strict"})

    assert is_an_error_with_a_hint(result), result.stderr
    assert base.files() == before


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        ("<&-", "it is closed"),
        ("0>/dev/null", "bad file descriptor"),
        ("</proc/self/mem", ""),
    ],
)
@pytest.mark.parametrize("option", OPTIONS)
def test_a_stdin_that_cannot_be_read(base: Home, user: User, option: str, redirection: str, reason: str) -> None:
    before = base.files()

    result = sh(base, f"{command(user, option)} {redirection}")

    assert is_an_error_with_a_hint(result), result.stderr
    assert not reason or f"{option} - reads stdin, which cannot be read: {reason}" in result.errors[0]
    assert base.files() == before


def test_a_terminal_that_has_hung_up(base: Home, user: User) -> None:
    before = base.files()
    master, terminal = os.openpty()
    os.close(master)

    for words in (*map(partial(command, user), OPTIONS), "mfa-profiles status", "mfa-profiles status --watch"):
        done = subprocess.run(
            words.split(),
            env=base.environment(),
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        assert is_an_error_with_a_hint(Result(done.returncode, "", done.stderr)), done.stderr
    os.close(terminal)

    assert base.files() == before


@pytest.mark.parametrize("option", OPTIONS)
def test_a_byte_order_mark_on_stdin_is_nothing(base: Home, user: User, device: MFADevice, option: str) -> None:
    result = sh(base, command(user, option), stdin=b"\xef\xbb\xbf" + given(base, user, device, option))

    assert result.code == 0


def command(user: User, option: str) -> str:
    """The command that reads stdin for an option."""
    if option == "--token-code":
        return f"mfa-profiles refresh {BASE} --token-code -"
    key = f"--access-key-id {user.access_key_id} " if option == "--secret-access-key-file" else ""
    return f"mfa-profiles setup other {key}{option} - --region us-west-2 --no-refresh"


def given(home: Home, user: User, device: MFADevice, option: str) -> bytes:
    """What belongs on stdin for an option."""
    csv = f"User name,Access key ID,Secret access key\nj,{user.access_key_id},{user.secret_access_key}\n"
    texts = {"--csv": csv, "--secret-access-key-file": f"{user.secret_access_key}\n"}
    return (texts.get(option) or f"{home.code(device)}\n").encode()


# --- stdout and stderr.

PRINTING = [
    f"export {COFFEE}",
    f"export {COFFEE} --by-profile",
    f"credential-process {COFFEE}",
    "status",
    "status --json",
    "doctor --offline",
    "shell-init bash",
    "--help",
    "--version",
]


@pytest.mark.parametrize("arguments", PRINTING)
@pytest.mark.parametrize("redirection", [">&-", ">&- <&-", "1</dev/null"])
def test_data_for_a_stdout_that_is_closed(home: Home, arguments: str, redirection: str) -> None:
    home.write(SESSION)

    result = sh(home, f"mfa-profiles {arguments} {redirection}")

    assert is_an_error_with_a_hint(result), result.stderr
    assert result.errors[0] == "mfa-profiles: error: the output could not be written: bad file descriptor"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", "2</dev/null"])
def test_what_prints_no_data_needs_no_stream(base: Home, device: MFADevice, redirection: str) -> None:
    code = base.code(device)

    results = [
        sh(base, f"{TOOL} refresh {BASE} {redirection}", env={"MFA_PROFILES_TOKEN_CODE": code}),
        sh(base, f"{TOOL} exec {BASE} -- touch ran {redirection}"),
        sh(base, f"{TOOL} clear {BASE} {redirection}"),
    ]

    assert [result.code for result in results] == [0, 0, 0]
    assert (base.path / "ran").exists()


# --- Encodings.


@pytest.mark.parametrize(
    "arguments", [f"export {COFFEE} --by-profile", f"export {COFFEE} --by-profile --format dotenv", "status"]
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:replace"])
def test_data_that_stdout_cannot_encode_is_an_error(home: Home, arguments: str, encoding: str) -> None:
    """It is not changed: the name would be that of another profile."""
    home.write(f"{session_section('first')}\n{SESSION}")

    result = sh(home, f"mfa-profiles {arguments}", env={"PYTHONIOENCODING": encoding})

    assert (result.code, result.stdout) == (1, "")
    name = encoding.partition(":")[0]
    assert f"error: the output could not be written: stdout is in the encoding {name}, which lacks" in result.stderr
    assert result.errors[-1].startswith("hint: set PYTHONIOENCODING=utf-8")


@pytest.mark.parametrize("arguments", [["status", "--json"], ["credential-process", COFFEE]])
def test_json_is_ascii(home: Home, arguments: list[str]) -> None:
    home.write(SESSION)

    script = f"mfa-profiles {' '.join(arguments)} > out"
    assert sh(home, script, env={"PYTHONIOENCODING": "ascii"}).code == 0

    found = json.loads((home.path / "out").read_text("ascii"))
    assert found[0]["profile"] == COFFEE if isinstance(found, list) else found["Version"] == 1


@pytest.mark.parametrize("options", [[], ["--watch"]])
def test_a_person_sees_escapes_for_what_a_terminal_lacks(home: Home, options: list[str]) -> None:
    home.write(SESSION)

    with Screen(home, ["status", *options], env={"PYTHONIOENCODING": "ascii"}) as screen:
        screen.wait_for(r"kaffee\u65e5\u672c  valid")
        if options:
            home.write(SESSION.replace("aws_session_token", f"{COFFEE}\naws_session_token"))
            screen.wait_for("error:")
            screen.child.sendintr()
        assert screen.end() == 0


def test_names_in_messages_are_escaped(home: Home) -> None:
    result = sh(home, f"mfa-profiles refresh {COFFEE}", env={"PYTHONIOENCODING": "ascii"})

    assert result.errors[0] == r"mfa-profiles: error: there is no profile kaffee\u65e5\u672c"
