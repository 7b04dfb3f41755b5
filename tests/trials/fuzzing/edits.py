"""Every edit of the shared files that the tool makes."""

from collections.abc import Callable

from mfa_profiles.profiles import Profiles
from tests.trials.fuzzing import key_changes, repairs, session_changes
from tests.trials.fuzzing.changes import Change

EDITS: tuple[Callable[[Profiles, str, str], Change | None], ...] = (
    session_changes.refresh,
    session_changes.clear,
    key_changes.set_up,
    session_changes.refresh_to,
    key_changes.rotate,
    key_changes.begin_rotation,
    key_changes.finish_rotation,
    repairs.take_settings_out,
    repairs.mend_header,
    repairs.region_of_base,
    session_changes.refresh_with_any_token,
    repairs.byte_order_marks,
)
