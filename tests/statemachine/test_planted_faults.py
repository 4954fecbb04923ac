"""The comparison sees what it is there for: a service that lies a single time is caught at it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from .calls import Answer, Calls, Event, Json
from .lies import Fault, LyingCalls
from .machine import Machine
from .matching import Divergence
from .test_machine import EVERY_TIME

UNTIL_IT_LIES = settings(EVERY_TIME, max_examples=60, phases=[Phase.generate])


def history(answer: Answer, at_least: int) -> list[Json]:
    """Of a read task, where it has so many entries."""
    found: list[Json] = answer.body.get("progressHistory", []) if answer.status == 200 else []
    return found if len(found) >= at_least else []


def loses_an_entry(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    entries = history(answer, 2) if verb == "get" else []
    return {**answer.body, "progressHistory": entries[:-2] + entries[-1:]} if entries else None


def swaps_two_entries(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    entries = history(answer, 2) if verb == "get" else []
    swapped = [*entries[:-2], *reversed(entries[-2:])]
    return {**answer.body, "progressHistory": swapped} if entries else None


def gives_a_number_twice(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    if verb != "progress" or answer.status != 200 or answer.body["firstSeqId"] == 1:
        return None
    return {**answer.body, **{name: answer.body[name] - 1 for name in ("firstSeqId", "seqId")}}


def takes_a_stale_attempt(verb: str, answer: Answer, before: list[Answer]) -> Answer | None:
    accepted = [one for one in before if one.status == 200]
    is_stale = answer.status == 409 and answer.body["code"] == "stale_attempt"
    return accepted[-1] if is_stale and accepted else None


def takes_another_worker(verb: str, answer: Answer, before: list[Answer]) -> Answer | None:
    accepted = [one for one in before if one.status == 200]
    return accepted[-1] if answer.status == 403 and accepted else None


def names_another_code(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    if answer.status != 409 or answer.body["code"] != "wrong_status":
        return None
    return {**answer.body, "code": "stale_attempt"}


def hands_one_task_to_two(verb: str, answer: Answer, before: list[Answer]) -> Answer | None:
    handed = [one for one in before if one.body is not None]
    return handed[-1] if verb == "claim" and answer.body is None and handed else None


def passes_over_a_task(verb: str, answer: Answer, before: list[Answer]) -> Answer | None:
    return Answer(200, None) if verb == "claim" and answer.body is not None else None


def answers_a_repeat_anew(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    is_repeat = verb in ("complete", "fail") and answer.status == 200 and answer in before
    return {**answer.body, "updatedAt": "2026-01-01T00:00:00.000Z"} if is_repeat else None


def retries_a_chain_twice(verb: str, answer: Answer, before: list[Answer]) -> Answer | None:
    made = [one for one in before if one.status == 201]
    return made[-1] if verb == "retry" and answer.status == 409 and made else None


def keeps_silent_about_a_cancel(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
    is_told = verb in ("progress", "heartbeat") and answer.status == 200 and answer.body["cancelRequested"]
    return {**answer.body, "cancelRequested": False} if is_told else None


def changes(field: str, to: Any, when: Any = None) -> Any:
    """A lie of a read task: this field, where it is not so already."""

    def lie(verb: str, answer: Answer, before: list[Answer]) -> Json | None:
        if verb != "get" or answer.status != 200 or answer.body[field] == to:
            return None
        return {**answer.body, field: to} if when in (None, answer.body["status"]) else None

    return lie


def ends_without_the_end(events: list[Event]) -> list[Event] | None:
    return events[:-1] if events and events[-1].name == "status_change" else None


def dates_an_event_anew(events: list[Event]) -> list[Event] | None:
    if not events or events[0].envelope is None:
        return None
    anew = {**events[0].envelope, "timestamp": "2026-01-01T00:00:00.000Z"}
    return [events[0]._replace(envelope=anew), *events[1:]]


def ends_with_another_number(events: list[Event]) -> list[Event] | None:
    if not events or events[-1].id is None or "." not in events[-1].id:
        return None
    number, _, status = events[-1].id.partition(".")
    return [*events[:-1], events[-1]._replace(id=f"{int(number) + 1}.{status}")]


FAULTS = [
    Fault("an entry is lost", loses_an_entry),
    Fault("two entries are swapped", swaps_two_entries),
    Fault("a number is given twice", gives_a_number_twice),
    Fault("a stale attempt is taken", takes_a_stale_attempt),
    Fault("another worker is taken", takes_another_worker),
    Fault("a refusal has another code", names_another_code),
    Fault("one task is handed to two", hands_one_task_to_two),
    Fault("a waiting task is passed over", passes_over_a_task),
    Fault("a repeat is answered anew", answers_a_repeat_anew),
    Fault("a chain is retried twice", retries_a_chain_twice),
    Fault("a cancel is kept silent", keeps_silent_about_a_cancel),
    Fault("a result is forgotten", changes("result", None, "completed")),
    Fault("an attempt falls back", changes("attempt", 0)),
    Fault("a released task keeps its start", changes("startedAt", "2026-01-01T00:00:00.000Z", "pending")),
    Fault("a timestamp moves", changes("createdAt", "2026-01-01T00:00:00.000Z")),
    Fault("a retry counts wrong", changes("retryCount", 7)),
    *(
        Fault(f"{verb} is answered and not done", swallows=verb)
        for verb in ("progress", "complete", "release", "timeout", "cancel", "start")
    ),
    Fault("an event is left out", stream=lambda events: events[1:] if len(events) > 1 else None),
    Fault("an event comes twice", stream=lambda events: [events[0], *events] if events else None),
    Fault("two events are swapped", stream=lambda e: [e[1], e[0], *e[2:]] if len(e) > 1 else None),
    Fault("a stream ends without the end", stream=ends_without_the_end),
    Fault("an event is dated anew", stream=dates_an_event_anew),
    Fault("the end has another number", stream=ends_with_another_number),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_lie_is_seen(fault: Fault, calls: Calls) -> None:
    class OnALiar(Machine):
        def __init__(self) -> None:
            super().__init__(LyingCalls(calls, fault))

    with pytest.raises(Divergence):
        run_state_machine_as_test(OnALiar, settings=UNTIL_IT_LIES)
