"""Edits of both files that replace a long-term access key. Files in, files out.

A comment under the header of the base profile says that it is being replaced: it is on disk before AWS makes a new
key, and gone once the old one is. So a run that was interrupted, at whatever step, can be finished by the next. The
comment gets the ID of the new key before, or together with, the first profile that gets the key.
"""

from mfa_profiles import ini, rotations, sessions
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import Keys, Profiles
from mfa_profiles.rotations import Rotation
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put

_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"


def with_rotation(profiles: Profiles, base: str, rotation: Rotation) -> Profiles:
    """Both files with the comment that the access key of a base profile is being replaced."""
    put = Put({}, rotations.comment(rotation))
    if _is_in_credentials(profiles, base):
        return Profiles(editing.put_sections(profiles.credentials, {base: put}), profiles.config)
    return Profiles(profiles.credentials, editing.put_sections(profiles.config, {profiles.config_header(base): put}))


def with_new_key(profiles: Profiles, base: str, old: Keys, new: Keys) -> Profiles:
    """Both files with a new access key in each section that holds the old one, in the file of the base profile."""
    if _is_in_credentials(profiles, base):
        return _with_new_key_in_credentials(profiles, old, new)
    return _with_new_key_in_config(profiles, old, new)


def with_new_key_elsewhere(profiles: Profiles, base: str, old: Keys, new: Keys) -> Profiles:
    """Both files with a new access key in each section that holds the old one, in the other file.

    Apart, since two files cannot be replaced at once: while the base profile has the old key, a run can finish it.
    """
    if _is_in_credentials(profiles, base):
        return _with_new_key_in_config(profiles, old, new)
    return _with_new_key_in_credentials(profiles, old, new)


def with_sessions_of(profiles: Profiles, old: str, new: str) -> Profiles:
    """Both files with a new access key ID in the comments of the sessions that the old key got: they outlive it."""
    return Profiles(_with_sessions_of(profiles.credentials, old, new), profiles.config)


def without_rotation(profiles: Profiles, base: str) -> Profiles:
    """Both files without that comment."""

    def edited(file: IniFile, name: str) -> IniFile:
        # One without it is left alone: it may be one that cannot be edited.
        has_comment = name in dict(ini.under_headers(file, rotations.BEGINNING))
        return editing.take_keys(file, {name: ()}) if has_comment else file

    return Profiles(edited(profiles.credentials, base), edited(profiles.config, profiles.config_header(base)))


def _is_in_credentials(profiles: Profiles, base: str) -> bool:
    return _ID in profiles.credentials.sections.get(base, {})


def _with_new_key_in_credentials(profiles: Profiles, old: Keys, new: Keys) -> Profiles:
    edited = Profiles(_with_new_key(profiles.credentials, old, new), profiles.config)
    return with_sessions_of(edited, old.access_key_id, new.access_key_id)


def _with_new_key_in_config(profiles: Profiles, old: Keys, new: Keys) -> Profiles:
    return Profiles(profiles.credentials, _with_new_key(profiles.config, old, new))


def _with_sessions_of(file: IniFile, old: str, new: str) -> IniFile:
    comments = {
        name: Put({}, changed)
        for name, line in ini.under_headers(file, "# Expires ")
        if (changed := sessions.with_other_access_key(line.rstrip("\r"), old, new)) != line.rstrip("\r")
    }
    return editing.put_sections(file, comments) if comments else file


def _with_new_key(file: IniFile, old: Keys, new: Keys) -> IniFile:
    # One with the old ID and another secret is no copy of it: nobody has asked for the new secret there.
    copies = [
        name
        for name, section in file.sections.items()
        if (section.get(_ID), section.get(_SECRET)) == (old.access_key_id, old.secret_access_key)
    ]
    put = Put({_ID: new.access_key_id, _SECRET: new.secret_access_key})
    return editing.put_sections(file, dict.fromkeys(copies, put)) if copies else file
