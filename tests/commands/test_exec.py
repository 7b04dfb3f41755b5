"""exec: a command with the credentials of a profile in its environment."""

import os
import signal
import sys
from pathlib import Path

import pexpect
import pytest

from tests.home import BASE, DERIVED, TOOL, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import INTERRUPT_AT_THE_WRITING, PATIENCE

# Variables of AWS's that a program finds, by name only where they are secret.
AWS_VARIABLES = """
import os
for name, value in sorted(os.environ.items()):
    if name.startswith(("AWS_", "AMAZON_", "MFA_PROFILES_", "_MFA")) and name != "AWS_ENDPOINT_URL":
        print(name, "*" if "KEY" in name or "TOKEN" in name else value)
"""
STALE = {
    "AWS_ACCESS_KEY_ID": "AKIASTALE",
    "AWS_SECRET_ACCESS_KEY": "stale",
    "AWS_SESSION_TOKEN": "stale",
    "AWS_SECURITY_TOKEN": "stale",
    "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
    "AWS_PROFILE": "other",
    "AWS_DEFAULT_PROFILE": "other",
    "AWS_ACCESS_KEY": "AKIASTALE",
    "AWS_SECRET_KEY": "stale",
    "AMAZON_ACCESS_KEY_ID": "AKIASTALE",
    "AMAZON_SECRET_ACCESS_KEY": "stale",
    "AMAZON_SESSION_TOKEN": "stale",
    "AWS_ACCOUNT_ID": "210987654321",
    "AWS_CREDENTIAL_SCOPE": "us-west-1",
    "AWS_BEARER_TOKEN_BEDROCK": "stale",
    "AWS_BEARER_TOKEN_ANOTHER_SERVICE": "stale",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/other",
    "AWS_ROLE_SESSION_NAME": "other",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "stale",
    "AWS_SESSION_EXPIRATION": "2001-01-01T00:00:00Z",
    "AWS_VAULT": "other",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/",
    "AWS_CONTAINER_SERVICE_ENDPOINT": "http://127.0.0.1/",
    "AWS_WEB_IDENTITY_TOKEN": "stale",
    "AWS_CREDENTIAL_FILE": "/nowhere",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
WHO = ("-c", "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])")


def test_nothing_else_of_awss_is_left_in_the_environment(refreshed: Home) -> None:
    """Each stale variable is gone or replaced, the region is the profile's, and a code is not handed on."""
    env = {**STALE, "MFA_PROFILES_TOKEN_CODE": "123456", "AWS_PAGER": "cat"}

    result = refreshed.run("exec", BASE, "--", sys.executable, "-c", AWS_VARIABLES, env=env)

    expected = f"""\
AWS_ACCESS_KEY_ID *
AWS_CREDENTIAL_EXPIRATION {refreshed.section()["x_security_token_expires"]}
AWS_DEFAULT_REGION us-west-2
AWS_PAGER cat
AWS_REGION us-west-2
AWS_SECRET_ACCESS_KEY *
AWS_SESSION_TOKEN *
"""
    assert (0, expected, "") == (result.code, result.stdout, result.stderr)


def test_the_keys_are_those_of_the_session(refreshed: Home, aws: LocalAWS, user: User) -> None:
    """AWS itself is asked, through boto3, with all that is stale in the environment before."""
    result = refreshed.run("exec", DERIVED, "--", sys.executable, *WHO, env=STALE)

    assert f"{user.arn}\n" == result.stdout
    assert refreshed.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


def test_requests_go_to_the_account_of_the_session(refreshed: Home) -> None:
    """Where the endpoint of a service has the account in it."""
    script = "import boto3; print(boto3.Session().get_credentials().get_frozen_credentials().account_id)"
    env = {"AWS_ACCOUNT_ID": "210987654321"}

    result = refreshed.run("exec", BASE, "--", sys.executable, "-c", script, env=env)

    assert (result.stdout, result.stderr) == ("None\n", "")


def test_settings_of_the_profile_before_do_not_reach_the_next(
    refreshed: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """In a command that was given keys, calls for another profile go where that one says."""
    settings = f"region = us-west-2\nendpoint_url = {aws.endpoint_url}\n"
    refreshed.config.write_text(f"[profile {BASE}]\n{settings}[profile {DERIVED}]\n{settings}")
    text = refreshed.credentials.read_text()
    elsewhere = session_section("elsewhere", "endpoint_url = http://127.0.0.1:1", expires="2099-01-01T00:00:00Z")
    refreshed.credentials.write_text(text + elsewhere)
    script = f'echo "$AWS_ENDPOINT_URL"; {TOOL} exec {BASE} -- sh -c \'echo "$AWS_ENDPOINT_URL"\''
    inner = f"{script}; {TOOL} refresh {BASE} --force --token-code {refreshed.code(device)}"

    result = refreshed.run("exec", "elsewhere", "--", "sh", "-c", inner, env={"AWS_ENDPOINT_URL": ""})

    assert (result.code, result.stdout) == (0, f"http://127.0.0.1:1\n{aws.endpoint_url}\n")


def test_without_a_region_that_of_the_environment_stays(home: Home, user: User) -> None:
    """A profile that names none has nothing to say about it."""
    home.write(base_section(user) + session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z"))
    env = {"AWS_REGION": "eu-north-1"}

    result = home.run("exec", BASE, "--", sys.executable, "-c", AWS_VARIABLES, env=env)

    assert "AWS_REGION eu-north-1" in result.stdout.splitlines()
    assert "AWS_DEFAULT_REGION" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([BASE, "--", "echo", "--min-remaining", "1h", "--help", "--", "-x"], "--min-remaining 1h --help -- -x"),
        ([BASE, "echo", "--json", "--", "a"], "--json -- a"),
        (["--min-remaining", "5m", BASE, "--", "echo", "it's", "a  b"], "it's a  b"),
        (["--", "echo", "--all"], "--all"),
        ([BASE, "--", "printf", "%s", ""], ""),
    ],
)
def test_arguments_of_the_command_are_its_own(refreshed: Home, arguments: list[str], printed: str) -> None:
    """Whatever stands behind the command or the first --, even what looks like our options."""
    result = refreshed.run("exec", *arguments, env={"AWS_PROFILE": BASE})

    assert (0, printed, "") == (result.code, result.stdout.rstrip("\n"), result.stderr)


@pytest.mark.parametrize("code", [0, 1, 3, 42, 255])
def test_the_exit_code_is_the_commands(refreshed: Home, code: int) -> None:
    """As it is, also where our own codes mean something else."""
    assert code == refreshed.run("exec", BASE, "--", "sh", "-c", f"exit {code}").code


def test_the_command_dies_of_its_signals(refreshed: Home) -> None:
    """A caller sees the signal itself: there is no process of ours in between."""
    result = refreshed.run("exec", BASE, "--", "sh", "-c", "kill -TERM $$")

    assert -signal.SIGTERM == result.code


def test_signals_are_neither_ignored_nor_blocked(base: Home, device: MFADevice) -> None:
    """Python ignores SIGPIPE, and a refresh ignores Ctrl-C while it writes: the command must inherit neither."""
    script = (
        "import signal; print([s.name for s in signal.valid_signals() if s in signal.Signals.__members__.values() "
        "and signal.getsignal(s) is signal.SIG_IGN], signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )
    bare = base.run("-c", script, program=sys.executable)
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    result = base.run("exec", BASE, "--", sys.executable, "-c", script, env=env)

    assert result.errors[0].startswith(f"{DERIVED} is valid until ")
    assert bare.stdout == result.stdout


def test_the_tools_process_becomes_the_command(refreshed: Home) -> None:
    """The process that was started is the command: what is sent to it arrives."""
    script = "trap 'echo told; exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    child = pexpect.spawn(
        TOOL,
        ["exec", BASE, "--", "sh", "-c", script],
        env=refreshed.environment(),
        encoding="utf-8",
        timeout=PATIENCE,
    )
    child.expect("ready")

    child.kill(signal.SIGUSR1)

    child.expect("told")
    child.expect(pexpect.EOF)
    child.close()
    assert 9 == child.exitstatus


def test_the_code_is_asked_for_on_the_terminal_and_the_command_has_it_after(
    base: Home, user: User, device: MFADevice
) -> None:
    """In a real terminal: the question, then the command's own dialogue."""
    script = f'echo I am $({sys.executable} {WHO[0]} "{WHO[1]}"); read answer; echo got $answer'
    child = pexpect.spawn(
        TOOL, ["exec", BASE, "--", "sh", "-c", script], env=base.environment(), encoding="utf-8", timeout=PATIENCE
    )
    child.expect("MFA code for .*: ")
    child.sendline(base.code(device))
    child.expect(f"{DERIVED} is valid until ")
    child.expect(f"I am {user.arn}")
    child.sendline("yes")
    child.expect("got yes")
    child.expect(pexpect.EOF)
    child.close()
    assert 0 == child.exitstatus


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("nosuch", 127, "there is no command nosuch"),
        ("/", 126, "/ could not be run: it is a directory"),
        ("./data", 126, "./data could not be run: it is neither a program for this machine nor a script"),
    ],
)
def test_a_command_that_cannot_be_run(refreshed: Home, command: str, code: int, sentence: str) -> None:
    """With the exit codes that shells have for that."""
    add_program(refreshed, "data", b"MZ\0\n")

    result = refreshed.run("exec", BASE, "--", command)

    assert (code, [f"mfa-profiles: error: {sentence}"]) == (result.code, result.errors)


def add_program(home: Home, name: str, content: bytes) -> Path:
    """A file in the home that may be run."""
    path = home.path / name
    path.write_bytes(content)
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(
    ("content", "printed", "code"),
    [
        (b'echo "$0" "$#" "$1"; exit 3\n', "PATH 1 a b\n", 3),
        (b"# \xe9\necho x\n", "x\n", 0),
        (b"#!\necho x\n", "x\n", 0),
        (b"", "", 0),
        (b"exit 0\n\0\0\0 an archive behind a script", "", 0),
    ],
)
@pytest.mark.parametrize("found_by", ["its path", "PATH"])
def test_a_script_that_does_not_say_what_runs_it(
    refreshed: Home, content: bytes, printed: str, code: int, found_by: str
) -> None:
    """sh does, as for a shell, env and nohup; its first argument is the path by which it was found."""
    path = add_program(refreshed, "deploy", content)
    name = "./deploy" if found_by == "its path" else "deploy"
    env = {"PATH": f"{path.parent}:{refreshed.environment()['PATH']}"}

    result = refreshed.run("exec", BASE, "--", name, "a b", env=env)

    shown = printed.replace("PATH", name if found_by == "its path" else str(path))
    assert (result.code, result.stdout, result.stderr) == (code, shown, "")


def foreign() -> bytes:
    """The beginning of a program for a machine that nobody has: as this one's, but for its number."""
    with open(os.path.realpath(sys.executable), "rb") as program:
        return program.read(18) + b"\xfe\xfe" + program.read(4096)[2:]


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has programs in this form, and says what else it runs"
)
@pytest.mark.parametrize(
    "content",
    [foreign(), b"MZ\x90\0\x03\0\0\0", b"#!/nowhere/interpreter\n", b"#! /bin/sh\r\necho x\r\n"],
    ids=["another machine", "Windows", "no interpreter", "a carriage return"],
)
def test_a_program_that_cannot_run_costs_no_code(
    base: Home, aws: LocalAWS, device: MFADevice, content: bytes
) -> None:
    """Nor is it given to a shell, which would try to make sense of it."""
    add_program(base, "program", content)

    result = base.run("exec", BASE, "--", "./program", env={"MFA_PROFILES_TOKEN_CODE": base.code(device)})

    assert (result.code, result.stdout, aws.actions) == (126, "", [])
    assert result.errors[0].startswith("mfa-profiles: error: ./program could not be run: it")


def test_without_a_command_it_is_a_shell(refreshed: Home, tmp_path: Path) -> None:
    """The one that SHELL names."""
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\necho this is $#\n")
    shell.chmod(0o700)

    assert "this is 0\n" == refreshed.run("exec", BASE, env={"SHELL": str(shell)}).stdout


@pytest.mark.parametrize("arguments", [[BASE, "--"], ["--"], ["--profile", BASE, "--"]])
def test_a_command_that_is_forgotten(refreshed: Home, arguments: list[str]) -> None:
    """What a script meant, whose variable is empty, is no shell with credentials."""
    result = refreshed.run("exec", *arguments, env={"SHELL": "/bin/echo"})

    assert (2, "") == (result.code, result.stdout)
    assert "mfa-profiles: error: there is no command behind --" == result.errors[0]


def test_an_interruption_while_the_session_is_stored(base: Home, device: MFADevice) -> None:
    """Who has pressed Ctrl-C does not want the command any more; the session is there, and that was said."""
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    result = base.run_warm("exec", BASE, "--", "echo", "ran", env=env, before=INTERRUPT_AT_THE_WRITING)

    assert (130, "") == (result.code, result.stdout)
    assert result.errors[0].startswith(f"{DERIVED} is valid until ")
    assert ["mfa-profiles: error: interrupted"] == result.errors[1:]


def test_no_code_no_command(base: Home, aws: LocalAWS) -> None:
    """Exit 5 at once, and the command was not run."""
    result = base.run("exec", BASE, "--", "echo", "ran")

    assert (5, "", []) == (result.code, result.stdout, aws.actions)
    assert result.errors[0].startswith("mfa-profiles: error: a token code is needed")


def test_a_profile_without_a_session_works_too(home: Home) -> None:
    """What its own credential_process gives is handed on, and nothing of ours is left in the environment."""
    home.secrets.append("its/secret")
    keys = '{"Version": 1, "AccessKeyId": "AKIAELSEWHERE", "SecretAccessKey": "its/secret"}'
    (home.path / "keys").write_text(keys)
    home.write("", f"[profile elsewhere]\nregion = eu-west-1\ncredential_process = cat {home.path / 'keys'}\n")

    result = home.run("exec", "elsewhere", "--", sys.executable, "-c", AWS_VARIABLES, env=STALE)

    expected = "AWS_ACCESS_KEY_ID *\nAWS_DEFAULT_REGION eu-west-1\nAWS_REGION eu-west-1\nAWS_SECRET_ACCESS_KEY *\n"
    assert (0, expected, "") == (result.code, result.stdout, result.stderr)


@pytest.mark.parametrize("arguments", [["--min-remaining", "5m", "--", "echo", "x"], ["--help"]])
def test_an_option_behind_the_profile_is_a_mistake(base: Home, aws: LocalAWS, arguments: list[str]) -> None:
    """It is not run as a command, and no code is asked for."""
    result = base.run("exec", BASE, *arguments)

    assert (2, []) == (result.code, aws.actions)
    assert "options come before the profile, and the command behind --" in result.errors[0]


@pytest.mark.parametrize(
    ("command", "code"), [("nosuch", 127), ("./nosuch", 127), ("./plain", 126), ("plain", 126), ("./bin", 126)]
)
def test_a_command_that_cannot_be_run_costs_no_code(
    base: Home, aws: LocalAWS, device: MFADevice, command: str, code: int
) -> None:
    """A slip of the finger is found before AWS is asked."""
    directory = base.path / "bin"
    directory.mkdir()
    for path in (base.path / "plain", directory / "plain"):
        path.touch(mode=0o600)
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device), "PATH": f"{directory}:{base.environment()['PATH']}"}

    result = base.run("exec", BASE, "--", command, env=env)

    assert (code, []) == (result.code, aws.actions)


def test_its_own_exit_codes_are_in_the_help(home: Home) -> None:
    """A script that looks at the code of the command has to know them."""
    help_text = home.run("exec", "--help").stdout

    assert "Exit codes: that of the command; 126 it cannot be run, 127 it is not found." in help_text


def test_a_profile_that_is_forgotten(base: Home) -> None:
    """The command has taken its place, and that is what is wrong."""
    result = base.run("exec", "aws", "sts", "get-caller-identity")

    assert (1, "mfa-profiles: error: there is no profile aws") == (result.code, result.errors[0])


def test_no_locale_is_added(refreshed: Home) -> None:
    """Python sets LC_CTYPE for itself where there is none; the command sorts and speaks as it does without us."""
    result = refreshed.run(
        "-c", f"unset LANG LC_ALL LC_CTYPE; {TOOL} exec {BASE} -- env | grep ^LC_", program="/bin/sh"
    )

    assert "" == result.stdout


def test_a_log_on_a_full_disk_stops_nothing(base: Home, device: MFADevice) -> None:
    """The code is spent, the session stored, and the command runs."""
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    result = base.run("-c", f"{TOOL} exec {BASE} -- echo ran 2>/dev/full", program="/bin/sh", env=env)

    assert (0, "ran\n") == (result.code, result.stdout)


def test_a_background_job_does_not_hold_the_terminal(base: Home, aws: LocalAWS) -> None:
    """It would be stopped at the question, with the lock that others wait for: it ends at once instead."""
    script = f"set -m; {TOOL} exec {BASE} -- echo ran & wait $!; echo exit $?"
    child = pexpect.spawn("/bin/bash", ["-c", script], env=base.environment(), encoding="utf-8", timeout=120)

    child.expect("a token code is needed")
    child.expect("exit 5")
    assert [] == aws.actions
