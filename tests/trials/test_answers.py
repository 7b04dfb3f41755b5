"""Hostile answers, in short: the long version is ``python -m tests.trials answers``."""

from pathlib import Path

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice
from tests.trials import hostile_answers as hostile
from tests.trials.answers import losses, mutated_losses, mutated_losses_of_tool, scenes, wires


def test_answers_in_this_process() -> None:
    """Whatever is changed in an answer, it is read as it stands, or an error says that it cannot be."""
    assert () == mutated_losses(100)


def test_answers_in_every_scene(aws: LocalAWS, tmp_path: Path) -> None:
    """Each scene gets an answer that is no HTTP, one that is no XML, and one that something was changed in."""
    lost: list[str] = []
    for number, scene in enumerate(scenes(aws, tmp_path)):
        tried = list(wires(scene))
        quick = [(name, wire) for name, wire in tried if name not in hostile.ENDLESS]
        for name, wire in quick[number % 13 :: len(quick) // 2]:
            lost += losses(scene, name, wire)
        if scene.needs_code:
            lost += mutated_losses_of_tool(scene, 3)

    assert [] == lost


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(base: Home, aws: LocalAWS, device: MFADevice, status: int) -> None:
    """Whoever is named there gets neither the signed request nor the code."""
    with LocalAWS() as elsewhere:
        location = f"HTTP/1.1 {status} x\r\nLocation: {elsewhere.endpoint_url}/\r\nContent-Length: 0\r\n\r\n"
        aws.wire = lambda *_: [location.encode()]

        result = base.run_warm("refresh", BASE, "--token-code", base.code(device))

        assert (1, ["GetSessionToken"], []) == (result.code, aws.actions, elsewhere.actions)
