"""What each format looks like, and that real shells take any value from it and run nothing of what it holds."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_profiles.errors import ProfileError
from mfa_profiles.formats import FORMATS, render
from tests.hostile import HOSTILE
from tests.programs import skip_without

VARIABLES = {"AWS_PROFILE": None, "A": "x+/==", "B": "it's", "AWS_SECURITY_TOKEN": None, "C": "two words"}

RENDERED = {
    "env": """\
unset AWS_PROFILE AWS_SECURITY_TOKEN;
export A=x+/==
export B='it'"'"'s'
export C='two words'""",
    "env-no-export": """\
A=x+/==
B='it'"'"'s'
C='two words'""",
    "fish": """\
begin; set -l names; for name in AWS_PROFILE AWS_SECURITY_TOKEN; set -qUx $name; and set -a names $name; end;
if set -q names[1]; echo 'mfa-profiles: error: nothing was set, as fish cannot hide universal variables from \
commands:' $names >&2; echo 'hint: to erase them in all terminals: set -eU' $names >&2; false; else;
for name in AWS_PROFILE AWS_SECURITY_TOKEN; set -el $name; set -eg $name; end;
set -gx A 'x+/==';
set -gx B 'it\\'s';
set -gx C 'two words';
true; end; end;""",
    "powershell": """\
$Env:AWS_PROFILE = $null
$Env:AWS_SECURITY_TOKEN = $null
$Env:A = 'x+/=='
$Env:B = 'it''s'
$Env:C = 'two words'""",
    "windows-cmd": """\
set "AWS_PROFILE="
set "AWS_SECURITY_TOKEN="
set "A=x+/=="
set "B=it's"
set "C=two words\"""",
    "dotenv": """\
A=x+/==
B="it's"
C='two words'""",
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_format(name: str) -> None:
    """What is to be gone comes first, then what is to be set, in the order given."""
    assert RENDERED[name] == render(name, VARIABLES)
    assert "" == render(name, {})


def test_the_table() -> None:
    """The default comes first; every format but that of credentials renders variables; each says what it is for."""
    assert RENDERED.keys() | {"process"} == FORMATS.keys()
    assert "env" == next(iter(FORMATS))
    assert all(form.description for form in FORMATS.values())


@pytest.mark.parametrize("variables", [{"A B": "1"}, {"A;touch X": None}, {"": "1"}, {"é": "1"}, {"A\n": "1"}])
@pytest.mark.parametrize("name", FORMATS)
def test_a_name_that_no_shell_knows(name: str, variables: dict[str, str | None]) -> None:
    """It is a mistake of the caller's, in every format."""
    with pytest.raises(ValueError, match="names that shells know"):
        render(name, variables)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("env", ["a\0b"]),
        ("fish", ["a\0b"]),
        ("env-no-export", ["a\0b", "a\nLD_PRELOAD=b", "a\n", "a\rb", "a\u2028b"]),
        ("powershell", ["a\0b", "a\ntouch X", "a\rb", ""]),
        ("windows-cmd", ["a\0b", "a\nb", "a\tb", "%A%", "a!b", "a^b", 'a"b', "é", "\uff02", ""]),
        ("dotenv", ["a\0b", "a\nb", "${A}"]),
    ],
)
def test_a_value_that_a_format_cannot_hold(name: str, values: list[str]) -> None:
    """The error names the variable, and does not show the value."""
    for value in values:
        with pytest.raises(ProfileError, match="value of AWS_PROFILE ") as raised:
            render(name, {"A": "1", "AWS_PROFILE": value})

        assert not value or value not in str((raised.value.message, raised.value.hints))


@dataclass(frozen=True)
class Shell:
    """A shell with some options, and how it is to take the text in a file named ``text``."""

    name: str
    arguments: tuple[str, ...] = ()
    take: str = 'eval "$(cat text)"'


POSIX_SHELLS = [
    Shell("sh"),
    Shell("sh", ("-eu",)),
    Shell("bash", ("--norc", "--noprofile", "-eu")),
    Shell("bash", ("--norc", "--noprofile"), "source ./text"),
    Shell("bash", ("--posix", "-eu")),
    Shell(
        "bash",
        ("--norc", "--noprofile"),
        "shopt -s extglob nullglob globstar; set -o history -o histexpand; . ./text",
    ),
    Shell("zsh", ("-f", "-eu")),
    Shell("zsh", ("-f", "-o", "rcquotes", "-o", "banghist", "-o", "extendedglob", "-o", "globassign")),
    Shell(
        "zsh",
        ("-f", "-o", "magicequalsubst", "-o", "globsubst", "-o", "shwordsplit", "-o", "cbases"),
        "source ./text",
    ),
    Shell("zsh", ("--emulate", "sh", "-f")),
    Shell("zsh", ("--emulate", "ksh", "-f")),
]
FISHES = [
    Shell("fish", ("--no-config",), "cat text | source"),
    Shell("fish", ("--no-config",), "eval (cat text)"),
]

VALUES = st.lists(
    HOSTILE | st.binary(max_size=8).map(lambda some: some.replace(b"\0", b"\1").decode("utf-8", "surrogateescape")),
    min_size=1,
    max_size=40,
)


def shell_id(shell: Shell) -> str:
    """How a test of a shell is named."""
    return re.sub(r"\W+", "-", " ".join([shell.name, *shell.arguments, shell.take]))


def environment_after(
    shell: Shell, text: str, directory: Path, before: dict[str, str], setup: str = ""
) -> dict[str, str]:
    """The variables that programs get after a shell has taken a text; it has to be silent."""
    skip_without(shell.name)
    (directory / "text").write_bytes(os.fsencode(text))
    home = directory / "home"
    home.mkdir(exist_ok=True)
    script = f"{setup}\n{shell.take}\nenv -0\n"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"} | before
    command = [shell.name, *shell.arguments, "-c", script]
    done = subprocess.run(command, env=environment, cwd=directory, capture_output=True, check=False)
    assert (0, b"") == (done.returncode, done.stderr)
    found = dict(entry.split("=", 1) for entry in os.fsdecode(done.stdout).split("\0") if entry)
    own = {"_", "USER", "LOGNAME", "PWD", "OLDPWD", "SHLVL", "PATH", "HOME", "LC_ALL"}
    return {name: value for name, value in found.items() if name not in own}


@pytest.mark.parametrize(
    ("name", "shell"),
    [("env", shell) for shell in POSIX_SHELLS] + [("fish", shell) for shell in FISHES],
    ids=lambda some: shell_id(some) if isinstance(some, Shell) else some,
)
def test_a_shell_takes_any_value_and_runs_nothing(name: str, shell: Shell, tmp_path: Path) -> None:
    """Programs get these variables, as they are, and no others; nothing was printed, no file was made."""

    @given(VALUES)
    @settings(max_examples=20)
    def test(values: list[str]) -> None:
        variables: dict[str, str | None] = {f"V{number}": value for number, value in enumerate(values)}
        unset = dict.fromkeys(["GONE", "NEVER", "GONE_TOO"])
        before = {"GONE": "1", "GONE_TOO": "2", "STAYS": "3", "V0": "4"}

        after = environment_after(shell, render(name, variables | unset), tmp_path, before)

        assert variables | {"STAYS": "3"} == after

    test()
    assert {"home", "text"} == set(os.listdir(tmp_path))


@pytest.mark.parametrize(
    "options", [("bash", "--norc", "--noprofile", "-o", "history", "-o", "histexpand"), ("zsh", "-fi")]
)
def test_what_is_pasted_expands_no_history(options: tuple[str, ...], tmp_path: Path) -> None:
    """An exclamation mark is one, on the first line of a value and on the next."""
    skip_without(options[0])
    variables = {"A": "!! !x !$ it's !-1 'q!'", "B": "a\n!!\nb ! !$", "C": '"!!" ^a^b', "D": "!"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HISTFILE": "/dev/null"}
    typed = f"true\n{render('env', variables)}\nenv -0 >found\nexit\n"

    subprocess.run(
        options,
        input=typed.encode(),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        start_new_session=True,
        check=True,
    )

    found = dict(entry.split("=", 1) for entry in (tmp_path / "found").read_text().split("\0") if entry)
    assert variables == {name: found.get(name) for name in variables}


@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=shell_id)
def test_a_shell_takes_variables_that_are_not_exported(shell: Shell, tmp_path: Path) -> None:
    """They are the shell's alone, until it exports them."""

    @given(VALUES)
    @settings(max_examples=10)
    def test(values: list[str]) -> None:
        one_line = [value for value in values if len(f"{value}.".splitlines()) == 1 and "\0" not in value]
        variables = {f"V{number}": value for number, value in enumerate(one_line)}
        text = render("env-no-export", variables)
        exporting = Shell(shell.name, shell.arguments, f"{shell.take}\nexport NONE {' '.join(variables)}")

        assert {} == environment_after(shell, text, tmp_path, {})
        assert variables | {"NONE": ""} == environment_after(exporting, text, tmp_path, {}, setup="NONE=")

    test()


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_an_eval_without_quotes_does_the_same(shell: str, tmp_path: Path) -> None:
    """The lines are joined then, which must not stop anything from being set or unset."""
    text = render("env", {"A": "x/+==", "GONE": None, "B": "2026-11-24T21:05:00Z", "GONE_TOO": None})

    after = environment_after(Shell(shell, (), "eval $(cat text)"), text, tmp_path, {"GONE": "1", "GONE_TOO": "2"})

    assert ("x/+==", "2026-11-24T21:05:00Z") == (after["A"], after["B"])
    assert not {"GONE", "GONE_TOO"} & after.keys()


@pytest.mark.parametrize("take", [fish.take for fish in FISHES])
def test_fish_leaves_universal_variables_alone(take: str, tmp_path: Path) -> None:
    """One that is exported would reach commands whatever this terminal has: then nothing is changed."""
    setup = "set -Ux SET 1; set -U UNSEEN 1; set -gx GONE 2"
    function = Shell("fish", (), f"function f; set -lx GONE 3; {take}; env -0; end; f; exit")
    text = render("fish", {"GONE": None, "UNSEEN": None, "SET": "2"})

    for shell in (Shell("fish", (), take), function):
        assert environment_after(shell, text, tmp_path, {"GONE": "0"}, setup) == {"SET": "2"}
    quiet = Shell("fish", (), f"{take} 2>error")
    after = environment_after(quiet, render("fish", {"GONE": None, "SET": None, "A": "1"}), tmp_path, {}, setup)
    assert after == {"GONE": "2", "SET": "1"}
    assert "cannot hide universal variables from commands: SET\n" in (tmp_path / "error").read_text()


# Neither PowerShell nor cmd runs where these tests run. What follows is how their makers say that they read.

SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"


def read_powershell(line: str) -> tuple[str, str | None]:
    """The variable and value of an assignment, as PowerShell's tokenizer scans it (ScanStringLiteral, CharTraits)."""
    match = re.fullmatch(rf"\$Env:([A-Z0-9_]+) = (?:\$null|[{SINGLE_QUOTES}](.*))", line)
    assert match is not None
    name, rest = match[1], match[2]
    if rest is None:
        return name, None
    value = ""
    position = 0
    while True:
        character = rest[position]
        if character in SINGLE_QUOTES:
            if position + 1 == len(rest) or rest[position + 1] not in SINGLE_QUOTES:
                break
            position += 1
        value += rest[position]
        position += 1
    assert len(rest) == position + 1, "something follows the string"
    return name, value


@given(HOSTILE | st.text(SINGLE_QUOTES + "a;"))
def test_powershell_reads_one_string(value: str) -> None:
    """No quote of any kind ends it early, and it comes out as it went in."""
    if not value or len(f"{value}.".splitlines()) > 1:
        return
    lines = render("powershell", {"A": value, "GONE": None}).split("\n")

    assert [("GONE", None), ("A", value)] == [read_powershell(line) for line in lines]


def read_windows_cmd(line: str) -> tuple[str, str]:
    """The variable and value of a ``set`` command: in quotes, up to the last quote of the line.

    Outside of quotes ``& | < > ( ) ^`` would end or change the command; % and, under delayed expansion, ! and ^ are
    special inside as well.
    """
    assert not set('%!^"') & set(line[len('set "') : -1])
    assert line.isprintable()
    assert line.isascii()
    assert line.startswith('set "')
    assert line.endswith('"')
    name, value = line[len('set "') : -1].split("=", 1)
    return name, value


@given(HOSTILE | st.text("a &|<>()%!^\"'\\=~ é\n"))
def test_windows_cmd_reads_one_value_or_it_is_refused(value: str) -> None:
    """What is special inside quotes is never printed; all other printable characters of ASCII are."""
    refused = re.search(r'[^ -~]|[%!^"]', value) is not None or not value
    try:
        line = render("windows-cmd", {"A": value})
    except ProfileError:
        assert refused
    else:
        assert not refused
        assert ("A", value) == read_windows_cmd(line)
