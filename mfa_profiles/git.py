"""Whether a file could be committed by mistake."""

import os


def would_add(path: str) -> bool:
    """True if a file is in a git work tree, and tracked or not ignored there: ``git add .`` would take it.

    If there is no git to ask, whatever is in a work tree counts.
    """
    path = os.path.realpath(path)
    if not _is_in_work_tree(os.path.dirname(path)):
        return False
    import subprocess

    try:
        # Its variables may be of another work tree; and a token code is none of its business.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "MFA_PROFILES_"))}
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
