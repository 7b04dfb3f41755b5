"""The short versions of ``tests.trials.races``."""

import pytest

from tests.trials import races


def test_commands_at_the_same_time() -> None:
    """No session is lost, and no reader sees anything but whole files."""
    outcome = races.with_locks(workers=12, shared=3, seconds=3)

    assert () == outcome.losses
    assert outcome.count >= 12


def test_beside_a_tool_without_locks() -> None:
    """The AWS CLI may undo what was written, and the other way round; no base profile is lost."""
    outcome = races.beside_the_aws_cli(workers=3, seconds=3)

    assert () == outcome.losses
    assert outcome.count >= 3 + 2


def test_without_locks_the_losses_are_seen() -> None:
    """The race would find them."""
    lost = {"an update was lost", "the last update was lost"}

    # Which is a matter of luck all the same.
    assert any(
        lost & set(races.race(workers=12, shared=3, seconds=4, before=races.WITHOUT_LOCKS).broken) for _ in range(10)
    )


@pytest.mark.parametrize(("pause", "times"), [("0.05", 3), ("stopped", 1)])
def test_in_the_middle_of_a_write(pause: str, times: int) -> None:
    """What another program has not written yet is not lost."""
    assert () == races.beside_a_slow_writer(pause, times=times).losses
