"""When a task may run."""

from datetime import UTC, datetime, timedelta

from tasktracker_schema import limits
from tasktracker_server.core.errors import InvalidRequest


def run_at_or_refuse(run_at: datetime | None) -> datetime | None:
    """``runAt`` as it was asked for; a time gone by is allowed and means now.

    Raises:
        InvalidRequest: it lies more than a year ahead.
    """
    if run_at is not None and run_at > datetime.now(UTC) + timedelta(days=limits.RUN_AT_AHEAD_DAYS):
        raise InvalidRequest("`runAt` may lie at most one year ahead - at `$.runAt`")
    return run_at
