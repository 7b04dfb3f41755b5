"""Editing: whole texts before and after, one for each trap in the files that people have."""

from collections.abc import Callable

import pytest

from mfa_profiles import ini
from mfa_profiles.errors import FileRefusedError
from mfa_profiles.shared_files.editing import Put, put_sections, rename_section, take_keys

COMMENT = "# Expires 2026-11-24T21:05:00Z (mfa-profiles: source_profile a)"
OLD_COMMENT = "# Expires 2020-01-01T00:00:00Z (mfa-profiles: source_profile a)"


def put(text: str, values: dict[str, str], *, comment: str | None = COMMENT, drop: tuple[str, ...] = ()) -> str:
    """The text with the values in [x]."""
    file = ini.parse(text.encode() or None, "credentials")  # An empty text stands for no file.
    return put_sections(file, {"x": Put(values, comment, drop)}).text


DOUBT = (
    "credentials",
    None,
    "credentials: it cannot be edited safely; nothing was changed",
    "indented sections and keys are the usual reason: start them at the beginning of the line",
)

# name: (before, after putting k = new into [x])
PUT = {
    "a new file gets the section alone": ("", f"[x]\n{COMMENT}\nk = new\n"),
    "a new section goes to the end, after a blank line": ("[a]\nb = c\n", f"[a]\nb = c\n\n[x]\n{COMMENT}\nk = new\n"),
    "a missing final newline is mended, and left out again": ("[a]\nb = c", f"[a]\nb = c\n\n[x]\n{COMMENT}\nk = new"),
    "a new section has the file's line ending": (
        "[a]\r\nb = c\r\n",
        f"[a]\r\nb = c\r\n\r\n[x]\r\n{COMMENT}\r\nk = new\r\n",
    ),
    "a comment at the end stays with the section it ends": (
        "[a]\nb = c\n\n# last words\n",
        f"[a]\nb = c\n\n# last words\n\n[x]\n{COMMENT}\nk = new\n",
    ),
    "a value changes where it stands": (
        "[x]\nother = 1\nk = old\nlast = 2\n\n# of b\n[b]\n",
        f"[x]\n{COMMENT}\nother = 1\nk = new\nlast = 2\n\n# of b\n[b]\n",
    ),
    "key case and spacing stay": ("[x]\nK= old\n", f"[x]\n{COMMENT}\nK= new\n"),
    "a colon, which only botocore takes for a delimiter, becomes an equals sign": (
        "[x]\nl: m\nk: old\n",
        f"[x]\n{COMMENT}\nl: m\nk= new\n",
    ),
    "a tab before the value stays": ("[x]\nk\t=\told  \n", f"[x]\n{COMMENT}\nk\t=\tnew\n"),
    "an empty value gets a space if the key has one": ("[x]\nk =\n", f"[x]\n{COMMENT}\nk = new\n"),
    "an empty value gets no space if the key has none": ("[x]\nk=\n", f"[x]\n{COMMENT}\nk=new\n"),
    "each line keeps its own line ending": ("[x]\r\nk = old\nl = m\r\n", f"[x]\r\n{COMMENT}\r\nk = new\nl = m\r\n"),
    "a value keeps its own line ending": ("[x]\nl = m\nk = old\r\n", f"[x]\n{COMMENT}\nl = m\nk = new\r\n"),
    "lines that continued the old value go, comments among them stay": (
        "[x]\nk = old\n  more\n# note\n  and more\n; too\n  and more\nl = m\n",
        f"[x]\n{COMMENT}\nk = new\n# note\n; too\nl = m\n",
    ),
    "an inline comment is a part of the value for botocore": ("[x]\nk = old # c\n", f"[x]\n{COMMENT}\nk = new\n"),
    "inline comments of others stay": ("[x] ; c\nl = m # n\nk = o\n", f"[x] ; c\n{COMMENT}\nl = m # n\nk = new\n"),
    "an indented section keeps its indent, and the comment starts the line": (
        "  [x]\n  k = old\n  l = m\n",
        f"  [x]\n{COMMENT}\n  k = new\n  l = m\n",
    ),
    "a missing key takes the indent of the last one, or it would continue its value": (
        "[x]\n  l = m\n\n[b]\n",
        f"[x]\n{COMMENT}\n  l = m\n  k = new\n\n[b]\n",
    ),
    "a missing key goes before the blank lines and comments at the end": (
        "[x]\nl = m\n\n# of b\n[b]\n",
        f"[x]\n{COMMENT}\nl = m\nk = new\n\n# of b\n[b]\n",
    ),
    "a missing key goes below the indented comments of the one above, which some SDKs join to its value": (
        "[x]\nl = m\n\n  # note\n\n# of b\n[b]\n",
        f"[x]\n{COMMENT}\nl = m\n\n  # note\nk = new\n\n# of b\n[b]\n",
    ),
    "a missing key goes after a nested block": (
        "[x]\ns3 =\n    a = b\n    # c\n    d = e\n[b]\n",
        f"[x]\n{COMMENT}\ns3 =\n    a = b\n    # c\n    d = e\nk = new\n[b]\n",
    ),
    "a header alone": ("[x]\n[b]\n", f"[x]\n{COMMENT}\nk = new\n[b]\n"),
    "a header at the end of the file": ("[x]", f"[x]\n{COMMENT}\nk = new"),
    "the old expiration comment is replaced": (f"[x]\n{OLD_COMMENT}\nk = old\n", f"[x]\n{COMMENT}\nk = new\n"),
    "an expiration comment that was moved is replaced too": (
        f"[x]\n# mine\nk = old\n{OLD_COMMENT}\n",
        f"[x]\n{COMMENT}\n# mine\nk = new\n",
    ),
    "indented comments that look like keys, even twice, are comments": (
        "[a]\n  b = c\n  # k = v\n  # k = v\n[x]\n k = old\n # k = v\n",
        f"[a]\n  b = c\n  # k = v\n  # k = v\n[x]\n{COMMENT}\n k = new\n # k = v\n",
    ),
    "what splits lines elsewhere does not here": (
        "[a]\nb = c\u2028[x]\x0b\x0c\x85\n[x]\nk = old\n",
        f"[a]\nb = c\u2028[x]\x0b\x0c\x85\n[x]\n{COMMENT}\nk = new\n",
    ),
    "a missing key in an indented section goes below its header": ("  [x]\n", f"  [x]\n{COMMENT}\n  k = new\n"),
    "an empty value below a key without spaces": ("[x]\nlong\t=\nk=\n", f"[x]\n{COMMENT}\nlong\t=\nk=new\n"),
    "an indented key without a space gets none": ("[x]\n  k=\n", f"[x]\n{COMMENT}\n  k=new\n"),
    "a percent sign is no interpolation": (
        "[a]\nb = %(c)s\n[x]\nk = %\n",
        f"[a]\nb = %(c)s\n[x]\n{COMMENT}\nk = new\n",
    ),
    "an empty [DEFAULT] is left alone": ("[DEFAULT]\n[x]\nk = old\n", f"[DEFAULT]\n[x]\n{COMMENT}\nk = new\n"),
}


@pytest.mark.parametrize(("before", "after"), PUT.values(), ids=PUT)
def test_put_section(before: str, after: str) -> None:
    """The text after is, to the letter, the one in the table."""
    assert after == put(before, {"k": "new"})


def test_without_a_new_comment_the_old_one_stays() -> None:
    """Wherever it stands."""
    before = f"[x]\n{COMMENT}\nk = old\n{OLD_COMMENT}\n"

    assert before.replace("old", "new") == put(before, {"k": "new"}, comment=None)


def test_new_keys_stay_with_those_that_are_put() -> None:
    """Not below what a person has added at the end; and an empty value takes the spacing of its key."""
    before = "[x]\nkey =\nother = 1\n"

    assert "[x]\nkey = new\nl = m\nother = 1\n" == put(before, {"key": "new", "l": "m"}, comment=None)


def test_put_keeps_the_byte_order_mark() -> None:
    """It is put aside for the edit, and stands at the beginning again."""
    file = ini.parse(b"\xef\xbb\xbf[x]\nk = old\n", "credentials")

    edited = put_sections(file, {"x": Put({"k": "new"})})

    assert b"\xef\xbb\xbf[x]\nk = new\n" == edited.encode(edited.text)


def test_put_drops_a_key_and_keeps_its_comments() -> None:
    """A comment inside the dropped value moves to column 0: indented, it would join the value above for some SDKs."""
    before = "[x]\nk = old\nstale = s\n  more\n# note\n  and more\nl = m\n"

    assert "[x]\nk = new\n# note\nl = m\n" == put(before, {"k": "new"}, comment=None, drop=("stale",))


def test_put_writes_a_nested_block() -> None:
    """A value that begins with a line break is a block, as botocore gives it."""
    edited = put_sections(ini.parse(None, "config"), {"x": Put({"s3": "\na = b\nc = d"}, may_have_blocks=True)})

    assert "[x]\ns3 =\n    a = b\n    c = d\n" == edited.text


OTHER_NAME = (
    "some SDKs take this header for [x], boto3 and the AWS CLI do not",
    "write it as [x], or delete the section",
)
GLUED = (
    "the header [x] has text glued to it, which some SDKs do not take for a header",
    "put a space between the ] and the comment, or delete it",
)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[a]\n[ x ]\nk = v\n", 2, OTHER_NAME),
        ("[a]\n\n[x]# glued\nk = v\n", 3, GLUED),
        ("[x] # [y]\nk = v\n", 1, OTHER_NAME),
        ("[x] # [y] # [z]\nk = v\n", 1, OTHER_NAME),
        ("[x ]\nk = v\n", 1, OTHER_NAME),
    ],
)
def test_headers_that_sdks_read_differently_are_refused(text: str, line: int, reason: tuple[str, str]) -> None:
    """Where boto3 sees another section than some SDK does, the file is left alone; path and line say where."""
    with pytest.raises(FileRefusedError) as refusal:
        put(text, {"k": "new"})

    assert ("credentials", line) == (refusal.value.path, refusal.value.line)
    assert f"credentials, line {line}: {reason[0]}" == refusal.value.message
    assert reason[1:] == refusal.value.hints


def test_a_section_whose_name_ends_sooner_for_some_sdks_is_refused() -> None:
    """[x] is its name for them: what is behind that is a comment."""
    name = "x]\t; [y"

    with pytest.raises(FileRefusedError, match="line 1: for some SDKs the name in this header ends"):
        put_sections(ini.parse(f"[{name}]\nk = v\n".encode(), "credentials"), {name: Put({"k": "new"})})


def test_put_drops_a_key_and_what_indented_comments_would_do_without_it() -> None:
    """Right below a header, an indented comment makes some SDKs refuse the whole file."""
    before = "[x]\nstale = s\n\n  # note\nk = old\n"

    assert "[x]\n\n# note\nk = new\n" == put(before, {"k": "new"}, comment=None, drop=("stale",))


@pytest.mark.parametrize("header", ["profile  X", 'profile "X"', "profile\tX", " profile X", "profiles X"])
def test_config_headers_that_mean_the_same_are_refused(header: str) -> None:
    """[profile  x] and the like would make a second section of the same profile."""
    file = ini.parse(f"[{header}]\nregion = a\n".encode(), "config")

    with pytest.raises(FileRefusedError, match="some SDKs take this header"):
        put_sections(file, {"profile X": Put({"k": "v"})})


@pytest.mark.parametrize("other", ["[ x ]", "[x ]", "[x] # c]"])
def test_another_section_that_some_sdks_merge_with_ours_is_refused(other: str) -> None:
    """They would read the last value of each key: of a session that was replaced, perhaps."""
    with pytest.raises(FileRefusedError, match="credentials, line 4: some SDKs take this header for") as refusal:
        put(f"[x]\nk = old\n\n{other}\nk = other\n", {"k": "new"})

    assert ("credentials", 4) == (refusal.value.path, refusal.value.line)


def test_an_edit_that_breaks_the_file_names_no_line_of_it() -> None:
    """The line at fault is none that a person could find: it was never written."""
    with pytest.raises(FileRefusedError, match="cannot be edited safely") as refusal:
        put_sections(ini.parse(b"[a]\n", "credentials"), {"": Put({"k": "v"})})

    assert None is refusal.value.line


@pytest.mark.parametrize("name", ["a # b", "a\t;b", "a]b"])
def test_a_header_for_which_some_sdks_refuse_the_file_is_refused(name: str) -> None:
    """No section gets it, be it a new one or one that is renamed."""
    file = ini.parse(b"[a]\nk = v\n", "config")

    with pytest.raises(FileRefusedError, match="some SDKs refuse the whole file"):
        put_sections(file, {name: Put({"k": "v"})})
    with pytest.raises(FileRefusedError, match="some SDKs refuse the whole file"):
        rename_section(file, "a", name)


@pytest.mark.parametrize("value", ["a\rb", "a\0b", "a\n[evil]\nb = c", "\udcff"])
def test_values_that_would_break_out_are_refused(value: str) -> None:
    """No value of AWS's, however broken, begins a line or a section of its own."""
    file = ini.parse(b"[x]\nk = old\n", "credentials")
    edits: dict[str, Callable[[], object]] = {
        "a value": lambda: put_sections(file, {"x": Put({"k": value})}),
        "a new value": lambda: put_sections(file, {"x": Put({"l": value})}),
        "a key": lambda: put_sections(file, {"x": Put({value: "v"})}),
        "a comment": lambda: put_sections(file, {"x": Put({}, value)}),
        "a name": lambda: put_sections(file, {value: Put({"k": "v"})}),
        "another name": lambda: rename_section(file, "x", value),
    }
    if not value.startswith("a\n"):
        edits["a block"] = lambda: put_sections(file, {"x": Put({"l": f"\nm = {value}"}, may_have_blocks=True)})
    for what, edit in edits.items():
        with pytest.raises(FileRefusedError) as refusal:
            edit()
        reason = "a line break or NUL, or what is no character, in what was to be written"
        message = f"credentials: {reason}; nothing was changed"
        assert (what, "credentials", message) == (what, refusal.value.path, refusal.value.message)


def test_any_other_character_is_written() -> None:
    """In names, keys, comments and values, each for itself."""
    file = ini.parse(None, "config")
    put = Put({"xx": "X X", "y": "\nX = X"}, "# X", may_have_blocks=True)

    edited = put_sections(file, {"X": put, "Y": Put({"x": "X"})})

    assert "[X]\n# X\nxx = X X\ny =\n    X = X\n\n[Y]\nx = X\n" == edited.text
    assert "[XX]\n# X" == rename_section(edited, "X", "XX").text[:8]
    assert "config" == edited.path


def test_an_edit_that_would_swallow_the_next_section_is_refused() -> None:
    """Without [x], the indented [b] would continue the value of a: verified, and refused."""
    file = ini.parse(b"[a]\nk = v\n  \n[x]\n  k = v\n  [b]\n", "credentials")

    with pytest.raises(FileRefusedError) as refusal:
        take_keys(file, {"x": ["k"]})

    assert DOUBT == (refusal.value.path, refusal.value.line, refusal.value.message, *refusal.value.hints)


@pytest.mark.parametrize("text", ["[a]\nk = v\n[b]\n", "[a]\nk\n  = v\n", "# c\n"])
def test_a_file_whose_sections_or_keys_are_not_certain_is_refused(text: str) -> None:
    """ConfigUpdater sees other ones than botocore's parser."""
    file = ini.IniFile("credentials", text, {"a": {"k": "v"}})

    with pytest.raises(FileRefusedError) as refusal:
        put_sections(file, {"x": Put({"k": "v"})})

    assert DOUBT == (refusal.value.path, refusal.value.line, refusal.value.message, *refusal.value.hints)


# name: (before, after taking k out of [x])
TAKE = {
    "the blank line above goes too": ("[a]\nb = c\n\n[x]\nk = v\n", "[a]\nb = c\n"),
    "only one blank line goes": ("[a]\n\n\n[x]\nk = v\n", "[a]\n\n"),
    "comments above the next header stay": (
        "[a]\n\n[x]\n# of x\nk = v\n\n# of b\n[b]\n",
        "[a]\n\n# of b\n[b]\n",
    ),
    "indented comments at the end go to column 0": ("[a]\nb = c\n[x]\nk = v\n  # d\n[b]\n", "[a]\nb = c\n# d\n[b]\n"),
    "a section without keys loses its comment of ours alone": (
        f"[x]\n{COMMENT}\n# mine\n\n# too\n",
        "# mine\n\n# too\n",
    ),
    "the first of the file": ("[x]\nk = v\n\n[a]\n", "\n[a]\n"),
    "the only one": ("[x]\nk = v\n", ""),
    "with its own line endings": ("[a]\r\n\r\n[x]\r\nk = v\r\n", "[a]\r\n"),
    "the last, in a file without a final newline": ("[a]\nb = c\n\n[x]\nk = v", "[a]\nb = c"),
    "one that is not there": ("[a]\nb = c", "[a]\nb = c"),
    "a section with other keys keeps them, and its comments": (
        f"[a]\n\n[x]\n{COMMENT}\n# mine\nl = m\nk = v\n  more\n\n[b]\n",
        "[a]\n\n[x]\n# mine\nl = m\n\n[b]\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), TAKE.values(), ids=TAKE)
def test_take_keys(before: str, after: str) -> None:
    """The text after is, to the letter, the one in the table."""
    assert after == take_keys(ini.parse(before.encode(), "credentials"), {"x": ["k"]}).text


def test_take_keys_of_several_sections() -> None:
    """In one go, next to each other or not, with the blank line above each, whatever their order."""
    file = ini.parse(b"# c\n\n[a]\nk = 1\n\n[b]\nk = 2\n\n[c]\nl = 3\n\n[d]\nk = 4\n", "credentials")

    for names in (["a", "b", "no", "d"], ["d", "no", "b", "a"]):
        assert "# c\n\n[c]\nl = 3\n" == take_keys(file, {name: ["k"] for name in names}).text


def test_a_section_is_renamed() -> None:
    """In its header alone, and where it stands."""
    file = ini.parse(b"# [a]\n[b]\nk = [a]\n[a] # a\nl = [a]\n[c]\n", "config")

    edited = rename_section(file, "a", "profile a")

    assert "# [a]\n[b]\nk = [a]\n[profile a] # a\nl = [a]\n[c]\n" == edited.text
    assert ["b", "profile a", "c"] == list(edited.sections)
