"""Events of a stream as the JSON the service sends them in."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasktracker_client import TrackEvent


def envelope(event: "TrackEvent") -> dict[str, Any]:
    """``{"event", "data", "taskId", "timestamp"}``, as the stream of the service tells it."""
    from tasktracker_client import Gap, Progress, StatusChange

    if isinstance(event, Progress):
        name, data = "progress", {"seqId": event.seq_id, **event.data}
    elif isinstance(event, StatusChange):
        name, data = "status_change", _ending(event)
    elif isinstance(event, Gap):
        name, data = "gap", {"fromSeqId": event.from_seq_id, "toSeqId": event.to_seq_id}
    else:
        name, data = "status_change", {"status": event.status, "final": False, "reason": event.reason}
        data |= {"workerId": event.worker_id, "attempt": event.attempt}
        data["cancelRequested"] = event.cancel_requested
    return {"event": name, "data": data, "taskId": event.task_id, "timestamp": event.timestamp}


def _ending(event: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"status": event.status}
    if event.status == "completed":
        data["result"] = event.result
    elif event.status == "failed":
        data |= {"error": event.error, "newTaskId": event.new_task_id}
    return data
