"""Fixtures for all tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mfa_profiles import log
from tests import surroundings
from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice, User
from tests.programs import to_install

# `HYPOTHESIS_PROFILE=long pytest --timeout 0 tests/shared_files` tries many more documents.
settings.register_profile(
    "default",
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.register_profile("long", settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

surroundings.settle()

_reasons: set[str] = set()
"""Why tests were skipped."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note why a test is skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _reasons.add(report.longrepr[2])


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Print what to install, below everything else; the processes of xdist leave it to the one that shows results."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    command = to_install(_reasons)
    if command and reporter and not hasattr(config, "workerinput"):
        reporter.write_line(f"to run the skipped tests: {command}")


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
