"""What is put in, and taken out, with long-term keys."""

from mfa_profiles import rotations, settings, shared_files
from mfa_profiles.profiles import Keys, Profiles
from mfa_profiles.rotations import Rotation
from mfa_profiles.shared_files import NewBase
from tests.trials.fuzzing.changes import MOMENT, Change, is_legal
from tests.trials.fuzzing.unchanged import profile_in_config, read

NEW_KEYS = Keys("AKIAI44QH8DHBEXAMPLE", "new/secret+of/a/user=")
ROTATION = Rotation("AKIAIOSFODNN7EXAMPLE", MOMENT)


def set_up(profiles: Profiles, name: str, to: str) -> Change:
    """What ``setup`` writes."""
    new = NewBase(name, NEW_KEYS, "eu-central-1", "arn:aws:iam::123456789012:mfa/john.doe")

    def check(_: Profiles, after: Profiles) -> None:
        values = {**profile_in_config(read(after.config), name), **read(after.credentials)[name]}
        assert NEW_KEYS == after.keys(name), "the keys are not what was stored"
        assert (new.region, new.mfa_serial) == (values["region"], values["mfa_serial"])
        assert {"aws_access_key_id", "aws_secret_access_key"} == set(settings.replaced_by_keys(values)), (
            "a way to other credentials is left"
        )
        assert name not in after.rotations

    return Change(
        lambda latest: shared_files.with_base(latest, new),
        frozenset({name}),
        frozenset({profiles.config_header(name)}),
        check,
        is_of_a_command=is_legal(name),
    )


def begin_rotation(profiles: Profiles, name: str, to: str) -> Change | None:
    """What ``rotate`` notes before it makes a key."""
    values = profiles.settings(name)
    if not (values.get("aws_access_key_id") and values.get("aws_secret_access_key")):
        return None

    def check(before: Profiles, after: Profiles) -> None:
        assert ROTATION == after.rotations.get(name), "the rotation is not found again"
        _check_values(before, after)

    text = profiles.credentials.text + profiles.config.text
    has_ours = "# Expires " in text or rotations.BEGINNING in text
    return Change(
        lambda latest: shared_files.with_rotation(latest, name, ROTATION),
        frozenset({name}),
        frozenset({profiles.config_header(name)}),
        check,
        None if has_ours else lambda latest: shared_files.without_rotation(latest, name),
    )


def _check_values(before: Profiles, after: Profiles) -> None:
    assert read(before.credentials) == read(after.credentials), "a value changed"
    assert read(before.config) == read(after.config), "a value changed"


def finish_rotation(profiles: Profiles, name: str, to: str) -> Change:
    """What ``rotate`` takes out again."""

    def check(before: Profiles, after: Profiles) -> None:
        assert name not in after.rotations
        for old, new in ((before.credentials, after.credentials), (before.config, after.config)):
            # A header that has nothing but this comment goes with it.
            assert {key: value for key, value in read(old).items() if value} == {
                key: value for key, value in read(new).items() if value
            }, "a value changed"

    return Change(
        lambda latest: shared_files.without_rotation(latest, name),
        frozenset({name}),
        frozenset({profiles.config_header(name)}),
        check,
    )


def rotate(profiles: Profiles, name: str, to: str) -> Change | None:
    """A new key, wherever the old one is."""
    values = profiles.settings(name)
    old = Keys(values.get("aws_access_key_id", ""), values.get("aws_secret_access_key", ""))
    if not old.access_key_id or not old.secret_access_key:
        return None
    copies = [
        frozenset(section for section, values in sections.items() if _keys(values) == _keys(profiles.settings(name)))
        for sections in (profiles.credentials.sections, profiles.config.sections)
    ]

    def check(before: Profiles, after: Profiles) -> None:
        for old_file, file, touched in (
            (before.credentials, after.credentials, copies[0]),
            (before.config, after.config, copies[1]),
        ):
            new = {"aws_access_key_id": NEW_KEYS.access_key_id, "aws_secret_access_key": NEW_KEYS.secret_access_key}
            expected = {section: read(old_file)[section] | new for section in touched}
            assert expected == {section: read(file)[section] for section in touched}

    def edit(latest: Profiles) -> Profiles:
        latest = shared_files.with_new_key(latest, name, old, NEW_KEYS)
        return shared_files.with_new_key_elsewhere(latest, name, old, NEW_KEYS)

    made_with_it = {name for name, origin in profiles.origins.items() if origin.access_key_id == old.access_key_id}
    return Change(edit, copies[0] | made_with_it, copies[1], check)


def _keys(values: dict[str, str]) -> tuple[str | None, str | None]:
    return values.get("aws_access_key_id"), values.get("aws_secret_access_key")
