"""The table of what botocore refuses, beside botocore itself, and the errors that name the variable or the line."""

import os
import string
from pathlib import Path

import botocore.session
import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, DEFAULT_S3_CONFIG_VARS
from hypothesis import given
from hypothesis import strategies as st

from mfa_profiles.aws import sdk_settings
from tests.home import BASE, Home
from tests.local_aws import LocalAWS, MFADevice


def _variables() -> list[str]:
    rows = [*BOTOCORE_DEFAUT_SESSION_VARIABLES.values(), *DEFAULT_S3_CONFIG_VARS.values()]
    named = [row[1] for row in rows if row[1] is not None]
    flat = [name for names in named for name in ([names] if isinstance(names, str) else names)]
    # What these name is a profile, a region and files, which other tests are for.
    # Botocore calls AWS_CSM_... internal; they open sockets.
    left_out = (
        *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"),
        *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"),
    )
    return [
        *(name for name in dict.fromkeys(flat) if name not in left_out and "_CSM_" not in name),
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_STS",
    ]


COMMON = ("", " ", "bad", "0", "7", "true")
"""Values that are tried for each variable; those below for each that has words or forms of its own."""

OWN = {
    "AWS_STS_REGIONAL_ENDPOINTS": ("regional", "Legacy"),
    "AWS_RETRY_MODE": ("adaptive", "Standard"),
    "AWS_DEFAULTS_MODE": ("Auto", "in-region"),
    "AWS_MAX_ATTEMPTS": (" 3 ", "-1"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": ("http://[fd00:ec2::254]", "http://host", "host"),
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": ("IPv4", "ipv6"),
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": ("1048577", " 3 "),
    "AWS_REQUEST_CHECKSUM_CALCULATION": ("WHEN_SUPPORTED",),
    "AWS_RESPONSE_CHECKSUM_VALIDATION": ("when_required",),
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": ("Disabled", "preferred"),
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH": ("False",),
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": ("legacy", "Regional"),
    "AWS_ENDPOINT_URL": (
        "https://x y",
        "http://host",
        "http://[::1]:1",
        "http://[",
        "http://under_score",
        "//h",
        "/h",
    ),
}

# Sessions share what has been read of botocore's data, which is most of the work.
LOADER = botocore.session.Session().get_component("data_loader")


def is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> bool:
    """Whether botocore fails to make a client and to look for credentials."""
    with monkeypatch.context() as patch:
        for variable in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(variable)
        patch.setenv("AWS_CONFIG_FILE", "/nowhere")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv(name, value)
        try:
            session = botocore.session.Session()
            session.register_component("data_loader", LOADER)
            session.get_credentials()
            session.create_client("sts", region_name="us-west-2")
        except Exception:  # noqa: BLE001 - it is of many kinds
            return True
        return False


@pytest.mark.parametrize("name", _variables())
def test_the_table_refuses_what_botocore_refuses(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Not more, and not less."""
    values = (*COMMON, *OWN.get(name, ()))

    refused = [value for value in values if is_refused(monkeypatch, name, value)]

    assert [value for value in values if list(sdk_settings.faults({name: value}))] == refused


@pytest.mark.parametrize(
    ("variables", "refused"),
    [
        ({"AWS_REGION": ""}, True),
        ({"AWS_DEFAULT_REGION": " "}, True),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, False),
        ({"AWS_REGION": "12"}, True),
        ({"AWS_CA_BUNDLE": ""}, True),
        ({"AWS_CA_BUNDLE": "/nowhere"}, True),
        ({"AWS_CA_BUNDLE": "/"}, True),
        ({"AWS_CA_BUNDLE": __file__}, False),
        ({"REQUESTS_CA_BUNDLE": " "}, True),
        ({"REQUESTS_CA_BUNDLE": "", "AWS_CA_BUNDLE": __file__}, False),
        ({"AWS_CONFIG_FILE": ""}, True),
        ({"AWS_SHARED_CREDENTIALS_FILE": " "}, True),
        ({"AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}, False),
        ({"HTTPS_PROXY": ""}, False),
        ({"HTTPS_PROXY": "user:p@ss@host:80"}, False),
        ({"HTTPS_PROXY": "http://user:pa/ss@host:80"}, True),
        ({"https_proxy": "eu west"}, True),
        ({"HTTP_PROXY": "/nowhere"}, True),
        ({"AWS_ENDPOINT_URL_S3": "bad"}, True),
        ({"AWS_ENDPOINT_URL_S3": "bad", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"}, False),
        ({"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL_x; echo": "bad"}, False),
    ],
)
def test_what_fails_only_when_it_is_used(variables: dict[str, str], refused: bool) -> None:
    assert [fault.variable for fault in sdk_settings.faults(variables)] == list(variables)[: int(refused)]


@given(st.dictionaries(st.sampled_from(_variables()), st.text(string.printable, min_size=1)))
def test_no_value_is_in_a_message(variables: dict[str, str]) -> None:
    """It may be a password: nothing that differs from value to value is told."""
    for fault in sdk_settings.faults(variables):
        empty = next(
            each for each in sdk_settings.faults({fault.variable: "\x00"}) if each.variable == fault.variable
        )
        blank = next(each for each in sdk_settings.faults({fault.variable: " "}) if each.variable == fault.variable)
        assert fault in (empty, blank)


BROKEN = {
    "AWS_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": " ",
    "AWS_STS_REGIONAL_ENDPOINTS": "global",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "",
    "AWS_DEFAULTS_MODE": "bad",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "x",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "",
    "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH": "",
    "AWS_ENDPOINT_URL": "user:hunter2",
    "AWS_ENDPOINT_URL_STS": "hunter2",
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_error_names_the_variable(base: Home, aws: LocalAWS, device: MFADevice, name: str) -> None:
    if name.startswith("AWS_S3_") and name not in _variables():
        pytest.skip("this botocore does not read it")
    base.secrets.append("hunter2")
    (fault,) = sdk_settings.faults({name: BROKEN[name]})

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), env={name: BROKEN[name]})

    assert result.code == 1
    assert result.errors == [f"mfa-profiles: error: {fault.message}", f"hint: unset {name}"]
    assert aws.requests == []


@pytest.mark.parametrize("value", [" ", "us west"])
def test_an_error_names_the_variable_with_the_region(home: Home, aws: LocalAWS, value: str) -> None:
    user = aws.create_user("jane.roe")
    device = user.add_virtual_device()
    home.add_base(user, config=f"mfa_serial = {device.serial_number}\n")

    result = home.run_warm("refresh", BASE, "--token-code", home.code(device), env={"AWS_REGION": value})

    assert result.errors[0].startswith("mfa-profiles: error: AWS_REGION is ")
    assert result.errors[1:] == ["hint: unset AWS_REGION"]


@pytest.mark.parametrize(
    "env",
    [
        {"AWS_RETRY_MODE": "bad"},
        {"AWS_MAX_ATTEMPTS": "abc"},
        {"AWS_METADATA_SERVICE_TIMEOUT": ""},
        {"AWS_REGION": ""},
        {"AWS_DEFAULT_REGION": " "},
        {"AWS_STS_REGIONAL_ENDPOINTS": ""},
        {"AWS_ENDPOINT_URL_STS": ""},
        {"AWS_ENDPOINT_URL_S3": "bad"},
        {"AWS_CONFIG_FILE": ""},
        {"AWS_SHARED_CREDENTIALS_FILE": ""},
    ],
    ids=str,
)
def test_what_does_not_keep_a_call_from_being_made_is_no_error(
    base: Home, device: MFADevice, env: dict[str, str]
) -> None:
    assert base.run_warm("refresh", BASE, "--token-code", base.code(device), env=env).code == 0


def test_a_setting_of_the_profile_is_not_the_fault_of_another_variable(base: Home, device: MFADevice) -> None:
    """The error is about the one that botocore names, though it would refuse the other as well."""
    base.config.write_text(base.config.read_text() + "request_checksum_calculation = x\n")
    line = len(Path(base.config).read_text().splitlines())
    env = {"AWS_RETRY_MODE": "bad", "AWS_MAX_ATTEMPTS": "x"}

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), env=env)

    assert result.errors[:2] == [
        f"mfa-profiles: error: the AWS SDK cannot use request_checksum_calculation of profile {BASE}",
        f"hint: see line {line} of {base.config}: it has to be when_supported or when_required",
    ]
