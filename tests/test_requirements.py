"""The lock file of the tests: whatever pyproject.toml asks for is pinned in it, by hash, and nothing but that."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "tests" / "requirements.txt").read_text()

PIN = re.compile(
    r"(?m)^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; [^\\]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
)
PINS = {pin["name"]: pin["version"] for pin in PIN.finditer(LOCK)}

RUNTIME: list[str] = PROJECT["project"]["dependencies"]
ASKED_FOR: list[str] = [
    *PROJECT["build-system"]["requires"],
    *RUNTIME,
    *PROJECT["project"]["optional-dependencies"]["dev"],
]


@pytest.mark.parametrize("asked_for", sorted(set(ASKED_FOR)))
def test_a_requirement_is_pinned_to_what_it_allows(asked_for: str) -> None:
    """Else the lock file was not renewed: the command for it is in its first lines."""
    requirement = Requirement(asked_for)

    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_everything_in_the_lock_file_is_a_pin_with_hashes() -> None:
    """No index, no address, no path and no option: it says the same to whatever registry is asked."""
    rest = PIN.sub("", LOCK)

    assert [] == [line for line in rest.splitlines() if not line.lstrip().startswith("#")]
    assert [] == re.findall(r"://|file:| /\w", LOCK)


@pytest.mark.parametrize("asked_for", RUNTIME)
def test_what_users_install_is_bounded(asked_for: str) -> None:
    """A dependency has a lower bound and an upper one."""
    assert {"<", ">="} == {bound.operator for bound in Requirement(asked_for).specifier}
