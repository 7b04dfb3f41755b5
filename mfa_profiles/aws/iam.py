"""AWS IAM: the MFA devices and the access keys of the caller."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from mfa_profiles.aws import values
from mfa_profiles.aws.attempts import Attempt, explained
from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.mfa_device import MFADevice
from mfa_profiles.errors import UnreachableError
from mfa_profiles.profiles import Keys

# A user has eight devices and two access keys at most; whoever answers for AWS may never come to the last page.
_MAX_PAGES = 10


def list_mfa_devices(caller: Caller) -> list[MFADevice]:
    """The devices of the user whose keys the caller has.

    Without a user name IAM takes the one of the keys, and needs no other permission than iam:ListMFADevices.
    Raises AWSError.
    """
    with explained(Attempt("ListMFADevices", caller)):
        return devices_of(caller)


def devices_of(caller: Caller) -> list[MFADevice]:
    """The same, raising what boto3 raises: for refusals, which are explained with the devices that there are."""
    pages = islice(caller.iam().get_paginator("list_mfa_devices").paginate(), _MAX_PAGES)
    return [
        MFADevice(values.serial_number(device["SerialNumber"])) for page in pages for device in page["MFADevices"]
    ]


@dataclass(frozen=True)
class AccessKey:
    """A long-term access key of a user, without its secret; ``created`` is aware and in UTC."""

    access_key_id: str
    is_active: bool
    created: datetime


def list_access_keys(caller: Caller) -> list[AccessKey]:
    """The access keys of the user whose keys or session the caller has; there are two at most. Raises AWSError."""
    with explained(Attempt("ListAccessKeys", caller)):
        pages = islice(caller.iam().get_paginator("list_access_keys").paginate(), _MAX_PAGES)
        return [
            AccessKey(
                values.access_key_id(key["AccessKeyId"]), key["Status"] == "Active", values.moment(key["CreateDate"])
            )
            for page in pages
            for key in page["AccessKeyMetadata"]
        ]


@dataclass(frozen=True)
class LastUse:
    """When an access key was used last (aware and in UTC), and for which service, such as ``s3``."""

    when: datetime
    service: str


def last_use(caller: Caller, access_key_id: str) -> LastUse | None:
    """When an access key of the caller's user was used last; None if it never was. Raises AWSError."""
    with explained(Attempt("GetAccessKeyLastUsed", caller)):
        used = caller.iam().get_access_key_last_used(AccessKeyId=access_key_id)["AccessKeyLastUsed"]
        # A key that was never used has no date, and "N/A" for a service.
        if not used.get("LastUsedDate"):
            return None
        return LastUse(values.moment(used["LastUsedDate"]), values.name(used["ServiceName"]))


def create_access_key(caller: Caller) -> Keys:
    """Make an access key for the caller's user. AWS shows its secret this once.

    Raises UnreachableError if it may have been made though no answer came, AWSError for a refusal.
    """
    with explained(Attempt("CreateAccessKey", caller)):
        made = caller.iam().create_access_key()["AccessKey"]
        given = made["AccessKeyId"], made["SecretAccessKey"]
    try:
        return Keys(values.access_key_id(given[0]), values.secret(given[1]))
    except ValueError:
        raise UnreachableError(
            "AWS answered without a usable access key", "is AWS_ENDPOINT_URL or a proxy in the way?"
        ) from None


def deactivate_access_key(caller: Caller, access_key_id: str) -> None:
    """Make an access key of the caller's user inactive. Raises AWSError."""
    with explained(Attempt("UpdateAccessKey", caller)):
        caller.iam().update_access_key(AccessKeyId=access_key_id, Status="Inactive")


def delete_access_key(caller: Caller, access_key_id: str) -> None:
    """Delete an access key of the caller's user, for good. Raises AWSError."""
    with explained(Attempt("DeleteAccessKey", caller)):
        caller.iam().delete_access_key(AccessKeyId=access_key_id)
