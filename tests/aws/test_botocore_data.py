"""Calls go where botocore would send them, and are signed as it would sign them, though it reads less."""

import itertools
import json
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import pytest

from mfa_profiles import shared_files
from mfa_profiles.aws import botocore_data, clients
from mfa_profiles.profiles import SharedPaths

FIPS, DUAL_STACK = "use_fips_endpoint = true\n", "use_dualstack_endpoint = true\n"
LEGACY = "sts_regional_endpoints = legacy\n"
CALLS = {"sts": "get_caller_identity", "iam": "list_mfa_devices"}


def regions() -> list[str]:
    """All that endpoints.json knows, names of services' own included, and some that nobody knows."""
    data = botocore.loaders.Loader().load_data("endpoints")
    known = {region for partition in data["partitions"] for region in partition["regions"]}
    for partition in data["partitions"]:
        for service in CALLS:
            known |= set(partition["services"].get(service, {}).get("endpoints", {}))
    unknown = {"us-west-9", "mars-1", "cn-new-3", "us-gov-new-1", "us-isob-new-1", "US-West-2", "fips-us-west-2"}
    return sorted(known | unknown)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedPaths:
    """Both files, for botocore as well."""
    paths = SharedPaths(str(tmp_path / "credentials"), str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", paths.credentials)
    monkeypatch.setenv("AWS_CONFIG_FILE", paths.config)
    return paths


class Sent(Exception):  # noqa: N818 - what is looked for
    """A request as it would go out."""


def where(session: Any, service: str, region: str) -> tuple[object, ...]:
    """The URL and the credential scope (region and service) of a call; or why it cannot be made."""

    def stop(request: Any, **_: object) -> None:
        scope = request.headers["Authorization"].decode().split("/")[2:4]
        raise Sent(request.url, *scope)

    try:
        client = session.create_client(
            service, region_name=region, aws_access_key_id="AKIA", aws_secret_access_key="secret"
        )
        client.meta.events.register_first("before-send", stop)
        getattr(client, CALLS[service])()
    except Sent as sent:
        return sent.args
    except Exception as error:  # noqa: BLE001 - of any kind, which is to be the same
        return (repr(error),)
    raise AssertionError


@pytest.mark.parametrize("settings", ["", LEGACY, FIPS + LEGACY, DUAL_STACK + LEGACY])
def test_calls_go_where_botocore_would_send_them(paths: SharedPaths, settings: str) -> None:
    """In each region of each partition; in some with settings with which all is read."""
    Path(paths.config).write_text(f"[profile p]\n{settings}")
    profiles = shared_files.load(paths)
    theirs = botocore.session.Session(profile="p")
    ours = {kind: clients.session_of(profiles, "p", kind) for kind in ("", "fips")}
    in_regions = regions() if settings in ("", LEGACY) else ["us-west-2", "cn-north-1"]

    differ = []
    for region, service in itertools.product(in_regions, CALLS):
        expected = where(theirs, service, region)
        found = where(ours["fips" if botocore_data.is_variant(region) else ""], service, region)
        if expected != found:
            differ.append((region, service, expected, found))

    assert [] == differ


@pytest.mark.parametrize(
    ("settings", "region", "is_read"),
    [
        ("", "us-west-2", False),
        (LEGACY, "us-west-2", False),
        (FIPS, "us-west-2", True),
        (DUAL_STACK, "us-west-2", True),
        ("", "aws-global-fips", True),
    ],
)
def test_endpoints_are_read_where_they_count(
    paths: SharedPaths, monkeypatch: pytest.MonkeyPatch, settings: str, region: str, *, is_read: bool
) -> None:
    """They take longer to read than all else that it takes to make a client."""
    Path(paths.config).write_text(f"[profile p]\n{settings}")
    load = botocore.loaders.JSONFileLoader.load_file
    read = []

    def load_file(loader: botocore.loaders.JSONFileLoader, path: str) -> object:
        read.append(Path(path).name)
        return load(loader, path)

    monkeypatch.setattr(botocore.loaders.JSONFileLoader, "load_file", load_file)

    where(clients.session_of(shared_files.load(paths), "p", region), "sts", region)

    assert is_read == ("endpoints" in read)
    assert "service-2" in read


def test_endpoints_of_a_private_aws(paths: SharedPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beside botocore's own go before its rules: AWS_DATA_PATH, and ~/.aws/models."""
    Path(paths.config).write_text("[profile p]\n")
    region = {"description": "", "endpoints": {"private-1": {"hostname": "sts.private.example"}}}
    partition = {
        "partition": "private",
        "dnsSuffix": "private.example",
        "regionRegex": "^private-1$",
        "defaults": {"protocols": ["https"], "signatureVersions": ["v4"]},
        "regions": {"private-1": {}},
        "services": {"sts": region},
    }
    (tmp_path / "endpoints.json").write_text(json.dumps({"version": 3, "partitions": [partition]}))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    session = clients.session_of(shared_files.load(paths), "p", "private-1")

    assert ("https://sts.private.example/", "private-1", "sts") == where(session, "sts", "private-1")
