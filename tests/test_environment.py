"""What is set beside keys so that SDKs call what they call with AWS_PROFILE; botocore itself is asked."""

import inspect
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

import botocore.configprovider
import botocore.credentials
import botocore.session
import pytest

from mfa_profiles import environment, settings
from tests import warm
from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import User

EXPIRES = "2099-01-01T00:00:00Z"
SERVICES = ("s3", "sts", "sqs")

# The settings of the profile, those of [default], and what is in the environment before.
CASES: dict[str, tuple[str, str, dict[str, str]]] = {
    "nothing": ("", "", {}),
    "FIPS": ("use_fips_endpoint = true\n", "", {}),
    "dual stack, which the environment overrides": (
        "use_dualstack_endpoint = true\n",
        "",
        {"AWS_USE_DUALSTACK_ENDPOINT": "false"},
    ),
    "a URL": ("endpoint_url = https://a.example\n", "", {}),
    "a URL, which the environment overrides": (
        "endpoint_url = https://a.example\n",
        "",
        {"AWS_ENDPOINT_URL": "https://b.example"},
    ),
    "a URL, for one service overridden": (
        "endpoint_url = https://a.example\n",
        "",
        {"AWS_ENDPOINT_URL_SQS": "https://b.example"},
    ),
    "URLs of services": ("services = local\nendpoint_url = https://a.example\n", "", {}),
    "URLs of services, which the environment overrides": (
        "services = local\n",
        "",
        {"AWS_ENDPOINT_URL": "https://b.example"},
    ),
    "a URL that is ignored": (
        "endpoint_url = https://a.example\nignore_configured_endpoint_urls = true\n",
        "",
        {"AWS_ENDPOINT_URL": "https://b.example"},
    ),
    "retries": ("retry_mode = adaptive\nmax_attempts = 7\n", "", {}),
    "retries, overridden": ("retry_mode = adaptive\nmax_attempts = 7\n", "", {"AWS_MAX_ATTEMPTS": "2"}),
    "defaults": ("defaults_mode = mobile\nsts_regional_endpoints = legacy\n", "", {}),
    "a certificate": ("ca_bundle = /a bundle.pem\n", "", {}),
    "a block of S3": ("s3 =\n  use_arn_region = false\n  us_east_1_regional_endpoint = legacy\n", "", {}),
    "switches of default": ("", "use_fips_endpoint = true\nuse_dualstack_endpoint = True\n", {}),
    "a URL of default": ("", "endpoint_url = https://d.example\n", {}),
    "services of default": ("", "services = local\n", {}),
    "URLs of both": (
        "endpoint_url = https://a.example\n",
        "services = local\nendpoint_url = https://d.example\n",
        {},
    ),
    "URLs that default ignores": (
        "endpoint_url = https://a.example\n",
        "endpoint_url = https://d.example\nignore_configured_endpoint_urls = true\n",
        {},
    ),
    "a URL of default beside one in the environment": (
        "",
        "endpoint_url = https://d.example\n",
        {"AWS_ENDPOINT_URL": "https://b.example"},
    ),
}


@pytest.fixture
def stored(home: Home, user: User) -> Home:
    """A home with a session that AWS does not know."""
    home.write(base_section(user) + session_section(DERIVED, source=BASE, expires=EXPIRES))
    return home


def write_config(home: Home, own: str, default: str = "") -> None:
    """Give the derived profile these settings, and default those."""
    home.config.write_text(
        f"[default]\n{default}[profile {DERIVED}]\nregion = us-east-1\n{own}"
        "[services local]\nsqs =\n  endpoint_url = https://sqs.example\n"
    )


def exported(home: Home, env: Mapping[str, str], *options: str) -> dict[str, str]:
    """The environment of a shell that has evaluated what ``export`` prints."""
    # The empty URL takes the place of that of the local AWS, and counts as none.
    full = home.environment({"AWS_ENDPOINT_URL": "", **env})
    done = warm.run(["export", BASE, *options], env=full, cwd=home.path)
    assert (done.code, done.stderr) == (0, "")
    result = dict(env)
    for line in done.stdout.splitlines():
        command, *words = shlex.split(line.removesuffix(";"))
        for word in words:
            name, _, value = word.partition("=")
            if command == "unset":
                result.pop(name, None)
            else:
                result[name] = value
    return result


def calls(env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What botocore makes of an environment."""
    with monkeypatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        session = botocore.session.Session()
        found: dict[str, Any] = {"ca_bundle": session.get_config_variable("ca_bundle")}
        for service in SERVICES:
            client = session.create_client(service, verify=False)
            config: Any = client.meta.config
            found[service] = (client.meta.endpoint_url, config.retries, config.s3, config.defaults_mode)
        return found


@pytest.mark.parametrize(("own", "default", "env"), CASES.values(), ids=CASES.keys())
def test_keys_call_what_the_profile_calls(
    own: str, default: str, env: dict[str, str], stored: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(stored, own, default)
    files = {"AWS_CONFIG_FILE": str(stored.config), "AWS_SHARED_CREDENTIALS_FILE": str(stored.credentials)}

    with_keys = exported(stored, env)

    expected = calls({**env, **files, "AWS_PROFILE": DERIVED}, monkeypatch)
    assert calls({**with_keys, **files}, monkeypatch) == expected
    assert own or default or environment.GIVEN_SETTINGS not in with_keys


def test_the_settings_of_the_profile_before_are_replaced(stored: Home) -> None:
    """However often it is evaluated, and by the name of the profile as well; those of the person stay."""
    env = {"AWS_RETRY_MODE": "legacy", "AWS_PAGER": "cat"}
    write_config(stored, "endpoint_url = https://a.example\nuse_fips_endpoint = true\nretry_mode = standard\n")
    first = exported(stored, env)
    write_config(stored, "endpoint_url = https://c.example\nretry_mode = standard\n")
    second = exported(stored, first)
    by_profile = exported(stored, second, "--by-profile")
    write_config(stored, "")
    third = exported(stored, second)

    given = [
        {
            name: value
            for name, value in found.items()
            if environment.GIVEN_SETTINGS == name or re.search("_URL|_FIPS|_MODE|_PAGER", name)
        }
        for found in (first, second, by_profile, third)
    ]

    assert given[0] == {
        **env,
        "AWS_ENDPOINT_URL": "https://a.example",
        "AWS_USE_FIPS_ENDPOINT": "true",
        environment.GIVEN_SETTINGS: "AWS_ENDPOINT_URL,AWS_USE_FIPS_ENDPOINT",
    }
    assert given[1] == {
        **env,
        "AWS_ENDPOINT_URL": "https://c.example",
        environment.GIVEN_SETTINGS: "AWS_ENDPOINT_URL",
    }
    assert given[2:] == [env, env]


def test_no_setting_of_botocore_is_forgotten() -> None:
    """Each that a derived profile has and that has a variable, less those that botocore calls its own business."""
    known = botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES.values()
    tables = [*known, *botocore.configprovider.DEFAULT_S3_CONFIG_VARS.values()]
    variables = {
        row[1]
        for row in tables
        for name in (row[0] if isinstance(row[0], list) else [row[0]])
        if isinstance(row[1], str) and isinstance(name, str) and settings.is_call_setting(name, "x")
    }
    other = {"AWS_DEFAULT_REGION", "AWS_DATA_PATH", "BOTOCORE_TCP_KEEPALIVE"}

    assert {name for name in variables - other if "_CSM_" not in name} <= environment.SETTING_VARIABLES


def test_no_credential_of_botocore_is_forgotten() -> None:
    """All that its providers name, less the variables that name the files with profiles."""
    named = set(re.findall(r"'(AWS_[A-Z_]+)'", inspect.getsource(botocore.credentials)))

    assert len(named) > 10
    assert named - {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} <= {*environment.CREDENTIAL_VARIABLES}
