"""The answer of ``credential-process`` while a session is valid, for SDKs that ask for it again and again.

The usual way there (cli, commands.credentials) has to import what takes most of the time. This one imports next to
nothing, answers only what that one would, to the byte, and leaves it all that there is any doubt about.
"""

import os
import re
import stat
import time

from mfa_profiles import plain_ini

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "x_security_token_expires")
"""What a section has that this tool wrote, in this order: a file that is just being written ends before the last."""

_MIN_REMAINING = 15 * 60  # seconds; sessions.DEFAULT_MIN_REMAINING, which a test compares
_SHARE_OF_SHORT = 6  # of which a session is short if its comment records its length: sessions.min_remaining
_MAX_BYTES = 2**20  # what takes longer to read takes long anyway

_PLAIN = re.compile(r"[A-Za-z0-9_+=/:.@%-]+")
_COMMENT = re.compile(
    rf"# Expires \S+ \(mfa-profiles: source_profile (?P<source>{_PLAIN.pattern})"
    rf"(?:, access_key_id (?P<key>{_PLAIN.pattern}))?(?:, mfa_serial (?P<device>{_PLAIN.pattern}))?"
    rf"(?:, role_arn (?P<role>{_PLAIN.pattern}))?(?:, duration_seconds (?P<seconds>9\d\d|[1-4]\d\d\d|5[0-3]\d\d))?\)"
)
_OTHER_SIGN_IN = re.compile("sso_|login_|web_identity_")
_TIME_OF_DAY = re.compile(r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)


def credential_process(arguments: "Sequence[str]") -> str | None:
    """What the command prints, without the last line ending; None if that takes the usual way."""
    if len(arguments) > 1 or "_MFA_PROFILES_COMPLETE" in os.environ:
        return None
    # Two that differ are warned of, and one without a name is refused.
    chosen = {os.environ[name] for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE") if name in os.environ}
    if not arguments and len(chosen) > 1:
        return None
    name = arguments[0] if arguments else next(iter(chosen), "default")
    try:
        credentials = _read(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
        config = _read(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    except (OSError, ValueError):
        return None
    if _PLAIN.fullmatch(name) is None or name.startswith("-") or credentials is None or config is None:
        return None
    return _session(name, credentials, config)


def _read(path: str) -> str | None:
    """The text of a file of ordinary line endings, empty if there is none. Raises OSError or ValueError."""
    named = os.path.expandvars(path)
    path = os.path.expanduser(named)
    if named.startswith(("~", "$")) and (not os.path.isabs(path) or os.environ.get("HOME") == ""):
        return None  # no home directory or no such variable, which is an error
    try:
        status = os.stat(path)
    except FileNotFoundError:
        # A link may lead to a directory that is not there, which is an error.
        return None if os.path.islink(path) or not os.path.isdir(os.path.dirname(path) or os.curdir) else ""
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:  # opening a FIFO would wait for ever
        return None
    with open(path, "rb") as file:
        data = file.read()
    return None if b"\r" in data or data.startswith(b"\xef\xbb\xbf") else data.decode()


def _session(name: str, credentials_text: str, config_text: str) -> str | None:
    credentials, config = plain_ini.read(credentials_text), plain_ini.read(config_text)
    if credentials is None or config is None or not all(map(_is_plain_header, config[0])):
        return None
    is_derived = _comment(name, credentials_text, credentials[1]).startswith("# Expires ")
    derived = name if is_derived else f"{name}-mfa"
    comment = _COMMENT.fullmatch(_comment(derived, credentials_text, credentials[1]))
    if comment is None or (not is_derived and (comment["source"] != name or name.endswith("-long-term"))):
        return None
    chain = _chain(comment["source"], credentials_text, credentials, config[0])
    session = credentials[0][derived]
    if chain is None or not _is_of_chain(comment, chain) or tuple(session) != _KEYS:
        return None
    if any(key.startswith("aws_") for key in config[0].get(f"profile {derived}", {})):
        return None
    seconds = int(comment["seconds"]) / _SHARE_OF_SHORT if comment["seconds"] else _MIN_REMAINING
    return _printed(*session.values(), min_remaining=min(seconds, _MIN_REMAINING))


def _chain(
    base: str, text: str, credentials: plain_ini.PlainFile, config: plain_ini.Sections
) -> "list[dict[str, str]] | None":
    """The settings of a base profile and, of a role, those of the profile with the keys that its session came from.

    None for anything but a role with just one source, a base profile with keys that is named as such.
    """
    first = _settings(base, credentials[0], config)
    if not first.get("role_arn"):
        return [first]
    name = first.get("source_profile") or ""
    source = _settings(name, credentials[0], config)
    other = f"{name}-long-term"
    is_plain = _PLAIN.fullmatch(name) is not None and not name.endswith("-mfa") and name != base
    is_base = not _comment(name, text, credentials[1]).startswith("# Expires ")
    is_base = is_base and other not in credentials[0] and f"profile {other}" not in config
    has_others = first.get("credential_source") or first.get("web_identity_token_file")
    if not is_plain or not is_base or has_others or not source.get("aws_access_key_id"):
        return None
    return [first, source]


def _is_of_chain(comment: "re.Match[str]", chain: "Sequence[Mapping[str, str]]") -> bool:
    """Whether a session is still one of its base profile: commands.status.mismatch_of."""
    last = chain[-1]
    key = last.get("aws_access_key_id")
    is_elsewhere = not key and last.get("credential_process") and not any(map(_OTHER_SIGN_IN.match, last))
    devices = [each.get("mfa_serial") or each.get("aws_mfa_device") or "" for each in chain]
    return (
        comment["role"] == (chain[0].get("role_arn") or None)
        and (not comment["key"] or comment["key"] == key or bool(is_elsewhere))
        and (not comment["device"] or not any(devices) or comment["device"] in devices)
    )


def _is_plain_header(section: str) -> bool:
    """Whether a header of the config file is the one way to write a profile, or no profile's."""
    if section.startswith("profile "):
        return section != "profile default" and _PLAIN.fullmatch(section, len("profile ")) is not None
    return not section.startswith("profile")


def _comment(name: str, text: str, starts: "Mapping[str, int]") -> str:
    """The line below the header of a section, if there is one."""
    if name not in starts:
        return ""
    return text[starts[name] :].partition("\n")[2].partition("\n")[0]


def _settings(name: str, credentials: plain_ini.Sections, config: plain_ini.Sections) -> dict[str, str]:
    header = name if name == "default" else f"profile {name}"
    return {**config.get(header, {}), **credentials.get(name, {})}


def _printed(
    access_key_id: str, secret_access_key: str, session_token: str, expiration: str, *, min_remaining: float
) -> str | None:
    values = (access_key_id, secret_access_key, session_token, expiration)
    if not all(map(_PLAIN.fullmatch, values)) or not _is_far_off(expiration, min_remaining):
        return None
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    lines = (f'  "{name}": "{value}"' for name, value in zip(names, values, strict=True))
    return ",\n".join(['{\n  "Version": 1', *lines]) + "\n}"


def _is_far_off(expiration: str, min_remaining: float) -> bool:
    """Whether a time is one, in the form that this tool writes, beyond the time at which sessions are refreshed."""
    now = time.time()  # noqa: TID251 - the usual way has a clock of its own
    # No session is longer than 36 hours: a day that is none, such as November 31, is none of the next three.
    days = [time.strftime("%Y-%m-%d", time.gmtime(now + 86400 * days)) for days in range(3)]
    earliest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + min_remaining))
    is_time = expiration[:10] in days and _TIME_OF_DAY.fullmatch(expiration, 10) is not None
    return is_time and expiration > earliest
