"""What ``doctor --fix`` changes."""

from mfa_profiles import settings, shared_files
from mfa_profiles.profiles import Profiles, config_profile_name
from tests.trials.fuzzing.changes import Change, is_legal, pair_of
from tests.trials.fuzzing.unchanged import profile_in_config, read


def take_settings_out(profiles: Profiles, name: str, to: str) -> Change:
    """What the doctor does with settings that hide a session."""
    keys = [*settings.PROVIDER_KEYS, "aws_security_token", to.lower()]
    header = profiles.config_header(name)

    def check(before: Profiles, after: Profiles) -> None:
        for old, new, section in (
            (before.credentials, after.credentials, name),
            (before.config, after.config, header),
        ):
            kept = {key: value for key, value in read(old).get(section, {}).items() if key not in keys}
            assert kept == read(new).get(section, {})

    return Change(
        lambda latest: shared_files.without_settings(latest, name, keys),
        frozenset({name}),
        frozenset({header}),
        check,
    )


def mend_header(profiles: Profiles, name: str, to: str) -> Change | None:
    """What the doctor does with a section of the config file that lacks the word ``profile``."""
    section = next((s for s in profiles.config.sections if config_profile_name(s) is None), None)
    if section is None:
        return None
    meant = to or section
    header = profiles.config_header(meant)

    def check(before: Profiles, after: Profiles) -> None:
        renamed = header if header not in before.config.sections else section
        assert read(before.config)[section] == read(after.config)[renamed]

    return Change(
        lambda latest: shared_files.with_profile_header(latest, section, meant),
        frozenset(),
        frozenset({section, header}),
        check,
        is_of_a_command=is_legal(meant),
    )


def region_of_base(profiles: Profiles, name: str, to: str) -> Change:
    """What the doctor does with a session without a region."""
    pair = pair_of(profiles, name)

    def check(before: Profiles, after: Profiles) -> None:
        region = before.call_settings(pair.base).get("region")
        found = _seen(after, pair.derived).get("region")
        assert (before.settings(pair.derived).get("region") or region or None) == (found or None)

    header = profiles.config_header(pair.derived)
    return Change(
        lambda latest: shared_files.with_region_of_base(latest, pair), frozenset(), frozenset({header}), check
    )


def _seen(profiles: Profiles, name: str) -> dict[str, str]:
    return {**profile_in_config(read(profiles.config), name), **read(profiles.credentials).get(name, {})}


def byte_order_marks(profiles: Profiles, name: str, to: str) -> Change:
    """What the doctor does with them."""

    def check(before: Profiles, after: Profiles) -> None:
        assert (before.credentials.text, before.config.text) == (after.credentials.text, after.config.text)
        assert (False, False) == (after.credentials.has_byte_order_mark, after.config.has_byte_order_mark)

    return Change(
        shared_files.without_byte_order_marks, frozenset(), frozenset(), check, keeps_byte_order_marks=False
    )
