"""Create a base profile: keys that AWS knows, the MFA device of their user, and a region, in both files."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from mfa_profiles import ini, parallel, settings, shared_files
from mfa_profiles.access_keys import looks_like_secret
from mfa_profiles.aws import sts
from mfa_profiles.aws.caller import Caller, region_of
from mfa_profiles.aws.clients import Clients
from mfa_profiles.commands import Context
from mfa_profiles.commands.devices import choose, usable_serial_numbers
from mfa_profiles.commands.known_device import known_serial_number
from mfa_profiles.commands.new_keys import GivenKeys, ask_for_rest, given_keys, refuse_missing
from mfa_profiles.commands.refresh import Refreshed, RefreshOptions, refresh, warn_of_hidden_settings
from mfa_profiles.errors import (
    NOTHING_CHANGED,
    AWSError,
    KeysRefusedError,
    MfaProfilesError,
    NoMFADeviceError,
    PermissionDeniedError,
    ProfileError,
    UsageError,
    shell_command,
    tool_command,
)
from mfa_profiles.mfa_process import MFAProcess
from mfa_profiles.profiles import Keys, ProfilePair, Profiles, derived_name, masked, refuse_illegal_name, shown
from mfa_profiles.shared_files import NewBase
from mfa_profiles.token_code import CodeSources, GivenCode

_ATTEMPTS = 3

# us-west-2, us-gov-east-1, eusc-de-east-1: https://docs.aws.amazon.com/global-infrastructure/latest/regions/
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,16}){1,2}-\d{1,2}")


@dataclass(frozen=True)
class SetupOptions:
    """What need not be asked for; each field is the option of the same name."""

    csv: str | None = None
    access_key_id: str | None = None
    secret_access_key_file: str | None = None
    region: str | None = None
    serial_number: str | None = None
    force: bool = False
    refresh: bool | None = None
    token_code: GivenCode = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """A base profile that was written.

    ``taken_out`` are settings that were there and would have led to other credentials. ``csv`` is the file in which
    the keys still stand, and ``csv_is_open`` is True if others can read it. ``wants_session`` says whether the first
    session is to be had now; one that the old keys got is no reason to do without (``has_old_session``).
    """

    profile: str
    derived: str
    paths: tuple[str, ...]
    mfa_serial: str | None
    taken_out: tuple[str, ...]
    csv: str | None
    csv_is_open: bool
    wants_session: bool
    has_old_session: bool

    @property
    def refresh_command(self) -> str:
        """What gets a session."""
        return tool_command("refresh", self.profile, *(["--force"] if self.has_old_session else []))


def set_up(name: str, options: SetupOptions, context: Context) -> SetUp:
    """Write a base profile, once everything is answered and AWS knows the keys. Raises an MfaProfilesError.

    A person is asked for what no option gives. Without a terminal that is a UsageError, save for the region, of which
    the default is taken, and the device, which can be added later.
    """
    _refuse_options(name, options)
    profiles = shared_files.load(context.paths)
    pair = ProfilePair(name, derived_name(name))
    if options.serial_number:
        known_serial_number(options.serial_number, profiles, pair)  # which raises what is wrong with it
    _refuse_name(profiles, name)
    given = given_keys(options.csv, options.access_key_id, options.secret_access_key_file)
    refuse_missing(given, context)
    replaced = _prepare_to_write(profiles, name, options, context)
    caller = _checked_caller(profiles, pair, given, options, context)
    mfa_serial = options.serial_number
    if not mfa_serial and (mfa_serial := _device(caller, context)):
        context.note(f"MFA device: {mfa_serial}")
    wants_session = _wants_session(options, context, can_have_one=mfa_serial is not None)
    new = NewBase(name, caller.keys, caller.region, mfa_serial)
    profiles, taken_out = _write(new, replaced, options, context)
    return _outcome(profiles, new, taken_out, options, context, wants_session=wants_session)


def first_session(made: SetUp, options: SetupOptions, context: Context) -> list[Refreshed]:
    """Get the first session of a profile, as ``refresh`` does."""
    how = RefreshOptions(token_code=options.token_code, force=made.has_old_session)
    return refresh([made.profile], how, context)


# --- Before anything is asked.


def _refuse_options(name: str, options: SetupOptions) -> None:
    values = (name, options.access_key_id, options.region, options.serial_number)
    files = (options.csv, options.secret_access_key_file)
    if any(looks_like_secret(value or "") for value in values) or any(
        looks_like_secret(file or "") and not os.path.exists(file or "") for file in files
    ):
        raise UsageError(
            "that looks like a secret access key, which is never given on the command line: others can see it there",
            "the shell keeps it in its history: delete it there, or make another access key in the IAM console",
            "mfa-profiles setup asks for it; --secret-access-key-file FILE (- is stdin) and --csv FILE read it",
        )
    if options.csv is not None and (options.access_key_id or options.secret_access_key_file):
        raise UsageError("--csv gives both keys: --access-key-id and --secret-access-key-file do not go with it")
    if [*files, options.token_code].count("-") > 1:
        raise UsageError("stdin can be read for one option only")
    if options.refresh is False and options.token_code:
        raise UsageError("--token-code is for the first session, and --no-refresh does without it")
    if options.region is not None and not _REGION.fullmatch(options.region):
        raise UsageError("--region: this is not the name of a region", "it is written like us-west-2")


def _refuse_name(profiles: Profiles, name: str) -> None:
    if name and shown(name) != name:
        raise UsageError(
            f"{shown(name)} is a token code and not the name of a profile", "a token code goes behind --token-code"
        )
    refuse_illegal_name(name)
    pair = profiles.pair_of_derived(name)
    if pair is not None and pair.base != name:
        raise ProfileError(
            f"{name} is the derived profile of {pair.base}, which refresh writes",
            f"{tool_command('setup', pair.base)} sets up the base profile",
        )


def _held(profiles: Profiles, name: str) -> str | None:
    """What a profile holds already that leads to credentials, in words, or None if that is nothing."""
    values = profiles.settings(name)
    leading = [key for key in settings.replaced_by_keys(values) if values[key]]
    if not leading:
        return None
    if not profiles.has_keys(name):
        return f"a way to other credentials ({profiles.provider(name) or leading[0]})"
    kind = "session credentials" if profiles.session(name) else "long-term keys"
    return f"{kind} ({masked(values.get('aws_access_key_id', ''))})"


def _refuse_to_replace(profiles: Profiles, name: str, options: SetupOptions) -> str | None:
    """What is replaced, in words, or None. Raises ProfileError unless --force allows it."""
    held = _held(profiles, name)
    if held is not None and not options.force:
        has_keys = profiles.has_keys(name) and profiles.session(name) is None
        raise ProfileError(
            f"profile {name} is there already: it holds {held}",
            *([f"{tool_command('refresh', name)} uses the keys that are there"] if has_keys else []),
            "--force replaces what is there; another name leaves it alone",
        )
    return held


def _prepare_to_write(profiles: Profiles, name: str, options: SetupOptions, context: Context) -> str | None:
    """Raise what would keep the profile from being written, before anybody types keys.

    Returns what --force replaces, in words, after a warning, or None.
    """
    replaced = _refuse_to_replace(profiles, name, options)
    ini.refuse_byte_order_marks(profiles.credentials, profiles.config)
    stand_in = NewBase(name, Keys("AKIA", "a-stand-in"), "region", "serial")
    shared_files.rehearse(context.paths, lambda latest: shared_files.with_base(latest, stand_in))
    if options.refresh or options.token_code:
        process = profiles.mfa_process(name)
        codes = CodeSources(options.token_code, context.environment, context.ask)
        codes.for_profile(MFAProcess(process, name) if process else None)
    if replaced is not None:
        context.warn(f"profile {name} holds {replaced}, which --force replaces")
    return replaced


# --- What is asked for, and what AWS says to it.


def _checked_caller(
    profiles: Profiles, pair: ProfilePair, given: GivenKeys, options: SetupOptions, context: Context
) -> Caller:
    """Who calls AWS with the new keys, which AWS knows; a person may try more than once."""
    clients = Clients(profiles, context.now)
    region = options.region or region_of(profiles, pair, context.environment, options.serial_number)
    asks_region = options.region is None and context.ask is not None
    keys = None
    attempts = _ATTEMPTS
    while True:
        keys = keys or ask_for_rest(given, pair.base, context)
        # Before the keys are checked: each partition knows its own keys only, and a mistyped region shows itself.
        if asks_region:
            region = _ask_region(region, context)
        caller = Caller(clients, pair.base, keys, pair.base, region)
        attempts -= 1
        try:
            _tell_whose_keys(caller, context)
        except AWSError as error:
            are_refused = isinstance(error, KeysRefusedError)
            if are_refused:
                error = _of_given_keys(error, context)
            asks_again = not given.are_complete if are_refused else asks_region
            if not (asks_again and attempts):
                raise error from None
            _tell(error, context)
            keys = None if are_refused else keys
        else:
            return caller


def _of_given_keys(error: AWSError, context: Context) -> AWSError:
    """The error with hints for keys that were given, and are in no file yet that could be mended."""
    hints = [hint for hint in error.hints if context.paths.credentials not in hint]
    return KeysRefusedError(error.message, *hints, f"{NOTHING_CHANGED}: give both halves again")


def _tell(error: MfaProfilesError, context: Context) -> None:
    """Say what does not end the command."""
    context.warn(error.message)
    for hint in error.hints:
        context.hint(hint)


def _tell_whose_keys(caller: Caller, context: Context) -> None:
    identity = parallel.run(lambda: sts.caller_identity(caller))
    context.note(f"these are the keys of {identity.arn}")
    if identity.arn.endswith(":root"):
        context.warn(
            "the root user of an account should have no keys: delete them, and take those of an IAM user "
            "(https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html)"
        )


def _ask_region(default: str, context: Context) -> str:
    assert context.ask is not None
    complaint = ""
    while True:
        answer = context.ask(f"{complaint}Region [{default}]:").strip() or default
        if answer == default or _REGION.fullmatch(answer):
            return answer
        complaint = "This is not the name of a region, such as us-west-2.\n"


def _device(caller: Caller, context: Context) -> str | None:
    """The device to name in the profile, or None if there is none, or nobody knows it."""
    profiles = caller.clients.profiles
    configured = profiles.mfa_serial(caller.profile)
    try:
        usable = usable_serial_numbers(caller, context)
    except PermissionDeniedError as error:
        return configured or _ask_device(caller, error, context)
    except NoMFADeviceError as error:
        _tell(error, context)
        usable = []
    if configured in usable:
        return configured
    if configured is not None:
        context.warn(f"{configured} is not a device of this user, but profile {caller.profile} names it")
    if len(usable) > 1 and context.ask is None:
        _refuse_choice(usable)
    return None if not usable else usable[0] if len(usable) == 1 else choose(usable, context)


def _refuse_choice(serial_numbers: Sequence[str]) -> NoReturn:
    raise UsageError(
        f"there are {len(serial_numbers)} MFA devices: {', '.join(serial_numbers)}", "name one with --serial-number"
    )


def _ask_device(caller: Caller, denied: PermissionDeniedError, context: Context) -> str | None:
    """The serial number that a person types if AWS does not let the user list devices, or None."""
    profiles = caller.clients.profiles
    context.warn(denied.message)
    complaint = ""
    while context.ask is not None:
        answer = context.ask(
            f"{complaint}The IAM console shows the device: your name at the top right, Security credentials, MFA.\n"
            "Its ARN (nothing leaves it out):"
        ).strip()
        if not answer:
            break
        try:
            known_serial_number(answer, profiles, ProfilePair(caller.profile, derived_name(caller.profile)))
        except ProfileError as error:
            complaint = f"{error.message}.\n"
        else:
            return answer
    section = profiles.config_header(caller.profile)
    context.hint(f"once you know it, add to [{section}] in {profiles.config.path}: mfa_serial = ARN")
    return None


def _wants_session(options: SetupOptions, context: Context, *, can_have_one: bool) -> bool:
    if options.refresh is not None or options.token_code:
        return options.refresh is not False
    if context.ask is None or not can_have_one:
        return False
    while True:
        answer = context.ask("Get the first session now? [Y/n]").strip().lower()
        if answer in ("", "y", "yes", "n", "no"):
            return answer in ("", "y", "yes")


# --- Writing.


def _write(
    new: NewBase, replaced: str | None, options: SetupOptions, context: Context
) -> tuple[Profiles, tuple[str, ...]]:
    """Write the profile; return both files as they are then, and the settings that went.

    ``replaced`` is what the person knows that --force replaces. Raises ProfileError if something else is there now.
    """
    taken_out: list[str] = []

    def edit(latest: Profiles) -> Profiles:
        if _refuse_to_replace(latest, new.name, options) != replaced:  # --force is for what was warned of
            _refuse_to_replace(latest, new.name, replace(options, force=False))
        keys = {"aws_access_key_id", "aws_secret_access_key"}
        taken_out[:] = [key for key in settings.replaced_by_keys(latest.settings(new.name)) if key not in keys]
        edited = shared_files.with_base(latest, new)
        context.before_writing()
        return edited

    stored = shared_files.change(context.paths, edit)
    for warning in stored.warnings:
        context.warn(warning)
    return stored.profiles, tuple(taken_out)


def _outcome(
    profiles: Profiles,
    new: NewBase,
    taken_out: tuple[str, ...],
    options: SetupOptions,
    context: Context,
    *,
    wants_session: bool,
) -> SetUp:
    paths = tuple(path for path in context.paths if not shared_files.is_null_device(path))
    if context.paths.config not in paths:
        context.warn(
            f"the region of {new.name} and its MFA device are kept nowhere: {context.paths.config} is the null device"
        )
    if shared_files.others_can_read(paths[0]):
        context.warn(f"others on this machine can read your keys: {shell_command('chmod', '600', paths[0])}")
    if not wants_session:  # which warns of them, too
        warn_of_hidden_settings(profiles, new.name, context)
    derived = profiles.pair(new.name).derived
    origin = profiles.origins.get(derived)
    is_file = options.csv and os.path.isfile(options.csv) and not options.csv.startswith("/dev/")  # as stdin is
    csv = options.csv if is_file else None
    return SetUp(
        profile=new.name,
        derived=derived,
        paths=paths,
        mfa_serial=new.mfa_serial,
        taken_out=taken_out,
        csv=csv,
        csv_is_open=csv is not None and shared_files.others_can_read(csv),
        wants_session=wants_session,
        has_old_session=origin is not None and origin.source_profile == new.name,
    )
