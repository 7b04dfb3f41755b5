"""A local AWS: IAM, STS and a little S3 on 127.0.0.1, checking what AWS checks.

It serves tests, in their own process, and people without an AWS account::

    with LocalAWS() as aws:
        user = aws.create_user("john.doe")
        device = user.add_virtual_device()
        sts = boto3.client("sts", endpoint_url=aws.endpoint_url, region_name="us-west-2", ...)
        sts.get_session_token(SerialNumber=device.serial_number, TokenCode=device.code())

Each LocalAWS has its own accounts, clock, faults and request log.  moto keeps the users, the
access keys, the devices and the roles; signatures, sessions, codes, trust and permissions are
checked here.
For a person: ``python -m tests.local_aws``.
"""

from tests.local_aws.accounts import Role, User
from tests.local_aws.clock import Clock
from tests.local_aws.devices import MFADevice
from tests.local_aws.faults import Fault, Faults
from tests.local_aws.log import Request, peak_concurrency
from tests.local_aws.s3 import Bucket
from tests.local_aws.server import LocalAWS
from tests.local_aws.tls import PrivateCA

__all__ = [
    "Bucket",
    "Clock",
    "Fault",
    "Faults",
    "LocalAWS",
    "MFADevice",
    "PrivateCA",
    "Request",
    "Role",
    "User",
    "peak_concurrency",
]
