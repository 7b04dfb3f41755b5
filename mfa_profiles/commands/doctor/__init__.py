"""What is wrong with files, profiles, this terminal, and the keys at AWS, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mfa_profiles import access_keys, log, roles, shared_files
from mfa_profiles.commands import Context
from mfa_profiles.commands.doctor import files, online, profile_checks, terminal_checks
from mfa_profiles.commands.doctor.findings import Check, Finding, Level, Scope, Subject, ok, run, warning
from mfa_profiles.errors import MfaProfilesError, ProfileError
from mfa_profiles.profiles import Profiles

__all__ = ["DoctorOptions", "Finding", "Level", "Subject", "doctor", "exit_code"]


@dataclass(frozen=True)
class DoctorOptions:
    """How to look; each field is the option of the same name."""

    fix: bool = False
    offline: bool = False
    max_key_age: timedelta = access_keys.DEFAULT_MAX_AGE


def doctor(name: str | None, options: DoctorOptions, context: Context) -> list[Finding]:
    """Check everything, or with a name the profile and those that it depends on.

    Nothing is written without ``fix``. Nobody is asked anything. What was repaired is in the list as ``fixed``, and
    all checks have been made once more after it. Raises ProfileError for a name that no profile has.
    """
    findings = _offline(_scope(name, context))
    if options.fix:
        findings = _repaired(findings, name, context)
    if not options.offline:
        findings += _online(_scope(name, context), findings, options)
    subjects = list(Subject)
    return sorted(findings, key=lambda finding: subjects.index(finding.subject))


def exit_code(findings: Sequence[Finding]) -> int:
    """1 if a problem stands, else 0."""
    return int(any(finding.level is Level.PROBLEM and not finding.fixed for finding in findings))


def _scope(name: str | None, context: Context) -> Scope:
    try:
        profiles = shared_files.load(context.paths)
    except MfaProfilesError:  # which a check of the files tells
        profiles = None
    if profiles is None or files.are_one(context.paths):
        readable = shared_files.load_readable(context.paths)
        return Scope(context, readable, (), is_of_all=name is None, is_readable=False)
    if name is None:
        return Scope(context, profiles, tuple(profiles.names()), is_of_all=True)
    return Scope(context, profiles, _names(profiles, name), is_of_all=False)


def _names(profiles: Profiles, name: str) -> tuple[str, ...]:
    """The profiles of a pair, and of the pairs that its session comes through."""
    pair = profiles.pair(name)
    try:
        bases = roles.sources(profiles, pair.base)
    except ProfileError:  # which is told when roles are checked
        bases = [pair.base]
    pairs = [pair, *(profiles.pair(base) for base in bases)]
    both = (name for pair in pairs for name in (pair.base, pair.derived) if name in profiles)
    return tuple(dict.fromkeys(both))


def _offline(scope: Scope) -> list[Finding]:
    of_terminal = run(Subject.TERMINAL, terminal_checks.CHECKS, scope)
    if all(files.is_absent(path) for path in (scope.context.paths.credentials, scope.context.paths.config)):
        return [*run(Subject.FILES, files.WITHOUT_FILES, scope), *of_terminal]
    of_profiles = profile_checks.CHECKS if scope.is_readable else [_UNREADABLE]
    return [*run(Subject.FILES, files.CHECKS, scope), *run(Subject.PROFILES, of_profiles, scope), *of_terminal]


_UNREADABLE = Check(
    "profiles", lambda _: [warning("profiles were not checked, as the files have to be mended first")]
)


def _online(scope: Scope, findings: Sequence[Finding], options: DoctorOptions) -> list[Finding]:
    standing = {finding.check for finding in findings if finding.level is Level.PROBLEM and not finding.fixed}
    if standing & {"parse", "same-file"}:  # boto3 would refuse the files too, or read something else in them
        found = [warning("AWS was not asked, as the files have to be mended first")]
    else:
        found = online.ask(scope, options.max_key_age) or [
            ok("AWS was not asked, as there are no long-term keys that could sign")
        ]
    return [replace(finding, check=finding.check or "aws", subject=Subject.AWS) for finding in found]


def _repaired(findings: Sequence[Finding], name: str | None, context: Context) -> list[Finding]:
    """Repair what can be, and look again. One repair may bring to light what another check sees only now."""
    fixed: list[Finding] = []
    tried: dict[object, MfaProfilesError | None] = {}
    while untried := [finding for finding in findings if finding.fixable and finding.name not in tried]:
        # Nothing is written into a directory that anyone may write: that is closed first.
        for finding in sorted(untried, key=lambda finding: finding.check != "permissions"):
            tried[finding.name] = _repair(finding, context)
        findings = _offline(_scope(name, context))
        standing = {finding.name for finding in findings}
        fixed += [_mended(finding) for finding in untried if finding.name not in standing]
    return fixed + [_not_repaired(finding, tried.get(finding.name)) for finding in findings]


def _repair(finding: Finding, context: Context) -> MfaProfilesError | None:
    """Repair something, and return what stood in the way of it."""
    assert finding.fix is not None
    try:
        stored = finding.fix()
    except MfaProfilesError as error:
        return error
    for text in stored.warnings if stored else ():
        context.warn(text)
    log.step(f"repaired: {finding.message}")
    return None


def _mended(finding: Finding) -> Finding:
    return replace(finding, fixed=True, message=finding.mended or finding.message)


def _not_repaired(finding: Finding, error: MfaProfilesError | None) -> Finding:
    """What stands after all repairs, with what stood in the way of its own."""
    if error is None:
        return replace(finding, fix=None)
    return replace(finding, fix=None, hints=(*finding.hints, f"--fix did not work: {error.message}", *error.hints))
