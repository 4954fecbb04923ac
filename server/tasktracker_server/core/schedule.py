"""When a task may run."""

from datetime import UTC, datetime, timedelta

from tasktracker_schema import limits
from tasktracker_server.core.errors import InvalidRequest

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""In the first hours of all some zones have no time in UTC."""


def run_at_or_refuse(run_at: datetime | None) -> datetime | None:
    """``runAt`` in UTC, for PostgreSQL knows fewer zones than RFC 3339; a time gone by means now.

    Raises:
        InvalidRequest: it lies more than a year ahead.
    """
    if run_at is None:
        return None
    if run_at > datetime.now(UTC) + timedelta(days=limits.RUN_AT_AHEAD_DAYS):
        raise InvalidRequest("`runAt` may lie at most one year ahead - at `$.runAt`")
    return max(run_at, _BEGINNING).astimezone(UTC)
