"""Replace the long-term access key of a base profile, never stranding its owner.

In this order: a comment in the file, a new key at AWS, that key in the file, proof that it works, the old key
deactivated and deleted, the comment taken out. Whatever stops it in between, the file holds a key that works, and the
comment tells the next run what to finish. All but the proof is signed by the MFA session, which outlives both keys.

A run deletes the old key, a new key that it created itself or that the comment records, and any other key only if a
person or ``--delete-other`` says so: the time of a key is no proof. A key that a profile has is never deleted.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from mfa_profiles import ini, log, parallel, roles, shared_files
from mfa_profiles.aws import iam, sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import Clients
from mfa_profiles.aws.iam import AccessKey
from mfa_profiles.commands import Context
from mfa_profiles.commands.credentials import CredentialsOptions, credentials
from mfa_profiles.commands.keys import no_mfa_session
from mfa_profiles.errors import (
    NOTHING_CHANGED,
    AccessKeyUnknownError,
    AWSError,
    KeysRefusedError,
    MfaProfilesError,
    NoMFADeviceError,
    OnlyPasskeysError,
    PermissionDeniedError,
    ProfileError,
    StorageError,
    UnreachableError,
    tool_command,
)
from mfa_profiles.profiles import Keys, Profiles, masked
from mfa_profiles.rotations import Rotation
from mfa_profiles.token_code import GivenCode

# IAM tells all of AWS of a new key within seconds, and promises nothing:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
_PAUSES = (1, 1, 2, 2, 4, 5, 5, 10, 15, 15)

# A key from about the time of an interrupted run may come from it. That is reported, and is no reason to delete it.
_ABOUT = timedelta(minutes=5)


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
    ini.refuse_byte_order_marks(profiles.credentials, profiles.config)
    base = profiles.pair(name).base
    seen = _long_term_keys(profiles, base)
    _warn_of_the_environment(seen, context)

    def waiting(_: str) -> None:
        context.note("waiting for another mfa-profiles that is rotating an access key")

    holder, keys = _signing_keys(base, options, context)  # Others do not wait while a person is asked for a code.
    with shared_files.single_flight(context.paths, [shared_files.lock_of_rotation(base)], waiting):
        profiles = shared_files.load(context.paths)  # The process that had the lock before may have done it.
        now = _long_term_keys(profiles, base)
        if now.access_key_id != seen.access_key_id and base not in profiles.rotations:
            return Rotated(base, now.access_key_id)
        return _Rotation(profiles, base, holder, now if holder == base else keys, options, context).run()


def _signing_keys(base: str, options: RotateOptions, context: Context) -> tuple[str, Keys]:
    """Return the keys of the session that signs the calls, and the profile that has it.

    It is the base profile for a user without an MFA device: nobody can ask this user for MFA.
    """
    try:
        signing = credentials(base, CredentialsOptions(token_code=options.token_code), context)
    except KeysRefusedError as error:
        if base in shared_files.load(context.paths).rotations:
            again = tool_command("rotate", base)
            error.add_hint(f"it may be too new for AWS to know it: in a minute {again} goes on")
        raise
    except OnlyPasskeysError:
        raise
    except NoMFADeviceError:
        return base, _long_term_keys(shared_files.load(context.paths), base)
    try:
        context.after_writing()  # a refresh puts Ctrl-C off from its writing on
    except KeyboardInterrupt:
        if signing.refreshed:
            context.note(f"{signing.profile} is refreshed; the access key of {base} is as it was")
        raise
    return signing.profile, signing.keys


def _long_term_keys(profiles: Profiles, base: str) -> Keys:
    """The keys to replace. Raises ProfileError if a profile has none that are its own and long-term."""
    source = roles.sources(profiles, base)[-1]
    if source != base:
        raise ProfileError(
            f"profile {base} is a role, which has no access key of its own",
            f"its keys are those of its source: {tool_command('rotate', source)}",
        )
    if roles.role_of(profiles, base) is not None:
        raise ProfileError(
            f"profile {base} is a role, and whatever assumes it is not in a profile of its own",
            "put long-term keys into a profile of their own, name it as source_profile, and rotate that one",
        )
    if not profiles.has_keys(base) and profiles.provider(base):
        raise ProfileError(
            f"profile {base} gets its keys through {profiles.provider(base)}: there are none in the file to replace",
            "replace them where they come from",
        )
    keys = profiles.keys(base)
    if keys.session_token:
        raise no_mfa_session(profiles, base)
    _refuse_two_files(profiles, base)
    return keys


def _refuse_two_files(profiles: Profiles, name: str) -> None:
    """Raise ProfileError if the halves of an access key are in two files, which cannot be replaced at once."""
    section = profiles.credentials.sections.get(name, {})
    if ("aws_access_key_id" in section) != ("aws_secret_access_key" in section):
        raise ProfileError(
            f"the access key ID of profile {name} and its secret are in two files",
            f"put both into [{name}] in {profiles.credentials.path}",
        )


def _warn_of_the_environment(old: Keys, context: Context) -> None:
    if context.environment.get("AWS_ACCESS_KEY_ID") == old.access_key_id:
        context.warn(
            "the key to be replaced is in AWS_ACCESS_KEY_ID of this terminal, too, where it will stop working: "
            "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"
        )


def _holders(profiles: Profiles, access_key_id: str, secret: str | None = None) -> list[str]:
    """The profiles that have an access key, by its ID, and by its secret if that is known."""
    return [
        name
        for name in profiles.names()
        if profiles.setting(name, "aws_access_key_id") == access_key_id
        and secret in (None, profiles.setting(name, "aws_secret_access_key"))
    ]


class _Rotation:
    """One replacement of the access key of a base profile."""

    def __init__(
        self, profiles: Profiles, base: str, holder: str, signing: Keys, options: RotateOptions, context: Context
    ) -> None:
        self._profiles = profiles
        self._base = base
        self._again = tool_command("rotate", base)
        self._current = old = profiles.keys(base)
        self._begun = profiles.rotations.get(base)
        holders = _holders(profiles, old.access_key_id, old.secret_access_key)
        self._others = tuple(name for name in holders if name != base)
        self._options = options
        self._keep_old = options.keep_old or (self._begun is not None and self._begun.keep_old)
        self._old_is = "still there"
        self._context = context
        self._region = region_of(profiles, profiles.pair(base), context.environment)
        self._has_session = signing.session_token is not None
        self._caller = self._caller_with(profiles, signing, holder)

    def run(self) -> Rotated:
        """Begin and finish it, or finish what was begun."""
        old, begun = self._current, self._begun
        if begun and begun.new_access_key_id == old.access_key_id:
            log.step(f"goes on where a run has ended: {masked(begun.access_key_id)} is replaced already")
            self._prove(None)
            self._listed()
            return self._end(begun.access_key_id)
        if begun and begun.access_key_id != old.access_key_id:
            self._begun = None  # somebody has put other keys here since: of them the comment says nothing
        listed = self._listed()
        if half_written := self._half_written(listed):
            self._store(old, half_written)
        else:
            self._refuse_what_another_began(listed)
            self._rehearse(old)
            self._make_room(listed)
            self._replace(old)
        self._prove(old)
        return self._end(old.access_key_id, old.secret_access_key)

    def _half_written(self, listed: Sequence[AccessKey]) -> Keys | None:
        """The new key, if a run was killed between the two files that had the old one: the other one has it."""
        new = next((key for key in listed if self._is_recorded(key) and key.is_active), None)
        holders = _holders(self._profiles, new.access_key_id) if new else []
        return self._profiles.keys(holders[0]) if holders else None

    def _caller_with(self, profiles: Profiles, keys: Keys, holder: str) -> Caller:
        return Caller(Clients(profiles, self._context.now), self._base, keys, holder, self._region)

    def _listed(self) -> list[AccessKey]:
        listed = parallel.run(lambda: iam.list_access_keys(self._caller))
        if not any(map(self._is_current, listed)):
            raise ProfileError(
                f"{masked(self._current.access_key_id)}, the access key of profile {self._base}, is none of the user "
                f"whose session is in {self._caller.holder}",
                "if the key now belongs to another user, the session is old: "
                + tool_command("refresh", self._base, "--force"),
            )
        return listed

    # --- Room for a new key.

    def _refuse_what_another_began(self, listed: Sequence[AccessKey]) -> None:
        """Raise ProfileError if another profile of the same user has a rotation that is not finished."""
        for name, rotation in self._profiles.rotations.items():
            if name != self._base and rotation.access_key_id in [key.access_key_id for key in listed]:
                raise ProfileError(
                    f"the access key of profile {name} is being replaced, which was interrupted",
                    f"{tool_command('rotate', name)} finishes it",
                )

    def _make_room(self, listed: Sequence[AccessKey]) -> None:
        """Delete the user's other access key, if there is one and it may go: AWS allows two."""
        other = next((key for key in listed if not self._is_current(key)), None)
        if other is None:
            return
        self._refuse_to_strand(self._two_keys(other), other.access_key_id)
        self._refuse_other_forms(self._two_keys(other), other.access_key_id)
        if self._context.environment.get("AWS_ACCESS_KEY_ID") == other.access_key_id:
            raise ProfileError(
                f"{self._two_keys(other)}, which is in AWS_ACCESS_KEY_ID of this terminal",
                "if nothing needs it: unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY",
            )
        is_unused = False
        try:
            use = parallel.run(lambda: iam.last_use(self._caller, other.access_key_id))
            is_unused = use is None
            used = f"it was used last on {use.when:%Y-%m-%d} for {use.service}" if use else "it was never used"
        except PermissionDeniedError:
            used = "AWS does not tell when it was used"
        is_orphan = is_unused and self._is_recorded(other)
        if not is_orphan:
            state = f"{used}, and is {'active' if other.is_active else 'inactive'}{self._possible_origin(other)}"
            self._ask_to_delete(other, state, is_harmless=is_unused or not other.is_active)
            self._refuse_to_strand(self._two_keys(other), other.access_key_id)  # the answer may have taken long
        self._delete(other.access_key_id)
        why = ", which an interrupted run created, and whose secret was lost" if is_orphan else ""
        self._context.note(f"deleted {masked(other.access_key_id)}{why}")

    def _is_current(self, key: AccessKey) -> bool:
        return key.access_key_id == self._current.access_key_id

    def _is_recorded(self, key: AccessKey) -> bool:
        """True if the comment of an interrupted run proves that it created a key."""
        return self._begun is not None and self._begun.new_access_key_id == key.access_key_id

    def _possible_origin(self, key: AccessKey) -> str:
        """What to add about a key that an interrupted run may have created, if it could not record which it was."""
        begun = self._begun
        is_possible = begun and not begun.new_access_key_id and abs(key.created - begun.since) < _ABOUT
        return "; an interrupted run may have created it" if is_possible else ""

    def _refuse_to_strand(self, facts: str, access_key_id: str, secret: str | None = None) -> None:
        """Raise ProfileError if a profile needs an access key that is to be deleted, whatever was asked for.

        If its secret is known, profiles that have another one beside the ID do not count.
        """
        latest = shared_files.load(self._context.paths)
        for holder in _holders(latest, access_key_id, secret):
            raise ProfileError(
                f"{facts}, which profile {holder} has",
                f"put {masked(self._current.access_key_id)} and its secret into {holder} as well, then run "
                f"{self._again}",
            )

    def _refuse_other_forms(self, facts: str, access_key_id: str) -> None:
        """Raise ProfileError if a line has an access key in a form in which ``_holders`` does not find it."""
        for file in (self._profiles.credentials, self._profiles.config):
            for number, line in enumerate(file.text.split("\n"), 1):
                key, _, value = re.sub("[=:]", "\0", line, count=1).partition("\0")
                is_setting = (key.strip().lower(), value.strip()) == ("aws_access_key_id", access_key_id)
                if access_key_id in line and not is_setting and not line.lstrip().startswith(("#", ";")):
                    raise ProfileError(
                        f"{facts}, which line {number} of {file.path} has",
                        "write it as aws_access_key_id = ID, or delete the line if nothing needs it",
                    )

    def _delete(self, access_key_id: str) -> None:
        log.step(f"deletes access key {masked(access_key_id)}")
        parallel.run(lambda: iam.delete_access_key(self._caller, access_key_id))

    def _two_keys(self, other: AccessKey) -> str:
        return (
            f"the user has two access keys, and AWS allows no third: {self._base} has "
            f"{masked(self._current.access_key_id)}, and the other is {masked(other.access_key_id)}"
        )

    def _ask_to_delete(self, other: AccessKey, state: str, *, is_harmless: bool) -> None:
        """Raise ProfileError unless the user's other key may be deleted."""
        if self._options.delete_other:
            return
        facts = f"{self._two_keys(other)}: {state}"
        if self._context.ask is None:
            raise ProfileError(facts, f"if nothing needs it: {tool_command('rotate', self._base, '--delete-other')}")
        shown, last = masked(other.access_key_id), other.access_key_id[-4:]
        yes, how = (("y", "yes"), "(y/N)") if is_harmless else ((last.lower(),), f"(type {last} if nothing needs it)")
        if self._context.ask(f"{facts[0].upper()}{facts[1:]}.\nDelete {shown}? {how}").strip().lower() not in yes:
            raise ProfileError("the key was not rotated: the user has two, and both stay", NOTHING_CHANGED)

    # --- The new key.

    def _rehearse(self, old: Keys) -> None:
        """Raise what would keep the files from being changed, before anything is done at AWS."""
        self._refuse_other_forms(f"the access key to replace is {masked(old.access_key_id)}", old.access_key_id)
        for name in self._others:
            _refuse_two_files(self._profiles, name)
        stand_in = Keys("A" * 20, "a-stand-in")

        def edit(latest: Profiles) -> Profiles:
            stored = self._stored(latest, old, stand_in)
            stored = shared_files.with_new_key_elsewhere(stored, self._base, old, stand_in)
            shared_files.without_rotation(stored, self._base)
            return stored

        shared_files.rehearse(self._context.paths, edit)

    def _begin(self, latest: Profiles, old: Keys, new: Keys | None = None) -> Profiles:
        """The files with the comment; ``new`` is recorded in it once AWS has created it."""
        self._refuse_changed_keys(latest, old)  # else the only copy of the new secret would be lost
        new_id = new.access_key_id if new else None
        begun = Rotation(old.access_key_id, self._context.now(), self._keep_old, new_id)
        return shared_files.with_rotation(latest, self._base, begun)

    def _stored(self, latest: Profiles, old: Keys, new: Keys) -> Profiles:
        """The files with the comment and the new key, in the file of the base profile."""
        return shared_files.with_new_key(self._begin(latest, old, new), self._base, old, new)

    def _refuse_changed_keys(self, latest: Profiles, expected: Keys) -> None:
        if latest.keys(self._base) != expected:
            raise ProfileError(
                f"the keys of profile {self._base} were changed meanwhile",
                f"{self._again} goes on with those that are there now",
            )

    def _replace(self, old: Keys) -> None:
        """Make a new key, and put it into the files; else all is as it was."""
        self._context.before_writing()
        self._change(lambda latest: self._begin(latest, old))
        self._store(old, self._create())
        with self._unfinished():  # an error of these says more than an interruption that came meanwhile
            self._context.after_writing()

    def _create(self) -> Keys:
        try:
            new = self._made()
        except UnreachableError as error:
            error.add_hint(f"AWS may have created a key: {self._again} looks, and asks before it deletes one")
            raise
        except MfaProfilesError:
            self._forget()
            raise
        log.step(f"has made access key {masked(new.access_key_id)}")
        return new

    def _made(self) -> Keys:
        new = parallel.run(lambda: iam.create_access_key(self._caller))
        if new.access_key_id == self._current.access_key_id:  # to take that back would be to delete it
            raise UnreachableError("AWS answered with the old access key where there should be a new one")
        return new

    def _forget(self) -> None:
        """Take the comment out, or put back that of the run before; if it has to stay, it does no harm."""
        before = self._begun
        with contextlib.suppress(MfaProfilesError):
            if before is None:
                self._change(lambda latest: shared_files.without_rotation(latest, self._base))
            else:
                self._change(lambda latest: shared_files.with_rotation(latest, self._base, before))

    def _store(self, old: Keys, new: Keys) -> None:
        """Put the new key wherever the old one is, the base profile last: it tells how far that has come."""

        def edit_other(latest: Profiles) -> Profiles:
            return shared_files.with_new_key_elsewhere(latest, self._base, old, new)

        def record(latest: Profiles) -> Profiles:
            # A copy in the other file is written before the base profile, so the comment that proves it comes first.
            return latest if edit_other(latest) == latest else self._begin(latest, old, new)

        try:
            self._change(record)
            self._change(edit_other)
            self._change(lambda latest: self._stored(latest, old, new))
        except MfaProfilesError as error:
            self._take_back(old, new, error)
            raise
        self._current = new

    def _take_back(self, old: Keys, new: Keys, error: MfaProfilesError) -> None:
        """Give the old key, which is active, back to all that have the new one, and delete that."""
        left = f"{masked(new.access_key_id)}, which was made for it, is deleted again"
        is_back: bool | None = False
        try:
            self._change(lambda latest: shared_files.with_new_key(latest, self._base, new, old))
            self._change(lambda latest: shared_files.with_new_key_elsewhere(latest, self._base, new, old))
            is_back = True
            self._refuse_to_strand(left, new.access_key_id)
            self._delete(new.access_key_id)
            self._forget()
        except MfaProfilesError:
            left = f"{masked(new.access_key_id)}, which was made for it, is still there"
            is_back = is_back or self._is_in_the_file(old)
        if is_back is None:
            error.add_what_is_left(
                f"the access key that is in the file works, whichever it is; {left}",
                f"{self._again} goes on once the file can be read",
            )
        elif is_back:
            error.add_what_is_left(f"the old access key works; {left}: {self._again} tries again")
        else:
            error.add_what_is_left(
                f"the old access key, which works, could not be put back into the file; {left}",
                f"{self._again} goes on once AWS knows the new one",
            )

    def _is_in_the_file(self, keys: Keys) -> bool | None:
        """True or False if the base profile has these keys or not, None if that cannot be found out."""
        try:
            return shared_files.load(self._context.paths).keys(self._base) == keys
        except StorageError:
            return None
        except MfaProfilesError:
            return False

    def _prove(self, old: Keys | None) -> None:
        """Wait until AWS takes the new key. If it never does, ``old`` is put back, where it is still known."""
        with self._unfinished():
            caller = self._caller_with(shared_files.load(self._context.paths), self._current, self._base)
            is_known = self._wait_for(caller)
        if not is_known:
            self._give_up(old)
        if not self._has_session:
            self._caller = caller

    def _wait_for(self, caller: Caller) -> bool:
        for pause in (0, *_PAUSES):
            if pause:
                self._context.wait(pause, "AWS does not know the new access key yet, trying again in")
            with contextlib.suppress(KeysRefusedError):
                parallel.run(lambda: sts.caller_identity(caller))
                if not self._has_session:  # then it has to end the old one, for which IAM has to know it, too
                    parallel.run(lambda: iam.list_access_keys(caller))
                return True
        return False

    def _give_up(self, old: Keys | None) -> NoReturn:
        new = self._current
        error = AWSError(f"AWS has not taken the new access key {masked(new.access_key_id)} within a minute")
        if old is None:
            error.add_what_is_left(*self._what_is_left())
        else:
            self._take_back(old, new, error)
        raise error

    # --- The old key.

    def _end(self, old: str, secret: str | None = None) -> Rotated:
        """Deactivate and delete the old key, whose secret only the run knows that has replaced it."""
        # Whoever has restored an old copy of the file has nothing but the old key.
        self._refuse_restored_keys(old, secret)
        with self._unfinished():
            try:
                log.step(f"deactivates access key {masked(old)}")
                parallel.run(lambda: iam.deactivate_access_key(self._caller, old))
                self._old_is = "inactive"
                if not self._keep_old:
                    self._refuse_restored_keys(old, secret)  # Only now is it too late to go back.
                    self._delete(old)
                    self._old_is = "deleted"
            except AccessKeyUnknownError:  # a run before this one was interrupted after it
                self._old_is = "deleted"
            self._change(lambda latest: self._finished(latest, old))
        return Rotated(self._base, self._current.access_key_id, old, self._old_is == "deleted", self._others)

    def _refuse_restored_keys(self, old: str, secret: str | None) -> None:
        with self._unfinished():
            latest = shared_files.load(self._context.paths)
        self._refuse_changed_keys(latest, self._current)
        with self._unfinished():
            self._refuse_to_strand(f"the old access key is {masked(old)}", old, secret)

    def _finished(self, latest: Profiles, old: str) -> Profiles:
        """The files without the comment. Sessions that the old key got after it was replaced get the new ID too."""
        latest = shared_files.with_sessions_of(latest, old, self._current.access_key_id)
        return shared_files.without_rotation(latest, self._base)

    def _what_is_left(self) -> tuple[str, str]:
        new = masked(self._current.access_key_id)
        return (
            f"{self._base} has the new access key {new}, and the old one is {self._old_is}",
            f"{self._again} goes on from here",
        )

    @contextlib.contextmanager
    def _unfinished(self) -> Iterator[None]:
        """Tell whoever has to do with an error, or has interrupted, what is done and what is left."""
        try:
            yield
        except MfaProfilesError as error:
            error.add_what_is_left(*self._what_is_left())
            raise
        except KeyboardInterrupt:
            self._context.warn(": ".join(self._what_is_left()))
            raise

    def _change(self, edit: shared_files.EditOfBoth) -> None:
        for warning in shared_files.change(self._context.paths, edit).warnings:
            self._context.warn(warning)
