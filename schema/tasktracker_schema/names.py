"""The kinds of values that requests are made of, with their bounds.

The patterns end in ``$(?!\\n)``: in Python ``$`` alone also matches before a final newline.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Raw

from tasktracker_schema import limits

TASK_ID_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.:@~=-]{0,63}$(?!\n)"
PRINTABLE_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)"
WITHOUT_NUL_PATTERN: Final = r"^[^\x00]*$(?!\n)"
RESERVED_TASK_IDS: Final[frozenset[str]] = frozenset({"claim", "bulk", "stats", "timeouts"})
"""Words that stand where a task id stands in paths of the API."""

TaskId: TypeAlias = Annotated[
    str,
    Meta(
        pattern=TASK_ID_PATTERN,
        description="Names a task: a letter, digit or _ and up to 63 more of A-Z a-z 0-9 _ . : @ ~ = -",
        extra_json_schema={"not": {"enum": sorted(RESERVED_TASK_IDS)}},
    ),
]
TaskType: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=limits.NAME_LENGTH,
        pattern=PRINTABLE_PATTERN,
        description="What workers filter by; compared exactly",
    ),
]
WorkerId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=limits.NAME_LENGTH,
        pattern=PRINTABLE_PATTERN,
        description="Names a worker; checked when given",
    ),
]
ClaimId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=limits.CLAIM_ID_LENGTH,
        pattern=PRINTABLE_PATTERN,
        description="The caller's own name for this claim: repeating it gets the same task again",
    ),
]
Attempt: TypeAlias = Annotated[
    int,
    Meta(
        ge=1,
        le=limits.ATTEMPT_MAX,
        description="The fencing token: counts how often the task was claimed or started",
    ),
]
LeaseSeconds: TypeAlias = Annotated[int, Meta(ge=limits.LEASE_SECONDS_MIN, le=limits.LEASE_SECONDS_MAX)]
Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True, description="ISO 8601, UTC, milliseconds")]
JsonObject: TypeAlias = dict[str, Any]

OpaqueObject: TypeAlias = Annotated[Raw, Meta(extra_json_schema={"type": ["object", "null"]})]
"""An object of the caller's, carried through undecoded; empty bytes where it was left out."""
OpaqueJson: TypeAlias = Annotated[Raw, Meta(extra_json_schema={})]
"""Any JSON of the caller's, carried through undecoded; empty bytes where it was left out."""


def is_task_id(text: str) -> bool:
    """Whether this text may name a task."""
    return re.fullmatch(TASK_ID_PATTERN, text) is not None and text not in RESERVED_TASK_IDS
