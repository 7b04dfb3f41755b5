"""Whether a file could be committed by mistake."""

import os

from mfa_profiles import ancestors


def would_add(path: str) -> bool:
    """True if a file is in a git work tree, and tracked or not ignored there: ``git add .`` would take it.

    If there is no git to ask, whatever is in a work tree counts.
    """
    path = os.path.realpath(path)
    if not _is_in_work_tree(os.path.dirname(path)):
        return False
    import subprocess

    try:
        own = ancestors.without_own_variables(os.environ)
        kept = {key: value for key, value in own.items() if not key.startswith("GIT_")}  # may be of another work tree
        # 0: ignored, and not tracked; 1: neither; 128: git cannot tell.
        command = ["git", "-C", os.path.dirname(path), "check-ignore", "--quiet", "--", path]
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, env=kept)  # noqa: S603
    except OSError:
        return True
    return done.returncode != 0


def _is_in_work_tree(directory: str) -> bool:
    while True:
        if os.path.exists(os.path.join(directory, ".git")):  # a file in submodules and linked work trees
            return True
        parent = os.path.dirname(directory)
        if parent == directory:
            return False
        directory = parent
