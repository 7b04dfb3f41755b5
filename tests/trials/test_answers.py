"""The short version of ``tests.trials.answers``, and answers that would lead elsewhere."""

from pathlib import Path

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice
from tests.trials import answers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(base: Home, aws: LocalAWS, device: MFADevice, status: int) -> None:
    """Whoever is named there gets neither the signed request nor the code."""
    with LocalAWS() as elsewhere:
        location = f"HTTP/1.1 {status} x\r\nLocation: {elsewhere.endpoint_url}/\r\nContent-Length: 0\r\n\r\n"
        aws.wire = lambda *_: [location.encode()]

        result = base.run_warm("refresh", BASE, "--token-code", base.code(device))

        assert (1, ["GetSessionToken"], []) == (result.code, aws.actions, elsewhere.actions)
        assert result.errors[0] == "mfa-profiles: error: the response did not come from AWS"


def test_good_answers_with_something_changed() -> None:
    """They are understood as meant, or refused with a sentence."""
    assert () == answers.mutated_losses(500)


def test_answers_that_are_none(aws: LocalAWS, tmp_path: Path) -> None:
    """One of ten of the long run, for the command that stores what it gets."""
    scene = next(answers.scenes(aws, tmp_path))
    tried = list(answers.wires(scene))[::10]

    losses = [loss for name, wire in tried for loss in answers.losses(scene, name, wire)]

    assert [] == losses
    assert len(tried) >= 10
