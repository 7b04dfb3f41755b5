"""Answers that would lead elsewhere: the long run over hostile ones is ``python -m tests.trials answers``."""

import pytest

from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(base: Home, aws: LocalAWS, device: MFADevice, status: int) -> None:
    """Whoever is named there gets neither the signed request nor the code."""
    with LocalAWS() as elsewhere:
        location = f"HTTP/1.1 {status} x\r\nLocation: {elsewhere.endpoint_url}/\r\nContent-Length: 0\r\n\r\n"
        aws.wire = lambda *_: [location.encode()]

        result = base.run_warm("refresh", BASE, "--token-code", base.code(device))

        assert (1, ["GetSessionToken"], []) == (result.code, aws.actions, elsewhere.actions)
