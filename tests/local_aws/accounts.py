"""Accounts, their users, roles and keys, and who signed a request.

moto's IAM backend holds the state.  Each account has a backend of its own rather than moto's
global one, so two LocalAWS in one process share nothing, whatever account ids they use.
"""

import base64
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import pyotp
from moto.iam.exceptions import IAMException
from moto.iam.models import AccessKey, AccessKeyLastUsed, IAMBackend, VirtualMfaDevice
from moto.iam.models import Role as MotoRole
from moto.iam.models import User as MotoUser
from moto.iam.utils import generate_access_key_id_from_account_id
from moto.utilities.utils import get_partition

from tests.local_aws.answers import AWSError
from tests.local_aws.clock import Clock
from tests.local_aws.devices import MFADevice
from tests.local_aws.signature import Authorization

# The name AWS's credential report gives to the root user.
ROOT = "<root_account>"

# What AWS's example policy leaves to users without MFA:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_my-sec-creds-self-manage-mfa-only.html
WITHOUT_MFA = {
    "iam:CreateVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetSessionToken",
}

# Where the one IAM of a partition is, and so what moto is told.
IAM_REGIONS = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}


@dataclass
class Session:
    """Temporary credentials of a user, or of a role, whose sessions have a ``name``."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    principal: MotoUser | MotoRole = field(repr=False)
    expiration: datetime
    mfa: bool
    name: str = ""


@dataclass(frozen=True)
class Trust:
    """Who may assume a role, by ARN (None: everybody in its partition), and on which conditions."""

    trusted: tuple[str, ...] | None
    require_mfa: bool
    external_id: str | None

    def takes(self, arns: set[str], *, mfa: bool, external_id: str | None) -> bool:
        """Whether a caller known by any of ``arns`` may assume the role."""
        if self.trusted is not None and arns.isdisjoint(self.trusted):
            return False
        if self.require_mfa and not mfa:
            return False
        return self.external_id in (None, external_id)

    def policy(self) -> str:
        """The trust policy, as GetRole shows it."""
        conditions: dict[str, dict[str, str]] = {}
        if self.require_mfa:
            conditions["Bool"] = {"aws:MultiFactorAuthPresent": "true"}
        if self.external_id is not None:
            conditions["StringEquals"] = {"sts:ExternalId": self.external_id}
        principal = "*" if self.trusted is None else list(self.trusted)
        statement: dict[str, object] = {"Effect": "Allow", "Principal": {"AWS": principal}}
        statement["Action"] = "sts:AssumeRole"
        if conditions:
            statement["Condition"] = conditions
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Backend(IAMBackend):
    """moto's IAM state of one account, dated by the server's clock, with the devices' codes checked."""

    def __init__(self, partition: str, account_id: str, clock: Clock) -> None:
        super().__init__(partition, account_id)
        self.clock = clock
        self.devices: dict[str, MFADevice] = {}

    def create_user(
        self, region_name: str, user_name: str, path: str = "/", tags: list[dict[str, str]] | None = None
    ) -> MotoUser:
        """Add the "AIDA" that unique ids of users begin with."""
        user = super().create_user(region_name, user_name, path, tags)
        user.id = generate_access_key_id_from_account_id(self.account_id, "AIDA", total_length=21)
        user.create_date = self._now()
        return user

    def list_users(self, *args: Any, **kwargs: Any) -> list[MotoUser]:
        """Leave root out: moto has no notion of it, so here it is kept as a user."""
        return [user for user in super().list_users(*args, **kwargs) if user.name != ROOT]

    def create_role(self, *args: Any, **kwargs: Any) -> MotoRole:
        """Date the role by the server's clock."""
        role = super().create_role(*args, **kwargs)
        role.create_date = self._now()
        return role

    def create_access_key(self, user_name: str, prefix: str = "AKIA", status: str = "Active") -> AccessKey:
        """Date the key by the server's clock."""
        key = super().create_access_key(user_name, prefix, status)
        key.create_date = self._now()
        return key

    def get_all_access_keys_for_all_users(self) -> list[AccessKey]:
        """Look in this account; moto looks in its global backends."""
        return [key for user in self.users.values() for key in user.access_keys]

    def create_virtual_mfa_device(self, device_name: str, path: str) -> VirtualMfaDevice:
        """Keep the seed moto made, to check codes with."""
        made = super().create_virtual_mfa_device(device_name, path)
        self.devices[made.serial_number] = MFADevice(made.serial_number, self.clock, made.base32_string_seed)
        return made

    def enable_mfa_device(
        self, user_name: str, serial_number: str, authentication_code_1: str, authentication_code_2: str
    ) -> None:
        """Ask for two codes that follow each other, as AWS does; moto takes any."""
        device = self.devices.get(serial_number)
        if device is None or serial_number not in self.virtual_mfa_devices:
            raise IAMException("NoSuchEntity", f"VirtualMFADevice with serial number {serial_number} does not exist.")
        if not device.accept_pair(authentication_code_1, authentication_code_2):
            message = "Authentication code for device is not valid."
            raise IAMException("InvalidAuthenticationCode", message)
        super().enable_mfa_device(user_name, serial_number, "", "")
        self._date_device(user_name, serial_number)

    def attach_device(self, user_name: str, device: MFADevice) -> None:
        """Enable a device for a user without asking for codes."""
        self.devices[device.serial_number] = device
        super().enable_mfa_device(user_name, device.serial_number, "", "")
        self._date_device(user_name, device.serial_number)

    def _date_device(self, user_name: str, serial_number: str) -> None:
        self.get_user(user_name).mfa_devices[serial_number].enable_date = self._now()

    def _now(self) -> datetime:
        # moto's times are UTC without a timezone.
        return self.clock.now().replace(tzinfo=None)


class Account:
    """An AWS account in one partition: its IAM, its sessions, and what its users and roles are denied."""

    def __init__(self, account_id: str, partition: str, clock: Clock) -> None:
        self.account_id = account_id
        self.partition = partition
        self.clock = clock
        self.region = IAM_REGIONS[partition]
        self.backend = Backend(partition, account_id, clock)
        self.sessions: dict[str, Session] = {}
        self.denied: dict[str, set[str]] = {}  # by the user's or the role's unique id
        self.needs_mfa: set[str] = set()  # the unique ids of users to whom nearly all is denied without MFA
        # By the role's unique id.  A role that was made with IAM's CreateRole trusts nobody.
        self.trust: dict[str, Trust] = {}

    @property
    def root_arn(self) -> str:
        """The ARN of the root user, which in a trust policy stands for the whole account."""
        return f"arn:{self.partition}:iam::{self.account_id}:root"

    def arn_of(self, user: MotoUser) -> str:
        """The user's ARN; moto has no root user, so that one is made here."""
        return self.root_arn if user.name == ROOT else user.arn

    def role_with(self, arn: str) -> MotoRole | None:
        """The account's role with this ARN."""
        return next((role for role in self.backend.roles.values() if role.arn == arn), None)

    def has(self, principal: MotoUser | MotoRole) -> bool:
        """Whether the user or the role has not been deleted."""
        if isinstance(principal, MotoRole):
            return principal.id in self.backend.roles
        return principal in self.backend.users.values()

    def new_session(
        self, principal: MotoUser | MotoRole, expiration: datetime, *, mfa: bool, name: str = ""
    ) -> Session:
        """Make and keep new temporary credentials; ``name`` is a role session's."""
        session = Session(
            generate_access_key_id_from_account_id(self.account_id, "ASIA", total_length=20),
            base64.b64encode(secrets.token_bytes(30)).decode(),
            _session_token(),
            principal,
            expiration,
            mfa,
            name,
        )
        self.sessions[session.access_key_id] = session
        return session


@dataclass(frozen=True)
class Caller:
    """Who signed a request: a user with a long-term key, or a user or a role with a session's."""

    account: Account
    principal: MotoUser | MotoRole
    secret_access_key: str = field(repr=False)
    session: Session | None = field(repr=False)

    @property
    def user(self) -> MotoUser | None:
        """The user; None if it is a role."""
        return self.principal if isinstance(self.principal, MotoUser) else None

    @property
    def arn(self) -> str:
        """The ARN: a session of GetSessionToken is its user, and one of AssumeRole has its own."""
        if isinstance(self.principal, MotoUser):
            return self.account.arn_of(self.principal)
        return assumed_role_arn(self.account, self.principal, self._session_name)

    @property
    def arns(self) -> set[str]:
        """Every ARN by which a trust policy may mean this caller.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
        """
        return {self.arn, self.principal.arn, self.account.root_arn}

    @property
    def unique_id(self) -> str:
        """A user's id ("AIDA..."), root's account id, or the role's id ("AROA...") with the session's name.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
        """
        if self.is_root:
            return self.account.account_id
        if self.user is not None:
            return self.user.id
        return f"{self.principal.id}:{self._session_name}"

    @property
    def has_mfa(self) -> bool:
        """Whether the request carries MFA, as only sessions made with a code do."""
        return self.session is not None and self.session.mfa

    @property
    def is_root(self) -> bool:
        """Whether it is the account's root user."""
        return self.user is not None and self.user.name == ROOT

    @property
    def _session_name(self) -> str:
        assert self.session is not None  # only a session is a role
        return self.session.name

    def check_permission(self, service: str, action: str, resource: str) -> None:
        """Refuse what the user or the role was denied.

        For IAM as AWS does when no policy allows it, else as when a policy denies it: users may
        call GetSessionToken without any policy, so only a denial can stop them.  It has no
        resource, and AssumeRole has the role.
        """
        permission = f"{service}:{action}"
        denied = self.account.denied.get(self.principal.id, set())
        lacks_mfa = self.principal.id in self.account.needs_mfa and not self.has_mfa and permission not in WITHOUT_MFA
        if not lacks_mfa and not any(fnmatchcase(permission.lower(), pattern.lower()) for pattern in denied):
            return
        message = f"User: {self.arn} is not authorized to perform: {permission} "
        if service == "iam" and not lacks_mfa:
            message += f"on resource: {resource} because "
            message += f"no identity-based policy allows the {permission} action"
        else:
            message += "" if resource == "*" else f"on resource: {resource} "
            message += "with an explicit deny in an identity-based policy"
        raise AWSError(403, "AccessDenied", message)


class Accounts:
    """Every account of one LocalAWS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self.key_delay = timedelta()

    def open(self, account_id: str, partition: str) -> Account:
        """The account with this id, made if need be; it stays in the partition it was made in."""
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = Account(account_id, partition, self._clock)
        if account.partition != partition:
            raise ValueError(f"account {account_id} is in partition {account.partition}, not {partition}")
        return account

    def find_role(self, arn: str, partition: str) -> tuple[Account, MotoRole] | None:
        """The role with this ARN, and its account."""
        account = self._accounts.get(arn.split(":")[4])
        role = account.role_with(arn) if account is not None and account.partition == partition else None
        return None if account is None or role is None else (account, role)

    def caller(self, authorization: Authorization, session_token: str | None) -> Caller:
        """Whose key signed the request; the signature itself is still to be checked.

        A partition knows only its own keys.  Within it any region will do: with an endpoint of its
        own, botocore signs IAM for the profile's region and not for the one IAM is in.
        """
        access_key_id = authorization.access_key_id
        partition = get_partition(authorization.region)
        for account in self._accounts.values():
            if account.partition != partition:
                continue
            key = account.backend.access_keys.get(access_key_id)
            if key is not None:
                return self._with_long_term_key(account, key, session_token)
            session = account.sessions.get(access_key_id)
            if session is not None:
                return self._with_session(account, session, session_token)
        raise invalid_token()

    def _with_long_term_key(self, account: Account, key: AccessKey, session_token: str | None) -> Caller:
        owners = [user for user in account.backend.users.values() if key in user.access_keys]
        if not owners or key.status != "Active" or session_token is not None:
            raise invalid_token()
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
        age = self._clock.now().replace(tzinfo=None) - key.create_date
        if self.key_delay and age < self.key_delay:
            raise invalid_token()
        return Caller(account, owners[0], key.secret_access_key, None)

    def _with_session(self, account: Account, session: Session, session_token: str | None) -> Caller:
        if session_token is None or not secrets.compare_digest(
            session_token.encode(), session.session_token.encode()
        ):
            raise invalid_token()
        if not account.has(session.principal):
            raise invalid_token()
        if self._clock.now() >= session.expiration:
            raise AWSError(403, "ExpiredToken", "The security token included in the request is expired")
        return Caller(account, session.principal, session.secret_access_key, session)

    def mark_key_used(self, caller: Caller, authorization: Authorization) -> None:
        """Keep what GetAccessKeyLastUsed will tell."""
        if caller.session is None:
            key = caller.account.backend.access_keys[authorization.access_key_id]
            now = self._clock.now().replace(tzinfo=None)
            key.last_used = AccessKeyLastUsed(now, authorization.service, authorization.region)


@dataclass(eq=False)
class Principal:
    """A user or a role as a test holds it."""

    account: Account = field(repr=False)
    name: str

    def deny(self, action: str) -> None:
        """Deny an action, ``iam:ListMFADevices`` or ``iam:*``, to this user or role and its sessions."""
        if action.lower() == "sts:getcalleridentity":
            # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
            raise ValueError("AWS answers GetCallerIdentity whatever a policy says")
        self.account.denied.setdefault(self._moto.id, set()).add(action)

    def deny_without_mfa(self) -> None:
        """Deny all but WITHOUT_MFA to requests without MFA, as accounts do that enforce it.

        Whether a code that comes with AssumeRole counts for this policy, sources tell differently: here it does not.
        """
        self.account.needs_mfa.add(self._moto.id)

    def allow(self, action: str) -> None:
        """Undo a ``deny`` of the same action; everything is allowed that was not denied."""
        self.account.denied.get(self._moto.id, set()).discard(action)

    @property
    def _moto(self) -> MotoUser | MotoRole:
        raise NotImplementedError


@dataclass(eq=False)
class User(Principal):
    """A user as a test holds it, with its first access key."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def arn(self) -> str:
        """For example ``arn:aws:iam::123456789012:user/john.doe``."""
        return self.account.arn_of(self._moto)

    def add_virtual_device(self, name: str | None = None) -> MFADevice:
        """Enable a virtual device; its name is the user's unless given."""
        default = "root-account-mfa-device" if self.name == ROOT else self.name
        backend = self.account.backend
        made = backend.create_virtual_mfa_device(name or default, "/")
        device = backend.devices[made.serial_number]
        backend.attach_device(self.name, device)
        return device

    def add_hardware_device(self, serial_number: str) -> MFADevice:
        """Enable a hardware device, for example ``GAHT12345678``; it shows codes as a virtual one does."""
        device = MFADevice(serial_number, self.account.clock, pyotp.random_base32())
        self.account.backend.attach_device(self.name, device)
        return device

    def add_passkey(self, name: str | None = None) -> MFADevice:
        """Enable a passkey: it is listed among the devices, and shows no codes."""
        owner = "root-account" if self.name == ROOT else f"user/{self.name}"
        serial_number = (
            f"arn:{self.account.partition}:iam::{self.account.account_id}:u2f/{owner}/"
            f"{name or self.name.strip('<>')}-{pyotp.random_base32()[:26]}"
        )
        device = MFADevice(serial_number, self.account.clock)
        self.account.backend.attach_device(self.name, device)
        return device

    def deactivate_access_key(self) -> None:
        """Make the key inactive: AWS then takes it for one that it does not know."""
        self.account.backend.update_access_key(self.name, self.access_key_id, "Inactive")

    def add_access_key(self) -> str:
        """Make another access key, and return its ID."""
        return self.account.backend.create_access_key(self.name).access_key_id

    @property
    def secrets(self) -> list[str]:
        """The secrets of the user's access keys, in their order."""
        return [key.secret_access_key for key in self._moto.access_keys]

    @property
    def access_keys(self) -> dict[str, str]:
        """The IDs of the user's access keys, and whether each is ``Active`` or ``Inactive``."""
        return {key.access_key_id: key.status for key in self._moto.access_keys}

    @property
    def _moto(self) -> MotoUser:
        return self.account.backend.get_user(self.name)


def create_user(account: Account, name: str, path: str, *, root: bool) -> User:
    """Create a user with an access key; ``root`` is the account's root user, which has no name."""
    backend = account.backend
    user = backend.create_user(account.region, ROOT if root else name, path)
    key = backend.create_access_key(user.name)
    return User(account, user.name, key.access_key_id, key.secret_access_key)


@dataclass(eq=False)
class Role(Principal):
    """A role as a test holds it; what is denied to it is denied to its sessions."""

    @property
    def arn(self) -> str:
        """For example ``arn:aws:iam::123456789012:role/admin``."""
        return self._moto.arn

    @property
    def _moto(self) -> MotoRole:
        return self.account.backend.get_role(self.name)


def create_role(account: Account, name: str, path: str, max_session_duration: int, trust: Trust) -> Role:
    """Create a role; how long its sessions may be is within AWS's limits."""
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    if not 3_600 <= max_session_duration <= 43_200:
        raise ValueError(f"max_session_duration must be from 3600 to 43200, not {max_session_duration}")
    made = account.backend.create_role(
        role_name=name,
        assume_role_policy_document=trust.policy(),
        path=path,
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration=str(max_session_duration),
    )
    account.trust[made.id] = trust
    return Role(account, made.name)


def assumed_role_arn(account: Account, role: MotoRole, session_name: str) -> str:
    """The ARN of a role session, in which the role's path is left out."""
    return f"arn:{account.partition}:sts::{account.account_id}:assumed-role/{role.name}/{session_name}"


def invalid_token() -> AWSError:
    """The refusal of keys and tokens AWS does not know, or does not take for this."""
    return AWSError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")


def _session_token() -> str:
    """As long as AWS's, with each of ``/``, ``+`` and ``=``, on which quoting and escaping may trip."""
    while True:
        token = base64.b64encode(b"\x17\n\x06er/aws\x13" + secrets.token_bytes(309)).decode()
        if "/" in token and "+" in token:
            return token
