"""Checks of what the two files say: of keys, sessions, settings and roles."""

import functools
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from mfa_profiles import roles, sessions, settings, shared_files
from mfa_profiles.access_keys import fault_of_secret, is_access_key_id
from mfa_profiles.aws import sdk_settings
from mfa_profiles.commands.doctor import command_checks
from mfa_profiles.commands.doctor.findings import Check, Finding, Fix, Place, Scope, problem, warning
from mfa_profiles.commands.status import Mismatch, mismatch_of, session_status
from mfa_profiles.errors import ProfileError, shell_command, tool_command
from mfa_profiles.profiles import Misnamed, ProfilePair, Profiles, derived_name, is_legal_name, masked, shown
from mfa_profiles.sessions import StoredSession

# What guides, this tool's own too, put in the place of keys.
_PLACEHOLDER = re.compile(
    r"(?i)your[_ -].*|<.*>|(access_?|secret_?)?key_?\d*|secret_?\d*|x{3,}|(AKIA|ASIA)?(\.{3}|…)"
)


_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d+:role/\S+")


def headers(scope: Scope) -> Iterator[Finding]:
    """Headers that the SDKs take for something else than was meant, or for nothing."""
    profiles = scope.profiles
    for found in profiles.misnamed:
        path, section = found.file.path, found.section
        where: Place = {"profile": found.name, "path": path, "line": scope.lines[path, section, None]}
        if found.file is profiles.credentials:
            if section in scope.names or found.name in scope.names:
                yield _misnamed_in_credentials(found, where | {"profile": section})
            continue
        if not _is_meant_as_profile(scope, found.name, found.file.sections[section]):
            continue
        message = f"the SDKs pass over [{section}] in {path}: the header has to be [{found.header}]"
        if found.is_fixable:
            edit = functools.partial(shared_files.with_profile_header, section=section, name=found.name)
            yield problem(message, **where, fix=scope.change(edit))
        elif found.is_there:
            yield problem(message, found.advice, **where)
        else:
            yield warning(message, "write it so, if it is meant as a profile", **where)
    yield from _names_of_few(scope)


def _misnamed_in_credentials(found: Misnamed, where: Place) -> Finding:
    is_as_in_config = re.match(r"(?i)\s*profile\s", found.section)
    why = ": the word profile is for the config file only" if is_as_in_config else ""
    return problem(
        f"boto3 does not read [{found.section}] in {found.file.path} as profile {found.name}",
        found.advice + why,
        **where,
    )


def _names_of_few(scope: Scope) -> Iterator[Finding]:
    """Names with characters that boto3 and the AWS CLI read, and some other SDKs do not."""
    meant_otherwise = {found.section for found in scope.profiles.misnamed}
    names = [name for name in scope.names if not is_legal_name(name) and name not in meant_otherwise]
    names = [name for name in names if not re.search("[#;]", name)]  # which the check of other SDKs reports
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield warning(
            f"some SDKs, such as those for Rust and Java, pass over profile {shlex.quote(shown(names[0]))}{more}, "
            "because of the characters in the name",
            "letters, digits and _ - / . % @ : + are safe",
            **scope.where(names[0]),
        )


def _is_meant_as_profile(scope: Scope, name: str, section: Mapping[str, str]) -> bool:
    """True if a section is a profile but for its header: not ``[sso-session x]``, ``[plugins]`` and their kin."""
    if name in scope.profiles:
        return name in scope.names
    says_so = {"aws_access_key_id", "mfa_serial", "output", "region", *settings.PROVIDER_KEYS}
    return scope.is_of_all and not re.match(r"(sso-session|services)\s", name) and bool(says_so & set(section))


def keys(scope: Scope) -> Iterator[Finding]:
    """Keys that cannot be any."""
    for name in scope.names:
        yield from flaws_of_keys(scope, name)


def flaws_of_keys(scope: Scope, name: str) -> Iterator[Finding]:
    """What is wrong with the keys of a profile, without a word of them."""
    values = scope.profiles.settings(name)
    present = [key for key in _BOTH_KEYS if values.get(key)]
    if not present:
        yield from _misnamed_keys(scope, name)
        return
    hint = f"put both keys of your IAM user into [{name}] in {scope.profiles.credentials.path}"
    faults = list(_faults_of_values(scope, name, present))
    if faults:
        yield from faults
        return
    missing = next((key for key in _BOTH_KEYS if key not in present), None)
    placeholder = next((key for key in present if _PLACEHOLDER.fullmatch(values[key])), None)
    access_key_id = values.get("aws_access_key_id", "")
    if missing is not None:
        hints = scope.profiles.advice_on_keys(name) or [hint]
        yield problem(f"profile {name} has {present[0]}, but no {missing}", *hints, **scope.where(name, present[0]))
    elif placeholder is not None:
        yield problem(
            f"{placeholder} of profile {name} is a placeholder, not a key", hint, **scope.where(name, placeholder)
        )
    elif not is_access_key_id(access_key_id):
        swapped = is_access_key_id(values["aws_secret_access_key"])
        yield problem(
            f"aws_access_key_id of profile {name} is not an access key ID",
            "it has changed places with aws_secret_access_key" if swapped else hint,
            **scope.where(name, _BOTH_KEYS[0]),
        )
    elif fault_of_secret(values["aws_secret_access_key"]) is not None:
        yield problem(
            f"aws_secret_access_key of profile {name} is not a secret access key",
            hint,
            **scope.where(name, _BOTH_KEYS[1]),
        )
    elif access_key_id.startswith("ASIA") and not sessions.has_session_token(values):
        yield problem(
            f"the keys of profile {name} are temporary, and aws_session_token is missing",
            hint,
            **scope.where(name, _BOTH_KEYS[0]),
        )


def _misnamed_keys(scope: Scope, name: str) -> Iterator[Finding]:
    """The keys of a profile under names that no SDK reads. Where its keys come from elsewhere, they are not meant."""
    if scope.profiles.provider(name) is None:
        for key, (_, advice) in scope.profiles.misnamed_keys(name).items():
            message = f"profile {name} has {key}, which no SDK reads"
            yield problem(message, advice, **scope.where(name, key))


def values(scope: Scope) -> Iterator[Finding]:
    """Quotation marks, comments and other things in values, of which SDKs make a part of the value."""
    for name in scope.names:
        others = [key for key in scope.profiles.settings(name) if key not in _BOTH_KEYS]
        yield from _faults_of_values(scope, name, others)


_BOTH_KEYS = ("aws_access_key_id", "aws_secret_access_key")


def _faults_of_values(scope: Scope, name: str, keys: Iterable[str]) -> Iterator[Finding]:
    for key in keys:
        fault = scope.profiles.fault(name, key)
        if fault is not None:
            yield problem(fault.message, fault.advice, **scope.where(name, key))


def security_tokens(scope: Scope) -> Iterator[Finding]:
    """Tokens under the name that boto 2 knew, which botocore prefers to the one that every SDK reads."""
    for name in scope.names:
        section = scope.profiles.credentials.sections.get(name, {})
        old, token = section.get("aws_security_token"), section.get("aws_session_token")
        where = scope.where(name, "aws_security_token")
        if old and token and old != token and name in scope.profiles.origins:
            yield problem(
                f"profile {name} has an old aws_security_token, which boto3 and the AWS CLI prefer to "
                "aws_session_token",
                "delete the line",
                **where,
                fix=scope.change(
                    functools.partial(shared_files.without_settings, name=name, keys=["aws_security_token"])
                ),
            )
        elif old and token and old != token:
            # Which of the two is the old one is not in the file, and they may be nowhere else.
            yield problem(
                f"profile {name} has two tokens: boto3 and the AWS CLI use aws_security_token, other SDKs "
                "aws_session_token",
                "delete the line of the one that has ended, or get a new session the way you got this one",
                **where,
            )
        elif old and not token:
            yield warning(
                f"profile {name} has its token in aws_security_token, where only boto3 and the AWS CLI look",
                "move its value to aws_session_token, and delete the line"
                if "aws_session_token" in section
                else "name the key aws_session_token",
                **where,
            )


def outranked(scope: Scope) -> Iterator[Finding]:
    """Settings of a derived profile that lead the SDKs away from the session in it."""
    for pair, session in _sessions(scope):
        profiles = scope.profiles
        values = profiles.settings(pair.derived)
        found = [key for key in settings.PROVIDER_KEYS if values.get(key)]
        if not found:
            continue
        level = problem if set(found) & set(settings.OUTRANKING_KEYS) else warning
        who = "the SDKs follow" if level is problem else "some SDKs follow"
        names = " and ".join(found)
        header = profiles.config_header(pair.derived)
        are_in_ours = header in profiles.copied or not set(found) & set(profiles.config.sections.get(header, {}))
        yield level(
            f"profile {pair.derived} has {names}, which {who} before they look at the session",
            f"take {'it' if len(found) == 1 else 'them'} out of the profile",
            **scope.where(pair.derived, found[0]),
            fix=scope.change(functools.partial(shared_files.without_settings, name=pair.derived, keys=found))
            if session.origin and are_in_ours
            else None,
        )


def regions(scope: Scope) -> Iterator[Finding]:
    """Sessions without a region: most calls fail then."""
    environment = scope.context.environment
    if environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION"):
        return
    profiles = scope.profiles
    for pair, session in _sessions(scope):
        if profiles.setting(pair.derived, "region") is not None or _has_expired(scope, session):
            continue  # an empty region is what the check of empty settings reports
        region = profiles.call_settings(pair.base).get("region")
        if not region and profiles.setting(pair.base, "region") is not None:
            continue  # the same for the base profile
        message = f"profile {pair.derived} has no region"
        if region:
            yield warning(
                f"{message}, and {pair.base} has one",
                f"add to [{profiles.config_header(pair.derived)}] in {profiles.config.path}: region = {region}",
                **scope.where(pair.derived),
                fix=scope.change(functools.partial(shared_files.with_region_of_base, pair=pair)),
            )
        else:
            header = profiles.config_header(pair.base)
            yield warning(
                message,
                f"add to [{header}] in {profiles.config.path}: region = us-west-2 (or yours)",
                **scope.where(pair.derived),
            )


def empty_settings(scope: Scope) -> Iterator[Finding]:
    """Report settings without a value for which calls fail, or which hide the value in the config file."""
    profiles = scope.profiles
    for name in scope.names:
        header = profiles.config_header(name)
        beside_keys, in_config = profiles.credentials.sections.get(name, {}), profiles.config.sections.get(header, {})
        empty = shared_files.empty_copies(profiles, pair) if (pair := profiles.pair_of_derived(name)) else set()
        broken = settings.broken_if_empty({**in_config, **beside_keys})
        counting = settings.call_settings(in_config)
        hiding = [key for key in counting if key in beside_keys and settings.is_empty(key, beside_keys[key])]
        for key in dict.fromkeys([*broken, *hiding]):
            message, hint = f"{key} of profile {name} is empty", "write a value there, or delete the line"
            if key in hiding:
                message += f", which hides the {key} in {profiles.config.path}"
                hint = "delete the line"
            fix = None
            if pair is not None and key in empty and key not in beside_keys:
                fix = scope.change(functools.partial(shared_files.without_empty_copies, pair=pair))
            level = problem if key in broken else warning
            yield level(message, hint, **scope.where(name, key), fix=fix)


def refused_settings(scope: Scope) -> Iterator[Finding]:
    """Report settings with values that AWS tools refuse."""
    for name in scope.names:
        for key, form in sdk_settings.faults_of_profile(scope.profiles.settings(name)):
            if scope.profiles.fault(name, key) is None:  # which the check of values reports
                message = f"{key} of profile {name} is not {form}: AWS tools cannot use it"
                yield problem(message, "correct the line, or delete it", **scope.where(name, key))


def copies(scope: Scope) -> Iterator[Finding]:
    """Report settings of other tools, such as passwords, that an older version copied into derived profiles."""
    profiles = scope.profiles
    for name in scope.names:
        pair = profiles.pair_of_derived(name)
        if pair is None:
            continue
        of_base = profiles.copied_before(pair.base)
        header, path = profiles.config_header(name), profiles.config.path
        for key, value in shared_files.copies_of_other_tools(profiles, pair).items():
            is_same = of_base[key] == value
            yield warning(
                f"{key} of profile {name} is a copy from profile {pair.base}, and not a setting of AWS tools"
                if is_same
                else f"{key} of profile {name} may be an old copy from profile {pair.base}",
                "delete the line" if is_same else "delete the line, unless you wrote it",
                profile=name,
                path=path,
                line=scope.lines.get((path, header, key)),
                fix=scope.change(functools.partial(shared_files.without_copies_of_other_tools, pair=pair))
                if is_same
                else None,
            )


def mismatches(scope: Scope) -> Iterator[Finding]:
    """Report sessions that do not belong to their base profiles as these are now."""
    found: dict[Mismatch, list[ProfilePair]] = {}
    for pair, _ in _sessions(scope):
        mismatch = session_status(scope.profiles, pair, now=scope.context.now()).mismatch
        if mismatch is not None:
            found.setdefault(mismatch, []).append(pair)
    for mismatch, all_pairs in found.items():
        for pairs in _grouped(all_pairs):
            hint = f"{_command('refresh', pairs)}, or {_command('clear', pairs)}"
            what = f"{mismatch.in_words}, and the SDKs still use"
            names = [pair.derived for pair in pairs]
            if len(names) > 1:
                yield problem(f"{len(names)} sessions are {what} them: {', '.join(names[:2])}, ...", hint)
            else:
                then, now = _then_and_now(scope.profiles, pairs[0], mismatch)
                message = f"the session in {names[0]} is {what} it: {mismatch} was {then}, and is {now} now"
                yield problem(message, hint, **scope.where(names[0]))


def _then_and_now(profiles: Profiles, pair: ProfilePair, mismatch: Mismatch) -> tuple[str, str]:
    """The setting that differs, as the session remembers it and as it is now, in words."""
    origin = profiles.origins[pair.derived]
    if mismatch is Mismatch.PROFILE:
        return shown(origin.source_profile), pair.base
    if mismatch is Mismatch.ROLE:
        return origin.role_arn or "not set", profiles.setting(pair.base, "role_arn") or "not set"
    chain = roles.sources(profiles, pair.base)
    if mismatch is Mismatch.ACCESS_KEY:
        now = profiles.setting(chain[-1], "aws_access_key_id")
        return masked(origin.access_key_id or ""), masked(
            now
        ) if now else f"what {profiles.provider(chain[-1])} gives"
    return origin.mfa_serial or "", " or ".join(filter(None, map(profiles.mfa_serial, chain)))


def expired(scope: Scope) -> Iterator[Finding]:
    """Sessions that have ended and lie about."""
    ended = [pair for pair, session in _sessions(scope) if _has_expired(scope, session)]
    of_others = [pair for pair in ended if scope.profiles.has_session_of_another_tool(pair)]
    to_clear = [pair for pair in ended if _nothing_is_lost(scope.profiles, pair)]
    to_keep = [pair for pair in ended if pair not in of_others and pair not in to_clear]
    for pairs in _grouped(to_clear):
        hint = f"{_command('refresh', pairs)}, or {_command('clear', pairs)}"
        fix = scope.change(functools.partial(_cleared, pairs=pairs, then=scope.context.now()))
        yield _ended(scope, pairs, hint, fix=fix)
    for pairs in _grouped(to_keep):
        yield _ended(scope, pairs, _command("refresh", pairs), fix=None)
    for pairs in _grouped(of_others):
        yield _ended(scope, pairs, "another tool wrote it: get a new one the way you got it", fix=None)


def _grouped(pairs: Sequence[ProfilePair]) -> list[Sequence[ProfilePair]]:
    """Each for itself, or all together: after a night, all of two hundred roles have ended."""
    return [pairs] if len(pairs) > 3 else [[pair] for pair in pairs]


def _ended(scope: Scope, pairs: Sequence[ProfilePair], *hints: str, fix: Fix | None) -> Finding:
    names = [pair.derived for pair in pairs]
    if len(names) > 1:
        return warning(f"{len(names)} sessions have ended: {', '.join(names[:2])}, ...", *hints, fix=fix)
    session = scope.profiles.session(names[0])
    assert session is not None
    assert session.expiration is not None
    end = sessions.format_time(session.expiration)
    return warning(f"the session in {names[0]} ended at {end}", *hints, **scope.where(names[0]), fix=fix)


def _command(command: str, pairs: Sequence[ProfilePair]) -> str:
    is_alone = len(pairs) == 1
    return tool_command(command, pairs[0].derived) if is_alone else shell_command("mfa-profiles", command, "--all")


def _nothing_is_lost(profiles: Profiles, pair: ProfilePair) -> bool:
    """True if the next refresh would write the same profile, with the same device, had this one never been there."""
    origin = profiles.origins.get(pair.derived)
    if (
        origin is None
        or pair.base not in profiles
        or pair.derived != derived_name(pair.base)
        or mismatch_of(profiles, pair) is not None
    ):
        return False
    try:
        chain = roles.sources(profiles, pair.base)
    except ProfileError:
        return False
    of_base, of_derived = profiles.copied_before(pair.base), profiles.copied_before(pair.derived)
    known = next((serial for serial in map(profiles.mfa_serial, reversed(chain)) if serial), None)
    return origin.mfa_serial in (None, known) and of_base == {**of_base, **of_derived}


def _cleared(latest: Profiles, pairs: Collection[ProfilePair], then: datetime) -> Profiles:
    """Both files without the sessions that had ended by then: another process may have refreshed some since."""
    still = [(pair, latest.session(pair.derived)) for pair in pairs if pair.derived in latest.origins]
    ended = [pair for pair, session in still if session and session.expiration and session.expiration <= then]
    return shared_files.without_sessions(latest, ended)


def rotations(scope: Scope) -> Iterator[Finding]:
    """Access keys that are being replaced, or were when something came between."""
    for name in scope.names:
        if name in scope.profiles.rotations:
            yield warning(
                f"the access key of profile {name} is being replaced, which is not finished",
                f"{tool_command('rotate', name)} finishes it",
                **scope.where(name),
            )


def role_sources(scope: Scope) -> Iterator[Finding]:
    """Report profiles that lead to no credentials: roles without a source, or in a circle, and parts of a role."""
    profiles = scope.profiles
    reported: set[str] = set()
    # Roles come first: their hints are more to the point than those of their sources alone.
    for name in sorted(scope.names, key=lambda name: not profiles.setting(name, "role_arn")):
        key = next((key for key in roles.PARTS if profiles.setting(name, key)), None)
        is_derived = profiles.session(name) is not None or profiles.pair(name).base != name
        if is_derived and key != "role_arn":
            continue
        if any(profiles.fault(name, key) for key in roles.SETTINGS_OF_ROLES):
            continue  # The check of values reports it.
        if set(settings.broken_if_empty(profiles.settings(name))) & set(roles.SETTINGS_OF_ROLES):
            continue  # The check of empty settings reports it.
        arn = profiles.setting(name, "role_arn") or ""
        if arn and not _ROLE_ARN.fullmatch(arn):
            message = f"role_arn of profile {name} is not the ARN of a role"
            yield problem(message, "it is like arn:aws:iam::123456789012:role/NAME", **scope.where(name, "role_arn"))
            continue
        try:
            end = roles.sources(profiles, name)[-1]
            error, level = _without_keys(profiles, end) if key else None, warning
        except ProfileError as refusal:
            error, level = refusal, problem
        if error is not None and error.message not in reported:
            reported.add(error.message)
            yield level(error.message, *error.hints, **scope.where(name, key))


def bare_arns(scope: Scope) -> Iterator[Finding]:
    """Report lines with nothing but an ARN, which AWS tools read as a setting named ``arn``."""
    for name in scope.names:
        value = scope.profiles.setting(name, "arn") or ""
        key = "mfa_serial" if ":mfa/" in value else "role_arn"
        if ":mfa/" in value or (
            ":role/" in value and scope.profiles.has_keys(name)
        ):  # the check of roles reports the others
            yield problem(
                f"profile {name} has an ARN without the name of a setting in front of it",
                f"write {key} = in front of it",
                **scope.where(name, "arn"),
            )


def _without_keys(profiles: Profiles, name: str) -> ProfileError | None:
    """Return the error for a profile without keys, and without another way to credentials."""
    if name not in profiles or profiles.has_keys(name) or profiles.provider(name):
        return None
    try:
        profiles.keys(name)
    except ProfileError as error:
        return error
    return None


def _sessions(scope: Scope) -> Iterator[tuple[ProfilePair, StoredSession]]:
    """The sessions among the profiles, with the pairs whose derived profiles hold them."""
    for name in scope.names:
        session = scope.profiles.session(name)
        pair = scope.profiles.pair_of_derived(name)
        if session is not None and pair is not None:
            yield pair, session


def _has_expired(scope: Scope, session: StoredSession) -> bool:
    return session.expiration is not None and session.expiration <= scope.context.now()


CHECKS: Iterable[Check] = (
    Check("header", headers, "every profile has the right header"),
    Check("keys", keys, "no key is half or a placeholder"),
    Check("values", values, "no quotation marks or comments around values"),
    Check("rotation", rotations),
    Check("security-token", security_tokens, "no token is outdated"),
    Check("outranked", outranked, "nothing outranks a session"),
    Check("region", regions, "every session has a region"),
    Check("empty", empty_settings),
    Check("settings", refused_settings),
    Check("copies", copies),
    Check("mismatch", mismatches, "every session is of its base profile"),
    Check("expired", expired, "no session has expired"),
    Check("roles", role_sources, "every role has its source"),
    Check("arn", bare_arns),
    Check("credential-process", command_checks.credential_processes),
    Check("mfa-process", command_checks.mfa_processes),
)
