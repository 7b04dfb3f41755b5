"""Edits of both files that put sessions in and take them out. Files in, files out."""

from collections.abc import Collection, Mapping

from mfa_profiles import sessions, settings
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, SessionCredentials
from mfa_profiles.shared_files import editing
from mfa_profiles.shared_files.editing import Put

NewSessions = Mapping[ProfilePair, tuple[SessionCredentials, Origin]]
"""Sessions to store, and where each came from."""


def with_sessions(profiles: Profiles, new: NewSessions) -> Profiles:
    """Both files with sessions in derived profiles, and with the settings that these need."""
    in_credentials = {
        pair.derived: Put(
            sessions.session_settings(credentials, profiles.credentials.sections.get(pair.derived, {})),
            sessions.expiration_comment(credentials.expiration, origin),
            drop={"aws_security_token"},  # botocore would read this one, and boto 2 is no more
        )
        for pair, (credentials, origin) in new.items()
    }
    config = with_settings(profiles, new).config
    return Profiles(editing.put_sections(profiles.credentials, in_credentials), config)


def with_settings(profiles: Profiles, pairs: Collection[ProfilePair]) -> Profiles:
    """The config file with the settings that derived profiles need from their base profiles.

    Those that a derived profile has already stay as they are: a person may have changed them. An empty one in a
    section that this tool made counts as missing: an older version copied it.
    """
    in_config = {}
    for pair in pairs:
        header = profiles.config_header(pair.derived)
        present = profiles.settings(pair.derived)
        empty = empty_copies(profiles, pair)
        missing = {
            key: value
            for key, value in profiles.call_settings(pair.base).items()
            # A block cannot be put on a line that is there.
            if key not in present or (key in empty and "\n" not in value)
        }
        if missing:
            comment = None if header in profiles.config.sections else settings.COPIED_COMMENT + pair.base
            in_config[header] = Put(missing, comment, may_have_blocks=True)
    if not in_config:
        return profiles
    return Profiles(profiles.credentials, editing.put_sections(profiles.config, in_config))


def without_sessions(profiles: Profiles, pairs: Collection[ProfilePair]) -> Profiles:
    """Both files without the sessions of some derived profiles, and without what was copied for them.

    Settings and comments that a person put into the derived profile stay, in what is left of their section; without
    any, the section goes. A section of the config file that a person made stays as it is. In one that this tool made
    nobody can tell, without its base profile, what was copied: then all of it goes. What older versions copied goes
    too: settings of other tools, and empty ones.
    """
    ours = {pair.derived: _session_keys(profiles.credentials.sections.get(pair.derived, {})) for pair in pairs}
    copied = {}
    for pair in pairs:
        header = profiles.config_header(pair.derived)
        if header in profiles.copied:
            section = set(profiles.config.sections[header])
            of_base = set(profiles.copied_before(pair.base)) | empty_copies(profiles, pair)
            copied[header] = section & of_base if pair.base in profiles else section
    # A file with nothing to take out may not even be there.
    return Profiles(
        editing.take_keys(profiles.credentials, ours) if any(ours.values()) else profiles.credentials,
        editing.take_keys(profiles.config, copied) if copied else profiles.config,
    )


def has_session_of_ours(profiles: Profiles, pair: ProfilePair) -> bool:
    """True if this tool has written a derived profile into one of the files."""
    in_config = profiles.config_header(pair.derived) in profiles.copied
    return in_config or pair.derived in profiles.origins


def empty_copies(profiles: Profiles, pair: ProfilePair) -> set[str]:
    """Return the empty settings that older versions copied into a section of the config file that this tool made."""
    header = profiles.config_header(pair.derived)
    section = profiles.config.sections[header] if header in profiles.copied else {}
    return {
        key
        for key, value in section.items()
        if settings.is_call_setting(key, value) and settings.is_empty(key, value)
    }


def _session_keys(section: Mapping[str, str]) -> frozenset[str]:
    return sessions.SESSION_KEYS & set(section)
