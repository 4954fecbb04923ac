"""Whatever is put, sent, lost and answered: the service has each entry once, in order."""

from __future__ import annotations

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tasktracker_client._working.outbox import BATCH_BYTES, LINGER_SECONDS, Batch, Outbox
from tasktracker_schema.limits import PROGRESS_ENTRIES_MAX


def entry(number: int, *, is_bad: bool = False) -> bytes:
    """A JSON object that names itself, and whether the service will take it."""
    return b'{"n":%d%s}' % (number, b',"bad":true' if is_bad else b"")


class Service:
    """What the service does with a task's entries: all of a batch, or nothing of it."""

    def __init__(self) -> None:
        self.kept: dict[int, int] = {}
        """Number to entry, as a reader sees it now."""
        self.ever: list[int] = []
        """All entries that were ever stored, in the order of their storing."""
        self.last = 0

    def take(self, batch: Batch) -> int | str | None:
        """``None`` where all of it is stored now; the number expected; or that an entry is bad."""
        entries = msgspec.json.decode(batch.numbered())
        if any("bad" in each for each in entries):
            return "refused"
        first = batch.first_seq_id
        if first > self.last + 1:
            return self.last + 1
        stored = [number for number in range(first, first + len(entries)) if number <= self.last]
        if any(number not in self.kept for number in stored):
            return self.last + 1
        for each in entries[len(stored) :]:
            self.last += 1
            assert each["seqId"] == self.last
            self.kept[self.last] = each["n"]
            self.ever.append(each["n"])
        return None

    def lose_everything(self, reserved: int) -> None:
        """Numbers never come again: they go on behind the block that was reserved."""
        self.kept.clear()
        self.last += reserved


class Sending(RuleBasedStateMachine):
    """A job, its sender and a service, with a network that loses what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(1, 1.0)
        self.service = Service()
        self.now = 10.0
        self.put: list[int] = []
        self.bad: set[int] = set()
        self.lost: set[int] = set()
        """What the service had and lost."""

    @rule(count=st.integers(1, 5), is_bad=st.sampled_from([False] * 9 + [True]))
    def put_some(self, count: int, is_bad: bool) -> None:
        for _ in range(count):
            number = len(self.put)
            self.put.append(number)
            if is_bad:
                self.bad.add(number)
            self.outbox.put(entry(number, is_bad=is_bad), self.now)

    @rule(seconds=st.floats(0.001, 2.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(fate=st.sampled_from(["answered", "answered", "answer lost", "request lost"]), end=st.booleans())
    def send(self, fate: str, end: bool) -> None:
        batch = self.outbox.batch(self.now, all_of_it=end)
        if batch is None:
            return
        answer = None if fate == "request lost" else self.service.take(batch)
        if fate != "answered":
            self.outbox.unanswered(len(batch.entries))
            return
        self._hear(batch, answer)

    @rule(reserved=st.integers(1, 3))
    def lose_what_has_no_answer(self, reserved: int) -> None:
        """The hardest case: the service jumps by no more than what may be stored."""
        self.send("request lost", True)
        self.lose_everything(reserved)
        self.send("answered", True)

    def _hear(self, batch: Batch, answer: int | str | None) -> None:
        if answer is None:
            self.outbox.acknowledged(len(batch.entries))
        elif isinstance(answer, int):
            self.outbox.expected(answer)
        else:
            self.outbox.refused(len(batch.entries))

    @rule(reserved=st.integers(0, 5))
    def lose_everything(self, reserved: int) -> None:
        self.lost |= set(self.service.kept.values())
        self.service.lose_everything(reserved)

    @invariant()
    def each_is_there_once_and_in_order(self) -> None:
        seen = [self.service.kept[number] for number in sorted(self.service.kept)]
        assert seen == sorted(set(seen))
        assert not set(seen) & self.bad

    @invariant()
    def what_is_gone_from_the_outbox_was_stored(self) -> None:
        waiting = {msgspec.json.decode(each)["n"] for each in self.outbox._entries}
        assert set(self.put) - waiting <= set(self.service.ever) | self.bad

    def teardown(self) -> None:
        """The network is whole again: all is sent, and nothing is missing but what the service lost."""
        for _ in range(20 + 12 * len(self.put)):
            batch = self.outbox.batch(self.now, all_of_it=True)
            if batch is None:
                break
            self._hear(batch, self.service.take(batch))
        assert self.outbox.is_empty
        assert len(self.outbox) == 0
        stored = set(self.service.kept.values())
        assert stored | self.lost | self.bad == set(self.put)


Sending.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestSending = Sending.TestCase


def test_a_repeat_is_the_very_batch_that_had_no_answer() -> None:
    """Were more to go along, a refusal would not tell whether the first of it are stored."""
    outbox = Outbox(1, 1.0)
    outbox.put(entry(0), 0.0)
    first = outbox.batch(1.0)
    assert first is not None
    outbox.unanswered(1)
    outbox.put(entry(1), 1.0)
    assert outbox.batch(1.0) == first
    assert outbox.batch(1.0, all_of_it=True) == first
    assert not outbox.is_all(first)
    outbox.expected(51)
    renumbered = outbox.batch(1.0)
    assert renumbered == Batch(51, [entry(0), entry(1)])


def test_many_bad_ones_cost_a_call_each_once_they_are_found() -> None:
    outbox = Outbox(1, 1.0)
    for number in range(PROGRESS_ENTRIES_MAX):
        outbox.put(entry(number, is_bad=True), 0.0)
    calls = 0
    while (batch := outbox.batch(1.0)) is not None:
        calls += 1
        outbox.refused(len(batch.entries))
    assert calls <= PROGRESS_ENTRIES_MAX + 10


def test_the_latest_is_replaced_until_it_is_sent_and_keeps_its_place() -> None:
    outbox = Outbox(1, 1.0)
    outbox.put_latest(b'{"a":1}')
    assert outbox.due() == 0.0
    outbox.put_latest(b'{"a":2}')
    assert outbox.batch(5.0) == Batch(1, [b'{"a":2}'])
    outbox.acknowledged(1)
    outbox.put_latest(b'{"a":3}')
    assert outbox.due() == 6.0
    assert outbox.batch(5.5) is None
    outbox.put(b'{"b":1}', 5.5)
    assert outbox.due() == 5.5 + LINGER_SECONDS
    assert outbox.batch(5.6) == Batch(2, [b'{"a":3}', b'{"b":1}'])


def test_a_batch_keeps_below_the_size_of_a_body() -> None:
    outbox = Outbox(1, 1.0)
    for _ in range(30):
        outbox.put(b'{"t":"%s"}' % (b"x" * 60_000), 0.0)
    while (batch := outbox.batch(1.0)) is not None:
        assert len(batch.numbered()) <= BATCH_BYTES
        outbox.acknowledged(len(batch.entries))
    assert outbox.is_empty


def test_numbers_stand_in_front_of_an_entry_of_any_shape() -> None:
    batch = Batch(7, [b"{}", b'{"a":{}}'])
    assert batch.numbered() == b'[{"seqId":7},{"seqId":8,"a":{}}]'
