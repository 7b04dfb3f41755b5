"""Report a crash: an exception that nothing a person did should cause.

The report is ready to paste into an issue. It contains neither messages nor values, as these can be secrets, and of
paths only the part below a library, as the rest can be a person's name. Each part of it may itself be what is
damaged, so that this module imports nothing else at its start, and a part that fails is left out.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

REPORT = "crash-report.txt"
"""The name of the report. A newer one replaces it, so that there is never more than one."""

_LIBRARIES = ("mfa-profiles", "boto3", "botocore", "configupdater", "filelock", "typer", "urllib3")

_MAX_FRAMES = 50
"""How many calls are shown from each end of a stack: a recursion has a thousand."""


def report(error: Exception, arguments: Sequence[str]) -> None:
    """Print that this tool has crashed, and write the report. Never raises an Exception."""
    message = f"this should not have happened: {type(error).__name__} at {_place(error)}"
    hints = []
    try:
        path = _write("\n".join(_lines(error, arguments)) + "\n")
        hints.append(f"please report it: {path} is ready to paste into an issue, without messages and values")
    except Exception:  # noqa: BLE001 - it must not hide the crash that it is about
        hints.append("please report it with this message; a longer report could not be written")
    if any(isinstance(each, ImportError) for each in _chain(error)):
        hints.append("a library is missing or damaged: install mfa-profiles again")
    try:
        from mfa_profiles import terminal

        terminal.prepare_streams()
        terminal.error(message, hints)
    except Exception:  # noqa: BLE001
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.write("\n".join([f"mfa-profiles: error: {message}", *(f"hint: {hint}" for hint in hints), ""]))


def _write(text: str) -> str:
    """Write the report, and return its path."""
    import tempfile

    from mfa_profiles.profiles import SharedPaths
    from mfa_profiles.shared_files import permissions
    from mfa_profiles.shared_files.locking import lock_directory
    from mfa_profiles.shared_files.paths import is_null_device

    paths = SharedPaths.from_environment(os.environ)
    path = next(path for path in paths if not is_null_device(path))
    os.stat(os.path.dirname(path) or os.curdir)  # A report is no reason to make directories for a mistyped path.
    directory = lock_directory(path)
    descriptor, temporary = tempfile.mkstemp(dir=directory)  # new, not a link, and private
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            permissions.give_to_owner_of_directory(temporary, descriptor)
            file.write(text)
        path = os.path.join(directory, REPORT)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


# --- The text.


def _lines(error: Exception, arguments: Sequence[str]) -> Iterator[str]:
    yield "```"  # for Markdown
    yield f"command: {_command(arguments)}"
    yield from _versions()
    for each in _chain(error):
        yield ""
        yield f"{type(each).__module__}.{type(each).__qualname__}".removeprefix("builtins.")
        yield from _stack(each)
    yield "```"


def _command(arguments: Sequence[str]) -> str:
    """Return the name of the command that was called; whatever else was typed can be a secret."""
    word = next((word for word in arguments if not word.startswith("-")), None)
    if word is None:
        return "none"
    try:
        from mfa_profiles.cli import command_names

        return word if word in command_names() else "not known"
    except Exception:  # noqa: BLE001
        return "not known"


def _versions() -> Iterator[str]:
    import platform
    from importlib import metadata

    for name in _LIBRARIES:
        try:
            version = metadata.version(name)
        except Exception:  # noqa: BLE001
            version = "not installed"
        yield f"{name}: {version}"
    yield f"Python: {platform.python_version()}"
    yield f"system: {platform.platform()}"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those that led to it, the first of them last."""
    found: list[BaseException] = []
    each: BaseException | None = error
    while each is not None and not any(each is known for known in found):
        found.append(each)
        each = each.__cause__ or each.__context__
    return found


def _stack(error: BaseException) -> list[str]:
    # Not with traceback.extract_tb, which reads the lines of the source.
    lines = [
        f"  {_file(frame.f_code.co_filename)}, line {line}, in {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    if len(lines) > 2 * _MAX_FRAMES:
        lines[_MAX_FRAMES:-_MAX_FRAMES] = [f"  ... {len(lines) - 2 * _MAX_FRAMES} more"]
    return lines


def _file(path: str) -> str:
    """Return the path of a module below its library, else its name."""
    for directory in ("site-packages", "dist-packages"):
        _, found, inside = path.rpartition(f"{os.sep}{directory}{os.sep}")
        if found:
            return inside
    for root in (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__)):
        if path.startswith(root + os.sep):
            return path.removeprefix(root + os.sep)
    return os.path.basename(path)


def _place(error: BaseException) -> str:
    frames = [*traceback.walk_tb(error.__traceback__)]
    if not frames:
        return "an unknown place"
    frame, line = frames[-1]
    return f"{os.path.basename(frame.f_code.co_filename)}:{line}"
