"""What the processes that started this one are waiting for, so that none of them waits for itself.

A ``credential_process`` or ``mfa_process`` may run this tool again. A variable tells it which profiles its ancestors
are getting credentials for: to get those as well would be a circle, or would wait for a lock that an ancestor keeps.
"""

import os
from collections.abc import Mapping

from mfa_profiles.errors import ProfileError

TOKEN_CODE = "MFA_PROFILES_TOKEN_CODE"  # noqa: S105 - a name
"""The variable that gives this process a token code. It is not for other programs."""

_CHAIN = "_MFA_PROFILES_CHAIN"  # lines of a process number and a profile


def refuse_circle(name: str, environment: Mapping[str, str]) -> None:
    """Raise ProfileError if a process that started this one is getting credentials for a profile."""
    if any(waiting == name and _is_running(process) for process, waiting in _entries(environment)):
        raise ProfileError(
            f"credential_process or mfa_process of profile {name} leads back to itself",
            "give `mfa-profiles credential-process` the name of a profile that has keys",
        )


def environment_for_child(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the environment for a program that is started to get credentials or a code for some profiles."""
    entries = [*_entries(environment), *((str(os.getpid()), name) for name in names)]
    chain = "\n".join(f"{process} {name}" for process, name in dict.fromkeys(entries))
    return without_own_variables(environment) | {_CHAIN: chain}


def env_command(environment: Mapping[str, str]) -> str:
    """Return a command that starts another one with these variables, for a program that has no way to set them."""
    import shlex

    return shlex.join(["env", "-u", TOKEN_CODE, f"{_CHAIN}={environment[_CHAIN]}"])


def without_own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a program that is started for another reason, such as by ``exec``."""
    return {name: value for name, value in environment.items() if name not in (_CHAIN, TOKEN_CODE)}


def _entries(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    lines = (line.partition(" ") for line in environment.get(_CHAIN, "").split("\n"))
    return [(process, name) for process, _, name in lines if name]


def _is_running(process: str) -> bool:
    """Return False for a process that has ended: a daemon that it started has inherited its variables for good."""
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, OSError):
        return False
    return True
