"""``aws_env`` in bash, zsh and fish: real shells in pseudo-terminals."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mfa_profiles.shell
from mfa_profiles import terminal
from tests import shells
from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import LocalAWS, MFADevice
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


@pytest.mark.usefixtures("valid")
def test_a_traced_shell_shows_no_keys(shell: str, start: Start) -> None:
    """With `set -x`, or fish_trace, a terminal shows each command: those with keys are kept from it."""
    traced = start()
    assert 0 == traced.run("set -g fish_trace 1" if shell == "fish" else "set -x")

    assert 0 == traced.run(f"aws_env {BASE} --keys")
    assert 0 == traced.run("true")

    # The shell looks for the keys on its terminal when it is closed; that it went on tracing is left to see.
    trace = {"bash": "+ echo '<0>'", "zsh": "> echo '<0>'", "fish": "> echo '<0>'"}[shell]
    assert trace in traced.seen.rpartition("left")[2]


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
    for environment in environments:
        lines += [set_.format(name, quoted(value)) for name, value in environment.items()]
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
