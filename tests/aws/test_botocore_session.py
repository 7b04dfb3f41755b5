"""Sessions have the settings that botocore would read, and their calls go where it would send them."""

import itertools
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from botocore.handlers import BUILTIN_HANDLERS
from hypothesis import assume, example, given

from mfa_profiles import settings, shared_files
from mfa_profiles.aws.botocore_session import is_variant, session_of
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.profiles import SharedPaths
from tests.documents import Document, documents

REFERRED = Document(
    "",
    (
        ("profile d", "[profile d]\nservices = local\nsso_session = s\ns3 =\n  addressing_style = path\n"),
        ("services local", "[services local]\nsts =\n  endpoint_url = http://127.0.0.1:1\n"),
        ("sso-session s", "[sso-session s]\nsso_region = us-west-2\n"),
    ),
)


@given(documents(), documents())
@example(Document("", (("d", "[d]\ns3 =\n  addressing_style = virtual\n"),)), REFERRED)
def test_settings_are_those_that_botocore_would_read(credentials: Document, config: Document) -> None:
    """Of each profile what says how to call AWS, but for blank lines, and all that this may refer to."""
    with TemporaryDirectory() as directory:
        paths = SharedPaths(f"{directory}/credentials", f"{directory}/config")
        Path(paths.credentials).write_bytes(credentials.text.encode())
        Path(paths.config).write_bytes(config.text.encode())
        try:
            profiles = shared_files.load(paths)
        except FileRefusedError:
            assume(False)
        theirs = botocore.session.Session()
        theirs.set_config_variable("credentials_file", paths.credentials)
        theirs.set_config_variable("config_file", paths.config)
        everything = theirs.full_config

    for name in profiles.names():
        ours = session_of(profiles, name, "us-west-2")
        counting = profiles.seen_call_settings(name)
        expected = {
            key: re.sub("\n+", "\n", value) if isinstance(value, str) else value
            for key, value in everything["profiles"][name].items()
            if key in counting and value != ""
        }
        # Botocore would take an empty one for a value.
        filled = {key: value for key, value in ours.get_scoped_config().items() if everything["profiles"][name][key]}
        assert filled == expected
        assert everything.get("services", {}) == ours.full_config["services"]


BLOCKS = {
    "s3": "\naddressing_style = path",
    "proxies_config": "\nproxy_ca_bundle = /ca",
    "api_versions": "\nec2 = 2015",
}


def test_each_setting_that_botocore_and_the_aws_cli_read_controls_calls() -> None:
    """Also those that a newer version of botocore reads, once it is installed."""
    names = [name for name, *_ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values() if name]
    names += [name for names, *_ in DEFAULT_S3_CONFIG_VARS.values() for name in names if "s3_" in name]
    names += ["proxies_config", "endpoint_url", "services", "output", "cli_pager", "cli_of_tomorrow"]
    values = {name: BLOCKS.get(name, "1") for name in names}

    assert settings.call_settings(values) == values
    assert len(values) > 35


@pytest.mark.parametrize("name", ["region", "max_attempts", "retry_mode", "s3", "services", "ca_bundle"])
def test_an_empty_setting_does_not_count(paths: SharedPaths, name: str) -> None:
    """The value in the config file counts, although botocore would take the empty one beside the keys."""
    value = BLOCKS.get(name, "x").replace("\n", "\n  ")
    Path(paths.credentials).write_text(f"[a]\n{name} =  \n[b]\n{name} =\n")
    Path(paths.config).write_text(f"[profile a]\n{name} = {value}\n[profile b]\n{name} = \t\n")
    profiles = shared_files.load(paths)

    a, b = (session_of(profiles, profile, "us-west-2").get_scoped_config() for profile in "ab")

    assert (list(a), b) == ([name], {})


def test_a_profile_that_is_not_there_has_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those of the profile that AWS_PROFILE names."""
    paths = SharedPaths(str(tmp_path / "credentials"), str(tmp_path / "config"))
    Path(paths.config).write_text("[profile other]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_CONFIG_FILE", paths.config)

    session = session_of(shared_files.load(paths), "new", "us-west-2")

    assert {} == session.get_scoped_config()
    assert session.get_config_variable("region") is None


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
        client = _client(session, service, region)
        client.meta.events.register_first("before-send", stop)
        getattr(client, CALLS[service])()
    except Sent as sent:
        return sent.args
    except Exception as error:  # noqa: BLE001 - of any kind, which is to be the same
        return (repr(error),)
    raise AssertionError


def _client(session: Any, service: str, region: str) -> Any:
    return session.create_client(service, region, aws_access_key_id="AKIA", aws_secret_access_key="secret")


@pytest.mark.parametrize("settings", ["", LEGACY, FIPS + LEGACY, DUAL_STACK + LEGACY])
def test_calls_go_where_botocore_would_send_them(paths: SharedPaths, settings: str) -> None:
    """In each region of each partition; in some with settings with which all is read."""
    Path(paths.config).write_text(f"[profile p]\n{settings}")
    profiles = shared_files.load(paths)
    theirs = botocore.session.Session(profile="p")
    ours = {kind: session_of(profiles, "p", kind) for kind in ("", "fips")}
    in_regions = regions() if settings in ("", LEGACY) else ["us-west-2", "cn-north-1"]

    differ = []
    for region, service in itertools.product(in_regions, CALLS):
        expected = where(theirs, service, region)
        found = where(ours["fips" if is_variant(region) else ""], service, region)
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

    where(session_of(shared_files.load(paths), "p", region), "sts", region)

    assert is_read == ("endpoints" in read)
    assert "service-2" in read


@pytest.mark.parametrize("without_proxy", ["iam.amazonaws.com", ".amazonaws.com.cn", ".amazonaws.com"])
def test_the_proxy_is_that_of_the_host_that_is_called(
    paths: SharedPaths, monkeypatch: pytest.MonkeyPatch, without_proxy: str
) -> None:
    """Botocore compares NO_PROXY with the host that it knows of when a client is made."""
    Path(paths.config).write_text("[profile p]\n")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("NO_PROXY", without_proxy)
    theirs, ours = botocore.session.Session(profile="p"), session_of(shared_files.load(paths), "p", "")

    for region, service in itertools.product(["us-west-2", "cn-north-1"], CALLS):
        assert _proxy(theirs, service, region) == _proxy(ours, service, region)


def _proxy(session: Any, service: str, region: str) -> object:
    sender = _client(session, service, region)._endpoint.http_session
    return sender._proxy_config.proxy_url_for(where(session, service, region)[0])


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

    session = session_of(shared_files.load(paths), "p", "private-1")

    assert ("https://sts.private.example/", "private-1", "sts") == where(session, "sts", "private-1")


def test_rules_of_a_private_aws(paths: SharedPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not say, as botocore's do, which region signs: endpoints.json does."""
    Path(paths.config).write_text("[profile p]\n")
    rule = {"type": "endpoint", "conditions": [], "endpoint": {"url": "https://iam.private.example"}}
    directory = tmp_path / "iam" / "2010-05-08"
    directory.mkdir(parents=True)
    rules = {"version": "1.0", "parameters": {}, "rules": [rule]}
    (directory / "endpoint-rule-set-1.json").write_text(json.dumps(rules))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    theirs, ours = botocore.session.Session(profile="p"), session_of(shared_files.load(paths), "p", "us-west-2")

    signed_in_us_east_1 = ("https://iam.private.example/", "us-east-1", "iam")
    assert signed_in_us_east_1 == where(theirs, "iam", "us-west-2") == where(ours, "iam", "us-west-2")


def test_what_botocore_does_to_calls_is_done(paths: SharedPaths) -> None:
    """In the same order, for each operation of the services that we call."""
    Path(paths.config).write_text("[profile p]\n")
    ours = session_of(shared_files.load(paths), "p", "us-west-2")
    theirs = botocore.session.Session(profile="p")
    kinds = {event.partition(".")[0] for event, *_ in BUILTIN_HANDLERS} - {"docs", "getattr"}
    events = [
        f"{kind}.{service}.{operation}"
        for service in CALLS
        for operation in theirs.get_service_model(service).operation_names
        for kind in kinds
    ]

    assert [_handlers(theirs, event) for event in events] == [_handlers(ours, event) for event in events]
    assert 10 < len({handler for event in events for handler in _handlers(ours, event)}) < 30


def _handlers(session: Any, event: str) -> list[object]:
    return list(session.get_component("event_emitter")._emitter._handlers.prefix_search(event))
