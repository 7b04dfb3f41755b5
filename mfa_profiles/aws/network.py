"""What botocore raises, for calls and for credentials, as tables of sentences with hints.

The exceptions are named, not imported: botocore is heavy, and newer and older ones have different sets of them.
Their texts quote URLs with passwords, settings and what a command printed: none is passed on.
"""

import errno
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from mfa_profiles.aws import sdk_settings
from mfa_profiles.aws.rows import Row
from mfa_profiles.errors import MfaProfilesError, ProfileError, UnreachableError, set_clock_command


@dataclass(frozen=True, kw_only=True)
class Failure(Row):
    """A row that is for exceptions of some classes, if a pattern is found in the text of what caused them."""

    exceptions: tuple[str, ...]
    cause: str = ""
    providers: tuple[str, ...] = ()
    """The settings of the profile, one of which leads to its credentials; empty for any."""
    error: type[MfaProfilesError] = UnreachableError
    of_settings: bool = False
    """True if a setting is to blame, which may be a variable of the environment."""

    def matches(self, error: BaseException, provider: str | None = None) -> bool:
        """True if the row explains the error."""
        names = {kind.__name__ for kind in type(error).__mro__}
        return (
            not names.isdisjoint(self.exceptions)
            and (not self.providers or provider in self.providers)
            and re.search(self.cause, _cause(error)) is not None
        )


def first(rows: Sequence[Failure], error: BaseException, provider: str | None = None) -> Failure:
    """The first row that explains an error; the last one is for all."""
    return next((row for row in rows if row.matches(error, provider)), rows[-1])


def _cause(error: BaseException) -> str:
    cause = _kwargs(error).get("error")
    return f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else ""


def _kwargs(error: BaseException) -> dict[str, object]:
    found = getattr(error, "kwargs", None)
    return found if isinstance(found, dict) else {}


def called_host(error: BaseException) -> str | None:
    """The host that was called, which is all of a URL that can be shown."""
    return host_of(_kwargs(error).get("endpoint_url"))


def proxy_host(error: BaseException) -> str | None:
    """The host of the proxy."""
    return host_of(_kwargs(error).get("proxy_url"))


def host_of(url: object) -> str | None:
    """The host of a URL, or None if it cannot be told from a password."""
    try:
        parts = urlsplit(str(url or ""))
    except ValueError:
        return None
    # With a password that is not escaped, what looks like the host is a part of it.
    return None if "@" in f"{parts.path}{parts.query}{parts.fragment}" else parts.hostname


def missing_part(error: BaseException) -> str:
    """The name of what is missing for credentials to be complete."""
    name = str(_kwargs(error).get("cred_var", ""))
    return name if re.fullmatch(r"[A-Za-z_]{1,64}", name) else "a part of them"


def refused_setting(error: BaseException, settings: Iterable[str]) -> str:
    """The setting that botocore cannot use, as far as the exception tells; of some, its text has the name alone.

    ``settings`` are those of the profile.
    """
    key = str(_kwargs(error).get("config_key", ""))
    if re.fullmatch(r"[a-z_]{1,64}", key):
        return key
    names = re.findall(r"\b[a-z0-9_]{1,64}\b", str(error))
    named = next((name for name in (*settings, *sdk_settings.SETTINGS) if name in names), "a setting")
    return _SETTINGS.get(type(error).__name__, named)


def refused_region(error: BaseException) -> str | None:
    """The region that botocore refused, if that is what it refused."""
    region = _kwargs(error).get("region_name")
    return region if isinstance(region, str) and type(error).__name__ == "InvalidRegionError" else None


_SETTINGS = {
    "InvalidDefaultsMode": "defaults_mode",
    "InvalidIMDSEndpointError": "ec2_metadata_service_endpoint",
    "InvalidIMDSEndpointModeError": "ec2_metadata_service_endpoint_mode",
    "InvalidMaxRetryAttemptsError": "max_attempts",
    "InvalidRegionError": "region",
    "InvalidRetryModeError": "retry_mode",
    "InvalidS3AddressingStyleError": "s3.addressing_style",
    "InvalidS3UsEast1RegionalEndpointConfigError": "s3_us_east_1_regional_endpoint",
    "InvalidSTSRegionalEndpointsConfigError": "sts_regional_endpoints",
    "UnknownSignatureVersionError": "signature_version",
    "UnsupportedSignatureVersionError": "signature_version",
}

_PROXY_SYNTAX = (
    "it is http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT, with @ : / ? # in a password as %40 %3A %2F %3F %23"
)
_CA_SYNTAX = "it is the path of a file with PEM certificates, in which ~ and $VARIABLES are not expanded"


def _errno(*numbers: int) -> str:
    """A pattern of how the text of an OSError begins, for some numbers, which differ between systems."""
    return rf"\[Errno ({'|'.join(map(str, numbers))})\]"


_UNRESOLVED = "NameResolutionError|Failed to resolve|gaierror|getaddrinfo|" + _errno(
    socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_NODATA, socket.EAI_NONAME
)
_UNREADABLE = _errno(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
_ASK_THE_CLI = "see what the AWS CLI says: {get_caller_identity}"

FAILURES: tuple[Failure, ...] = (
    Failure(
        name="connect timeout",
        exceptions=("ConnectTimeoutError",),
        sentence="AWS did not answer within {connect_timeout} s",
        hints=("is this machine online, and may it connect to{at}?", "{still_good}"),
    ),
    Failure(
        name="no answer in time",
        exceptions=("ReadTimeoutError",),
        cause="^TimeoutError",  # of Bounded, whose time is for all there is, the look-up of an address included
        sentence="no answer came from AWS within {answer_timeout} s",
        hints=("is this machine online, and does its DNS answer?", "{try_next_code}"),
    ),
    Failure(
        name="read timeout",
        exceptions=("ReadTimeoutError",),
        sentence="AWS took the request and gave no answer within {read_timeout} s",
        hints=("{try_next_code}",),
    ),
    Failure(
        name="unknown host",
        exceptions=("EndpointConnectionError",),
        cause=_UNRESOLVED,
        sentence="the AWS endpoint{at} has no address",
        hints=(
            "is this machine online? behind a proxy, set HTTPS_PROXY=http://HOST:PORT",
            "is {region} the region you mean? if not: region = NAME under [{section}] in {config}",
            "{still_good}",
        ),
    ),
    Failure(
        name="unreachable",
        exceptions=("EndpointConnectionError",),
        sentence="the AWS endpoint{at} cannot be reached",
        hints=(
            "is this machine online? behind a proxy, set HTTPS_PROXY=http://HOST:PORT",
            "if that is not AWS's endpoint in {region}: see AWS_ENDPOINT_URL, and endpoint_url in [{section}]",
            "{still_good}",
        ),
    ),
    Failure(
        name="proxy credentials",
        exceptions=("ProxyConnectionError",),
        cause="Tunnel connection failed: 407",
        sentence="the proxy{proxy} wants another user name or password",
        hints=("see HTTPS_PROXY: " + _PROXY_SYNTAX, "{still_good}"),
    ),
    Failure(
        name="proxy refusal",
        exceptions=("ProxyConnectionError",),
        cause="Tunnel connection failed",
        sentence="the proxy{proxy} lets no connection to AWS through",
        hints=(
            "ask who runs it to allow it, or if AWS can be reached without: NO_PROXY=.amazonaws.com",
            "{still_good}",
        ),
    ),
    Failure(
        name="proxy without TLS",
        exceptions=("ProxyConnectionError",),
        cause="only use HTTP and not HTTPS|WRONG_VERSION_NUMBER",
        sentence="the proxy{proxy} does not speak TLS",
        hints=("write http:// for https:// in HTTPS_PROXY: it says how to speak to the proxy", "{still_good}"),
    ),
    Failure(
        name="unknown proxy",
        exceptions=("ProxyConnectionError",),
        cause=_UNRESOLVED,
        sentence="the proxy{proxy} has no address",
        hints=("see HTTPS_PROXY: " + _PROXY_SYNTAX, "boto3 knows no SOCKS proxies", "{still_good}"),
    ),
    Failure(
        name="proxy",
        exceptions=("ProxyConnectionError",),
        sentence="the proxy{proxy} cannot be reached",
        hints=(
            "see HTTPS_PROXY, or if AWS can be reached without a proxy: NO_PROXY=.amazonaws.com",
            "{still_good}",
        ),
    ),
    Failure(
        name="proxy password",
        exceptions=("HTTPClientError",),
        cause="^UnicodeEncodeError",
        sentence="the proxy's user name or password has characters that boto3 cannot send",
        hints=("letters, digits and ASCII's other characters are", "{still_good}"),
    ),
    Failure(
        name="proxy URL",
        exceptions=("HTTPClientError",),
        cause="^(LocationParseError|LocationValueError|InvalidURL|ProxySchemeUnknown|ValueError)",
        sentence="the URL of the proxy or of the endpoint cannot be read",
        hints=("see HTTPS_PROXY: " + _PROXY_SYNTAX, "and AWS_ENDPOINT_URL or endpoint_url, if set", "{still_good}"),
    ),
    Failure(
        name="certificate of another",
        exceptions=("SSLError",),
        cause="Hostname mismatch|IP address mismatch|doesn't match",
        sentence="the certificate of the AWS endpoint{at} is for another name",
        hints=("is a proxy, a captive portal, or a wrong AWS_ENDPOINT_URL in the way?", "{still_good}"),
    ),
    Failure(
        name="certificate dates",
        exceptions=("SSLError",),
        cause="certificate has expired|not yet valid",
        sentence="the certificate of the AWS endpoint{at} is out of date, by this machine's clock",
        hints=(f"is that right? {set_clock_command()} sets it by a time service", "{still_good}"),
    ),
    Failure(
        name="CA bundle",
        exceptions=("SSLError",),
        cause=_UNREADABLE,
        sentence="the CA bundle{ca_bundle} cannot be read",
        hints=("see {source_of_ca_bundle}: " + _CA_SYNTAX, "{still_good}"),
    ),
    Failure(
        name="CA bundle without certificates",
        exceptions=("SSLError",),
        cause=r"\[X509|NO_CERTIFICATE_OR_CRL_FOUND|no start line|\[PEM|\[ASN1",
        sentence="the CA bundle{ca_bundle} holds no certificates",
        hints=("see {source_of_ca_bundle}: " + _CA_SYNTAX, "{still_good}"),
    ),
    Failure(
        name="no TLS",
        exceptions=("SSLError",),
        cause="WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|PACKET_LENGTH_TOO_LONG",
        sentence="the AWS endpoint{at} does not speak TLS",
        hints=("is a proxy in the way? the URL of an endpoint without TLS begins with http://", "{still_good}"),
    ),
    Failure(
        name="certificate",
        exceptions=("SSLError",),
        cause="CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        sentence="the certificate of the AWS endpoint{at} is not trusted",
        hints=(
            "if a proxy intercepts TLS, name the file of its CA: ca_bundle = PATH under [{section}] in {config}, "
            "or AWS_CA_BUNDLE",
            "{still_good}",
        ),
    ),
    Failure(
        name="TLS",
        exceptions=("SSLError",),
        sentence="no TLS connection to the AWS endpoint{at} could be made",
        hints=("is a proxy in the way, or a very old OpenSSL?", "{still_good}"),
    ),
    Failure(
        name="malformed region",
        of_settings=True,
        exceptions=("InvalidRegionError",),
        sentence="{quoted_region} is not a region",
        hints=("{region_fault}", "{region_advice}", "see region in [{section}] in {config}, or AWS_REGION"),
    ),
    Failure(
        name="endpoint variant",
        exceptions=("BaseEndpointResolverError", "EndpointProviderError", "InvalidEndpointConfigurationError"),
        sentence="AWS has no such endpoint in {region} as profile {profile} asks for",
        hints=("see use_fips_endpoint, use_dualstack_endpoint and region in [{section}] in {config}",),
    ),
    Failure(
        name="proxy settings",
        exceptions=("InvalidProxiesConfigError",),
        sentence="the AWS SDK cannot use the certificates for the proxy",
        hints=("see HTTPS_PROXY, and the proxy settings in [{section}] in {config}",),
    ),
    Failure(
        name="setting",
        of_settings=True,
        exceptions=(
            "InvalidChecksumConfigError",
            "InvalidConfigError",
            "InvalidDefaultsMode",
            "InvalidRetryConfigurationError",
            "InvalidS3AddressingStyleError",
            "InvalidS3UsEast1RegionalEndpointConfigError",
            "InvalidSTSRegionalEndpointsConfigError",
            "UnknownSignatureVersionError",
            "UnsupportedSignatureVersionError",
        ),
        sentence="the AWS SDK cannot use {setting} of profile {profile}",
        hints=("see {place_of_setting}", _ASK_THE_CLI),
    ),
    Failure(
        name="unreadable files",
        exceptions=("ConfigParseError", "ConfigNotFound"),
        sentence="the AWS SDK cannot read {config} or {credentials}",
        hints=(_ASK_THE_CLI,),
    ),
    Failure(
        name="no profile",
        exceptions=("ProfileNotFound",),
        sentence="the AWS SDK finds no profile {profile} in {config} and {credentials}",
        hints=("its header in {config} has to be [{section}]",),
    ),
    Failure(
        name="missing dependency",
        exceptions=("MissingDependencyException",),
        sentence="the AWS SDK lacks a part that profile {profile} needs",
        hints=("install it beside mfa-profiles: pip install 'botocore[crt]'",),
    ),
    Failure(
        name="broken connection",
        exceptions=("ConnectionClosedError", "HTTPClientError", "IncompleteReadError"),
        sentence="the connection to AWS broke off",
        hints=("try again{next_code}",),
    ),
    Failure(
        name="any other failure",
        exceptions=("BaseException",),
        sentence="boto3 could not make the call ({kind})",
        hints=("see the settings of profile {profile} in {config}", _ASK_THE_CLI),
    ),
)

_SSO = ("sso_session", "sso_start_url")

CREDENTIALS: tuple[Failure, ...] = (
    Failure(
        name="SSO session",
        exceptions=("SSOError", "TokenRetrievalError"),
        sentence="the SSO session of profile {profile} has ended",
        hints=("{sso_login}",),
    ),
    Failure(
        name="SSO role",
        exceptions=("ClientError",),
        providers=_SSO,
        sentence="IAM Identity Center gives profile {profile} no credentials",
        hints=(
            "may you use the sso_role_name in the sso_account_id that [{section}] in {config} names?",
            "if so: {sso_login}",
        ),
    ),
    Failure(
        name="login permission",
        exceptions=("LoginInsufficientPermissions",),
        sentence="the user of profile {profile} has no permission signin:CreateOAuth2Token",
        hints=(
            'an administrator can allow it: {{"Effect": "Allow", "Action": "signin:CreateOAuth2Token", '
            '"Resource": "*"}}',
        ),
    ),
    Failure(
        name="login session",
        exceptions=("LoginError",),
        sentence="the login session of profile {profile} has ended",
        hints=("{login}",),
    ),
    Failure(
        name="login refusal",
        exceptions=("ClientError",),
        providers=("login_session",),
        sentence="AWS refused the login session of profile {profile}",
        hints=("{login}",),
    ),
    Failure(
        name="credential_process",
        exceptions=("Exception",),
        providers=("credential_process",),
        sentence="credential_process of profile {profile} failed",
        hints=(
            "run the command yourself: it stands under [{section}] in {config}",
            "it has to print JSON with Version (1), AccessKeyId and SecretAccessKey, without a shell around it: "
            "https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html",
        ),
    ),
    Failure(
        name="web identity file",
        exceptions=("OSError", "UnicodeDecodeError"),
        providers=("web_identity_token_file",),
        sentence="web_identity_token_file of profile {profile} cannot be read",
        hints=("see [{section}] in {config}: the path of a file, in which ~ is not expanded",),
    ),
    Failure(
        name="web identity",
        exceptions=("ClientError",),
        providers=("web_identity_token_file",),
        sentence="AWS did not accept the web identity token of profile {profile}",
        hints=(
            "such tokens live for a short time: has who writes the file written a new one?",
            "does the role_arn in [{section}] trust the identity provider?",
        ),
    ),
    Failure(
        name="partial credentials",
        exceptions=("PartialCredentialsError",),
        sentence="the credentials of profile {profile} are not complete: {missing} is not there",
        hints=(_ASK_THE_CLI,),
        error=ProfileError,
    ),
    Failure(
        name="metadata",
        of_settings=True,
        exceptions=(
            "CredentialRetrievalError",
            "InvalidIMDSEndpointError",
            "InvalidIMDSEndpointModeError",
            "MetadataRetrievalError",
        ),
        sentence="the machine or the container gives profile {profile} no credentials",
        hints=("credential_source works on an EC2 instance or in a container with a role, and nowhere else",),
    ),
    Failure(
        name="credentials setup",
        of_settings=True,
        exceptions=("InvalidConfigError",),
        sentence="profile {profile} is not complete: the AWS SDK finds no way to its credentials",
        hints=("see [{section}] in {config}, and the sections that it names", _ASK_THE_CLI),
        error=ProfileError,
    ),
    *FAILURES[:-1],
    Failure(
        name="any other credentials failure",
        of_settings=True,
        exceptions=("BaseException",),
        sentence="the AWS SDK got no credentials for profile {profile}",
        hints=(_ASK_THE_CLI,),
    ),
)
