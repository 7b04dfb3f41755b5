"""Headers that are almost right: the profile that their author had in mind."""

import re
import unicodedata
from collections.abc import Callable

# [Profile a], [ profile a], [profile a b] without quotes, [profilea].
_LIKE_A_PROFILE = re.compile(r"(?i)\s*profile(?P<gap>\s*)(?P<name>.+?)\s*")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
# Cyrillic letters that look like these Latin ones.
_LOOK_ALIKES = dict(zip(map(ord, "\u0430\u0441\u0435\u0456\u043e\u0440\u0445\u0443"), "aceiopxy", strict=True))


def meant_name(section: str, is_profile: Callable[[str], bool]) -> str:
    """Return the profile that the author of a header had in mind.

    ``[profilea]`` is ``a`` only if there is such a profile, since it may be a name of its own.
    """
    name = _unquoted(_typed(section))
    like = _LIKE_A_PROFILE.fullmatch(name)
    if like is not None and (like["gap"] or is_profile(like["name"])):
        name = _unquoted(like["name"])
    return "default" if name.lower() == "default" else name


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if re.fullmatch(r"([\"']).+\1", text) else text


def _typed(text: str) -> str:
    """Return a text as a keyboard would give it, if all SDKs can read that; otherwise return it unchanged."""
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    plain = unicodedata.normalize("NFKC", visible).translate(_DASHES).translate(_LOOK_ALIKES)
    return plain if plain.isascii() else text
