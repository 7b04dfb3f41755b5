"""Variables of the environment with values that AWS tools refuse, and what these accept there and in profiles.

Botocore reads a variable before the setting of a profile, and its errors do not say which of the two it read.
``botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES`` lists its variables; those that are not in the table
accept anything.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from mfa_profiles import ini_survey
from mfa_profiles.profiles import Profiles


class Rule(NamedTuple):
    """What botocore accepts for a setting, and the variables that it reads before the setting."""

    setting: str
    """Empty if no profile has it."""
    variables: tuple[str, ...]
    """A name that ends in an underscore stands for all that begin with it."""
    accepts: Callable[[str], bool]
    form: str


class Fault(NamedTuple):
    """A variable of the environment that botocore refuses."""

    variable: str
    setting: str
    message: str
    hint: str


def _one_of(*words: str, any_case: bool = False) -> Callable[[str], bool]:
    return lambda value: (value.lower() if any_case else value) in words


def _whole_number(lowest: int | None = None, highest: int | None = None) -> Callable[[str], bool]:
    def accepts(value: str) -> bool:
        try:
            number = int(value)
        except ValueError:
            return False
        return (lowest is None or lowest <= number) and (highest is None or number <= highest)

    return accepts


_HOST = re.compile(r"((?!-)[A-Za-z\d-]{1,63}(?<!-)\.)*(?!-)[A-Za-z\d-]{1,63}(?<!-)\.?")


def _url(value: str) -> bool:
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return False
    return not value or (host is not None and (":" in host or _HOST.fullmatch(host) is not None))


def _proxy(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        _ = parts.port  # which raises ValueError for what is not a number
    except ValueError:
        return False
    return not value or (bool(parts.hostname) and re.search(r"\s", parts.hostname or "") is None)


def _region(value: str) -> bool:
    return re.fullmatch(r"(?![0-9]+$)(?!-)[a-zA-Z0-9-]{1,63}(?<!-)", value) is not None


def _readable_file(value: str) -> bool:
    return os.path.isfile(value) and os.access(value, os.R_OK)


def _anything(value: str) -> bool:
    return bool(value.strip())


_CHECKSUMS = _one_of("when_supported", "when_required", any_case=True)
_URL = "a URL such as https://HOST"
_PROXY = "a URL such as http://HOST:PORT"
_BUNDLE = "the path of a file that can be read, in which ~ and $VARIABLES are not expanded"
_NO_FILE = "the path of a file"

_RULES = (
    Rule("ca_bundle", ("AWS_CA_BUNDLE",), _readable_file, _BUNDLE),
    Rule("ca_bundle", ("REQUESTS_CA_BUNDLE",), _readable_file, _BUNDLE),
    Rule("region", ("AWS_REGION", "AWS_DEFAULT_REGION"), _region, "the name of a region"),
    Rule(
        "sts_regional_endpoints",
        ("AWS_STS_REGIONAL_ENDPOINTS",),
        _one_of("", "legacy", "regional"),
        "legacy or regional",
    ),
    Rule(
        "s3_us_east_1_regional_endpoint",
        ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",),
        _one_of("legacy", "regional"),
        "legacy or regional",
    ),
    Rule(
        "retry_mode",
        ("AWS_RETRY_MODE",),
        _one_of("legacy", "standard", "adaptive"),
        "legacy, standard or adaptive",
    ),
    Rule(
        "defaults_mode",
        ("AWS_DEFAULTS_MODE",),
        _one_of("legacy", "auto", "standard", "in-region", "cross-region", "mobile", any_case=True),
        "legacy, auto, standard, in-region, cross-region or mobile",
    ),
    Rule("max_attempts", ("AWS_MAX_ATTEMPTS",), _whole_number(lowest=1), "a whole number above 0"),
    Rule("metadata_service_timeout", ("AWS_METADATA_SERVICE_TIMEOUT",), _whole_number(), "a whole number"),
    Rule("metadata_service_num_attempts", ("AWS_METADATA_SERVICE_NUM_ATTEMPTS",), _whole_number(), "a whole number"),
    Rule("ec2_metadata_service_endpoint", ("AWS_EC2_METADATA_SERVICE_ENDPOINT",), _url, _URL),
    Rule(
        "ec2_metadata_service_endpoint_mode",
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",),
        _one_of("ipv4", "ipv6", any_case=True),
        "IPv4 or IPv6",
    ),
    Rule(
        "request_min_compression_size_bytes",
        ("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",),
        _whole_number(1, 1048576),
        "a whole number from 1 to 1048576",
    ),
    Rule(
        "request_checksum_calculation",
        ("AWS_REQUEST_CHECKSUM_CALCULATION",),
        _CHECKSUMS,
        "when_supported or when_required",
    ),
    Rule(
        "response_checksum_validation",
        ("AWS_RESPONSE_CHECKSUM_VALIDATION",),
        _CHECKSUMS,
        "when_supported or when_required",
    ),
    Rule(
        "account_id_endpoint_mode",
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE",),
        _one_of("preferred", "disabled", "required", any_case=True),
        "preferred, disabled or required",
    ),
    Rule(
        "s3_disable_express_session_auth",
        ("AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",),
        _one_of("true", "false", any_case=True),
        "true or false",
    ),
    Rule("endpoint_url", ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_"), _url, _URL),
    Rule("", ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"), _proxy, _PROXY),
    Rule("", ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"), _anything, _NO_FILE),
)

SETTINGS = tuple(dict.fromkeys(rule.setting for rule in _RULES if rule.setting))
"""The settings whose values botocore checks."""


def faults(variables: Mapping[str, str]) -> Iterator[Fault]:
    """The variables that botocore, and with it boto3 and the AWS CLI, refuses."""
    for rule in _RULES:
        for name in (name for variable in rule.variables for name in _present(variable, variables)):
            value = variables[name]
            if not rule.accepts(value) and not _is_ignored(name, variables):
                wrong = f"is not {rule.form}" if value.strip() else "is set to nothing"
                message = f"{name} {wrong}: AWS tools cannot use it"
                yield Fault(name, rule.setting, message, f"unset {name}")


def faults_of_profile(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The settings of a profile that botocore refuses, each with what it accepts. Empty ones are not looked at."""
    seen = set()
    for rule in _RULES:
        value = values.get(rule.setting, "")
        if value.strip() and rule.setting not in seen and not rule.accepts(value):
            seen.add(rule.setting)
            yield rule.setting, rule.form


def _present(variable: str, variables: Mapping[str, str]) -> list[str]:
    if variable.endswith("_"):
        return sorted(name for name in variables if re.fullmatch(rf"{variable}[A-Z0-9_]+", name))
    return [variable] if variable in variables else []


def _is_ignored(name: str, variables: Mapping[str, str]) -> bool:
    if name == "REQUESTS_CA_BUNDLE":
        return "AWS_CA_BUNDLE" in variables
    ignores_endpoints = variables.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    return ignores_endpoints and name.startswith("AWS_ENDPOINT_URL")


def fault_behind(setting: str, variables: Mapping[str, str], value: str | None = None) -> Fault | None:
    """Return the variable that made botocore refuse a setting, or None if the profile did.

    For a setting that is not in the table, as one that is not known, any will do: botocore accepts none of them.
    With a ``value``, only a variable with just that one counts.
    """
    found = [fault for fault in faults(variables) if fault.setting]
    if setting in SETTINGS:
        found = [fault for fault in found if fault.setting == setting]
    if value is not None:
        found = [fault for fault in found if variables[fault.variable] == value]
    return next(iter(found), None)


def place_of(profiles: Profiles, profile: str, setting: str) -> str:
    """Return where a profile has a setting, and what it has to be: the line if there is one, else the section."""
    key = setting.partition(".")[0]
    header = profiles.config_header(profile)
    for file, section in ((profiles.credentials, profile), (profiles.config, header)):
        for place in ini_survey.places(file):
            if (place.section, place.key) == (section, key):
                form = next((f": it has to be {rule.form}" for rule in _RULES if rule.setting == setting), "")
                return f"line {place.line} of {file.path}{form}"
    return f"[{header}] in {profiles.config.path}"
