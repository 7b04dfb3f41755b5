"""Profiles: what the SDKs see in the two shared files, and which base and derived names belong together."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mfa_profiles import ini, log, rotations, sessions, settings
from mfa_profiles.access_keys import looks_like_secret
from mfa_profiles.errors import ProfileError, StorageError, UsageError, tool_command
from mfa_profiles.ini import IniFile
from mfa_profiles.rotations import Rotation
from mfa_profiles.sessions import Origin, StoredSession

DERIVED_SUFFIX = "-mfa"
LONG_TERM_SUFFIX = "-long-term"  # aws-mfa keeps the base of X in X-long-term

# What the SDKs for Rust, Java and JavaScript take for a profile name.
_LEGAL_NAME = re.compile(r"[A-Za-z0-9_\-/.%@:+]+")

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_security_token", "aws_session_token")
_PLAIN_KEYS = re.compile(r"[A-Za-z0-9/+=]*")

_MOST_NAMES = 10  # that a hint lists


class SharedPaths(NamedTuple):
    """Where the two shared files are, by the rules that all SDKs share."""

    credentials: str
    config: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "SharedPaths":
        """The paths that ``AWS_SHARED_CREDENTIALS_FILE`` and ``AWS_CONFIG_FILE`` name, else those in ``~/.aws``.

        ``~`` and ``$VARIABLES`` in them are this process's, as they are for botocore. Raises StorageError for a path
        that means nothing, as the working directory is gone, and for one in a home directory that is not known.
        """
        return cls(
            _named(environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
            _named(environment, "AWS_CONFIG_FILE", "~/.aws/config"),
        )


def _named(environment: Mapping[str, str], variable: str, usual: str) -> str:
    path = os.path.expandvars(environment.get(variable) or usual)
    if path.startswith("$"):
        raise StorageError(
            f"{path} begins with a variable that is not set", f"set it, or write the whole path in {variable}"
        )
    if path.startswith("~") and not _is_known(path.partition(os.sep)[0]):
        raise StorageError(
            f"{path} is in a home directory that is not known",
            f"set HOME to the absolute path of yours, or write the whole path of the file in {variable}",
        )
    path = os.path.expanduser(path)
    if not os.path.isabs(path):
        try:
            os.getcwd()
        except OSError:
            raise StorageError(f"{path} is in a directory that is not there any more", "cd to one that is") from None
    return path


def _is_known(home: str) -> bool:
    """Return whether ``~`` or ``~user`` stands for a directory.

    To botocore it stands for itself where there is no such user, and for the root directory where HOME is empty.
    """
    return os.path.isabs(os.path.expanduser(home)) and not (home == "~" and os.environ.get("HOME") == "")


def refuse_tilde(path: str, option: str) -> None:
    """Raise UsageError for the name of a file that a shell should have changed: it does so without quotes only."""
    if path.startswith("~"):
        raise UsageError(
            f"{option} {path} begins with ~, which the shell has not replaced by a home directory",
            f"write {option} and the name as two words, without quotes",
            f"or, if a file has that name: {option} {shlex.quote(f'./{path}')}",
        )


class ProfilePair(NamedTuple):
    """A base profile, which has the keys, and the profile that is derived from it."""

    base: str
    derived: str


@dataclass(frozen=True)
class Keys:
    """What signs requests: the access key of an IAM user, or with a session token temporary credentials."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        log.secret(self.secret_access_key, self.session_token)


@dataclass(frozen=True)
class Misnamed:
    """A section whose header does not name the profile that its author had in mind."""

    file: IniFile = field(repr=False)
    section: str
    name: str
    """The profile that was meant."""
    header: str
    """What the header has to be, without the brackets."""
    is_there: bool
    """True if the file has a section with the right header, too: a second one would make it unreadable."""
    is_fixable: bool
    """True if ``doctor --fix`` corrects the header."""

    @property
    def has_keys(self) -> bool:
        """True if the section has an access key."""
        return "aws_access_key_id" in self.file.sections[self.section]

    @property
    def advice(self) -> str:
        """What to do about the header."""
        if self.is_there:
            return f"move its settings to [{self.header}], which already exists, and delete this section"
        return f"write [{self.header}] there"


class FaultOfSetting(NamedTuple):
    """What is wrong with the text of a setting, what to do about it, and where it is."""

    message: str
    advice: str
    place: str

    @property
    def hint(self) -> str:
        """The place, and what to do there."""
        return f"{self.place}: {self.advice}"


@dataclass(frozen=True)
class Profiles:
    """Both shared files, read once."""

    credentials: IniFile
    config: IniFile
    lost: tuple[str, ...] = field(default=(), compare=False, kw_only=True)
    """Sentences about links to files that are not there, in which a profile may be."""

    @cached_property
    def _config_headers(self) -> dict[str, str]:
        """By profile, its section of the config file; of several, botocore reads the one that comes last."""
        named = ((config_profile_name(section), section) for section in self.config.sections)
        return {name: section for name, section in named if name is not None}

    @cached_property
    def _config_profiles(self) -> dict[str, dict[str, str]]:
        return {name: self.config.sections[section] for name, section in self._config_headers.items()}

    @cached_property
    def origins(self) -> dict[str, Origin]:
        """By section of the credentials file, what the expiration comment under its header remembers."""
        return {
            name: origin
            for name, line in ini.under_headers(self.credentials, "# Expires ")
            if (origin := sessions.parse_expiration_comment(line)) is not None
        }

    @cached_property
    def _derived_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for derived, origin in self.origins.items():
            found.setdefault(origin.source_profile, []).append(derived)
        return found

    @cached_property
    def rotations(self) -> dict[str, Rotation]:
        """By profile, the replacement of its access key that is under way, as the comment in its section says."""
        found = {}
        for file, profile_of in ((self.config, config_profile_name), (self.credentials, str)):
            for section, line in ini.under_headers(file, rotations.BEGINNING):
                name, rotation = profile_of(section), rotations.parse_comment(line)
                if name is not None and rotation is not None:
                    found[name] = rotation
        return found

    @cached_property
    def copied(self) -> set[str]:
        """The sections of the config file that this tool made, as the comment under their header says."""
        return {section for section, _ in ini.under_headers(self.config, settings.COPIED_COMMENT)}

    def names(self) -> list[str]:
        """All profiles that the SDKs see, in the order of the credentials file, then of the config file."""
        return list(dict.fromkeys([*self.credentials.sections, *self._config_profiles]))

    def __contains__(self, name: str) -> bool:
        return name in self.credentials.sections or name in self._config_profiles

    def settings(self, name: str) -> dict[str, str]:
        """The settings of a profile as botocore merges them: those in the credentials file win."""
        return {**self._config_profiles.get(name, {}), **self.credentials.sections.get(name, {})}

    def setting(self, name: str, key: str) -> str | None:
        """One of these settings, without a merge of all: there may be ten thousand profiles to ask for it."""
        beside_keys = self.credentials.sections.get(name, {})
        return beside_keys[key] if key in beside_keys else self._config_profiles.get(name, {}).get(key)

    def config_header(self, name: str) -> str:
        """The name of the section of the config file that a profile has, or would get."""
        if name != "default" and _LEGAL_NAME.fullmatch(name):
            return f"profile {name}"
        # It may be written in more than one way.
        usual = name if name == "default" else f"profile {shlex.quote(name)}"
        return self._config_headers.get(name, usual)

    def session(self, name: str) -> StoredSession | None:
        """The session that the credentials file holds for a profile, or None."""
        return sessions.stored_session(self.credentials.sections.get(name, {}), self.origins.get(name))

    def pair(self, name: str, to: str | None = None) -> ProfilePair:
        """The base and the derived profile that a name means, whichever of the two it is.

        ``to`` names the derived profile. Without it, the derived section that says it came from the base is found
        again. Raises ProfileError if neither profile exists.
        """
        pair = self._find_pair(name)
        if to is not None:
            pair = ProfilePair(pair.base, to)
        if pair.base not in self and pair.derived not in self:
            raise self.no_such_profile(name)
        return pair

    def _find_pair(self, name: str) -> ProfilePair:
        derived = self._derived_of.get(name)
        if derived and name not in self.origins:
            usual = derived_name(name)
            return ProfilePair(name, usual if usual in derived else derived[-1])
        return self.pair_of_derived(name) or ProfilePair(name, derived_name(name))

    def pair_of_derived(self, name: str) -> ProfilePair | None:
        """The pair in which a profile is the derived one, or None if it is not."""
        if name in self.origins:
            return ProfilePair(self.origins[name].source_profile, name)
        if name + LONG_TERM_SUFFIX in self:
            return ProfilePair(name + LONG_TERM_SUFFIX, name)
        base = name.removesuffix(DERIVED_SUFFIX)
        is_itself_a_base = self._has_long_term_keys(name) or self.setting(name, "role_arn")
        # A session is no base: nothing is derived from it, whatever a name looks like.
        if base != name and base in self and self.session(base) is None and not is_itself_a_base:
            return ProfilePair(base, name)
        if self.session(name) is not None:
            return ProfilePair(name, name)  # a session of another tool, which has no base that we know of
        return None

    def _has_long_term_keys(self, name: str) -> bool:
        return sessions.has_long_term_keys(self.settings(name))

    @cached_property
    def misnamed(self) -> list[Misnamed]:
        """The sections of both files whose headers are almost those of a profile."""
        from mfa_profiles.header_names import meant_name

        credentials, config = self.credentials, self.config
        right = {*credentials.sections}
        found = []
        for section in credentials.sections:
            name = meant_name(section, lambda name: name in self and name not in credentials.sections)
            if name != section:
                found.append(Misnamed(credentials, section, name, name, name in right, is_fixable=False))
                right.add(name)
        right = {*config.sections}
        for section, values in config.sections.items():
            if config_profile_name(section) is None:
                name = section if section in self else meant_name(section, self.__contains__)
                header = self.config_header(name)
                is_profile = name in credentials.sections or any(values.get(key) for key in settings.PROVIDER_KEYS)
                is_fixable = is_profile and header not in right and not re.search(r"[\"'\\]", name)
                found.append(Misnamed(config, section, name, header, header in right, is_fixable))
                right.add(header)
        return found

    def _advice_on_headers(self, name: str, *, with_keys: bool = False) -> list[str]:
        """Return what to do about the headers that are almost those of a profile, as hints with their lines."""
        hints = []
        wanted = {name.casefold(), name.removesuffix(DERIVED_SUFFIX).casefold()}
        for found in self.misnamed:
            if found.name.casefold() not in wanted or (with_keys and not found.has_keys):
                continue
            place = f"{self._place(found.file, found.section)} has [{found.section}]"
            if found.is_fixable:
                hints.append(f"{place}: the header has to be [{found.header}]; mfa-profiles doctor --fix does it")
            else:
                hints.append(f"{place}: {found.advice}")
        for kind in ("sso-session", "services"):
            if f"{kind} {name}" in self.config.sections and not with_keys:
                place = self._place(self.config, f"{kind} {name}")
                hints.append(f"{place} has [{kind} {name}], which is not a profile: write a section [profile {name}]")
        return hints

    def _place(self, file: IniFile, section: str, key: str | None = None) -> str:
        line = ini.line_of(file.text, section, key)
        return file.path if line is None else f"line {line} of {file.path}"

    def no_such_profile(self, name: str) -> ProfileError:
        """The error for a name that no profile has, with those that are like it, or else with all."""
        import difflib

        if name and shown(name) != name:
            hint = "a token code goes behind --token-code of mfa-profiles refresh"
            if looks_like_secret(name):
                hint = "a secret access key does not belong on the command line: mfa-profiles setup asks for it"
            return ProfileError(f"there is no profile {shown(name)}", hint)
        files, names = f"{self.credentials.path} and {self.config.path}", self.names()
        if hints := self._advice_on_headers(name):
            return ProfileError(f"there is no profile {shown(name)}", *self.lost, *hints)
        if not names:
            creates = f"{tool_command('setup', name or 'PROFILE')} creates it"
            return ProfileError(
                f"there is no profile {shown(name)}",
                *self.lost,
                f"there are no profiles in {files} yet",
                creates,
            )
        by_case = [other for other in names if other.casefold() == name.casefold()]
        if similar := by_case or difflib.get_close_matches(name, names):
            did_you_mean = f"did you mean {' or '.join(map(_quoted, similar))}?"
            return ProfileError(
                f"there is no profile {shown(name)}", *self.lost, did_you_mean, f"both {files} were read"
            )
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        listed = ", ".join(map(_quoted, names[:_MOST_NAMES]))
        return ProfileError(
            f"there is no profile {shown(name)}",
            *self.lost,
            f"there {'is' if len(names) == 1 else 'are'} {listed}{more}",
            f"both {files} were read; without a name, AWS_PROFILE, else AWS_DEFAULT_PROFILE is used",
        )

    def fault(self, name: str, key: str) -> FaultOfSetting | None:
        """Return what is wrong with the text of a setting of a profile, or None."""
        from mfa_profiles.value_faults import fault_of_value

        value = self.setting(name, key) or ""
        fault = fault_of_value(key, value)
        if fault is None or (key == "source_profile" and value in self):
            return None
        if key in self.credentials.sections.get(name, {}):
            place = self._place(self.credentials, name, key)
        else:
            place = self._place(self.config, self._config_headers[name], key)
        return FaultOfSetting(f"{key} of profile {name} {fault.what}", fault.advice, place)

    def refuse_faults(self, name: str, *keys: str) -> None:
        """Raise ProfileError if one of these settings of a profile is written so that AWS tools cannot use it."""
        for key in keys:
            fault = self.fault(name, key)
            if fault is not None:
                raise ProfileError(fault.message, fault.hint)

    def misnamed_keys(self, name: str) -> dict[str, tuple[str, str]]:
        """Return the keys of a profile under names that no SDK reads, each with its place and what to do about it."""
        from mfa_profiles.value_faults import right_name

        values = self.settings(name)
        found, rights = {}, {right for right in values if values[right]}
        for file, section in ((self.credentials, name), (self.config, self._config_headers.get(name, ""))):
            for key, value in file.sections.get(section, {}).items():
                right = right_name(key, value)
                if right is not None and right not in rights:
                    rights.add(right)  # A second one would make the file unreadable.
                    is_there = right in file.sections[section]
                    advice = f"move its value to {right}, and delete the line" if is_there else f"write {right} = ..."
                    found[key] = self._place(file, section, key), advice
        return found

    def where_keys_belong(self, name: str) -> list[str]:
        """Return hints on what was meant as the keys of a profile, or on where to put them."""
        elsewhere = f"put the long-term keys of your IAM user into [{name}] in {self.credentials.path}"
        return [*self.lost, *(self.advice_on_keys(name) or [elsewhere])]

    def advice_on_keys(self, name: str) -> list[str]:
        """Return hints on what was most likely meant as the keys of a profile; they may be empty."""
        from mfa_profiles.other_sdks import has_more_after_header

        if hints := self._advice_on_headers(name, with_keys=True):
            return hints
        if misnamed := self.misnamed_keys(name):
            return [f"{place} has {key}, which no SDK reads: {advice}" for key, (place, advice) in misnamed.items()]
        line = ini.line_of(self.credentials.text, name)
        if line is not None and has_more_after_header(self.credentials.text.split("\n")[line - 1]):
            return [f"line {line} of {self.credentials.path}: put what follows [{name}] on a line of its own"]
        return []

    def mfa_serial(self, name: str) -> str | None:
        """The MFA device that a profile is configured with: ``mfa_serial``, or aws-mfa's ``aws_mfa_device``."""
        return self.setting(name, "mfa_serial") or self.setting(name, "aws_mfa_device") or None

    def account(self, name: str) -> str | None:
        """Return the ID of the account that a profile is of, by its role or MFA device; None if it has neither."""
        origin, pair = self.origins.get(name), self.pair_of_derived(name)
        base = pair.base if pair else name
        arns = [origin.role_arn, origin.mfa_serial] if origin else []
        arns += [self.setting(base, "role_arn"), self.mfa_serial(base)]
        arn = next(filter(None, arns), "")
        found = re.match(r"arn:[a-z-]+:iam::(\d{12}):", arn)
        return found[1] if found else None

    def has_keys(self, name: str) -> bool:
        """True if a profile holds keys itself, whether or not they are complete."""
        return bool(self.setting(name, "aws_access_key_id") or self.setting(name, "aws_secret_access_key"))

    def provider(self, name: str) -> str | None:
        """The setting by which the SDKs get credentials for a profile from somewhere else, or None."""
        values = self.settings(name)
        return next((key for key in settings.PROVIDER_KEYS if values.get(key)), None)

    def keys(self, name: str) -> Keys:
        """The keys that a profile holds itself, long-term or temporary. Raises ProfileError if it has none."""
        values = self.settings(name)
        if name not in self:
            raise self.no_such_profile(name)
        access_key_id = values.get("aws_access_key_id")
        secret_access_key = values.get("aws_secret_access_key")
        if not access_key_id or not secret_access_key:
            self.refuse_faults(name, *_KEYS)
            missing = "aws_secret_access_key" if access_key_id else "aws_access_key_id"
            raise ProfileError(f"profile {name} has no {missing}", *self.where_keys_belong(name))
        token = values.get("aws_security_token") or values.get("aws_session_token") or None
        if not _PLAIN_KEYS.fullmatch(f"{access_key_id}{secret_access_key}{token or ''}"):
            self.refuse_faults(name, *_KEYS)
        return Keys(access_key_id, secret_access_key, token)

    def mfa_process(self, name: str) -> str | None:
        """The command that prints a token code: aws-vault's key ``mfa_process``."""
        return self.setting(name, "mfa_process") or None

    def hidden_settings(self, name: str) -> dict[str, str]:
        """The settings that control how AWS is called under ``[name]`` in the config file.

        Only ``[profile name]`` is seen by the SDKs there.
        """
        if config_profile_name(name) is not None:
            return {}
        return settings.call_settings(self.config.sections.get(name, {}))

    def call_settings(self, name: str) -> dict[str, str]:
        """Return the settings of a profile that control how AWS is called, such as ``region``, without empty ones.

        Those under a header that lacks the word ``profile`` count too, after all others: their author meant them.
        """
        return {**self.hidden_settings(name), **self.seen_call_settings(name)}

    def seen_call_settings(self, name: str) -> dict[str, str]:
        """Return the same without those under a header that the SDKs ignore.

        To botocore an empty setting beside the keys hides that of the config file. Here the one with a value counts.
        """
        return {
            **settings.call_settings(self._config_profiles.get(name, {})),
            **settings.call_settings(self.credentials.sections.get(name, {})),
        }

    def copied_before(self, name: str) -> dict[str, str]:
        """Return the settings of a base profile that any version of this tool may have copied, empty ones too."""
        hidden = self.config.sections.get(name, {}) if config_profile_name(name) is None else {}
        return {
            **settings.copied_before(hidden),
            **settings.copied_before(self._config_profiles.get(name, {})),
            **{
                key: value
                for key, value in self.credentials.sections.get(name, {}).items()
                if settings.is_call_setting(key, value)
            },
        }

    def region(self, pair: ProfilePair) -> str | None:
        """The region of the base profile, else of the derived one (with aws-mfa's layout only that one has it)."""
        return self.call_settings(pair.base).get("region") or self.seen_call_settings(pair.derived).get("region")

    def outranked_by(self, name: str) -> str | None:
        """The setting that makes the SDKs pass over the keys that a profile has in the credentials file, or None."""
        values = self.settings(name)
        return next((key for key in settings.OUTRANKING_KEYS if values.get(key)), None)

    def foreign_content(self, pair: ProfilePair) -> str | None:
        """What the derived profile holds that is not a session of its base by this tool, in words, or None."""
        if self._has_long_term_keys(pair.derived):
            return f"long-term keys ({masked(self.settings(pair.derived).get('aws_access_key_id', ''))})"
        session = self.session(pair.derived)
        if session is None:
            section = self.credentials.sections.get(pair.derived, {})
            key = next((key for key in settings.PROVIDER_KEYS if key in section), None)
            outranked_by = self.outranked_by(pair.derived)
            if key is None and outranked_by is not None:
                key = f"{outranked_by} in {self.config.path}"
            return None if key is None else f"a way to other credentials ({key})"
        if session.origin:
            other = session.origin.source_profile
            return None if other == pair.base else f"a session of profile {other}"
        if not self.has_session_of_another_tool(pair):
            return None
        return f"a session that {session.managed_by or 'another tool'} wrote"

    def has_session_of_another_tool(self, pair: ProfilePair) -> bool:
        """True if a derived profile holds a session that is not ours to refresh.

        One in ``X`` is, if its base is ``X-long-term``: that is the layout of aws-mfa.
        """
        session = self.session(pair.derived)
        is_of_aws_mfa = pair.base == pair.derived + LONG_TERM_SUFFIX
        return session is not None and session.origin is None and not is_of_aws_mfa


def shown(name: str) -> str:
    """A name that may be no profile's, as it can be shown: people also type codes and keys where a name belongs."""
    if not name:
        return '""'
    return "******" if re.fullmatch(r"\d{3}\s?\d{3}", name) or looks_like_secret(name) else name


def _quoted(name: str) -> str:
    """Return a name for a list of names: one with blanks is in quotation marks."""
    return shlex.quote(shown(name)) if " " in shown(name) else shown(name)


def masked(access_key_id: str) -> str:
    """An access key ID as the AWS CLI shows it: the last four characters, enough to tell it from another."""
    return "*" * 4 + access_key_id[-4:]


def derived_name(base: str) -> str:
    """The usual name of the derived profile of a base profile."""
    if base.endswith(LONG_TERM_SUFFIX) and base != LONG_TERM_SUFFIX:
        return base.removesuffix(LONG_TERM_SUFFIX)
    return base + DERIVED_SUFFIX


def is_legal_name(name: str) -> bool:
    """Return True for a name that every SDK can read."""
    return _LEGAL_NAME.fullmatch(name) is not None


def refuse_illegal_name(name: str, *hints: str) -> None:
    """Raise ProfileError for a name that no new section should get, since some SDK could not read it.

    ``hints`` say how to choose another.
    """
    if not _LEGAL_NAME.fullmatch(name) or name == "DEFAULT":
        raise ProfileError(
            f"{name!r} is not a profile name that every AWS SDK can read",
            "it may have letters, digits and _ - / . % @ : +",
            *hints,
        )


def config_profile_name(section: str) -> str | None:
    """The profile that a section of the config file is, by botocore's rules (configloader.py), or None."""
    if section == "default":
        return "default"
    if not section.startswith("profile"):
        return None
    name = section.removeprefix("profile ")
    if name != section and _LEGAL_NAME.fullmatch(name):  # as nearly all are
        return name
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 else None
