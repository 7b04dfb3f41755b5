"""LocalAWS: what tests hold, and how a request becomes an answer."""

import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from tests.local_aws import accounts, answers, iam, signature, sts
from tests.local_aws.accounts import Accounts, Caller, User
from tests.local_aws.answers import Answer, AWSError
from tests.local_aws.clock import Clock
from tests.local_aws.faults import Faults, failure
from tests.local_aws.listener import Listener
from tests.local_aws.log import Request
from tests.local_aws.signature import HTTPRequest

logger = logging.getLogger(__name__)

# One endpoint serves both services, so the Version parameter tells them apart.
SERVICES = {"2011-06-15": "sts", "2010-05-08": "iam"}
NAMESPACES = {"sts": sts.NAMESPACE, "iam": iam.NAMESPACE}


class LocalAWS:
    """An AWS on 127.0.0.1; as a context manager it starts and stops.

    ``requests`` is the log, ``faults`` what goes wrong on demand, ``clock`` the server's clock.
    """

    def __init__(self, port: int = 0) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.requests: list[Request] = []
        self._accounts = Accounts(self.clock)
        self._port = port
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
        self._listener = Listener(self._port, self.clock, self._answer)

    def stop(self) -> None:
        """Stop listening; answers that were held back are sent at once."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    @property
    def endpoint_url(self) -> str:
        """For example ``http://127.0.0.1:40123``."""
        if self._listener is None:
            raise RuntimeError("the local AWS is not running")
        return f"http://127.0.0.1:{self._listener.port}"

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

    def _answer(self, request: HTTPRequest) -> Answer | None:
        """Answer a request, with the fault it may be due; None resets the connection."""
        parameters = _parameters(request)
        entry = _log_entry(request, parameters)
        self.requests.append(entry)
        latency, fault = self.faults.take(entry.action)
        service = SERVICES.get(parameters.get("Version", ""), entry.service)
        answer: Answer | None
        try:
            answer = fault.strike() if fault else self._authenticated(request, service, parameters)
        except AWSError as refusal:
            answer = answers.error(refusal, NAMESPACES.get(service, ""))
        except Exception:
            # A fault of this server, not of the request: say so where a test's output shows it.
            logger.exception("the local AWS failed at %s", entry.action)
            answer = answers.error(failure("InternalFailure"), NAMESPACES.get(service, ""))
        if latency > 0:
            self._stopping.wait(latency)
        if answer is not None:
            entry.status, entry.error_code = answer.status, answer.error_code
        entry.ended = time.monotonic()
        return answer

    def _authenticated(self, request: HTTPRequest, service: str, parameters: Mapping[str, str]) -> Answer:
        authorization = signature.read(request, service)
        session_token = request.header("x-amz-security-token")
        with self._state:
            caller = self._accounts.caller(authorization, session_token)
            signature.verify(request, authorization, caller.secret_access_key, self.clock.now())
            self._accounts.mark_key_used(caller, authorization)
            return _act(caller, service, parameters)


def _act(caller: Caller, service: str, parameters: Mapping[str, str]) -> Answer:
    """Do what an authenticated caller asks for, if it may."""
    name = parameters.get("Action", "")
    if service == "sts":
        action = sts.ACTIONS.get(name)
        if action is None:
            raise iam.no_such_action(name, parameters.get("Version", ""))
        if action.deniable:
            caller.check_permission(service, name, "*")
        return action.answer(caller, parameters)
    if service != "iam":
        raise iam.no_such_action(name, parameters.get("Version", ""))
    # "You cannot call any IAM API operations unless MFA authentication information is included in
    # the request": https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
    if caller.session is not None and not caller.session.mfa:
        raise accounts.invalid_token()
    filled = iam.with_caller(caller, name, parameters)
    caller.check_permission(service, name, iam.resource_of(filled))
    return iam.answer(caller, name, filled)


def _parameters(request: HTTPRequest) -> dict[str, str]:
    """The parameters of the query protocol, from the query string or the form in the body."""
    _, _, query = request.target.partition("?")
    body = request.body.decode("utf-8", "replace")
    return dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))


def _log_entry(request: HTTPRequest, parameters: Mapping[str, str]) -> Request:
    _, _, rest = (request.header("authorization") or "").partition("Credential=")
    access_key_id, _, region, service, *_ = [*rest.split(",")[0].split("/"), "", "", "", ""]
    return Request(
        action=parameters.get("Action", ""),
        service=service,
        access_key_id=access_key_id,
        region=region,
        user_agent=request.header("user-agent") or "",
        started=time.monotonic(),
    )
