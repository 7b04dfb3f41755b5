"""The file of keys that the IAM console offers for download: ``accessKeys.csv``, or ``credentials.csv`` of old."""

import csv
import io

from mfa_profiles.access_keys import fault_of_id, fault_of_secret
from mfa_profiles.errors import ProfileError
from mfa_profiles.profiles import Keys

MAX_BYTES = 65536
"""A file with more in it is something else: the console's has some hundred bytes."""

_HINT = "the IAM console offers accessKeys.csv once, when an access key is created"
_COLUMNS = ("Access key ID", "Secret access key")


def keys_in(data: bytes, path: str) -> Keys:
    """The keys of the one user in a file; ``path`` is for messages alone, in which nothing of the file is.

    Columns besides ``Access key ID`` and ``Secret access key`` do not matter, nor does the case of their names, nor a
    byte order mark. Raises ProfileError.
    """
    rows = _rows(data) if len(data) <= MAX_BYTES else None
    if rows is None:
        raise ProfileError(f"{path} is not a CSV file of the IAM console", _HINT)
    header, *users = rows or [[]]
    names = [name.strip().lower() for name in header]
    for column in _COLUMNS:
        if column.lower() not in names:
            raise ProfileError(f"{path} has no column {column}", _HINT)
    if len(users) != 1:
        how_many = f"the keys of {len(users)} users" if users else "no keys"
        raise ProfileError(f"{path} holds {how_many}, and a profile has those of one", _HINT)
    cells = dict(zip(names, (cell.strip() for cell in users[0]), strict=False))
    access_key_id, secret_access_key = (cells.get(column.lower(), "") for column in _COLUMNS)
    fault = fault_of_id(access_key_id) or fault_of_secret(secret_access_key)
    if fault is not None:
        raise ProfileError(f"{path}: {fault}", _HINT)
    return Keys(access_key_id, secret_access_key)


def _rows(data: bytes) -> list[list[str]] | None:
    """The rows that are not empty, or None for what is no CSV: the texts of these errors would quote it."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return None
    return [row for row in rows if any(cell.strip() for cell in row)]
