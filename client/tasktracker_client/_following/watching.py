"""Follows many tasks live; after a cut it begins anew, and says so. Decisions only."""

from collections.abc import Callable, Iterable

from tasktracker_client._calling.calls import query_of
from tasktracker_client._calling.patience import Patience
from tasktracker_client._config import Retries
from tasktracker_client._events import Gap, Ready, read_event
from tasktracker_client._following.tracking import (
    LOST,
    Emit,
    Following,
    Frame,
    Muted,
    OpenStream,
    ReadFrame,
    answered,
    check_is_stream,
)
from tasktracker_client._refs import TaskRef, several, task_id_of
from tasktracker_schema.routes import EVENTS

_EVENTS_SILENCE: float = 45.0
"""This stream's heartbeat comes every 15 s and can't be asked for sooner."""


def events_path(tasks: Iterable[TaskRef], task_types: Iterable[str], progress: bool) -> str:
    """The stream of these tasks and all tasks of these types."""
    return EVENTS.path + query_of(
        taskId=[task_id_of(each) for each in several(tasks)] or None,
        taskType=several(task_types) or None,
        progress=progress or None,
    )


def watch(path: str, timeout: float | None, retries: Retries, now: Callable[[], float]) -> Following:
    """The steps that tell what happens from now on; each connection begins with ``Ready``."""
    patience = Patience("the time given for these events is over", timeout, retries, now)
    while True:
        patience.check()
        try:
            yield from _read(path, patience)
            yield patience.ended()
        except (Muted, *LOST) as error:
            patience.check()
            yield patience.lost(error)


def _read(path: str, patience: Patience) -> Following:
    def on_bytes() -> None:
        patience.heard()
        patience.check()

    patience.opened()
    response = yield OpenStream(path, min(_EVENTS_SILENCE, patience.left), on_bytes)
    check_is_stream(answered(response))
    while isinstance(frame := answered((yield ReadFrame())), Frame):
        event = read_event(frame.data) if frame.data else None
        if event is not None and not isinstance(event, Gap):
            if not isinstance(event, Ready):
                patience.told()
            yield Emit(event)
