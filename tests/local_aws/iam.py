"""IAM: moto's, with the caller filled in where the parameters name no user."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from botocore.model import OperationNotFoundError
from moto.core.request import Request
from moto.core.utils import get_service_model
from moto.iam.models import User as MotoUser
from moto.iam.responses import IamResponse

from tests.local_aws import answers
from tests.local_aws.accounts import ROOT, Account, Backend, Caller
from tests.local_aws.answers import Answer, AWSError

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def with_caller(caller: Caller, action: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters, with ``UserName`` where AWS takes the caller's if none is given.

    Those are the actions whose input has an optional UserName, in AWS's own model of IAM; "This
    parameter is optional. If no user name is included, it defaults to the principal making the
    request."  A required parameter that is missing is refused, which moto does not do.
    """
    try:
        shape = get_service_model("iam").operation_model(action).input_shape
    except OperationNotFoundError:
        raise no_such_action(action, "2010-05-08") from None
    filled = dict(parameters)
    if shape is None:
        return filled
    missing = [
        name
        for name in shape.required_members
        if not any(key == name or key.startswith(f"{name}.") for key in parameters)
    ]
    if missing:
        name = missing[0][0].lower() + missing[0][1:]
        raise AWSError(
            400,
            "ValidationError",
            f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: "
            "Member must not be null",
        )
    if "UserName" in shape.members and "UserName" not in filled:
        if caller.user is None:
            message = "Must specify userName when calling with non-User credentials"
            raise AWSError(400, "ValidationError", message)
        filled["UserName"] = caller.user.name
    return filled


def resource_of(parameters: Mapping[str, str]) -> str:
    """The resource that AWS names in its refusals."""
    name = parameters.get("UserName")
    return f"user {name}" if name else "*"


def answer(caller: Caller, action: str, parameters: Mapping[str, str]) -> Answer:
    """moto's answer for the caller's account."""
    user = caller.user
    if action == "GetUser" and user is not None and user.name == parameters["UserName"] == ROOT:
        return _get_root(caller, user)
    request = Request.from_primitives(
        "POST",
        "http://127.0.0.1/",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        urlencode(parameters).encode(),
    )
    response = _Response(caller.account)
    try:
        response.setup_class(request)
        status, headers, body = response.call_action()
    except NotImplementedError:
        raise no_such_action(action, "2010-05-08") from None
    sent = body if isinstance(body, bytes) else body.encode()
    error_code = answers.error_code(sent) if status >= 400 else None
    return Answer(status, sent, error_code, headers["x-amzn-requestid"])


def no_such_action(action: str, version: str) -> AWSError:
    """The refusal of an action that does not exist, or that is not served here."""
    return AWSError(400, "InvalidAction", f"Could not find operation {action} for version {version}")


def _get_root(caller: Caller, user: MotoUser) -> Answer:
    values = {
        "UserId": caller.unique_id,
        "Arn": caller.arn,
        "CreateDate": user.create_date.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return answers.result("GetUser", NAMESPACE, {"User": values})


class _Response(IamResponse):
    """moto's IAM on the backend of one account in place of the global ones."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    @property
    def backend(self) -> Backend:
        return self._account.backend

    def get_current_account(self) -> str:
        return self._account.account_id

    def get_region_from_url(self, _request: Any, _full_url: str) -> str:
        return self._account.region
