"""The formats in which variables and credentials are printed for shells and programs: text out, nothing else.

No value, whatever it holds, ends its quotes, starts a command or becomes a variable of its own. What a format cannot
say is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mfa_profiles import dotenv
from mfa_profiles.errors import ProfileError

_ANYTHING = r"[^\0]*"
_ONE_LINE = rf"[^\0{dotenv.LINE_BREAKS}]"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"


class Format(NamedTuple):
    """What a format is for, a pattern of the values it can hold, and its statements that set and unset variables.

    Without statements it is a format of credentials, not of variables.
    """

    description: str
    holds: str = _ANYTHING
    statements: Callable[[Mapping[str, str], Sequence[str]], list[str]] | None = None


def _env(values: Mapping[str, str], unset: Sequence[str]) -> list[str]:
    # This order and this semicolon let eval $(...) do the same, where missing quotes have joined the lines.
    lines = [f"unset {' '.join(unset)};"] if unset else []
    return lines + [f"export {name}={_posix_quoted(value)}" for name, value in values.items()]


def _env_no_export(values: Mapping[str, str], _: Sequence[str]) -> list[str]:
    return [f"{name}={_posix_quoted(value)}" for name, value in values.items()]


def _posix_quoted(value: str) -> str:
    # Not shlex.quote: it leaves =ls without quotes, for which zsh puts the path of ls.
    return value if re.fullmatch(dotenv.BARE, value) else "'" + value.replace("'", "'\"'\"'") + "'"


def _fish(values: Mapping[str, str], unset: Sequence[str]) -> list[str]:
    # One statement a line, each with its semicolon, since eval (...) joins the lines with spaces.
    lines = [f"set -gx {name} {_fish_quoted(value)};" for name, value in values.items()]
    if not unset:
        return lines
    # A universal variable is a setting of all terminals, and not to be erased for this one. Nothing in this one keeps
    # an exported one from commands, but for another value (create_export_array in fish's source).
    names = " ".join(unset)
    return [
        f"begin; set -l names; for name in {names}; set -qUx $name; and set -a names $name; end;",
        "if set -q names[1]; echo 'mfa-profiles: error: nothing was set, as fish cannot hide universal variables "
        "from commands:' $names >&2; echo 'hint: to erase them in all terminals: set -eU' $names >&2; false; else;",
        f"for name in {names}; set -el $name; set -eg $name; end;",
        *lines,
        "true; end; end;",
    ]


def _fish_quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\n", r"'\n'") + "'"


def _powershell(values: Mapping[str, str], unset: Sequence[str]) -> list[str]:
    lines = [f"$Env:{name} = $null" for name in unset]
    return lines + [f"$Env:{name} = {_powershell_quoted(value)}" for name, value in values.items()]


def _powershell_quoted(value: str) -> str:
    # PowerShell takes each of these for the quote that ends a string, and two of them for the second.
    return "'" + re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value) + "'"


def _windows_cmd(values: Mapping[str, str], unset: Sequence[str]) -> list[str]:
    return [f'set "{name}="' for name in unset] + [f'set "{name}={value}"' for name, value in values.items()]


def _dotenv(values: Mapping[str, str], _: Sequence[str]) -> list[str]:
    return dotenv.update("", values).splitlines()


FORMATS: Mapping[str, Format] = {
    "env": Format('statements for bash, zsh and sh: eval "$(...)"', _ANYTHING, _env),
    # As long as no value needs quotes, this is what the AWS CLI prints, and `docker run --env-file` reads it, which
    # knows no quotes. The AWS CLI prints none in any case, and a shell would run what it finds.
    "env-no-export": Format(
        "the same without export, for variables of the shell alone", f"{_ONE_LINE}*", _env_no_export
    ),
    "fish": Format("statements for fish: ... | source", _ANYTHING, _fish),
    # Invoke-Expression gets what comes through a pipe line by line. To most versions, an empty value means unset.
    "powershell": Format("statements for PowerShell: ... | Invoke-Expression", f"{_ONE_LINE}+", _powershell),
    # Between quotes cmd still knows %, and where delayed expansion is on ! and ^. A code page may make quotes of
    # characters beyond ASCII. An empty value means unset.
    "windows-cmd": Format("statements for the Windows command prompt", r"[ #$&-\]_-~]+", _windows_cmd),
    "process": Format("JSON, as a credential_process prints it"),
    "dotenv": Format("lines of a .env file", _ANYTHING, _dotenv),
}
"""All formats by name, the default first; all but dotenv are those of ``aws configure export-credentials``."""


def render(name: str, variables: Mapping[str, str | None]) -> str:
    """Return the text that sets these variables, and first unsets those that are None, without a final newline.

    env-no-export and dotenv cannot unset, and leave those out. Raises ProfileError for a value that the format cannot
    hold, naming the variable but not the value, and ValueError for ``process``, and for a name that no shell knows.
    """
    format_ = FORMATS[name]
    if format_.statements is None or not all(re.fullmatch(_NAME, variable) for variable in variables):
        raise ValueError("only variables can be rendered, and only those with names that shells know")
    values = {variable: value for variable, value in variables.items() if value is not None}
    for variable, value in values.items():
        if not re.fullmatch(format_.holds, value):
            raise ProfileError(
                f"the value of {variable} has characters that the format {name} cannot hold",
                "--format env takes any that a variable can have",
            )
    return "\n".join(format_.statements(values, [variable for variable in variables if variable not in values]))
