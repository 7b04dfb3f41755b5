"""The edit of both files that puts a base profile in. Files in, files out."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from mfa_profiles import settings
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import Keys, Profiles
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put
from mfa_profiles.shared_files.key_edits import without_rotation


class NewBase(NamedTuple):
    """A base profile to write; without an ``mfa_serial`` the one that may be there stays."""

    name: str
    keys: Keys
    region: str
    mfa_serial: str | None = None


def with_base(profiles: Profiles, new: NewBase) -> Profiles:
    """Both files with a base profile: its keys in one, its region and MFA device in the other.

    Of what the profile has already, settings that lead to other credentials go, and all else stays where it is: a
    region beside the keys too, as it would outrank one in the config file.
    """
    header = profiles.config_header(new.name)
    beside_keys = profiles.credentials.sections.get(new.name, {})
    keys = {
        "aws_access_key_id": new.keys.access_key_id,
        "aws_secret_access_key": new.keys.secret_access_key,
    }
    others = {"region": new.region, **({"mfa_serial": new.mfa_serial} if new.mfa_serial else {})}
    in_credentials = keys | {key: value for key, value in others.items() if key in beside_keys}
    in_config = {key: value for key, value in others.items() if key not in beside_keys}
    edited = Profiles(
        _with(profiles.credentials, new.name, in_credentials),
        _with(profiles.config, header, in_config),
    )
    return without_rotation(edited, new.name)  # of a key that is not here any more


def _with(file: IniFile, name: str, values: Mapping[str, str]) -> IniFile:
    section = file.sections.get(name, {})
    drop: Collection[str] = set(settings.replaced_by_keys(section)) - set(values)
    # A line that is right already stays as it is, with its spacing.
    changed = {key: value for key, value in values.items() if section.get(key) != value}
    return editing.put_sections(file, {name: Put(changed, drop=drop)}) if changed or drop else file
