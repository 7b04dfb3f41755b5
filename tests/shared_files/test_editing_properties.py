"""Editing, over generated files: what must hold whatever stands in them."""

import configparser

from hypothesis import assume, event, given
from hypothesis import strategies as st

from mfa_profiles import ini, ini_survey
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile
from mfa_profiles.shared_files.editing import Put, put_sections, rename_section, take_keys
from tests import strict_reader
from tests.documents import NAME, Document, documents

KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "x_security_token_expires")
COMMENT = "# Expires {} (mfa-profiles: source_profile smce-veda)"

sessions = st.tuples(*[st.text("AZaz09+/=", min_size=1, max_size=8)] * 4).map(
    lambda values: dict(zip(KEYS, values, strict=True))
)
expirations = st.sampled_from(["2026-11-24T21:05:00Z", "2027-01-01T00:00:00Z"])
byte_order_marks = st.sampled_from([b"", ini.BYTE_ORDER_MARK])


def parsed(document: Document, mark: bytes = b"") -> IniFile:
    """The document as a file; documents that botocore refuses, or reads with other sections, are left aside."""
    try:
        file = ini.parse(mark + document.text.encode(), "credentials")
    except FileRefusedError:
        assume(False)
        raise
    assume(list(file.sections) == [name for name, _ in document.sections])
    return file


def edited(file: IniFile, session: dict[str, str], expiration: str) -> IniFile:
    """The file with a session in it; refusals are left aside."""
    try:
        return put_sections(file, {NAME: Put(session, COMMENT.format(expiration), drop={"aws_security_token"})})
    except FileRefusedError:
        event("refused")
        assume(False)
        raise


def botocore_sections(file: IniFile) -> dict[str, dict[str, str]]:
    """All sections as botocore reads them, by a parser of the test's own."""
    parser = configparser.RawConfigParser()
    parser.read_string(file.text)
    return {name: dict(parser.items(name)) for name in parser.sections()}


def assert_others_unchanged(before: IniFile, after: IniFile) -> None:
    """Every other profile is the same, for botocore and for the stricter SDKs."""
    old, new = botocore_sections(before), botocore_sections(after)
    old.pop(NAME, None)
    new.pop(NAME, None)
    assert old == new
    for is_config in (False, True):
        strict_old = strict_reader.read(before.text, is_config=is_config)
        strict_new = strict_reader.read(after.text, is_config=is_config)
        if strict_old is not None:
            assert strict_new is not None
            strict_old.pop(NAME, None)
            strict_new.pop(NAME, None)
            assert strict_old == strict_new


@given(documents(), byte_order_marks, sessions, expirations)
def test_put_changes_nothing_outside_its_section(
    document: Document, mark: bytes, session: dict[str, str], expiration: str
) -> None:
    """Every byte before and after the section is kept, and every SDK reads every other profile as before."""
    file = parsed(document, mark)

    after = edited(file, session, expiration)

    before_section, after_section = document.around(NAME)
    text = after.encode(after.text)
    assert text.startswith(mark + before_section.encode())
    assert text.endswith(after_section.encode())
    assert_others_unchanged(file, after)


@given(documents(), sessions, expirations)
def test_put_writes_what_botocore_reads_back(document: Document, session: dict[str, str], expiration: str) -> None:
    """The section holds the new values, its other settings and its comments; a stale aws_security_token is gone."""
    file = parsed(document)

    after = edited(file, session, expiration)

    others = {k: v for k, v in file.sections.get(NAME, {}).items() if k != "aws_security_token"}
    assert botocore_sections(after)[NAME] == others | session
    assert f"]\n{COMMENT.format(expiration)}\n" in after.text.replace("\r\n", "\n").replace("] # c", "]").replace(
        "]\t; [c", "]"
    )
    section = dict(document.sections).get(NAME, "")
    comments = [line.strip() for line in section.split("\n") if line.lstrip().startswith(("#", ";"))]
    kept = [line.strip() for line in after.text.split("\n")]
    assert [comment for comment in comments if comment not in kept] == []


@given(documents(), sessions, sessions)
def test_put_twice_equals_put_once_with_the_last_values(
    document: Document, first: dict[str, str], last: dict[str, str]
) -> None:
    """A refresh leaves nothing of the one before it."""
    file = parsed(document)

    twice = edited(edited(file, first, "2026-11-24T21:05:00Z"), last, "2027-01-01T00:00:00Z")

    assert edited(file, last, "2027-01-01T00:00:00Z").text == twice.text


@given(documents(), byte_order_marks, sessions, expirations)
def test_adding_and_removing_gives_back_the_file(
    document: Document, mark: bytes, session: dict[str, str], expiration: str
) -> None:
    """A section that was not there leaves no trace, byte for byte."""
    file = parsed(document, mark)
    assume(NAME not in file.sections)

    after = take_keys(edited(file, session, expiration), {NAME: KEYS})

    assert file.encode(file.text) == after.encode(after.text)


@given(
    documents(with_section=True), st.sets(st.sampled_from(["region", "s3", "aws_session_token", "key 2"]), min_size=1)
)
def test_take_keys_leaves_the_others(document: Document, taken: set[str]) -> None:
    """The section keeps its other settings, and nothing else changes."""
    file = parsed(document)
    left = {key: value for key, value in file.sections[NAME].items() if key not in taken}
    assume(left)
    try:
        after = take_keys(file, {NAME: taken})
    except FileRefusedError:
        assume(False)

    assert left == botocore_sections(after)[NAME]
    before_section, after_section = document.around(NAME)
    assert after.text.startswith(before_section)
    assert after.text.endswith(after_section)
    assert_others_unchanged(file, after)


@given(documents(with_section=True))
def test_remove_changes_nothing_outside_its_section(document: Document) -> None:
    """Whoever wrote the section, its neighbours stay, but for one blank line that stood above it."""
    file = parsed(document)
    try:
        after = take_keys(file, {NAME: file.sections[NAME]})
    except FileRefusedError:
        assume(False)

    before_section, after_section = document.around(NAME)
    assert NAME not in botocore_sections(after)
    assert after.text.startswith(before_section.rstrip("\r\n"))
    assert after.text.endswith(after_section)
    assert_others_unchanged(file, after)


@given(documents(), byte_order_marks, st.sampled_from(["new", "profile new"]))
def test_renaming_changes_a_name_and_nothing_else(document: Document, mark: bytes, name: str) -> None:
    """The header keeps its indent and what stands behind it; every other byte of the file stays."""
    assume(document.sections)
    old, section = document.sections[0]
    file = parsed(document, mark)
    try:
        after = rename_section(file, old, name)
    except FileRefusedError:
        assume(False)
        raise

    before_section, after_section = document.around(old)
    assert before_section + section.replace(f"[{old}]", f"[{name}]", 1) + after_section == after.text
    assert mark == after.encode("")


@given(documents())
def test_places_are_those_that_configparser_sees(document: Document) -> None:
    """Every header and key, at the line on which it stands."""
    file = parsed(document)

    places = ini_survey.places(file)

    lines = file.text.split("\n")
    assert {name: list(values) for name, values in file.sections.items()} == {
        place.section: [key.key for key in places if key.section == place.section and key.key is not None]
        for place in places
    }
    for place in places:
        beginning = f"[{place.section}]" if place.key is None else place.key
        assert lines[place.line - 1].strip().lower().startswith(beginning.lower())
