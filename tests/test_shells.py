"""``aws_env`` in bash, zsh and fish: real shells in pseudo-terminals."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mfa_profiles.shell
from mfa_profiles import environment, terminal
from tests import shells
from tests.home import BASE, DERIVED, Home, Result, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice, User
from tests.shells import SHELLS, Shell
from tests.tracing import needs_strace

FILES = Path(mfa_profiles.shell.__file__).parent
EXPIRES = "2099-01-01T00:00:00Z"
USAGE = "usage: aws_env [--keys] [NAME]\n       aws_env --clear\n"

# What a terminal may have from before, all of which would win over a profile.
STALE = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "stale",
    "AWS_SESSION_TOKEN": "stale",
    "AWS_SECURITY_TOKEN": "stale",
    "AWS_DEFAULT_PROFILE": "stale",
}

NOW = datetime(2026, 2, 28, 12, 0, 30, tzinfo=UTC)
# The clock of the functions, stopped.
STOPPED = {
    "bash": f"_mfa_profiles_clock() {{ now={int(NOW.timestamp())}; }}",
    "zsh": f"_mfa_profiles_clock() {{ now={int(NOW.timestamp())}; }}",
    "fish": f"function __mfa_profiles_clock; echo {int(NOW.timestamp())}; end",
}

Start = Callable[..., Shell]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each of the shells."""
    return str(request.param)


@pytest.fixture
def start(shell: str, home: Home) -> Iterator[Start]:
    """Opens terminals with this shell."""
    opened: list[Shell] = []

    def start(*before: str, env: dict[str, str] | None = None) -> Shell:
        opened.append(Shell(shell, home, before, env))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def valid(base: Home) -> Home:
    """The home with a session, so that nobody is asked, and with one of another tool in "other" that has a region."""
    with base.credentials.open("a") as credentials:
        credentials.write(session_section(DERIVED, source=BASE, expires=EXPIRES))
        credentials.write(session_section("other", "region = eu-north-1", expires=EXPIRES))
    return base


def by_profile(name: str = DERIVED, region: str | None = "us-west-2") -> dict[str, str]:
    """The variables of a terminal that was switched to a profile."""
    regions = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}
    return {"AWS_PROFILE": name, "AWS_CREDENTIAL_EXPIRATION": EXPIRES, **regions}


@pytest.mark.parametrize(
    ("checker", "file"),
    [
        ("bash --posix -n", "aws_env.sh"),
        ("bash -n", "aws_env.bash"),
        ("zsh -n", "aws_env.sh"),
        ("zsh -n", "aws_env.zsh"),
        ("fish --no-execute", "aws_env.fish"),
        ("shellcheck", "aws_env.sh"),
        ("shellcheck", "aws_env.bash"),
    ],
)
def test_the_checkers_have_no_complaint(checker: str, file: str) -> None:
    """The shells themselves, and shellcheck."""
    command, *options = checker.split()

    done = subprocess.run(
        [shells.program(command), *options, str(FILES / file)], capture_output=True, text=True, check=False
    )

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_terminal_is_switched(start: Start, base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """It asks for a code, then the AWS CLI works; a second terminal with another profile is not disturbed."""
    other = aws.create_user("jane.roe")
    other_device = other.add_virtual_device()
    with base.credentials.open("a") as credentials:
        credentials.write(
            base_section(other, "second") + f"mfa_serial = {other_device.serial_number}\nregion = us-west-2\n"
        )
    second = start()
    second.type("aws_env second")
    second.expect("MFA code for arn:aws:iam::123456789012:mfa/jane.roe: ")
    first = start(env=STALE)

    first.type(f"aws_env {BASE}")
    first.expect("MFA code for arn:aws:iam::123456789012:mfa/john.doe: ")
    first.answer(device.code())

    first.expect(f"{DERIVED}: 12 h left")
    assert 0 == first.status()
    variables = first.variables()
    expires = datetime.fromisoformat(variables.pop("AWS_CREDENTIAL_EXPIRATION"))
    assert timedelta(minutes=1) > abs(datetime.now(UTC) + timedelta(hours=12) - expires)
    assert {"AWS_PROFILE": DERIVED, "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"} == variables
    second.answer(other_device.code())
    assert 0 == second.status()
    assert "second-mfa" == second.variables()["AWS_PROFILE"]
    assert "user/jane.roe" in second.output("aws sts get-caller-identity")
    assert "user/john.doe" in first.output("aws sts get-caller-identity")
    assert base.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


def test_a_later_refresh_reaches_the_terminal(start: Start, base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """Whoever makes it: no variable of the terminal has to change."""
    switched = start(env={"MFA_PROFILES_TOKEN_CODE": base.code(device)})
    assert 0 == switched.run(f"aws_env {BASE}")
    before = base.section()["aws_access_key_id"]

    assert 0 == base.run("refresh", BASE, "--force", "--token-code", base.code(device)).code

    assert "user/john.doe" in switched.output("aws sts get-caller-identity")
    assert before != aws.requests[-1].access_key_id
    assert base.section()["aws_access_key_id"] == aws.requests[-1].access_key_id


@pytest.mark.usefixtures("valid")
def test_keys_are_exported(start: Start) -> None:
    """With --keys; the name is remembered, as there is no AWS_PROFILE then."""
    expected = {
        "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "<secret 1>",
        "AWS_SESSION_TOKEN": "<secret 2>",
        "AWS_CREDENTIAL_EXPIRATION": EXPIRES,
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
    }
    switched = start(env={**STALE, "AWS_PROFILE": "other", "AWS_ACCOUNT_ID": "210987654321"})

    for command in (f"aws_env {BASE} --keys", "aws_env --keys"):
        assert switched.output(command).startswith(f"{BASE}: ")
        assert expected == switched.variables()
        assert switched.output("aws_env_prompt").startswith(f"{BASE} ")

    assert switched.output("aws_env").startswith(f"{DERIVED}: ")
    assert by_profile() == switched.variables()
    assert 0 == switched.run("aws_env --keys")
    assert expected == switched.variables()


@pytest.mark.usefixtures("valid")
def test_without_a_name_it_is_the_profile_of_the_terminal(start: Start) -> None:
    """AWS_PROFILE before what it was switched to, else default."""
    switched = start(env={"AWS_PROFILE": "other"})

    assert 0 == switched.run("aws_env")
    assert by_profile("other", "eu-north-1") == switched.variables()
    assert 0 == switched.run(f"set -x AWS_PROFILE {BASE}" if switched.name == "fish" else f"AWS_PROFILE={BASE}")
    assert 0 == switched.run("aws_env")
    assert by_profile() == switched.variables()
    assert 0 == switched.run("aws_env --clear")
    assert "there is no profile default\n" in switched.output("aws_env", 1)


@pytest.mark.usefixtures("valid")
def test_without_a_name_the_tool_decides_what_the_variables_mean(start: Start) -> None:
    older, nameless = start(env={"AWS_DEFAULT_PROFILE": "other"}), start(env={"AWS_PROFILE": ""})

    assert older.run("aws_env --keys") == 0
    assert older.output("aws_env_prompt").startswith("other ")
    assert older.output("aws_env").startswith("other: ")
    assert older.variables() == by_profile("other", "eu-north-1")
    assert "AWS_PROFILE is set to nothing" in nameless.output("aws_env", 1)
    assert nameless.run("aws_env other") == 0
    assert nameless.variables() == by_profile("other", "eu-north-1")


def test_regions_do_not_leak(start: Start, valid: Home) -> None:
    """A profile without a region has the one that was there before the first switch, or none."""
    with valid.credentials.open("a") as credentials:
        credentials.write(session_section("plain", expires=EXPIRES))
    has_one, has_none = start(env={"AWS_REGION": "sa east 1"}), start()

    for switched, before in ((has_one, {"AWS_REGION": "sa east 1"}), (has_none, {})):
        for name in ("other", "plain"):
            assert 0 == switched.run(f"aws_env {name}")
        assert {**by_profile("plain", None), **before} == switched.variables()


def test_the_region_of_the_profile_before_is_not_asked(
    start: Start, base: Home, aws: LocalAWS, device: MFADevice
) -> None:
    """When a profile without a region is refreshed, the region of the terminal is that of another profile."""
    base.config.unlink()
    with base.credentials.open("a") as credentials:
        credentials.write(f"mfa_serial = {device.serial_number}\n")
        credentials.write(session_section("other", "region = eu-north-1", expires=EXPIRES))
    switched = start(env={"MFA_PROFILES_TOKEN_CODE": base.code(device)})
    assert 0 == switched.run("aws_env other")

    assert 0 == switched.run(f"aws_env {BASE}")

    assert ["us-east-1"] == [request.region for request in aws.requests]
    assert "AWS_REGION" not in switched.variables()


@pytest.mark.usefixtures("valid")
def test_a_cleared_terminal_is_as_before(start: Start) -> None:
    """No profile, no keys, the regions that it had, and nothing in the prompt."""
    cleared = start(env={**STALE, "AWS_DEFAULT_REGION": "ca-central-1"})

    for switch in (f"aws_env {BASE}", f"aws_env {BASE} --keys", "true"):
        assert 0 == cleared.run(switch)
        assert "" == cleared.output("aws_env --clear")
        assert {"AWS_DEFAULT_REGION": "ca-central-1"} == cleared.variables()
        assert "" == cleared.output("aws_env_prompt")


def test_a_failure_changes_nothing(start: Start, valid: Home) -> None:
    """The status is that of the tool, and every variable is what it was."""
    with valid.credentials.open("a") as credentials:
        credentials.write(session_section("ended", expires="2020-01-01T00:00:00Z"))
    switched = start(env={"AWS_REGION": "sa-east-1"})
    assert 0 == switched.run(STOPPED[switched.name])  # the prompt is the same a minute later
    assert 0 == switched.run("aws_env other")
    before = switched.variables(), switched.output("aws_env_prompt")

    for option in ("", " --keys"):
        assert "mfa-profiles: error: there is no profile nope\n" in switched.output(f"aws_env nope{option}", 1)
        assert "the session in ended has expired" in switched.output(f"aws_env ended{option}", 3)

    assert before == (switched.variables(), switched.output("aws_env_prompt"))
    assert by_profile("other", "eu-north-1") == before[0]


@pytest.mark.usefixtures("base")
def test_an_interrupted_prompt_changes_nothing(start: Start) -> None:
    """With Ctrl-C the person is back at the shell's prompt, their aliases and options included."""
    switched = start("alias greet='echo hello'", env={**STALE, "PS1": "ready> "})
    before = switched.variables()

    switched.type(f"aws_env {BASE}")
    switched.expect("MFA code for arn:aws:iam::123456789012:mfa/john.doe: ")
    switched.keys("\x03")
    switched.expect("mfa-profiles: error: interrupted")

    if switched.name == "fish":  # where the rest of the line follows
        assert 130 == switched.status()
    else:
        switched.expect("ready> ")
    assert before == switched.variables()
    assert "hello\n" == switched.output("greet")
    switched.type(f"aws_env {BASE}")
    switched.expect("MFA code for arn:aws:iam::123456789012:mfa/john.doe: ")
    switched.keys("\x04")
    assert 130 == switched.status()
    assert before == switched.variables()


def test_a_profile_that_needs_no_mfa_is_simply_switched_to(start: Start, base: Home) -> None:
    """No question, no time left."""
    with base.config.open("a") as config:
        config.write("[profile helped]\ncredential_process = /bin/false\nregion = eu-west-1\n")
    switched = start(env=STALE)

    assert "" == switched.output("aws_env helped")

    regions = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert {"AWS_PROFILE": "helped", **regions} == switched.variables()
    assert "helped" == switched.output("aws_env_prompt")


MISTAKES = {
    "-x": "unknown option -x",
    "--key a": "unknown option --key",
    "a b": "one NAME is enough",
    "--clear a": "--clear takes no NAME",
    "--keys --clear": "--keys and --clear exclude each other",
}


def test_usage(shell: str, home: Home) -> None:
    """Help goes to stdout, and what is wrong goes to stderr, with status 2."""
    status = "$status" if shell == "fish" else "$?"

    result = shells.run(shell, home, *(f"aws_env {arguments}; echo {status}" for arguments in MISTAKES))
    help_ = shells.run(shell, home, "aws_env -h; aws_env --help; aws_env name --help")

    assert "2\n" * len(MISTAKES) == result.stdout
    assert "".join(f"aws_env: {message}\n{USAGE}" for message in MISTAKES.values()) == result.stderr
    assert (0, "") == (help_.code, help_.stderr)
    assert 3 == help_.stdout.count(f"{USAGE}\nSwitches this terminal to an AWS profile.")


NAMES = ["-x", "--keys", "a:b@c=d *", "$(touch owned)'", 'ünï "cödé" \\']


def test_any_name(shell: str, home: Home) -> None:
    """Behind -- those too that look like options; none of them means anything to the shell."""
    home.write("".join(session_section(name, expires=EXPIRES) for name in NAMES))
    quoted = [shlex.quote(name) if shell != "fish" else _quoted_for_fish(name) for name in NAMES]

    result = shells.run(
        shell,
        home,
        STOPPED[shell],
        *(f"aws_env -- {name} 2>/dev/null; command printenv AWS_PROFILE; aws_env_prompt; echo" for name in quoted),
    )

    left = result.stdout.splitlines()[1].rpartition(" ")[2]
    assert [line for name in NAMES for line in (name, f"{name} {left}")] == result.stdout.splitlines()
    assert not (home.path / "owned").exists()


def _quoted_for_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


ALIASES = 'for each in mfa-profiles unset export eval printf set command; do alias "$each=false"; done'
SETTINGS = {
    "bash": [
        "set -euf -o noclobber; shopt -s expand_aliases extglob nocasematch failglob; IFS=Aa-_01",
        "set -o posix",
        ALIASES,
    ],
    "zsh": [
        "setopt ksh_arrays sh_word_split no_unset no_clobber rc_quotes ksh_glob extended_glob glob_subst err_return",
        "setopt c_precedences octal_zeroes warn_create_global posix_builtins c_bases null_glob prompt_bang err_exit",
        f"IFS=Aa-_1; {ALIASES}",
    ],
    "fish": ["alias mfa-profiles=false; alias env=false", "set -g code x; set -g name x; set -g names x"],
}


def test_settings_of_the_person_do_not_matter(shell: str, valid: Home) -> None:
    """Strict options, odd ones, aliases for what the functions use, and the functions read once more."""
    look = "/usr/bin/env -0 | /usr/bin/tr '\\0\\n' '\\n ' | /bin/grep '^AWS_[PR]' | /usr/bin/sort"
    lines = [*SETTINGS[shell], f"source {valid.path}/init", f"source {valid.path}/init"]
    (valid.path / "init").write_text(mfa_profiles.shell.script(shell))

    result = shells.run(
        shell,
        valid,
        *lines,
        *(f"aws_env {arguments}; aws_env_prompt; echo; {look}" for arguments in (BASE, "other --keys", "--clear")),
        "aws_env nope",
        env={"AWS_REGION": "sa-east-1"},
    )

    expected = [
        rf"{DERIVED} \d+h(?:\d+m)?",
        f"AWS_PROFILE={DERIVED}",
        "AWS_REGION=us-west-2",
        r"other \d+h(?:\d+m)?",
        "AWS_REGION=eu-north-1",
        "",
        "AWS_REGION=sa-east-1",
    ]
    assert re.fullmatch("\n".join(expected) + "\n", result.stdout), result
    assert 1 == result.code
    assert re.fullmatch(
        rf"{DERIVED}: .* left\nother: .* left\nmfa-profiles: error: there is no profile nope\nhint: .*\nhint: .*\n",
        result.stderr,
    ), result


# What makes a shell show commands, and what it shows of `echo` then.
TRACES = {
    ("bash", "set -x"): "+ echo '<0>'",
    ("bash", "set -o verbose"): 'true; echo "<$?>"\r\n<0>',
    ("bash", "set -T; trap 'echo \"T $BASH_COMMAND\"' DEBUG"): "T echo",
    ("bash", "shopt -s extdebug; trap 'echo \"T $BASH_COMMAND\"' DEBUG"): "T echo",
    ("zsh", "set -x"): "> echo '<0>'",
    ("zsh", "setopt verbose"): None,
    ("zsh", "trap 'print -r \"T $ZSH_DEBUG_CMD\"' DEBUG"): "T echo",
    ("zsh", "functions -t -m '*'"): None,
    ("fish", "set -g fish_trace 1"): "> echo '<0>'",
}


@pytest.mark.parametrize(("shell", "setting"), TRACES.keys())
@pytest.mark.usefixtures("valid")
def test_a_traced_shell_shows_no_keys(shell: str, setting: str, start: Start) -> None:
    """A terminal may show each command: those with keys are kept from it, and from the history."""
    traced = start()
    assert traced.run(setting) == 0

    assert traced.run(f"aws_env {BASE} --keys") == 0
    assert traced.run("true") == 0
    trace = TRACES[shell, setting]
    # The shell looks for the keys on its terminal when it is closed; that it went on tracing is left to see.
    assert trace is None or trace in traced.seen.rpartition("left")[2]

    traced.type("aws_env nope --keys")
    traced.expect("there is no profile nope")
    traced.type("true")
    if trace is not None:
        traced.expect(trace)
    traced.type(f"{'fc -l 1' if shell == 'zsh' else 'history'} | cat; echo end-'of-it'")
    traced.expect("end-of-it")


@pytest.mark.parametrize(
    ("shell", "setting"), [("bash", "set -xv"), ("zsh", "set -x"), ("fish", "set -g fish_trace 1")]
)
@pytest.mark.usefixtures("base")
def test_an_interrupted_prompt_leaves_the_trace_on(shell: str, setting: str, start: Start) -> None:
    traced = start()
    assert traced.run(setting) == 0

    traced.type(f"aws_env {BASE} --keys")
    traced.expect("MFA code for arn:aws:iam::123456789012:mfa/john.doe: ")
    traced.keys("\x03")
    traced.expect("mfa-profiles: error: interrupted")

    traced.type("true")
    traced.expect("> echo '<" if shell in ("zsh", "fish") else "+ echo '<")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    "declaration", ["readonly AWS_PROFILE=x", "typeset -r AWS_SESSION_TOKEN", "readonly AWS_REGION"]
)
def test_a_readonly_variable_is_found_before_anything_changes(
    shell: str, declaration: str, home: Home, user: User
) -> None:
    """Half a switch would leave keys of one profile with the token of another. Nobody is asked for a code either."""
    home.write(base_section(user) + session_section("other", expires=EXPIRES))
    look = "command env | grep ^AWS_ >"
    name = declaration.split()[-1].partition("=")[0]
    options = "set -eu; " if shell == "bash" else ""

    result = shells.run(
        shell,
        home,
        f"{declaration}; {options}{look} before",
        *(f"aws_env {arguments} || echo $?" for arguments in ("other", "other --keys", BASE, "--clear")),
        f"{look} after; aws_env --help >help",
        env={**STALE, "AWS_REGION": "sa-east-1"},
    )

    assert result.stdout == "1\n" * 4
    message = f"aws_env: nothing is changed, as this shell has made readonly: {name}\nhint: "
    assert result.stderr.count(message) == 4
    assert len(result.errors) == 8
    assert (home.path / "before").read_text() == (home.path / "after").read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize("arguments", ["other --keys", "--clear"])
def test_a_readonly_setting_of_the_profile_before_is_found_as_well(shell: str, arguments: str, valid: Home) -> None:
    """Those of a person are never changed, so they may be readonly."""
    with valid.config.open("a") as config:
        config.write(f"[profile {DERIVED}]\nendpoint_url = http://127.0.0.1:9\n")
    look = "command env | grep ^_*[AM][WF] | sort >"

    result = shells.run(
        shell,
        valid,
        f"readonly AWS_CA_BUNDLE=/a; aws_env {BASE} --keys 2>log; readonly AWS_ENDPOINT_URL; {look} before",
        f"aws_env {arguments} || echo $?; {look} after",
        env={"AWS_ENDPOINT_URL": ""},
    )

    assert result.stdout == "1\n"
    assert "readonly: AWS_ENDPOINT_URL\n" in result.stderr
    assert (valid.path / "before").read_text() == (valid.path / "after").read_text()


@pytest.mark.parametrize("option", ["", " --keys"])
def test_a_switch_unsets_all_that_overrides_it_and_is_undone(option: str, start: Start, valid: Home) -> None:
    """Settings of the profile go with the next switch too. What a person sets after a switch is not taken away."""
    with valid.config.open("a") as config:
        config.write(f"[profile {DERIVED}]\nregion = us-west-2\nuse_fips_endpoint = true\nretry_mode = standard\n")
    stale = dict.fromkeys((*environment.CREDENTIAL_VARIABLES, "AWS_BEARER_TOKEN_X"), "stale")
    person = {"AWS_RETRY_MODE": "legacy", "AWS_CA_BUNDLE": "/a", "AWS_CONFIG_FILE": str(valid.config)}
    switched = start(env={**stale, **person, "AWS_REGION": "eu-west-3"})
    regions = {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}
    keys = {"AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "<secret 1>"}
    expected = {
        "": {"AWS_PROFILE": DERIVED, **dict.fromkeys(environment.COMBINED_WITH_KEYS, "stale")},
        " --keys": {**keys, "AWS_SESSION_TOKEN": "<secret 2>", "AWS_USE_FIPS_ENDPOINT": "true"},
    }[option]

    assert switched.run(f"aws_env {BASE}{option}") == 0
    assert switched.variables() == {**expected, **person, **regions, "AWS_CREDENTIAL_EXPIRATION": EXPIRES}
    assert switched.run("aws_env other --keys") == 0
    assert "AWS_USE_FIPS_ENDPOINT" not in switched.variables()
    assert switched.run(f"aws_env {BASE} --keys") == 0
    assert switched.variables()["AWS_USE_FIPS_ENDPOINT"] == "true"
    set_ = "set -gx {} mine" if switched.name == "fish" else "export {}=mine"
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ROLE_ARN"):
        assert switched.run(set_.format(name)) == 0
    assert switched.run("aws_env --clear") == 0

    mine = {"AWS_BEARER_TOKEN_BEDROCK": "mine", "AWS_ROLE_ARN": "mine"}
    assert switched.variables() == {**person, **mine, "AWS_REGION": "eu-west-3"}
    assert switched.run("command env | grep _MFA_PROFILES") == 1


def test_universal_variables_of_fish_stay(valid: Home) -> None:
    """In this terminal they are hidden by what is set, until --clear; where that cannot be, nothing is changed."""
    look = "command env | string match -r '^AWS_(?:PROFILE|REGION|VAULT|SECURITY_TOKEN)=.*' | sort"

    def fish(*lines: str) -> Result:
        return shells.run("fish", valid, *lines, options=())

    fish("set -Ux AWS_PROFILE work; set -Ux AWS_REGION eu-west-3; set -U AWS_SECURITY_TOKEN unseen")
    switched = fish(
        f"aws_env {BASE}; {look}; aws_env --keys; {look}", f"aws_env --clear; {look}", "set -U AWS_REGION x", look
    )
    fish("set -Ux AWS_VAULT work")
    refused = fish(f"aws_env {BASE}; echo $status; {look}")
    after = fish(look, "set -U | string match 'AWS_*' | sort")

    hidden = f"AWS_PROFILE={DERIVED}\nAWS_REGION=us-west-2\n"
    cleared = "AWS_PROFILE=work\nAWS_REGION=eu-west-3\n"
    assert switched.stdout == hidden * 2 + cleared + "AWS_PROFILE=work\nAWS_REGION=x\n"
    assert switched.errors[1:] == [
        "mfa-profiles: error: nothing was set, as fish cannot hide universal variables from commands: AWS_PROFILE",
        "hint: to erase them in all terminals: set -eU AWS_PROFILE",
    ]
    assert refused.stdout == "1\nAWS_PROFILE=work\nAWS_REGION=x\nAWS_VAULT=work\n"
    assert "commands: AWS_VAULT" in refused.stderr
    assert after.stdout == (
        "AWS_PROFILE=work\nAWS_REGION=x\nAWS_VAULT=work\n"
        "AWS_PROFILE work\nAWS_REGION x\nAWS_SECURITY_TOKEN unseen\nAWS_VAULT work\n"
    )


LEFT = [
    *(timedelta(0, left) for left in (1, 59, 60, 89, 90, 3569, 3570, 3600, 3629, 3631, 43199, 43200, 129600)),
    *(timedelta(days=days, minutes=1) for days in (1, 2, 163, 307, 365, 731, 1460, 1461, 26970, 27029, 50000)),
    timedelta(days=192, hours=21, minutes=8, seconds=38),  # 09-09 at 09:09:08: no octal numbers
]
NO_TIMES = ["", "soon", "2026-02-28T12:00:00+00:00", "2026-02-28T12:00:00.5Z", "2026-02-28 12:00:00Z", f"{EXPIRES}\n"]


def segments(shell: str, home: Home, *environments: dict[str, str]) -> list[str]:
    """What the prompt shows with these variables, at NOW."""
    set_, quoted = ("set -gx {} {}", _quoted_for_fish) if shell == "fish" else ("export {}={}", shlex.quote)
    lines = [STOPPED[shell]]
    for variables in environments:
        lines += [set_.format(name, quoted(value)) for name, value in variables.items()]
        lines += ["aws_env_prompt", "echo"]
    result = shells.run(shell, home, *lines)
    assert (0, "") == (result.code, result.stderr)
    return result.stdout.splitlines()


def test_the_segment_counts_like_python(shell: str, home: Home) -> None:
    """Over leap years and centuries, rounded to minutes as `status` does."""
    expires = [NOW + left for left in LEFT]

    shown = segments(
        shell,
        home,
        *({"AWS_PROFILE": "p", "AWS_CREDENTIAL_EXPIRATION": f"{end:%Y-%m-%dT%H:%M:%SZ}"} for end in expires),
    )

    assert [f"p {terminal.in_words(left).replace(' ', '')}" for left in LEFT] == shown


def test_the_segment_of_an_ended_session(shell: str, home: Home) -> None:
    """It says so from the second on at which it ends."""
    ends = ("2026-02-28T12:00:30Z", "2026-02-28T12:00:29Z", "2024-02-29T23:59:59Z", "1969-12-31T23:59:59Z")

    shown = segments(shell, home, *({"AWS_PROFILE": "p", "AWS_CREDENTIAL_EXPIRATION": end} for end in ends))

    assert ["p expired"] * len(ends) == shown


def test_the_segment_without_a_time(shell: str, home: Home) -> None:
    """The profile alone if the end is not known or no time in UTC; nothing without a profile."""
    environments = [{"AWS_PROFILE": "p", "AWS_CREDENTIAL_EXPIRATION": end} for end in NO_TIMES]
    nothing = {"AWS_PROFILE": "", "AWS_CREDENTIAL_EXPIRATION": EXPIRES, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}

    assert [*["p"] * len(NO_TIMES), ""] == segments(shell, home, *environments, nothing)


def test_the_time_is_that_of_the_switch(shell: str, valid: Home) -> None:
    """A profile that was set by hand since has another end, which is not known."""
    by_hand = f"set AWS_PROFILE {BASE}" if shell == "fish" else f"AWS_PROFILE={BASE}"

    result = shells.run(shell, valid, "aws_env other", by_hand, "aws_env_prompt; echo", "aws_env; aws_env_prompt")

    assert re.fullmatch(rf"{BASE}\n{DERIVED} \d+h(?:\d+m)?", result.stdout)


@needs_strace
def test_the_segment_starts_no_process(shell: str, home: Home) -> None:
    """No program, and no copy of the shell either; a thread is none."""
    script = home.path / "script"
    script.write_text(f"{mfa_profiles.shell.script(shell)}\naws_env_prompt\n")
    command = [shells.program(shell), *shells.WITHOUT_START_UP_FILES[shell], str(script)]
    environment = {"AWS_PROFILE": "p", "AWS_CREDENTIAL_EXPIRATION": EXPIRES}

    result = home.run("-f", "-o", "trace", "-e", "trace=process", *command, program="strace", env=environment)

    assert re.fullmatch(r"p \d+h(?:\d+m)?", result.stdout)
    calls = (home.path / "trace").read_text()
    started = re.findall(r"(?:execve|fork|clone3?)\((?!.*CLONE_THREAD).*", calls)
    assert ["execve"] == [call.partition("(")[0] for call in started]


PROMPTS = {
    "bash": [
        'PROMPT_COMMAND="aws_env_precmd;${PROMPT_COMMAND-}"',
        "PS1='${aws_env_segment:+($aws_env_segment) }'$PS1",
    ],
    "zsh": [
        "precmd_functions+=(aws_env_precmd)",
        "setopt prompt_subst",
        "PROMPT='${aws_env_segment:+($aws_env_segment) }'$PROMPT",
    ],
    "fish": ["function fish_prompt; echo -n '('(aws_env_prompt)') '; end"],
}


def test_the_segment_in_a_prompt(shell: str, start: Start, valid: Home) -> None:
    """As the head of the file says; names mean nothing to the prompt, and control characters do not reach it."""
    name = "%n $(touch owned) \\u `touch owned`"
    with_prompt = start(env={"AWS_PROFILE": f"{name}\x1b]0;\x07"})

    for line in PROMPTS[shell]:
        assert shell == "fish" or f"  {line}\n" in mfa_profiles.shell.script(shell)
        with_prompt.type(line)

    with_prompt.expect(f"({name}?]0;?) ")
    assert 0 == with_prompt.run(f"aws_env {BASE}")
    with_prompt.child.expect(rf"\({DERIVED} \d+h(?:\d+m)?\) ")
    assert not (valid.path / "owned").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh"])  # fish keeps the status for its prompt itself
def test_the_status_is_still_there_behind_the_segment(shell: str, home: Home) -> None:
    """For what else a prompt shows."""
    assert "7\n" == shells.run(shell, home, "(exit 7); aws_env_precmd; echo $?").stdout


# What is typed, with > for TAB, and the arguments that it becomes. Where several names go on alike, TAB gets so far.
COMPLETIONS = {
    "aws_env smce-veda-m>": [DERIVED],
    "aws_env --k>my\\ >": ["--keys", "my name"],
    "aws_env 'my n>": ["my name"],
    "aws_env te>": ["team:prod "],
    "aws_env team:p>w>": ["team:prod west"],
    'aws_env "team:prod >e>': ["team:prod east"],
    "aws_env -- john@>": ["--", "john@example.com"],
    "aws_env do>": ["do$(touch owned)'it"],
    "mfa-profiles cred>smce-veda-m>": ["credential-process", DERIVED],
    "mfa-profiles refresh smce-veda-m>team:prod\\ >e>": ["refresh", DERIVED, "team:prod east"],
    "mfa-profiles export --format=fi>": ["export", "--format=fish"],
    "mfa-profiles export --output docu>": ["export", "--output", "document"],
}
NAMES_TO_COMPLETE = ["my name", "team:prod east", "team:prod west", "john@example.com", "do$(touch owned)'it"]
# Instead of being run, the commands show what they got.
SHOW = {
    "bash": 'for each in aws_env mfa-profiles; do eval "$each() { printf \'%s\\n\' \\"\\$@\\" >got; }"; done',
    "fish": "function aws_env; printf '%s\\n' $argv >got; end; function mfa-profiles; aws_env $argv; end",
}
SHOW["zsh"] = SHOW["bash"]


def test_completion(shell: str, start: Start, valid: Home) -> None:
    """TAB completes names, whatever is in them and however they were begun, and commands, options and files."""
    with valid.credentials.open("a") as credentials:
        credentials.write("".join(session_section(name, expires=EXPIRES) for name in NAMES_TO_COMPLETE))
    (valid.path / "document").touch()
    # A TAB that is typed ahead, as a test does, is a TAB to zsh otherwise.
    before = (
        "autoload -Uz compinit; compinit -D -u; zstyle ':completion:*' insert-tab false" if shell == "zsh" else "true"
    )
    completing = start(before)
    assert 0 == completing.run(SHOW[shell])

    got = {}
    for typed in COMPLETIONS:
        assert 0 == completing.run(typed.replace(">", "\t"))
        got[typed] = (valid.path / "got").read_text().splitlines()

    assert COMPLETIONS == got
    assert not (valid.path / "owned").exists()
