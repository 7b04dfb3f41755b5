"""``python -m tests.local_aws``: the local AWS as a person starts it."""

import contextlib
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str], list[str]]]:
    """Run ``python -m tests.local_aws``: the process, its exports, and the command for a code."""
    command = [sys.executable, "-m", "tests.local_aws", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line.strip())
                if line.startswith("Ctrl-C"):
                    break
            lines = (os.path.expandvars(line) for line in printed if line.startswith("export "))
            exports = dict(shlex.split(line)[1].split("=", 1) for line in lines)
            code = next(shlex.split(line) for line in printed if ".local_aws code " in line)
            yield process, exports, code
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_person_can_start_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop: signal.Signals) -> None:
    """What it prints is enough to sign in, its files are private, and it removes them."""
    home = tmp_path / "a home"
    with served("--home", str(home)) as (process, exports, code_command):
        assert 0o700 == stat.S_IMODE(home.stat().st_mode)
        assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
        for name, value in exports.items():
            monkeypatch.setenv(name, value)
        session = boto3.Session(profile_name="smce-veda")
        assert "us-west-2" == session.region_name
        with (
            contextlib.closing(session.client("iam")) as iam,
            contextlib.closing(session.client("sts")) as sts,
        ):
            serial_number = iam.list_mfa_devices()["MFADevices"][0]["SerialNumber"]
            assert "arn:aws:iam::123456789012:mfa/john.doe" == serial_number
            code = subprocess.run(code_command, check=True, capture_output=True, text=True).stdout.strip()
            sts.get_session_token(SerialNumber=serial_number, TokenCode=code)
            role = boto3.Session(profile_name="production")
            assert "assumed-role/operator" in role.client("sts").get_caller_identity()["Arn"]
        process.send_signal(stop)
        assert 0 == process.wait(120)
    assert not home.exists()


def test_a_persons_directory_is_kept(tmp_path: Path) -> None:
    """In a directory that was there, only its own files are removed, and none is overwritten."""
    (tmp_path / "mine").write_text("keep")
    with served("--home", str(tmp_path), "--latency", "0.01") as (process, _, _):
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(120)
    assert ["mine"] == os.listdir(tmp_path)
    (tmp_path / "config").write_text("keep")
    command = [sys.executable, "-m", "tests.local_aws", "--home", str(tmp_path)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (1, f"{tmp_path / 'config'} is there already\n") == (run.returncode, run.stderr)
    assert ["config", "mine"] == sorted(os.listdir(tmp_path))
