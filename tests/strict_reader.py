"""The shared files as the stricter SDKs read them, to check edits with a reader that is not ours.

The rules are those of the SDK for Rust (aws-config, profile/parser), which Java shares: a line that begins with white
space continues the value above, even if it looks like a comment; inline comments are cut off; headers are trimmed;
duplicates are merged; one malformed line rejects the whole file.
"""

import re

Profiles = dict[str, dict[str, str]]

_NAME = re.compile(r"[A-Za-z0-9_\-/.%@:+]+")


def read(text: str, *, is_config: bool) -> Profiles | None:
    """Profiles by name, or None if the file is rejected."""
    profiles: Profiles = {}
    current: dict[str, str] | None = None
    key: str | None = None
    for line in re.split(r"\r?\n", text.removeprefix("\ufeff")):
        if not line.strip() or line[0] in "#;":
            continue
        if line[0] == "[":
            header = _without_comment(line)
            if not header.endswith("]"):
                return None
            name = _profile_name(header[1:-1].strip(), is_config=is_config)
            current, key = {} if name is None else profiles.setdefault(name, {}), None
        elif line[0].isspace():
            if current is None or key is None:
                return None
            current[key] += "\n" + line.strip()
        else:
            name, equals, value = line.partition("=")
            if current is None or not equals or not name.strip():
                return None
            key = name.strip().lower()
            current[key] = _without_comment(value).strip()
    return profiles


def _profile_name(header: str, *, is_config: bool) -> str | None:
    words = re.fullmatch(r"profile\s+(.*)", header)
    name = words[1].strip() if words else header
    if bool(words) != is_config and name != "default":
        return None
    return name if _NAME.fullmatch(name) else None


def _without_comment(text: str) -> str:
    return re.split(r"\s[#;]", text, maxsplit=1)[0].rstrip()
