"""Cases to begin with: the files that the other tests are about, and words that cases are changed with."""

import itertools
import re
from collections.abc import Iterator
from typing import TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import documents, hostile, test_dotenv
from tests.shared_files import test_editing
from tests.trials.fuzzing import MARKER, both_files, env_files, names
from tests.trials.fuzzing.edits import EDITS

Example = TypeVar("Example")

_CREDENTIALS = f"""[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}

# of a
[a]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}
region = eu-west-1

[a-mfa]
# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a, access_key_id AKIAIOSFODNN7EXAMPLE, mfa_serial GAHT12)
aws_access_key_id = ASIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}
aws_session_token = {MARKER}
aws_security_token = {MARKER}
x_security_token_expires = 2026-11-24T21:05:00Z
# mine
output = json

[b-long-term]
# Rotating access key AKIAIOSFODNN7EXAMPLE to AKIAI44QH8DHBEXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: rotate)
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}
aws_mfa_device = arn:aws:iam::123456789012:mfa/john.doe

[b]
assumed_role = False
aws_session_token = {MARKER}
expiration = 2026-11-24 21:05:00
"""

_CONFIG = f"""[default]
region = us-east-1

[profile a]
region = eu-central-1
s3 =
    addressing_style = path

    # comment
    max_concurrent_requests = 10
mfa_serial = arn:aws:iam::123456789012:mfa/john.doe
external_id = {MARKER}

[profile a-mfa]
# Settings copied by mfa-profiles from profile a
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/r

[b]
region = us-west-2

[profile role]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = a
duration_seconds = 3600
cli_pager = less
  -R

[profile "two words"]
sso_session = s
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = {MARKER}

[sso-session s]
sso_start_url = https://example.com
"""

_A = f"[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {MARKER}\n"
_ODD_CREDENTIALS = [
    f"{_A}[a-mfa]\n  output = json\n  aws_access_key_id = ASIA\n  region = us-east-1\n",
    f"{_A}[a-mfa]\nk = v\naws_security_token = stale\n  # in\naws_session_token = t\n",
    f"{_A}[a-mfa]\naws_session_token = t\n[ a-mfa ]\naws_session_token = other\n",
    f"{_A}[a-mfa]\naws_session_token = t\n\n  # below\n# more\n[b # c]\nk = v\n",
    f"{_A}[a-mfa]# c\nk = v\n",
]
_ODD_CONFIGS = [
    "",
    "",
    "[profile  a-mfa]\nk = v\n",
    "[profile a-mfa]\n\toutput = json\n\n\n\tsso_session = s\n\t# in\n\tregion = x\n",
    "[profiles a]\nregion = x\n[profile a-mfa]\nk = v\nrole_arn = r\n  # in\n",
]

NAMES = [
    *["a", "a-mfa", "default", "DEFAULT", " a ", "profile x", "--to", "-h", "--all", "two words", "", "x\0y"],
    *[
        "a]",
        "a]\n[evil",
        "[a]",
        "a\nb",
        "a\r",
        "é",
        "\u2028",
        "\udcff",
        'a"b',
        "a'b",
        "a#b",
        "a ;b",
        "A" * 300,
        "123456",
    ],
]

WORDS = (
    *["[", "]", "[profile ", "[default]", "[DEFAULT]", "[a-mfa]", "\r\n", "\r", "\n\n", "\n  ", "\n\t# ", "\n; "],
    *[" = ", "=", ": ", " # c", "\ufeff", "\u2028", "\x0b", "\x1c", "\x85", "'", '"', "\\", "\\ud800", MARKER],
    *["aws_access_key_id = ", "aws_secret_access_key = ", "aws_session_token = ", "aws_security_token = "],
    *["region = ", "s3 =\n  a = b", "role_arn = ", "source_profile = ", "mfa_serial = ", "sso_session = s"],
    *[
        "# Expires ",
        " (mfa-profiles: source_profile ",
        "# Rotating access key ",
        "# Settings copied by mfa-profiles from ",
    ],
    *[
        "2026-11-24T21:05:00Z",
        "export ",
        "A=",
        "AWS_SESSION_TOKEN=",
        "Access key ID,Secret access key",
        "${A}",
        "AKIA",
    ],
)


def of_both_files() -> Iterator[bytes]:
    """Each text of the tables of editing, generated documents, and parts of a home, with each edit in turn."""
    texts = [before for before, _ in (*test_editing.PUT.values(), *test_editing.TAKE.values())]
    texts += _examples(
        documents.documents().map(lambda document: document.text.replace(documents.NAME, "a-mfa")), 200
    )
    homes = [(text, texts[number * 7 % len(texts)].replace("[", "[profile ")) for number, text in enumerate(texts)]
    credentials, config = (re.split(r"\n(?=\n(?:# of a\n)?\[)", text) for text in (_CREDENTIALS, _CONFIG))
    for edit, first, second in itertools.product(range(2), range(len(credentials)), range(len(config))):
        homes.append(("\n".join(credentials[first : first + 2]), "\n".join(config[second : second + 1 + edit])))
    for edit, (text, odd_config) in itertools.product(
        range(len(EDITS)), zip(_ODD_CREDENTIALS, _ODD_CONFIGS, strict=True)
    ):
        yield both_files.case(text.encode(), odd_config.encode(), edit=edit, which=edit % 2)
    for number, (of_credentials, of_config) in enumerate(homes):
        mark = "\ufeff" * (number % 10 == 0)
        yield both_files.case(
            f"{mark}{of_credentials}".encode(),
            of_config.encode(),
            edit=number % (len(EDITS) + 1),
            which=number % 3,
            given=NAMES[number % len(NAMES)],
        )


def _examples(strategy: st.SearchStrategy[Example], count: int) -> list[Example]:
    """The same examples of a strategy each time."""
    found: list[Example] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate])
    @given(strategy)
    def collect(example: Example) -> None:
        found.append(example)

    collect()
    return found


def of_env_files() -> Iterator[bytes]:
    """The documents of the tests of ``.env`` files, each with values that are hard to write."""
    values = _examples(hostile.HOSTILE, 300)
    for number, text in enumerate(_examples(test_dotenv.documents(), 300)):
        ours = text.replace("AWS_PROFILE", "AWS_SESSION_TOKEN")
        yield env_files.case(ours.encode(), *(values[(number + place) % len(values)] for place in range(3)))


def of_names() -> Iterator[bytes]:
    """Each name with each command."""
    for name, command in itertools.product(NAMES, range(16)):
        yield names.case(name, command)


def of_comments() -> Iterator[bytes]:
    """Comments of ours, whole and in pieces, and times as tools write them."""
    lines = [line for line in _CREDENTIALS.split("\n") if line.startswith("# ")]
    for line in lines:
        yield from (line.encode(), line[: len(line) // 2].encode(), line.replace(" a,", ' "\\u00e9\\"",').encode())
    yield from (b"2026-13-24 21:05:00", b"0001-01-01T00:00:00+23:59", b"9999-12-31 23:59:59-23:59")
    yield from (b"2026-11-24 21:05:00 +0000 UTC", b"1795554300", b"2026-11-24T22:05:00.999+01:00")


def of_csv_files() -> Iterator[bytes]:
    """The console's file in its forms."""
    header, keys = "Access key ID,Secret access key", f"AKIAIOSFODNN7EXAMPLE,{MARKER}"
    for before, after in (("", ""), ("\ufeff", "\r\n"), ("User name,", ""), ('"a\n""b",', "\n,\n")):
        yield f"{before}{header}{after}\n{before}{keys}{after}\n".encode()


def of_printed_codes() -> Iterator[bytes]:
    """What commands print in the place of a code, and codes."""
    yield from (b"123456\n", b"123 456\r\n", b" 12 34 56 ", b"123\n456", b"1234567", b"12345", b"", b"code: 123456\n")
    yield from (
        "\u0661\u0662\u0663456".encode(),
        b"\xff123456",
        b"123456\x0c654321",
        b"123456\0",
        b"\xef\xbb\xbf123456",
    )
