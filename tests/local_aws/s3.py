"""S3, as far as reading goes: buckets are listed, and their objects listed and got, in path style.

https://docs.aws.amazon.com/AmazonS3/latest/API/Type_API_Reference.html.  A bucket may demand MFA;
other policies, pages, ranges and the region that a bucket is in are not modelled.  What is not
served is refused as not implemented.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl, quote, unquote

from tests.local_aws import answers
from tests.local_aws.accounts import Account, Caller
from tests.local_aws.answers import Answer, AWSError
from tests.local_aws.signature import HTTPRequest

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"

# The permission for each action: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
PERMISSIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "GetBucketLocation": "GetBucketLocation",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "GetObject": "GetObject",
}

# The parameters that are heeded, or that change nothing here.
PARAMETERS = {
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "location",
    "max-keys",
    "prefix",
    "x-id",
}

# Refusals that are S3's as well, in its own words: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
REFUSALS = {
    "ExpiredToken": AWSError(400, "ExpiredToken", "The provided token has expired."),
    "IncompleteSignature": AWSError(
        400, "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid."
    ),
    "InternalFailure": AWSError(500, "InternalError", "We encountered an internal error. Please try again."),
    "SignatureDoesNotMatch": AWSError(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    ),
    "Throttling": AWSError(503, "SlowDown", "Please reduce your request rate."),
}
UNKNOWN_KEY = AWSError(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
UNKNOWN_TOKEN = AWSError(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")


@dataclass(frozen=True)
class Object:
    """What is kept under a key."""

    data: bytes = field(repr=False)
    modified: datetime

    @property
    def etag(self) -> str:
        """The quoted MD5 of the data, as S3 has it for objects put in one piece."""
        return f'"{hashlib.md5(self.data).hexdigest()}"'


@dataclass(eq=False)
class Bucket:
    """A bucket as a test holds it; with ``require_mfa`` its policy denies everything to those without."""

    account: Account = field(repr=False)
    name: str
    require_mfa: bool
    created: datetime
    objects: dict[str, Object] = field(default_factory=dict, repr=False)

    @property
    def arn(self) -> str:
        """For example ``arn:aws:s3:::results``."""
        return f"arn:{self.account.partition}:s3:::{self.name}"

    def put_object(self, key: str, data: bytes) -> None:
        """Keep data under a key."""
        self.objects[key] = Object(data, self.account.clock.now())


@dataclass(frozen=True)
class Operation:
    """What a request asks for: an action of S3 (empty if it is none served here), and on what."""

    action: str
    bucket: str
    key: str
    parameters: Mapping[str, str]


def operation(request: HTTPRequest) -> Operation:
    """Read the operation from method, path and query."""
    path, _, query = request.target.partition("?")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    action = ""
    if parameters.keys() <= PARAMETERS and request.header("range") is None:
        action = _action(request.method, bucket, key, parameters)
    return Operation(action, bucket, key, parameters)


def answer(buckets: Mapping[str, Bucket], caller: Caller, request: HTTPRequest) -> Answer:
    """Do what an authenticated caller asks for, if it may."""
    wanted = operation(request)
    if not wanted.action:
        raise AWSError(501, "NotImplemented", "This request implies functionality that is not implemented.")
    if wanted.action == "ListBuckets":
        caller.check_permission("s3", PERMISSIONS[wanted.action], "*")
        return _list_buckets(caller, buckets)
    bucket = buckets.get(wanted.bucket)
    if bucket is None:
        raise AWSError(404, "NoSuchBucket", "The specified bucket does not exist")
    _check_access(caller, bucket, wanted)
    if wanted.action in ("HeadObject", "GetObject"):
        return _object(bucket, wanted.key)
    if wanted.action == "GetBucketLocation":
        # Empty stands for us-east-1.
        return _xml("LocationConstraint", {})
    return Answer(200, b"") if wanted.action == "HeadBucket" else _list_objects(bucket, wanted)


def refuse(refusal: AWSError, request: HTTPRequest) -> Answer:
    """The answer to a request that was refused, in S3's words."""
    if refusal.code == "InvalidClientTokenId":
        refusal = UNKNOWN_KEY if request.header("x-amz-security-token") is None else UNKNOWN_TOKEN
    refusal = REFUSALS.get(refusal.code, refusal)
    # S3's errors have no namespace.
    body = f"<Error>{answers.xml({'Code': refusal.code, 'Message': refusal.message})}</Error>"
    return Answer(refusal.status, body.encode(), refusal.code)


def _action(method: str, bucket: str, key: str, parameters: Mapping[str, str]) -> str:
    if method not in ("GET", "HEAD"):
        return ""
    if key:
        return "GetObject" if method == "GET" else "HeadObject"
    if not bucket:
        return "ListBuckets" if method == "GET" else ""
    if method == "HEAD":
        return "HeadBucket"
    if "location" in parameters:
        return "GetBucketLocation"
    return "ListObjectsV2" if parameters.get("list-type") == "2" else "ListObjects"


def _check_access(caller: Caller, bucket: Bucket, wanted: Operation) -> None:
    """Refuse what the caller was denied, other accounts' buckets, and calls without MFA where it is demanded."""
    permission = PERMISSIONS[wanted.action]
    resource = f'"{bucket.arn}/{wanted.key}"' if wanted.key else f'"{bucket.arn}"'
    caller.check_permission("s3", permission, resource)
    message = f"User: {caller.arn} is not authorized to perform: s3:{permission} on resource: {resource} "
    if caller.account is not bucket.account:
        message += f"because no resource-based policy allows the s3:{permission} action"
        raise AWSError(403, "AccessDenied", message)
    if bucket.require_mfa and not caller.has_mfa:
        raise AWSError(403, "AccessDenied", f"{message}with an explicit deny in a resource-based policy")


def _list_buckets(caller: Caller, buckets: Mapping[str, Bucket]) -> Answer:
    owned = [bucket for _, bucket in sorted(buckets.items()) if bucket.account is caller.account]
    listed = [{"Name": bucket.name, "CreationDate": _timestamp(bucket.created)} for bucket in owned]
    # The canonical user id of the account, as good as any.
    owner = {"ID": hashlib.sha256(caller.account.account_id.encode()).hexdigest()}
    return _xml("ListAllMyBucketsResult", {"Owner": owner, "Buckets": {"Bucket": listed}})


def _list_objects(bucket: Bucket, wanted: Operation) -> Answer:
    """The objects below the prefix; those with a delimiter after it are rolled up into a common prefix."""
    prefix, delimiter = wanted.parameters.get("prefix", ""), wanted.parameters.get("delimiter", "")
    encode = quote if wanted.parameters.get("encoding-type") == "url" else str
    contents, prefixes = [], {}
    for key in sorted(bucket.objects):
        if key.startswith(prefix):
            found = _common_prefix(key, prefix, delimiter)
            if found is None:
                contents.append(_listed(encode(key), bucket.objects[key]))
            else:
                prefixes[found] = {"Prefix": encode(found)}
    values: dict[str, object] = {"Name": bucket.name, "Prefix": encode(prefix)}
    if delimiter:
        values["Delimiter"] = encode(delimiter)
    if encode is quote:
        values["EncodingType"] = "url"
    if wanted.action == "ListObjectsV2":
        values["KeyCount"] = len(contents) + len(prefixes)
    values |= {
        "MaxKeys": 1000,
        "IsTruncated": "false",
        "Contents": contents,
        "CommonPrefixes": list(prefixes.values()),
    }
    return _xml("ListBucketResult", values)


def _common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    if not delimiter:
        return None
    name, found, _ = key.removeprefix(prefix).partition(delimiter)
    return prefix + name + found if found else None


def _listed(key: str, kept: Object) -> dict[str, object]:
    return {
        "Key": key,
        "LastModified": _timestamp(kept.modified),
        "ETag": kept.etag,
        "Size": len(kept.data),
        "StorageClass": "STANDARD",
    }


def _object(bucket: Bucket, key: str) -> Answer:
    kept = bucket.objects.get(key)
    if kept is None:
        raise AWSError(404, "NoSuchKey", "The specified key does not exist.")
    headers = {
        "Content-Type": "binary/octet-stream",
        "ETag": kept.etag,
        "Last-Modified": format_datetime(kept.modified, usegmt=True),
    }
    return Answer(200, kept.data, headers=headers)


def _xml(name: str, values: Mapping[str, object]) -> Answer:
    return Answer(200, f'<{name} xmlns="{NAMESPACE}">{answers.xml(values)}</{name}>'.encode())


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
