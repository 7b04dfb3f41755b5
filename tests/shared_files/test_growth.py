"""Edits of files with thousands of sections: with eight times the sections they take eight times as long."""

import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mfa_profiles import ini, shared_files
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, SessionCredentials

CREDENTIALS = SessionCredentials("ASIA1", "s", "t" * 400, datetime(2026, 11, 24, 21, 5, tzinfo=UTC))


def base_profiles(number: int) -> tuple[Profiles, list[ProfilePair]]:
    """Both files with so many base profiles, half of them with names that need quotes, and the pairs of these."""
    names = [f"base{' -'[index % 2]}{index}" for index in range(number)]
    credentials = "".join(f"[{name}]\naws_access_key_id = AKIA\naws_secret_access_key = s\n\n" for name in names)
    config = "".join(f"[profile {shlex.quote(name)}]\nregion = r\n\n" for name in names)
    both = Profiles(ini.parse(credentials.encode(), "credentials"), ini.parse(config.encode(), "config"))
    return both, [ProfilePair(name, f"{name}-mfa") for name in names]


def with_sessions(both: Profiles, pairs: list[ProfilePair]) -> Profiles:
    """Both files with a session for each."""
    return shared_files.with_sessions(both, {pair: (CREDENTIALS, Origin(pair.base)) for pair in pairs})


def putting(number: int) -> Callable[[], object]:
    """What refresh does with many profiles."""
    both, pairs = base_profiles(number)
    return lambda: with_sessions(both, pairs)


def taking(number: int) -> Callable[[], object]:
    """What clear does with many profiles."""
    both, pairs = base_profiles(number)
    both = with_sessions(both, pairs)
    return lambda: shared_files.without_sessions(
        both, [p for p in pairs if shared_files.has_session_of_ours(both, p)]
    )


def naming(number: int) -> Callable[[], object]:
    """What an unknown profile makes every command do in a file whose headers all lack the word ``profile``."""
    config = "".join(f"[base{index}]\nregion = r\n\n" for index in range(number))
    both = ini.parse(b"", "credentials"), ini.parse(config.encode(), "config")
    return lambda: Profiles(*both).misnamed


@pytest.mark.parametrize("edit_of", [putting, taking, naming])
def test_growth(edit_of: Callable[[int], Callable[[], object]]) -> None:
    """An edit that looks through all sections for each of them would take 64 times as long."""
    assert cpu_seconds(edit_of(4000)) < 24 * cpu_seconds(edit_of(500))


def cpu_seconds(act: Callable[[], object]) -> float:
    """The least of some runs, without the time in which others had the machine."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        act()
        spent.append(time.process_time() - start)
    return min(spent)
