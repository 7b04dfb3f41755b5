"""Fixtures for all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mfa_profiles import log
from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice, User

# `HYPOTHESIS_PROFILE=long pytest --timeout 0 tests/shared_files` tries many more documents.
settings.register_profile(
    "default",
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell's background job ignores these two, and hands that down to the commands that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """A local AWS of this test's own."""
    with LocalAWS() as aws:
        yield aws


@pytest.fixture
def user(aws: LocalAWS) -> User:
    """An IAM user with long-term keys."""
    return aws.create_user("john.doe")


@pytest.fixture
def device(user: User) -> MFADevice:
    """The user's authenticator app."""
    return user.add_virtual_device()


@pytest.fixture
def home(tmp_path: Path, aws: LocalAWS) -> Home:
    """A home directory without any AWS files."""
    return Home(tmp_path, aws)


@pytest.fixture
def base(home: Home, user: User, device: MFADevice) -> Home:
    """A home with a base profile whose device is known, so that AWS is asked for nothing but the session."""
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    return home


@pytest.fixture
def refreshed(base: Home, device: MFADevice) -> Home:
    """A home whose base profile has a session, which AWS gave."""
    assert 0 == base.run_warm("refresh", BASE, "--token-code", base.code(device)).code
    return base


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """The steps that are told, as with ``-v``, without their times."""
    lines: list[str] = []
    log.begin(log.STEPS, lambda line: lines.append(line.partition(" s  ")[2]), {})
    yield lines
    log._log = None
