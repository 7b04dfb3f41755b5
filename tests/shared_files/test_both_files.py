"""The edits of refresh and clear, over both files at once."""

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from mfa_profiles import ini
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, SessionCredentials
from mfa_profiles.shared_files import with_sessions, without_sessions
from tests import strict_reader
from tests.documents import Document, documents

# The base is a profile that some of the generated config files have.
PAIR = ProfilePair("d", "smce-veda-mfa")
ORIGIN = Origin("d", "arn:aws:iam::123456789012:mfa/john.doe")


def credentials(number: int) -> SessionCredentials:
    """Session credentials; each number gives others."""
    return SessionCredentials(
        f"ASIA{number}", f"s/{number}", f"t/{number}==", datetime(2026, 11, 1 + number, tzinfo=UTC)
    )


def with_session(profiles: Profiles, new: SessionCredentials) -> Profiles:
    """Both files with a session in the derived profile of the pair."""
    return with_sessions(profiles, {PAIR: (new, ORIGIN)})


@st.composite
def both_files(draw: st.DrawFn) -> Profiles:
    """Two files that botocore accepts, and into which a session can be put."""
    texts: list[Document] = [draw(documents()), draw(documents())]
    try:
        files = [
            ini.parse(document.text.encode(), name)
            for document, name in zip(texts, ("credentials", "config"), strict=True)
        ]
        profiles = Profiles(*files)
        with_session(profiles, credentials(1))
    except FileRefusedError:
        assume(False)
    return profiles


@given(both_files())
def test_a_second_refresh_leaves_nothing_of_the_first(before: Profiles) -> None:
    """Refresh twice equals refresh once with the last values, in both files."""
    twice = with_session(with_session(before, credentials(1)), credentials(2))
    once = with_session(before, credentials(2))

    assert (once.credentials.text, once.config.text) == (twice.credentials.text, twice.config.text)


@given(both_files())
def test_refresh_and_clear_give_back_both_files(before: Profiles) -> None:
    """If the derived profile was in neither file, nothing of it is left."""
    assume(PAIR.derived not in before)

    after = without_sessions(with_session(before, credentials(1)), [PAIR])

    assert (before.credentials.text, before.config.text) == (after.credentials.text, after.config.text)


@given(both_files())
def test_the_derived_profile_calls_aws_as_its_base_does(before: Profiles) -> None:
    """Every setting that says how to call is there; what was there before is as it was; other profiles are too."""
    after = with_session(before, credentials(1))

    assert set(before.call_settings(PAIR.base)) <= set(after.settings(PAIR.derived))
    for name in before.names():
        if name != PAIR.derived:
            assert before.settings(name) == after.settings(name)
    for key, value in before.settings(PAIR.derived).items():
        if not key.startswith("aws_"):
            assert value == after.settings(PAIR.derived)[key]
    for old, new, is_config in ((before.credentials, after.credentials, False), (before.config, after.config, True)):
        strict_old = strict_reader.read(old.text, is_config=is_config)
        strict_new = strict_reader.read(new.text, is_config=is_config)
        if strict_old is not None:
            assert strict_new is not None
            assert {**strict_old, PAIR.derived: {}} == {**strict_new, PAIR.derived: {}}
