"""The keys with which a profile calls AWS: its own, or those that the SDKs would get for it."""

from mfa_profiles import log, parallel
from mfa_profiles.errors import MfaProfilesError, NoMFASessionError, assignment
from mfa_profiles.profiles import Keys, Profiles, masked
from mfa_profiles.roles import Role


class KeyRing:
    """Keys of profiles, each looked up once: behind a ``credential_process`` there may be a person with a finger."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._found: dict[str, Keys | MfaProfilesError] = {}

    def of(self, name: str, role: Role | None = None) -> Keys:
        """The keys of a profile, or those that ``credential_source`` of a role names. Raises MfaProfilesError."""
        source = role.credential_source if role else None
        where = f"credential_source {source}" if source else name
        if where not in self._found:
            try:
                self._found[where] = self._get(name, source)
            except MfaProfilesError as error:
                self._found[where] = error
        found = self._found[where]
        if isinstance(found, MfaProfilesError):
            raise found
        return found

    def _get(self, name: str, credential_source: str | None) -> Keys:
        if credential_source:
            from mfa_profiles.aws import credentials

            log.step(f"has boto3 look for keys: credential_source of profile {name} is {credential_source}")
            return parallel.run(lambda: credentials.resolve_source(self._profiles, name, credential_source))
        if not self._profiles.has_keys(name) and self._profiles.provider(name):
            from mfa_profiles.aws import credentials

            log.step(f"has boto3 get the keys of profile {name}: it has {self._profiles.provider(name)}")
            return parallel.run(lambda: credentials.resolve(self._profiles, name)).keys
        keys = self._profiles.keys(name)
        log.step(f"the keys of profile {name} are {masked(keys.access_key_id)}")
        return keys


def no_mfa_session(profiles: Profiles, name: str) -> NoMFASessionError:
    """The error for a base profile that has no long-term keys of a user, but temporary ones."""
    provider = None if profiles.has_keys(name) else profiles.provider(name)
    if provider is None:
        return NoMFASessionError(
            f"profile {name} holds session credentials, and AWS gives no MFA session for those",
            "name a profile that has long-term keys (aws_access_key_id begins with AKIA)",
        )
    works = f"it works without one: {assignment('AWS_PROFILE', name)}; so do roles with source_profile = {name}"
    header = profiles.config_header(name)
    long_term = f"for an MFA session, let it print long-term keys under [{header}] (aws-vault: --no-session)"
    return NoMFASessionError(
        f"profile {name} gets temporary credentials through {provider}, and AWS gives no MFA session for those",
        *([works, long_term] if provider == "credential_process" else [works]),
    )
