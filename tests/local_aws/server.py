"""LocalAWS: what tests hold, and how a request becomes an answer."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from tests.local_aws import accounts, answers, iam, s3, signature, sts
from tests.local_aws.accounts import Accounts, Caller, Role, Trust, User
from tests.local_aws.answers import Answer, AWSError
from tests.local_aws.clock import Clock
from tests.local_aws.faults import Faults, failure
from tests.local_aws.listener import Listener
from tests.local_aws.log import Request
from tests.local_aws.s3 import Bucket
from tests.local_aws.signature import HTTPRequest
from tests.local_aws.tls import PrivateCA

logger = logging.getLogger(__name__)

# One endpoint serves all services: the Version parameter tells IAM and STS apart, and S3, which has
# none, is known by the credential scope.
SERVICES = {"2011-06-15": "sts", "2010-05-08": "iam"}
# The parameters that are MFA codes, of STS and of IAM's EnableMFADevice: they stay out of the log.
CODES = {"TokenCode", "AuthenticationCode1", "AuthenticationCode2"}
NAMESPACES = {"sts": sts.NAMESPACE, "iam": iam.NAMESPACE}


class LocalAWS:
    """An AWS on 127.0.0.1; as a context manager it starts and stops.

    ``requests`` is the log, ``faults`` what goes wrong on demand, ``clock`` the server's clock, and ``before`` and
    ``after`` are called before a request is acted on, and before its answer is sent; what they raise ends the
    connection there, but an AWSError that ``after`` raises is the answer. ``wire`` makes something else of the bytes
    of an answer on their way: see ``Answer``.
    With an ``authority`` it speaks TLS, with that authority's certificate.
    """

    def __init__(self, port: int = 0, *, authority: PrivateCA | None = None) -> None:
        self.clock = Clock()
        self.before: Callable[[Request], object] = lambda _: None
        self.after: Callable[[Request], object] = lambda _: None
        self.wire: Callable[[Request, bytes], Iterable[bytes]] | None = None
        self.faults = Faults()
        self.requests: list[Request] = []
        self._accounts = Accounts(self.clock)
        self._buckets: dict[str, Bucket] = {}
        self._port = port
        self._authority = authority
        self._listener: Listener | None = None
        # moto's state is not made for threads, and a code must be taken once only.
        self._state = threading.Lock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, in a thread."""
        self._stopping.clear()
        context = None if self._authority is None else self._authority.server_context()
        self._listener = Listener(self._port, self.clock, self._answer, context)

    def stop(self) -> None:
        """Stop listening; answers that were held back are sent at once."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @contextlib.contextmanager
    def held(self, action: str) -> Iterator[None]:
        """Hold back the answers to an action, which has been acted on by then, until the end of the block."""
        opened = threading.Event()
        before, self.after = self.after, lambda request: request.action != action or opened.wait(120)
        try:
            yield
        finally:
            self.after = before
            opened.set()

    def delay_new_keys(self, seconds: float) -> None:
        """Let access keys work only some time after they were made, as with IAM's eventual consistency."""
        self._accounts.key_delay = timedelta(seconds=seconds)

    @property
    def actions(self) -> list[str]:
        """What was asked for, in the order of the log."""
        return [request.action for request in self.requests]

    @property
    def endpoint_url(self) -> str:
        """For example ``http://127.0.0.1:40123``; https with an authority."""
        scheme = "http" if self._authority is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        if self._listener is None:
            raise RuntimeError("the local AWS is not running")
        return self._listener.port

    def create_user(
        self,
        name: str = "",
        *,
        account_id: str = "123456789012",
        partition: str = "aws",
        path: str = "/",
        root: bool = False,
    ) -> User:
        """Create a user, with an access key; ``root`` makes it the account's root user, without a name.

        ``partition`` is ``aws``, ``aws-us-gov`` or ``aws-cn``; the user's requests are then to be
        signed for a region of that partition.
        """
        if root == bool(name):
            raise ValueError("a user has a name, and root has none")
        with self._state:
            return accounts.create_user(self._accounts.open(account_id, partition), name, path, root=root)

    def create_role(
        self,
        name: str,
        *,
        trusted: str | Sequence[str] | None = None,
        account_id: str = "123456789012",
        partition: str = "aws",
        require_mfa: bool = False,
        external_id: str | None = None,
        max_session_duration: int = 3600,
        path: str = "/",
    ) -> Role:
        """Create a role that ``trusted`` may assume: ARNs of users, of roles, or of whole accounts.

        ``arn:aws:iam::111122223333:root`` is everybody in that account; None is everybody in every
        account of the partition.
        """
        arns = (trusted,) if isinstance(trusted, str) else trusted
        trust = Trust(None if arns is None else tuple(arns), require_mfa, external_id)
        with self._state:
            account = self._accounts.open(account_id, partition)
            return accounts.create_role(account, name, path, max_session_duration, trust)

    def create_bucket(
        self, name: str, *, account_id: str = "123456789012", partition: str = "aws", require_mfa: bool = False
    ) -> Bucket:
        """Create a bucket of an account; ``require_mfa`` closes it to all but sessions with MFA."""
        with self._state:
            account = self._accounts.open(account_id, partition)
            self._buckets[name] = Bucket(account, name, require_mfa, self.clock.now())
            return self._buckets[name]

    def _answer(self, request: HTTPRequest) -> Answer | None:
        """Answer a request, with the fault it may be due; None resets the connection."""
        parameters = _parameters(request)
        entry = _log_entry(request, parameters)
        self.requests.append(entry)
        self.before(entry)
        latency, fault = self.faults.take(entry.action)
        service = SERVICES.get(parameters.get("Version", ""), entry.service)
        answer: Answer | None
        try:
            answer = fault.strike() if fault else self._authenticated(request, service, parameters)
        except AWSError as refusal:
            answer = _refuse(service, request, refusal)
        except Exception:
            # A fault of this server, not of the request: say so where a test's output shows it.
            logger.exception("the local AWS failed at %s", entry.action)
            answer = _refuse(service, request, failure("InternalFailure"))
        try:
            self.after(entry)
        except AWSError as refusal:
            answer = _refuse(service, request, refusal)
        if latency > 0:
            self._stopping.wait(latency)
        if answer is not None:
            entry.status, entry.error_code = answer.status, answer.error_code
        entry.ended = time.monotonic()
        if answer is None or self.wire is None:
            return answer
        return replace(answer, wire=partial(self.wire, entry))

    def _authenticated(self, request: HTTPRequest, service: str, parameters: Mapping[str, str]) -> Answer:
        authorization = signature.read(request, service)
        session_token = request.header("x-amz-security-token")
        with self._state:
            caller = self._accounts.caller(authorization, session_token)
            signature.verify(request, authorization, caller.secret_access_key, self.clock.now())
            self._accounts.mark_key_used(caller, authorization)
            if service == "s3":
                return s3.answer(self._buckets, caller, request)
            return _act(self._accounts, caller, service, parameters)


def _act(known: Accounts, caller: Caller, service: str, parameters: Mapping[str, str]) -> Answer:
    """Do what an authenticated caller asks for, if it may."""
    name = parameters.get("Action", "")
    if service == "sts":
        action = sts.ACTIONS.get(name)
        if action is None:
            raise iam.no_such_action(name, parameters.get("Version", ""))
        if action.deniable:
            caller.check_permission(service, name, "*")
        return action.answer(known, caller, parameters)
    if service != "iam":
        raise iam.no_such_action(name, parameters.get("Version", ""))
    # "You cannot call any IAM API operations unless MFA authentication information is included in
    # the request": https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    # Sessions of roles are not bound by that.
    if caller.user is not None and caller.session is not None and not caller.has_mfa:
        raise accounts.invalid_token()
    filled = iam.with_caller(caller, name, parameters)
    caller.check_permission(service, name, iam.resource_of(filled))
    return iam.answer(caller, name, filled)


def _refuse(service: str, request: HTTPRequest, refusal: AWSError) -> Answer:
    if service == "s3":
        return s3.refuse(refusal, request)
    return answers.error(refusal, NAMESPACES.get(service, ""))


def _parameters(request: HTTPRequest) -> dict[str, str]:
    """The parameters of the query protocol, from the query string or the form in the body."""
    _, _, query = request.target.partition("?")
    body = request.body.decode("utf-8", "replace")
    return dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))


def _log_entry(request: HTTPRequest, parameters: Mapping[str, str]) -> Request:
    _, _, rest = (request.header("authorization") or "").partition("Credential=")
    access_key_id, _, region, service, *_ = [*rest.split(",")[0].split("/"), "", "", "", ""]
    return Request(
        action=s3.operation(request).action if service == "s3" else parameters.get("Action", ""),
        service=service,
        access_key_id=access_key_id,
        region=region,
        user_agent=request.header("user-agent") or "",
        host=request.header("host") or "",
        parameters={name: value for name, value in parameters.items() if name not in CODES},
        started=time.monotonic(),
        client_port=request.client_port,
    )
