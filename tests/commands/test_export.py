"""export: the credentials as text; and a .env file that is kept up to date."""

import json
import os
import re
import subprocess
import sys

import pexpect
import pytest

from tests.home import BASE, DERIVED, TOOL, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User

EXPIRES = "2099-01-01T00:00:00Z"
KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


@pytest.fixture
def stored(home: Home, user: User) -> Home:
    """A home with a session that AWS does not know, and a region."""
    home.write(
        base_section(user) + session_section(DERIVED, source=BASE, expires=EXPIRES),
        f"[profile {DERIVED}]\nregion = us-west-2\n",
    )
    return home


def assignments(home: Home) -> str:
    """The lines of a .env file for the session, masked."""
    section = home.section()
    key_id, secret, token = (section[key] for key in KEYS)
    return (
        f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret}\nAWS_SESSION_TOKEN={token}\n"
        f"AWS_CREDENTIAL_EXPIRATION={EXPIRES}\nAWS_REGION=us-west-2\nAWS_DEFAULT_REGION=us-west-2\n"
    )


@pytest.mark.parametrize("name", [BASE, DERIVED])
def test_keys_for_the_shell(stored: Home, name: str) -> None:
    """All that would outrank them is unset first; nothing is said beside it."""
    result = stored.run("export", name, prints_secrets=True)

    unset, *exports = result.stdout.splitlines()
    assert unset.startswith("unset AWS_SECURITY_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE ")
    assert ["export " + line for line in assignments(stored).splitlines()] == exports
    assert (0, "") == (result.code, result.stderr)


def test_the_name_of_the_profile_for_the_shell(stored: Home) -> None:
    """With --by-profile there is no secret in it, and the keys are what is unset."""
    result = stored.run("export", BASE, "--by-profile")

    unset, *exports = result.stdout.splitlines()
    assert unset.startswith("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN ")
    assert [
        f"export AWS_PROFILE={DERIVED}",
        f"export AWS_CREDENTIAL_EXPIRATION={EXPIRES}",
        "export AWS_REGION=us-west-2",
        "export AWS_DEFAULT_REGION=us-west-2",
    ] == exports


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ((), {"AWS_ACCOUNT_ID", "AWS_CREDENTIAL_SCOPE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_BEARER_TOKEN_X_1"}),
        (("--by-profile",), {"AWS_BEARER_TOKEN_BEDROCK", "AWS_BEARER_TOKEN_X_1"}),
    ],
    ids=["keys", "profile"],
)
def test_what_sdks_combine_with_keys_or_prefer_to_them_is_unset(
    stored: Home, option: tuple[str, ...], names: set[str]
) -> None:
    """An account alone does nothing, and the program may read it. No name can be a command."""
    env = {"AWS_BEARER_TOKEN_X_1": "x", "AWS_BEARER_TOKEN_X; echo": "x"}

    result = stored.run("export", BASE, *option, env=env, prints_secrets=True)

    unset = result.stdout.splitlines()[0].removesuffix(";").split()
    assert {name for name in unset if name.startswith(("AWS_BEARER", "AWS_ACCOUNT", "AWS_CREDENTIAL_S"))} == names
    assert "echo" not in result.stdout


@pytest.mark.parametrize(
    ("option", "line", "warned"),
    [
        ((), "AWS_ACCOUNT_ID=210987654321", "some SDKs combine with these keys"),
        ((), "AWS_ACCOUNT_ID=123456789012", None),
        (("--by-profile",), "AWS_ACCOUNT_ID=210987654321", None),
        ((), "AWS_BEARER_TOKEN_BEDROCK=x", "some SDKs prefer"),
        (("--by-profile",), "AWS_BEARER_TOKEN_X=x", "some SDKs prefer"),
    ],
)
def test_an_env_file_with_an_account_or_a_token_of_its_own(
    base: Home, option: tuple[str, ...], line: str, warned: str | None
) -> None:
    """The project may read them there, and they may be nowhere else."""
    base.credentials.write_text(base.credentials.read_text() + session_section(DERIVED, source=BASE, expires=EXPIRES))
    path = base.path / ".env"
    path.write_text(f"{line}\n")

    result = base.run("export", BASE, "--format", "dotenv", "--output", ".env", *option)

    assert result.code == 0
    assert line in path.read_text().splitlines()
    name = line.partition("=")[0]
    expected = [f"mfa-profiles: warning: .env also sets {name}, which {warned}: remove that line"] if warned else []
    assert [error for error in result.errors if "also sets" in error] == expected


def test_a_profile_without_a_session_is_named_itself(home: Home, aws: LocalAWS) -> None:
    """What needs no MFA needs nothing from us, and its credentials are not even looked up."""
    home.write(
        "", "[profile sso]\nsso_session = work\nregion = eu-west-1\n[sso-session work]\nsso_region = eu-west-1\n"
    )

    result = home.run("export", "sso", "--by-profile")

    assert (0, "", []) == (result.code, result.stderr, aws.actions)
    assert "export AWS_PROFILE=sso" in result.stdout.splitlines()
    assert "export AWS_REGION=eu-west-1" in result.stdout.splitlines()
    assert "AWS_CREDENTIAL_EXPIRATION" in result.stdout.splitlines()[0]


@pytest.mark.parametrize(
    "format_name", ["env", "env-no-export", "fish", "powershell", "windows-cmd", "process", "dotenv"]
)
def test_each_format_has_the_session(stored: Home, format_name: str) -> None:
    """By any name that --format takes."""
    result = stored.run("export", BASE, "--format", format_name, prints_secrets=True)

    assert (0, "") == (result.code, result.stderr)
    for key in KEYS:
        assert stored.section()[key] in result.stdout


def test_the_process_format_is_the_aws_clis(stored: Home) -> None:
    """What `aws configure export-credentials` prints by default."""
    result = stored.run("export", BASE, "--format", "process", prints_secrets=True)

    key_id, secret, token = (stored.section()[key] for key in KEYS)
    expected = {
        "Version": 1,
        "AccessKeyId": key_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": EXPIRES,
    }
    assert json.dumps(expected, indent=2) + "\n" == result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "json"], "invalid value for '--format': it is one of env, env-no-export,"),
        (["--output", ".env"], "--output is for --format dotenv"),
        (["--format", "dotenv", "--output", ""], "--output takes the name of a file, and this one is empty"),
        (["--format", "process", "--by-profile"], "--format process is for keys, and --by-profile gives none"),
        (["--min-remaining", "soon"], "invalid value for '--min-remaining'"),
    ],
)
def test_what_makes_no_sense(stored: Home, arguments: list[str], sentence: str) -> None:
    """Exit 2 and a sentence; nothing is printed or written."""
    result = stored.run("export", BASE, *arguments)

    assert (2, "") == (result.code, result.stdout)
    assert sentence in result.errors[0]
    assert not (stored.path / ".env").exists()


def test_a_session_is_got_first_and_eval_gets_nothing_else(base: Home, user: User, device: MFADevice) -> None:
    """In a real terminal: the question is asked there, and the shell then works with what stdout held."""
    script = f'eval "$({TOOL} export {BASE})" && aws sts get-caller-identity --query Arn --output text'
    env = base.environment({"AWS_PROFILE": "stale", "AWS_SECURITY_TOKEN": "stale", "AWS_ACCESS_KEY_ID": "stale"})
    child = pexpect.spawn("/bin/sh", ["-c", script], env=env, cwd=str(base.path), encoding="utf-8", timeout=120)

    child.expect("MFA code for .*: ")
    child.sendline(base.code(device))
    child.expect(f"{DERIVED} is valid until ")
    child.expect(user.arn)
    child.expect(pexpect.EOF)


def test_without_a_way_to_a_code_nothing_is_printed(base: Home) -> None:
    """Exit 5, so that `eval "$(...)" && ...` stops."""
    result = base.run("export", BASE)

    assert (5, "") == (result.code, result.stdout)


def test_what_is_left_is_used_with_a_warning(home: Home, user: User, device: MFADevice) -> None:
    """A session that cannot be refreshed is good until its end."""
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")
    home.run_warm("refresh", BASE, "--token-code", home.code(device), "--duration-seconds", "2h")

    result = home.run("export", BASE, "--min-remaining", "3h", prints_secrets=True)

    assert 0 == result.code
    assert f"warning: {DERIVED} is used until " in result.errors[0]
    assert "as it could not be refreshed: a token code is needed" in result.errors[0]
    assert home.section()["aws_session_token"] in result.stdout


def test_a_new_env_file(stored: Home) -> None:
    """Private, and with the session alone; what was done is said."""
    path = stored.path / ".env"
    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")
    again = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert (0, "", 0) == (result.code, result.stdout, again.code)
    end = r"valid until 2098-12-31 16:00 \(\d+ h( \d+ m)?\)\n"
    assert re.fullmatch(rf"\.env has the credentials of {DERIVED}, {end}", result.stderr)
    assert re.fullmatch(rf"\.env already has the credentials of {DERIVED}, {end}", again.stderr)
    assert assignments(stored) == stored.text(path)
    assert 0o600 == path.stat().st_mode & 0o777
    assert [".aws", ".env"] == sorted(entry.name for entry in stored.path.iterdir())


def test_an_env_file_that_is_there(stored: Home) -> None:
    """Comments, order, other variables, mode and link stay; lines of ours are brought up to date or taken out."""
    real = stored.path / "settings" / "real.env"
    real.parent.mkdir()
    real.write_text(
        "# The project's settings\nDATABASE=postgres://x  # local\n\n"
        "export AWS_ACCESS_KEY_ID='OLD' # who\nAWS_SECURITY_TOKEN=old\nAWS_SECRET_ACCESS_KEY=old\nLAST=1"
    )
    real.chmod(0o640)
    link = stored.path / ".env"
    link.symlink_to("settings/real.env")

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    section = stored.section()
    expected = (
        "# The project's settings\nDATABASE=postgres://x  # local\n\n"
        f"export AWS_ACCESS_KEY_ID='{section['aws_access_key_id']}' # who\n"
        f"AWS_SECRET_ACCESS_KEY={section['aws_secret_access_key']}\n"
    )
    new = "".join(line + "\n" for line in assignments(stored).splitlines()[2:])
    assert expected + new + "LAST=1" == stored.text(real)
    assert link.is_symlink()
    assert 0o640 == real.stat().st_mode & 0o777
    assert ["mfa-profiles: warning: .env can be read by others: chmod 600 .env"] == result.errors[:-1]
    assert [real.name] == [entry.name for entry in real.parent.iterdir()]


AKIA, ASIA = "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"
SECRET = "only/copy/of/a/secret"
NAMED = "the long-term key ****MPLE"
LONG_TERM = {
    "a pair": (f"AWS_ACCESS_KEY_ID={AKIA}\nAWS_SECRET_ACCESS_KEY={SECRET}\n", NAMED),
    "quotes and export": (f"export AWS_SECRET_ACCESS_KEY='{SECRET}'\nexport AWS_ACCESS_KEY_ID=\"{AKIA}\"\n", NAMED),
    "a token of an earlier session": (
        f"AWS_ACCESS_KEY_ID={AKIA}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN=t/x\n",
        NAMED,
    ),
    "overridden by a session": (
        f"AWS_ACCESS_KEY_ID={AKIA}\nAWS_SECRET_ACCESS_KEY={SECRET}\n"
        f"AWS_ACCESS_KEY_ID={ASIA}\nAWS_SECRET_ACCESS_KEY=s/x\nAWS_SESSION_TOKEN=t/x\n",
        NAMED,
    ),
    "Go's names": (f"AWS_ACCESS_KEY={AKIA}\nAWS_SECRET_KEY={SECRET}\n", NAMED),
    "Ruby's names": (f"AMAZON_ACCESS_KEY_ID={AKIA}\nAMAZON_SECRET_ACCESS_KEY={SECRET}\n", NAMED),
    "a secret alone": (f"AWS_SECRET_ACCESS_KEY={SECRET}\n", "a secret access key"),
    "in the place of the ID": (f"AWS_ACCESS_KEY_ID={SECRET}\nAWS_SECRET_ACCESS_KEY={AKIA}\n", "a secret access key"),
    "another service's": (f"AWS_ACCESS_KEY_ID=minio\nAWS_SECRET_ACCESS_KEY={SECRET}\n", "a secret access key"),
}


@pytest.mark.parametrize("options", [[], ["--by-profile"]])
@pytest.mark.parametrize("case", LONG_TERM)
def test_long_term_keys_of_an_env_file_stay(
    base: Home, aws: LocalAWS, device: MFADevice, case: str, options: list[str]
) -> None:
    """They may be the only copy. That is found out before a code is spent, and again when the session is there."""
    text, words = LONG_TERM[case]
    base.secrets.append(SECRET)
    path = base.path / ".env"
    path.write_text(text)
    command = ["export", BASE, "--format", "dotenv", "--output", ".env", *options]
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    before = base.run_warm(*command, env=env)
    assert (before.code, aws.actions, path.read_text()) == (1, [], text)
    assert base.run_warm("refresh", BASE, env=env).code == 0
    after = base.run_warm(*command)
    assert (after.code, after.errors, path.read_text()) == (1, before.errors, text)
    forced = base.run_warm(*command, "--force")

    assert before.errors[0].startswith(f"mfa-profiles: error: .env has {words}, and no profile has it")
    assert (forced.code, SECRET in path.read_text()) == (0, False)
    assert f"mfa-profiles: warning: .env had {words}, which --force replaced" in forced.errors


@pytest.mark.parametrize("options", [[], ["--by-profile"]])
def test_keys_of_an_env_file_that_are_not_lost_are_replaced(refreshed: Home, user: User, options: list[str]) -> None:
    """Those of a session, of a profile, or none at all."""
    command = ["export", BASE, "--format", "dotenv", "--output", ".env", *options]
    texts = [
        f"AWS_ACCESS_KEY_ID={user.access_key_id}\nAWS_SECRET_ACCESS_KEY='{user.secret_access_key}'\n",
        f"AWS_ACCESS_KEY_ID={ASIA}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN=t/x\n",
        f"AWS_ACCESS_KEY_ID={AKIA}\nAWS_SECRET_ACCESS_KEY=\n",
        f"# AWS_SECRET_ACCESS_KEY={SECRET}\n",
    ]
    path = refreshed.path / ".env"
    for text in texts:
        path.write_text(text)

        result = refreshed.run_warm(*command)

        assert (result.code, SECRET in path.read_text(), "had" in result.stderr) == (0, text.startswith("#"), False)


def test_keys_without_a_session_can_be_exported_again(home: Home) -> None:
    home.secrets.append("its/secret")
    keys = '{"Version": 1, "AccessKeyId": "AKIAELSEWHERE", "SecretAccessKey": "its/secret"}'
    (home.path / "keys").write_text(keys)
    home.write("", f"[profile elsewhere]\ncredential_process = cat {home.path / 'keys'}\n")

    command = ["export", "elsewhere", "--format", "dotenv", "--output", ".env"]
    results = [home.run_warm(*command) for _ in range(2)]

    assert [result.code for result in results] == [0, 0]


def test_python_dotenv_reads_it_back(refreshed: Home, user: User) -> None:
    """And boto3 works with it, as in a notebook."""
    script = (
        "import dotenv, boto3; assert dotenv.load_dotenv('.env'); "
        "print(boto3.client('sts').get_caller_identity()['Arn'])"
    )
    refreshed.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert f"{user.arn}\n" == refreshed.run("-c", script, program=sys.executable).stdout


def test_an_env_file_with_a_profile_of_its_own(stored: Home) -> None:
    """The line is a person's own, and they are told that it may win."""
    (stored.path / ".env").write_text("AWS_PROFILE=mine\n")

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert "AWS_PROFILE=mine\n" in stored.text(stored.path / ".env")
    assert (
        "mfa-profiles: warning: .env also sets AWS_PROFILE, which some SDKs prefer: remove that line" in result.errors
    )


def test_an_env_file_with_the_name_of_the_profile(stored: Home) -> None:
    """--by-profile takes the keys out: there is no secret in the file any more, and nothing to warn of."""
    path = stored.path / ".env"
    subprocess.run(["git", "init", "--quiet", str(stored.path)], check=True)
    path.write_text("A=1\n")
    stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env", "--by-profile")

    assert (0, 1) == (result.code, len(result.errors))
    assert result.stderr.startswith(f".env names {DERIVED}, valid until ")
    expected = {
        "A=1",
        f"AWS_PROFILE={DERIVED}",
        f"AWS_CREDENTIAL_EXPIRATION={EXPIRES}",
        "AWS_REGION=us-west-2",
        "AWS_DEFAULT_REGION=us-west-2",
    }
    assert expected == set(path.read_text().splitlines())


def test_an_env_file_with_settings_of_the_profile(stored: Home) -> None:
    """Those of the profile come and go; a line that a person wrote stays, and overrides them like a variable."""
    path = stored.path / ".env"
    path.write_text("AWS_RETRY_MODE=legacy\n")
    command = ("export", BASE, "--format", "dotenv", "--output", ".env")
    section = f"[profile {DERIVED}]\nretry_mode = standard\n"
    found = []

    for settings, options in (
        ("use_fips_endpoint = true\nendpoint_url = https://a.example\n", ()),
        ("endpoint_url = https://b.example\n", ()),
        ("", ()),
        ("use_fips_endpoint = true\n", ()),
        ("use_fips_endpoint = true\n", ("--by-profile",)),
    ):
        stored.config.write_text(section + settings)
        # What the environment of the tool sets says nothing of that in which the file is read.
        assert stored.run_warm(*command, *options, env={"AWS_USE_FIPS_ENDPOINT": "false"}).code == 0
        found.append([line for line in path.read_text().splitlines() if re.search("_URL|FIPS|MODE|SETTINGS", line)])

    mine = "AWS_RETRY_MODE=legacy"
    assert found == [
        [
            mine,
            "AWS_ENDPOINT_URL=https://a.example",
            "AWS_USE_FIPS_ENDPOINT=true",
            "_MFA_PROFILES_SETTINGS=AWS_ENDPOINT_URL,AWS_USE_FIPS_ENDPOINT",
        ],
        [mine, "AWS_ENDPOINT_URL=https://b.example", "_MFA_PROFILES_SETTINGS=AWS_ENDPOINT_URL"],
        [mine],
        [mine, "AWS_USE_FIPS_ENDPOINT=true", "_MFA_PROFILES_SETTINGS=AWS_USE_FIPS_ENDPOINT"],
        [mine],
    ]


@pytest.mark.parametrize(("ignored", "warned"), [("", True), (".env\n", False)])
def test_an_env_file_that_git_would_take(stored: Home, ignored: str, warned: bool) -> None:
    """Inside a work tree it has to be ignored, or a person hears of it."""
    subprocess.run(["git", "init", "--quiet", str(stored.path)], check=True)
    (stored.path / ".gitignore").write_text(ignored)
    (stored.path / "notebooks").mkdir()

    result = stored.run("export", BASE, "--format", "dotenv", "--output", "notebooks/.env")

    assert warned == ("notebooks/.env is in a git work tree and not ignored" in result.stderr)


def test_an_env_file_that_git_has_already(stored: Home) -> None:
    """What is tracked is committed though it may be ignored."""
    git = ["git", "-C", str(stored.path)]
    (stored.path / ".env").write_text("A=1\n")
    (stored.path / ".gitignore").write_text(".env\n")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--force", ".env"], check=True)

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert "is in a git work tree and not ignored" in result.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("A=1\nAWS_SECRET_ACCESS_KEY='hunter2\n", ".env, line 2: this is not NAME=value"),
        ("A=\udcff\n", ".env, line 1: not valid UTF-8"),
    ],
)
def test_an_env_file_that_cannot_be_read(stored: Home, text: str, sentence: str) -> None:
    """It is left as it is, with the line but not its text."""
    path = stored.path / ".env"
    path.write_bytes(text.encode(errors="surrogateescape"))

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert 1 == result.code
    assert sentence in result.errors[0]
    assert "hunter2" not in result.stderr
    assert text.encode(errors="surrogateescape") == path.read_bytes()


@pytest.mark.parametrize("output", ["missing/.env", "new/", "directory", "/dev/stdout", "fifo", "-"])
def test_an_output_that_is_no_file(base: Home, device: MFADevice, output: str) -> None:
    """A sentence before a code is spent, and nothing is made, followed or waited for."""
    (base.path / "directory").mkdir()
    os.mkfifo(base.path / "fifo")
    env = {"MFA_PROFILES_TOKEN_CODE": base.code(device)}

    result = base.run("export", BASE, "--format", "dotenv", "--output", output, env=env)

    assert (1, "", []) == (result.code, result.stdout, base.aws.actions)
    assert result.errors[0].startswith(f"mfa-profiles: error: {output} is ")
    assert {".aws", "directory", "fifo"} == {entry.name for entry in base.path.iterdir()}


@pytest.mark.parametrize("output", [".aws/credentials", ".aws/config", ".env"])
def test_the_shared_files_are_no_env_files(stored: Home, output: str) -> None:
    """They would be ruined, by whatever name they are called."""
    (stored.path / ".env").symlink_to(stored.credentials)
    before = stored.files()

    result = stored.run("export", BASE, "--format", "dotenv", "--output", output)

    assert (1, before) == (result.code, stored.files())
    assert f"mfa-profiles: error: {output} is one of AWS's own files" == result.errors[0]


def test_readers_never_see_a_part_of_it(stored: Home) -> None:
    """The file is replaced: whoever has it open goes on reading the old one."""
    path = stored.path / ".env"
    path.write_text("A=1\n")
    with path.open() as reader:
        stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

        assert "A=1\n" == reader.read()
    assert path.read_text().startswith("A=1\nAWS_ACCESS_KEY_ID=")


def test_the_name_of_the_profile_gives_way_to_keys(stored: Home) -> None:
    """A line that --by-profile has put there is ours, and goes; nobody is told to take it out."""
    stored.run("export", BASE, "--format", "dotenv", "--output", ".env", "--by-profile")

    result = stored.run("export", BASE, "--format", "dotenv", "--output", ".env")

    assert 0 == result.code
    assert not any("warning" in line for line in result.errors)
    assert "AWS_PROFILE" not in stored.text(stored.path / ".env")


@pytest.mark.parametrize("command", [["export"], ["exec", "--"], ["credential-process"]])
def test_an_empty_name_is_not_another_profile(stored: Home, command: list[str]) -> None:
    """As of a variable in a script that is not set: the wrong account would be worse than none."""
    result = stored.run(command[0], "", *command[1:], *(["echo"] if command[1:] else []), env={"AWS_PROFILE": BASE})

    assert (1, "") == (result.code, result.stdout)
    assert 'mfa-profiles: error: there is no profile ""' == result.errors[0]


def test_the_session_of_another_base_is_not_handed_out(home: Home, user: User) -> None:
    """A derived profile that --to has given to another one is none of this one's."""
    other = base_section(user, "personal")
    home.write(base_section(user, "work") + other + session_section("work-mfa", source="personal", expires=EXPIRES))

    result = home.run("export", "work", "--by-profile")

    assert (1, "") == (result.code, result.stdout)
    assert "holds a session of profile personal" in result.errors[0]


def test_a_profile_keeps_what_it_reads_itself(home: Home) -> None:
    """credential_source finds its keys in a variable, which must not be unset for its sake."""
    role = "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = EcsContainer\n"
    home.write("", f"[profile ecs]\n{role}")

    result = home.run("export", "ecs", "--by-profile")

    assert "export AWS_PROFILE=ecs" in result.stdout.splitlines()
    assert "AWS_CONTAINER" not in result.stdout


@pytest.mark.parametrize(("expires", "code"), [("2001-01-01T00:00:00Z", 3), (EXPIRES, 0), (None, 0)])
def test_another_tools_session_beside_its_base(home: Home, user: User, expires: str | None, code: int) -> None:
    """It is used as long as it may be good, and never replaced; afterwards it is for that tool to renew it."""
    home.write(base_section(user) + session_section(DERIVED, expires=expires))
    before = home.files()

    result = home.run("export", BASE, "--by-profile")

    assert (code, before) == (result.code, home.files())
    assert (code == 0) == (f"export AWS_PROFILE={DERIVED}" in result.stdout.splitlines())
