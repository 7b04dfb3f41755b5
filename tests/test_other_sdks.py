"""Lines that boto3 reads and other SDKs do not."""

import pytest

from mfa_profiles import ini
from mfa_profiles.other_sdks import Difference, differences

CASES = {
    "indented keys": ("[a]\n  k = v\n\tl = w\n", [(2, "INDENTED"), (3, "INDENTED")]),
    "indented keys with a block, which stays indented": (
        "[a]\n  k = v\n  s3 =\n    x = y\n    # c\n  l = w\n",
        [(2, "INDENTED"), (3, "INDENTED"), (5, "INDENTED_COMMENT"), (6, "INDENTED")],
    ),
    "an indented header at the start": ("  [a]\nk = v\n", [(1, "INDENTED")]),
    "an indented header below a header": ("[a]\n  [b]\nk = v\n", [(2, "INDENTED")]),
    "an indented comment at the start": ("  # c\n[a]\nk = v\n", [(1, "INDENTED_COMMENT")]),
    "an indented comment below a header": ("[a]\r\n ; c\r\nk = v\r\n", [(2, "INDENTED_COMMENT")]),
    "an indented comment below a key": ("[a]\nk = v\n  # c\n", [(3, "JOINED")]),
    "an indented comment in a block": ("[a]\ns3 =\n  # c\n  x = y\n", [(3, "IN_BLOCK")]),
    "a key in the line of a header": ("[a]k = v\n[b] l = w\n", [(1, "MORE_AFTER_HEADER"), (2, "MORE_AFTER_HEADER")]),
    "the sign of a comment in a name": ("[a#b]\n[c ; d]\n", [(1, "SIGN_IN_HEADER"), (2, "SIGN_IN_HEADER")]),
    "a comment right after a header": ("[a]# c\n[b]; c\n", [(1, "GLUED_COMMENT"), (2, "GLUED_COMMENT")]),
    "a colon": ("[a]\nk: v\nl : x=y\n", [(2, "COLON"), (3, "COLON")]),
    "capital letters": ("[a]\nAWS_ACCESS_KEY_ID = v\nRegion = x\n", [(2, "CASE"), (3, "CASE")]),
    "blanks that are not ASCII": ("[a]\nregion = x\u00a0\n[b]\n\u00a0k = v\n", [(2, "INVISIBLE"), (4, "INVISIBLE")]),
    "a comment after a command": ("[a]\ncredential_process = x # c\n", [(2, "COMMENT")]),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_other_sdks_read_differently(text: str, expected: list[tuple[int, str]]) -> None:
    ini.parse(text.encode(), "config")  # which boto3 can read

    assert [(line, difference.name) for line, difference in differences(text)] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# c\n\n; d\n[a] # e\n# f\nk = v\n\t\n[b]\t; g\r\nl=w\r\n",
        "[a]\ns3 =\n  max_concurrent_requests = 20\n\n  # c = d\n  addressing_style = path\n# e\nregion = x\n",
        "[services s]\nec2 =\n  endpoint_url = http://localhost\ns3 =\n  endpoint_url = http://localhost\n[a]\n",
        "[a]\nk = v\n  more\n  and = more\n",
        "[a]\nregion = x # c\nOther = v # c\nurl = http://x\n",
        "[profile 'a b']\n[a]]\n",
    ],
)
def test_what_all_sdks_read_alike(text: str) -> None:
    assert list(differences(text)) == []


def test_all_differences_are_tested() -> None:
    assert {name for _, expected in CASES.values() for _, name in expected} == set(Difference.__members__)
