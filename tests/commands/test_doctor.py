"""doctor, offline: a broken home, what is found in it and what to do, and the home after --fix."""

import json
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import shells
from tests.home import BASE, DERIVED, TOOL, Home, session_section
from tests.local_aws import User
from tests.programs import missing
from tests.screens import Screen
from tests.shared_files.faulty_places import AS_NOBODY, NOBODY, directory_of_nobody
from tests.shared_files.test_permissions import STRANGER, TEAM, requires_root, set_list

KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/john\n"
SESSION = (
    "aws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/a/session\n"
    "aws_session_token = token/of/a/session==\n"
)
BASE_KEYS = f"[{BASE}]\n{KEYS}"
MAYBE = ", if nobody else is meant to use it"
CONFIG = f"[profile {BASE}]\nregion = us-west-2\n\n[profile {DERIVED}]\nregion = us-west-2\n"
PASSED_OVER = f"the SDKs pass over [{BASE}] in ~/.aws/config: the header has to be"


COPIED = f"# Settings copied by mfa-profiles from profile {BASE}\n"
OUR_CONFIG = CONFIG.replace(f"{DERIVED}]\n", f"{DERIVED}]\n{COPIED}")


class Case(NamedTuple):
    """A home; what is said of it, as lines: level, check and message, then the hints; both files after --fix."""

    credentials: str
    config: str
    said: str
    fixed_credentials: str | None = None
    fixed_config: str | None = None
    stays: str = ""
    """What is still said after --fix."""


def comment(source: str = BASE, year: int = 2099, serial: str | None = None) -> str:
    """The comment that this tool puts under the header of a session."""
    device = f", mfa_serial {serial}" if serial else ""
    return f"# Expires {year}-01-01T00:00:00Z (mfa-profiles: source_profile {source}{device})\n"


def ours(year: int = 2099, settings: str = "", serial: str | None = None) -> str:
    """The section of a session that this tool wrote."""
    end = f"x_security_token_expires = {year}-01-01T00:00:00Z\n"
    return f"[{DERIVED}]\n{comment(year=year, serial=serial)}{SESSION}{end}{settings}"


def few_read(name: str) -> str:
    """What is said of a name with characters that some SDKs do not read."""
    return (
        f"warning header some SDKs, such as those for Rust and Java, pass over profile '{name}', because of the "
        "characters in the name\n  letters, digits and _ - / . % @ : + are safe\n"
    )


PART_OF_IT = "which boto3 and the AWS CLI read as part of the value"

# name: a home in which one thing is wrong
CASES = {
    "header: only the line of the header changes": Case(
        f"# mine\n{BASE_KEYS}",
        f"# a guide's\r\n[{BASE}] ; note\r\nregion = us-west-2\r\n\r\n[sso-session s]\r\nsso_region = x\r\n",
        f"problem header {PASSED_OVER} [profile {BASE}]\n",
        f"# mine\n{BASE_KEYS}",
        f"# a guide's\r\n[profile {BASE}] ; note\r\nregion = us-west-2\r\n\r\n[sso-session s]\r\nsso_region = x\r\n",
    ),
    "header: of a role that is in the config file alone, with a name to be quoted": Case(
        BASE_KEYS,
        f"[my role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = {BASE}\n[plugins]\ncli = x",
        "problem header the SDKs pass over [my role] in ~/.aws/config: the header has to be [profile 'my role']\n",
        BASE_KEYS,
        f"[profile 'my role']\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = {BASE}\n[plugins]\ncli = x",
        few_read("my role"),
    ),
    "header: what a person meant by it": Case(
        f"{BASE_KEYS}[a b]\n{KEYS}[c]\n{KEYS}[default]\n{KEYS}",
        f"[Profile {BASE}]\nregion = us-west-2\n[ profile a b ] # note\noutput = json\n"
        "[profilec]\noutput = json\n[Default]\noutput = json\n",
        f"problem header the SDKs pass over [Profile {BASE}] in ~/.aws/config: the header has to be "
        f"[profile {BASE}]\n"
        "problem header the SDKs pass over [ profile a b ] in ~/.aws/config: the header has to be [profile 'a b']\n"
        "problem header the SDKs pass over [profilec] in ~/.aws/config: the header has to be [profile c]\n"
        "problem header the SDKs pass over [Default] in ~/.aws/config: the header has to be [default]\n"
        + few_read("a b"),
        f"{BASE_KEYS}[a b]\n{KEYS}[c]\n{KEYS}[default]\n{KEYS}",
        f"[profile {BASE}]\nregion = us-west-2\n[profile 'a b'] # note\noutput = json\n[profile c]\noutput = json\n"
        "[default]\noutput = json\n",
        few_read("a b"),
    ),
    "header: of something that need not be a profile": Case(
        BASE_KEYS,
        "[of another tool]\nregion = us-west-2\n",
        "warning header the SDKs pass over [of another tool] in ~/.aws/config: the header has to be "
        "[profile 'of another tool']\n  write it so, if it is meant as a profile\n",
    ),
    "header: both are there": Case(
        BASE_KEYS,
        f"[{BASE}]\noutput = json\n[profile {BASE}]\nregion = us-west-2\n",
        f"problem header {PASSED_OVER} [profile {BASE}]\n"
        f"  move its settings to [profile {BASE}], which already exists, and delete this section\n",
    ),
    "header: with the word profile in the credentials file": Case(
        f"[profile a]\n{KEYS}",
        "[profile a]\nregion = us-west-2\n",
        "problem header boto3 does not read [profile a] in ~/.aws/credentials as profile a\n"
        "  write [a] there: the word profile is for the config file only\n",
    ),
    "header: with the word profile in the credentials file, and the right one is there": Case(
        f"[profile a]\n{KEYS}[a]\n{KEYS}[Profile b]\n{KEYS}[ b ]\n{KEYS}",
        "",
        "problem header boto3 does not read [profile a] in ~/.aws/credentials as profile a\n"
        "  move its settings to [a], which already exists, and delete this section: the word profile is for "
        "the config file only\n"
        "problem header boto3 does not read [Profile b] in ~/.aws/credentials as profile b\n"
        "  write [b] there: the word profile is for the config file only\n"
        "problem header boto3 does not read [ b ] in ~/.aws/credentials as profile b\n"
        "  move its settings to [b], which already exists, and delete this section\n",
    ),
    "header: quotation marks, no blank, and another case in the credentials file": Case(
        f'["a"]\n{KEYS}[profileb]\n{KEYS}[Default]\n{KEYS}[profiles]\n{KEYS}',
        "[profile b]\nregion = us-west-2\n",
        'problem header boto3 does not read ["a"] in ~/.aws/credentials as profile a\n  write [a] there\n'
        "problem header boto3 does not read [profileb] in ~/.aws/credentials as profile b\n  write [b] there\n"
        "problem header boto3 does not read [Default] in ~/.aws/credentials as profile default\n"
        "  write [default] there\n",
    ),
    "header: two that mean one profile of the config file": Case(
        f"[b]\n{KEYS}",
        "[Profile a]\nregion = us-west-2\n[ profile a ]\noutput = json\n",
        "warning header the SDKs pass over [Profile a] in ~/.aws/config: the header has to be [profile a]\n"
        "  write it so, if it is meant as a profile\n"
        "problem header the SDKs pass over [ profile a ] in ~/.aws/config: the header has to be [profile a]\n"
        "  move its settings to [profile a], which already exists, and delete this section\n",
    ),
    "other-sdks: indented keys and header in the credentials file": Case(
        f"[{BASE}]\n" + "".join(f"  {line}\n" for line in KEYS.splitlines()) + f"  [a]\n{KEYS}",
        CONFIG,
        "warning other-sdks line 2 of ~/.aws/credentials is indented, but follows no key (3 such lines): the SDKs "
        "for Rust and Java refuse the whole file, and the SDK for Go (Terraform) passes over the line\n"
        "  begin it without blanks\n",
    ),
    "other-sdks: lines of the config file": Case(
        BASE_KEYS,
        f"[profile {BASE}]# c\nregion: us-west-2\n[plugins]\n# d\nx = y\n  # e\n",
        "warning other-sdks line 1 of ~/.aws/config is a header with a comment that no blank separates from it: the "
        "SDK for JavaScript does not read it as a header, and adds the keys to the section above\n"
        "  put a blank before the comment\n"
        "warning other-sdks line 2 of ~/.aws/config has a colon after the key: the SDKs for Rust and Java refuse the "
        "whole file, or read another key\n  write it as key = value\n"
        "warning other-sdks line 6 of ~/.aws/config is an indented comment below a key: the SDKs for Rust and Java "
        "take it for a part of the value above\n  begin it without blanks\n",
    ),
    "other-sdks: a key in the line of its header": Case(
        f"[a]aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/a\n{BASE_KEYS}",
        "",
        "problem other-sdks line 1 of ~/.aws/credentials has more than a comment after the header: boto3 and the AWS "
        "CLI pass over that, and the SDKs for Rust and Java refuse the whole file\n"
        "  put a setting on a line of its own, and delete anything else\n"
        "problem keys profile a has aws_secret_access_key, but no aws_access_key_id\n"
        "  line 1 of ~/.aws/credentials: put what follows [a] on a line of its own\n",
    ),
    "values: quotation marks, comments and more around values": Case(
        BASE_KEYS,
        f'[profile {BASE}]\nregion = "us-west-2"\nmfa_serial = arn:aws:iam::1:mfa/j # phone\noutput = json,\n'
        f"[profile a]\nrole_arn = 'arn:aws:iam::1:role/r'\nsource_profile = \"{BASE}\"\n"
        "duration_seconds = 3600 ; 1 h\n"
        "credential_process = sh -c 'true # \"x\"'\n",
        "warning other-sdks line 9 of ~/.aws/config has a comment after the value: boto3 and the AWS CLI take it for "
        "a part of the value, and other SDKs do not\n  put the comment on a line of its own\n"
        f"problem values region of profile {BASE} is in quotation marks, {PART_OF_IT}\n"
        "  write it without quotation marks\n"
        f"problem values mfa_serial of profile {BASE} has a comment after it, {PART_OF_IT}\n"
        "  put the comment on a line of its own\n"
        f"problem values output of profile {BASE} ends in a comma, {PART_OF_IT}\n  delete the comma\n"
        f"problem values role_arn of profile a is in quotation marks, {PART_OF_IT}\n"
        "  write it without quotation marks\n"
        f"problem values source_profile of profile a is in quotation marks, {PART_OF_IT}\n"
        "  write it without quotation marks\n"
        f"problem values duration_seconds of profile a has a comment after it, {PART_OF_IT}\n"
        "  put the comment on a line of its own\n",
    ),
    "keys: quotation marks, a glued header, and both in one line": Case(
        "[a]\naws_access_key_id = 'AKIAIOSFODNN7EXAMPLE'\naws_secret_access_key = secret/of/a\n"
        "[b]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY[c]\n"
        "[d]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE aws_secret_access_key = secret/of/d\n",
        "",
        f"problem keys aws_access_key_id of profile a is in quotation marks, {PART_OF_IT}\n"
        "  write it without quotation marks\n"
        "problem keys aws_secret_access_key of profile b ends in [c]\n  put [c] on a line of its own\n"
        "problem keys aws_access_key_id of profile d has aws_secret_access_key after it in the same line\n"
        "  put aws_secret_access_key on a line of its own\n",
    ),
    "keys: under names that no SDK reads": Case(
        "[a]\nexport AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nexport AWS_SECRET_ACCESS_KEY=secret/of/a\n"
        "[b]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws-secret-key = secret/of/b\n"
        f"[c]\n{KEYS}access_key = other\n",
        "[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = c\naccess_key = other\n",
        "problem keys profile a has export aws_access_key_id, which no SDK reads\n  write aws_access_key_id = ...\n"
        "problem keys profile a has export aws_secret_access_key, which no SDK reads\n"
        "  write aws_secret_access_key = ...\n"
        "problem keys profile b has aws_access_key_id, but no aws_secret_access_key\n"
        "  line 6 of ~/.aws/credentials has aws-secret-key, which no SDK reads: write aws_secret_access_key = ...\n",
    ),
    "security-token: the line goes": Case(
        BASE_KEYS + ours(settings="aws_security_token = token/of/last/year\nregion = us-west-2\n"),
        CONFIG,
        f"problem security-token profile {DERIVED} has an old aws_security_token, which boto3 and the AWS CLI "
        "prefer to aws_session_token\n  delete the line\n",
        BASE_KEYS + ours(settings="region = us-west-2\n"),
        CONFIG,
    ),
    "security-token: which of two is old is not known where another tool wrote them": Case(
        session_section("a", "aws_security_token = token/of/today\n", expires="2099-01-01T00:00:00Z"),
        "[profile a]\nregion = us-west-2\n",
        "problem security-token profile a has two tokens: boto3 and the AWS CLI use aws_security_token, other SDKs "
        "aws_session_token\n"
        "  delete the line of the one that has ended, or get a new session the way you got this one\n",
    ),
    "security-token: alone": Case(
        f"[a]\n{KEYS}aws_security_token = token/of/last/year\n",
        "[profile a]\nregion = us-west-2\n",
        "warning security-token profile a has its token in aws_security_token, where only boto3 and the AWS CLI "
        "look\n"
        "  name the key aws_session_token\n",
    ),
    "security-token: alone, with an empty aws_session_token that would be there twice": Case(
        f"[a]\n{KEYS}aws_security_token = token/of/last/year\naws_session_token =\n",
        "[profile a]\nregion = us-west-2\n",
        "warning security-token profile a has its token in aws_security_token, where only boto3 and the AWS CLI "
        "look\n"
        "  move its value to aws_session_token, and delete the line\n",
    ),
    "outranked: what leads away from the session goes": Case(
        BASE_KEYS + ours(),
        f"{OUR_CONFIG}# why\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = {BASE}\noutput = json\n",
        f"problem outranked profile {DERIVED} has role_arn and source_profile, which the SDKs follow before they "
        "look at the session\n  take them out of the profile\n",
        BASE_KEYS + ours(),
        f"{OUR_CONFIG}# why\noutput = json\n",
    ),
    "outranked: what a person wrote is left alone": Case(
        BASE_KEYS + ours(),
        f"{CONFIG}role_arn = arn:aws:iam::1:role/r\nsource_profile = {BASE}\n",
        f"problem outranked profile {DERIVED} has role_arn and source_profile, which the SDKs follow before they "
        "look at the session\n  take them out of the profile\n",
    ),
    "outranked: another tool's is left alone": Case(
        session_section("a", "credential_process = true\n", expires="2099-01-01T00:00:00Z"),
        "[profile a]\nregion = us-west-2\n",
        "warning outranked profile a has credential_process, which some SDKs follow before they look at the session\n"
        "  take it out of the profile\n",
    ),
    "region: that of the base profile is copied": Case(
        BASE_KEYS + ours(),
        f"[profile {BASE}]\nregion = us-west-2\n",
        f"warning region profile {DERIVED} has no region, and {BASE} has one\n"
        f"  add to [profile {DERIVED}] in ~/.aws/config: region = us-west-2\n",
        BASE_KEYS + ours(),
        f"[profile {BASE}]\nregion = us-west-2\n\n[profile {DERIVED}]\n"
        f"# Settings copied by mfa-profiles from profile {BASE}\nregion = us-west-2\n",
    ),
    "region: neither has one": Case(
        BASE_KEYS + ours(),
        "",
        f"warning region profile {DERIVED} has no region\n"
        f"  add to [profile {BASE}] in ~/.aws/config: region = us-west-2 (or yours)\n",
    ),
    "empty: settings that do no harm, and some that are not used": Case(
        f"{BASE_KEYS}cli_pager =\nca_bundle =\nexternal_id =\ncredential_process =\nnote =\n",
        f"[profile {BASE}]\nregion = us-west-2\n",
        "",
    ),
    "settings: values that AWS tools refuse": Case(
        BASE_KEYS,
        f"[profile {BASE}]\nregion = us-west-2\nretry_mode = bogus\nmax_attempts = x\nendpoint_url = http://[\n",
        "".join(
            f"problem settings {key} of profile {BASE} is not {form}: AWS tools cannot use it\n"
            "  correct the line, or delete it\n"
            for key, form in (
                ("retry_mode", "legacy, standard or adaptive"),
                ("max_attempts", "a whole number above 0"),
                ("endpoint_url", "a URL such as https://HOST"),
            )
        ),
    ),
    "roles: an ARN of something else": Case(
        BASE_KEYS,
        f"[profile r]\nregion = us-west-2\nrole_arn = junk\nsource_profile = {BASE}\n",
        "problem roles role_arn of profile r is not the ARN of a role\n"
        "  it is like arn:aws:iam::123456789012:role/NAME\n",
    ),
    "empty: parts of a role, and keys": Case(
        "[a]\naws_access_key_id =\naws_secret_access_key =\n",
        "[profile r]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = b\nexternal_id =\nmfa_serial =  \n"
        f"[profile b]\n{KEYS}endpoint_url =\n",
        "problem empty aws_access_key_id of profile a is empty\n  write a value there, or delete the line\n"
        "problem empty aws_secret_access_key of profile a is empty\n  write a value there, or delete the line\n"
        "problem empty external_id of profile r is empty\n  write a value there, or delete the line\n"
        "problem empty mfa_serial of profile r is empty\n  write a value there, or delete the line\n",
    ),
    "empty: a value that it hides": Case(
        f"{BASE_KEYS}endpoint_url =\n",
        f"[profile {BASE}]\nendpoint_url = http://127.0.0.1:1\n",
        f"warning empty endpoint_url of profile {BASE} is empty, which hides the endpoint_url in ~/.aws/config\n"
        "  delete the line\n",
    ),
    "copies: settings of other tools that an older version copied": Case(
        BASE_KEYS + ours(),
        f"[profile {BASE}]\nregion = us-west-2\nokta_password = p\n\n"
        f"[profile {DERIVED}]\n{COPIED}region = us-west-2\nokta_password = p\nmine = m\n",
        f"warning copies okta_password of profile {DERIVED} is a copy from profile {BASE}, and not a setting of AWS "
        "tools\n  delete the line\n",
        BASE_KEYS + ours(),
        f"[profile {BASE}]\nregion = us-west-2\nokta_password = p\n\n"
        f"[profile {DERIVED}]\n{COPIED}region = us-west-2\nmine = m\n",
    ),
    "copies: the password of the base profile was changed since": Case(
        BASE_KEYS + ours(),
        f"[profile {BASE}]\nregion = us-west-2\nokta_password = new\n\n"
        f"[profile {DERIVED}]\n{COPIED}region = us-west-2\nokta_password = old\n",
        f"warning copies okta_password of profile {DERIVED} may be an old copy from profile {BASE}\n"
        "  delete the line, unless you wrote it\n",
    ),
    "roles: parts of a role": Case(
        f"{BASE_KEYS}arn:aws:iam::1:mfa/j\n",
        f"[profile shared]\nsource_profile = {BASE}\n"
        "[profile dev]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = shared\n"
        "[profile alike]\nrole-arn = arn:aws:iam::1:role/r\n"
        "[profile keyless]\nmfa_serial = arn:aws:iam::1:mfa/j\n",
        f"problem roles profile shared has source_profile, but no role_arn: AWS tools follow it for a role only\n"
        f"  write source_profile = {BASE} under [profile dev], or role_arn under [profile shared]\n"
        "problem roles profile alike has the ARN of a role, but no role_arn\n"
        "  write role_arn instead of role-arn under [profile alike]\n"
        "warning roles profile keyless has no aws_access_key_id\n"
        "  put the long-term keys of your IAM user into [keyless] in ~/.aws/credentials\n"
        f"problem arn profile {BASE} has an ARN without the name of a setting in front of it\n"
        "  write mfa_serial = in front of it\n",
    ),
    "expired: nothing is lost by clearing it": Case(
        f"{BASE_KEYS}\n{ours(2020, serial='arn:aws:iam::1:mfa/j')}\n# last words\n",
        f"[profile {BASE}]\nmfa_serial = arn:aws:iam::1:mfa/j\n",
        f"warning expired the session in {DERIVED} ended at 2020-01-01T00:00:00Z\n"
        f"  mfa-profiles refresh {DERIVED}, or mfa-profiles clear {DERIVED}\n",
        f"{BASE_KEYS}\n# last words\n",
        f"[profile {BASE}]\nmfa_serial = arn:aws:iam::1:mfa/j\n",
    ),
    "expired: the device is remembered nowhere else": Case(
        BASE_KEYS + ours(2020, serial="arn:aws:iam::1:mfa/j"),
        "",
        f"warning expired the session in {DERIVED} ended at 2020-01-01T00:00:00Z\n  mfa-profiles refresh {DERIVED}\n",
    ),
    "expired: the region of the derived profile was changed": Case(
        BASE_KEYS + ours(2020),
        f"[profile {BASE}]\nregion = us-west-2\n[profile {DERIVED}]\nregion = eu-west-1\n",
        f"warning expired the session in {DERIVED} ended at 2020-01-01T00:00:00Z\n  mfa-profiles refresh {DERIVED}\n",
    ),
    "expired: another tool's": Case(
        session_section("a", expires="2020-01-01T00:00:00Z"),
        "",
        "warning expired the session in a ended at 2020-01-01T00:00:00Z\n"
        "  another tool wrote it: get a new one the way you got it\n",
    ),
    "expired: many are told at once": Case(
        "".join(session_section(f"r{n}", expires="2020-01-01T00:00:00Z") for n in range(5)),
        "",
        "warning expired 5 sessions have ended: r0, r1, ...\n"
        "  another tool wrote it: get a new one the way you got it\n",
    ),
    "keys: half a key, a placeholder, no ID, swapped, a token missing, no secret": Case(
        "[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
        "[b]\naws_access_key_id = YOUR_ACCESS_KEY_ID\naws_secret_access_key = YOUR_SECRET_ACCESS_KEY\n"
        "[c]\naws_access_key_id = AKIA1\naws_secret_access_key = secret/of/c\n"
        "[d]\naws_access_key_id = secret/of/d\naws_secret_access_key = AKIAIOSFODNN7EXAMPLE\n"
        "[e]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret/of/e\n"
        "[f]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hunter2 of f\n",
        "",
        "problem keys profile a has aws_access_key_id, but no aws_secret_access_key\n"
        "  put both keys of your IAM user into [a] in ~/.aws/credentials\n"
        "problem keys aws_access_key_id of profile b is a placeholder, not a key\n"
        "  put both keys of your IAM user into [b] in ~/.aws/credentials\n"
        "problem keys aws_access_key_id of profile c is not an access key ID\n"
        "  put both keys of your IAM user into [c] in ~/.aws/credentials\n"
        "problem keys aws_access_key_id of profile d is not an access key ID\n"
        "  it has changed places with aws_secret_access_key\n"
        "problem keys the keys of profile e are temporary, and aws_session_token is missing\n"
        "  put both keys of your IAM user into [e] in ~/.aws/credentials\n"
        "problem keys aws_secret_access_key of profile f is not a secret access key\n"
        "  put both keys of your IAM user into [f] in ~/.aws/credentials\n",
    ),
    "roles: a source that is missing, and a circle": Case(
        BASE_KEYS,
        "[profile a]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = smce-vada\n"
        "[profile b]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = b2\n"
        "[profile b2]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = b\n",
        "problem roles source_profile of profile a: there is no profile smce-vada\n"
        f"  did you mean {BASE}?\n  both ~/.aws/credentials and ~/.aws/config were read\n"
        "problem roles the source profiles go round in a circle: b -> b2 -> b\n"
        "  one of them has to be a profile with keys\n"
        "problem roles the source profiles go round in a circle: b2 -> b -> b2\n"
        "  one of them has to be a profile with keys\n",
    ),
    "credential-process: of itself": Case(
        BASE_KEYS,
        "[profile a]\ncredential_process = /bin/mfa-profiles credential-process --min-remaining 1h a\n"
        f"[profile b]\ncredential_process = mfa-profiles credential-process {BASE}\n"
        "[profile c]\ncredential_process = mfa-profiles '\n",
        "problem credential-process credential_process of profile a asks mfa-profiles for that profile itself\n"
        "  name the profile there that has the long-term keys, instead of a\n"
        "problem credential-process credential_process of profile c is not a command\n"
        "  see its quotes and backslashes\n",
    ),
    "credential-process: a program that is not there": Case(
        BASE_KEYS,
        "[profile a]\ncredential_process = sh -c true\n[profile b]\ncredential_process = /bin/sh -c true\n"
        "[profile c]\ncredential_process = nosuch-helper\n[profile d]\ncredential_process = ./helper get\n"
        "[profile e]\ncredential_process = /nowhere/helper get\n[profile f]\ncredential_process = /etc/passwd get\n"
        "[profile g]\ncredential_process = ~/helper get\n"
        f"[profile {BASE}]\ncredential_process = nosuch-helper get\n",
        "problem credential-process credential_process of profile c: there is no program nosuch-helper on the PATH\n"
        "  install it, or give its full path: command -v nosuch-helper\n"
        "problem credential-process credential_process of profile d: ./helper is not a full path\n"
        "  give its full path: it is run without a shell, and from any directory\n"
        "problem credential-process credential_process of profile e: there is no program /nowhere/helper that you "
        "may run\n  install it, or give its full path: command -v helper\n"
        "problem credential-process credential_process of profile f: there is no program /etc/passwd that you may "
        "run\n  install it, or give its full path: command -v passwd\n"
        "problem credential-process credential_process of profile g: ~/helper is not a full path\n"
        "  give its full path: it is run without a shell, and from any directory\n",
    ),
    "mfa-process: a program that is not there; what may be a secret is not told": Case(
        BASE_KEYS,
        "[profile a]\nmfa_process = ls -l\n[profile b]\nmfa_process = nosuch-ykman oath\n"
        "[profile c]\nmfa_process = JBSWY3DPEHPK3PXP\n[profile d]\nmfa_process = SEED=JBSWY3DPEHPK3PXP oathtool\n"
        "[profile e]\nmfa_process = 'nosuch-ykman oath code'\n",
        "problem mfa-process mfa_process of profile b: there is no program nosuch-ykman on the PATH\n"
        "  install it, or give its full path: command -v nosuch-ykman\n"
        "problem mfa-process mfa_process of profile c: there is no such program on the PATH\n"
        "  install it, or give its full path: command -v PROGRAM\n"
        "problem mfa-process mfa_process of profile d starts with a variable\n"
        "  it is run without a shell: sh -c '...'\n"
        "problem mfa-process mfa_process of profile e: there is no such program on the PATH\n"
        "  install it, or give its full path: command -v PROGRAM\n",
    ),
    "parse: every duplicate and every broken line, with the lines of the first": Case(
        "[a]\nk = 1\nK = 2\n  [a]\n[b]\n[a]\nsecret\nk = 3\nk : 4\n[b]\n",
        "x = 1\n[a]\nregion = us-west-2\n[a]\n",
        "problem parse ~/.aws/credentials, line 3: duplicate key: the first is in line 2\n"
        "  delete one of the two\n"
        "problem parse ~/.aws/credentials, line 6: duplicate section: the first is in line 1\n  merge the two\n"
        "problem parse ~/.aws/credentials, line 7: not a [section], a key = value, or a comment\n"
        "  delete the line, write it as key = value, or begin it with # to make it a comment\n"
        "problem parse ~/.aws/credentials, line 9: duplicate key: the first is in line 8\n  delete one of the two\n"
        "problem parse ~/.aws/credentials, line 10: duplicate section: the first is in line 5\n  merge the two\n"
        "problem parse ~/.aws/config, line 1: text before the first [section]\n"
        "  write [default] above it, or the header of its profile\n"
        "problem parse ~/.aws/config, line 4: duplicate section: the first is in line 2\n  merge the two\n"
        "warning profiles profiles were not checked, as the files have to be mended first\n",
    ),
    "parse: a byte order mark beside a broken file": Case(
        "secret",
        "\ufeff[default]\noutput = json\n",
        "problem parse ~/.aws/credentials, line 1: text before the first [section]\n  put it below a header\n"
        "problem parse ~/.aws/config, line 1: a byte order mark, for which boto3 and the AWS CLI refuse the whole "
        "file\n  save the file as UTF-8 without a byte order mark\n"
        "warning profiles profiles were not checked, as the files have to be mended first\n",
    ),
    "parse: a byte order mark goes": Case(
        f"\ufeff{BASE_KEYS}",
        "[default]\r\noutput = json",
        "problem parse ~/.aws/credentials, line 1: a byte order mark, for which boto3 and the AWS CLI refuse the "
        "whole file\n  save the file as UTF-8 without a byte order mark\n",
        BASE_KEYS,
        "[default]\r\noutput = json",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_wrong_in_the_files(home: Home, case: Case) -> None:
    """It is told with what to do, and repaired where nothing is lost by it; else not a byte is touched."""
    home.write(case.credentials, case.config)

    exit_code, said = told(home)
    fixes = case.fixed_credentials is not None
    fixed_exit_code, fixed = told(home, "--fix")

    assert (case.said, int("problem" in case.said)) == (said, exit_code)
    assert (case.fixed_credentials or case.credentials, case.fixed_config or case.config) == raw(home)
    if fixes:
        assert (0, as_fixed(case.said.removesuffix(case.stays)) + case.stays) == (fixed_exit_code, fixed)
        assert (0, case.stays) == told(home)
    else:
        assert (exit_code, said) == (fixed_exit_code, fixed)


def test_the_line_of_an_empty_setting_is_named(home: Home) -> None:
    """Also where the config file has the same setting, with a value; --fix repairs what this tool wrote."""
    config = f"[profile {BASE}]\nregion = us-west-2\n\n[profile {DERIVED}]\n{COPIED}region =\nretry_mode =\n"
    home.write(f"{BASE_KEYS}region =\n{ours()}", config)

    found = json.loads(home.run_warm("doctor", "--offline", "--json").stdout)
    home.run_warm("doctor", "--offline", "--fix")

    places = [
        (finding["path"], finding["line"], finding["fixable"]) for finding in found if finding["check"] == "empty"
    ]
    assert places == [(str(home.credentials), 4, False), (str(home.config), 6, True), (str(home.config), 7, True)]
    assert home.config.read_text() == config.replace("region =\nretry_mode =\n", "region = us-west-2\n")
    assert home.credentials.read_text() == f"{BASE_KEYS}region =\n{ours()}"


def test_permissions(home: Home) -> None:
    """Who else could read keys, or replace a file; in ~/.aws --fix takes it from them."""
    home.write(BASE_KEYS, "")
    dotfiles = home.path / "dotfiles"
    dotfiles.mkdir(mode=0o755)
    dotfiles.chmod(0o777)
    home.config.rename(dotfiles / "config")
    home.config.symlink_to(dotfiles / "config")
    (dotfiles / "config").chmod(0o644)
    home.credentials.chmod(0o640)
    home.credentials.parent.chmod(0o755)

    exit_code, said = told(home)
    _, fixed = told(home, "--fix")
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in (home.credentials, home.config, home.config.parent, dotfiles)
    ]
    dotfiles.chmod(0o755)
    (dotfiles / "config").chmod(0o600)
    clean = told(home)

    of_dotfiles = (
        f"warning permissions others may read ~/.aws/config (mode 644)\n  chmod 600 ~/.aws/config{MAYBE}\n",
        "problem permissions others may write ~/dotfiles (mode 777): a file in it can be replaced\n"
        f"  chmod go-w ~/dotfiles{MAYBE}\n",
    )
    assert (exit_code, said) == (
        1,
        "problem permissions others may read ~/.aws/credentials (mode 640)\n  chmod 600 ~/.aws/credentials\n"
        f"{of_dotfiles[0]}"
        "warning permissions others may read ~/.aws (mode 755)\n  chmod 700 ~/.aws\n"
        f"{of_dotfiles[1]}",
    )
    assert fixed == (
        "fixed permissions ~/.aws/credentials was readable by others, and is 600 now\n"
        "  chmod 600 ~/.aws/credentials\n"
        "fixed permissions ~/.aws was readable by others, and is 700 now\n  chmod 700 ~/.aws\n"
        f"{''.join(of_dotfiles)}"
    )
    assert modes == [0o600, 0o644, 0o700, 0o777]
    assert clean == (0, "")


def _give(home: Home, group: int, *modes: int) -> None:
    for path, mode in zip((home.credentials.parent, home.credentials), modes, strict=True):
        os.chown(path, -1, group)
        path.chmod(mode)


SHARED: dict[str, Callable[[Home], object]] = {
    "a group that may write": lambda home: _give(home, TEAM, 0o770, 0o660),
    "a group that may read": lambda home: _give(home, TEAM, 0o711, 0o640),
    "a group that may enter": lambda home: _give(home, TEAM, 0o750, 0o644),
    "setgid": lambda home: _give(home, 0, 0o2700, 0o640),
    "a list": lambda home: set_list(home.credentials, "-m", f"u:{STRANGER}:r"),
    "a list for new files": lambda home: set_list(home.credentials.parent, "-m", f"d:u:{STRANGER}:r,u:{STRANGER}:x"),
}


@requires_root
@pytest.mark.parametrize("how", SHARED)
@pytest.mark.parametrize("place", [".aws", "srv"])
def test_what_is_shared_on_purpose_stays_shared(home: Home, how: str, place: str) -> None:
    """A warning, and the command for a person who did not mean it."""
    if "list" in how and not shutil.which("setfacl"):
        pytest.skip(missing("setfacl"))
    home.write(BASE_KEYS, "")
    SHARED[how](home)
    env = {}
    if place != ".aws":
        home.credentials.parent.rename(home.path / place)
        env = {
            "AWS_SHARED_CREDENTIALS_FILE": f"{home.path}/srv/credentials",
            "AWS_CONFIG_FILE": f"{home.path}/srv/config",
        }
    before = listing(home.path)

    said = told(home, env=env)
    fixed = told(home, "--fix", env=env)

    assert listing(home.path) == before
    assert fixed == said
    lines = said[1].splitlines()
    if how != "a group that may enter":  # where all others may read the file, too
        assert (said[0], "problem" in said[1]) == (0, False)
    assert lines[1::2] == [line for line in lines if line.startswith("  chmod") and line.endswith(MAYBE)]


def test_a_config_file_for_everybody_stays_so(home: Home) -> None:
    """It has no keys, and is not in ~/.aws."""
    home.write(BASE_KEYS, "")
    config = home.path / "etc" / "config"
    config.parent.mkdir()
    config.write_text(f"[profile {BASE}]\nregion = us-west-2\n")
    config.chmod(0o644)
    env = {"AWS_CONFIG_FILE": str(config)}

    said, fixed = told(home, env=env), told(home, "--fix", env=env)

    expected = f"warning permissions others may read ~/etc/config (mode 644)\n  chmod 600 ~/etc/config{MAYBE}\n"
    assert said == fixed == (0, expected)
    assert stat.S_IMODE(config.stat().st_mode) == 0o644


@requires_root
def test_the_group_that_a_user_has_alone_is_nobody_else(home: Home) -> None:
    """A umask of 002 gives it to all new files; root's group has root's name."""
    home.write(BASE_KEYS, "")
    for path, mode in ((home.credentials, 0o664), (home.credentials.parent, 0o775)):
        path.chmod(mode)

    told(home, "--fix")

    assert [stat.S_IMODE(path.stat().st_mode) for path in (home.credentials, home.credentials.parent)] == [
        0o600,
        0o700,
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_somebody_else(home: Home) -> None:
    """It is not ours to change, not even for root."""
    home.write(BASE_KEYS, "")
    home.credentials.chmod(0o644)
    os.chown(home.credentials, 4242, 4242)

    exit_code, said = told(home, "--fix")

    assert 1 == exit_code
    assert (
        "problem permissions ~/.aws/credentials belongs to user 4242, not to you\n"
        "  sudo chown root ~/.aws/credentials, if it should be yours\n"
        "problem permissions others may read ~/.aws/credentials (mode 644)\n  chmod 600 ~/.aws/credentials\n"
    ) == said
    assert 0o644 == stat.S_IMODE(home.credentials.stat().st_mode)


def test_an_unreadable_file(home: Home) -> None:
    """botocore would take it for an empty one."""
    home.write(BASE_KEYS)
    home.config.mkdir()

    exit_code, said = told(home)

    assert 1 == exit_code
    assert said.startswith(
        "problem parse ~/.aws/config is a directory, not a file\n  Docker makes a directory where a file to mount is "
        "missing: remove it, and create the file before the container starts\n"
    )


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({}, "permission denied"),
        ({"HOME": "HOME/plain"}, "not a directory"),
        ({"AWS_CONFIG_FILE": "HOME/" + "x" * 300, "AWS_SHARED_CREDENTIALS_FILE": "HOME/none"}, "file name too long"),
    ],
)
def test_files_that_cannot_be_looked_at(home: Home, env: dict[str, str], reason: str) -> None:
    """They are not taken for files that nobody has made yet."""
    with directory_of_nobody() as directory:
        (directory / ".aws").mkdir(mode=0)
        (directory / "plain").mkdir()
        (directory / "plain" / ".aws").write_text("")
        variables = {"HOME": "HOME", **env}
        env = {name: value.replace("HOME", str(directory)) for name, value in variables.items()}
        result = home.run_warm("doctor", "--offline", env=env, before=AS_NOBODY)

    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert (1, ["problem", "parse"]) == (result.code, lines[0][:2])
    assert f"could not be read: {reason}" in lines[0][3]
    assert "there is neither" not in result.stdout


def test_a_directory_in_which_nothing_can_be_written(home: Home) -> None:
    """Files are replaced by others, so there is no refresh; a config file may be kept where it cannot be changed."""
    with directory_of_nobody() as directory:
        nobodys = Home(directory, home.aws)
        nobodys.write(BASE_KEYS, "")
        (directory / "store").mkdir()
        nobodys.config.rename(directory / "store" / "config")
        nobodys.config.symlink_to(directory / "store" / "config")
        for path in (directory, *directory.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        for path in (nobodys.credentials.parent, directory / "store"):
            path.chmod(0o500)

        closed = told(nobodys, before=AS_NOBODY)
        nobodys.credentials.parent.chmod(0o200)
        without_entrance = told(nobodys, before=AS_NOBODY)[1]
        nobodys.credentials.parent.chmod(0o700)
        without_config = told(nobodys, before=AS_NOBODY)

    of_config = (
        "warning permissions you may not write ~/store (mode 500): ~/.aws/config cannot be changed\n"
        "  chmod u+rwx ~/store\n"
    )
    assert (
        1,
        "problem permissions you may not write ~/.aws (mode 500): no session can be stored there\n"
        f"  chmod u+rwx ~/.aws\n{of_config}",
    ) == closed
    assert (
        "you may not write ~/.aws (mode 200): no session can be stored there\n  chmod u+rwx ~/.aws"
        in without_entrance
    )
    assert (0, of_config) == without_config


def test_one_file_for_both(home: Home) -> None:
    """Nothing in it is taken for what it would be in two files, and AWS is not asked about it."""
    home.write(BASE_KEYS)

    exit_code, said = told(home, env={"AWS_CONFIG_FILE": str(home.credentials)})
    online = home.run_warm("doctor", "--json", env={"AWS_CONFIG_FILE": str(home.credentials)})

    assert (
        1,
        "problem same-file ~/.aws/credentials and ~/.aws/credentials are one and the same file\n"
        "  the two files have to be apart: see AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE\n"
        "warning profiles profiles were not checked, as the files have to be mended first\n",
    ) == (exit_code, said)
    assert "AWS was not asked, as the files have to be mended first" == json.loads(online.stdout)[-1]["message"]
    assert not home.aws.actions


def test_no_files(home: Home) -> None:
    """The way to the first profile."""
    expected = (
        "warning missing there is neither ~/.aws/credentials nor ~/.aws/config\n"
        "  mfa-profiles setup PROFILE creates a profile from your access key\n"
    )

    assert (0, expected) == told(home, "--fix")
    assert not home.credentials.parent.exists()


def test_files_that_are_not_there(home: Home) -> None:
    """A variable or a link that leads nowhere: SDKs take the file for an empty one, and say nothing."""
    home.write(BASE_KEYS, "")
    home.config.unlink()
    home.config.symlink_to("nowhere")

    named = told(home, env={"AWS_SHARED_CREDENTIALS_FILE": "~/keys"})
    left_out = told(home, env={"AWS_CONFIG_FILE": os.devnull})

    assert (
        0,
        "warning missing AWS_SHARED_CREDENTIALS_FILE names ~/keys, which is not there\n"
        "  unset AWS_SHARED_CREDENTIALS_FILE\n"
        "warning missing ~/.aws/config is a link to a file that is not there\n  ls -l ~/.aws/config\n",
    ) == named
    assert (0, "") == left_out


def test_a_directory_that_was_deleted(home: Home) -> None:
    """Whatever is relative to it is nowhere, and what is not is looked at as ever."""
    home.write(BASE_KEYS, CONFIG)
    env = {
        "HOME": "relative",
        "AWS_SHARED_CREDENTIALS_FILE": str(home.credentials),
        "AWS_CONFIG_FILE": str(home.config),
    }
    deleted = "import os, tempfile; os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())"

    assert (0, "") == told(home, env=env, before=deleted)


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_something_else_in_the_place_of_the_locks(refreshed: Home, make: Callable[[Path], None]) -> None:
    directory = refreshed.credentials.parent / ".mfa-profiles"
    shutil.rmtree(directory)
    make(directory)

    result = refreshed.run_warm("doctor", "--offline")

    assert result.code == 1
    assert f"{directory} is not a directory: nothing can be written beside it" in result.stdout


def test_leftovers_of_a_crash(home: Home) -> None:
    """They hold what the file held, and go under its lock."""
    home.write(BASE_KEYS, "")
    leftover = home.credentials.with_name("credentials.mfa-profiles.tmp")
    leftover.write_text(BASE_KEYS)

    said = told(home)
    fixed = told(home, "--fix")

    expected = (
        "warning leftovers ~/.aws/credentials.mfa-profiles.tmp is left over from a write that was cut off\n"
        "  rm ~/.aws/credentials.mfa-profiles.tmp\n"
    )
    assert (0, expected) == said
    assert (0, as_fixed(expected)) == fixed
    assert {"credentials": home.text(home.credentials), "config": ""} == home.files()


def test_what_was_rescued_of_a_damaged_file(home: Home) -> None:
    """Whoever has closed the terminal that told of it is told again; --fix leaves it alone."""
    home.write(BASE_KEYS, "")
    rescued = home.credentials.with_name("credentials.mfa-profiles.rescued")
    rescued.write_text(BASE_KEYS)

    said = told(home)
    fixed = told(home, "--fix")

    expected = (
        "warning leftovers ~/.aws/credentials.mfa-profiles.rescued is what ~/.aws/credentials was to hold when "
        "the disk failed\n"
        "  if ~/.aws/credentials is still damaged: cp ~/.aws/credentials.mfa-profiles.rescued ~/.aws/credentials\n"
        "  once it is well: rm ~/.aws/credentials.mfa-profiles.rescued\n"
    )
    assert (0, expected) == said == fixed
    assert BASE_KEYS == rescued.read_text()


def test_keys_in_a_git_repository(home: Home) -> None:
    """Unless it ignores them."""
    home.write(BASE_KEYS, "")
    subprocess.run(["git", "init", "-q", str(home.path)], check=True)

    said = told(home)
    home.config.write_text("broken")
    beside_a_broken_file = told(home)[1]
    home.config.write_text("")
    (home.path / ".gitignore").write_text(".aws/\n")

    assert (
        1,
        "problem git ~/.aws/credentials holds long-term keys, and is in a git repository that does not ignore it\n"
        "  keep it out: name it in .gitignore; if it is in already: git rm --cached ~/.aws/credentials\n"
        "  keys that were ever pushed have to be replaced: mfa-profiles rotate PROFILE\n",
    ) == said
    assert said[1] in beside_a_broken_file
    assert (0, "") == told(home)


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (
            {"AWS_PROFILE": "smce-vada", "AWS_DEFAULT_PROFILE": BASE},
            f"warning aws-profile AWS_PROFILE is smce-vada and AWS_DEFAULT_PROFILE is {BASE}: boto3 and version 1 of "
            "the AWS CLI use the latter, version 2 and most other SDKs the former\n  unset AWS_DEFAULT_PROFILE\n"
            "problem aws-profile AWS_PROFILE: there is no profile smce-vada\n"
            f"  did you mean {BASE} or {DERIVED}?\n  both ~/.aws/credentials and ~/.aws/config were read\n"
            "  unset AWS_PROFILE\n",
        ),
        (
            {
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret/of/john",
                "AWS_VAULT": "x",
            },
            "problem environment access keys are in the environment, which most tools prefer to every profile: "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY\n"
            "  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_VAULT\n",
        ),
        (
            {"MFA_PROFILES_TOKEN_CODE": "123456"},
            "warning token-code MFA_PROFILES_TOKEN_CODE is set: AWS takes a code once, and the terminal is not "
            "asked for another\n  unset MFA_PROFILES_TOKEN_CODE\n",
        ),
        (
            {"AWS_ROLE_ARN": "arn:aws:iam::1:role/r"},
            "warning environment AWS_ROLE_ARN in the environment: some tools look there before they look at a "
            "profile\n  unset AWS_ROLE_ARN\n",
        ),
        (
            {"AWS_PROFILE": ""},
            "problem aws-profile AWS_PROFILE is set to nothing: boto3 and the AWS CLI look for a profile without a "
            "name\n  unset AWS_PROFILE\n",
        ),
        (
            {"AWS_PROFILE": BASE, "AWS_DEFAULT_PROFILE": " "},
            "problem aws-profile AWS_DEFAULT_PROFILE is set to nothing: boto3 and the AWS CLI look for a profile "
            "without a name\n  unset AWS_DEFAULT_PROFILE\n",
        ),
        (
            {"AWS_BEARER_TOKEN_BEDROCK": "x", "AMAZON_SESSION_TOKEN": "x", "AWS_ACCOUNT_ID": "1"},
            "problem environment an active session is in the environment, which most tools prefer to every profile: "
            "AMAZON_SESSION_TOKEN\n  unset AMAZON_SESSION_TOKEN AWS_ACCOUNT_ID AWS_BEARER_TOKEN_BEDROCK\n",
        ),
        ({"AWS_ACCOUNT_ID": "210987654321", "AWS_CREDENTIAL_SCOPE": "x"}, ""),
        (
            {"AWS_RETRY_MODE": "bad", "_MFA_PROFILES_SETTINGS": "AWS_RETRY_MODE,HOME"},
            "warning environment _MFA_PROFILES_SETTINGS, AWS_RETRY_MODE in the environment: some tools look there "
            "before they look at a profile\n  unset _MFA_PROFILES_SETTINGS AWS_RETRY_MODE\n",
        ),
        *(
            (
                {name: "x"},
                f"warning environment {name} in the environment: some tools look there before they look at a "
                f"profile\n  unset {name}\n",
            )
            for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_BEARER_TOKEN_X", "AWS_WEB_IDENTITY_TOKEN")
        ),
        (
            {"AWS_RETRY_MODE": "bad", "AWS_CA_BUNDLE": "", "AWS_ENDPOINT_URL_S3": "user:secret/of/john"},
            "problem sdk-settings AWS_CA_BUNDLE is set to nothing: AWS tools cannot use it\n"
            "  unset AWS_CA_BUNDLE\n"
            "problem sdk-settings AWS_RETRY_MODE is not legacy, standard or adaptive: AWS tools cannot use it\n"
            "  unset AWS_RETRY_MODE\n"
            "problem sdk-settings AWS_ENDPOINT_URL_S3 is not a URL such as https://HOST: AWS tools cannot use it\n"
            "  unset AWS_ENDPOINT_URL_S3\n",
        ),
    ],
    ids=[
        *("profiles", "keys", "code", "role", "nameless", "nameless default", "family", "account", "given settings"),
        *("bearer token", "another bearer token", "web identity token", "settings"),
    ],
)
def test_the_environment(home: Home, env: dict[str, str], expected: str) -> None:
    """What outranks a profile, and names that no profile has; never a value that is secret."""
    home.write(BASE_KEYS, CONFIG)
    home.secrets.append("secret/of/john")

    assert (int("problem" in expected), expected) == told(home, env=env)


IN_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret/of/a/session",
    "AWS_SESSION_TOKEN": "token/of/a/session==",
}


@pytest.mark.parametrize(
    "command",
    [
        f"aws_env {BASE}; mfa-profiles doctor",
        f"aws_env --keys {BASE}; mfa-profiles doctor",
        f'eval "$(mfa-profiles export {BASE})"; mfa-profiles doctor',
        f"mfa-profiles exec {BASE} -- mfa-profiles doctor",
    ],
)
def test_a_terminal_with_a_session(home: Home, command: str) -> None:
    """What this tool has set itself is well."""
    home.write(BASE_KEYS + ours(), CONFIG + "retry_mode = standard\n")

    result = shells.run("bash", home, f"{command} --offline")

    expected = f"ok\tenvironment\t{DERIVED}\tthis terminal has the session of {DERIVED}\t-"
    assert [expected] == [line for line in result.stdout.splitlines() if "\tenvironment\t" in line]
    assert "no problems" == result.errors[-1]


@pytest.mark.parametrize("env", [{"AWS_PROFILE": DERIVED}, IN_ENVIRONMENT], ids=["profile", "keys"])
def test_a_terminal_with_the_end_of_an_earlier_session(home: Home, env: dict[str, str]) -> None:
    """A prompt would show a time that is not true, as after a refresh in another terminal."""
    home.write(BASE_KEYS + ours(), CONFIG)

    said = told(home, env={**env, "AWS_CREDENTIAL_EXPIRATION": "2098-12-31T23:00:00Z"})

    assert (
        0,
        f"warning environment AWS_CREDENTIAL_EXPIRATION is of an earlier session of {DERIVED}\n"
        f"  aws_env {BASE}, or unset AWS_CREDENTIAL_EXPIRATION\n",
    ) == said


@pytest.mark.parametrize(
    "env",
    [
        {"AWS_PROFILE": BASE},
        {"AWS_DEFAULT_PROFILE": BASE},
        {"AWS_SESSION_TOKEN": "token/of/another=="},
        {"AWS_SECURITY_TOKEN": "token/of/another=="},
        {"AWS_SECRET_ACCESS_KEY": "secret/of/another"},
        {"AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7ANOTHER"},
        {"AWS_ACCESS_KEY": "ASIAIOSFODNN7ANOTHER"},
    ],
)
def test_a_terminal_with_the_session_of_another(home: Home, env: dict[str, str]) -> None:
    """Keys that are not those of the profile that is chosen, or of none, outrank what people expect."""
    home.write(BASE_KEYS + ours(), CONFIG)

    exit_code, said = told(home, env={**IN_ENVIRONMENT, **env})

    assert 1 == exit_code
    assert said.startswith("problem environment an active session is in the environment, which most tools prefer")


@pytest.mark.parametrize("env", [{"AWS_PROFILE": DERIVED}, IN_ENVIRONMENT], ids=["profile", "keys"])
@pytest.mark.parametrize("account", ["123456789012", "210987654321"])
def test_a_terminal_with_an_account(home: Home, env: dict[str, str], account: str) -> None:
    home.write(BASE_KEYS + ours(serial="arn:aws:iam::123456789012:mfa/john.doe"), CONFIG)

    exit_code, said = told(home, env={**env, "AWS_ACCOUNT_ID": account})

    expected = (
        f"warning environment AWS_ACCOUNT_ID is 210987654321, but profile {DERIVED} is of account 123456789012: SDKs "
        "combine it with keys from the environment, and call endpoints of that account\n  unset AWS_ACCOUNT_ID\n"
    )
    assert (exit_code, said) == (0, expected if account == "210987654321" else "")


def test_what_else_outranks_a_session(home: Home) -> None:
    """It is told beside the session."""
    home.write(BASE_KEYS + ours(), CONFIG)

    said = told(home, env={**IN_ENVIRONMENT, "AWS_ROLE_ARN": "arn:aws:iam::1:role/r"})

    assert (
        0,
        "warning environment AWS_ROLE_ARN in the environment: some tools look there before they look at a profile\n"
        "  unset AWS_ROLE_ARN\n",
    ) == said


def test_a_profile_and_what_it_depends_on(home: Home) -> None:
    """Others are not looked at; the files and the terminal are. An unknown one is an error."""
    role = "[profile {}]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = {}\n"
    home.write(
        "[source]\naws_access_key_id = AKIA1\naws_secret_access_key = secret/of/c\n[other]\naws_access_key_id = A\n",
        role.format("role", "source") + role.format("broken", "nobody"),
    )

    exit_code, said = told(home, "role-mfa", env={"AWS_ROLE_ARN": "x"})
    unknown = home.run_warm("doctor", "sauce", "--offline")

    assert (1, ["keys", "environment"]) == (
        exit_code,
        [line.split()[1] for line in said.splitlines() if line[0] != " "],
    )
    assert "aws_access_key_id of profile source is not an access key ID" in said
    assert (1, "") == (unknown.code, unknown.stdout)
    assert unknown.errors[:2] == ["mfa-profiles: error: there is no profile sauce", "hint: did you mean source?"]


def test_a_pipe_and_json(home: Home) -> None:
    """A line or an object for each check, and how much there is to do on stderr."""
    home.write(BASE_KEYS + ours(), f"[profile {BASE}]\nregion = us-west-2\n")
    home.config.chmod(0o644)

    piped = home.run_warm("doctor", "--offline", env={"AWS_PROFILE": "x"})
    objects = json.loads(home.run_warm("doctor", "--offline", "--json").stdout)
    fixed = home.run_warm("doctor", BASE, "--offline", "--fix")

    lines = [line.split("\t") for line in piped.stdout.splitlines()]
    no_region = f"profile {DERIVED} has no region, and {BASE} has one"
    to_do = [
        f"line 4 of {home.credentials}",
        f"add to [profile {DERIVED}] in {home.config}: region = us-west-2",
        "--fix does it",
    ]
    assert ["ok", "parse", "-", "boto3 and the AWS CLI can read both files", "-"] == lines[0]
    assert ["warning", "region", DERIVED, no_region, "; ".join(to_do)] in lines
    assert ["1 problem, 2 warnings; mfa-profiles doctor --offline --fix repairs 2 of them"] == piped.errors
    assert f"fixed\tregion\t{DERIVED}\t{no_region}\t-\n" in fixed.stdout
    assert ["2 repaired; no problems"] == fixed.errors
    assert {
        "subject": "profiles",
        "check": "region",
        "level": "warning",
        "message": f"profile {DERIVED} has no region, and {BASE} has one",
        "hints": [f"add to [profile {DERIVED}] in {home.config}: region = us-west-2"],
        "profile": DERIVED,
        "path": str(home.credentials),
        "line": 4,
        "fixable": True,
        "fixed": False,
    } in objects


def test_the_summary_is_written_at_once(home: Home) -> None:
    """Else a line of the program behind the pipe, which writes to the same terminal, could get into it."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # in which writes stay apart
    with reader, writer:
        env = home.environment({"PYTHONUNBUFFERED": "1"})
        subprocess.run(
            [TOOL, "doctor", "--offline"], env=env, stdout=subprocess.DEVNULL, stderr=writer.fileno(), check=True
        )

        assert b"1 warning\n" == reader.recv(1000)


def test_the_command_that_repairs(home: Home) -> None:
    """It asks AWS, and looks at all, only if the one before did."""
    home.write(BASE_KEYS, CONFIG)
    for path in (home.credentials, home.config):
        path.chmod(0o644)

    both = home.run_warm("doctor", BASE, "--offline")
    home.config.chmod(0o600)
    one = home.run_warm("doctor")

    assert [f"1 problem, 1 warning; mfa-profiles doctor {BASE} --offline --fix repairs them"] == both.errors
    assert ["2 problems; mfa-profiles doctor --fix repairs 1 of them"] == one.errors


def test_hundreds_of_profiles(home: Home) -> None:
    """All that is wrong with them is told in a moment: neither file is looked through once more for each."""
    count = 1000
    home.write(
        "".join(f"[p{n}]\naws_access_key_id = AKIA1\naws_secret_access_key = s/{n}\n" for n in range(count)), ""
    )

    start = time.monotonic()
    exit_code, said = told(home)

    assert (1, count) == (exit_code, len(said.splitlines()) // 2)
    assert time.monotonic() - start < 100  # it took minutes when it did


def test_the_screen(home: Home) -> None:
    """By subject; what is well is terse, and what is not says what to do."""
    home.write(BASE_KEYS + ours(settings="aws_security_token = token/of/last/year\n"), CONFIG)
    env = {"AWS_PROFILE": DERIVED}

    with Screen(home, ["doctor", "--offline"], env=env) as broken:
        assert 1 == broken.end()
    with Screen(home, ["doctor", "--offline", "--fix"], env=env) as repaired:
        assert 0 == repaired.end()

    after = f"""\
files
  ok       boto3 and the AWS CLI can read both files; only you may read or write
           them; no leftovers of a crash; no credentials that git could commit
profiles
  fixed    profile {DERIVED} has an old aws_security_token, which boto3 and
           the AWS CLI prefer to aws_session_token
  ok       every profile has the right header; no key is half or a placeholder;
           no quotation marks or comments around values; no token is outdated;
           nothing outranks a session; every session has a region; every session
           is of its base profile; no session has expired; every role has its
           source
terminal
  ok       this terminal uses profile {DERIVED} (AWS_PROFILE)
  ok       no keys in the environment
1 repaired; no problems"""
    assert after == repaired.text
    assert "           line 10 of " in broken.text
    assert broken.text.endswith("1 problem; mfa-profiles doctor --offline --fix repairs it")
    assert "\x1b[31mproblem " in broken.raw


def test_a_repair_that_cannot_be_made_is_told(home: Home) -> None:
    """Other SDKs take the section for one with another name: it is left to a person."""
    home.write(BASE_KEYS, f"[{BASE}]# note\nregion = us-west-2\n")
    before = raw(home)

    exit_code, said = told(home, "--fix")

    assert 1 == exit_code
    assert f"  --fix did not work: ~/.aws/config, line 1: the header [{BASE}] has text glued to it" in said
    assert before == raw(home)


def told(home: Home, *options: str, env: Mapping[str, str] | None = None, before: str = "") -> tuple[int, str]:
    """The exit code, and what is not well, as lines; nothing is written without --fix."""
    as_it_was = listing(home.path)
    result = home.run_warm("doctor", "--offline", "--json", *options, env=env, before=before)
    assert "--fix" in options or as_it_was == listing(home.path)
    lines = []
    for finding in json.loads(result.stdout):
        if finding["level"] != "ok":
            level = "fixed" if finding["fixed"] else finding["level"]
            lines += [f"{level} {finding['check']} {finding['message']}", *(f"  {hint}" for hint in finding["hints"])]
    return result.code, "".join(f"{line}\n" for line in lines).replace(str(home.path), "~")


def listing(directory: Path) -> list[tuple[str, int, int]]:
    """All files with what shows that they were written."""
    paths = sorted(directory.rglob("*"))
    return [(str(path), path.lstat().st_mode, path.lstat().st_mtime_ns) for path in paths]


def as_fixed(said: str) -> str:
    """The same lines after a repair."""
    return said.replace("problem ", "fixed ").replace("warning ", "fixed ")


def raw(home: Home) -> tuple[str, str]:
    """Both files as they are."""
    return home.credentials.read_bytes().decode(), home.config.read_bytes().decode()


def test_a_rotation_that_was_interrupted(home: Home, user: User) -> None:
    """The comment that it has left is told of, with what finishes it."""
    comment = f"# Rotating access key {user.access_key_id} since 2026-01-01T00:00:00Z (mfa-profiles: rotate again)"
    home.add_base(user)
    text = home.credentials.read_text().replace(f"[{BASE}]\n", f"[{BASE}]\n{comment}\n")
    home.credentials.write_text(text)

    result = home.run("doctor", "--offline", "--json")

    [finding] = [finding for finding in json.loads(result.stdout) if finding["check"] == "rotation"]
    assert "warning" == finding["level"]
    assert [f"mfa-profiles rotate {BASE} finishes it"] == finding["hints"]
