"""The shell functions that ``shell-init`` prints. They are real files, so that their shells can check them."""

import os.path

from mfa_profiles import environment

_FILES = {
    "bash": ("aws_env.sh", "aws_env.bash"),
    "zsh": ("aws_env.sh", "aws_env.zsh"),
    "fish": ("aws_env.fish",),
}

SHELLS = tuple(_FILES)
"""The shells there are functions for."""


_LISTS = {
    "_mfa_profiles_cleared": (*environment.TERMINAL_VARIABLES, environment.GIVEN_SETTINGS),
    "_mfa_profiles_switched": (
        *environment.CREDENTIAL_VARIABLES,
        *environment.REGION_VARIABLES,
        environment.GIVEN_SETTINGS,
    ),
}
"""What ``aws_env --clear`` unsets, and what any switch may set or unset."""


def script(shell: str) -> str:
    """What a shell, one of SHELLS, has to evaluate to have ``aws_env``, its prompt segment and its completion."""
    form = "set -g _{} {}\n" if shell == "fish" else "{}=({})\n"
    lists = "".join(form.format(name, " ".join(variables)) for name, variables in _LISTS.items())
    return "\n".join([lists, *(_read(name) for name in _FILES[shell])])


def _read(name: str) -> str:
    # Beside this file, as the wheel has it: importlib.resources would take longer than all the rest.
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()
