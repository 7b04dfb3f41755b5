"""AWS's refusals, and failures on the way to it, as sentences with hints.

The texts of AWS and botocore are not passed on: SignatureDoesNotMatch quotes the request with its session token,
ValidationError the token code.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mfa_profiles.aws.caller import CONNECT_TIMEOUT, READ_TIMEOUT, Caller
from mfa_profiles.errors import AWSError, TokenCodeRefusedError
from mfa_profiles.profiles import masked

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

# AWS takes a signature that is up to five minutes old:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_CLOCK_TOLERANCE = timedelta(minutes=5)
_CLOCK_HINT = "set this machine's clock, best with a time service: timedatectl set-ntp true"


@dataclass(frozen=True)
class Attempt:
    """A call to AWS, as far as its refusal can be explained by it."""

    action: str
    caller: Caller
    serial_number: str | None = None


@contextlib.contextmanager
def explained(attempt: Attempt) -> Iterator[None]:
    """Turn whatever boto3 raises inside into an AWSError, which has nothing of the original in it."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        refusal = _refused(error, attempt)
    except BotoCoreError as error:
        refusal = _failed(error, attempt)
    except AWSError:
        raise
    except Exception:  # noqa: BLE001 - botocore's parsers raise whatever the answer of a stranger leads them to
        refusal = _not_from_aws()
    else:
        return
    raise refusal


def _refused(error: "ClientError", attempt: Attempt) -> AWSError:
    code = error.response.get("Error", {}).get("Code", "")
    message = error.response.get("Error", {}).get("Message", "")
    match code:
        case "AccessDenied":
            return _access_denied(message, attempt)
        case "InvalidClientTokenId":
            return AWSError(
                f"AWS does not know the access key {_key(attempt)} of profile {attempt.caller.pair.base}",
                "it was deleted or deactivated, or its last characters were lost in copying: see the IAM console",
            )
        case "SignatureDoesNotMatch":
            return _signature(message, error.response, attempt)
        case "ValidationError" if "durationSeconds" in message:
            return AWSError("AWS does not allow a session of this length", "--duration-seconds takes 900 to 129600")
        case "ValidationError" if "serialNumber" in message:
            return AWSError(*not_a_serial_number(attempt.serial_number))
        case "Throttling" | "ThrottlingException" | "RequestLimitExceeded":
            return AWSError("AWS throttled the request", "try again in a minute", _STILL_GOOD)
        case "InternalFailure" | "ServiceUnavailable" | "InternalError":
            return AWSError(
                f"AWS reported an internal error ({code})", "try again; see https://health.aws.amazon.com"
            )
    if not re.fullmatch(r"[A-Za-z.]{1,64}", code):  # a broken answer can hold anything, a secret too
        return _not_from_aws()
    return AWSError(
        f"AWS refused {attempt.action} with {code}",
        "https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html says what that means",
    )


def not_a_serial_number(text: str | None) -> tuple[str, str]:
    """The sentence and the hint for what cannot be the serial number of an MFA device."""
    return (
        f"{text} is not the serial number of an MFA device",
        "it is an ARN such as arn:aws:iam::123456789012:mfa/john.doe, or the number of a hardware token",
    )


_STILL_GOOD = "the token code may still be good"


def _not_from_aws() -> AWSError:
    return AWSError("the response did not come from AWS", "is AWS_ENDPOINT_URL or a proxy in the way?")


def _access_denied(message: str, attempt: Attempt) -> AWSError:
    base = attempt.caller.pair.base
    if "invalid MFA one time pass code" in message:
        return TokenCodeRefusedError(
            "AWS did not accept the token code",
            "each code works once: wait until the device shows the next one",
            f"if it is refused too: is {attempt.serial_number} the device you read it from?",
        )
    if "unable to validate MFA code" in message:
        return AWSError(
            f"{attempt.serial_number} is not an MFA device of this user that gives codes",
            f"name another one with --serial-number, or set mfa_serial in [profile {base}]",
        )
    if "session credentials" in message:
        return AWSError(
            f"the keys of profile {base} are temporary, and AWS gives no MFA session for those",
            f"put long-term keys of your IAM user into [{base}]",
        )
    permission = re.search(r"not authorized to perform: ([a-z]+:[A-Za-z]+)", message)
    if permission is None:
        return AWSError(
            f"AWS denied {attempt.action} to profile {base}",
            "a policy of your organization or account may restrict it, by network or time for example",
        )
    if permission[1] == "iam:ListMFADevices":
        return AWSError(
            f"the MFA device is not known, and profile {base} may not look for it (no permission {permission[1]})",
            f"add to [profile {base}] in {attempt.caller.profiles.config.path}: mfa_serial = ARN",
            "the IAM console shows the ARN: your name at the top right, Security credentials, MFA",
        )
    return AWSError(
        f"profile {base} has no permission {permission[1]}",
        f'an administrator can allow it: {{"Effect": "Allow", "Action": "{permission[1]}", "Resource": "*"}}',
    )


def _signature(message: str, response: Mapping[str, Any], attempt: Attempt) -> AWSError:
    if "Signature expired" in message or "not yet current" in message:
        return AWSError(f"this machine's clock is wrong{_by_how_much(response, attempt)}", _CLOCK_HINT)
    return AWSError(
        f"the secret access key of profile {attempt.caller.pair.base} does not belong to {_key(attempt)}",
        f"copy both again into [{attempt.caller.pair.base}] in {attempt.caller.profiles.credentials.path}",
    )


def _by_how_much(response: Mapping[str, Any], attempt: Attempt) -> str:
    """By how much the clock is off, from the ``Date`` header of the answer; empty if it has none."""
    from email.utils import parsedate_to_datetime

    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        ahead = attempt.caller.now() - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return ""
    if abs(ahead) < _CLOCK_TOLERANCE:
        return ""
    minutes = round(abs(ahead).total_seconds() / 60)
    return f": it is {minutes} minutes {'ahead of' if ahead > timedelta() else 'behind'} AWS's"


def _failed(error: "BotoCoreError", attempt: Attempt) -> AWSError:
    from botocore import exceptions

    region = attempt.caller.region
    match error:
        case exceptions.ConnectTimeoutError():
            return AWSError(f"AWS did not answer within {CONNECT_TIMEOUT} s", "is this machine online?", _STILL_GOOD)
        case exceptions.ReadTimeoutError():
            return AWSError(f"AWS took the request and gave no answer within {READ_TIMEOUT} s", "try the next code")
        case exceptions.ProxyConnectionError():
            return AWSError("the proxy cannot be reached", "see HTTPS_PROXY and NO_PROXY", _STILL_GOOD)
        case exceptions.SSLError():
            return AWSError(
                "the certificate of the AWS endpoint is not trusted",
                "if a proxy intercepts TLS, name its certificates in AWS_CA_BUNDLE or in ca_bundle of the profile",
            )
        case exceptions.InvalidRegionError():
            return AWSError(
                f"{region!r} is not a region",
                "a comment behind a value is a part of the value: boto3 and the AWS CLI want it on a line of its own",
            )
        case exceptions.EndpointConnectionError():
            return AWSError(
                f"the AWS endpoint in {region} cannot be reached",
                f"is this machine online, and is {region} the region you mean?",
                _STILL_GOOD,
            )
        case exceptions.ConnectionClosedError() | exceptions.HTTPClientError():
            return AWSError("the connection to AWS broke off", "try again, with the next code if this one is refused")

    name = type(error).__name__
    return AWSError(
        f"boto3 could not make the call ({name})", f"see the settings of profile {attempt.caller.pair.base}"
    )


def _key(attempt: Attempt) -> str:
    return masked(attempt.caller.keys.access_key_id)
