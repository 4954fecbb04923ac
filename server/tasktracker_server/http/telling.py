"""What the log says of requests: nothing of the usual ones, all of failures and of slow answers."""

import logging

_log = logging.getLogger(__name__)


def traits(action: str, request_id: str, status: int) -> dict[str, object]:
    """The fields by which log lines are found."""
    return {"action": action, "request_id": request_id, "status": status}


def tell(action: str, request_id: str, status: int, seconds: float, *, is_slow: bool) -> None:
    """Log an answer, if it is worth it; a 500 was logged with its reason already."""
    if status > 500 or is_slow:
        extra = traits(action, request_id, status)
        _log.warning("%s answered %d after %.3f s", action, status, seconds, extra=extra)
    elif _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s answered %d", action, status, extra=traits(action, request_id, status))
