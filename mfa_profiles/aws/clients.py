"""Clients of AWS, made once for all callers whose calls would go out the same way.

They are botocore's, which boto3's are as well: boto3 itself would import what only S3 needs.
"""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from mfa_profiles import log
from mfa_profiles.aws import botocore_session, crashes, sdk_settings
from mfa_profiles.errors import UnreachableError
from mfa_profiles.profiles import Keys, Profiles

if TYPE_CHECKING:
    import botocore.session
    from botocore.config import Config

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 20
"""Seconds. An endpoint that does not answer is given up before a person gives up."""

MAX_CALLS_AT_ONCE = 25
"""As many roles are assumed at once, which makes 500 calls in a second if each takes 50 ms.

AWS takes 600 of an account in a region, whoever makes them:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

_MAX_ATTEMPTS = 5
_PATIENCE = 4.0  # seconds: a call that has failed on its way after more than this is not tried again


class Clients:
    """The clients of one command.

    Two profiles with the same settings and keys share a client: with two hundred roles behind one code, the making
    of clients would take longer than all the calls.
    """

    def __init__(self, profiles: Profiles, now: Callable[[], datetime]) -> None:
        self.profiles = profiles
        self.now = now
        self._sessions: dict[object, botocore.session.Session] = {}
        self._clients: dict[object, Any] = {}
        self._lock = threading.Lock()  # botocore's sessions are not made for threads; its clients are

    def get(self, service: Any, *, profile: str, keys: Keys, region: str) -> Any:
        """A client that signs with keys and honours the settings of a profile: endpoints, proxies, CAs, ..."""
        # What botocore sees. Each client is given its region; a session has to know it only if it is more than that.
        seen = self.profiles.seen_call_settings(profile)
        alike = frozenset((seen | {"region": region if botocore_session.is_variant(region) else ""}).items())
        is_possible = partial(self._is_possible, service, keys, region)
        with self._lock, _setup_explained(self.profiles, profile, is_possible):
            if alike not in self._sessions:
                self._sessions[alike] = botocore_session.session_of(self.profiles, profile, region)
            name = (service, alike, keys, region)
            if name not in self._clients:
                self._clients[name] = _client(self._sessions[alike], service, keys, region)
            return self._clients[name]

    def _is_possible(self, service: Any, keys: Keys, region: str) -> bool:
        """Return True if a client without the settings of any profile can be made."""
        try:
            _client(botocore_session.session_of(self.profiles, "", region), service, keys, region)
        except Exception:  # noqa: BLE001 - which means no
            return False
        return True

    def disconnect(self) -> None:
        """Close all connections; the next call makes a new one."""
        with self._lock:
            for client in self._clients.values():
                client._endpoint.http_session.close()


def _client(session: "botocore.session.Session", service: Any, keys: Keys, region: str) -> Any:
    from mfa_profiles.aws.bounded import Bounded

    botocore_session.refuse_empty_ca_bundle(session)
    client: Any = session.create_client(
        service,
        region_name=region,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=_config(),
    )
    # Botocore has no public way to what a client sends with.
    client._endpoint.http_session = Bounded(client._endpoint.http_session, CONNECT_TIMEOUT + READ_TIMEOUT)
    crashes.watch(client.meta.events)
    client.meta.events.register_first("before-call", _note_start)
    client.meta.events.register_first("needs-retry", _give_up_in_time)
    # Handlers of an action come before those of its service, which decide whether a call is made again.
    client.meta.events.register("needs-retry.iam.CreateAccessKey", _ask_once)
    if log.is_on():
        from mfa_profiles.aws import told_calls

        told_calls.tell(client, keys)
    return client


def _config() -> "Config":
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=MAX_CALLS_AT_ONCE,
        # Not "adaptive": throttled within its first half second, when it has measured no rate yet, that lets out one
        # call in two seconds: test_throttled_roles_are_tried_again took 4 to 24 s with it, and 1.2 s like this
        # (2026-11-24, 2 cores).
        retries={"mode": "standard", "total_max_attempts": _MAX_ATTEMPTS},
    )


def _note_start(params: dict[str, Any], **_: object) -> None:
    params["context"]["mfa_profiles_started"] = time.monotonic()


def _give_up_in_time(request_dict: dict[str, Any], caught_exception: Exception | None, **_: object) -> None:
    """Raise a failure on the way that must not be followed by another attempt, where botocore would make four more.

    After a time-out nobody waits four times over. And a token code that AWS may have got is not sent again after a
    failure on the way: it counts once, and the refusal of the second would hide what happened to the first. After an
    answer of 5xx it is: more often than not AWS has not looked at it.
    """
    from botocore.exceptions import HTTPClientError  # after the connection was made: reset, closed, no answer

    if caught_exception is None:
        return
    started = request_dict["context"].get("mfa_profiles_started", 0.0)
    may_have_code = "TokenCode" in request_dict["body"] and isinstance(caught_exception, HTTPClientError)
    if may_have_code or time.monotonic() - started > _PATIENCE:
        raise caught_exception


def _ask_once(response: tuple[Any, Any] | None, caught_exception: Exception | None, **_: object) -> None:
    """Raise what may have been done, so that botocore does not try again: another access key would be one too many.

    Botocore before 1.43.3 tries again even if a handler returns False.
    """
    from botocore.exceptions import ClientError, HTTPClientError  # the latter as above

    if isinstance(caught_exception, HTTPClientError):
        raise caught_exception
    if response is not None and response[0].status_code >= 500:
        raise ClientError(response[1], "CreateAccessKey")


@contextlib.contextmanager
def _setup_explained(profiles: Profiles, profile: str, is_possible: Callable[[], bool]) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError

    place = f"[{profiles.config_header(profile)}] in {profiles.config.path}"
    try:
        yield
    except BotoCoreError:
        raise
    except Exception as error:
        # botocore trusts the form of settings: it raises AttributeError and TypeError for a text in place of a block.
        # Without any settings the same exception is a crash.
        if crashes.is_crash(error) and not is_possible():
            raise
        refusal = UnreachableError(
            f"boto3 cannot be set up with the settings of profile {profile}",
            f"see {place}, and the variables in the environment that begin with AWS_",
        )
        fault = sdk_settings.fault_behind("", os.environ)
        # The text quotes the endpoint, credentials in it included.
        if isinstance(error, ValueError) and re.search("endpoint|URL", str(error)):
            refusal = UnreachableError(
                "the AWS endpoint is not a URL", f"see AWS_ENDPOINT_URL, and endpoint_url under {place}"
            )
            fault = sdk_settings.fault_behind("endpoint_url", os.environ)
        if fault is not None:
            refusal = UnreachableError(fault.message, fault.hint)
    else:
        return
    raise refusal
