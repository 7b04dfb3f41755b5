"""Programs that tests run. Without one its tests are skipped, and the last line of the run says what to install."""

import re
import shutil
from collections.abc import Iterable

import pytest

# The packages of Debian, where they have other names than the programs. None stands for no package.
_PACKAGES = {
    "chattr": "e2fsprogs",
    "crontab": "cron",
    "lowntfs-3g": "ntfs-3g",
    "mkntfs": "ntfs-3g",
    "node": "nodejs",
    "notify-send": "libnotify-bin",
    "setfacl": "acl",
    "systemd-analyze": "systemd",
    "terraform": None,
}
_INSTALL = "; to install it: "


def missing(program: str, command: str | None = None) -> str:
    """Return the reason to skip a test; ``command`` installs the program if it is not one of Debian's."""
    package = _PACKAGES.get(program, program)
    command = command or (f"apt install {package}" if package else None)
    return f"{program} is not installed{_INSTALL}{command}" if command else f"needs {program}, which Debian has not"


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test on a machine without a program."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=missing(program))


def skip_without(program: str, path: str | None = None) -> str:
    """Return the path of a program, or skip the test on a machine without it."""
    found = shutil.which(program, path=path)
    if found is None:
        pytest.skip(missing(program))
    return found


def to_install(reasons: Iterable[str]) -> str | None:
    """Return the commands that install what tests were skipped for, if there is any."""
    commands = sorted({match[1] for reason in reasons if (match := re.search(f"{_INSTALL}(.*)", reason))})
    packages = [command.removeprefix("apt install ") for command in commands if command.startswith("apt install ")]
    others = [command for command in commands if not command.startswith("apt install ")]
    found = [f"apt install {' '.join(packages)}"] * bool(packages) + others
    return " && ".join(found) or None
