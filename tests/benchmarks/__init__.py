"""How fast the tool is, side by side with others on one machine in one go: ``python -m tests.benchmarks``.

What is compared takes turns, and of each the median counts: machines are noisy, ratios less so.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured of the tool and, if there is one, of a rival.

    ``unit`` is ``s``, ``MiB`` or empty for a number. ``at_most`` is the target: of the ratio to the rival, or of the
    measure itself where there is no rival or ``beyond`` it: what may be more than the rival has.
    """

    what: str
    ours: float
    unit: str = "s"
    rival: str | None = None
    theirs: float | None = None
    at_most: float | None = None
    beyond: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to theirs."""
        return None if self.theirs is None else self.ours / self.theirs

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.at_most is None:
            return None
        if self.theirs is None:
            return self.ours <= self.at_most
        return self.ours - self.theirs <= self.at_most if self.beyond else self.ours / self.theirs <= self.at_most

    def as_json(self) -> dict[str, str | float | bool | None]:
        """The object that ``--json`` prints."""
        return {
            "what": self.what,
            "ours": self.ours,
            "unit": self.unit,
            "rival": self.rival,
            "theirs": self.theirs,
            "ratio": self.ratio,
            "target": self.target or None,
            "met": self.is_met,
            "note": self.note or None,
        }

    @property
    def target(self) -> str:
        """The target in words; empty if there is none."""
        if self.at_most is None:
            return ""
        if self.beyond:
            return f"at most {self.at_most:g} {self.unit} more"
        of_what = self.unit if self.theirs is None else "of it"
        return f"at most {self.at_most:g} {of_what}".rstrip()
