"""What AWS refuses, and what fails on the way to it, becomes one sentence with hints; produced by the local AWS."""

import contextlib
import errno
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import botocore.exceptions
import pytest
import trustme

from mfa_profiles import shared_files
from mfa_profiles.aws import attempts, network, refusals, table
from mfa_profiles.aws.caller import Caller
from mfa_profiles.aws.clients import Clients
from mfa_profiles.errors import MfaProfilesError, TokenCodeRefusedError
from mfa_profiles.profiles import Keys, SharedPaths
from mfa_profiles.roles import Role
from tests.home import BASE, DERIVED, Home
from tests.local_aws import LocalAWS, MFADevice, User
from tests.local_aws.tls import PrivateCA
from tests.proxy import ConnectProxy, black_hole, mute_server

# Retries without waiting; the rest is the real command. Only a hang takes longer than the limits.
HASTE = """
import time
time.sleep = lambda seconds: None
from mfa_profiles.aws import clients
clients.CONNECT_TIMEOUT = clients.READ_TIMEOUT = clients._PATIENCE = 100
clients._MAX_ATTEMPTS = 2
"""
# Time-outs that a test can wait for, where nothing answers.
TIMEOUTS = "clients.CONNECT_TIMEOUT = clients.READ_TIMEOUT = 1; clients._PATIENCE = 0.5\n"

ADMIN = "arn:aws:iam::123456789012:role/admin"
STS = "https://sts.us-west-2.amazonaws.com"
PROXY_SYNTAX = (
    "it is http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT, with @ : / ? # in a password as %40 %3A %2F %3F %23"
)
CA_SYNTAX = "it is the path of a file with PEM certificates, in which ~ and $VARIABLES are not expanded"
STILL_GOOD = "the token code may still be good"
ASK_THE_CLI = "see what the AWS CLI says: aws sts get-caller-identity --profile {profile}"
COPY_AGAIN = "copy both again into [smce-veda] in {credentials}"
ONLINE = "is this machine online? behind a proxy, set HTTPS_PROXY=http://HOST:PORT"


@dataclass
class Scene:
    """A home with a base profile, and the command that is going to fail there."""

    home: Home
    aws: LocalAWS
    user: User
    device: MFADevice
    stack: contextlib.ExitStack
    arguments: list[str] = field(default_factory=lambda: ["refresh", BASE])
    env: dict[str, str] = field(default_factory=dict)
    has_code: bool = True
    before: str = HASTE

    @property
    def path(self) -> Path:
        """The home directory."""
        return self.home.path

    def refuse(self, code: str, message: str = "no", action: str = "GetSessionToken", status: int = 403) -> None:
        """Let AWS refuse an action with a text that quotes a secret."""
        self.home.secrets.append("hunter2")
        self.aws.faults.add(action=action, refusal=(status, code, f"{message} hunter2"))

    def replace(self, old: str, new: str) -> None:
        """Change the credentials file."""
        text = self.home.credentials.read_text()
        assert old in text
        self.home.credentials.write_text(text.replace(old, new))

    def configure(self, text: str) -> None:
        """Add to the end of the config file, which is the base profile's section."""
        with self.home.config.open("a") as config:
            config.write(text)

    def with_role(self, settings: str = "", arn: str | None = None, *, max_session_duration: int = 3600) -> None:
        """A role profile whose source has a good session: no code is needed for the role."""
        role = self.aws.create_role("admin", trusted=self.user.arn, max_session_duration=max_session_duration)
        self.with_session()
        self.configure(f"\n[profile admin]\nrole_arn = {arn or role.arn}\nsource_profile = {BASE}\n{settings}")
        self.arguments = ["refresh", "admin"]

    def with_session(self) -> None:
        """A good session, so that no code is needed."""
        assert 0 == self.home.run_warm("refresh", BASE, "--token-code", self.home.code(self.device)).code
        self.has_code = False

    def with_source(self, settings: str) -> None:
        """A role profile whose source gets its credentials from somewhere else."""
        self.home.config.write_text(
            f"[profile {BASE}]\nregion = us-west-2\n{settings}\n"
            f"[profile admin]\nrole_arn = {ADMIN}\nsource_profile = {BASE}\nregion = us-west-2\n"
        )
        self.home.credentials.write_text("")
        self.arguments = ["refresh", "admin"]
        self.has_code = False

    def files(self) -> list[bytes]:
        """The two files as they are; in a failed test they are not printed."""
        paths = [path for path in (self.home.credentials, self.home.config) if path.exists()]
        return [hashlib.sha256(path.read_bytes()).digest() for path in paths]

    def run(self) -> list[str]:
        """Run the command, see that it fails and leaves the files alone, and return the lines of its error."""
        before = self.files()
        code = ["--token-code", self.home.code(self.device)] if self.has_code else []
        result = self.home.run_warm(*self.arguments, *code, env=self.env, before=self.before)
        assert (1, before, "") == (result.code, self.files(), result.stdout)
        # That AWS_ACCESS_KEY_ID is set in the environment is worth a warning, before anything else.
        return [line for line in result.errors if not line.startswith("mfa-profiles: warning: AWS_ACCESS_KEY_ID")]


@pytest.fixture
def scene(base: Home, aws: LocalAWS, user: User, device: MFADevice) -> Iterator[Scene]:
    """A scene in which nothing is wrong yet."""
    with contextlib.ExitStack() as stack:
        yield Scene(base, aws, user, device, stack)


# --- What goes wrong.


def wrong_code(scene: Scene) -> None:
    """A code that the device does not show."""
    scene.has_code = False
    scene.home.secrets.append(scene.device.wrong_code())
    scene.arguments += ["--token-code", scene.device.wrong_code()]


def wrong_code_and_clock(scene: Scene) -> None:
    """A clock that is off by less than makes signatures invalid."""
    scene.aws.clock.offset = 180
    wrong_code(scene)


def other_device(scene: Scene) -> None:
    """A device of another user, while there are two of one's own, one of which gives codes."""
    scene.user.add_passkey()
    other = scene.aws.create_user("jane.doe").add_virtual_device()
    scene.arguments += ["--serial-number", other.serial_number]


def other_device_and_no_list(scene: Scene) -> None:
    """The same without permission to see one's own devices."""
    other_device(scene)
    scene.user.deny("iam:ListMFADevices")


def root_keys(scene: Scene) -> None:
    """A role whose source has the root user's keys."""
    root = scene.aws.create_user(root=True)
    scene.home.secrets.append(root.secret_access_key)
    device = root.add_virtual_device()
    scene.device = device
    scene.home.add_base(root, config=f"region = us-west-2\nmfa_serial = {device.serial_number}\n")
    scene.with_role()


def no_list_of_devices(scene: Scene) -> None:
    """No device configured, and no permission to look for it."""
    scene.home.config.write_text(f"[profile {BASE}]\nregion = us-west-2\n")
    scene.user.deny("iam:ListMFADevices")


def denied(text: str, permission: str = "sts:GetSessionToken") -> Callable[[Scene], None]:
    """A refusal by a policy, in AWS's words."""

    def setup(scene: Scene) -> None:
        action = permission.split(":")[1]
        if action == "AssumeRole":
            scene.with_role()
        scene.refuse(
            "AccessDenied", f"User: {scene.user.arn} is not authorized to perform: {permission} {text}", action
        )

    return setup


def assume_denied(scene: Scene) -> None:
    """A role that does not take its caller: AWS does not say why."""
    scene.with_role()
    scene.configure("external_id = wrong\n")
    scene.aws.create_role("other", external_id="right", trusted=scene.user.arn)
    scene.home.config.write_text(scene.home.config.read_text().replace("role/admin", "role/other"))


def role_denied_to_the_user(scene: Scene) -> None:
    """A policy of the user that denies the role."""
    scene.with_role()
    scene.user.deny("sts:AssumeRole")


def role_directly(scene: Scene) -> None:
    """A role that is assumed for more than an hour, and does not trust the user."""
    scene.with_role("duration_seconds = 7200\n", max_session_duration=7200)
    scene.refuse("AccessDenied", f"User: {scene.user.arn} is not authorized to perform: sts:AssumeRole", "AssumeRole")
    scene.has_code = True


def chained_role(scene: Scene) -> None:
    """A role that asks for MFA, behind another role."""
    scene.with_role("region = us-west-2\n")
    assert 0 == scene.home.run_warm("refresh", "admin").code
    other = scene.aws.create_role("other", require_mfa=True)
    scene.configure(f"\n[profile other]\nrole_arn = {other.arn}\nsource_profile = admin\n")
    scene.arguments = ["refresh", "other"]


def own_keys(scene: Scene) -> None:
    """A role of the environment's long-term keys, which asks for MFA."""
    scene.aws.create_role("admin", trusted=scene.user.arn, require_mfa=True)
    user = scene.user
    credential_source(
        "Environment", AWS_ACCESS_KEY_ID=user.access_key_id, AWS_SECRET_ACCESS_KEY=user.secret_access_key
    )(scene)


def no_such_role(scene: Scene) -> None:
    """A role that is not there."""
    scene.with_role(arn="arn:aws:iam::123456789012:role/nobody")


def stale_session(scene: Scene) -> None:
    """A session in the credentials file that AWS does not know."""
    scene.with_role()
    key = scene.home.section(DERIVED)["aws_access_key_id"]
    scene.replace(key, "ASIAUNKNOWNKEY")


def expired_session(scene: Scene) -> None:
    """A session that is over for AWS, though it seems good here."""
    scene.with_role()
    scene.refuse("ExpiredToken", action="AssumeRole")


def damaged_session(scene: Scene) -> None:
    """A secret that is not the session's."""
    scene.with_role()
    text = scene.home.credentials.read_text()
    start = text.index(f"[{DERIVED}]")
    damaged = re.sub(r"(aws_secret_access_key\s*=\s*)\S+", r"\1d4maged", text[start:], count=1)
    scene.home.credentials.write_text(text[:start] + damaged)


def pasted_session(scene: Scene) -> None:
    """A source with session credentials that somebody pasted."""
    scene.with_source("")
    scene.home.credentials.write_text(
        f"[{BASE}]\naws_access_key_id = ASIAPASTED\naws_secret_access_key = p4sted/secret\n"
        "aws_session_token = p4sted/token\n"
    )


def keys_of_a_command(scene: Scene) -> None:
    """A source whose temporary keys come from a command; AWS does not take them."""
    keys = {"Version": 1, "AccessKeyId": "ASIAGIVEN", "SecretAccessKey": "hunter3", "SessionToken": "hunter4"}
    scene.home.secrets.extend(["hunter3", "hunter4"])
    (scene.path / "keys.json").write_text(json.dumps(keys))
    scene.with_source(f"credential_process = cat {scene.path}/keys.json\n")


def unknown_key(scene: Scene) -> None:
    """A key that was mistyped."""
    scene.replace(scene.user.access_key_id, "AKIAUNKNOWNKEY")


def other_partition(scene: Scene) -> None:
    """A region of another partition than the device's."""
    scene.home.config.write_text(scene.home.config.read_text().replace("us-west-2", "cn-north-1"))


def wrong_secret(scene: Scene) -> None:
    """A secret that does not belong to the key."""
    scene.replace(scene.user.secret_access_key, "wrong/secret+key")


def clock(offset: float) -> Callable[[Scene], None]:
    """AWS's clock, by this machine's."""

    def setup(scene: Scene) -> None:
        scene.aws.clock.offset = offset

    return setup


def expired_request(scene: Scene) -> None:
    """A request that was too late, and a clock that may be why."""
    scene.aws.clock.offset = -1200
    scene.refuse("RequestExpired")


def refused(code: str, message: str = "no", status: int = 403) -> Callable[[Scene], None]:
    """A refusal that the local AWS cannot come to by itself."""
    return lambda scene: scene.refuse(code, message, status=status)


def role_refused(code: str, message: str) -> Callable[[Scene], None]:
    """A refusal of a role."""

    def setup(scene: Scene) -> None:
        scene.with_role()
        scene.refuse(code, message, "AssumeRole", 400)

    return setup


def role_with(settings: str, arn: str | None = None) -> Callable[[Scene], None]:
    """A role profile with settings that AWS does not take."""
    return lambda scene: scene.with_role(settings, arn)


def long_role(scene: Scene) -> None:
    """More than the role allows."""
    scene.with_role("duration_seconds = 14400\n", max_session_duration=7200)
    scene.has_code = True


def long_role_and_no_look(scene: Scene) -> None:
    """More than the role allows, and no permission to see what that is."""
    long_role(scene)
    scene.user.deny("iam:GetRole")


def fault(**faults: object) -> Callable[[Scene], None]:
    """A fault of the local AWS."""

    def setup(scene: Scene) -> None:
        scene.home.secrets.append("hunter2")
        scene.aws.faults.add(**faults)  # type: ignore[arg-type]

    return setup


# --- What goes wrong on the way.


def environment(**values: str) -> Callable[[Scene], None]:
    """Variables of the environment."""
    return lambda scene: scene.env.update(values)


def swallowed(scene: Scene) -> None:
    """A network in which connections are never made."""
    scene.before += TIMEOUTS
    port = scene.stack.enter_context(black_hole())
    scene.env["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"


def mute(scene: Scene) -> None:
    """A server that says nothing."""
    scene.before += TIMEOUTS
    port = scene.stack.enter_context(mute_server())
    scene.env["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"


def no_dns(scene: Scene) -> None:
    """A name server that does not answer: the system asks it for minutes."""
    scene.before += (
        f"{TIMEOUTS}import socket, threading; socket.getaddrinfo = lambda *_, **__: threading.Event().wait()\n"
    )


def proxy(status: int) -> Callable[[Scene], None]:
    """A proxy that refuses."""

    def setup(scene: Scene) -> None:
        proxy = scene.stack.enter_context(ConnectProxy(9, status))
        scene.home.secrets.append("hunter2")
        url = proxy.url.replace("//", "//user:hunter2@")
        scene.env.update(AWS_ENDPOINT_URL=STS, HTTPS_PROXY=url)

    return setup


def tls_to_a_plain_proxy(scene: Scene) -> None:
    """An https:// URL for a proxy that knows http only."""
    port = says(scene, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    scene.env.update(AWS_ENDPOINT_URL=STS, HTTPS_PROXY=f"https://127.0.0.1:{port}")


def says(scene: Scene, answer: bytes) -> int:
    """The port of a server that says one thing to whatever it hears."""
    listening = scene.stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                with client:
                    client.recv(65536)
                    client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    scene.stack.callback(thread.join)
    scene.stack.callback(lambda: listening.shutdown(socket.SHUT_RDWR))
    return int(listening.getsockname()[1])


def proxy_at(url: str) -> Callable[[Scene], None]:
    """The URL of a proxy that does not work."""

    def setup(scene: Scene) -> None:
        scene.home.secrets.append("hunter2")
        scene.env.update(AWS_ENDPOINT_URL=STS, HTTPS_PROXY=url)

    return setup


class OtherCA(PrivateCA):
    """An authority whose certificate is for other names, or for other times."""

    def __init__(self, *names: str, not_after: datetime | None = None) -> None:
        self._authority = trustme.CA()
        before = not_after and not_after - timedelta(days=1)
        self._certificate = self._authority.issue_cert(*names, not_before=before, not_after=not_after)


def certificate(authority: Callable[[], PrivateCA], bundle: str = "{ca}") -> Callable[[Scene], None]:
    """An endpoint with a certificate, and the CA bundle to check it by."""

    def setup(scene: Scene) -> None:
        made = authority()
        made.write_pem(scene.path / "ca.pem")
        (scene.path / "empty.pem").write_text("hunter2\n")
        server = scene.stack.enter_context(LocalAWS(authority=made))
        scene.env["AWS_ENDPOINT_URL"] = server.endpoint_url
        scene.env["AWS_CA_BUNDLE"] = bundle.format(ca=scene.path / "ca.pem", home=scene.path)

    return setup


def not_trusted(scene: Scene) -> None:
    """A certificate of an authority that nobody knows."""
    certificate(PrivateCA)(scene)
    PrivateCA().write_pem(scene.path / "ca.pem")


def plain_endpoint(scene: Scene) -> None:
    """An https:// URL for an endpoint that knows http only."""
    scene.env["AWS_ENDPOINT_URL"] = scene.aws.endpoint_url.replace("http://", "https://")


def old_tls(scene: Scene) -> None:
    """An endpoint with which no version of TLS can be agreed on."""
    port = says(scene, b"\x15\x03\x03\x00\x02\x02\x46")  # a fatal alert: protocol version
    scene.env["AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{port}"


def bad_region(scene: Scene) -> None:
    """A comment behind the region."""
    scene.home.config.write_text(scene.home.config.read_text().replace("us-west-2", "us-west-2 # home"))


def no_variant(scene: Scene) -> None:
    """A kind of endpoint that a partition does not have."""
    other = scene.home.config.read_text().replace("us-west-2", "eu-isoe-west-1\nuse_dualstack_endpoint = true")
    scene.home.config.write_text(other)
    scene.env["AWS_ENDPOINT_URL"] = ""


def configured(text: str) -> Callable[[Scene], None]:
    """A setting of the base profile."""
    return lambda scene: scene.configure(text)


def missing_services(scene: Scene) -> None:
    """The name of a section that is not there, and no endpoint in the environment, which would outrank it."""
    scene.configure("services = hunter2\n")
    scene.env["AWS_ENDPOINT_URL"] = ""


# --- Where credentials come from.

SSO = (
    "sso_start_url = https://example.awsapps.com/start\nsso_region = us-west-2\n"
    "sso_account_id = 123456789012\nsso_role_name = admin\n"
)


def source(settings: str) -> Callable[[Scene], None]:
    """A source that gets its credentials from somewhere else."""
    return lambda scene: scene.with_source(settings)


def refused_sso(scene: Scene) -> None:
    """An SSO session that is good, but not for that role."""
    scene.with_source(SSO)
    cache = scene.path / ".aws" / "sso" / "cache"
    # What botocore computes as it is imported.
    scene.before += (
        f"from botocore import credentials\ncredentials.SSOProvider._SSO_TOKEN_CACHE_DIR = {str(cache)!r}\n"
    )
    cache.mkdir(parents=True)
    name = hashlib.sha1(b"https://example.awsapps.com/start").hexdigest()  # as botocore names it
    token = {"accessToken": "hunter3", "expiresAt": "2100-01-01T00:00:00Z"}
    scene.home.secrets.append("hunter3")
    (cache / f"{name}.json").write_text(json.dumps(token))
    fault(answer=(403, b'{"message": "hunter2"}'))(scene)


def web_identity(scene: Scene) -> None:
    """A token that AWS does not take."""
    (scene.path / "token").write_text("hunter3")
    scene.home.secrets.append("hunter3")
    scene.with_source(f"role_arn = {ADMIN}\nweb_identity_token_file = {scene.path}/token\n")
    scene.refuse("InvalidIdentityToken", action="AssumeRoleWithWebIdentity", status=400)


def credential_source(name: str, **env: str) -> Callable[[Scene], None]:
    """A role whose source is the environment or the machine."""

    def setup(scene: Scene) -> None:
        scene.home.config.write_text(
            f"[profile admin]\nrole_arn = {ADMIN}\ncredential_source = {name}\nregion = us-west-2\n"
        )
        scene.arguments = ["refresh", "admin"]
        scene.has_code = False
        scene.env.update(env)

    return setup


# --- And what is said about it.


def key_made_meanwhile(scene: Scene) -> None:
    """A second access key, made by somebody else just before ours."""
    scene.with_session()
    scene.aws.before = lambda request: request.action == "CreateAccessKey" and scene.user.add_access_key()
    scene.arguments = ["rotate", BASE]


def key_deleted_meanwhile(scene: Scene) -> None:
    """The user's other access key, deleted by somebody else just before we do."""
    scene.with_session()
    other = scene.user.add_access_key()
    delete = scene.user.account.backend.delete_access_key
    scene.aws.before = lambda request: request.action == "DeleteAccessKey" and delete(other, scene.user.name)
    scene.arguments = ["rotate", BASE, "--delete-other"]


def role_session_of_another_tool(scene: Scene) -> None:
    """A session in the derived profile, by a tool that has assumed a role for it."""
    scene.with_role()
    assert 0 == scene.home.run_warm("refresh", "admin").code
    text = scene.home.credentials.read_text()
    base, _, sessions = text.partition(f"[{DERIVED}]\n")
    of_role = re.sub("(?m)^# Expires .*\n", "", sessions.partition("[admin-mfa]\n")[2])
    scene.home.credentials.write_text(f"{base}[{DERIVED}]\n{of_role}")
    scene.arguments = ["rotate", BASE]


@dataclass(frozen=True)
class Case:
    """A row of the tables, by its name, and what a person sees of it."""

    row: str
    setup: Callable[[Scene], None]
    sentence: str
    hints: tuple[str, ...]
    variant: str = ""

    @property
    def id(self) -> str:
        """The name of the test."""
        return f"{self.row}, {self.variant}" if self.variant else self.row


DENY_HINTS = (
    "a Deny outweighs every Allow: {owner} can change it",
    "if it denies all that comes without MFA: sts:GetSessionToken belongs among the exceptions in its NotAction",
)
ROLE_SECTION = "[profile admin] in {config}"
TRUST_HINT = "and the trust policy of the role has to name the user or its account as Principal"
ALLOW = '{{"Effect": "Allow", "Action": "%s", "Resource": "%s"}}'
ALLOW_SESSION = ALLOW % ("sts:GetSessionToken", "*")
CODES_PAGE = "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html says what that means"


def explicit_deny(policy: str, ours: str, owner: str) -> Case:
    """The case of a policy that denies."""
    return Case(
        "explicit deny",
        denied(f"with an explicit deny in {policy}"),
        f"profile smce-veda has no permission sts:GetSessionToken: {ours} denies it",
        tuple(hint.replace("{owner}", owner) for hint in DENY_HINTS),
        policy,
    )


REFUSALS = [
    Case(
        "token code",
        wrong_code,
        "AWS did not accept the token code",
        (
            "if mistyped, the right one still works; if used before, the next one comes in <n> s",
            "if that is refused too: is {serial} the device you read it from?",
        ),
    ),
    Case(
        "token code",
        wrong_code_and_clock,
        "AWS did not accept the token code",
        (
            "if mistyped, the right one still works; if used before, the next one comes in <n> s",
            "if that is refused too: is {serial} the device you read it from?",
            "this machine's clock is 3 minutes behind AWS's: codes that it computes are wrong",
        ),
        "with a clock that is off",
    ),
    Case(
        "device",
        other_device,
        "arn:aws:iam::123456789012:mfa/jane.doe is not an MFA device of this user that gives codes",
        (
            "this user's: {serial}",
            "name another one with --serial-number, or mfa_serial = {serial} under [profile smce-veda] in {config}",
        ),
    ),
    Case(
        "device",
        other_device_and_no_list,
        "arn:aws:iam::123456789012:mfa/jane.doe is not an MFA device of this user that gives codes",
        ("name another one with --serial-number, or mfa_serial = ARN under [profile smce-veda] in {config}",),
        "without a list",
    ),
    Case(
        "temporary keys",
        refused("AccessDenied", "Cannot call GetSessionToken with session credentials"),
        "the keys of profile smce-veda are temporary, and AWS gives no MFA session for those",
        ("put long-term keys of your IAM user into [smce-veda] in {credentials}",),
    ),
    Case(
        "list of devices",
        no_list_of_devices,
        "the MFA device is not known, and profile smce-veda may not look for it (no permission iam:ListMFADevices)",
        (
            "add to [profile smce-veda] in {config}: mfa_serial = ARN",
            "the IAM console shows the ARN: your name at the top right, Security credentials, MFA",
        ),
    ),
    Case(
        "explicit deny",
        lambda scene: scene.user.deny("sts:GetSessionToken"),
        "profile smce-veda has no permission sts:GetSessionToken: a policy of the user denies it",
        tuple(hint.replace("{owner}", "an administrator of the account") for hint in DENY_HINTS),
    ),
    explicit_deny("a service control policy", "a service control policy", "who manages your AWS organization"),
    explicit_deny("a resource control policy", "a resource control policy", "who manages your AWS organization"),
    explicit_deny("a permissions boundary", "a permissions boundary", "an administrator of the account"),
    explicit_deny("a session policy", "a session policy", "who made the session"),
    explicit_deny("a VPC endpoint policy", "the policy of a VPC endpoint", "who manages your network in AWS"),
    explicit_deny("a resource-based policy", "a resource policy", "who manages the resource"),
    explicit_deny("a policy of a new kind", "a policy", "an administrator"),
    Case(
        "not allowed by a guard",
        denied("because no service control policy allows the sts:GetSessionToken action"),
        "profile smce-veda has no permission sts:GetSessionToken: a service control policy does not allow it",
        (f"who manages your AWS organization can allow it there: {ALLOW_SESSION}",),
    ),
    Case(
        "permission",
        denied("because no identity-based policy allows the sts:GetSessionToken action"),
        "profile smce-veda has no permission sts:GetSessionToken",
        (f"an administrator can allow it: {ALLOW_SESSION}",),
    ),
    Case(
        "any other denial",
        refused("AccessDenied"),
        "AWS denied GetSessionToken to profile smce-veda",
        ("a policy of your organization or account may restrict it, by network or time for example",),
    ),
    Case(
        "unknown key",
        unknown_key,
        "AWS does not know the access key ****NKEY of profile smce-veda",
        ("it was deleted or deactivated, or its last characters were lost in copying: see the IAM console",),
    ),
    Case(
        "unknown key",
        lambda scene: scene.user.deactivate_access_key(),
        "AWS does not know the access key {key} of profile smce-veda",
        ("it was deleted or deactivated, or its last characters were lost in copying: see the IAM console",),
        "inactive",
    ),
    Case(
        "unknown key",
        other_partition,
        "AWS does not know the access key {key} of profile smce-veda",
        (
            "cn-north-1 belongs to aws-cn, and {serial} to aws, which knows other keys: "
            "set region under [profile smce-veda] in {config}",
            "it was deleted or deactivated, or its last characters were lost in copying: see the IAM console",
        ),
        "in another partition",
    ),
    Case(
        "too many access keys",
        key_made_meanwhile,
        "the user of profile smce-veda has two access keys already, and AWS allows no third",
        ("mfa-profiles rotate smce-veda shows the other key",),
    ),
    Case(
        "no such access key",
        key_deleted_meanwhile,
        "the user of profile smce-veda has no such access key any more",
        ("mfa-profiles rotate smce-veda looks again",),
    ),
    Case(
        "session of a role",
        role_session_of_another_tool,
        "the session in smce-veda-mfa is one of a role, and roles have no access keys or MFA devices",
        ("mfa-profiles refresh smce-veda --force replaces it by one of the user",),
    ),
    Case(
        "expired token",
        refused("ExpiredToken"),
        "AWS says that the keys of profile smce-veda have expired",
        ("put long-term keys of your IAM user into [smce-veda] in {credentials}",),
    ),
    *(
        Case(
            "clock",
            clock(offset),
            f"this machine's clock is wrong: it is 10 minutes {side} AWS's",
            ("set it, best with a time service: timedatectl set-ntp true", STILL_GOOD),
            side,
        )
        for offset, side in ((-600, "ahead of"), (600, "behind"))
    ),
    Case(
        "expired request",
        expired_request,
        "the request took too long, or this machine's clock is wrong: it is 20 minutes ahead of AWS's",
        ("set it, best with a time service: timedatectl set-ntp true", STILL_GOOD),
    ),
    Case(
        "scope",
        refused("SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'us-west-2'."),
        "the AWS endpoint that was called is not for STS or IAM in us-west-2",
        (
            "see AWS_ENDPOINT_URL, and endpoint_url and region under [profile smce-veda] in {config}",
            STILL_GOOD,
        ),
    ),
    Case(
        "secret key",
        wrong_secret,
        "the secret access key of profile smce-veda does not belong to {key}",
        (COPY_AGAIN, STILL_GOOD),
    ),
    Case(
        "malformed signature",
        refused("IncompleteSignature"),
        "AWS cannot read the signature of the request",
        (
            "is a character in the access key {key} of profile smce-veda that is not a part of it?",
            "or does a proxy change requests?",
            STILL_GOOD,
        ),
    ),
    Case(
        "duration",
        refused("ValidationError", "Value '99' at 'durationSeconds' failed to satisfy constraint: hunter2", 400),
        "AWS gives no session of 43200 s",
        ("--duration-seconds takes 900 to 129600, and an hour at most for the root user",),
    ),
    Case(
        "serial number",
        refused("ValidationError", "Value 'hunter2' at 'serialNumber' failed to satisfy constraint", 400),
        "{serial} is not the serial number of an MFA device",
        ("it is an ARN such as arn:aws:iam::123456789012:mfa/john.doe, or the number of a hardware token",),
    ),
    Case(
        "malformed token code",
        refused("ValidationError", "Value '123456' at 'tokenCode' failed to satisfy constraint", 400),
        "what was given as the token code is none",
        ("it has six digits",),
    ),
    *(
        Case(
            "throttled",
            refused(code, status=400),
            "AWS throttled the request",
            ("try again in a minute", STILL_GOOD),
            code,
        )
        for code in ("Throttling", "ThrottlingException")
    ),
    *(
        Case(
            "internal error",
            fault(error=code),
            f"AWS reported an internal error ({code})",
            ("try again; see https://health.aws.amazon.com", STILL_GOOD),
            code,
        )
        for code in ("InternalFailure", "ServiceUnavailable")
    ),
    Case(
        "gateway",
        fault(answer=(502, b"<html>hunter2</html>")),
        "what answered for AWS has trouble (HTTP status 502)",
        ("try again; is AWS_ENDPOINT_URL or a proxy in the way?", STILL_GOOD),
    ),
    Case(
        "inactive region",
        refused("RegionDisabledException"),
        "the account has not activated STS in us-west-2",
        (
            "set another region under [profile smce-veda] in {config}; us-east-1 is always activated",
            "an administrator can activate it: IAM console, Account settings, Security Token Service (STS)",
            STILL_GOOD,
        ),
    ),
    Case(
        "account",
        refused("OptInRequired"),
        "AWS says that the account of profile smce-veda is not signed up for this",
        ("its owner has to complete or to restore it: https://console.aws.amazon.com/billing/home#/account",),
    ),
    Case("any other code", refused("NewlyInvented"), "AWS refused GetSessionToken with NewlyInvented", (CODES_PAGE,)),
]

NOT_FROM_AWS = ("is AWS_ENDPOINT_URL or a proxy in the way?",)

REFUSALS += [
    Case("not from AWS", setup, "the response did not come from AWS", NOT_FROM_AWS, variant)
    for variant, setup in {
        "broken XML": fault(answer=(200, b"<GetSessionTokenResponse><Secret")),
        "a page of a proxy": fault(answer=(200, b"<html>hunter2</html>")),
        "a refusal by a proxy": fault(answer=(407, b"hunter2")),
        "a code that is none": refused("hunter2"),
    }.items()
]

DENIED_ROLE = "User: x is not authorized to perform: sts:AssumeRole on resource: y "

ROLE_REFUSALS = [
    Case(
        "root",
        root_keys,
        "the keys of profile smce-veda are the root user's, which AWS lets assume no role",
        (
            "put keys of an IAM user into [smce-veda] in {credentials}",
            "delete the root user's: https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",
        ),
    ),
    Case(
        "explicit deny",
        role_denied_to_the_user,
        "profile smce-veda-mfa has no permission sts:AssumeRole: a policy of the user denies it",
        ("a Deny outweighs every Allow: an administrator of the account can change it",),
        "of a role",
    ),
    Case(
        "denied by the role",
        role_refused("AccessDenied", DENIED_ROLE + "with an explicit deny in the role trust policy"),
        f"the trust policy of {ADMIN} denies profile smce-veda-mfa to assume it",
        ("who manages the role can take the Deny out of it, or add a condition to it",),
    ),
    Case(
        "not trusted",
        role_refused("AccessDenied", DENIED_ROLE + "because no role trust policy allows the sts:AssumeRole action"),
        f"{ADMIN} does not trust profile smce-veda-mfa",
        (
            "its trust policy has to name the user or its account as Principal, and to be met in all it asks for",
            f"if it asks for an external ID: external_id = ID under {ROLE_SECTION}",
        ),
    ),
    Case(
        "role",
        assume_denied,
        "profile smce-veda-mfa may not assume arn:aws:iam::123456789012:role/other, or there is no such role",
        (
            "an administrator can allow it: " + ALLOW % ("sts:AssumeRole", "arn:aws:iam::123456789012:role/other"),
            TRUST_HINT,
            f"is the external_id under {ROLE_SECTION} the one that it asks for?",
        ),
        "with another external ID",
    ),
    Case(
        "role",
        no_such_role,
        "profile smce-veda-mfa may not assume arn:aws:iam::123456789012:role/nobody, or there is no such role",
        (
            "an administrator can allow it: " + ALLOW % ("sts:AssumeRole", "arn:aws:iam::123456789012:role/nobody"),
            TRUST_HINT,
            f"if it asks for an external ID: external_id = ID under {ROLE_SECTION}",
        ),
    ),
    Case(
        "role",
        role_directly,
        f"profile smce-veda may not assume {ADMIN}, or there is no such role",
        (
            "an administrator can allow it: " + ALLOW % ("sts:AssumeRole", ADMIN),
            TRUST_HINT,
            f"if it asks for an external ID: external_id = ID under {ROLE_SECTION}",
            "the MFA session of its source may do more, for one hour: "
            "mfa-profiles refresh admin --duration-seconds 3600",
        ),
        "with a code of its own",
    ),
    Case(
        "role",
        chained_role,
        "profile admin-mfa may not assume arn:aws:iam::123456789012:role/other, or there is no such role",
        (
            "an administrator can allow it: " + ALLOW % ("sts:AssumeRole", "arn:aws:iam::123456789012:role/other"),
            TRUST_HINT,
            "if it asks for MFA: no session of a role has that, and admin is one; name the user as source_profile",
            "if it asks for an external ID: external_id = ID under [profile other] in {config}",
        ),
        "behind a role",
    ),
    Case(
        "role",
        own_keys,
        f"profile admin may not assume {ADMIN}, or there is no such role",
        (
            "an administrator can allow it: " + ALLOW % ("sts:AssumeRole", ADMIN),
            TRUST_HINT,
            f"if it asks for MFA: mfa_serial = ARN under {ROLE_SECTION}",
            f"if it asks for an external ID: external_id = ID under {ROLE_SECTION}",
        ),
        "without MFA",
    ),
    Case(
        "stale session",
        stale_session,
        "the session of profile smce-veda-mfa is no longer good",
        ("mfa-profiles refresh smce-veda-mfa --force",),
    ),
    Case(
        "expired session",
        expired_session,
        "the session of profile smce-veda-mfa is no longer good",
        ("mfa-profiles refresh smce-veda-mfa --force",),
        "expired",
    ),
    Case(
        "stale session",
        pasted_session,
        "the session of profile smce-veda is no longer good",
        ("put new ones into [smce-veda] in {credentials}",),
        "pasted",
    ),
    Case(
        "stale session",
        keys_of_a_command,
        "the session of profile smce-veda is no longer good",
        ("they come from credential_process under [profile smce-veda] in {config}",),
        "of a command",
    ),
    Case(
        "secret key of a session",
        damaged_session,
        "the session of profile smce-veda-mfa is damaged: its secret does not belong to {session_key}",
        ("mfa-profiles refresh smce-veda-mfa --force",),
    ),
    Case(
        "duration of a chained role",
        role_refused(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ),
        "AWS gives no session of 3600 s to a role that is assumed with temporary credentials",
        (f"3600 is the most: duration_seconds = 3600 under {ROLE_SECTION}, or --duration-seconds 3600",),
    ),
    Case(
        "duration beyond the role's",
        long_role,
        f"{ADMIN} allows no session of 14400 s",
        (
            f"7200 is the most: duration_seconds = 7200 under {ROLE_SECTION}, or --duration-seconds 7200",
            f"3600 always works: duration_seconds = 3600 under {ROLE_SECTION}, or --duration-seconds 3600",
        ),
    ),
    Case(
        "duration beyond the role's",
        long_role_and_no_look,
        f"{ADMIN} allows no session of 14400 s",
        (f"3600 always works: duration_seconds = 3600 under {ROLE_SECTION}, or --duration-seconds 3600",),
        "without a look",
    ),
    Case(
        "duration of a role",
        role_refused(
            "ValidationError",
            "1 validation error detected: Value '3600' at 'durationSeconds' failed to satisfy constraint: ",
        ),
        "AWS gives no session of 3600 s to a role",
        (
            f"900 to 43200 can be had, and 3600 always: duration_seconds = 3600 under {ROLE_SECTION}, "
            "or --duration-seconds 3600",
        ),
    ),
    *(
        Case(
            "role session name",
            role_with(f"role_session_name = {name}\n"),
            "role_session_name of profile admin is not one that AWS takes",
            (f"it has 2 to 64 letters, digits and _ + = , . @ -: see {ROLE_SECTION}",),
            name,
        )
        for name in ("x", "Jane Doe")
    ),
    *(
        Case(
            "external ID",
            role_with(f"external_id = {name}\n"),
            "external_id of profile admin is not one that AWS takes",
            (f"it has 2 to 1224 letters, digits and _ + = , . @ : / -: see {ROLE_SECTION}",),
            name,
        )
        for name in ("x", "1 2 3")
    ),
    *(
        Case(
            "role ARN",
            role_with("", arn),
            f"role_arn of profile admin is not the ARN of a role: {arn}",
            (f"role_arn = arn:aws:iam::123456789012:role/NAME under {ROLE_SECTION}; the IAM console shows it",),
            arn,
        )
        for arn in ("admin", "arn:aws:iam/123456789012/role/admin")
    ),
]

ENDPOINT_HINTS = (
    ONLINE,
    "if that is not AWS's endpoint in us-west-2: see AWS_ENDPOINT_URL, and endpoint_url in [profile smce-veda]",
    STILL_GOOD,
)

FAILURES = [
    Case(
        "connect timeout",
        swallowed,
        "AWS did not answer within 1 s",
        ("is this machine online, and may it connect to 127.0.0.1?", STILL_GOOD),
    ),
    Case(
        "no answer in time",
        no_dns,
        "no answer came from AWS within 2 s",
        ("is this machine online, and does its DNS answer?", "try the next code: AWS may have used this one up"),
    ),
    Case(
        "read timeout",
        mute,
        "AWS took the request and gave no answer within 1 s",
        ("try the next code: AWS may have used this one up",),
    ),
    Case(
        "unknown host",
        environment(AWS_ENDPOINT_URL="http://user:hunter2@nowhere.invalid"),
        "the AWS endpoint nowhere.invalid has no address",
        (
            ONLINE,
            "is us-west-2 the region you mean? if not: region = NAME under [profile smce-veda] in {config}",
            STILL_GOOD,
        ),
    ),
    Case(
        "unreachable",
        environment(AWS_ENDPOINT_URL="http://127.0.0.1:9"),
        "the AWS endpoint 127.0.0.1 cannot be reached",
        ENDPOINT_HINTS,
    ),
    Case(
        "proxy credentials",
        proxy(407),
        "the proxy 127.0.0.1 wants another user name or password",
        ("see HTTPS_PROXY: " + PROXY_SYNTAX, STILL_GOOD),
    ),
    Case(
        "proxy refusal",
        proxy(403),
        "the proxy 127.0.0.1 lets no connection to AWS through",
        ("ask who runs it to allow it, or if AWS can be reached without: NO_PROXY=.amazonaws.com", STILL_GOOD),
    ),
    Case(
        "proxy without TLS",
        tls_to_a_plain_proxy,
        "the proxy 127.0.0.1 does not speak TLS",
        ("write http:// for https:// in HTTPS_PROXY: it says how to speak to the proxy", STILL_GOOD),
    ),
    *(
        Case(
            "unknown proxy",
            proxy_at(url),
            f"the proxy{name} has no address",
            ("see HTTPS_PROXY: " + PROXY_SYNTAX, "boto3 knows no SOCKS proxies", STILL_GOOD),
            name,
        )
        # urllib3 takes the scheme for the host, and a part of the password would be next.
        for url, name in (
            ("http://u:hunter2@nowhere.invalid:1", " nowhere.invalid"),
            ("socks5://u:hunter2@[::1]:1", ""),
        )
    ),
    Case(
        "proxy",
        proxy_at("http://user:hunter2@127.0.0.1:9"),
        "the proxy 127.0.0.1 cannot be reached",
        ("see HTTPS_PROXY, or if AWS can be reached without a proxy: NO_PROXY=.amazonaws.com", STILL_GOOD),
    ),
    Case(
        "proxy password",
        proxy_at("http://user:hunter2%C3%BC@127.0.0.1:9"),
        "the proxy's user name or password has characters that boto3 cannot send",
        ("letters, digits and ASCII's other characters are", STILL_GOOD),
    ),
    Case(
        "proxy URL",
        proxy_at("http://user:hunter2/x@127.0.0.1:9"),
        "the URL of the proxy or of the endpoint cannot be read",
        ("see HTTPS_PROXY: " + PROXY_SYNTAX, "and AWS_ENDPOINT_URL or endpoint_url, if set", STILL_GOOD),
    ),
    Case(
        "certificate of another",
        certificate(lambda: OtherCA("elsewhere.example")),
        "the certificate of the AWS endpoint 127.0.0.1 is for another name",
        ("is a proxy, a captive portal, or a wrong AWS_ENDPOINT_URL in the way?", STILL_GOOD),
    ),
    Case(
        "certificate dates",
        certificate(lambda: OtherCA("127.0.0.1", not_after=datetime(2020, 1, 2, tzinfo=UTC))),
        "the certificate of the AWS endpoint 127.0.0.1 is out of date, by this machine's clock",
        ("is that right? timedatectl set-ntp true sets it by a time service", STILL_GOOD),
    ),
    Case(
        "CA bundle",
        certificate(PrivateCA, "{home}/missing.pem"),
        "the CA bundle {home}/missing.pem cannot be read",
        ("see AWS_CA_BUNDLE: " + CA_SYNTAX, STILL_GOOD),
    ),
    Case(
        "CA bundle without certificates",
        certificate(PrivateCA, "{home}/empty.pem"),
        "the CA bundle {home}/empty.pem holds no certificates",
        ("see AWS_CA_BUNDLE: " + CA_SYNTAX, STILL_GOOD),
    ),
    Case(
        "no TLS",
        plain_endpoint,
        "the AWS endpoint 127.0.0.1 does not speak TLS",
        ("is a proxy in the way? the URL of an endpoint without TLS begins with http://", STILL_GOOD),
    ),
    Case(
        "certificate",
        not_trusted,
        "the certificate of the AWS endpoint 127.0.0.1 is not trusted",
        (
            "if a proxy intercepts TLS, name the file of its CA: ca_bundle = PATH under [profile smce-veda] "
            "in {config}, or AWS_CA_BUNDLE",
            STILL_GOOD,
        ),
    ),
    Case(
        "TLS",
        old_tls,
        "no TLS connection to the AWS endpoint 127.0.0.1 could be made",
        ("is a proxy in the way, or a very old OpenSSL?", STILL_GOOD),
    ),
    Case(
        "malformed region",
        bad_region,
        "'us-west-2 # home' is not a region",
        (
            "region of profile smce-veda has a comment after it, which boto3 and the AWS CLI read as part of the "
            "value",
            "line 2 of {config}: put the comment on a line of its own",
            "see region in [profile smce-veda] in {config}, or AWS_REGION",
        ),
    ),
    Case(
        "endpoint variant",
        no_variant,
        "AWS has no such endpoint in eu-isoe-west-1 as profile smce-veda asks for",
        ("see use_fips_endpoint, use_dualstack_endpoint and region in [profile smce-veda] in {config}",),
    ),
    *(
        Case(
            "setting",
            configured(f"{line}\n"),
            f"the AWS SDK cannot use {setting} of profile smce-veda",
            (f"see line 4 of {{config}}{form and ': it has to be '}{form}", ASK_THE_CLI.format(profile=BASE)),
            line,
        )
        for line, setting, form in (
            ("sts_regional_endpoints = hunter2", "sts_regional_endpoints", "legacy or regional"),
            (
                "defaults_mode = hunter2",
                "defaults_mode",
                "legacy, auto, standard, in-region, cross-region or mobile",
            ),
            (
                "request_checksum_calculation = hunter2",
                "request_checksum_calculation",
                "when_supported or when_required",
            ),
            (
                "request_min_compression_size_bytes = hunter2",
                "request_min_compression_size_bytes",
                "a whole number from 1 to 1048576",
            ),
            ("s3 =\n  addressing_style = hunter2", "s3.addressing_style", ""),
        )
    ),
    Case(
        "setting",
        missing_services,
        "the AWS SDK cannot use services of profile smce-veda",
        ("see line 4 of {config}", ASK_THE_CLI.format(profile=BASE)),
        "services",
    ),
    Case(
        "broken connection",
        fault(reset=True),
        "the connection to AWS broke off",
        ("try again, with the next code if this one is refused",),
    ),
]

CREDENTIALS = [
    Case(
        "SSO session",
        source(SSO),
        "the SSO session of profile smce-veda has ended",
        ("aws sso login --profile smce-veda",),
    ),
    Case(
        "SSO role",
        refused_sso,
        "IAM Identity Center gives profile smce-veda no credentials",
        (
            "may you use the sso_role_name in the sso_account_id that [profile smce-veda] in {config} names?",
            "if so: aws sso login --profile smce-veda",
        ),
    ),
    *(
        Case(
            "credential_process",
            source(f"credential_process = {command}\n"),
            "credential_process of profile smce-veda failed",
            (
                "run the command yourself: it stands under [profile smce-veda] in {config}",
                "it has to print JSON with Version (1), AccessKeyId and SecretAccessKey, without a shell around it: "
                "https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html",
            ),
            command,
        )
        for command in ("false", "nowhere-to-be-found", "echo hunter2", "echo {}", "echo '")
    ),
    Case(
        "web identity file",
        source(f"role_arn = {ADMIN}\nweb_identity_token_file = /nowhere\n"),
        "web_identity_token_file of profile smce-veda cannot be read",
        ("see [profile smce-veda] in {config}: the path of a file, in which ~ is not expanded",),
    ),
    Case(
        "web identity",
        web_identity,
        "AWS did not accept the web identity token of profile smce-veda",
        (
            "such tokens live for a short time: has who writes the file written a new one?",
            "does the role_arn in [profile smce-veda] trust the identity provider?",
        ),
    ),
    Case(
        "partial credentials",
        credential_source("Environment", AWS_ACCESS_KEY_ID="AKIAX"),
        "the credentials of profile admin are not complete: AWS_SECRET_ACCESS_KEY is not there",
        (ASK_THE_CLI.format(profile="admin"),),
    ),
    Case(
        "metadata",
        credential_source("EcsContainer", AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:9/"),
        "the machine or the container gives profile admin no credentials",
        ("credential_source works on an EC2 instance or in a container with a role, and nowhere else",),
    ),
    Case(
        "credentials setup",
        source("sso_session = nowhere\nsso_account_id = 123456789012\nsso_role_name = admin\n"),
        "profile smce-veda is not complete: the AWS SDK finds no way to its credentials",
        ("see [profile smce-veda] in {config}, and the sections that it names", ASK_THE_CLI.format(profile=BASE)),
    ),
]

CASES = [*REFUSALS, *ROLE_REFUSALS, *FAILURES, *CREDENTIALS]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_sentence_and_hints(case: Case, scene: Scene) -> None:
    """A sentence of ours, what to do about it, exit 1, the files as they were, and nothing of what was said."""
    case.setup(scene)

    errors = scene.run()

    facts = {
        "config": scene.home.config,
        "credentials": scene.home.credentials,
        "home": scene.path,
        "key": "****" + scene.user.access_key_id[-4:],
        "serial": scene.device.serial_number,
        "session_key": session_key(scene.home),
    }
    expected = [f"mfa-profiles: error: {case.sentence}", *(f"hint: {hint}" for hint in case.hints)]
    assert [line.format_map(facts) for line in expected] == [
        re.sub(r"comes in \d+ s$", "comes in <n> s", line) for line in errors
    ]


def session_key(home: Home) -> str:
    """The key of the session in the derived profile, masked."""
    text = home.credentials.read_text()
    found = re.search(rf"\[{DERIVED}\][^\[]*aws_access_key_id\s*=\s*(\S+)", text)
    return "****" + found[1][-4:] if found else ""


# What no settings and no server lead to, with the botocore of today.
RAISED = {
    "proxy settings": botocore.exceptions.InvalidProxiesConfigError(),
    "unreadable files": botocore.exceptions.ConfigParseError(path="hunter2", error="hunter2"),
    "no profile": botocore.exceptions.ProfileNotFound(profile="hunter2"),
    "missing dependency": botocore.exceptions.MissingDependencyException(msg="hunter2"),
    "any other failure": botocore.exceptions.UnseekableStreamError(stream_object="hunter2"),  # type: ignore[arg-type]
}


def login_error(name: str) -> Exception | None:
    """Return an error of ``aws login``, or None with a botocore before 1.41, which has none."""
    kind = getattr(botocore.exceptions, name, None)
    return kind() if kind else None


RAISED_FOR_CREDENTIALS = {
    "login permission": login_error("LoginInsufficientPermissions"),
    "login session": login_error("LoginRefreshRequired"),
    "login refusal": botocore.exceptions.ClientError({"Error": {"Code": "X", "Message": "hunter2"}}, "hunter2"),
    "any other credentials failure": ValueError("hunter2"),
}


def caller_in(home: Home, keys: Keys | None = None) -> Caller:
    """Who calls, without a command around it."""
    paths = SharedPaths(str(home.credentials), str(home.config))
    clients = Clients(shared_files.load(paths), lambda: datetime(2026, 5, 4, 12, 0, 50, tzinfo=UTC))
    return Caller(clients, BASE, keys or Keys("AKIAX", "secret"), BASE, "us-west-2")


@pytest.mark.parametrize("name", RAISED)
def test_what_botocore_alone_raises(name: str, base: Home) -> None:
    """Each row fits its exception, and can be filled in."""
    with (
        pytest.raises(MfaProfilesError) as raised,
        attempts.explained(attempts.Attempt("AssumeRole", caller_in(base))),
    ):
        raise RAISED[name]

    assert (name, False) == (row_of(network.FAILURES, raised.value), "hunter2" in str(vars(raised.value)))


@pytest.mark.parametrize("name", RAISED_FOR_CREDENTIALS)
def test_what_botocore_alone_raises_for_credentials(name: str, base: Home) -> None:
    """Each row fits its exception, and can be filled in."""
    error = RAISED_FOR_CREDENTIALS[name]
    if error is None:
        pytest.skip("this botocore does not know aws login")
    provider = "login_session = x\n" if name.startswith("login") else ""
    base.config.write_text(f"[profile {BASE}]\n{provider}")
    profiles = caller_in(base).clients.profiles

    with pytest.raises(MfaProfilesError) as raised, attempts.credentials_explained(profiles, BASE):
        raise error

    assert (name, False) == (row_of(network.CREDENTIALS, raised.value), "hunter2" in str(vars(raised.value)))


@pytest.mark.parametrize(
    ("row", "number"),
    [
        *(
            ("CA bundle", getattr(errno, name))
            for name in ("EACCES", "EISDIR", "ELOOP", "ENOENT", "ENOTDIR", "EPERM")
        ),
        *(("unknown host", getattr(socket, name)) for name in ("EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME")),
        ("unreachable", errno.ECONNREFUSED),
        ("unreachable", errno.EHOSTUNREACH),
        ("unreachable", errno.ENOEXEC),
    ],
)
def test_numbers_of_the_system_are_told_apart_by_their_names(row: str, number: int) -> None:
    of_file = row == "CA bundle"
    kind = botocore.exceptions.SSLError if of_file else botocore.exceptions.EndpointConnectionError
    cause = OSError(f"a call failed: [Errno {number}] a text of the system")

    assert network.first(network.FAILURES, kind(endpoint_url=STS, error=cause)).name == row


def row_of(rows: tuple[network.Failure, ...], error: MfaProfilesError) -> str:
    """The name of the row that an error was made from."""
    [name] = [
        row.name for row in rows if re.fullmatch(re.sub(r"\\{\w+\\}", ".*", re.escape(row.sentence)), str(error))
    ]
    return name


def test_every_row_has_a_test() -> None:
    """A new row needs a case above."""
    rows = [*table.ROWS, table.NOT_FROM_AWS, *network.CREDENTIALS, *network.FAILURES]

    assert {row.name for row in rows} == {case.row for case in CASES} | set(RAISED) | set(RAISED_FOR_CREDENTIALS)


def test_names_and_ids_are_unique() -> None:
    """Two rows or cases of one name would hide one another."""
    names = [row.name for row in (*table.ROWS, table.NOT_FROM_AWS, *network.CREDENTIALS, network.FAILURES[-1])]

    assert len(set(names)) == len(names)
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("row", [*table.ROWS, table.NOT_FROM_AWS], ids=lambda row: row.name)
@pytest.mark.parametrize("role", [None, Role("admin", ADMIN, BASE, None)], ids=["a user", "a role"])
def test_every_row_can_be_filled_in(row: table.Refusal, role: Role | None, base: Home) -> None:
    """Whatever is known, there is a sentence: a row that lacked a fact would end in a traceback."""
    attempt = attempts.Attempt("AssumeRole" if role else "GetSessionToken", caller_in(base), role=role)

    error = row.told(refusals._refusal_facts("X", "", {}, attempt))

    assert not re.search("[{}]|None", error.message)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [(datetime(2026, 5, 4, 11, 59, 59, tzinfo=UTC), 1), (datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC), 30), (None, 10)],
)
def test_when_the_next_code_comes(date: datetime | None, seconds: int, base: Home) -> None:
    """By AWS's clock if it told its time, else by this machine's, which is at 12:00:50."""
    headers = {"date": format_datetime(date, usegmt=True)} if date else {}
    refusal = {
        "Error": {"Code": "AccessDenied", "Message": "failed with invalid MFA one time pass code. "},
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    attempt = attempts.Attempt("GetSessionToken", caller_in(base), serial_number="GAHT12345678")

    with pytest.raises(TokenCodeRefusedError) as raised, attempts.explained(attempt):
        raise botocore.exceptions.ClientError(refusal, "GetSessionToken")  # type: ignore[arg-type]

    assert seconds == raised.value.seconds_until_next
    assert (
        f"if mistyped, the right one still works; if used before, the next one comes in {seconds} s"
        == raised.value.hints[0]
    )


@pytest.mark.parametrize("text", ["654987", "654 987"])
def test_a_code_where_the_serial_number_belongs(base: Home, text: str) -> None:
    """It is a code all the same."""
    base.secrets.append(text)

    result = base.run("refresh", BASE, "--serial-number", text, "--token-code", "-", stdin="111111\n")

    assert (1, "mfa-profiles: error: ****** is not the serial number of an MFA device") == (
        result.code,
        result.errors[0],
    )


def answer_with(
    *, secret: str = "hunter2", token: str = "hunter3", expiration: str = "", key: str = "ASIAIOSFODNN7EXAMPLE"
) -> bytes:
    """An answer of STS with credentials of the test's choice, which end in an hour."""
    in_an_hour = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    return (
        '<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetSessionTokenResult><Credentials>'
        f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
        f"<SessionToken>{token}</SessionToken><Expiration>{expiration or in_an_hour}</Expiration>"
        "</Credentials></GetSessionTokenResult></GetSessionTokenResponse>"
    ).encode()


UNUSABLE = "AWS answered without usable session credentials"
ENDED = "the session that AWS gave ended at 2020-01-01T00:00:00Z: is this machine's clock right?"
NOT_A_RESPONSE = "the response did not come from AWS"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"<GetSessionTokenResponse><GetSessionTokenResult/></GetSessionTokenResponse>", f"{UNUSABLE} (AccessKeyId)"),
        (answer_with(key="ASIA"), f"{UNUSABLE} (AccessKeyId)"),
        (answer_with(key="ASIAIOSFODNN7EXAMPL\u0661"), f"{UNUSABLE} (AccessKeyId)"),
        (answer_with(secret="hunter2 "), f"{UNUSABLE} (SecretAccessKey)"),
        (answer_with(secret="hunter2</SecretAccessKey><SecretAccessKey>a"), f"{UNUSABLE} (SecretAccessKey)"),
        (answer_with(token="hunter3&#10;[evil]&#10;a = b"), f"{UNUSABLE} (SessionToken)"),
        (answer_with(expiration="2030-01-01T00:00:00"), f"{UNUSABLE} (Expiration)"),
        (answer_with(expiration="2099-01-01T00:00:00Z"), f"{UNUSABLE} (Expiration)"),
        (answer_with(expiration="9999-12-31T23:59:59-12:00"), f"{UNUSABLE} (Expiration)"),
        (answer_with(expiration="2020-01-01T00:00:00Z"), ENDED),
        (answer_with(expiration="soon"), NOT_A_RESPONSE),
    ],
    ids=[
        "no credentials",
        "a short ID",
        "another script",
        "a blank",
        "two secrets",
        "a line break in a token",
        "no zone",
        "a session that never ends",
        "a time without UTC",
        "a session that has ended",
        "no time",
    ],
)
def test_answers_that_are_none(scene: Scene, answer: bytes, sentence: str) -> None:
    """What cannot be credentials is not written."""
    scene.home.secrets.extend(["hunter3", "evil"])
    fault(answer=(200, answer))(scene)

    assert f"mfa-profiles: error: {sentence}" == scene.run()[0]


@pytest.mark.parametrize("code", ["", "<a>AccessDenied</a>", "1"])
def test_an_error_without_a_code(scene: Scene, code: str) -> None:
    """AWS always gives one."""
    fault(answer=(403, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()))(scene)

    assert f"mfa-profiles: error: {NOT_A_RESPONSE}" == scene.run()[0]


def test_a_very_long_message(scene: Scene) -> None:
    """The patterns are not kept busy by what only begins like a message of AWS's."""
    message = "not authorized to perform: " * 30_000
    error = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"
    fault(answer=(403, error.encode()))(scene)
    started = time.monotonic()

    scene.run()

    assert time.monotonic() - started < 100  # without the limit it is more than that on any machine


@pytest.mark.parametrize("url", ["localhost", "ftp://x", "http://[", "http://\n", "http://user:hunter2@[x"])
def test_an_endpoint_that_is_no_url(scene: Scene, url: str) -> None:
    """botocore raises all kinds of things for it."""
    scene.home.secrets.append("hunter2")
    scene.env["AWS_ENDPOINT_URL"] = url

    errors = scene.run()

    assert "this should not have happened" not in errors[0]


@pytest.mark.parametrize(
    "text",
    [
        "services = local\n[services local]\nsts = http://user:hunter2@127.0.0.1:9\n",
        "services =\n  local = hunter2\n",
        "api_versions = hunter2\n",
        "csm_enabled = true\ncsm_port = hunter2\n",
        "endpoint_url =\n  sts = http://user:hunter2@127.0.0.1:9\n",
    ],
    ids=["a text for a service", "a block for a name", "a text for a block", "no number", "a block for a URL"],
)
def test_a_setting_of_another_form(scene: Scene, text: str) -> None:
    """botocore raises all kinds of things for it, too: the place is named."""
    scene.home.secrets.append("hunter2")
    scene.configure(text)
    scene.env["AWS_ENDPOINT_URL"] = ""

    assert [
        "mfa-profiles: error: boto3 cannot be set up with the settings of profile smce-veda",
        f"hint: see [profile smce-veda] in {scene.home.config}, and the variables in the environment that begin "
        "with AWS_",
    ] == scene.run()


def test_an_endpoint_of_the_profile_that_is_no_url(scene: Scene) -> None:
    """The hint names both places where it may stand."""
    scene.home.secrets.append("hunter2")
    scene.configure("endpoint_url = http://user:hunter2@[x\n")
    scene.env["AWS_ENDPOINT_URL"] = ""

    assert [
        "mfa-profiles: error: the AWS endpoint is not a URL",
        f"hint: see AWS_ENDPOINT_URL, and endpoint_url under [profile smce-veda] in {scene.home.config}",
    ] == scene.run()


def test_nobody_waits_for_long(base: Home, device: MFADevice) -> None:
    """Connection refused is a sentence after all attempts."""
    result = base.run(
        "refresh", BASE, "--token-code", base.code(device), env={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    )

    assert result.code == 1


def test_what_may_pass_is_tried_again(base: Home, aws: LocalAWS, device: MFADevice) -> None:
    """A moment's throttling or trouble is nothing to tell a person."""
    aws.faults.add(error="Throttling", times=2)

    result = base.run("refresh", BASE, "--token-code", base.code(device))

    assert (0, 3) == (result.code, len(aws.requests))
