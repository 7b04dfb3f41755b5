"""Keys that a profile does not hold itself, but that botocore can get for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfa_profiles import ancestors, parallel
from mfa_profiles.aws import botocore_session, crashes
from mfa_profiles.aws.attempts import credentials_explained
from mfa_profiles.aws.values import is_plain
from mfa_profiles.errors import ProfileError, TokenCodeNeededError, aws_command
from mfa_profiles.profiles import Keys, Profiles

if TYPE_CHECKING:
    from subprocess import Popen

    from botocore.credentials import CredentialProvider
    from botocore.session import Session


@dataclass(frozen=True)
class Resolved:
    """Keys, and when they end if that is known; aware and in UTC."""

    keys: Keys
    expiration: datetime | None


def resolve(profiles: Profiles, profile: str, *waiting: str) -> Resolved:
    """What botocore finds for a profile: through ``credential_process``, ``sso_*``, ``role_arn``, ``login_session``.

    ``waiting`` are further profiles that wait for it, see ``ancestors``. Raises AWSError or ProfileError if there is
    nothing.
    """
    ancestors.refuse_circle(profile, os.environ)
    variables = ancestors.environment_for_child(os.environ, profile, *waiting)
    with credentials_explained(profiles, profile), parallel.signals_for_children():
        session = _session(profile, variables)
        crashes.watch(session)
        session.register("creating-client-class", lambda **_: botocore_session.refuse_empty_ca_bundle(session))
        resolver = session.get_component("credential_provider")
        resolver.insert_before("custom-process", _process_provider(session, profile, variables))
        # Botocore would ask for a code itself: in a thread, on stdin, and without our ways to one.
        resolver.get_provider("assume-role")._prompter = _no_prompt
        found = session.get_credentials()
        keys = _keys(found, profile)
    # Botocore has no public way to it: the AWS CLI's `configure export-credentials` reads it there, too.
    expiration = getattr(found, "_expiry_time", None)
    return Resolved(keys, expiration.astimezone(UTC) if isinstance(expiration, datetime) else None)


def _session(profile: str, variables: Mapping[str, str]) -> "Session":
    """Return a session of botocore's that starts the ``credential_process`` of source profiles with variables.

    Botocore starts it with those of this process, which must not be changed: other threads start programs as well.
    """
    import botocore.session

    class SessionWithVariables(botocore.session.Session):
        @property
        def full_config(self) -> dict[str, Any]:
            config: dict[str, Any] = super().full_config
            return {**config, "profiles": _with_variables(config["profiles"], profile, variables)}

    return SessionWithVariables(profile=profile)


def _with_variables(
    profiles: Mapping[str, Mapping[str, Any]], profile: str, variables: Mapping[str, str]
) -> Mapping[str, Mapping[str, Any]]:
    """Return the profiles of botocore with variables for each ``credential_process`` but that of one profile."""
    changed = dict(profiles)
    for name, settings in profiles.items():
        command = settings.get("credential_process")
        if isinstance(command, str) and name != profile:
            changed[name] = {**settings, "credential_process": f"{ancestors.env_command(variables)} {command}"}
    return changed


def _process_provider(session: "Session", profile: str, variables: Mapping[str, str]) -> "CredentialProvider":
    """Return botocore's provider for ``credential_process``, which notes that the process can have answered."""
    import subprocess

    from botocore.credentials import ProcessProvider

    def popen(words: list[str], **options: Any) -> "Popen[bytes]":
        process: Popen[bytes] = subprocess.Popen(words, env=variables, **options)  # noqa: S603 - as botocore starts it
        crashes.note_answer()
        return process

    return ProcessProvider(profile, lambda: session.full_config, popen)


def _no_prompt(_: str) -> str:
    raise TokenCodeNeededError(
        "a role takes a token code of its own, and whoever assumes it gets temporary credentials from somewhere else",
        "take mfa_serial out of its profile, or give its source profile long-term keys",
    )


def resolve_source(profiles: Profiles, profile: str, credential_source: str) -> Keys:
    """The keys that ``credential_source`` of a profile names: of the environment, the container or the machine.

    Raises AWSError or ProfileError if there are none.
    """
    import botocore.session

    method = _METHODS.get(credential_source.lower())
    if method is None:
        raise ProfileError(
            f"credential_source of profile {profile} is not one that AWS knows",
            "it is Environment, Ec2InstanceMetadata or EcsContainer",
        )
    with credentials_explained(profiles, profile):
        # A session without a profile, that of AWS_PROFILE included: one that has a name leaves the environment out.
        session = botocore.session.Session({"profile": (None, None, None, None)})
        crashes.watch(session)
        resolver = session.get_component("credential_provider")
        return _keys(resolver.get_provider(method).load(), profile)


_METHODS = {"environment": "env", "ec2instancemetadata": "iam-role", "ecscontainer": "container-role"}


def _keys(found: object, profile: str) -> Keys:
    ask_the_cli = f"see what the AWS CLI says: {aws_command('sts', 'get-caller-identity', profile=profile)}"
    frozen = found.get_frozen_credentials() if found is not None else None  # type: ignore[attr-defined]
    if frozen is not None and not all(map(is_plain, (frozen.access_key, frozen.secret_key, frozen.token or "-"))):
        raise ProfileError(
            f"what profile {profile} gets as keys is none: they are of letters, digits and signs",
            ask_the_cli,
        )
    if frozen is None:
        raise ProfileError(
            f"the AWS SDK finds no credentials for profile {profile}",
            ask_the_cli,
        )
    return Keys(frozen.access_key, frozen.secret_key, frozen.token)
