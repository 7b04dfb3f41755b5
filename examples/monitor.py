#!/usr/bin/env python3
"""Fail while there is time: name the AWS sessions that are expired, missing or about to end.

For CI jobs, and for Nagios and its kin, whose exit codes it has: 0 all are valid, 1 one ends soon, 2 one is expired,
missing or of unknown end, 3 the check itself failed.  It needs nothing but Python and mfa-profiles::

    ./monitor.py --min-remaining 2h smce-veda production
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass

OK, WARNING, CRITICAL, UNKNOWN = range(4)
LABELS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class CheckError(Exception):
    """The sessions could not be looked at."""


@dataclass(frozen=True)
class Session:
    """What ``mfa-profiles status --json`` says of a session, as far as it is used here."""

    profile: str
    state: str
    expiration: str | None
    source_profile: str | None

    @property
    def severity(self) -> int:
        """Critical is also what this script does not know: a session is good only if it is said to be."""
        return {"valid": OK, "expiring": WARNING}.get(self.state, CRITICAL)

    def report(self, min_remaining: str) -> str:
        """A line for a person, with what to do."""
        end = f", end {self.expiration}" if self.expiration else ""
        # Without --min-remaining, refresh calls a session with more than 15 minutes left good enough.
        command = f"mfa-profiles refresh {self.source_profile} --min-remaining {min_remaining}"
        hint = f"; run: {command}" if self.severity != OK and self.source_profile else ""
        return f"{LABELS[self.severity]}: {self.profile} is {self.state}{end}{hint}"


def main() -> int:
    """Print a line for each session, the worst first, and return the exit code."""
    parser = argparse.ArgumentParser(description="Name the AWS sessions that are expired, missing or about to end.")
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help="if not given, all that status lists")
    parser.add_argument("--min-remaining", default="2h", metavar="TIME", help="if not given, %(default)s")
    options = parser.parse_args()
    try:
        sessions = read_sessions(options.profiles, options.min_remaining)
    except CheckError as error:
        print(f"UNKNOWN: {error}")
        return UNKNOWN
    sessions.sort(key=lambda session: session.severity, reverse=True)
    for session in sessions:
        print(session.report(options.min_remaining))
    return sessions[0].severity


def read_sessions(profiles: list[str], min_remaining: str) -> list[Session]:
    """The sessions of some profiles, or of all. Raises CheckError if there is none: to watch nothing is an error."""
    command = ["mfa-profiles", "status", "--json", "--min-remaining", min_remaining, "--", *profiles]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CheckError(f"mfa-profiles cannot be run: {error}") from None
    if done.returncode not in (0, 3, 4):
        raise CheckError(done.stderr.strip() or f"mfa-profiles ended with exit code {done.returncode}")
    keys = ("profile", "state", "expiration", "source_profile")
    try:
        sessions = [Session(**{key: entry[key] for key in keys}) for entry in json.loads(done.stdout)]
    except (ValueError, TypeError, KeyError):
        raise CheckError("mfa-profiles status --json did not print what it should") from None
    if not sessions:
        raise CheckError("there is no session to look at")
    return sessions


if __name__ == "__main__":
    sys.exit(main())
