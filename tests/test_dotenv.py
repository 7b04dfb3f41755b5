"""How the text of a .env file is edited, and what the programs that read such files make of the result."""

import io
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfa_profiles.dotenv import DotenvError, assignments, update
from mfa_profiles.errors import ProfileError
from tests.hostile import HOSTILE
from tests.programs import skip_without

KEYS: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": "ASIA2", "AWS_SESSION_TOKEN": "two+/=="}


@pytest.mark.parametrize(
    ("before", "variables", "after"),
    [
        pytest.param("", KEYS, "AWS_ACCESS_KEY_ID=ASIA2\nAWS_SESSION_TOKEN=two+/==\n", id="a new file"),
        pytest.param("# mine\nA=1\n", {"B": "2"}, "# mine\nA=1\nB=2\n", id="at the end"),
        pytest.param("# mine\r\nA=1\r\n", {"B": "2"}, "# mine\r\nA=1\r\nB=2\r\n", id="CRLF"),
        pytest.param("A=1", {"B": "2"}, "A=1\nB=2", id="no final newline"),
        pytest.param("\ufeffA=1\n", {"A": "2"}, "\ufeffA=2\n", id="byte order mark"),
        pytest.param("\ufeff", {"A": "2"}, "\ufeffA=2\n", id="a byte order mark alone"),
        pytest.param("X=0\nA=1\n\n# end\n", {"A": "2", "B": "3"}, "X=0\nA=2\nB=3\n\n# end\n", id="after ours"),
        pytest.param("A=1\nX=0\n", {"A": None, "B": "3"}, "B=3\nX=0\n", id="in place of ours"),
        pytest.param("X=0\nA=1", {"A": "2", "B": "3"}, "X=0\nA=2\nB=3", id="after ours, no final newline"),
        pytest.param("  export  A\t= 1  # why\n", {"A": "2"}, "  export  A\t= 2  # why\n", id="layout"),
        pytest.param("'A'=1\n", {"A": "2"}, "'A'=2\n", id="a quoted name"),
        pytest.param("A=\n", {"A": "2"}, "A=2\n", id="an empty value"),
        pytest.param("A= # why\n", {"A": "2"}, "A= 2 # why\n", id="an empty value and a comment"),
        pytest.param("A='1'# why\n", {"A": "2"}, "A='2' # why\n", id="a comment glued to quotes"),
        pytest.param("A=1#2\n", {"A": "2"}, "A=2\n", id="no comment"),
        pytest.param("A=#1\n", {"A": "2"}, "A=2\n", id="no comment either"),
        pytest.param("A\nexport A # why\n", {"A": "2"}, "A=2\nexport A=2 # why\n", id="a name alone"),
        pytest.param('A="1"\n', {"A": "2"}, 'A="2"\n', id="the same quotes"),
        pytest.param('A="1"\n', {"A": "$x"}, "A='$x'\n", id="other quotes, where those do not fit"),
        pytest.param("A=1\n", {"A": "2 3"}, "A='2 3'\n", id="quotes where needed"),
        pytest.param("A=1\n", {"A": ""}, "A=''\n", id="nothing"),
        pytest.param("A=1\nB=$A\nA=2\n", {"A": "3"}, "A=3\nB=$A\nA=3\n", id="several, whichever counts"),
        pytest.param("A=1\nB=0\n\nA=2 # x\n", {"A": None}, "B=0\n\n", id="several to remove"),
        pytest.param("# A=1\n#A=1\nAA=1\n", {"A": None}, "# A=1\n#A=1\nAA=1\n", id="a comment and another name"),
        pytest.param("\n\n  A='1\n2'\n\nB=\n", {"A": None}, "\n\n\nB=\n", id="several lines to remove"),
        pytest.param("X='\nA=1\n'\n", {"A": "2"}, "X='\nA=1\n'\nA=2\n", id="inside a value of another"),
        pytest.param('X="\\"\nA=1\n"\n', {"A": None}, 'X="\\"\nA=1\n"\n', id="inside a value with an escaped quote"),
        pytest.param("X=0\nA=1", {"A": None}, "X=0", id="the last line of a file without final newline"),
    ],
)
def test_an_update(before: str, variables: dict[str, str | None], after: str) -> None:
    """Only our own lines change, and each keeps its layout."""
    assert after == update(before, variables)


def test_the_names() -> None:
    """Those that are set, each once; a name alone, a comment and the text inside a value set nothing."""
    assert ["B", "A", "C"] == list(dict(assignments("\ufeffB=1\nexport A = 2\nB=3\nX\n# D=4\n 'C'='\nE=5\n'")))


@pytest.mark.parametrize(
    ("text", "value"),
    [("A=x", "x"), ("A='x'", "x"), ('A="x\'"', "x'"), ("A='\"x\"'", '"x"'), ("A=it's'", "it's'"), ("A=''", "")],
)
def test_a_value_loses_its_quotes(text: str, value: str) -> None:
    """One pair of them, and none that is a part of it."""
    assert {"A": value} == dict(assignments(text)) == python_dotenv(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n\n# x\nSECRET='y\n", 4),
        ('X="a\nb"\r\nSECRET="y\n', 3),
        ("A='1' SECRET\n", 1),
        ("if SECRET; then\n", 1),
        ("=SECRET\n", 1),
        ("A=1\nexport =SECRET\n", 2),
        ("A=1\nB=SECRET\rC=1\n", 2),
        ("A=1\r", 1),
    ],
)
def test_a_text_that_cannot_be_understood(text: str, line: int) -> None:
    """The error has the line's number, and nothing of what stands there."""
    with pytest.raises(DotenvError) as raised:
        update(text, {"A": "2"})

    assert line == raised.value.line
    assert str(raised.value).startswith(f"line {line}: ")
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\rb",
        "a\0b",
        "\udcff",
        "a\u2028b",
        "${HOME}",
        "a\\\\b",
        "a\\",
        "it's $HOME",
        "it's `id`",
        "'\"",
        "it's \\n",
    ],
)
def test_a_value_that_readers_do_not_agree_on(value: str) -> None:
    """It is refused, for a new line and for one that is there, and the error does not show it."""
    for text in ("", "A=1\n", "A='1'\n", 'A="1"\n'):
        with pytest.raises(ProfileError) as raised:
            update(text, {"A": value})

        assert "value of A " in raised.value.message
        assert value not in raised.value.message


def is_held(value: str) -> bool:
    """Whether a .env file can hold a value."""
    try:
        update("", {"A": value})
    except ProfileError:
        return False
    return True


_SPACES = st.sampled_from(["", "", "", " ", "  ", "\t"])
_NAMES = st.sampled_from(["A", "B", "C", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "x.y", "'Q'", "é", "export"])
_VALUES = st.sampled_from(
    [
        *["", "1", "a b", "a#b", "#a", "a # b", "a  ", "it's", 'a"b', "$A", "'a'", '"a"', "''", '""'],
        *[
            "'a\nB=2\n'",
            '"a\nAWS_PROFILE=2"',
            "'a\\'b'",
            '"a\\"b # c"',
            "'\\\\'",
            "'# a'",
            "A=1",
            "\u2028",
            "'a",
            '"',
        ],
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """The text of a .env file with any layout; some are not parsable."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    other = st.sampled_from(["", "  ", "# A=1", "  # it's", "export # x", "A", "export B  ", "\u2028"])
    lines = draw(st.lists(st.one_of(_settings(), _settings(), other), max_size=8))
    return (
        draw(st.sampled_from(["", "", "", "\ufeff"]))
        + newline.join(lines)
        + draw(st.sampled_from(["", newline, newline]))
    )


@st.composite
def _settings(draw: st.DrawFn) -> str:
    export = draw(st.sampled_from(["", "", "export ", "export\t"]))
    comment = draw(st.sampled_from(["", "", "", "# it's", " # A=1", '\t#"', " junk"]))
    spaces = [draw(_SPACES) for _ in range(4)]
    return f"{spaces[0]}{export}{draw(_NAMES)}{spaces[1]}={spaces[2]}{draw(_VALUES)}{spaces[3]}{comment}"


HELD = st.one_of(HOSTILE, st.text("ab'\" $\\{}`#=!;(")).filter(is_held)
UPDATES = st.dictionaries(
    st.sampled_from(["A", "B", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "NEW"]), st.none() | HELD, min_size=1
)


def python_dotenv(text: str, *, interpolate: bool = False) -> dict[str, str | None]:
    """The variables that python-dotenv finds in a text."""
    return dotenv_values(stream=io.StringIO(text), interpolate=interpolate)


@given(documents(), UPDATES)
@settings(max_examples=150)
def test_python_dotenv_reads_what_was_set(text: str, variables: dict[str, str | None]) -> None:
    """It finds our values, with interpolation and without, and everything else as it was before."""
    assume(is_parsable(text))
    before = python_dotenv(text)
    ours = {name: value for name, value in variables.items() if value is not None}

    after = update(text, variables)

    assert {name: value for name, value in before.items() if name not in variables} | ours == python_dotenv(after)
    interpolated = python_dotenv(after, interpolate=True)
    assert ours == {name: interpolated[name] for name in ours}
    assert after == update(after, variables)


@given(documents())
@settings(max_examples=150)
def test_python_dotenv_decides_what_a_line_is(text: str) -> None:
    """A text is refused where it finds an error; else its names are ours."""
    bindings = list(parse_stream(io.StringIO(text, newline="")))

    assert is_parsable(text) is not any(binding.error for binding in bindings)

    if is_parsable(text):
        expected = dict.fromkeys(key for key, value, *_ in bindings if key and value is not None)
        assert list(expected) == list(dict(assignments(text)))


def is_parsable(text: str) -> bool:
    """Whether a text can be updated."""
    try:
        assignments(text)
    except DotenvError:
        return False
    return True


@given(documents(), st.dictionaries(st.sampled_from(["NEW", "NEWER"]), HELD))
def test_taking_out_what_was_new_gives_back_the_text(text: str, variables: dict[str, str]) -> None:
    """Byte for byte."""
    assume(is_parsable(text))

    assert text == update(update(text, variables), dict.fromkeys(variables))


@given(documents(), st.dictionaries(st.sampled_from(["A", "B", "x.y"]), HELD, min_size=1))
def test_other_lines_stay(text: str, variables: dict[str, str]) -> None:
    """With our lines taken out, the text is the same before and after."""
    assume(is_parsable(text))
    nothing = dict.fromkeys(variables)

    assert update(text, nothing) == update(update(text, variables), nothing)


def node(file: Path) -> dict[str, str]:
    """The environment of a program that Node.js starts with the file."""
    script = "process.stdout.write(JSON.stringify(process.env))"
    return run_json("node", f"--env-file={file}", "-e", script)


def direnv(file: Path) -> dict[str, str]:
    """What direnv finds in the file."""
    return run_json("direnv", "dotenv", "json", str(file))


def dash(file: Path) -> dict[str, str]:
    """The environment after a shell has read the file, as many scripts do."""
    script = f"set -a; . {file}; env -0"
    printed = subprocess.run(["sh", "-c", script], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    assert b"" == printed.stderr
    return dict(entry.split("=", 1) for entry in os.fsdecode(printed.stdout).split("\0") if entry)


def run_json(*command: str) -> dict[str, str]:
    """What a command prints, as JSON."""
    environment = {"PATH": os.environ["PATH"]}
    printed = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    found: dict[str, str] = json.loads(printed)
    return found


@pytest.mark.parametrize(("program", "read"), [("node", node), ("direnv", direnv), ("sh", dash)])
def test_other_readers_agree(program: str, read: Callable[[Path], dict[str, str]], tmp_path: Path) -> None:
    """Node.js, direnv and a shell find in the file what python-dotenv finds there."""
    skip_without(program)
    if program == "node" and not re.search(r"--env-file\b", run_text("node", "--help")):
        pytest.skip("this Node.js is too old to read .env files")
    file = tmp_path / ".env"

    @given(st.lists(HELD, min_size=1, max_size=40))
    @settings(max_examples=25)
    def test(values: list[str]) -> None:
        variables = {f"V{number}": value for number, value in enumerate(values)}
        file.write_text(update("# it's\n", variables), encoding="utf-8", errors="surrogateescape", newline="")

        found = read(file)

        assert variables == {name: found.get(name) for name in variables}

    test()
    assert [file] == list(tmp_path.iterdir())


def run_text(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def test_what_is_last_after_a_line_is_gone_loses_its_own_line_ending() -> None:
    """Whatever those of the other lines are: half of one would be a text that nobody reads."""
    text = "A='a\nb'\r\nB=1\r\nAWS_SESSION_TOKEN=x"

    after = update(text, {"AWS_SESSION_TOKEN": None})

    assert "A='a\nb'\r\nB=1" == after
    assert after == update(after, {"AWS_SESSION_TOKEN": None})
