"""The shell functions that ``shell-init`` prints. They are real files, so that their shells can check them."""

import os.path

_FILES = {
    "bash": ("aws_env.sh", "aws_env.bash"),
    "zsh": ("aws_env.sh", "aws_env.zsh"),
    "fish": ("aws_env.fish",),
}

SHELLS = tuple(_FILES)
"""The shells there are functions for."""


def script(shell: str) -> str:
    """What a shell, one of SHELLS, has to evaluate to have ``aws_env``, its prompt segment and its completion."""
    return "\n".join(_read(name) for name in _FILES[shell])


def _read(name: str) -> str:
    # Beside this file, as the wheel has it: importlib.resources would take longer than all the rest.
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return file.read()
