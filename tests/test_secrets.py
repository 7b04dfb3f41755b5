"""No secret, token or code is shown: not in output, not in errors, not in the process list.

Home.run looks for all of them in whatever the tool prints in every test; here is what can be seen from outside.
"""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mfa_profiles import ini
from mfa_profiles.commands import Context
from mfa_profiles.commands.refresh import RefreshOptions
from mfa_profiles.profiles import Keys
from mfa_profiles.sessions import SessionCredentials
from mfa_profiles.shared_files import storage
from mfa_profiles.shared_files.blocks import Document
from mfa_profiles.shared_files.editing import Put
from tests.home import BASE, TOOL, Home
from tests.local_aws import LocalAWS, MFADevice
from tests.processes import wait_until


@pytest.mark.parametrize(
    "arguments",
    [
        ["refresh", "000111"],
        ["refresh", "000 111", "--json"],
        ["refresh", BASE, "000 111"],
        ["refresh", BASE, "000111"],
        ["status", BASE, "--token-code=000111"],
        ["000111"],
    ],
)
def test_a_code_in_the_wrong_place_is_not_repeated(base: Home, arguments: list[str]) -> None:
    """Other tools take the code as an argument; an error about it does not quote it."""
    base.secrets.extend(["000111", "000 111"])

    assert base.run(*arguments).code in (1, 2)


def test_nothing_in_the_process_list(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """While AWS is being asked, neither command lines nor environments of any process hold a code or key."""
    aws.faults.add(latency=5)
    code = base.code(device)
    with subprocess.Popen(
        [TOOL, "refresh", BASE, "--token-code", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=base.environment(),
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"{code}\n".encode())
        process.stdin.close()
        wait_until(lambda: aws.requests)
        seen = 0
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for kind in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{pid}/{kind}").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                seen += int(pid) == process.pid
                base.check_for_secrets(text)
        process.kill()

    assert 2 == seen


def test_whoever_gives_codes_is_given_nothing(base: Home, device: MFADevice) -> None:
    """The command in mfa_process has the environment of the tool, and neither keys nor files that it has open."""
    env_file, files, code_file = (base.path / name for name in ("env", "files", "code"))
    code_file.write_text(base.code(device))
    script = base.path / "otp"
    script.write_text(f"#!/bin/sh\nenv -0 > {env_file}\nls -l /proc/$$/fd > {files}\nexec cat {code_file}\n")
    script.chmod(0o700)
    with base.config.open("a") as config:
        config.write(f"mfa_process = {script}\n")

    assert 0 == base.run("refresh", BASE, env={"AWS_ACCESS_KEY_ID": "AKIAOFTHISTERMINAL"}).code

    got = dict(line.split("=", 1) for line in env_file.read_text().rstrip("\0").split("\0"))
    own = {"_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE", "_MFA_PROFILES_CHAIN"}  # of shells, Python and this tool
    expected = base.environment({"AWS_ACCESS_KEY_ID": "AKIAOFTHISTERMINAL"})
    assert expected == {name: value for name, value in got.items() if name not in own}
    opened = files.read_text()
    assert "/dev/null" in opened or "pipe:" in opened
    assert str(base.path / ".aws") not in opened
    assert "socket" not in opened


def test_no_secret_in_repr(tmp_path: Path) -> None:
    """What holds a secret does not show it when it is printed, as in a traceback with locals."""
    text = "[a]\naws_secret_access_key = hunter2\n"
    path = tmp_path / "credentials"
    path.write_text(text)
    credentials = SessionCredentials("ASIAX", "hunter2", "hunter2", datetime.now(UTC))
    file = ini.parse(text.encode(), str(path))
    document = Document.of(file)
    section = document.section(1)
    content = storage._read(str(path))
    assert content is not None
    assert any("hunter2" in part.text for part in section.parts)
    change = storage._Change(str(path), str(path), text.encode(), content, is_removal=False)
    context = Context({"AWS_SECRET_ACCESS_KEY": "hunter2"}, now=lambda: datetime.now(UTC), ask=None, warn=print)
    options, put = RefreshOptions(token_code="hunter2"), Put({"aws_secret_access_key": "hunter2"})

    held = [credentials, Keys("AKIAX", "hunter2"), file, document, section, *section.parts, content, change, context]
    shown = repr([*held, options, put])

    assert "hunter2" not in shown
    assert "ASIAX" in shown
