"""The same checks as in the long run, for a few thousand documents that Hypothesis makes of the same beginnings."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import strict_reader
from tests.home import BASE, Home
from tests.local_aws import MFADevice
from tests.trials import files
from tests.trials.fuzzing import seeds
from tests.trials.fuzzing.targets import TARGETS

_WORDS = st.sampled_from([word.encode() for word in seeds.WORDS]) | st.binary(min_size=1, max_size=3)


@st.composite
def damaged(draw: st.DrawFn, cases: Sequence[bytes]) -> bytes:
    """A case with some bytes too many, too few or doubled, or with a part of another."""
    case = draw(st.sampled_from(cases))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(case)))
        end = min(len(case), start + draw(st.integers(0, 12)))
        other = draw(st.sampled_from(cases)) if draw(st.integers(0, 9)) == 0 else b""
        word = draw(st.sampled_from([b"", case[start:end] * 2, other[start:]]) | _WORDS)
        case = case[:start] + word + case[end:]
    return case


@pytest.mark.parametrize(
    ("target", "count"),
    [
        ("both_files", 2000),
        ("env_files", 600),
        ("names", 250),
        ("comments", 500),
        ("values_in_comments", 200),
        ("csv_files", 200),
        ("printed_codes", 200),
    ],
)
def test_documents_that_nobody_would_write(target: str, count: int) -> None:
    """They are edited as meant, or refused with a sentence that has no word of them."""

    @settings(max_examples=count)
    @given(damaged(list(TARGETS[target].seeds())))
    def test(case: bytes) -> None:
        TARGETS[target].check(case)

    test()


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_documents_begin_with(target: str) -> None:
    """Each case that the others are made of holds as it is."""
    for case in TARGETS[target].seeds():
        TARGETS[target].check(case)


LEGAL = {"a", "a-mfa", "default", "--to", "-h", "--all", "A" * 300, "123456"}


@pytest.mark.parametrize("name", [name for name in seeds.NAMES if name and "\0" not in name])
def test_a_session_under_any_name(base: Home, device: MFADevice, name: str) -> None:
    """It is under this name and no other section is there, or the name is refused and the file is as it was."""
    before = base.files()

    result = base.run_warm("refresh", BASE, "--token-code", base.code(device), f"--to={name}")

    assert (0 if name in LEGAL else 1) == result.code
    if result.code == 0:
        assert base.section(name)["aws_session_token"]
        assert name in (strict_reader.read(base.text(base.credentials), is_config=False) or {})
        assert f"[{BASE}]\n" in base.text(base.credentials)
        assert 2 == base.text(base.credentials).count("\n[") + 1
    else:
        assert before == base.files()
        assert 1 == len([line for line in result.errors if line.startswith("mfa-profiles: error: ")])


@pytest.mark.long
def test_the_long_run() -> None:
    """It tries as many documents as it was told to, and says what it found."""
    pytest.importorskip("atheris", reason="pip install -e '.[trials]' gets Atheris")

    outcomes = list(files.run(2000))

    assert [()] * len(outcomes) == [outcome.losses for outcome in outcomes]
    assert [2000, 600, 40, 1000, 600, 600, 600] == [outcome.count for outcome in outcomes]
