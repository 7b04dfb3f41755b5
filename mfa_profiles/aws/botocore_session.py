"""Sessions of botocore's that are given what has been read, and that load and do no more than our calls need."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mfa_profiles.profiles import Profiles
from mfa_profiles.settings import block

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from botocore.session import Session

_SERVICES = ["iam", "sts"]
_NO_ENDPOINTS = {"version": 3, "partitions": []}


def session_of(profiles: Profiles, profile: str, region: str) -> "Session":
    """A session for clients in a region, with the call settings of a profile: none if it is not there.

    It reads neither file: it is given what has been read, since botocore takes longer to read files of thousands of
    profiles than we do for all that we do with them.
    """
    import botocore.session
    from botocore.configloader import build_profile_map

    sections = profiles.config.sections.items()
    # What settings of a profile may refer to.
    referred = {name: _nested(values) for name, values in sections if name.startswith("services")}
    # Not who that is, or a sso_session which is not there would fail a call that is signed with keys.
    own = _nested(profiles.seen_call_settings(profile))
    session = botocore.session.Session(profile=profile, include_builtin_handlers=False)
    # Botocore has no public way to give it what it would read into full_config.
    session._config = {**build_profile_map(referred), "profiles": {profile: own}}  # type: ignore[attr-defined]
    _register_handlers(session)
    _load_less(session, region)
    return session


def refuse_empty_ca_bundle(session: "Session") -> None:
    """Raise InvalidConfigError for an empty CA bundle, as botocore does since 1.43.54.

    Before, it checked no certificate then.
    """
    from botocore.exceptions import InvalidConfigError

    bundle = session.get_config_variable("ca_bundle")
    if bundle is None:
        bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if isinstance(bundle, str) and not bundle.strip():
        raise InvalidConfigError(error_msg="ca_bundle is empty")


def is_variant(region: str) -> bool:
    """Whether a region is more than that: to botocore ``aws-global-fips`` is a region and a setting."""
    return "fips" in region


def _nested(values: Mapping[str, str]) -> dict[str, str | dict[str, str]]:
    """Settings as botocore has them: with a mapping for each indented block, as under ``s3 =``."""
    return {key: block(value) if value.startswith("\n") else value for key, value in values.items()}


def _register_handlers(session: "Session") -> None:
    """Have done to calls what botocore does, without the hundred things that it does to calls of other services."""
    from botocore.handlers import BUILTIN_HANDLERS, REGISTER_FIRST, REGISTER_LAST

    events = session.get_component("event_emitter")
    places = {REGISTER_FIRST: events.register_first, REGISTER_LAST: events.register_last}
    for event, handler, *place in BUILTIN_HANDLERS:
        _, _, of_what = event.partition(".")
        if not of_what or of_what.partition(".")[0] in _SERVICES:
            register = places[place[0]] if place else events.register
            register(event, handler)


def _load_less(session: "Session", region: str) -> None:
    """Spare a session what takes longer than all else that a client in this region is made of.

    That is a list of services, for which four hundred directories would be looked into twice; and endpoints.json, a
    megabyte that says once more what botocore's rules for each service say (``endpoint-rule-set-1``), which go before
    it. Without it the endpoint, region and partition in a client's ``meta`` are guesses; where calls go is not.
    """
    loader = session.get_component("data_loader")
    loader.list_available_services = lambda _: _SERVICES
    load = loader.load_data_with_path

    def load_less(name: str) -> tuple[Any, str]:
        if name != "endpoints" or _endpoints_count(session, loader, region):
            found: tuple[Any, str] = load(name)
            return found
        return _NO_ENDPOINTS, os.path.join(loader.BUILTIN_DATA_PATH, name)

    loader.load_data_with_path = load_less


def _endpoints_count(session: "Session", loader: "Loader", region: str) -> bool:
    """Whether endpoints.json may count beside the rules.

    For the region that signs for a variant, where a private AWS is, and which host NO_PROXY is compared with.
    """
    from urllib.request import getproxies

    return bool(
        is_variant(region)
        or session.get_config_variable("use_fips_endpoint")
        or session.get_config_variable("use_dualstack_endpoint")
        or getproxies()
        or any(path != loader.BUILTIN_DATA_PATH and os.path.isdir(path) for path in loader.search_paths)
    )
