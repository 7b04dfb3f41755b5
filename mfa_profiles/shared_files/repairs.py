"""Edits of both files that mend what ``doctor`` finds. Files in, files out; what is mended already stays as it is."""

from collections.abc import Collection
from dataclasses import replace

from mfa_profiles import settings
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put


def without_byte_order_marks(profiles: Profiles) -> Profiles:
    """Both files without the mark at their beginning, for which botocore refuses them."""
    return Profiles(_without_byte_order_mark(profiles.credentials), _without_byte_order_mark(profiles.config))


def with_profile_header(profiles: Profiles, section: str, name: str) -> Profiles:
    """The config file with the header of a profile on a section, unless there is a section with that already."""
    header = profiles.config_header(name)
    if section not in profiles.config.sections or header in profiles.config.sections:
        return profiles
    return replace(profiles, config=editing.rename_section(profiles.config, section, header))


def without_settings(profiles: Profiles, name: str, keys: Collection[str]) -> Profiles:
    """Both files without some settings of a profile; its sections stay, with all their comments."""
    return Profiles(
        _without(profiles.credentials, name, keys),
        _without(profiles.config, profiles.config_header(name), keys),
    )


def with_region_of_base(profiles: Profiles, pair: ProfilePair) -> Profiles:
    """The config file with the region of the base profile in the derived one, if only that has one."""
    region = profiles.call_settings(pair.base).get("region")
    if not region or profiles.setting(pair.derived, "region"):
        return profiles
    header = profiles.config_header(pair.derived)
    comment = None if header in profiles.config.sections else settings.COPIED_COMMENT + pair.base
    return replace(profiles, config=editing.put_sections(profiles.config, {header: Put({"region": region}, comment)}))


def _without(file: IniFile, name: str, keys: Collection[str]) -> IniFile:
    present = set(keys) & set(file.sections.get(name, {}))
    return editing.put_sections(file, {name: Put({}, drop=present)}) if present else file


def _without_byte_order_mark(file: IniFile) -> IniFile:
    return replace(file, has_byte_order_mark=False) if file.has_byte_order_mark else file
