"""What AWS refuses with, by its error codes and messages, as a table of sentences with hints."""

import re
from dataclasses import dataclass

from mfa_profiles.aws.rows import Row
from mfa_profiles.errors import (
    AccessKeyUnknownError,
    ClockError,
    KeysRefusedError,
    PermissionDeniedError,
    SessionExpiredError,
    SessionUnknownError,
    TokenCodeRefusedError,
    UnreachableError,
    set_clock_command,
)


@dataclass(frozen=True, kw_only=True)
class Refusal(Row):
    """A row that is for some of AWS's error codes, if a pattern is found in the message."""

    codes: tuple[str, ...] = ()
    """Empty for any code."""
    message: str = ""
    actions: tuple[str, ...] = ()
    """Empty for any action."""
    temporary: bool | None = None
    """True if it is for session credentials only, False if for long-term keys."""

    def matches(self, code: str, message: str, action: str, *, temporary: bool) -> bool:
        """True if the row explains what AWS answered to an action, asked for with temporary keys or others."""
        return (
            (not self.codes or code in self.codes)
            and (not self.actions or action in self.actions)
            and self.temporary in (None, temporary)
            and re.search(self.message, message) is not None
        )


_DENIED = ("AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation")
_UNKNOWN_KEY = ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired")
_SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignature")
_INVALID = ("ValidationError", "ValidationException", "InvalidParameterValue", "MalformedInput")

SET_CLOCK = f"set it, best with a time service: {set_clock_command()}"

_COPY_AGAIN = "copy both again into {place_of_keys}"
_ALLOW = "an administrator can allow it: {statement}"

# In the order in which they are looked at: what is more special comes first.
ROWS: tuple[Refusal, ...] = (
    # --- The token code and the device.
    Refusal(
        name="token code",
        codes=_DENIED,
        message="invalid MFA one time pass code",
        sentence="AWS did not accept the token code",
        hints=(
            "if mistyped, the right one still works; if used before, the next one comes in {seconds} s",
            "if that is refused too: is {serial_number} the device you read it from?",
            "this machine's clock is {drift} AWS's: codes that it computes are wrong",
        ),
        error=TokenCodeRefusedError,
    ),
    Refusal(
        name="device",
        codes=_DENIED,
        message="unable to validate MFA code",
        sentence="{serial_number} is not an MFA device of this user that gives codes",
        hints=(
            "{own_devices}",
            "name another one with --serial-number, or mfa_serial = {device_to_set} under [{section}] in {config}",
        ),
    ),
    Refusal(
        name="temporary keys",
        codes=_DENIED,
        message="session credentials",
        actions=("GetSessionToken",),
        sentence="the keys of profile {holder} are temporary, and AWS gives no MFA session for those",
        hints=("put long-term keys of your IAM user into [{holder}] in {credentials}",),
    ),
    # --- Permissions. The texts: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    Refusal(
        name="root",
        codes=_DENIED,
        message="may not be assumed by root",
        sentence="the keys of profile {base} are the root user's, which AWS lets assume no role",
        hints=(
            "put keys of an IAM user into [{base}] in {credentials}",
            "delete the root user's: https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",
        ),
    ),
    Refusal(
        name="list of devices",
        codes=_DENIED,
        message="not authorized to perform: iam:ListMFADevices",
        sentence="the MFA device is not known, and profile {holder} may not look for it "
        "(no permission iam:ListMFADevices)",
        hints=(
            "add to [{section}] in {config}: mfa_serial = ARN",
            "the IAM console shows the ARN: your name at the top right, Security credentials, MFA",
        ),
        error=PermissionDeniedError,
    ),
    Refusal(
        name="denied by the role",
        codes=_DENIED,
        message="explicit deny in (the|a) (role trust|resource-based) policy",
        actions=("AssumeRole",),
        sentence="the trust policy of {role} denies profile {holder} to assume it",
        hints=("who manages the role can take the Deny out of it, or add a condition to it",),
    ),
    Refusal(
        name="explicit deny",
        codes=_DENIED,
        message="not authorized to perform: .*explicit deny",
        sentence="profile {holder} has no permission {permission}: {policy} denies it",
        hints=(
            "a Deny outweighs every Allow: {policy_owner} can change it",
            "if it denies all that comes without MFA: {before_mfa} belongs among the exceptions in its NotAction",
            "{one_hour}",
        ),
        error=PermissionDeniedError,
    ),
    Refusal(
        name="not trusted",
        codes=_DENIED,
        message="because no (role trust|resource-based) policy allows",
        actions=("AssumeRole",),
        sentence="{role} does not trust profile {holder}",
        hints=(
            "its trust policy has to name the user or its account as Principal, and to be met in all it asks for",
            "{mfa}",
            "{external_id}",
            "{one_hour}",
        ),
    ),
    Refusal(
        name="not allowed by a guard",
        codes=_DENIED,
        message="because no (service control|resource control|VPC endpoint|session) policy allows"
        "|because no permissions boundary allows",
        sentence="profile {holder} has no permission {permission}: {policy} does not allow it",
        hints=("{policy_owner} can allow it there: {statement}",),
        error=PermissionDeniedError,
    ),
    Refusal(
        name="role",
        codes=_DENIED,
        message="not authorized to perform: sts:AssumeRole",
        actions=("AssumeRole",),
        sentence="profile {holder} may not assume {role}, or there is no such role",
        hints=(
            _ALLOW,
            "and the trust policy of the role has to name the user or its account as Principal",
            "{mfa}",
            "{external_id}",
            "{one_hour}",
        ),
    ),
    Refusal(
        name="permission",
        codes=_DENIED,
        message="not authorized to perform: [a-z]",
        sentence="profile {holder} has no permission {permission}",
        hints=(_ALLOW,),
        error=PermissionDeniedError,
    ),
    Refusal(
        name="any other denial",
        codes=_DENIED,
        sentence="AWS denied {action} to profile {holder}",
        hints=("a policy of your organization or account may restrict it, by network or time for example",),
        error=PermissionDeniedError,
    ),
    # --- Keys. AWS also calls a session invalid that expired long ago.
    Refusal(
        name="stale session",
        codes=_UNKNOWN_KEY,
        temporary=True,
        sentence="the session of profile {holder} is no longer good",
        hints=(
            "{renew}",
            "{region} belongs to {region_partition}, and {arn} to {arn_partition}, which knows other keys",
        ),
        error=SessionUnknownError,
    ),
    Refusal(
        name="expired session",
        codes=_EXPIRED,
        temporary=True,
        sentence="the session of profile {holder} is no longer good",
        hints=("{renew}",),
        error=SessionExpiredError,
    ),
    Refusal(
        name="unknown key",
        codes=_UNKNOWN_KEY,
        sentence="AWS does not know the access key {key} of profile {holder}",
        hints=(
            "{region} belongs to {region_partition}, and {arn} to {arn_partition}, which knows other keys: "
            "set region under [{profile_section}] in {config}",
            "it was deleted or deactivated, or its last characters were lost in copying: see the IAM console",
        ),
        error=KeysRefusedError,
    ),
    Refusal(
        name="expired token",
        codes=_EXPIRED,
        sentence="AWS says that the keys of profile {holder} have expired",
        hints=("put long-term keys of your IAM user into [{holder}] in {credentials}",),
    ),
    Refusal(
        name="no such access key",
        codes=("NoSuchEntity",),
        actions=("UpdateAccessKey", "DeleteAccessKey"),
        sentence="the user of profile {profile} has no such access key any more",
        hints=("{rotate} looks again",),
        error=AccessKeyUnknownError,
    ),
    Refusal(
        name="too many access keys",
        codes=("LimitExceeded", "LimitExceededException"),
        actions=("CreateAccessKey",),
        sentence="the user of profile {profile} has two access keys already, and AWS allows no third",
        hints=("{rotate} shows the other key",),
    ),
    # --- Signatures: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    Refusal(
        name="clock",
        codes=_SIGNATURE,
        message="(?i)signature expired|not yet current",
        sentence="this machine's clock is wrong{off}",
        hints=(SET_CLOCK, "{still_good}"),
        error=ClockError,
    ),
    Refusal(
        name="expired request",
        codes=("RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"),
        sentence="the request took too long, or this machine's clock is wrong{off}",
        hints=(SET_CLOCK, "{still_good}"),
        error=ClockError,
    ),
    Refusal(
        name="scope",
        codes=_SIGNATURE,
        message="Credential should be scoped to",
        sentence="the AWS endpoint that was called is not for STS or IAM in {region}",
        hints=(
            "see AWS_ENDPOINT_URL, and endpoint_url and region under [{profile_section}] in {config}",
            "{still_good}",
        ),
    ),
    Refusal(
        name="secret key of a session",
        codes=_SIGNATURE,
        temporary=True,
        sentence="the session of profile {holder} is damaged: its secret does not belong to {key}",
        hints=("{renew}",),
    ),
    Refusal(
        name="secret key",
        codes=_SIGNATURE,
        sentence="the secret access key of profile {holder} does not belong to {key}",
        hints=(_COPY_AGAIN, "{still_good}"),
        error=KeysRefusedError,
    ),
    Refusal(
        name="malformed signature",
        codes=("IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
        sentence="AWS cannot read the signature of the request",
        hints=(
            "is a character in the access key {key} of profile {holder} that is not a part of it?",
            "or does a proxy change requests?",
            "{still_good}",
        ),
    ),
    # --- Durations.
    Refusal(
        name="duration",
        codes=_INVALID,
        message="(?i)durationSeconds' failed|parameter durationSeconds|durationSeconds is not",
        actions=("GetSessionToken",),
        sentence="AWS gives no session of {duration} s",
        # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
        hints=("--duration-seconds takes 900 to 129600, and an hour at most for the root user",),
    ),
    Refusal(
        name="duration of a chained role",
        codes=_INVALID,
        message="role chaining",
        # https://repost.aws/knowledge-center/iam-role-chaining-limit
        sentence="AWS gives no session of {duration} s to a role that is assumed with temporary credentials",
        hints=(
            "3600 is the most: duration_seconds = 3600 under [{role_section}] in {config}, "
            "or --duration-seconds 3600",
        ),
    ),
    Refusal(
        name="duration beyond the role's",
        codes=_INVALID,
        message="MaxSessionDuration",
        sentence="{role} allows no session of {duration} s",
        hints=(
            "{max_duration} is the most: duration_seconds = {max_duration} under [{role_section}] in {config}, "
            "or --duration-seconds {max_duration}",
            "{shortest} always works: duration_seconds = {shortest} under [{role_section}] in {config}, "
            "or --duration-seconds {shortest}",
        ),
    ),
    Refusal(
        name="duration of a role",
        codes=_INVALID,
        message="(?i)durationSeconds' failed|parameter durationSeconds|durationSeconds is not",
        sentence="AWS gives no session of {duration} s to a role",
        hints=(
            "900 to 43200 can be had, and 3600 always: duration_seconds = 3600 under [{role_section}] in {config}, "
            "or --duration-seconds 3600",
        ),
    ),
    Refusal(
        name="session of a role",
        codes=_INVALID,
        message="Must specify userName",  # which is optional for users alone
        sentence="the session in {holder} is one of a role, and roles have no access keys or MFA devices",
        hints=("{refresh_base} replaces it by one of the user",),
    ),
    # --- Other parameters: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    Refusal(
        name="serial number",
        codes=_INVALID,
        message="(?i)at 'serialNumber'|parameter SerialNumber",
        sentence="{serial_number} is not the serial number of an MFA device",
        hints=("{serial_number_form}",),
    ),
    Refusal(
        name="malformed token code",
        codes=_INVALID,
        message="(?i)at 'tokenCode'|parameter TokenCode",
        sentence="what was given as the token code is none",
        hints=("it has six digits",),
    ),
    Refusal(
        name="role session name",
        codes=_INVALID,
        message="(?i)at 'roleSessionName'|parameter RoleSessionName",
        sentence="role_session_name of profile {role_profile} is not one that AWS takes",
        hints=("it has 2 to 64 letters, digits and _ + = , . @ -: see [{role_section}] in {config}",),
    ),
    Refusal(
        name="external ID",
        codes=_INVALID,
        message="(?i)at 'externalId'|parameter ExternalId",
        sentence="external_id of profile {role_profile} is not one that AWS takes",
        hints=("it has 2 to 1224 letters, digits and _ + = , . @ : / -: see [{role_section}] in {config}",),
    ),
    Refusal(
        name="role ARN",
        codes=_INVALID,
        message="(?i)at 'roleArn'|parameter RoleArn|is invalid",
        actions=("AssumeRole",),
        sentence="role_arn of profile {role_profile} is not the ARN of a role: {role}",
        hints=(
            "role_arn = arn:aws:iam::123456789012:role/NAME under [{role_section}] in {config}; "
            "the IAM console shows it",
        ),
    ),
    # --- AWS itself.
    Refusal(
        name="throttled",
        # What botocore knows (retries/standard.py), and has tried again already.
        codes=(
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "LimitExceededException",
            "PriorRequestNotComplete",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
            "TransactionInProgressException",
        ),
        sentence="AWS throttled the request",
        hints=("try again in a minute", "{still_good}"),
        error=UnreachableError,
    ),
    Refusal(
        name="internal error",
        codes=(
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "Unavailable",
        ),
        sentence="AWS reported an internal error ({code})",
        hints=("try again; see https://health.aws.amazon.com", "{still_good}"),
        error=UnreachableError,
    ),
    Refusal(
        name="gateway",
        codes=("500", "502", "503", "504"),  # what botocore makes of a status with a page of HTML or nothing
        sentence="what answered for AWS has trouble (HTTP status {code})",
        hints=("try again; is AWS_ENDPOINT_URL or a proxy in the way?", "{still_good}"),
        error=UnreachableError,
    ),
    Refusal(
        name="inactive region",
        codes=("RegionDisabledException", "RegionDisabled"),
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
        sentence="the account has not activated STS in {region}",
        hints=(
            "set another region under [{profile_section}] in {config}; us-east-1 is always activated",
            "an administrator can activate it: IAM console, Account settings, Security Token Service (STS)",
            "{still_good}",
        ),
    ),
    Refusal(
        name="account",
        codes=("OptInRequired", "SubscriptionRequiredException", "NotSignedUp", "PendingVerification", "Blocked"),
        sentence="AWS says that the account of profile {holder} is not signed up for this",
        hints=("its owner has to complete or to restore it: https://console.aws.amazon.com/billing/home#/account",),
    ),
    Refusal(
        name="any other code",
        sentence="AWS refused {action} with {code}",
        hints=("https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html says what that means",),
    ),
)

NOT_FROM_AWS = Refusal(
    name="not from AWS",
    sentence="the response did not come from AWS",
    hints=("is AWS_ENDPOINT_URL or a proxy in the way?",),
    error=UnreachableError,
)
