"""The console's file of keys: every form that it has had, and what is none of them."""

import pytest

from mfa_profiles.access_keys import fault_of_id, fault_of_secret, looks_like_secret
from mfa_profiles.access_keys_csv import MAX_BYTES, keys_in
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Keys

ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HEADER = "Access key ID,Secret access key"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ID},{SECRET}\n",
        f"\ufeff{HEADER}\r\n{ID},{SECRET}\r\n",
        f"{HEADER}\n{ID},{SECRET}",
        f'\n"access key id",SECRET ACCESS KEY \n\n"{ID}", {SECRET}\n,\n',
        f"User Name,{HEADER}\njohn.doe,{ID},{SECRET}\n",
        f"User name,Password,{HEADER},Console login link\n"
        f'john.doe,"p,""\x0b",{ID},{SECRET},https://123456789012.signin.aws.amazon.com/console\n',
        f"{HEADER},Status\n{ID},{SECRET}\n",
    ],
    ids=["today", "Windows", "no end of line", "spreadsheet", "2014", "2018", "short row"],
)
def test_every_form_of_the_file(text: str) -> None:
    """Whatever else is in it, and however its lines end."""
    assert Keys(ID, SECRET) == keys_in(text.encode(), "accessKeys.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "accessKeys.csv has no column Access key ID"),
        (b"\n \n", "accessKeys.csv has no column Access key ID"),
        (f"[default]\naws_secret_access_key = {SECRET}\n".encode(), "accessKeys.csv has no column Access key ID"),
        (f"User name,Access key ID\na,{ID}\n".encode(), "accessKeys.csv has no column Secret access key"),
        (f"{ID},{SECRET}\n".encode(), "accessKeys.csv has no column Access key ID"),
        (f"{HEADER}\n".encode(), "accessKeys.csv holds no keys, and a profile has those of one"),
        (
            f"{HEADER}\n{ID},{SECRET}\n{ID},{SECRET}\n".encode(),
            "accessKeys.csv holds the keys of 2 users, and a profile has those of one",
        ),
        (f"{HEADER}\n{ID}\n".encode(), "accessKeys.csv: there is no secret access key"),
        (
            f"{HEADER}\n{SECRET},{ID}\n".encode(),
            "accessKeys.csv: this looks like a secret access key where the access key ID belongs",
        ),
        (
            f"{HEADER}\n{ID},a b\n".encode(),
            "accessKeys.csv: this is not a secret access key: those are letters, digits and signs without blanks",
        ),
        (f"{HEADER}\n".encode("utf-16"), "accessKeys.csv is not a CSV file of the IAM console"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "accessKeys.csv is not a CSV file of the IAM console"),
        (f'{HEADER}\n{ID},"{SECRET}'.encode(), "accessKeys.csv is not a CSV file of the IAM console"),
        (b"\n" * (MAX_BYTES + 1), "accessKeys.csv is not a CSV file of the IAM console"),
    ],
)
def test_what_is_no_such_file(data: bytes, message: str) -> None:
    """A sentence, in which nothing of the file is, nor in what led to it."""
    with pytest.raises(ProfileError) as raised:
        keys_in(data, "accessKeys.csv")

    assert (message, None, None) == (raised.value.message, raised.value.__cause__, raised.value.__context__)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ID, None),
        ("AKIA" + "A" * 124, None),
        ("", "there is no access key ID"),
        (SECRET, "this looks like a secret access key where the access key ID belongs"),
        ("ASIAIOSFODNN7EXAMPLE", "this is a temporary access key: the long-term one of an IAM user begins with AKIA"),
        ("AIDAIOSFODNN7EXAMPLE", "this is not the access key ID of an IAM user: those begin with AKIA"),
        *(
            (text, "this is not an access key ID: those are 20 capital letters and digits that begin with AKIA")
            for text in ("akiaiosfodnn7example", "AKIA", "AKIA" + "A" * 125, f"{ID}\n", "AKIAIOSFODNN7EXÄMPLE")
        ),
    ],
)
def test_access_key_ids(text: str, fault: str | None) -> None:
    """What is wrong with one is said without repeating it."""
    assert fault == fault_of_id(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (SECRET, None),
        ("x", None),  # what stands in for AWS on a desk makes shorter ones
        (ID, "this looks like an access key ID where the secret access key belongs"),
        (
            f"{SECRET}\n{SECRET}",
            "this is not a secret access key: those are letters, digits and signs without blanks",
        ),
        ("é" * 40, "this is not a secret access key: those are letters, digits and signs without blanks"),
    ],
)
def test_secret_access_keys(text: str, fault: str | None) -> None:
    """AWS says nothing of their form, but that it fits into a file and a signature."""
    assert fault == fault_of_secret(text)


@pytest.mark.parametrize("text", ["smce-veda", "a" * 40, "my-company/production/AdministratorAcces", SECRET[:39]])
def test_names_are_no_secrets(text: str) -> None:
    """Not even long ones."""
    assert (False, True) == (looks_like_secret(text), looks_like_secret(SECRET))
