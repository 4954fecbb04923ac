# pyright: strict
"""Events taken apart wrongly. Every marked line has to be an error to each checker, and no other."""

from typing import assert_never

from tasktracker_client import Progress, StatusChange, TaskTracker, TrackEvent


def fields(client: TaskTracker) -> None:
    for event in client.track("a"):
        print(event.seq_id)  # wrong: not every event has one
        if isinstance(event, Progress):
            print(event.seqId)  # wrong: seq_id
            print(event.data.percent)  # wrong: a mapping
            number: str = event.seq_id  # wrong: a number
            event.seq_id = 7  # wrong: events do not change
            print(number)
        if isinstance(event, StatusChange):
            print(event.status == "complete")  # wrong: no such status
            print(event.reslt)  # wrong: misspelled


def matched(event: TrackEvent) -> None:
    match event:
        case Progress(sequence=_number):  # wrong: seq_id
            pass
        case _:
            pass


def not_all(event: TrackEvent) -> None:
    match event:
        case Progress() | StatusChange():
            pass
        case _:
            assert_never(event)  # wrong: gaps and changes are left
