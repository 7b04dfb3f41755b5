"""The edits that commands make of both files: whole texts before and after."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mfa_profiles import ini, shared_files
from mfa_profiles.profiles import Keys, ProfilePair, Profiles
from mfa_profiles.rotations import Rotation
from mfa_profiles.sessions import Origin, SessionCredentials
from mfa_profiles.shared_files import NewBase

Texts = tuple[str, str]
Edit = Callable[[Profiles], Profiles]

OLD, NEW = Keys("AKIAIOSFODNN7EXAMPLE", "old"), Keys("AKIAI44QH8DHBEXAMPLE", "new")
OLD_KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = old\n"
NEW_KEYS = "aws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = new\n"
MOMENT = datetime(2026, 11, 24, 21, 5, tzinfo=UTC)
ROTATING = (
    "# Rotating access key AKIAIOSFODNN7EXAMPLE since 2026-11-24T21:05:00Z (mfa-profiles: rotate again to finish)\n"
)
KEEPING = ROTATING.replace("rotate again", "rotate --keep-old again")
RECORDED = ROTATING.replace(" since", " to AKIAI44QH8DHBEXAMPLE since")

A = ProfilePair("a", "a-mfa")
DEFAULT = ProfilePair("default", "b-mfa")
FROM_A = "# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a, mfa_serial GAHT12345678)\n"
SESSION = "aws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
EXPIRES = "x_security_token_expires = 2026-11-24T21:05:00Z\n"
COPIED = "# Settings copied by mfa-profiles from profile a\n"
NEW_SESSION = SessionCredentials("ASIA1", "s", "t", MOMENT)


def profiles(texts: Texts) -> Profiles:
    """Both files."""
    credentials, config = (text.encode() or None for text in texts)  # An empty text stands for no file.
    return Profiles(ini.parse(credentials, "credentials"), ini.parse(config, "config"))


def put_base(region: str = "r", mfa_serial: str | None = None, name: str = "a") -> Edit:
    """The edit of setup."""
    return lambda before: shared_files.with_base(before, NewBase(name, NEW, region, mfa_serial))


def put_session(*pairs: ProfilePair) -> Edit:
    """The edit of refresh."""
    origin = Origin("a", "GAHT12345678")
    return lambda before: shared_files.with_sessions(before, dict.fromkeys(pairs, (NEW_SESSION, origin)))


def take_sessions(*pairs: ProfilePair) -> Edit:
    """The edit of clear."""
    return lambda before: shared_files.without_sessions(before, pairs)


def begin_rotation(name: str = "a", *, keep_old: bool = False, new_id: str | None = None) -> Edit:
    """The first edit of rotate, and the one that records the new key."""
    rotation = Rotation(OLD.access_key_id, MOMENT, keep_old, new_id)
    return lambda before: shared_files.with_rotation(before, name, rotation)


def put_key(name: str = "a") -> Edit:
    """The edit of rotate in the file of the base profile."""
    return lambda before: shared_files.with_new_key(before, name, OLD, NEW)


def put_key_elsewhere(name: str = "a") -> Edit:
    """The edit of rotate in the other file."""
    return lambda before: shared_files.with_new_key_elsewhere(before, name, OLD, NEW)


def end_rotation(name: str = "a") -> Edit:
    """The last edit of rotate."""
    return lambda before: shared_files.without_rotation(before, name)


def put_header(section: str, name: str) -> Edit:
    """The repair of a section that lacks the word profile."""
    return lambda before: shared_files.with_profile_header(before, section, name)


def take_settings(name: str, *keys: str) -> Edit:
    """The repair of a profile with settings that lead elsewhere."""
    return lambda before: shared_files.without_settings(before, name, keys)


def put_region(pair: ProfilePair = A) -> Edit:
    """The repair of a derived profile without a region."""
    return lambda before: shared_files.with_region_of_base(before, pair)


# name: (edit, both files before, both files after)
EDITS: dict[str, tuple[Edit, Texts, Texts]] = {
    "setup: two new files": (
        put_base(mfa_serial="GAHT12345678"),
        ("", ""),
        (f"[a]\n{NEW_KEYS}", "[profile a]\nregion = r\nmfa_serial = GAHT12345678\n"),
    ),
    "setup: without a device, the one that is there stays": (
        put_base(),
        (f"[a]\n{OLD_KEYS}", "[profile a]\nmfa_serial = x\nregion = q\n"),
        (f"[a]\n{NEW_KEYS}", "[profile a]\nmfa_serial = x\nregion = r\n"),
    ),
    "setup: what is beside the keys is changed there": (
        put_base(mfa_serial="new"),
        (f"[a]\nregion = q\n{OLD_KEYS}mfa_serial = old\noutput = json\n", "[profile b]\n"),
        (f"[a]\nregion = r\n{NEW_KEYS}mfa_serial = new\noutput = json\n", "[profile b]\n"),
    ),
    "setup: a line that is right stays as it is": (
        put_base(),
        ("[a]\naws_access_key_id=AKIAI44QH8DHBEXAMPLE\naws_secret_access_key : new\n", "[profile a]\nregion: r\n"),
        ("[a]\naws_access_key_id=AKIAI44QH8DHBEXAMPLE\naws_secret_access_key : new\n", "[profile a]\nregion: r\n"),
    ),
    "setup: what leads to other credentials goes, though all else is right": (
        put_base(),
        (f"[a]\n{NEW_KEYS}aws_session_token = t\n", "[profile a]\nrole_arn = arn\nregion = r\nsso_session = s\n"),
        (f"[a]\n{NEW_KEYS}", "[profile a]\nregion = r\n"),
    ),
    "setup: a rotation of a key that is not here any more is over": (
        put_base(),
        (f"[a]\n{ROTATING}{OLD_KEYS}", f"[profile a]\n{ROTATING}{OLD_KEYS}region = r\n"),
        (f"[a]\n{NEW_KEYS}", "[profile a]\nregion = r\n"),
    ),
    "refresh: a derived profile gets what its base has, comment and block included": (
        put_session(A),
        (f"[a]\n{OLD_KEYS}", "[profile a]\nregion = r\nmfa_serial = x\ns3 =\n  b = c\n"),
        (
            f"[a]\n{OLD_KEYS}\n[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}",
            "[profile a]\nregion = r\nmfa_serial = x\ns3 =\n  b = c\n\n"
            f"[profile a-mfa]\n{COPIED}region = r\ns3 =\n    b = c\n",
        ),
    ),
    "refresh: what boto 2 left goes, and keys of other tools are kept true": (
        put_session(A),
        ("[a-mfa]\naws_security_token = old\nexpiration = 2020-01-01 00:00:00\n", ""),
        (f"[a-mfa]\n{FROM_A}expiration = 2026-11-24 21:05:00\n{SESSION}{EXPIRES}", ""),
    ),
    "refresh: a section of a person's own is no copy, and keeps what it says": (
        put_session(A),
        ("", "[profile a]\nregion = r\noutput = json\n[profile a-mfa]\nregion = mine\n"),
        (
            f"[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}",
            "[profile a]\nregion = r\noutput = json\n[profile a-mfa]\nregion = mine\noutput = json\n",
        ),
    ),
    "refresh: a config file with nothing to copy stays as it is, even one that cannot be edited": (
        put_session(A),
        ("", "[ profile a-mfa]\nregion = mine\n"),
        (f"[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}", "[ profile a-mfa]\nregion = mine\n"),
    ),
    "clear: what was copied goes, what a person added stays, in both": (
        take_sessions(A),
        (
            f"[a]\n{OLD_KEYS}\n[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}note = mine\n",
            f"[profile a]\nregion = r\n\n[profile a-mfa]\n{COPIED}region = r\noutput = mine\n",
        ),
        (f"[a]\n{OLD_KEYS}\n[a-mfa]\nnote = mine\n", "[profile a]\nregion = r\n\n[profile a-mfa]\noutput = mine\n"),
    ),
    "refresh: settings of other tools and empty ones are not copied, out of neither file": (
        put_session(A),
        (
            f"[a]\n{OLD_KEYS}region =\noutput = json\npassword = p\n",
            "[profile a]\nregion = r\npassword = p\nokta_password = q\nretry_mode =\ncli_pager =\n"
            "sqs =\n  endpoint_url = http://localhost\nokta =\n  password = p\n",
        ),
        (
            f"[a]\n{OLD_KEYS}region =\noutput = json\npassword = p\n\n[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}",
            "[profile a]\nregion = r\npassword = p\nokta_password = q\nretry_mode =\ncli_pager =\n"
            "sqs =\n  endpoint_url = http://localhost\nokta =\n  password = p\n\n"
            f"[profile a-mfa]\n{COPIED}region = r\ncli_pager =\nsqs =\n    endpoint_url = http://localhost\n"
            "output = json\n",
        ),
    ),
    "refresh: an empty setting that was copied gets a value; a person's own stays, and what a person emptied": (
        put_session(A, DEFAULT),
        ("", f"[profile a]\nregion = r\ncli_pager = less\n[profile a-mfa]\n{COPIED}region =\ncli_pager =\n"),
        (
            f"[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}\n[b-mfa]\n{FROM_A}{SESSION}{EXPIRES}",
            f"[profile a]\nregion = r\ncli_pager = less\n[profile a-mfa]\n{COPIED}region = r\ncli_pager =\n",
        ),
    ),
    "refresh: an empty setting in a section of a person's own stays": (
        put_session(A),
        ("", "[profile a]\nregion = r\n[profile a-mfa]\nregion =\n"),
        (f"[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}", "[profile a]\nregion = r\n[profile a-mfa]\nregion =\n"),
    ),
    "refresh: a block does not replace an empty setting": (
        put_session(A),
        ("", f"[profile a]\ns3 =\n  b = c\n[profile a-mfa]\n{COPIED}s3 =\n"),
        (f"[a-mfa]\n{FROM_A}{SESSION}{EXPIRES}", f"[profile a]\ns3 =\n  b = c\n[profile a-mfa]\n{COPIED}s3 =\n"),
    ),
    "clear: what older versions copied goes too": (
        take_sessions(A),
        (
            f"[a-mfa]\n{FROM_A}{SESSION}",
            "[profile a]\npassword = new\nokta =\n  password = p\n[a]\nkey = k\n"
            f"[profile a-mfa]\n{COPIED}region =\npassword = old\nokta =\n    password = p\nkey = k\nnote =\n",
        ),
        (
            "",
            "[profile a]\npassword = new\nokta =\n  password = p\n[a]\nkey = k\n[profile a-mfa]\nnote =\n",
        ),
    ),
    "clear: without its base, all of a copied section goes; one of a person's own stays": (
        take_sessions(A, DEFAULT),
        (f"[a-mfa]\n{FROM_A}{SESSION}", f"[profile a-mfa]\n{COPIED}region = r\noutput = x\n[profile b-mfa]\nk = v\n"),
        ("", "[profile b-mfa]\nk = v\n"),
    ),
    "clear: a comment under another header, which begins like that of the profile, is none of it": (
        take_sessions(A),
        ("", f"[profile a-mfa] [b]\n{COPIED}k = v\n[profile a-mfa]\nregion = mine\n"),
        ("", f"[profile a-mfa] [b]\n{COPIED}k = v\n[profile a-mfa]\nregion = mine\n"),
    ),
    "clear: a profile named like what is no section": (
        take_sessions(ProfilePair("a", "DEFAULT")),
        ("[DEFAULT]\n", f"[profile a]\nregion = r\n[profile DEFAULT]\n{COPIED}region = r\n"),
        ("[DEFAULT]\n", "[profile a]\nregion = r\n"),
    ),
    "rotate: the comment, beside keys in the credentials file": (
        begin_rotation(),
        (f"[a]\n{OLD_KEYS}", f"[profile a]\n{OLD_KEYS}"),
        (f"[a]\n{ROTATING}{OLD_KEYS}", f"[profile a]\n{OLD_KEYS}"),
    ),
    "rotate: the comment, beside keys in the config file": (
        begin_rotation("default", keep_old=True),
        ("[default]\nregion = r\n", f"[profile default]\n{OLD_KEYS}"),
        ("[default]\nregion = r\n", f"[profile default]\n{KEEPING}{OLD_KEYS}"),
    ),
    "rotate: the comment with the new key, in the place of the one without": (
        begin_rotation(new_id=NEW.access_key_id),
        (f"[a]\n{ROTATING}{OLD_KEYS}", f"[profile a]\n{OLD_KEYS}"),
        (f"[a]\n{RECORDED}{OLD_KEYS}", f"[profile a]\n{OLD_KEYS}"),
    ),
    "rotate: the new key, in each section of the file that has the old one with its secret": (
        put_key(),
        (
            f"[a]\n{OLD_KEYS}[b]\n{OLD_KEYS}[c]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
            "aws_secret_access_key = other\n[d]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = old\n",
            f"[profile e]\n{OLD_KEYS}",
        ),
        (
            f"[a]\n{NEW_KEYS}[b]\n{NEW_KEYS}[c]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
            "aws_secret_access_key = other\n[d]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = old\n",
            f"[profile e]\n{OLD_KEYS}",
        ),
    ),
    "rotate: the new key, of a base in the config file": (
        put_key(),
        (f"[e]\n{OLD_KEYS}", f"[profile a]\n{OLD_KEYS}"),
        (f"[e]\n{OLD_KEYS}", f"[profile a]\n{NEW_KEYS}"),
    ),
    "rotate: the new key elsewhere, of a base in the credentials file": (
        put_key_elsewhere(),
        (f"[a]\n{NEW_KEYS}[b]\n{OLD_KEYS}", f"[profile e]\n{OLD_KEYS}"),
        (f"[a]\n{NEW_KEYS}[b]\n{OLD_KEYS}", f"[profile e]\n{NEW_KEYS}"),
    ),
    "rotate: the new key elsewhere, of a base in the config file": (
        put_key_elsewhere(),
        (f"[e]\n{OLD_KEYS}", f"[profile a]\n{NEW_KEYS}[profile b]\n{OLD_KEYS}"),
        (f"[e]\n{NEW_KEYS}", f"[profile a]\n{NEW_KEYS}[profile b]\n{OLD_KEYS}"),
    ),
    "rotate: a file without the old key is not looked at, even one that cannot be edited": (
        put_key_elsewhere(),
        (f"[a]\n{NEW_KEYS}", "[a]\n  k = v\n  [b]\n"),
        (f"[a]\n{NEW_KEYS}", "[a]\n  k = v\n  [b]\n"),
    ),
    "rotate: the end, in the credentials file": (
        end_rotation(),
        (f"[a]\n{ROTATING}{OLD_KEYS}", "[profile a]# glued\nregion = r\n"),
        (f"[a]\n{OLD_KEYS}", "[profile a]# glued\nregion = r\n"),
    ),
    "rotate: the end, in the config file": (
        end_rotation(),
        ("[a]# glued\nregion = r\n", f"[profile a]\n{KEEPING}{OLD_KEYS}"),
        ("[a]# glued\nregion = r\n", f"[profile a]\n{OLD_KEYS}"),
    ),
    "doctor: a section gets its header, where it stands, once": (
        put_header("a", "a"),
        ("[a]\n", "# [a]\n[b]\n[a] # a\nregion = [a]\n[c]\n"),
        ("[a]\n", "# [a]\n[b]\n[profile a] # a\nregion = [a]\n[c]\n"),
    ),
    "doctor: a section that is gone": (put_header("a", "a"), ("", "[b]\n"), ("", "[b]\n")),
    "doctor: a header that is there": (
        put_header("a", "a"),
        ("", "[a]\nk = v\n[profile a]\n"),
        ("", "[a]\nk = v\n[profile a]\n"),
    ),
    "doctor: settings go from both files, comments stay": (
        take_settings("a", "role_arn", "sso_session"),
        ("[a]\n# c\nrole_arn = x\n[b]\nrole_arn = y\n", "[profile a]\n# d\nregion = r\nsso_session = x\n"),
        ("[a]\n# c\n[b]\nrole_arn = y\n", "[profile a]\n# d\nregion = r\n"),
    ),
    "doctor: without such settings, even a file that cannot be edited stays": (
        take_settings("a", "role_arn"),
        ("[a]# glued\nk = v\n", "[ profile a]\nk = v\n"),
        ("[a]# glued\nk = v\n", "[ profile a]\nk = v\n"),
    ),
    "doctor: the region of the base, in a new section": (
        put_region(),
        ("[a]\nregion = r\n", ""),
        ("[a]\nregion = r\n", f"[profile a-mfa]\n{COPIED}region = r\n"),
    ),
    "doctor: the region of the base, in a section of a person's own": (
        put_region(),
        ("", "[profile a]\nregion = r\n[profile a-mfa]\noutput = json\n"),
        ("", "[profile a]\nregion = r\n[profile a-mfa]\noutput = json\nregion = r\n"),
    ),
    "doctor: a derived profile with a region keeps it": (
        put_region(),
        ("[a-mfa]\nregion = mine\n", "[profile a]\nregion = r\n"),
        ("[a-mfa]\nregion = mine\n", "[profile a]\nregion = r\n"),
    ),
    "doctor: a base without a region has none to give": (
        put_region(),
        ("", "[profile a]\noutput = json\n"),
        ("", "[profile a]\noutput = json\n"),
    ),
    "doctor: an empty copy gets the value of the base": (
        lambda before: shared_files.without_empty_copies(before, A),
        ("", f"[profile a]\nregion = r\n[profile a-mfa]\n{COPIED}region =\nretry_mode =\n"),
        ("", f"[profile a]\nregion = r\n[profile a-mfa]\n{COPIED}region = r\n"),
    ),
    "doctor: an empty setting of a person's own stays": (
        lambda before: shared_files.without_empty_copies(before, A),
        ("", "[profile a]\nregion = r\n[profile a-mfa]\nregion =\n"),
        ("", "[profile a]\nregion = r\n[profile a-mfa]\nregion =\n"),
    ),
    "doctor: copies of other tools' settings go, unless they differ": (
        lambda before: shared_files.without_copies_of_other_tools(before, A),
        (
            "[a-mfa]\npassword = p\n",
            "[profile a]\nregion = r\npassword = p\nkey = k\n"
            f"[profile a-mfa]\n{COPIED}region = r\npassword = p\nkey = l\n",
        ),
        (
            "[a-mfa]\npassword = p\n",
            f"[profile a]\nregion = r\npassword = p\nkey = k\n[profile a-mfa]\n{COPIED}region = r\nkey = l\n",
        ),
    ),
    "doctor: byte order marks go": (
        shared_files.without_byte_order_marks,
        ("\ufeff[a]\r\n", "\ufeff[profile a]\n"),
        ("[a]\r\n", "[profile a]\n"),
    ),
}


@pytest.mark.parametrize(("edit", "before", "after"), EDITS.values(), ids=EDITS)
def test_an_edit(edit: Edit, before: Texts, after: Texts) -> None:
    """Both files after it are, to the letter, those in the table; a second time nothing changes."""
    edited = edit(profiles(before))

    assert after == texts(edited)
    assert after == texts(edit(edited))


def texts(both: Profiles) -> Texts:
    """What would be on disk."""
    files = (both.credentials, both.config)
    assert ("credentials", "config") == tuple(file.path for file in files)
    credentials, config = (file.encode(file.text).decode() for file in files)
    return credentials, config


@pytest.mark.parametrize(
    ("before", "is_ours"),
    [
        ((f"[a-mfa]\n{FROM_A}{SESSION}", ""), True),
        (("", f"[profile a-mfa]\n{COPIED}region = r\n"), True),
        ((f"[a-mfa]\n{SESSION}", "[profile a-mfa]\nregion = r\n"), False),
        ((f"[b-mfa]\n{FROM_A}", f"[profile b-mfa]\n{COPIED}"), False),
        (("", f"[profile a-mfa]\nregion = r\n{COPIED}"), False),
    ],
)
def test_what_is_ours(before: Texts, is_ours: bool) -> None:
    """A comment directly under the header of a derived profile says so, in either file."""
    assert is_ours == shared_files.has_session_of_ours(profiles(before), A)
