"""Every bound a caller can meet, in one place.

Sizes are bytes, durations whole seconds. Bounds that a deployment may change are settings of the
server whose defaults are these.
"""

from typing import Final

TASK_ID_LENGTH: Final = 64
NAME_LENGTH: Final = 128
"""Code points of a task type or worker id."""
CLAIM_ID_LENGTH: Final = 64

TIMEOUT_SECONDS_DEFAULT: Final = 86_400
TIMEOUT_SECONDS_MAX: Final = 31_536_000
LEASE_SECONDS_MIN: Final = 5
LEASE_SECONDS_MAX: Final = 86_400
WAIT_SECONDS_MAX: Final = 60
RUN_AT_AHEAD_DAYS: Final = 366
"""``runAt`` may lie this far ahead: one year, whichever year it is."""

PRIORITY_MIN: Final = -32_768
PRIORITY_MAX: Final = 32_767
MAX_RETRIES_MAX: Final = 100
MAX_ATTEMPTS_MAX: Final = 1_000
ATTEMPT_MAX: Final = 2_147_483_647
SEQ_ID_MAX: Final = 2_147_483_647

TASK_TYPES_MAX: Final = 100
BULK_ITEMS_MAX: Final = 1_000
LIST_LIMIT_DEFAULT: Final = 50
LIST_LIMIT_MAX: Final = 500
ROW_PROGRESS_BYTES: Final = 1024
"""A longer ``lastProgress`` is left out of a list's rows."""
STATS_TYPES: Final = 1_000
"""Types with figures of their own: the busiest."""
PROGRESS_LIMIT_DEFAULT: Final = 1_000
PROGRESS_LIMIT_MAX: Final = 10_000
PROGRESS_PAGE_BYTES: Final = 1024 * 1024
"""A page of progress that would be larger ends before; it has one entry at least."""
EVENTS_TASKS_MAX: Final = 100
CURSOR_LENGTH: Final = 1_000
REASON_LENGTH: Final = 1_000
"""Code points of a cancel's reason."""
PROGRESS_ENTRIES_MAX: Final = 1_000
PROGRESS_ENTRY_BYTES: Final = 64 * 1024
HISTORY_ENTRIES: Final = 1_000_000
HISTORY_BYTES: Final = 128 * 1024 * 1024
HISTORY_SHOWN: Final = 10_000
"""Entries of ``progressHistory`` in a task: the newest."""

BODY_BYTES: Final = 1024 * 1024
ARRAY_BODY_BYTES: Final = 16 * 1024 * 1024
"""Body of a call that takes arrays: progress, and the bulk calls."""
JSON_DEPTH: Final = 100
NUMBER_LENGTH: Final = 1_000
"""Characters of one JSON number."""

HEARTBEAT_SECONDS_DEFAULT: Final = 15
HEARTBEAT_SECONDS_MAX: Final = 60
SSE_RETRY_MS: Final = 2_000
