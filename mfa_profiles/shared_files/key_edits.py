"""Edits of both files that replace a long-term access key. Files in, files out.

A comment under the header of the base profile says that it is being replaced: it is on disk before AWS makes a new
key, and gone once the old one is. So a run that was interrupted, at whatever step, can be finished by the next.
"""

from mfa_profiles import rotations
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import Keys, Profiles
from mfa_profiles.rotations import Rotation
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put

_ID, _SECRET = "aws_access_key_id", "aws_secret_access_key"


def with_rotation(profiles: Profiles, base: str, rotation: Rotation) -> Profiles:
    """Both files with the comment that the access key of a base profile is being replaced."""
    put = Put({}, rotations.comment(rotation))
    if _ID in profiles.credentials.sections.get(base, {}):
        return Profiles(editing.put_sections(profiles.credentials, {base: put}), profiles.config)
    return Profiles(profiles.credentials, editing.put_sections(profiles.config, {profiles.config_header(base): put}))


def with_new_key(profiles: Profiles, old_access_key_id: str, new: Keys) -> Profiles:
    """Both files with a new access key in every section that holds the old one."""
    values = {_ID: new.access_key_id, _SECRET: new.secret_access_key}

    def edited(file: IniFile) -> IniFile:
        puts = {name: Put(values) for name, section in file.sections.items() if section.get(_ID) == old_access_key_id}
        return editing.put_sections(file, puts) if puts else file

    return Profiles(edited(profiles.credentials), edited(profiles.config))


def without_rotation(profiles: Profiles, base: str) -> Profiles:
    """Both files without that comment."""

    def edited(file: IniFile, name: str) -> IniFile:
        return editing.take_keys(file, {name: ()}) if file.sections.get(name) else file

    return Profiles(edited(profiles.credentials, base), edited(profiles.config, profiles.config_header(base)))
