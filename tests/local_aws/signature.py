"""Signature Version 4 of a request, checked from AWS's description and not with an SDK's signer.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; the
refusals' texts: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html.
Only the Authorization header is read: no presigned URLs, no Signature Version 4A.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote, unquote_plus

from tests.local_aws.answers import AWSError

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
TOLERANCE = timedelta(minutes=5)
# https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationTimeStamp
TOLERANCE_OF_S3 = timedelta(minutes=15)


@dataclass(frozen=True)
class HTTPRequest:
    """A request as it came in.  Target, headers and body can hold codes and tokens: not in the repr.

    ``headers`` keeps the order and the repetitions; names are in lower case.
    """

    method: str
    target: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    client_port: int = 0

    def header(self, name: str) -> str | None:
        """The values of a header, joined by commas as a signature needs them; None if it is absent."""
        values = [" ".join(value.split()) for key, value in self.headers if key == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Authorization:
    """The parts of an Authorization header, and the time (UTC) the request was signed."""

    access_key_id: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str = field(repr=False)
    signed_at: datetime

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def read(request: HTTPRequest, service: str) -> Authorization:
    """Read the Authorization header of a request to ``service``, refusing one that cannot be right."""
    parts = _parts(request.header("authorization"))
    credential = parts["Credential"].split("/")
    if len(credential) != 5:
        raise _incomplete("Credential must have exactly 5 slash-delimited elements.")
    access_key_id, date, region, scoped_service, terminator = credential
    authorization = Authorization(
        access_key_id,
        date,
        region,
        scoped_service,
        terminator,
        tuple(parts["SignedHeaders"].split(";")),
        parts["Signature"],
        _signed_at(request),
    )
    _check_scope(authorization, service)
    _check_signed_headers(authorization, request)
    return authorization


def verify(request: HTTPRequest, authorization: Authorization, secret: str, now: datetime) -> None:
    """Refuse a request that was not signed with ``secret``, or not near ``now``: 5 minutes, and 15 for S3."""
    if authorization.service == "s3":
        _check_time_of_s3(authorization.signed_at, now)
    else:
        _check_time(authorization.signed_at, now.replace(microsecond=0))
    if not hmac.compare_digest(_signature(request, authorization, secret), authorization.signature.encode()):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. "
            "Consult the service documentation for details."
        )


def canonical_request(request: HTTPRequest, service: str, signed_headers: tuple[str, ...]) -> bytes:
    """The canonical form of a request.

    The payload's hash is computed from the body that arrived, never taken from a header; but to S3
    the header may say that the payload is not signed.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    path, _, query = request.target.partition("?")
    unsigned = service == "s3" and request.header("x-amz-content-sha256") == UNSIGNED
    lines = [
        request.method,
        _canonical_path(path, service),
        _canonical_query(query),
        *(f"{name}:{request.header(name) or ''}" for name in signed_headers),
        "",
        ";".join(signed_headers),
        UNSIGNED if unsigned else hashlib.sha256(request.body).hexdigest(),
    ]
    # HTTP headers were decoded as Latin-1; encoding them back gives the bytes that were signed.
    return "\n".join(lines).encode("latin-1")


def _parts(header: str | None) -> dict[str, str]:
    """The three named parts of an Authorization header."""
    if header is None:
        raise AWSError(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts = {name.strip(): value for name, _, value in (part.partition("=") for part in rest.split(","))}
    for name in ("Credential", "Signature", "SignedHeaders"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{name}' parameter.")
    return parts


def _signed_at(request: HTTPRequest) -> datetime:
    """The time the request says it was signed at."""
    sent = request.header("x-amz-date") or request.header("date")
    if sent is None:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    try:
        return datetime.strptime(sent, TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{sent}'.") from None


def _check_scope(authorization: Authorization, service: str) -> None:
    terminator = authorization.terminator
    if terminator != "aws4_request":
        message = "Credential should be scoped with a valid terminator"
        raise _mismatch(f"{message}: 'aws4_request', not '{terminator}'.")
    if authorization.service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    if not re.fullmatch(r"[a-z0-9-]+", authorization.region):
        raise _mismatch(f"Credential should be scoped to a valid region, not '{authorization.region}'.")
    sent = authorization.signed_at.strftime(TIMESTAMP)
    if authorization.date != sent[:8]:
        raise _mismatch(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{authorization.date}' != '{sent[:8]}', from '{sent}'."
        )


def _check_signed_headers(authorization: Authorization, request: HTTPRequest) -> None:
    """Refuse a request without host or one of its x-amz-* headers signed."""
    if "host" not in authorization.signed_headers:
        raise _mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name, _ in request.headers:
        if name.startswith("x-amz-") and name not in authorization.signed_headers:
            raise _mismatch(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def _check_time(signed_at: datetime, now: datetime) -> None:
    signed, here = signed_at.strftime(TIMESTAMP), now.strftime(TIMESTAMP)
    if signed_at < now - TOLERANCE:
        limit = (now - TOLERANCE).strftime(TIMESTAMP)
        raise _mismatch(f"Signature expired: {signed} is now earlier than {limit} ({here} - 5 min.)")
    if signed_at > now + TOLERANCE:
        limit = (now + TOLERANCE).strftime(TIMESTAMP)
        raise _mismatch(f"Signature not yet current: {signed} is still later than {limit} ({here} + 5 min.)")


def _check_time_of_s3(signed_at: datetime, now: datetime) -> None:
    if abs(signed_at - now) > TOLERANCE_OF_S3:
        message = "The difference between the request time and the current time is too large."
        raise AWSError(403, "RequestTimeTooSkewed", message)


def _signature(request: HTTPRequest, authorization: Authorization, secret: str) -> bytes:
    canonical = canonical_request(request, authorization.service, authorization.signed_headers)
    digest = hashlib.sha256(canonical).hexdigest()
    timestamp = authorization.signed_at.strftime(TIMESTAMP)
    key = f"AWS4{secret}".encode()
    for part in authorization.scope.split("/"):
        key = _hmac(key, part)
    string_to_sign = "\n".join([ALGORITHM, timestamp, authorization.scope, digest])
    return _hmac(key, string_to_sign).hex().encode()


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")


def _canonical_path(path: str, service: str) -> str:
    if service == "s3":
        # Keys are taken as they are, dots and slashes included.
        return quote(unquote(path), safe="/-_.~")
    # Each segment is encoded once more than it was sent.
    return quote(_without_dot_segments(path), safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = [(_encoded(name), _encoded(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encoded(text: str) -> str:
    # A plus stands for a space: the SDKs sign %20 and send a plus.
    return quote(unquote_plus(text), safe="-_.~")


def _without_dot_segments(path: str) -> str:
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    last = "/" if segments and path.endswith("/") else ""
    return "/" + "/".join(segments) + last


def _incomplete(message: str) -> AWSError:
    return AWSError(403, "IncompleteSignature", message)


def _mismatch(message: str) -> AWSError:
    return AWSError(403, "SignatureDoesNotMatch", message)
