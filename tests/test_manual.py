"""The manual page says what ``--help`` says, in a way that man can show."""

import subprocess

from tests import manual
from tests.programs import needs


def test_the_page_is_as_it_is_made_now() -> None:
    """If not: python -m tests.manual."""
    assert manual.manual() == manual.FILE.read_text()


@needs("mandoc")
def test_a_checker_has_no_complaint() -> None:
    """Of mandoc, about anything but style; and there is no date, since nobody would keep it true."""
    command = ["mandoc", "-T", "lint", "-W", "warning", str(manual.FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert [] == [line for line in done.stdout.splitlines() if "missing date" not in line]
