"""Tell each call to AWS as a step, for whoever asked with ``-v``: what, where, how long it took and how it ended."""

import re
import time
from typing import Any

from mfa_profiles import log, profiles
from mfa_profiles.aws import network


def tell(client: Any, keys: profiles.Keys) -> None:
    """Tell the calls that a client makes."""

    def asked(request: Any, event_name: str, **_: object) -> None:
        service, action = event_name.split(".")[-2:]
        context = request.context
        context["mfa_profiles_attempt"] = attempt = context.get("mfa_profiles_attempt", 0) + 1
        again = f", attempt {attempt}" if attempt > 1 else ""
        # IAM has one region for all, which need not be what the client calls its region.
        region = context.get("signing", {}).get("region") or client.meta.region_name
        where = f"{network.host_of(request.url) or 'a host'} in {region}{_proxy(request.url)}"
        log.step(f"asks {service} for {action} at {where}, signed with {profiles.masked(keys.access_key_id)}{again}")
        context["mfa_profiles_asked"] = time.monotonic()

    def answered(context: dict[str, Any], event_name: str, **outcome: Any) -> None:
        service, action = event_name.split(".")[-2:]
        took = (time.monotonic() - context.get("mfa_profiles_asked", time.monotonic())) * 1000
        log.step(f"{service} {action}: {_outcome(**outcome)} after {took:.0f} ms")

    client.meta.events.register_first("request-created", asked)
    client.meta.events.register_first("response-received", answered)


def _outcome(
    *,
    response_dict: dict[str, Any] | None = None,
    parsed_response: dict[str, Any] | None = None,
    exception: BaseException | None = None,
    **_: object,
) -> str:
    if response_dict is None:
        return "no answer" if exception is None else type(exception).__name__
    # A broken answer can hold anything in place of a code, a secret too.
    error = (parsed_response or {}).get("Error")
    code = str(error.get("Code", "")) if isinstance(error, dict) else ""
    return f"{response_dict['status_code']} {code if re.fullmatch('[A-Za-z][A-Za-z.]{0,63}', code) else ''}".strip()


def _proxy(url: str) -> str:
    from botocore.utils import get_environ_proxies

    proxy = get_environ_proxies(url).get(url.partition(":")[0])
    if not proxy:
        return ""
    return f" through the proxy {network.host_of(proxy if '://' in proxy else f'http://{proxy}') or 'that is set'}"
