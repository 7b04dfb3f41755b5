"""The keys with which a profile calls AWS: its own, or those that the SDKs would get for it."""

from mfa_profiles import log, parallel
from mfa_profiles.errors import MfaProfilesError, NoMFASessionError, assignment
from mfa_profiles.profiles import Keys, Profiles, masked
from mfa_profiles.roles import Role


class KeyRing:
    """Keys of profiles; those that another program gives are asked for once: a person may have to unlock it."""

    def __init__(self) -> None:
        self._found: dict[str, Keys | MfaProfilesError] = {}

    def of(self, profiles: Profiles, name: str, role: Role | None = None, waiting: str | None = None) -> Keys:
        """Return the keys of a profile, or those that ``credential_source`` of a role names.

        ``waiting`` is a profile that waits for them, as a program that gives them may run this tool again. Raises
        MfaProfilesError.
        """
        keys = self.get_of_others(profiles, name, role, waiting)
        if keys is None:
            keys = profiles.keys(name)
            log.step(f"the keys of profile {name} are {masked(keys.access_key_id)}")
        return keys

    def get_of_others(
        self, profiles: Profiles, name: str, role: Role | None = None, waiting: str | None = None
    ) -> Keys | None:
        """Return the same, or None if the keys are in the files."""
        source = role.credential_source if role else None
        if not source and (profiles.has_keys(name) or not profiles.provider(name)):
            return None
        where = f"credential_source {source}" if source else name
        if where not in self._found:
            try:
                self._found[where] = self._get(profiles, name, source, waiting)
            except MfaProfilesError as error:
                self._found[where] = error
        found = self._found[where]
        if isinstance(found, MfaProfilesError):
            raise found
        return found

    def _get(self, profiles: Profiles, name: str, credential_source: str | None, waiting: str | None) -> Keys:
        from mfa_profiles.aws import credentials

        if credential_source:
            log.step(f"has boto3 look for keys: credential_source of profile {name} is {credential_source}")
            return parallel.run(lambda: credentials.resolve_source(profiles, name, credential_source))
        log.step(f"has boto3 get the keys of profile {name}: it has {profiles.provider(name)}")
        others = () if waiting is None else (waiting,)
        return parallel.run(lambda: credentials.resolve(profiles, name, *others)).keys


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
