"""Reading a shared file: what every SDK reads alike is taken, all else is refused, without a word of it."""

import pytest

from mfa_profiles import ini, ini_survey, log
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.ini import IniFile
from mfa_profiles.ini_survey import Place

Refusal = tuple[int | None, str, str]

MARK = (1, "a byte order mark, for which boto3 and the AWS CLI refuse the whole file")
CARRIAGE_RETURN = (
    "a carriage return without a line feed",
    "some AWS tools end the line there, others do not; save the file with ordinary line endings",
)
DEFAULT = (
    "[DEFAULT] with keys",
    "boto3 and the AWS CLI add its keys to every profile, other SDKs do not; did you mean [default]?",
)
BLOCK = (
    "a line of an indented block that is not key = value",
    "boto3 and the AWS CLI refuse the whole file for it: delete the line, or write it as key = value",
)
BROKEN = (
    "not a [section], a key = value, or a comment",
    "delete the line, write it as key = value, or begin it with # to make it a comment",
)
NO_HEADER = ("text before the first [section]", "write [default] above it, or the header of its profile")
NO_HEADER_FOR_WORDS = ("text before the first [section]", "put it below a header")
CONFLICT = (
    "git could not merge the file; its markers are in lines 2, 4 and 6",
    "keep one side of each conflict, and delete the other side and the markers",
)
NOT_UTF_8 = ("not valid UTF-8", "no AWS tool reads the file like this; save it as UTF-8")

# name: (bytes, the refusal)
REFUSED: dict[str, tuple[bytes, Refusal]] = {
    "a lone carriage return": (b"[a]\r\nk = v\nl = m\rn = o\r\n", (3, *CARRIAGE_RETURN)),
    "a lone carriage return below an empty line": (b"\n[a]\rk = v\n", (2, *CARRIAGE_RETURN)),
    "not UTF-8": (b"[a]\nk = v\nl = \xff\n", (3, *NOT_UTF_8)),
    "not UTF-8 in the first line": (b"\xff", (1, *NOT_UTF_8)),
    "a section twice": (b"[a]\nk = v\n[a]\n", (3, "duplicate section: the first is in line 1", "merge the two")),
    "a section twice, with other line endings": (
        b"[a]\r\n\r\n[a]\r\n",
        (3, "duplicate section: the first is in line 1", "merge the two"),
    ),
    "a key twice, in whatever case": (
        b"[a]\nk = v\nK = w\n",
        (3, "duplicate key: the first is in line 2", "delete one of the two"),
    ),
    "a key twice, and once in a block and in another section": (
        b"[b]\nr = 1\n[a]\ns3 =\n  r = 1\nr = 2\nr = 3\n",
        (7, "duplicate key: the first is in line 6", "delete one of the two"),
    ),
    "a section twice, and once in a value": (
        b"[b]\nk = v\n  [a]\n[a]\n[a]\n",
        (5, "duplicate section: the first is in line 4", "merge the two"),
    ),
    "an indented header": (
        b"[a]\nx = 1\ny = 2\n  [b]\nx = 3\ny = 4\n",
        (
            4,
            "an indented header, which boto3 and the AWS CLI read as part of the value above",
            "begin the line without blanks",
        ),
    ),
    "a header that is not closed": (
        b"[a\nx = 1\n",
        (1, "a header without one of its brackets", "write it as [NAME]"),
    ),
    "a header that is not opened": (
        b"[a]\nx = 1\nb]\n",
        (3, "a header without one of its brackets", "write it as [NAME]"),
    ),
    "keys above [default]": (
        b"region = x\n[default]\n",
        (1, "text before the first [section]", "move it below [default], or below the header of its profile"),
    ),
    "[DEFAULT] beside [default]": (
        b"[DEFAULT]\nx = 1\n[default]\n",
        (
            1,
            "[DEFAULT] with keys",
            "boto3 and the AWS CLI add its keys to every profile, other SDKs do not; move them to [default]",
        ),
    ),
    "a section twice, first indented": (
        b"  [a]\n[a]\n",
        (2, "duplicate section: the first is in line 1", "merge the two"),
    ),
    "variables of PowerShell, which are one key to boto3": (
        b'[a]\n$env:AWS_ACCESS_KEY_ID="AKIA"\n$env:AWS_SECRET_ACCESS_KEY="hunter2"\n',
        (3, "a line of PowerShell", "write it as key = value, without $env: and without quotation marks"),
    ),
    "a header that is glued to a value": (
        b"[a]\naws_secret_access_key=hunter2[b]\naws_secret_access_key=hunter3\n",
        (2, "the line ends in [b]", "put [b] on a line of its own"),
    ),
    "a header that is glued to a value, with another line ending": (
        b"[a]\r\nregion = x [b]\r\nregion = y\r\n",
        (2, "the line ends in [b]", "put [b] on a line of its own"),
    ),
    "what is glued to a value may be a secret": (
        b"[a]\nregion = x[wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY]\nregion = y\n",
        (2, "the line ends in a header", "put a header on a line of its own"),
    ),
    "a merge conflict": (
        b"[a]\n<<<<<<< HEAD\nk = v\n=======\nk = w\n>>>>>>> other\n",
        (2, *CONFLICT),
    ),
    "a merge conflict in which boto3 takes a marker for a key": (
        b"[a]\n<<<<<<< a=b\nk = v\n=======\nk = w\n>>>>>>> 0123456 (c: d)\n",
        (2, *CONFLICT),
    ),
    "no header": (b"# a comment\nk = v\n[a]\n", (2, *NO_HEADER)),
    "no delimiter": (b"[a]\nk = v\nhunter2\nhunter3\n", (3, *BROKEN)),
    "[DEFAULT] with keys": (b"[a]\nk = v\n\n[DEFAULT]\nl = m\n", (4, *DEFAULT)),
    "a block with a line that is no key": (b"[a]\nk = v\ns3 =\n  b = c\n\n  hunter2\n", (6, *BLOCK)),
    "a block with what ends a line for botocore alone": (b"[a]\ns3 =\n  b = c\x0bhunter2\n", (3, *BLOCK)),
    "a block with a line that stands elsewhere too": (
        b"[b]\nx = 1\n  foo\n[a]\nx = 1\n  foo\nS3 : \n  foo\n",
        (8, *BLOCK),
    ),
    "the second block of a section": (b"[a]\nr = s\ns3 =\n  b = c\nt =\n  hunter2\n", (6, *BLOCK)),
}


def told(error: FileRefusedError) -> Refusal:
    """The line, the reason and the hint of a refusal."""
    [hint] = error.hints
    place = "credentials: " if error.line is None else f"credentials, line {error.line}: "
    assert ("credentials", place) == (error.path, error.message[: len(place)])
    return error.line, error.message.removeprefix(place), hint


@pytest.mark.parametrize(("data", "refusal"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(data: bytes, refusal: Refusal) -> None:
    """With the file, the line, and what to do about it; what stands there is not told, by no error in the chain."""
    with pytest.raises(FileRefusedError) as error:
        ini.parse(data, "credentials")

    assert refusal == told(error.value)
    assert None is error.value.__cause__ is error.value.__context__
    assert refusal[0] == ini_survey.refusals(data, "credentials")[0].line


# name: (bytes, the refusals in the order of lines)
SEVERAL: dict[str, tuple[bytes, list[Refusal]]] = {
    "none": (b"[a]\nk = v\n", []),
    "duplicates of all kinds, and broken lines": (
        b"[a]\nk = 1\nK = 2\nhunter2\n[b]\nk = 3\n[a]\nk = 4\nk : 5\n[b]\n=\n",
        [
            (3, "duplicate key: the first is in line 2", "delete one of the two"),
            (4, *BROKEN),
            (7, "duplicate section: the first is in line 1", "merge the two"),
            (9, "duplicate key: the first is in line 8", "delete one of the two"),
            (10, "duplicate section: the first is in line 5", "merge the two"),
            (11, *BROKEN),
        ],
    ),
    "text before the first header, which is indented": (
        b"x = 1\ny = 2\n  [a]\n[b]\n[b]\n",
        [(1, *NO_HEADER), (5, "duplicate section: the first is in line 4", "merge the two")],
    ),
    "text below an empty line": (
        b"\nx = 1\n[a]\n[a]\n",
        [(2, *NO_HEADER), (4, "duplicate section: the first is in line 3", "merge the two")],
    ),
    "text and no header at all": (b"\nhunter2\n", [(2, *NO_HEADER_FOR_WORDS)]),
    "glued headers, and duplicates apart from those that they make": (
        b"[a]\nregion=x[b]\nregion=y\noutput=z[c]\nregion=y\nregion=z\n[a]\n[b]\n",
        [
            (2, "the line ends in [b]", "put [b] on a line of its own"),
            (4, "the line ends in [c]", "put [c] on a line of its own"),
            (6, "duplicate key: the first is in line 5", "delete one of the two"),
            (7, "duplicate section: the first is in line 1", "merge the two"),
            (8, "duplicate section: the first is in line 2", "merge the two"),
        ],
    ),
    "a merge conflict, and a duplicate apart from it": (
        b"[a]\n<<<<<<< HEAD\nk = v\n=======\nk = w\n>>>>>>> other\n[a]\n",
        [(2, *CONFLICT), (7, "duplicate section: the first is in line 1", "merge the two")],
    ),
    "another kind of file": (
        b"{\n'a'\n}\n[a]\n[a]\n",
        [(None, "this looks like JSON, not like an INI file", "write [default], and key = value below it")],
    ),
    "[DEFAULT] may be there twice, its keys may not": (
        b"[DEFAULT]\n[DEFAULT]\nk = v\nk = w\n",
        [(4, "duplicate key: the first is in line 3", "delete one of the two")],
    ),
    "a byte order mark, carriage returns and bytes that are none": (
        b"\xef\xbb\xbf[a]\r\nk = \xff\r\n[a]\r\n",
        [(2, *NOT_UTF_8), (3, "duplicate section: the first is in line 1", "merge the two")],
    ),
}


@pytest.mark.parametrize(("data", "refusals"), SEVERAL.values(), ids=SEVERAL)
def test_all_that_a_file_is_refused_for(data: bytes, refusals: list[Refusal]) -> None:
    """So that a person has to mend it once."""
    assert refusals == [told(error) for error in ini_survey.refusals(data, "credentials")]


def test_a_missing_file_is_an_empty_one() -> None:
    """For reading, and for what it is refused for."""
    assert IniFile("credentials") == ini.parse(None, "credentials")
    assert [] == ini_survey.refusals(None, "credentials")


def test_what_is_read() -> None:
    """Lower-case keys, blocks, and values with whatever stands in them; the text as it is on disk."""
    data = b"\xef\xbb\xbf[DEFAULT]\n[a]\r\nK: v # c\r\ns3 =\r\n  b = c\r\n[B]\nx ="

    file = ini.parse(data, "config")

    assert ("config", data.decode("utf-8-sig"), True) == (file.path, file.text, file.has_byte_order_mark)
    assert {"a": {"k": "v # c", "s3": "\nb = c"}, "B": {"x": ""}} == file.sections
    assert data == file.encode(file.text)
    assert b"[b]" == ini.parse(b"[a]", "config").encode("[b]")


@pytest.mark.parametrize(
    ("text", "newline"),
    [
        ("", "\n"),
        ("[a]", "\n"),
        ("[a]\n", "\n"),
        ("[a]\r\n", "\r\n"),
        ("[a]\r\nk = v\n", "\n"),
        ("[a]\r\nk = v\nl = m\r\n", "\r\n"),
        ("[a]\r\nk = v\nl = m\n", "\n"),
    ],
)
def test_the_line_ending_of_a_file(text: str, newline: str) -> None:
    """The one that more than half of its lines have."""
    assert newline == ini.parse(text.encode(), "config").newline


def test_places() -> None:
    """Headers and keys with their lines; what continues a value, and comments, are none."""
    file = ini.parse(b"# c\r\n[a]\r\nK = v\r\n  more\r\n; d\r\n\r\nl = m\r\n[b]\r\n", "config")

    assert [Place("a", None, 2), Place("a", "k", 3), Place("a", "l", 7), Place("b", None, 8)] == ini_survey.places(
        file
    )


def test_files_with_byte_order_marks_are_refused_where_boto3_is_to_read_them() -> None:
    """The first that has one, with what to do about it."""
    clean, marked = ini.parse(b"[a]\n", "config"), ini.parse(b"\xef\xbb\xbf[a]\n", "credentials")
    ini.refuse_byte_order_marks(clean, clean)

    with pytest.raises(FileRefusedError) as error:
        ini.refuse_byte_order_marks(clean, marked)

    assert f"credentials, line 1: {MARK[1]}" == error.value.message
    assert error.value.hints == (
        "save the file as UTF-8 without a byte order mark",
        "mfa-profiles doctor --fix removes it",
    )


def test_secrets_of_a_file_are_kept_from_the_log(steps: list[str]) -> None:
    """Whatever tool keeps them there, and the passwords in addresses; not what is none."""
    ini.parse(
        b"[steps]\naws_secret_access_key = hunter2/key\naws_session_token = hunter2/token\n"
        b"my_password = hunter2/pass\nexternal_id = hunter2/id\nx_private_key = hunter2/private\nproxy = http://me:hunter2%2Furl@host:8080\n"
        b"token_file = plain/file\nregion = plain/region\n",
        "credentials",
    )

    secrets = ("key", "token", "pass", "id", "private", "url")

    log.step(" ".join([*(f"hunter2/{secret}" for secret in secrets), "plain/file", "plain/region"]))

    assert ["**** **** **** **** **** **** plain/file plain/region"] == steps


def test_a_line_that_is_not_utf_8_is_told_as_such() -> None:
    """Not as a line that is no ``key = value``, which it is as well once it is decoded somehow."""
    refusals = ini_survey.refusals(b"[a]\n\xff\nold\n", "credentials")

    assert [
        "credentials, line 2: not valid UTF-8",
        "credentials, line 3: not a [section], a key = value, or a comment",
    ] == [refusal.message for refusal in refusals]


AGE = b"age-encryption.org/v1\n-> X25519 hunter2\n"
ENCRYPTED = "this looks encrypted"


@pytest.mark.parametrize(
    ("data", "reason", "hint"),
    [
        (b"$ANSIBLE_VAULT;1.1;AES256\n3132\n", ENCRYPTED, "decrypt it first: ansible-vault decrypt"),
        (b"\0GITCRYPT\0\xff\xfe", ENCRYPTED, "decrypt it first: git-crypt unlock"),
        (AGE + b"\xff", ENCRYPTED, "decrypt it first: age --decrypt"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nabcd\n", ENCRYPTED, "decrypt it first: age --decrypt"),
        (b"-----BEGIN PGP MESSAGE-----\n\nabcd\n", ENCRYPTED, "decrypt it first: gpg --decrypt"),
        (b"Salted__\xff\xff", ENCRYPTED, "decrypt it first: openssl enc -d"),
        ("[a]\nk = v\n".encode("utf-16"), "this is saved as UTF-16", "save it as UTF-8"),
        ("[a]\r\nk = v\r\n".encode("utf-16-le"), "this is saved as UTF-16", "save it as UTF-8"),
        ("[a]\r\nk = v\r\n".encode("utf-16-be"), "this is saved as UTF-16", "save it as UTF-8"),
        (
            b"User name,Access key ID,Secret access key\nx,AKIA,s",
            "this looks like the CSV file of the AWS console",
            None,
        ),
        (b"\xef\xbb\xbfAccess key ID,Secret access key\n", "this looks like the CSV file of the AWS console", None),
        (b'{"Credentials": {"AccessKeyId": "AKIA"}}', "this looks like JSON, not like an INI file", None),
        (b'[\n  {"a": 1}\n]\n', "this looks like JSON, not like an INI file", None),
        (b"---\ndefault: 1\n", "this looks like YAML, not like an INI file", None),
        (b"# mine\n\ndefault:\n  region: x\n", "this looks like YAML, not like an INI file", None),
        (b"<!DOCTYPE html>\n<html>\n", "this looks like a web page or XML, not like an INI file", None),
        (b"#!/bin/sh\nexport AWS_ACCESS_KEY_ID=AKIA\n", "this looks like a shell script, not like an INI file", None),
        (b"set AWS_ACCESS_KEY_ID=AKIA\r\n", "this looks like a shell script, not like an INI file", None),
        (b'$Env:AWS_ACCESS_KEY_ID="AKIA"\r\n', "this looks like a shell script, not like an INI file", None),
        (b"-----BEGIN RSA PRIVATE KEY-----\nabcd\n", "this looks like a key or a certificate", None),
    ],
)
def test_files_of_another_kind_are_named(data: bytes, reason: str, hint: str | None) -> None:
    with pytest.raises(FileRefusedError) as error:
        ini.parse(data, "credentials")

    line, told_reason, told_hint = told(error.value)
    assert (line, told_reason) == (None, reason)
    assert hint in (None, told_hint)
    assert error.value.__cause__ is error.value.__context__ is None


@pytest.mark.parametrize(
    "text",
    [
        "# $ANSIBLE_VAULT;1.1\n[a]\n",
        "[{a}]\nk = v\n",
        '["a"]\nk = v\n',
        "[a]\nx = <html>\nexport k = v\n---: w\n",
        "[a]\ncredential_process = program [b]\n",
        "[a]\nendpoint_url = http://[::1]\n",
        "[a]\nk = <<<<<<< v\n>>>>>>> = w\n",
    ],
)
def test_ini_files_are_not_taken_for_others(text: str) -> None:
    assert ini.parse(text.encode(), "config").text == text


@pytest.mark.parametrize(
    ("line", "is_key"),
    [
        ("aws_access_key_id = AKIA", True),
        ("AWS_ACCESS_KEY_ID=AKIA", True),
        ("region: us-west-2", True),
        ("hunter2", False),
        ("see: this", False),
    ],
)
def test_a_header_is_advised_for_keys_above_all_headers(line: str, *, is_key: bool) -> None:
    with pytest.raises(FileRefusedError) as error:
        ini.parse(line.encode(), "credentials")

    assert told(error.value) == (1, *(NO_HEADER if is_key else NO_HEADER_FOR_WORDS))
