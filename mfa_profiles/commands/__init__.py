"""The use cases, one a file: what they need comes in as arguments, what they found goes out. They print nothing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import NamedTuple

from mfa_profiles import environment
from mfa_profiles.profiles import SharedPaths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfa_profiles.token_code import Ask


class Context(NamedTuple):
    """The world as a command sees it."""

    environment: Mapping[str, str]
    now: Callable[[], datetime]
    ask: "Ask | None"
    """Puts a question to a person on the terminal; None if there is none."""
    warn: Callable[[str], None]
    """Tells a person something at once that they should act on, without ending the command."""
    note: Callable[[str], None] = lambda _: None
    """Tells a person something at once."""
    wait: Callable[[int, str], None] = lambda _seconds, _reason: None
    """Lets some seconds pass, with a countdown behind the reason if there is a terminal."""
    progress: Callable[[int, str], AbstractContextManager[Callable[[], object]]] = lambda _total, _what: nullcontext(
        lambda: None
    )
    """Shows how many of a number of things are done: a context in which each one done is told by a call."""
    before_writing: Callable[[], object] = lambda: None
    """Called when all is ready and only the writing is left: an interruption from here on would come too late to be
    reported as one that left the files alone."""
    after_writing: Callable[[], object] = lambda: None
    """Called when an interruption may be reported again, by a command that has more to do than to write. Raises
    KeyboardInterrupt for one that came meanwhile."""
    ask_secret: Callable[[str], str] | None = None
    """The same as ``ask`` for an answer that is not to be seen while it is typed."""
    hint: Callable[[str], None] = lambda _: None
    """Tells a person what to do about what they were told last."""

    def __repr__(self) -> str:
        return object.__repr__(self)  # without what it holds

    @property
    def paths(self) -> SharedPaths:
        """Where the shared files are."""
        return SharedPaths.from_environment(self.environment)

    @property
    def default_profile(self) -> str:
        """The profile that is meant when none is named.

        Warns of variables that name two. Raises ProfileError for one that is set to nothing.
        """
        nameless = environment.nameless_profile(self.environment)
        if nameless is not None:
            raise nameless
        differ = environment.profiles_that_differ(self.environment)
        if differ is not None:
            message, hint = differ
            self.warn(message)
            self.hint(hint)
        chosen = environment.chosen_profile(self.environment)
        return chosen[0] if chosen else "default"

    def named(self, name: str | None) -> str:
        """The profile that is meant: an empty name, as of a variable that is not set, is not the same as none."""
        return self.default_profile if name is None else name

    def all_named(self, names: Sequence[str] | None) -> Sequence[str]:
        """The profiles that are meant, which are one if none is named."""
        return names or [self.default_profile]
