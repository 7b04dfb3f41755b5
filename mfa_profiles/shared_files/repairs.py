"""Edits of both files that mend what ``doctor`` finds. Files in, files out; what is mended already stays as it is."""

from collections.abc import Collection
from dataclasses import replace

from mfa_profiles import settings
from mfa_profiles.ini import IniFile
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put
from mfa_profiles.shared_files.session_edits import empty_copies, with_settings


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


def without_empty_copies(profiles: Profiles, pair: ProfilePair) -> Profiles:
    """The config file without empty settings that were copied: those of the base profile take their place, if any."""
    filled = with_settings(profiles, [pair]) if empty_copies(profiles, pair) else profiles
    header = filled.config_header(pair.derived)
    return replace(filled, config=_without(filled.config, header, empty_copies(filled, pair)))


def without_copies_of_other_tools(profiles: Profiles, pair: ProfilePair) -> Profiles:
    """The config file without settings of other tools that are in a derived profile as they are in its base."""
    header = profiles.config_header(pair.derived)
    of_base, found = profiles.copied_before(pair.base), copies_of_other_tools(profiles, pair)
    same = [key for key, value in found.items() if of_base[key] == value]
    return replace(profiles, config=_without(profiles.config, header, same))


def copies_of_other_tools(profiles: Profiles, pair: ProfilePair) -> dict[str, str]:
    """Return the settings of other tools that an older version has, or may have, copied into a derived profile."""
    header = profiles.config_header(pair.derived)
    section = profiles.config.sections[header] if header in profiles.copied else {}
    of_base = profiles.copied_before(pair.base)
    return {
        key: value
        for key, value in settings.copied_before(section).items()
        if key in of_base and not settings.is_call_setting(key, value)
    }


def _without(file: IniFile, name: str, keys: Collection[str]) -> IniFile:
    present = set(keys) & set(file.sections.get(name, {}))
    return editing.put_sections(file, {name: Put({}, drop=present)}) if present else file


def _without_byte_order_mark(file: IniFile) -> IniFile:
    return replace(file, has_byte_order_mark=False) if file.has_byte_order_mark else file
