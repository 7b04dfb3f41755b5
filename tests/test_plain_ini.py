"""The reader of plain files: what it reads, configparser reads to the same end."""

import configparser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfa_profiles import plain_ini
from tests.documents import Document, documents

PIECES = ["[", "]", "=", ":", "#", ";", " ", "\t", "\n", "\r\n", "a", "B", "_", "-", "DEFAULT", "[a]\n", "a = b\n"]
ODD = ["\x0b", "\x1c", "\x85", "\u2003", "\u2028", "\0", "é", "%", "'", '"', "\ufeff"]


def check(text: str) -> plain_ini.PlainFile | None:
    """What is read of a text, if anything, is what configparser reads, and where it is."""
    plain = plain_ini.read(text)
    if plain is not None:
        sections, starts = plain
        parser = configparser.RawConfigParser()
        parser.read_string(text.replace("\r\n", "\n"))
        assert {} == parser.defaults()
        assert {name: dict(parser.items(name)) for name in parser.sections()} == sections
        assert list(sections) == list(starts)
        assert all(text[start:].startswith(f"[{name}]") for name, start in starts.items())
        assert all(start == 0 or text[start - 1] == "\n" for start in starts.values())
    return plain


@given(documents())
def test_documents(document: Document) -> None:
    """Those of the tests of editing, which have all that files have."""
    check(document.text)


@given(st.lists(st.sampled_from(PIECES) | st.sampled_from(ODD), max_size=30).map("".join))
@example("[a]\nb = c\n  # d\n\n\t; e\n[ a ]\nb: c\n")
@example("[a]\nb =\n\n\nc = 1 \x0b\n")
def test_texts_that_nobody_would_write(text: str) -> None:
    """Of the characters that mean something to a parser, or to Python."""
    check(text.replace("\r", "").replace("\n", "\r\n"))
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "[a]\r\naws_access_key_id=AKIA\r\n\r\n# c\r\n[profile b]\r\nregion : eu-west-1",
        "\n; x\n[a b]  \nK=\n  # indented\n[b]\nk.1-x_y = a = b ; c\n",
    ],
)
def test_plain_files(text: str) -> None:
    """Files as most people have them are read at once."""
    assert check(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "[s3]\ns3 =\n  a = b\n",
        " [a]\n",
        "[a]\n k = v\n",
        "[a]\nk\n",
        "[a]\n= v\n",
        "[a]\nk = 1\nK = 2\n",
        "[a]\n[a]\n",
        "[DEFAULT]\nk = v\n",
        "[a]]\n",
        "[a] # glued\n",
        "[]\n",
        "k = v\n",
        "[a]\nk l = v\n",
        "[a]\n\u2003# x\n",
    ],
)
def test_others_are_left_to_configparser(text: str) -> None:
    """Wherever there may be a doubt."""
    assert plain_ini.read(text) is None
