"""Two shared files with anything in them: what is read, refused and edited."""

import re
from collections.abc import Iterable
from datetime import timedelta

from mfa_profiles import ini, ini_survey, roles
from mfa_profiles.commands import Context, plan
from mfa_profiles.commands.doctor import profile_checks
from mfa_profiles.commands.doctor.findings import Scope
from mfa_profiles.commands.status import mismatch_of, pairs_of, statuses_of
from mfa_profiles.errors import FileRefusedError, MfaProfilesError
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import Profiles
from mfa_profiles.shared_files import EditOfBoth
from tests.trials.fuzzing import MARKER, SEPARATOR, parts
from tests.trials.fuzzing.changes import MOMENT, Change
from tests.trials.fuzzing.edits import EDITS
from tests.trials.fuzzing.messages import check_message
from tests.trials.fuzzing.unchanged import (
    botocore_reads,
    check_others,
    check_others_for_strict_sdks,
    profile_in_config,
)

_MAX_LENGTH = 4096

# What a message may quote.
_SHOWN = ("source_profile", "mfa_serial", "aws_mfa_device", "role_arn", "region", "credential_process", "mfa_process")


def case(credentials: bytes, config: bytes, *, edit: int = 0, which: int = 0, given: str = "") -> bytes:
    """The case of two files, with one of the edits, one of the profiles, and a name as somebody may give it."""
    control = f"{chr(65 + edit)}{chr(65 + which)}{given}".encode(errors="surrogateescape")
    return SEPARATOR.join([control, config, credentials])


def check(data: bytes) -> None:
    """Read both files in every way, and make one edit of them."""
    control, config_data, credentials_data = parts(data[:_MAX_LENGTH], 3)
    credentials, config = _parsed(credentials_data, "credentials"), _parsed(config_data, "config")
    if credentials is None or config is None:
        return
    profiles = Profiles(credentials, config)
    edit, which, *_ = [*control[:2], 0, 0]
    given = control[2:].decode(errors="surrogateescape")
    names = [*profiles.names(), given]
    may_show = MARKER in given or _shows_marker(credentials) or _shows_marker(config)
    _check_reading(profiles, [*names, *config.sections], may_show=may_show)
    choice = (edit - 65) % (len(EDITS) + 1)
    if choice == len(EDITS):
        _check_plan_and_doctor(profiles, may_show=may_show)
        return
    change = EDITS[choice](profiles, names[(which - 65) % len(names)], given)
    if change is not None:
        _check_change(profiles, change, may_show=may_show)


def _shows_marker(file: IniFile) -> bool:
    """True if the marker stands where something stands that messages quote, such as the name of a profile."""
    shown = [values.get(key, "") for values in file.sections.values() for key in _SHOWN]
    comments = re.findall(r"(?m)^# (?:Expires|Rotating) .*", file.text)
    return MARKER in " ".join([*file.sections, *shown, *comments])


def _parsed(data: bytes, path: str) -> IniFile | None:
    """The file, or None if it is refused."""
    refusals = ini_survey.refusals(data, path)
    for refusal in refusals:
        check_refusal(refusal, data)
    expected = botocore_reads(data)
    try:
        file = ini.parse(data, path)
    except FileRefusedError as error:
        told = [refusal.message for refusal in refusals if refusal.line == error.line]
        assert [error.message] == told or "duplicate" in told[0], "the doctor does not tell of a refusal"
        check_refusal(error, data)
        assert expected is None or _is_read_differently(data), "a file is refused that botocore reads"
        return None
    assert not refusals, "the doctor tells of a refusal, and there is none"
    assert expected == file.sections, "botocore reads something else"
    assert data == file.encode(file.text), "the text is not the file"
    return file


def _is_read_differently(data: bytes) -> bool:
    text = data.removeprefix(ini.BYTE_ORDER_MARK).decode()
    return re.search(r"\r(?!\n)", text) is not None or re.search(r"(?m)^\s*\[DEFAULT\]", text) is not None


def check_refusal(error: FileRefusedError, data: bytes) -> None:
    """It names a line of the file, and has nothing of it."""
    assert error.line is None or 1 <= error.line <= data.count(b"\n") + 1, "a line that the file has not"
    check_message(error)


def _check_reading(profiles: Profiles, names: Iterable[str], *, may_show: bool) -> None:
    listed = pairs_of(profiles, [])
    for status in statuses_of(profiles, listed, now=MOMENT, min_remaining=timedelta(minutes=15)):
        status.as_json()
    for name in dict.fromkeys(names):
        in_config = profile_in_config(profiles.config.sections, name)
        assert {**in_config, **profiles.credentials.sections.get(name, {})} == profiles.settings(name)
        try:
            pair = profiles.pair(name)
            pairs_of(profiles, [name])
            mismatch_of(profiles, pair)
            profiles.foreign_content(pair)
            roles.sources(profiles, pair.base)
            profiles.keys(name)
        except MfaProfilesError as error:
            check_message(error, may_show=may_show)


class _InMemory(Scope):
    """What the doctor looks at, with repairs that are gathered instead of made."""

    def change(self, edit: EditOfBoth) -> EditOfBoth:  # type: ignore[override]
        return edit


def _check_plan_and_doctor(profiles: Profiles, *, may_show: bool) -> None:
    said: list[str] = []
    for pair in plan.all_pairs(profiles, said.append):
        plan.plan(profiles, [pair], plan.Wanted(MOMENT, timedelta(minutes=15)))
    context = Context({}, lambda: MOMENT, None, said.append)
    scope = _InMemory(context, profiles, tuple(profiles.names()), is_of_all=True)
    repaired = profiles
    for found in profile_checks.CHECKS:
        for finding in found.find(scope):
            said += [finding.message, *finding.hints]
            if finding.fix is not None:
                try:
                    repaired = finding.fix(repaired)  # type: ignore[call-arg, assignment]
                except MfaProfilesError as error:
                    check_message(error, may_show=may_show)
    assert may_show or MARKER not in " ".join(said), "a finding holds what stands in the file"
    for file in (repaired.credentials, repaired.config):
        assert botocore_reads(file.text.encode()) == file.sections, "a repair broke the file"


def _check_change(before: Profiles, change: Change, *, may_show: bool) -> None:
    try:
        after = change.edit(before)
    except FileRefusedError as error:
        text = before.config.text if error.path == "config" else before.credentials.text
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1, "a line that the file has not"
        check_message(error, may_show=may_show)
        is_ordinary = _is_plain(before.credentials) and _is_plain(before.config) and change.is_of_a_command
        assert not is_ordinary or "safely" not in error.message, "an ordinary file is refused"
        return
    for old, new, touched in (
        (before.credentials, after.credentials, change.credentials),
        (before.config, after.config, change.config),
    ):
        assert old.path == new.path
        check_others(old, new, touched)
        if change.is_of_a_command:
            check_others_for_strict_sdks(old, new, touched, is_config=old.path == "config")
        if change.keeps_byte_order_marks:
            assert old.has_byte_order_mark == new.has_byte_order_mark, "a byte order mark came or went"
    change.check(before, after)
    if change.is_of_a_command:
        assert _bytes(after) == _bytes(change.edit(after)), "twice is not the same as once"
    if change.undo is not None:
        assert _bytes(before) == _bytes(change.undo(after)), "taken back, the file is not what it was"


def _is_plain(file: IniFile) -> bool:
    """True if headers begin lines, keys of a section are indented alike, and no value goes on below a comment.

    Nor is [DEFAULT] there twice, which only configparser lets pass.
    """
    lines = file.text.split("\n")
    texts = [(place.section, place.key, lines[place.line - 1]) for place in ini_survey.places(file)]
    indents = {(section, text[: -len(text.lstrip())]) for section, key, text in texts if key is not None}
    goes_on = re.search(r"(?m)^[^\S\n]*(?:[#;][^\n]*)?\n[^\S\n]+[^\s#;]", file.text)
    begin = all(text[0] == "[" for _, key, text in texts if key is None)
    twice = [place.section for place in ini_survey.places(file) if place.key is None].count("DEFAULT") > 1
    return begin and not twice and not goes_on and len(indents) == len({section for section, _ in indents})


def _bytes(profiles: Profiles) -> list[bytes]:
    return [file.encode(file.text) for file in (profiles.credentials, profiles.config)]
