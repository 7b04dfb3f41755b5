"""Local times wherever ``TZ`` leads: a zone that cannot be used costs nobody a session."""

import re

import pytest

from tests.home import BASE, DERIVED, Home, session_section
from tests.local_aws import MFADevice, User
from tests.screens import Screen

# The first two are offsets of a day and more, which the C library knows and Python does not.
ZONES = {"XXX-27": "UTC", "XXX+167:59": "UTC", "garbage": "", ":/missing/zone": "", "": ""}


@pytest.mark.parametrize(("zone", "word"), ZONES.items())
def test_every_command_shows_a_time_in_any_zone(
    home: Home, user: User, device: MFADevice, zone: str, word: str
) -> None:
    """Also where a time in the local zone is read and written, as for awsume."""
    env = {"TZ": zone}
    home.add_base(user, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    with home.credentials.open("a") as file:
        file.write(session_section("other", "manager = awsume\nexpiration = 2099-01-01 00:00:00"))

    results = [
        home.run_warm("refresh", BASE, "--to", "other", "--force", "--token-code", home.code(device), env=env),
        home.run_warm("status", env=env),
        home.run_warm("exec", BASE, "--", "true", env=env),
        home.run_warm("export", BASE, "--format", "dotenv", "--output", ".env", env=env),
        home.run_warm("doctor", "--offline", env=env),
    ]

    assert [(result.code, "should not" in result.stderr) for result in results] == [(0, False)] * len(results)
    shown = rf"is valid until (\S+ )?\d\d:\d\d{f' {word}' if word else ''} \(12 h\)\n"
    assert re.search(shown, results[0].stderr)
    assert home.section("other")["expiration"] == re.sub("[TZ]", " ", home.section("other")[EXPIRES]).rstrip()


EXPIRES = "x_security_token_expires"


@pytest.mark.parametrize(("zone", "word"), [("XXX-27", " UTC"), ("garbage", "")])
@pytest.mark.parametrize("options", [[], ["--watch"]])
def test_a_table_shows_a_time_in_any_zone(home: Home, options: list[str], zone: str, word: str) -> None:
    home.write(session_section(DERIVED, source=BASE, expires="2099-01-01T00:00:00Z"))

    with Screen(home, ["status", *options], env={"TZ": zone}) as screen:
        screen.wait_for(f"2099-01-01 00:00{word}  {BASE}")
        if options:
            screen.child.sendintr()
        assert screen.end() == 0
