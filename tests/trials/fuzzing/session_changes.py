"""What is put in, and taken out, with a session."""

import re

from mfa_profiles import sessions, settings, shared_files
from mfa_profiles.profiles import ProfilePair, Profiles
from mfa_profiles.sessions import Origin, SessionCredentials
from tests import strict_reader
from tests.trials.fuzzing.changes import MOMENT, Change, is_legal, pair_of
from tests.trials.fuzzing.unchanged import profile_in_config, read


def refresh(profiles: Profiles, name: str, to: str) -> Change | None:
    """What ``refresh`` stores: a session in the derived profile."""
    return _session(profiles, pair_of(profiles, name), "token+of/a/session")


def refresh_to(profiles: Profiles, name: str, to: str) -> Change | None:
    """What ``refresh --to`` stores, in another profile that is there if none is named."""
    to = to or next((other for other in profiles.names() if other != name), "")
    return _session(profiles, ProfilePair(pair_of(profiles, name).base, to), "token+of/a/session")


def refresh_with_any_token(profiles: Profiles, name: str, to: str) -> Change | None:
    """The same with a token that AWS would never give."""
    return _session(profiles, pair_of(profiles, name), to or "token")


def _session(profiles: Profiles, pair: ProfilePair, token: str) -> Change | None:
    if not pair.base:
        return None
    credentials = SessionCredentials("ASIAIOSFODNN7EXAMPLE", "secret/of+a/session", token, MOMENT)
    origin = Origin(pair.base, profiles.mfa_serial(pair.base), profiles.settings(pair.base).get("role_arn") or None)
    header = profiles.config_header(pair.derived)

    def check(before: Profiles, after: Profiles) -> None:
        old = read(before.credentials).get(pair.derived, {})
        values = {
            "aws_access_key_id": credentials.access_key_id,
            "aws_secret_access_key": credentials.secret_access_key,
            "aws_session_token": token,
            "x_security_token_expires": "2026-11-24T21:05:00Z",
        }
        new = read(after.credentials)[pair.derived]
        kept = {key: value for key, value in old.items() if key not in sessions.SESSION_KEYS}
        left = {key: value for key, value in new.items() if key not in sessions.SESSION_KEYS}
        assert values == {key: new[key] for key in values}, "the session is not what was stored"
        assert kept == left, "other settings of the derived profile are not what they were"
        assert "aws_security_token" not in new, "a stale token is left"
        assert origin == after.origins.get(pair.derived), "the comment does not say where the session came from"
        header_line = rf"(?m)^[^\S\n]*\[{re.escape(pair.derived)}\](?:\s|$)"
        assert re.search(header_line, after.credentials.text), "a header has text glued to it"
        _check_copied(before, after, pair)
        strict = strict_reader.read(after.credentials.text, is_config=False)
        was_read = strict_reader.read(before.credentials.text, is_config=False) is not None
        if was_read and strict is not None and is_legal(pair.derived) and is_legal(token):
            # An indented comment, which stays below the key that it is below, is a part of the value for them.
            found = {key: strict[pair.derived].get(key, "").split("\n")[0] for key in values}
            assert values == found, "stricter SDKs do not read what was stored"

    is_new = pair.derived not in profiles.credentials.sections and header not in profiles.config.sections
    is_of_a_command = (not is_new or is_legal(pair.derived)) and token == token.strip()
    return Change(
        lambda latest: shared_files.with_sessions(latest, {pair: (credentials, origin)}),
        frozenset({pair.derived}),
        frozenset({header}),
        check,
        (lambda latest: shared_files.without_sessions(latest, [pair])) if is_new and is_of_a_command else None,
        is_of_a_command=is_of_a_command,
    )


def _check_copied(before: Profiles, after: Profiles, pair: ProfilePair) -> None:
    of_base, beside_keys = before.call_settings(pair.base), before.credentials.sections.get(pair.derived, {})
    # Empty ones that an older version copied get a value, unless it is a block.
    filled = {key for key in shared_files.empty_copies(before, pair) if "\n" not in of_base.get(key, "\n")}
    present = {key: value for key, value in before.settings(pair.derived).items() if key not in filled}
    wanted = {**of_base, **present, **beside_keys}
    header = after.config_header(pair.derived)
    found = {**profile_in_config(read(after.config), pair.derived), **read(after.credentials)[pair.derived]}
    for key in of_base:
        assert _lines(wanted[key]) == _lines(found[key]), "a setting is not copied as it is"
    old = {key: value for key, value in read(before.config).get(header, {}).items() if key not in filled}
    assert old == {key: read(after.config).get(header, {}).get(key) for key in old}, "a person's own setting changed"
    copied = {key: value for key, value in read(after.config).get(header, {}).items() if key not in old}
    assert all(settings.is_call_setting(key, value) for key, value in copied.items()), (
        "a setting is copied that does not control how AWS is called"
    )


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.split("\n") if line.strip()]


def clear(profiles: Profiles, name: str, to: str) -> Change:
    """What ``clear`` takes out."""
    pair = pair_of(profiles, name)

    def check(before: Profiles, after: Profiles) -> None:
        old = read(before.credentials).get(pair.derived, {})
        kept = {key: value for key, value in old.items() if key not in sessions.SESSION_KEYS}
        assert kept == read(after.credentials).get(pair.derived, {}), "more, or less, than the session is gone"
        assert pair.derived not in after.origins, "the comment is left"

    header = profiles.config_header(pair.derived)
    return Change(
        lambda latest: shared_files.without_sessions(latest, [pair]),
        frozenset({pair.derived}),
        frozenset({header}),
        check,
    )
