"""What the server sends back: results and errors, here in the XML of AWS's query protocol.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, with ``headers`` beyond the usual ones.

    The body may hold secrets, so it stays out of the repr. With ``wire``, what that makes of all its bytes goes over
    the wire in their place, piece by piece, and the connection ends behind it.
    """

    status: int
    body: bytes = field(repr=False)
    error_code: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Callable[[bytes], Iterable[bytes]] | None = field(default=None, repr=False)


class AWSError(Exception):
    """A refusal, as AWS gives it: HTTP status, error code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def result(action: str, namespace: str, values: Mapping[str, object]) -> Answer:
    """The answer to an ``action`` that was done, with its values in an ``<ActionResult>``."""
    request_id = str(uuid.uuid4())
    body = (
        f'<{action}Response xmlns="{namespace}">'
        f"<{action}Result>{xml(values)}</{action}Result>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        f"</{action}Response>"
    )
    return Answer(200, body.encode(), request_id=request_id)


def error(refusal: AWSError, namespace: str) -> Answer:
    """The answer to a request that was refused; 5xx are the receiver's fault, the rest the sender's."""
    request_id = str(uuid.uuid4())
    blame = "Receiver" if refusal.status >= 500 else "Sender"
    body = (
        f'<ErrorResponse xmlns="{namespace}">'
        f"<Error><Type>{blame}</Type><Code>{refusal.code}</Code>"
        f"<Message>{escape(refusal.message, quote=False)}</Message></Error>"
        f"<RequestId>{request_id}</RequestId>"
        "</ErrorResponse>"
    )
    return Answer(refusal.status, body.encode(), refusal.code, request_id)


def error_code(body: bytes) -> str | None:
    """The error code in an error's XML that was made elsewhere."""
    found = re.search(rb"<Code>([^<]*)</Code>", body)
    return found[1].decode() if found else None


def xml(value: object) -> str:
    """A mapping as elements, in which a list is its element repeated; anything else as text."""
    if not isinstance(value, Mapping):
        return escape(str(value), quote=False)
    elements = [
        (name, item) for name, items in value.items() for item in (items if isinstance(items, list) else [items])
    ]
    return "".join(f"<{name}>{xml(item)}</{name}>" for name, item in elements)
