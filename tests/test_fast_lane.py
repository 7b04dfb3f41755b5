"""The fast lane of credential-process: it answers what the usual way answers, or leaves it that."""

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mfa_profiles import fast_lane
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, credentials
from mfa_profiles.sessions import (
    DEFAULT_MIN_REMAINING,
    MIN_DURATION,
    Origin,
    expiration_comment,
    format_time,
    min_remaining,
)
from tests.home import BASE, DERIVED, Home, base_section, session_section
from tests.local_aws import User

ROLE = "arn:aws:iam::123456789012:role/reader"
DEVICE = "arn:aws:iam::123456789012:mfa/john.doe"
OLD = "AKIAI44QH8DHBEXAMPLE"


def in_(**length: float) -> str:
    """A time from now, as RFC 3339."""
    return format_time(datetime.now(UTC) + timedelta(**length))


def answers(home: Path, arguments: list[str]) -> tuple[str | None, str | None]:
    """What the fast lane answers and, if it does, what the usual way does."""
    environment = {
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_CONFIG_FILE": str(home / "config"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        fast = fast_lane.credential_process(arguments)
    if fast is None:
        return None, None
    said: list[str] = []
    context = Context(environment, lambda: datetime.now(UTC), ask=None, warn=said.append, note=said.append)
    how = CredentialsOptions(ask_while_valid=False)
    found = credentials(context.named(arguments[0] if arguments else None), how, context)
    assert [] == said
    assert not found.refreshed
    assert found.not_refreshed is None
    return fast, json.dumps(found.as_json(), indent=2)


# What may stand on a line of either file, this tool's and others'.
LINES = [
    f"[{BASE}]",
    f"[{DERIVED}]",
    f"[profile {BASE}]",
    f'[profile "{BASE}"]',
    f"[profile {DERIVED}]",
    "[other]",
    "[default]",
    "[profile default]",
    f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile {BASE})",
    f"# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile other, role_arn {ROLE})",
    "# a comment",
    "  # another",
    "",
    "aws_access_key_id = ASIAIOSFODNN7EXAMPLE",
    "aws_session_token = token",
    'aws_session_token = "quoted"',
    "aws_security_token = another",
    "expiration = 2020-01-01 00:00:00",
    "x_security_token_expires = 2026-11-31T00:00:00Z",
    f"role_arn = {ROLE}",
    "role_arn =",
    "aws_access_key_id = AKIA",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
    f"mfa_serial = {DEVICE}",
    "mfa_serial = GAHT12345678",
    "aws_mfa_device = GAHT12345678",
    "source_profile = other",
    f"source_profile = {DERIVED}",
    "credential_source = Environment",
    "[other-long-term]",
    "[profile other]",
    f"# Rotating access key {OLD} to AKIAIOSFODNN7EXAMPLE since 2026-11-24T09:05:00Z (mfa-profiles: rotate again)",
    "  role_arn = nested",
    "manager = awsume",
    "region = eu-west-1",
    "no key",
]
LENGTHS = [timedelta(hours=11), timedelta(hours=11), timedelta(hours=35), timedelta(minutes=14), timedelta(days=4)]
RECORDED = [(None, None), (OLD, None), (OLD, DEVICE), (None, DEVICE)]  # an access key ID and a device


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """A file as this tool leaves it, with a line or two put in, taken out or put elsewhere."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(0, 2))):
        index = draw(st.integers(0, len(lines)))
        line = draw(st.none() | st.sampled_from(LINES)) or (lines.pop(index) if index < len(lines) else "")
        if draw(st.booleans()):
            lines.insert(draw(st.integers(0, len(lines))), line)
    return "\n".join([*lines, ""])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    """Both files."""
    role = draw(st.sampled_from([None, ROLE]))
    end = datetime.now(UTC) + draw(st.sampled_from(LENGTHS))
    session = session_section(DERIVED, source=BASE, expires=format_time(end)).splitlines()
    source = draw(st.sampled_from([BASE, BASE, BASE, "other"]))
    seconds = draw(st.sampled_from([None, 900, 5399]))
    key, device = draw(st.sampled_from(RECORDED))
    session[1] = expiration_comment(end, Origin(source, device, role, key, duration_seconds=seconds))
    role_lines = f"role_arn = {role}\nsource_profile = other\n" if role else f"mfa_serial = {DEVICE}\n"
    config = f"[profile {BASE}]\nregion = us-west-2\n{role_lines}\n[profile {DERIVED}]\n"
    keys = f"[{'other' if role else BASE}]\naws_access_key_id = {draw(st.sampled_from([OLD, 'AKIA']))}\n\n"
    return draw(changed(keys + "\n".join(session))), draw(changed(config))


@given(files(), st.sampled_from([BASE, BASE, DERIVED, DERIVED, "default"]))
@settings(max_examples=10 * settings().max_examples)  # of which one in seven is answered
def test_both_lanes_answer_alike(both: tuple[str, str], name: str) -> None:
    """To the byte, wherever the fast one answers at all."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "credentials").write_bytes(both[0].encode())
        (Path(directory) / "config").write_bytes(both[1].encode())

        fast, usual = answers(Path(directory), [name])

    event("answered" if fast else "left to the usual way")
    assert fast == usual


USUAL = session_section(DERIVED, source=BASE, expires=in_(hours=11))
WITH_ROLE = USUAL.replace(f"source_profile {BASE}", f"source_profile {BASE}, role_arn {ROLE}")
WITH_ALL = USUAL.replace(f"source_profile {BASE}", f"source_profile {BASE}, access_key_id {OLD}, mfa_serial {DEVICE}")
OF_ROLE = WITH_ALL.replace(DEVICE, f"{DEVICE}, role_arn {ROLE}, duration_seconds 3600")
SHORT = session_section(DERIVED, source=BASE, expires=in_(minutes=14)).replace(")", ", duration_seconds 900)")
KEYS = f"[{BASE}]\naws_access_key_id = {OLD}\n"
SOURCE = f"[me]\naws_access_key_id = {OLD}\n"
ROLE_OF_ME = f"[profile {BASE}]\nrole_arn = {ROLE}\nsource_profile = me\n"


@pytest.mark.parametrize(
    ("credentials_text", "config_text", "name"),
    [
        (f"[{BASE}]\naws_access_key_id = AKIA\n{USUAL}", f"[profile {BASE}]\nregion = us-west-2\n", BASE),
        (USUAL, f"[profile {DERIVED}]\nregion = us-west-2\n[sso-session x]\nsso_region = us-east-1\n", DERIVED),
        (USUAL, None, BASE),
        (USUAL.replace(BASE, "default"), "[default]\nregion = us-west-2\n", None),
        (SOURCE + WITH_ROLE, ROLE_OF_ME, BASE),
        (SOURCE + OF_ROLE, f"{ROLE_OF_ME}[profile me]\nmfa_serial = {DEVICE}\n", DERIVED),
        (KEYS + WITH_ALL, f"[profile {BASE}]\naws_mfa_device = {DEVICE}\n", BASE),
        (WITH_ALL, f"[profile {BASE}]\ncredential_process = pass show aws\n", BASE),
        (SHORT, None, BASE),
    ],
)
def test_what_the_fast_lane_is_for(
    tmp_path: Path, credentials_text: str, config_text: str | None, name: str | None
) -> None:
    """Files as this tool leaves them, by either name or by none."""
    (tmp_path / "credentials").write_text(credentials_text)
    if config_text is not None:
        (tmp_path / "config").write_text(config_text)

    fast, usual = answers(tmp_path, [name] if name else [])

    assert fast is not None
    assert fast == usual


@pytest.mark.parametrize(
    ("credentials_text", "config_text", "arguments"),
    [
        (USUAL, "", [BASE, "-v"]),
        (USUAL, "", ["--help"]),
        (USUAL, "", []),
        (USUAL, "", ["other"]),
        (USUAL, "", [""]),
        (USUAL.replace("\n", "\r\n"), "", [BASE]),
        (f"\ufeff{USUAL}", "", [BASE]),
        (f"{USUAL}[a]\n[a]\n", "", [BASE]),
        (USUAL, "[a]\nno key\n", [BASE]),
        (USUAL, f'[profile "{BASE}"]\nrole_arn = {ROLE}\n', [BASE]),
        (USUAL, f"[profile {BASE}]\nrole_arn = {ROLE}\n", [BASE]),
        (WITH_ROLE, "", [BASE]),
        (KEYS.replace(OLD, "AKIA") + WITH_ALL, "", [BASE]),
        (WITH_ALL, f"[profile {BASE}]\nmfa_serial = GAHT12345678\n", [BASE]),
        (SOURCE.replace(OLD, "AKIA") + OF_ROLE, ROLE_OF_ME, [BASE]),
        (SOURCE + OF_ROLE, f"{ROLE_OF_ME}mfa_serial = GAHT12345678\n", [BASE]),
        (f"{SOURCE}role_arn = {ROLE}\n{OF_ROLE}", f"{ROLE_OF_ME}[profile me-long-term]\n", [BASE]),
        (USUAL, f"[profile {DERIVED}]\naws_security_token = x\n", [BASE]),
        (USUAL.replace(f"source_profile {BASE}", "source_profile other"), "", [BASE]),
        (session_section(DERIVED, source=BASE, expires=in_(minutes=14)), "", [BASE]),
        (session_section(DERIVED, expires=in_(hours=11)), "", [BASE]),
        (USUAL.rstrip("Z\n"), "", [BASE]),
    ],
)
def test_what_is_left_to_the_usual_way(
    tmp_path: Path, credentials_text: str, config_text: str, arguments: list[str]
) -> None:
    """All that is not as this tool leaves it, or about which there may be a doubt."""
    (tmp_path / "credentials").write_text(credentials_text, newline="")
    (tmp_path / "config").write_text(config_text)

    assert (None, None) == answers(tmp_path, arguments)


def test_files_that_are_none_are_not_opened(tmp_path: Path) -> None:
    """A FIFO would be waited for."""
    os.mkfifo(tmp_path / "credentials")

    assert (None, None) == answers(tmp_path, [BASE])


def test_the_commands_answer_alike(home: Home, user: User) -> None:
    """As they are run: the usual way is taken for an option that changes nothing."""
    home.add_base(user)
    home.write(base_section(user) + USUAL)

    fast, usual = (
        home.run("credential-process", *more, prints_secrets=True)
        for more in ([BASE], [BASE, "--min-remaining", "15m"])
    )

    assert (0, "") == (fast.code, fast.stderr)
    assert usual == fast


@pytest.mark.parametrize("stdout", ["/dev/full", "&-"])
def test_output_that_cannot_be_written(home: Home, user: User, stdout: str) -> None:
    """Is told of, and fails, in the same way."""
    home.write(base_section(user) + USUAL)

    fast, usual = (
        home.run("-c", f"mfa-profiles credential-process {BASE} {more} >{stdout}", program="/bin/sh")
        for more in ("", "--min-remaining 15m")
    )

    assert usual == fast


def test_the_fast_lane_refreshes_when_the_usual_way_does() -> None:
    """The two numbers that both have."""
    assert timedelta(seconds=fast_lane._MIN_REMAINING) == DEFAULT_MIN_REMAINING
    assert timedelta(minutes=15) / fast_lane._SHARE_OF_SHORT == min_remaining(None, MIN_DURATION, can_renew=True)
