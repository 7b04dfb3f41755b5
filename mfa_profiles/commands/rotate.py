"""Replace the long-term access key of a base profile, never stranding its owner.

In this order: a comment in the file, a new key at AWS, that key in the file, proof that it works, the old key
deactivated and deleted, the comment taken out. Whatever stops it in between, the file holds a key that works, and the
comment tells the next run what to finish. All but the proof is signed by the MFA session, which outlives both keys.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from mfa_profiles import log, parallel, roles, shared_files
from mfa_profiles.aws import iam, sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import Clients
from mfa_profiles.aws.iam import AccessKey
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, credentials
from mfa_profiles.commands.keys import no_mfa_session
from mfa_profiles.errors import (
    AccessKeyUnknownError,
    AWSError,
    KeysRefusedError,
    MfaProfilesError,
    PermissionDeniedError,
    ProfileError,
    UnreachableError,
)
from mfa_profiles.profiles import Keys, Profiles, masked
from mfa_profiles.rotations import Rotation
from mfa_profiles.token_code import GivenCode

# IAM tells all of AWS of a new key within seconds, and promises nothing:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
_PAUSES = (1, 1, 2, 2, 4, 5, 5, 10, 15, 15)

# How far the time of AWS and this machine's may be apart, and how long it takes to ask for a key.
_CLOCKS = timedelta(minutes=5)


@dataclass(frozen=True)
class RotateOptions:
    """How to rotate; each field is the option of the same name."""

    keep_old: bool = False
    delete_other: bool = False
    token_code: GivenCode = field(default=None, repr=False)


@dataclass(frozen=True)
class Rotated:
    """A base profile and its access key now.

    ``replaced`` is the old access key ID, or None if another process has just rotated it; ``others`` are further
    sections of the files that had the old key, and have the new one.
    """

    profile: str
    access_key_id: str
    replaced: str | None = None
    is_deleted: bool = False
    others: tuple[str, ...] = ()


def rotate(name: str, options: RotateOptions, context: Context) -> Rotated:
    """Replace the access key of a base profile, or finish what an interrupted run has begun.

    Raises MfaProfilesError; its hints say what is left to do, if anything is.
    """
    profiles = shared_files.load(context.paths)
    base = profiles.pair(name).base
    seen = _long_term_keys(profiles, base)
    _warn_of_the_environment(seen, context)

    def waiting(_: str) -> None:
        context.note(f"waiting for another mfa-profiles that is rotating the key of {base}")

    with shared_files.single_flight(context.paths, [("rotate", base)], waiting):
        signing = credentials(base, CredentialsOptions(token_code=options.token_code), context)
        profiles = shared_files.load(context.paths)  # whoever had the lock before may have done it
        now = _long_term_keys(profiles, base)
        if now.access_key_id != seen.access_key_id and profiles.rotation(base) is None:
            return Rotated(base, now.access_key_id)
        return _Rotation(profiles, base, signing.profile, signing.keys, options, context).run()


def _long_term_keys(profiles: Profiles, base: str) -> Keys:
    """The keys to replace. Raises ProfileError if a profile has none that are its own and long-term."""
    source = roles.sources(profiles, base)[-1]
    if source != base:
        raise ProfileError(
            f"profile {base} is a role, which has no access key of its own",
            f"its keys are those of its source: mfa-profiles rotate {source}",
        )
    if not profiles.has_keys(base) and profiles.provider(base):
        raise ProfileError(
            f"profile {base} gets its keys through {profiles.provider(base)}: there are none in the file to replace",
            "replace them where they come from",
        )
    keys = profiles.keys(base)
    if keys.session_token:
        raise no_mfa_session(profiles, base)
    return keys


def _warn_of_the_environment(old: Keys, context: Context) -> None:
    if context.environment.get("AWS_ACCESS_KEY_ID") == old.access_key_id:
        context.warn(
            "the key to be replaced is in AWS_ACCESS_KEY_ID of this terminal, too, where it will stop working: "
            "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
        )


class _Rotation:
    """One replacement of the access key of a base profile."""

    def __init__(
        self, profiles: Profiles, base: str, holder: str, signing: Keys, options: RotateOptions, context: Context
    ) -> None:
        self._profiles = profiles
        self._base = base
        self._current = profiles.keys(base)
        self._begun = profiles.rotation(base)
        self._others = tuple(
            name
            for name in profiles.names()
            if name != base and profiles.settings(name).get("aws_access_key_id") == self._current.access_key_id
        )
        self._options = options
        self._context = context
        self._region = region_of(profiles, profiles.pair(base), context.environment, profiles.mfa_serial(base))
        self._has_session = signing.session_token is not None
        self._caller = self._caller_with(profiles, signing, holder)

    def run(self) -> Rotated:
        """Begin and finish it, or finish what was begun."""
        listed = self._listed()
        old = self._current
        if self._begun and self._begun.access_key_id != old.access_key_id:
            log.step(f"goes on where a run has ended: {masked(self._begun.access_key_id)} is replaced already")
            self._prove(None)
            self._end(self._begun.access_key_id)
            return self._outcome(self._begun.access_key_id)
        if half_written := self._half_written(listed):
            self._store(old, half_written)
        else:
            self._make_room(listed)
            self._replace(old)
        self._prove(old)
        self._end(old.access_key_id)
        return self._outcome(old.access_key_id)

    def _outcome(self, old: str) -> Rotated:
        is_deleted = not self._options.keep_old
        return Rotated(self._base, self._current.access_key_id, old, is_deleted, self._others)

    def _half_written(self, listed: Sequence[AccessKey]) -> Keys | None:
        """The new key, if a run was killed between the two files that had the old one: one of them has it."""
        new = {key.access_key_id for key in listed} - {self._current.access_key_id}
        if self._begun is not None:
            for name in self._profiles.names():
                if self._profiles.settings(name).get("aws_access_key_id") in new:
                    return self._profiles.keys(name)
        return None

    def _caller_with(self, profiles: Profiles, keys: Keys, holder: str) -> Caller:
        return Caller(Clients(profiles, self._context.now), self._base, keys, holder, self._region)

    def _listed(self) -> list[AccessKey]:
        listed = parallel.run(lambda: iam.list_access_keys(self._caller))
        if self._current.access_key_id not in [key.access_key_id for key in listed]:
            raise ProfileError(
                f"{masked(self._current.access_key_id)}, the access key of profile {self._base}, is none of the user "
                f"whose session is in {self._caller.holder}",
                f"if it is of another user by now, the session is old: mfa-profiles refresh {self._base} --force",
            )
        return listed

    # --- Room for a new key.

    def _make_room(self, listed: Sequence[AccessKey]) -> None:
        """Delete the user's other access key, if there is one and it may go: AWS allows two."""
        other = next((key for key in listed if key.access_key_id != self._current.access_key_id), None)
        if other is None:
            return
        try:
            use = parallel.run(lambda: iam.last_use(self._caller, other.access_key_id))
            used = f"it was used last on {use.when:%Y-%m-%d} for {use.service}" if use else "it was never used"
        except PermissionDeniedError:
            used = "AWS does not tell when it was used"
        is_unused = used == "it was never used"
        if not (self._is_orphan(other) and is_unused):
            state = f"{used}, and is {'active' if other.is_active else 'inactive'}"
            self._ask_to_delete(other, state, is_harmless=is_unused or not other.is_active)
        log.step(f"deletes access key {masked(other.access_key_id)}")
        parallel.run(lambda: iam.delete_access_key(self._caller, other.access_key_id))

    def _is_orphan(self, other: AccessKey) -> bool:
        """True if an interrupted run has made a key just before it ended, whose secret nobody has got."""
        return self._begun is not None and abs(other.created - self._begun.since) < _CLOCKS

    def _ask_to_delete(self, other: AccessKey, state: str, *, is_harmless: bool) -> None:
        """Raise ProfileError unless the user's other key may be deleted."""
        if self._options.delete_other:
            return
        shown = masked(other.access_key_id)
        facts = (
            f"the user has two access keys, and AWS allows no third: {self._base} has "
            f"{masked(self._current.access_key_id)}, and the other is {shown}: {state}"
        )
        if self._context.ask is None:
            raise ProfileError(facts, f"if nothing needs it: mfa-profiles rotate {self._base} --delete-other")
        last = other.access_key_id[-4:]
        expected, how = ("y", "(y/N)") if is_harmless else (last.lower(), f"(type {last} if nothing needs it)")
        if self._context.ask(f"{facts[0].upper()}{facts[1:]}.\nDelete {shown}? {how}").strip().lower() != expected:
            raise ProfileError("the key was not rotated: the user has two, and both stay", "nothing was changed")

    # --- The new key.

    def _replace(self, old: Keys) -> None:
        """Make a new key, put it into the file, and see that it works; else all is as it was."""
        stand_in = Keys("AKIA", "secret")
        begun = Rotation(old.access_key_id, self._context.now())

        def begin(latest: Profiles) -> Profiles:
            if latest.keys(self._base) != old:
                raise ProfileError(f"the keys of profile {self._base} were changed meanwhile", "nothing was changed")
            return shared_files.with_rotation(latest, self._base, begun)

        shared_files.rehearse(
            self._context.paths,
            lambda latest: shared_files.with_new_key(begin(latest), old.access_key_id, stand_in),
        )
        self._change(begin)
        self._context.before_writing()
        new = self._create()
        self._store(old, new)
        self._context.after_writing()

    def _create(self) -> Keys:
        try:
            new = parallel.run(lambda: iam.create_access_key(self._caller))
        except UnreachableError as error:
            error.add_hint(
                f"a key may have been made all the same: mfa-profiles rotate {self._base} looks, and goes on"
            )
            raise
        except MfaProfilesError:
            self._change(lambda latest: shared_files.without_rotation(latest, self._base))
            raise
        log.step(f"has made access key {masked(new.access_key_id)}")
        return new

    def _store(self, old: Keys, new: Keys) -> None:
        try:
            self._change(lambda latest: shared_files.with_new_key(latest, old.access_key_id, new))
        except MfaProfilesError as error:
            self._take_back(new, error)
            raise
        self._current = new

    def _take_back(self, new: Keys, error: MfaProfilesError) -> None:
        """Delete a new key that is of no use: the old one is in the file, and active."""
        old_works = f"the old access key is in the file and works; mfa-profiles rotate {self._base} tries again"
        try:
            parallel.run(lambda: iam.delete_access_key(self._caller, new.access_key_id))
            self._change(lambda latest: shared_files.without_rotation(latest, self._base))
        except MfaProfilesError:
            old_works += f", and deletes {masked(new.access_key_id)}, which was made for nothing"
        error.add_hint(old_works)

    def _prove(self, old: Keys | None) -> None:
        """Wait until AWS takes the new key. If it never does, ``old`` is put back, where it is still known."""
        caller = self._caller_with(shared_files.load(self._context.paths), self._current, self._base)
        with self._unfinished():
            for pause in (*_PAUSES, None):
                try:
                    parallel.run(lambda: sts.caller_identity(caller))
                    break
                except KeysRefusedError:
                    if pause is None:
                        self._give_up(old)
                    else:
                        self._context.wait(pause, "AWS does not know the new access key yet, trying again in")
        if not self._has_session:
            self._caller = caller

    def _give_up(self, old: Keys | None) -> None:
        new = self._current
        error = AWSError(f"AWS has not taken the new access key {masked(new.access_key_id)} within a minute")
        if old is not None:
            self._change(lambda latest: shared_files.with_new_key(latest, new.access_key_id, old))
            self._current = old
            self._take_back(new, error)
        raise error

    # --- The old key.

    def _end(self, old: str) -> None:
        with self._unfinished():
            # A run before this one may have been interrupted after it.
            with contextlib.suppress(AccessKeyUnknownError):
                log.step(f"deactivates access key {masked(old)}")
                parallel.run(lambda: iam.deactivate_access_key(self._caller, old))
                if not self._options.keep_old:
                    log.step(f"deletes access key {masked(old)}")
                    parallel.run(lambda: iam.delete_access_key(self._caller, old))
            self._change(lambda latest: shared_files.without_rotation(latest, self._base))

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[None]:
        """Tell whoever has to do with an error, or has interrupted, what is done and what is left."""
        new = masked(self._current.access_key_id)
        try:
            yield
        except MfaProfilesError as error:
            if masked(self._current.access_key_id) == new:  # else it was taken back, and the error says so
                error.add_hint(f"{self._base} has the new access key {new}, and the old one is still there")
                error.add_hint(f"mfa-profiles rotate {self._base} goes on from here")
            raise
        except KeyboardInterrupt:
            self._context.warn(
                f"{self._base} has the new access key {new}, and the old one is still there: "
                f"mfa-profiles rotate {self._base} goes on from here"
            )
            raise

    def _change(self, edit: shared_files.EditOfBoth) -> None:
        for warning in shared_files.change(self._context.paths, edit).warnings:
            self._context.warn(warning)
