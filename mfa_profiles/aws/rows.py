"""Rows of the tables of refusals and failures: sentences, and the facts that fill them in."""

from dataclasses import dataclass
from typing import Any

from mfa_profiles.errors import AWSError, MfaProfilesError, TokenCodeRefusedError


class UnknownFactError(Exception):
    """A fact that is not known, here and now."""


class Facts:
    """What sentences are filled with, by ``str.format_map``. What has to be found out first is a function.

    It is called once a sentence wants it, as it may cost a call to AWS; None stands for what is not known.
    """

    def __init__(self, **facts: object) -> None:
        self._facts = facts

    def __getitem__(self, name: str) -> Any:
        fact = self._facts.get(name)
        if callable(fact):
            fact = self._facts[name] = fact()
        if fact is None:
            raise UnknownFactError(name)
        return fact


@dataclass(frozen=True, kw_only=True)
class Row:
    """A sentence and its hints, as templates. A hint with a fact that is not known is left out."""

    name: str
    sentence: str
    hints: tuple[str, ...] = ()
    error: type[MfaProfilesError] = AWSError

    def told(self, facts: Facts) -> MfaProfilesError:
        """The error to raise, with the facts filled in."""
        sentence = self.sentence.format_map(facts)
        hints = [hint for hint in (_filled(template, facts) for template in self.hints) if hint is not None]
        if self.error is TokenCodeRefusedError:
            return TokenCodeRefusedError(sentence, *hints, seconds_until_next=facts["seconds"])
        return self.error(sentence, *hints)


def _filled(template: str, facts: Facts) -> str | None:
    try:
        return template.format_map(facts)
    except UnknownFactError:
        return None
