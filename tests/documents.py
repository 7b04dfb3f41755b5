"""Hypothesis strategies for shared files as people have them: any mix of layouts, comments and line endings."""

from dataclasses import dataclass

from hypothesis import strategies as st

NAME = "smce-veda-mfa"
"""The section that the properties edit; some documents have it already."""

_VALUES = st.sampled_from(
    ["us-west-2", "AKIA", "x=y", "a # b", "a ;b", "", "é\u2028ü", "[not] a header", "=", "%(x)s"]
)
_NAMES = ["a", "b c", "profile d", "profile e f", "default", "é", "x-mfa # y", 'profile "q"', "A", "sso-session s"]
_KEYS = [
    "region",
    "s3",
    "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY",
    "aws_session_token",
    "aws_security_token",
    "Key 2",
]
_COMMENTS = st.sampled_from(["# a", ";b", "# [x]", "#k = v", "# Expires never (mfa-profiles: nothing)"])
_INDENTS = st.sampled_from(["", "", "", "", " ", "  ", "\t"])


@dataclass(frozen=True)
class Document:
    """The parts of a file: what stands before the first header, and each section with its header line."""

    preamble: str
    sections: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The whole file."""
        return self.preamble + "".join(text for _, text in self.sections)

    def around(self, name: str) -> tuple[str, str]:
        """What stands before a section and after it; all, and nothing, if it is not there."""
        names = [section for section, _ in self.sections]
        if name not in names:
            return self.text, ""
        index = names.index(name)
        texts = [text for _, text in self.sections]
        return self.preamble + "".join(texts[:index]), "".join(texts[index + 1 :])


@st.composite
def documents(draw: st.DrawFn, *, with_section: bool = False) -> Document:
    """A file with up to five sections, and one more if it is to be one ``with_section`` NAME and has none.

    Most are what botocore accepts; the rest the tests leave aside.
    """
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "mixed"]))
    names = draw(st.lists(st.sampled_from([*_NAMES, NAME, NAME, NAME]), unique=True, max_size=5))
    if with_section and NAME not in names:
        names.insert(draw(st.integers(0, len(names))), NAME)
    preamble = draw(st.lists(_blank_or_comment(), max_size=2))
    parts = [(None, preamble)] + [(name, draw(_section(name))) for name in names]
    endings = st.sampled_from(["\n", "\r\n"]) if newline == "mixed" else st.just(newline)
    texts = [(name, "".join(line + draw(endings) for line in lines)) for name, lines in parts]
    if draw(st.booleans()):
        name, last = texts[-1]
        texts[-1] = (name, last.rstrip("\r\n"))
    return Document(texts[0][1], tuple((name, text) for name, text in texts[1:] if name is not None))


@st.composite
def _section(draw: st.DrawFn, name: str) -> list[str]:
    tail = draw(st.sampled_from(["", "", "", " # c", "\t; [c", "# glued"]))
    lines = [draw(_INDENTS) + f"[{name}]{tail}"]
    lines += draw(st.lists(_blank_or_comment(), max_size=2))
    indent = draw(_INDENTS)
    for key in draw(st.lists(st.sampled_from(_KEYS), unique_by=str.lower, max_size=5)):
        delimiter = draw(st.sampled_from([" = ", "=", " =", ": ", "=\t"]))
        lines.append(f"{indent}{key}{delimiter}{draw(_VALUES)}")
        lines += [
            f"{indent}  {line}"
            for line in draw(st.lists(st.sampled_from(["k = v", "# in", "", "v = w"]), max_size=2))
        ]
        lines += draw(st.lists(_blank_or_comment(), max_size=2))
    return lines


@st.composite
def _blank_or_comment(draw: st.DrawFn) -> str:
    return draw(st.one_of(st.sampled_from(["", "", "  "]), st.tuples(_INDENTS, _COMMENTS).map("".join)))
