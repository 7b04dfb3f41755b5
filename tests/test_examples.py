"""The examples do what they say, as they are, under the real programs that they are for."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pexpect
import pytest

from examples import picture
from mfa_profiles.sessions import format_time
from tests.home import BASE, DERIVED, TOOL, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.processes import PATIENCE
from tests.programs import needs

EXAMPLES = Path(__file__).parent.parent / "examples"


def ours(minutes: float, name: str = DERIVED, source: str = BASE) -> str:
    """A section as this tool writes it, of a session that ends in some minutes."""
    expires = datetime.now(UTC) + timedelta(minutes=minutes)
    return session_section(name, source=source, expires=f"{expires:%Y-%m-%dT%H:%M:%SZ}")


def run_hint(home: Home, output: str, device: MFADevice) -> Result:
    """Do what an example's message says after "run:", with a code of the device."""
    words = shlex.split(output.split("run: ")[1].splitlines()[0])
    return home.run(*words[1:], program=words[0], env={"MFA_PROFILES_TOKEN_CODE": home.code(device)})


@pytest.fixture
def installed(home: Home) -> Home:
    """A home with the tool where pipx puts it."""
    directory = home.path / ".local" / "bin"
    directory.mkdir(parents=True)
    (directory / "mfa-profiles").symlink_to(TOOL)
    return home


def test_each_example_is_in_the_readme() -> None:
    """One that is not would not be found."""
    files = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*") if path.is_file()}
    named = set(re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text()))

    assert {name for name in files if name != "README.md" and "__pycache__" not in name} == named


# cron


def cron_commands() -> list[str]:
    """The commands of the crontab, by cron's own rules: five fields, and the rest of the line."""
    lines = (EXAMPLES / "crontab").read_text().splitlines()
    jobs = [line.split(maxsplit=5) for line in lines if line and not line.startswith("#")]
    assert not any("%" in job[5] for job in jobs), "to cron it is the end of the command"
    return [job[5] for job in jobs]


def run_by_cron(home: Home, command: str) -> str:
    """Run a command with what cron gives it, and return the mail that cron would send."""
    environment = {"HOME": str(home.path), "LOGNAME": "john.doe", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=home.path,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    home.check_for_secrets(done.stdout)
    return done.stdout


WARN, KEEP_ROLES = cron_commands()


@needs("crontab")
def test_cron_takes_the_crontab() -> None:
    """Its own check of the syntax."""
    if "dry run" not in subprocess.run(["crontab", "-h"], capture_output=True, text=True, check=False).stderr:
        pytest.skip("to another cron than Debian's -n is something else")

    done = subprocess.run(["crontab", "-n", EXAMPLES / "crontab"], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(("minutes", "state"), [(180, None), (119, "expiring"), (-1, "expired")])
def test_cron_sends_a_mail_while_there_is_time(installed: Home, user: User, minutes: int, state: str | None) -> None:
    """None while all is well; else which session, until when, and what to do."""
    installed.write(base_section(user) + ours(minutes))

    mail = run_by_cron(installed, WARN)

    if state is None:
        assert "" == mail
    else:
        assert f"{DERIVED}\t{state}\t{installed.section()['x_security_token_expires']}\t" in mail
        assert mail.endswith("run: mfa-profiles refresh smce-veda --min-remaining 2h\n")


def test_what_the_mail_says_helps(installed: Home, user: User, device: MFADevice) -> None:
    """A plain refresh would say that the session is still valid, and the next mail would come in an hour."""
    installed.add_base(user)
    installed.write(installed.credentials.read_text() + ours(90))

    result = run_hint(installed, run_by_cron(installed, WARN), device)

    assert (0, "") == (result.code, run_by_cron(installed, WARN))


@pytest.mark.parametrize("command", cron_commands())
def test_cron_sends_a_mail_if_the_tool_is_not_there(home: Home, command: str) -> None:
    """It must not look like a session that is valid."""
    assert ".local/bin/mfa-profiles: " in run_by_cron(home, command)


def test_cron_sends_a_mail_if_there_is_no_such_profile(installed: Home) -> None:
    """A typing mistake must not look like a session that is valid."""
    installed.write("[uah-veda]\n")

    assert "smce-veda" in run_by_cron(installed, WARN)


def in_config(home: Home) -> str:
    """The setting by which cron's jobs find the local AWS: their environment has none for it."""
    return f"endpoint_url = {home.aws.endpoint_url}\n"


def test_cron_keeps_roles_ahead_of_their_end(installed: Home, aws: LocalAWS, user: User, device: MFADevice) -> None:
    """Without a code while the session behind them is valid, and without a word."""
    role = aws.create_role("operator", trusted=user.arn, require_mfa=True)
    installed.add_base(user, config=f"region = us-west-2\n{in_config(installed)}")
    installed.add_role("production", role.arn, in_config(installed))
    installed.run("refresh", "production", "--token-code", installed.code(device))
    before = installed.section("production-mfa")
    soon = format_time(datetime.now(UTC) + timedelta(minutes=20))
    installed.write(installed.credentials.read_text().replace(before["x_security_token_expires"], soon))

    mail = run_by_cron(installed, KEEP_ROLES)

    assert "" == mail
    assert before["aws_access_key_id"] != installed.section("production-mfa")["aws_access_key_id"]


def test_cron_does_not_wait_for_a_code(installed: Home, user: User, device: MFADevice) -> None:
    """The session is over: the job ends at once, and leaves it to the warning to say so."""
    installed.add_base(user, config=f"mfa_serial = {device.serial_number}\n{in_config(installed)}")
    installed.write(installed.credentials.read_text() + ours(-1))

    assert "" == run_by_cron(installed, KEEP_ROLES)
    assert 5 == installed.run("refresh", "--all").code


def test_cron_is_quiet_about_what_takes_a_code(installed: Home, user: User) -> None:
    """Also while another session is still good."""
    installed.add_base(user, config=f"region = us-west-2\n{in_config(installed)}")
    sessions = ours(-1) + ours(180, "other-mfa", "other")
    installed.write(installed.credentials.read_text() + base_section(user, "other") + sessions)

    assert "" == run_by_cron(installed, KEEP_ROLES)
    assert 1 == installed.run("refresh", "--all").code


def test_cron_tells_what_keeps_a_role_from_being_refreshed(
    installed: Home, aws: LocalAWS, user: User, device: MFADevice
) -> None:
    """A failure that no code would mend comes by mail."""
    role = aws.create_role("operator", trusted="arn:aws:iam::123456789012:user/somebody.else")
    installed.add_base(user, config=f"region = us-west-2\n{in_config(installed)}")
    installed.run("refresh", BASE, "--token-code", installed.code(device))
    installed.add_role("production", role.arn, in_config(installed))

    assert "production-mfa: " in run_by_cron(installed, KEEP_ROLES)


# systemd

SYSTEMD = EXAMPLES / "systemd"


def exec_start(home: Home, unit: str) -> list[str]:
    """The command of a unit, with the specifiers that systemd expands."""
    [line] = re.findall(r"^ExecStart=(.*)$", (SYSTEMD / unit).read_text(), re.MULTILINE)
    return shlex.split(line.replace("%h", str(home.path)).replace("%i", BASE))


@needs("systemd-analyze")
@needs("notify-send")
def test_systemd_takes_the_units(installed: Home) -> None:
    """Every line is understood, and every program is there."""
    units = [f"mfa-profiles-{name}@{BASE}.{kind}" for name, kind in (("status", "timer"), ("notice", "service"))]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *(str(SYSTEMD / unit) for unit in units)],
        capture_output=True,
        text=True,
        env=installed.environment({"XDG_RUNTIME_DIR": str(installed.path)}),
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)


def test_what_systemd_starts_on_failure_is_there() -> None:
    """Its own check overlooks that."""
    [started] = re.findall(r"^OnFailure=(.*)$", (SYSTEMD / "mfa-profiles-status@.service").read_text(), re.MULTILINE)

    assert (SYSTEMD / started.replace("%i", "")).is_file()


@pytest.mark.parametrize(("minutes", "code"), [(180, 0), (119, 4), (-1, 3)])
def test_the_unit_fails_while_there_is_time(installed: Home, user: User, minutes: int, code: int) -> None:
    """Which is what has systemd start the notice."""
    installed.write(base_section(user) + ours(minutes))
    program, *arguments = exec_start(installed, "mfa-profiles-status@.service")

    assert code == installed.run(*arguments, program=program).code


def test_the_notice_names_the_profile_and_helps(installed: Home, user: User, device: MFADevice) -> None:
    """What the desktop is given to show has the command to run in it."""
    installed.add_base(user)
    installed.write(installed.credentials.read_text() + ours(90))
    shown = installed.path / "shown"
    (installed.path / "notify-send").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shown}\n')
    (installed.path / "notify-send").chmod(0o755)
    program, *arguments = exec_start(installed, "mfa-profiles-notice@.service")

    installed.run(*arguments, program=str(installed.path / program))
    _urgency, _application, title, text = shown.read_text().splitlines()

    assert f"MFA session of {BASE}" == title
    assert 0 == run_hint(installed, text, device).code
    assert 0 == installed.run("status", BASE, "--min-remaining", "2h").code


# Starship

STARSHIP = EXAMPLES / "starship.toml"


def test_starship_knows_the_settings() -> None:
    """The options of its module aws, as its documentation lists them: https://starship.rs/config/#aws.

    Debian 12 has no Starship that would read them.
    """
    options = {
        "disabled",
        "expiration_symbol",
        "force_display",
        "format",
        "profile_aliases",
        "region_aliases",
        "style",
        "symbol",
    }
    settings = tomllib.loads(STARSHIP.read_text())

    assert {"aws"} == set(settings)
    assert set() == set(settings["aws"]) - options
    assert {"symbol", "profile", "region", "duration", "style"} == set(
        re.findall(r"\$(\w+)", settings["aws"]["format"])
    )


# direnv


@pytest.fixture
def project(home: Home) -> Path:
    """A directory that direnv may load the example in."""
    directory = home.path / "project"
    directory.mkdir()
    shutil.copy(EXAMPLES / "envrc", directory / ".envrc")
    home.run("allow", str(directory), program="direnv")
    return directory


def in_project(home: Home, project: Path, command: str, *, env: dict[str, str] | None = None) -> Result:
    """Run a shell command with what direnv loads in the project."""
    return home.run("exec", str(project), "sh", "-c", command, program="direnv", env=env)


@needs("direnv")
def test_direnv_switches_a_project_to_the_profile(refreshed: Home, project: Path, user: User) -> None:
    """AWS tools in it are the session's, even under keys that outrank a profile; its own keys stay in their file."""
    stray = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}
    show = 'echo "$AWS_PROFILE ${AWS_ACCESS_KEY_ID-none}"; aws sts get-caller-identity --output json'

    result = in_project(refreshed, project, show, env=stray)

    variables, _, answer = result.stdout.partition("\n")
    assert f"{DERIVED} none" == variables
    assert user.arn == json.loads(answer)["Arn"]


@needs("direnv")
def test_direnv_without_a_session_names_the_profile_all_the_same(base: Home, project: Path) -> None:
    """So that AWS tools refuse, and do not work on the default account; and the tool says what is missing."""
    result = in_project(base, project, 'echo "$AWS_PROFILE"')

    assert (0, f"{DERIVED}\n") == (result.code, result.stdout)
    assert "code" in result.stderr


@needs("direnv")
@needs("bash")
def test_direnv_asks_for_a_code_in_the_terminal(base: Home, project: Path, device: MFADevice) -> None:
    """On entering the directory, once: the refresh that follows is no reason to look again."""
    (base.path / ".bashrc").write_text("PS1='ready> '\neval \"$(direnv hook bash)\"\n")
    os.utime(base.credentials, (0, 0))  # direnv compares whole seconds
    shell = pexpect.spawn(
        "bash", ["--noprofile", "-i"], env=base.environment(), cwd=str(base.path), encoding="utf-8", timeout=PATIENCE
    )
    shell.expect("ready> ")
    shell.sendline(f"cd {project.name}")
    shell.expect("MFA code for arn:aws:iam::123456789012:mfa/john.doe: ")
    shell.sendline(device.code())
    shell.expect("ready> ")
    shell.sendline()  # to have one more prompt, at which direnv looks
    shell.sendline("echo is:$AWS_PROFILE; exit")
    shell.expect(f"is:{DERIVED}")
    before = str(shell.before)
    shell.expect(pexpect.EOF)
    shell.close()

    assert "direnv: loading" not in before


@needs("direnv")
def test_direnv_looks_again_after_a_refresh(refreshed: Home, project: Path, device: MFADevice) -> None:
    """What direnv's hook does at each prompt: nothing while nothing has changed, and a new look after a refresh."""

    def at_the_prompt(loaded: dict[str, str]) -> dict[str, str]:
        result = refreshed.run("-c", f"cd {project} && direnv export json", program="sh", env=loaded)
        return dict(json.loads(result.stdout or "{}"))

    os.utime(refreshed.credentials, (0, 0))  # direnv compares whole seconds
    loaded = at_the_prompt({})
    unchanged = at_the_prompt(loaded)
    refreshed.run("refresh", BASE, "--force", "--duration-seconds", "2h", "--token-code", refreshed.code(device))
    changed = at_the_prompt(loaded)

    assert DERIVED == loaded["AWS_PROFILE"]
    assert {} == unchanged
    assert refreshed.section()["x_security_token_expires"] == changed["AWS_CREDENTIAL_EXPIRATION"]


# Terraform


def terraform_init(home: Home, text: str, *, program: tuple[str, ...] = ("terraform",)) -> Result:
    """Have Terraform set up its backend, and find no provider: the one for AWS is not for tests to download."""
    home.aws.create_bucket("smce-veda-terraform-state", require_mfa=True)
    (home.path / "main.tf").write_text(text)
    (home.path / "empty").mkdir()
    settings = home.path / "terraform.rc"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{home.path}/empty"\n  }}\n}}\n'
    )
    home.aws.requests.clear()
    environment = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(settings)}
    return home.run(*program[1:], "init", "-input=false", "-no-color", program=program[0], env=environment)


@needs("terraform")
def test_terraform_takes_the_file(home: Home) -> None:
    """It is written the way `terraform fmt` has it, which reads all of it."""
    result = home.run("fmt", "-check", "-diff", str(EXAMPLES / "main.tf"), program="terraform")

    assert (0, "", "") == (result.code, result.stdout, result.stderr)


@needs("terraform")
def test_terraform_keeps_its_state_with_the_session(refreshed: Home) -> None:
    """In a bucket that is closed to all but sessions with MFA."""
    result = terraform_init(refreshed, (EXAMPLES / "main.tf").read_text())

    assert 'Successfully configured the backend "s3"!' in result.stdout
    assert {refreshed.section()["aws_access_key_id"]} == {request.access_key_id for request in refreshed.aws.requests}


@needs("terraform")
def test_terraform_under_exec(refreshed: Home) -> None:
    """Without the profile lines it takes the credentials from the environment, as the comment says."""
    text = re.sub(r"(?m)^ *profile = .*\n", "", (EXAMPLES / "main.tf").read_text())

    result = terraform_init(refreshed, text, program=(TOOL, "exec", BASE, "--", "terraform"))

    assert 'Successfully configured the backend "s3"!' in result.stdout
    assert {refreshed.section()["aws_access_key_id"]} == {request.access_key_id for request in refreshed.aws.requests}


# Docker Compose


@needs("docker-compose")
def test_docker_compose_hands_the_session_to_the_container(refreshed: Home) -> None:
    """Together with the other variables of the file."""
    shutil.copy(EXAMPLES / "compose.yaml", refreshed.path)
    (refreshed.path / ".env").write_text("BUCKET=nasa-disasters # ours\n")
    [command] = re.findall(r"^# +mfa-profiles (export .*)$", (EXAMPLES / "compose.yaml").read_text(), re.MULTILINE)
    assert 0 == refreshed.run(*shlex.split(command)).code

    result = refreshed.run("config", program="docker-compose", prints_secrets=True)

    lines = {line.strip() for line in result.stdout.splitlines()}
    session = refreshed.section()
    assert {
        "BUCKET: nasa-disasters",
        f"AWS_ACCESS_KEY_ID: {session['aws_access_key_id']}",
        f"AWS_SECRET_ACCESS_KEY: {session['aws_secret_access_key']}",
        f"AWS_SESSION_TOKEN: {session['aws_session_token']}",
        "AWS_REGION: us-west-2",
    } <= lines, result.errors


# CI monitor


def monitor(home: Home, *arguments: str, path: str | None = None) -> Result:
    """Run the monitor as a CI job does."""
    extra = {"PATH": path} if path is not None else {}
    return home.run(str(EXAMPLES / "monitor.py"), *arguments, program=sys.executable, env=extra)


def test_the_monitor_names_the_sessions_that_need_somebody(home: Home, user: User) -> None:
    """The worst first, each with its end and what to do about it; another tool's session without."""
    home.write(
        base_section(user, "a") + ours(300, "a-mfa", "a") + ours(90, "b-mfa", "b") + ours(-1, "c-mfa", "c"),
        "[profile d]\nmfa_serial = arn:aws:iam::123456789012:mfa/john.doe\n",
    )
    ends = {name: home.section(f"{name}-mfa")["x_security_token_expires"] for name in "abc"}
    home.write(home.credentials.read_text() + session_section("saml"))

    result = monitor(home)

    assert [
        f"CRITICAL: c-mfa is expired, end {ends['c']}; run: mfa-profiles refresh c --min-remaining 2h",
        "CRITICAL: saml is unknown",
        "CRITICAL: d-mfa is missing; run: mfa-profiles refresh d --min-remaining 2h",
        f"WARNING: b-mfa is expiring, end {ends['b']}; run: mfa-profiles refresh b --min-remaining 2h",
        f"OK: a-mfa is valid, end {ends['a']}",
    ] == result.stdout.splitlines()
    assert (2, "") == (result.code, result.stderr)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["a"], 0), (["a", "b"], 1), (["--min-remaining", "1h", "a", "b"], 0), (["b", "c"], 2)],
)
def test_the_monitor_fails_by_the_worst_of_what_was_asked_for(home: Home, arguments: list[str], code: int) -> None:
    """0 fine, 1 a warning, 2 critical."""
    home.write(ours(300, "a-mfa", "a") + ours(90, "b-mfa", "b") + ours(-1, "c-mfa", "c"))

    assert code == monitor(home, *arguments).code


def test_what_the_monitor_says_helps(home: Home, user: User, device: MFADevice) -> None:
    """After the command that it names it is content."""
    home.add_base(user)
    home.write(home.credentials.read_text() + ours(90))

    before = monitor(home, BASE)
    run_hint(home, before.stdout, device)

    assert (1, 0) == (before.code, monitor(home, BASE).code)


def test_the_monitor_is_not_content_with_nothing(home: Home) -> None:
    """No session at all, or a profile with a typing mistake: exit code 3, and why."""
    nothing = monitor(home)
    home.write(f"[{BASE}]\n")
    unknown = monitor(home, "smce-vada")

    assert (3, "UNKNOWN: there is no session to look at\n") == (nothing.code, nothing.stdout)
    assert (3, True) == (unknown.code, f"did you mean {BASE}?" in unknown.stdout)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "mfa-profiles cannot be run"),
        ("echo '[{'", "did not print what it should"),
        ("echo '[{\"profile\": 1}]'", "did not print what it should"),
        ("echo 7", "did not print what it should"),
        ("exit 9", "ended with exit code 9"),
    ],
)
def test_the_monitor_without_a_tool_that_works(home: Home, script: str | None, said: str) -> None:
    """Exit code 3 and a sentence: what could not be looked at is not valid."""
    if script is not None:
        (home.path / "mfa-profiles").write_text(f"#!/bin/sh\n{script}\n")
        (home.path / "mfa-profiles").chmod(0o755)

    result = monitor(home, path=str(home.path))

    assert (3, True, "") == (result.code, said in result.stdout, result.stderr)


# The picture


def test_the_picture_is_of_what_the_tool_prints_now(tmp_path: Path) -> None:
    """But for codes and times. If not: python -m examples.picture."""

    def text(path: Path) -> str:
        drawn = "\n".join(ElementTree.parse(path).getroot().itertext())
        return re.sub(r"\d+", "0", drawn)

    again = tmp_path / "again.svg"
    picture.main([str(again)])

    assert text(again) == text(picture.FILE)
    assert [] == re.findall(r"(?:url|href)[^;]*//[^;]*", picture.FILE.read_text())
