"""Keys for a new profile: from the console's file, from options, or typed by a person. Never from an argument."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mfa_profiles import access_keys_csv, log, stdin
from mfa_profiles.access_keys import fault_of_id, fault_of_secret
from mfa_profiles.commands import Context
from mfa_profiles.errors import StorageError, UsageError
from mfa_profiles.profiles import Keys, refuse_tilde


@dataclass(frozen=True)
class GivenKeys:
    """As much of the keys as options have given; the rest is asked for."""

    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)

    @property
    def are_complete(self) -> bool:
        """True if nothing is left to ask for."""
        return None not in (self.access_key_id, self.secret_access_key)


def given_keys(csv: str | None, access_key_id: str | None, secret_access_key_file: str | None) -> GivenKeys:
    """What options give; each is the option of the same name, and ``-`` for a file is stdin.

    Raises UsageError, ProfileError or StorageError, none of which has a word of what was read.
    """
    if csv is not None:
        keys = access_keys_csv.keys_in(_read(csv, "--csv"), "stdin" if csv == "-" else csv)
        return GivenKeys(keys.access_key_id, keys.secret_access_key)
    given = GivenKeys()
    if access_key_id is not None:
        given = replace(given, access_key_id=_sound(access_key_id, fault_of_id, "--access-key-id"))
    if secret_access_key_file is not None:
        option = "--secret-access-key-file"
        text = _read(secret_access_key_file, option).decode("utf-8-sig", errors="replace")
        given = replace(given, secret_access_key=_sound(text, fault_of_secret, option))
    return given


def refuse_missing(given: GivenKeys, context: Context) -> None:
    """Raise UsageError if something has to be asked for, and there is no terminal to ask on."""
    if given.are_complete or context.ask is not None:
        return
    what, option = "secret access key", "--secret-access-key-file FILE (- reads stdin)"
    if given.access_key_id is None:
        what, option = "access key ID", "--access-key-id ID"
    raise UsageError(
        f"the {what} is needed, and there is no terminal to ask for it on",
        f"give it with {option}, or both keys with --csv FILE",
    )


def ask_for_rest(given: GivenKeys, name: str, context: Context) -> Keys:
    """The keys, for which a person is asked as far as they are not given; as often as it takes to be in form."""
    access_key_id, secret = given.access_key_id, given.secret_access_key
    if access_key_id is None:
        access_key_id = _asked(context.ask, f"Access key ID for {name}:", fault_of_id)
    if secret is None:
        secret = _asked(context.ask_secret, "Secret access key (not shown while you paste it):", fault_of_secret)
    return Keys(access_key_id, secret)


def _asked(ask: Callable[[str], str] | None, question: str, fault_of: Callable[[str], str | None]) -> str:
    assert ask is not None  # see refuse_missing
    complaint = ""
    while True:
        answer = ask(complaint + question).strip()
        fault = fault_of(answer)
        if fault is None:
            return answer
        complaint = f"{fault[:1].upper()}{fault[1:]}.\n"


def _sound(text: str, fault_of: Callable[[str], str | None], option: str) -> str:
    text = text.strip()
    fault = fault_of(text)
    if fault is not None:
        raise UsageError(f"{option}: {fault}", "the IAM console shows both keys when an access key is created")
    return text


def _read(path: str, option: str) -> bytes:
    """The bytes of a file, a pipe or stdin, one more than there may be at the most."""
    limit = access_keys_csv.MAX_BYTES + 1
    if not path:
        raise UsageError(f"{option} takes the name of a file, and this one is empty")
    refuse_tilde(path, option)
    log.step(f"reading {option} {path}")
    if path == "-":
        if sys.stdin is not None and sys.stdin.isatty():
            raise UsageError(
                f"{option} - reads a pipe or a file from stdin, and there is none",
                f"leave {option} out, and you are asked for the keys",
            )
        return stdin.read(option, limit)
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else "the system gave no reason"
    raise StorageError(f"{path} could not be read: {reason}", f"{option} takes the name of a file")
