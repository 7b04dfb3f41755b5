"""The manual page, which is made of what ``--help`` says: ``python -m tests.manual`` makes it again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

import mfa_profiles
from mfa_profiles.cli import app

FILE = Path(mfa_profiles.__file__).with_name("mfa-profiles.1")

_BEFORE = """\
.TH MFA\\-PROFILES 1 "" "mfa\\-profiles {version}" "User Commands"
.SH NAME
mfa\\-profiles \\- {summary}
.SH SYNOPSIS
.B mfa\\-profiles
.RI [ OPTIONS ]
.I COMMAND
.RI [ ARGUMENTS ]
.SH DESCRIPTION
"""

_AFTER = """\
.SH FILES
.TP
.I ~/.aws/credentials
Long\\-term keys and sessions; AWS_SHARED_CREDENTIALS_FILE names another file.
.TP
.I ~/.aws/config
All other settings; AWS_CONFIG_FILE names another file.
.SH SEE ALSO
.BR aws (1)
"""


def manual() -> str:
    """The page, in the language of man(7)."""
    group: Any = typer.main.get_command(app)
    summary, description = _paragraphs(group)
    head = _BEFORE.format(version=mfa_profiles.__version__, summary=_plain(summary).removesuffix("."))
    lines = [_plain(description), ".SH OPTIONS", *_options(group), ".SH COMMANDS"]
    for command in group.commands.values():
        lines += _command(command)
    lines += [".SH EXIT STATUS", _plain(group.epilog)]
    return head + "\n".join(lines) + "\n" + _AFTER


def _command(command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=command.name)
    yield f".SS {_plain(' '.join([command.name, *command.collect_usage_pieces(context)]))}"
    first, *others = map(_plain, _paragraphs(command))
    yield first
    for paragraph in others:
        yield from (".PP", paragraph)
    yield from _options(command)
    if command.epilog:
        yield from (".PP", _plain(command.epilog))


def _options(command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name=command.name)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_plain(record[0])}", _plain(record[1]))


def _paragraphs(command: Any) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in command.help.split("\n\n")]


def _plain(text: str) -> str:
    """A text in which nothing means anything to man."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    FILE.write_text(manual())
