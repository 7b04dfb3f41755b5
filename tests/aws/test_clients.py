"""The clients of one command: what they share, and what they know of."""

from datetime import UTC, datetime
from pathlib import Path

from mfa_profiles import shared_files
from mfa_profiles.aws import clients
from mfa_profiles.profiles import Keys, SharedPaths


def clients_in(directory: Path, config: str) -> clients.Clients:
    """The clients of a command in a home with this config file."""
    paths = SharedPaths(str(directory / "credentials"), str(directory / "config"))
    Path(paths.config).write_text(config)
    return clients.Clients(shared_files.load(paths), lambda: datetime.now(UTC))


def test_a_broken_way_to_credentials_is_not_gone(tmp_path: Path) -> None:
    """The calls are signed with keys, and two profiles that make them alike share what they are made with."""
    made = clients_in(tmp_path, "[profile a]\nsso_session = gone\n[profile b]\n")

    names = [made.get("sts", profile=name, keys=Keys("AKIA", "s"), region="us-west-2") for name in ("a", "b")]

    assert names[0] is names[1]


def test_a_client_finds_its_service_after_another_was_made(tmp_path: Path) -> None:
    """Botocore looks for it at its first list, long after."""
    made = clients_in(tmp_path, "[profile a]\n")

    iam, _ = (made.get(name, profile="a", keys=Keys("AKIA", "s"), region="us-west-2") for name in ("iam", "sts"))

    assert iam.can_paginate("list_mfa_devices")
