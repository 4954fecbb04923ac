"""Fan-out: what one process heard of a task, once for all who follow it, in bounded memory."""

import json

import pytest

from tasktracker_server.core import frames
from tasktracker_server.core.changes import Step
from tasktracker_server.core.entries import Entry
from tasktracker_server.service.topics import Heard, Topic


def line(number: int, text: str = "") -> bytes:
    return b'%d|1769860800007|1|{"text":"%b"}' % (number, text.encode())


def progress(*numbers: int, text: str = "") -> bytes:
    return b"P\n" + b"\n".join(line(number, text) for number in numbers)


def heard(topic: Topic) -> list[Heard]:
    return [topic.at(place) for place in range(topic.base, topic.head)]


def test_each_entry_of_a_message_is_an_event_of_its_own() -> None:
    topic = Topic("enc-1")

    topic.hear(progress(4, 5))

    assert [(one.kind, one.seq_id) for one in heard(topic)] == [("progress", 4), ("progress", 5)]
    assert topic.at(0).frame == frames.progress(Entry.parse(line(4)), "enc-1")


def test_a_change_of_state_has_no_number() -> None:
    topic = Topic("enc-1")

    topic.hear(b'L2.3\n{"event":"status_change"}')

    assert heard(topic) == [Heard("lifecycle", 0, frames.lifecycle(b'{"event":"status_change"}'), Step(2, 3))]


def test_the_end_carries_the_tasks_last_number() -> None:
    topic = Topic("enc-1")

    topic.hear(b'F7|completed\n{"event":"status_change"}')

    assert heard(topic) == [
        Heard("final", 7, frames.final(7, "completed", b'{"event":"status_change"}')),
    ]


def test_everyone_who_joined_is_woken_and_whoever_left_is_not() -> None:
    topic = Topic("enc-1")
    first, second, gone = topic.join(), topic.join(), topic.join()
    topic.leave(gone)

    topic.hear(progress(1))

    assert (first.is_set(), second.is_set(), gone.is_set()) == (True, True, False)


def test_leaving_twice_is_harmless() -> None:
    topic = Topic("enc-1")
    woken = topic.join()

    topic.leave(woken)
    topic.leave(woken)

    topic.wake()
    assert not woken.is_set()


def test_places_stay_those_of_their_events_while_the_oldest_are_forgotten() -> None:
    topic = Topic("enc-1")
    for number in range(1, 2_501):
        topic.hear(progress(number))

    assert (topic.base, topic.head) == (500, 2_500)
    assert topic.at(topic.base).seq_id == 501
    assert topic.at(topic.head - 1).seq_id == 2_500


def test_the_ring_is_bounded_by_bytes_too() -> None:
    topic = Topic("enc-1")
    for number in range(1, 41):
        topic.hear(progress(number, text="x" * 60_000))

    held = heard(topic)
    assert sum(len(one.frame) for one in held) <= 1024 * 1024
    assert held[-1].seq_id == 40


@pytest.mark.parametrize("before", [0, 3])
def test_an_event_larger_than_the_ring_is_kept_alone(before: int) -> None:
    topic = Topic("enc-1")
    for number in range(before):
        topic.hear(progress(number + 1))

    topic.hear(b"F9|completed\n" + json.dumps({"result": "x" * 2_000_000}).encode())

    assert [one.kind for one in heard(topic)] == ["final"]
