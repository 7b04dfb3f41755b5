"""status --watch: a live table on the terminal, which leaves it as it was."""

import os
import re
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.home import Home, session_section
from tests.screens import Screen

BARS = re.compile("[\u2501\u2578\u2500]+")


def ending(name: str, **delta: float) -> str:
    """A section as this tool writes it, of a session that ends in a while."""
    moment = datetime.now(UTC) + timedelta(**delta)
    return session_section(name, source=name.removesuffix("-mfa"), expires=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def bar(text: str, name: str) -> str:
    """The bar of a profile on the screen; empty if it has none."""
    [line] = [line for line in text.splitlines() if line.startswith(name)]
    found = BARS.search(line)
    return found[0] if found else ""


def test_the_table_follows_the_files(home: Home) -> None:
    """Bars say how much is left; a refresh elsewhere arrives, a broken file is told, and a mended one is read."""
    texts = {name: ending(name, hours=hours) for name, hours in (("a-mfa", 6), ("b-mfa", 36), ("over-mfa", -1))}
    home.write("".join(texts.values()) + session_section("[red]c\x1b[2J"))
    with Screen(home, ["status", "--watch", "-v"]) as screen:  # whose steps wait until it is over
        text = screen.wait_for("[red]c\\x1b[2J")
        header, *rows = text.splitlines()

        assert ["PROFILE", "STATE", "LEFT", "UNTIL", "SOURCE"] == header.split()
        assert ["a-mfa", "b-mfa", "over-mfa", "[red]c\\x1b[2J"] == [row.split()[0] for row in rows]
        assert re.search(r"^a-mfa +valid +\S+ +6 h +(\S+ )?\d\d:\d\d +a$", text, re.MULTILINE)
        assert [15, 30, 0, 0] == [bar(text, row.split()[0]).count("\u2501") for row in rows]
        assert "\u2500" * 30 == bar(text, "over")
        assert "" == bar(text, "[red]c")
        assert screen.screen.cursor.hidden

        home.write(texts["b-mfa"] + ending("a-mfa", minutes=45))
        text = screen.wait_for("45 m")
        assert (2, "\u2501" * 30) == (len(text.splitlines()) - 1, bar(text, "a-mfa"))

        home.write("aws_session_token = b/roken\n")
        text = screen.wait_for("error: ")
        assert f"error: {home.credentials}, line 1: " in text.replace("\n", " ")
        home.write(texts["over-mfa"])
        assert "error" not in screen.wait_for("over-mfa")

        screen.child.sendintr()
        assert 0 == screen.end()


def test_the_bell_rings_when_a_session_comes_to_its_end(home: Home) -> None:
    """Once when little is left of it and once at its end, but not for one that is over already."""
    home.write(ending("a-mfa", hours=1) + ending("over-mfa", hours=-1))
    with Screen(home, ["status", "--watch", "--min-remaining", "30m"]) as screen:
        screen.wait_for("1 h")
        assert 0 == screen.raw.count("\a")
        home.write(ending("a-mfa", minutes=20))
        assert " expiring " in screen.wait_until(lambda _: "\a" in screen.raw).splitlines()[1]
        home.write(ending("a-mfa", seconds=2))  # at which time alone ends it
        assert " expired " in screen.wait_until(lambda _: screen.raw.count("\a") > 1).splitlines()[1]

        home.write(ending("a-mfa", hours=2))  # a refresh, which arms it again
        screen.wait_for("2 h ")
        home.write(ending("a-mfa", seconds=-1))
        screen.wait_until(lambda _: screen.raw.count("\a") > 2)

        screen.child.sendintr()
        assert (0, 3) == (screen.end(), screen.raw.count("\a"))


def test_any_size_of_terminal(home: Home) -> None:
    """What does not fit is left out, nothing is scrolled away, and a new size counts at once."""
    home.write("".join(ending(f"a-rather-long-name-{number}-mfa", hours=5) for number in range(30)))
    with Screen(home, ["status", "--watch"], lines=12, columns=90) as screen:
        wide = screen.wait_for("... and 20 more").splitlines()
        for lines, columns, more in ((6, 40, 26), (3, 20, 29)):
            screen.screen.resize(lines, columns)
            screen.child.setwinsize(lines, columns)
            narrow = screen.wait_for(f"... and {more} more").splitlines()

            assert lines == len(narrow)
            assert narrow[0].startswith("PROFILE")
        screen.screen.resize(40, 90)
        screen.child.setwinsize(40, 90)
        whole = screen.wait_for("name-29-mfa").splitlines()

    assert (12, 31) == (len(wide), len(whole))
    assert ["PROFILE", "STATE", "LEFT", "UNTIL", "SOURCE"] == wide[0].split() == whole[0].split()
    assert "a-rather-long-name-0-mfa" == whole[1].split()[0]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
def test_the_terminal_is_left_as_it_was(home: Home, number: signal.Signals, code: int) -> None:
    """Cursor and echo are back, what was typed meanwhile is not shown, and the prompt comes below the last table."""
    home.write(ending("a-mfa", hours=5))
    script = f'trap : {number.name[3:]}; mfa-profiles status --watch; echo "ended $?"; stty -a; cat'
    with Screen(home, ["-c", script], program="/bin/bash") as screen:
        drawn = screen.wait_for("5 h")
        if number is signal.SIGINT:
            screen.type("q")
            screen.child.sendintr()
        else:
            os.killpg(os.tcgetpgrp(screen.child.fileno()), number)
        text = screen.wait_for("extproc")
        screen.type("typed")
        screen.wait_for("typed\ntyped")

        assert not screen.screen.cursor.hidden
    table = [] if number is signal.SIGHUP else drawn.splitlines()
    assert [*table, f"ended {code}"] == text.splitlines()[: len(table) + 1]
    assert " echo " in text
    assert "q" not in text.splitlines()
    assert screen.raw.count("\x1b[?1049h") == screen.raw.count("\x1b[?1049l") == 1


def test_ctrl_z_stops_it_and_it_goes_on(home: Home) -> None:
    """The terminal is the shell's meanwhile."""
    home.write(ending("a-mfa", hours=5))
    script = 'set -m; mfa-profiles status --watch; echo "stopped"; stty -a; read line; fg; echo "ended $?"'
    with Screen(home, ["-c", script], program="/bin/bash") as screen:
        screen.wait_for("5 h")
        screen.child.send("\x1a")
        text = screen.wait_for("extproc")
        assert (True, False) == (" echo " in text, screen.screen.cursor.hidden)

        screen.type("")
        screen.wait_until(lambda text: "stopped" not in text and "5 h" in text)
        screen.child.sendintr()
        assert "5 h" in screen.wait_for("ended 0")


def test_without_colours(home: Home) -> None:
    """With NO_COLOR the bars still say how much is left."""
    home.write(ending("a-mfa", hours=6))
    with Screen(home, ["status", "--watch"], env={"NO_COLOR": "1"}) as screen:
        text = screen.wait_for("6 h")

    assert 15 == bar(text, "a-mfa").count("\u2501")
    assert [] == re.findall(r"\x1b\[[\d;]*m", screen.raw)


def test_where_nothing_can_be_drawn(home: Home) -> None:
    """In a pipe, on a dumb terminal, or for programs: a usage error, which says what to do in place of it."""
    home.write(ending("a-mfa", hours=6))
    with Screen(home, ["status", "--watch"], env={"TERM": "dumb"}) as screen:
        assert 2 == screen.end()
    piped, as_json = home.run("status", "--watch"), home.run("status", "--watch", "--json")

    message = [
        "mfa-profiles: error: --watch needs a terminal to draw on",
        "hint: elsewhere: while :; do mfa-profiles status; sleep 60; done",
    ]
    assert (2, message, message) == (piped.code, piped.errors, screen.text.splitlines())
    assert (2, True) == (as_json.code, "--watch cannot be combined with --json" in as_json.stderr)


def test_a_mistake_at_the_start_is_an_error(home: Home) -> None:
    """As without --watch, and without a screen in between."""
    home.write(ending("a-mfa", hours=6))
    with Screen(home, ["status", "b", "--watch"]) as screen:
        assert 1 == screen.end()

    assert screen.text.startswith("mfa-profiles: error: there is no profile b")
    assert "\x1b[?1049h" not in screen.raw
