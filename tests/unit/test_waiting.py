"""The line of waiters: who is to look, in which order, and that nobody rests beside a task that is free."""

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from tasktracker_server.core.waiting import Line, Named, Waiter, by_type


def resting(line: Line[Waiter], *task_types: str, slots: int = 1) -> Waiter:
    """Somebody who looked, found nothing and rests."""
    waiter = Waiter(task_types, slots)
    line.join(waiter)
    assert line.rest(waiter)
    return waiter


def test_a_call_wakes_the_one_who_waits_longest() -> None:
    line: Line[Waiter] = Line()
    first, _second = resting(line, "a"), resting(line, "a")

    assert line.call("a", ["t"]) == ([first], [])


def test_as_many_are_woken_as_there_are_tasks() -> None:
    line: Line[Waiter] = Line()
    waiters = [resting(line, "a") for _ in range(5)]

    assert line.call("a", ["1", "2", "3"]) == (waiters[:3], [])
    assert line.call("a", ["4"]) == ([waiters[3]], [])


def test_one_who_wants_many_is_called_for_as_many() -> None:
    line: Line[Waiter] = Line()
    many, one, _other = resting(line, "a", slots=10), resting(line, "a"), resting(line, "a")

    assert line.call("a", [str(n) for n in range(11)]) == ([many, one], [])


def test_a_call_passes_over_those_who_wait_for_something_else() -> None:
    line: Line[Waiter] = Line()
    resting(line, "b")
    both = resting(line, "a", "b")

    assert line.call("a", ["t"]) == ([both], [])


def test_tasks_that_nobody_waits_for_are_left_over() -> None:
    line: Line[Waiter] = Line()
    resting(line, "b")

    assert line.call("a", ["1", "2"]) == ([], ["1", "2"])


def test_tasks_that_are_more_than_all_want_are_left_over() -> None:
    line: Line[Waiter] = Line()
    only = resting(line, "a", slots=2)

    assert line.call("a", ["1", "2", "3", "4"]) == ([only], ["3", "4"])


def test_who_looks_when_a_task_comes_looks_again_if_it_finds_nothing() -> None:
    line: Line[Waiter] = Line()
    waiter = Waiter(("a",))
    line.join(waiter)

    assert line.call("a", ["t"]) == ([], ["t"])
    assert not line.rest(waiter), "its look may have begun before the task came"
    assert line.rest(waiter)


def test_who_looks_is_not_held_up_by_a_task_that_another_was_called_for() -> None:
    line: Line[Waiter] = Line()
    looking = Waiter(("a",))
    line.join(looking)
    other = resting(line, "a")

    assert line.call("a", ["t"]) == ([other], [])
    assert line.rest(looking)


def test_a_call_is_spent_by_a_look_that_finds_nothing() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a")
    line.call("a", ["t"])

    assert line.rest(waiter)
    assert line.leave(waiter) == []


def test_the_place_in_the_line_is_kept_by_looking_in_vain() -> None:
    line: Line[Waiter] = Line()
    first, _second = resting(line, "a"), resting(line, "a")
    line.call("a", ["1"])
    line.rest(first)

    assert line.call("a", ["2"]) == ([first], [])


def test_who_gets_the_task_it_was_called_for_hands_nothing_on() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a")
    line.call("a", ["t"])

    assert line.leave(waiter, {"t"}) == []


def test_who_gets_another_task_hands_the_call_on() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a", "b")
    line.call("a", ["t"])

    assert line.leave(waiter, {"other"}) == [("t", "a")]


def test_who_goes_away_with_nothing_hands_on_all_calls() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a", slots=3)
    line.call("a", ["1", "2"])

    assert line.leave(waiter) == [("1", "a"), ("2", "a")]


def test_all_of_one_name_are_called_together() -> None:
    line: Line[Waiter] = Line()
    twins = [Waiter(("a",)) for _ in range(3)]
    for twin in twins:
        line.join(twin, name="x")
    for twin in twins[1:]:
        line.rest(twin)

    assert line.call_named("x") == twins[1:], "the first one looks already"
    assert line.call_named("x") == []


def test_wanted_counts_what_those_who_rest_would_take() -> None:
    line: Line[Waiter] = Line()
    resting(line, "a", "b")
    resting(line, "a", slots=5)
    line.join(Waiter(("a",)))

    assert line.wanted() == Counter(a=6, b=1)
    assert (len(line), line.places) == (3, 4)


def test_an_empty_line_holds_nothing() -> None:
    line: Line[Waiter] = Line()
    waiter = Waiter(("a", "b"))
    line.join(waiter, name="x")
    line.leave(waiter)

    assert (len(line), line.places, line.wanted()) == (0, 0, Counter())
    assert not line._by_type
    assert not line._by_name


@dataclass
class Look:
    """A statement: sees the tasks there are when it begins, takes those that are still free, then tells."""

    seen: list[Named]
    taken: list[Named] | None = None


class World:
    """Two processes, tasks and waiters; what happens next is chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[Line[Waiter]] = [Line(), Line()]
        self.tasks: list[Named] = []
        self.asked: list[tuple[Line[Waiter], Waiter]] = []
        self.looks: dict[Waiter, tuple[Line[Waiter], Look]] = {}
        self.published: list[tuple[Line[Waiter], Named]] = []
        self.numbers = iter(range(10_000))

    def step(self) -> None:
        acts = [self.come, self.register, self.go, self.begin, self.take, self.tell, self.hear, self.snatch]
        self.random.choices(acts, [4, 3, 1, 3, 3, 3, 2, 1])[0]()

    def settle(self) -> None:
        """Let all that is under way come to its end."""
        while self.asked or self.looks or self.published:
            self.random.choice([self.begin, self.take, self.tell, self.hear])()

    def come(self) -> None:
        waiter = Waiter(
            tuple(self.random.sample("abc", self.random.randint(1, 3))), self.random.choice([1, 1, 3])
        )
        line = self.random.choice(self.lines)
        line.join(waiter)
        self.asked.append((line, waiter))

    def register(self) -> None:
        kind = self.random.choice("abc")
        added = [(str(next(self.numbers)), kind) for _ in range(self.random.choice([1, 1, 2]))]
        self.tasks += added
        self.call(self.random.choice(self.lines), added)

    def go(self) -> None:
        """Hang up, resting or not; what was taken goes back."""
        line = self.random.choice(self.lines)
        if not line._waiters:
            return
        gone = self.random.choice(list(line._waiters))
        self.asked = [asked for asked in self.asked if asked[1] is not gone]
        _, look = self.looks.pop(gone, (line, Look([])))
        self.call(line, line.leave(gone))
        self.tasks += look.taken or []
        self.call(line, look.taken or [])

    def begin(self) -> None:
        if self.asked:
            line, waiter = self.asked.pop(self.random.randrange(len(self.asked)))
            self.looks[waiter] = line, Look(list(self.tasks))

    def take(self) -> None:
        under_way = [(waiter, look) for waiter, (_, look) in self.looks.items() if look.taken is None]
        if under_way:
            waiter, look = self.random.choice(under_way)
            fitting = [task for task in look.seen if task in self.tasks and task[1] in waiter.task_types]
            look.taken = fitting[: waiter.slots]
            self.tasks = [task for task in self.tasks if task not in look.taken]

    def tell(self) -> None:
        done = [(waiter, *found) for waiter, found in self.looks.items() if found[1].taken is not None]
        if not done:
            return
        waiter, line, look = self.random.choice(done)
        del self.looks[waiter]
        if look.taken:
            self.call(line, line.leave(waiter, {task_id for task_id, _ in look.taken}))
        elif not line.rest(waiter):
            self.asked.append((line, waiter))

    def hear(self) -> None:
        if self.published:
            line, (task_id, kind) = self.published.pop(0)
            called, _ = line.call(kind, [task_id])
            self.asked += [(line, waiter) for waiter in called]

    def snatch(self) -> None:
        """Somebody who does not wait takes a task."""
        if self.tasks:
            self.tasks.pop(self.random.randrange(len(self.tasks)))

    def call(self, line: Line[Waiter], tasks: list[Named]) -> None:
        (other,) = (each for each in self.lines if each is not line)
        for kind, task_ids in by_type(tasks).items():
            called, left = line.call(kind, task_ids)
            self.asked += [(line, waiter) for waiter in called]
            self.published += [(other, (task_id, kind)) for task_id in left]


@pytest.mark.parametrize("seed", range(200))
def test_nobody_rests_beside_a_task_that_is_free(seed: int) -> None:
    world = World(seed)
    for _ in range(20):
        for _ in range(world.random.randint(1, 25)):
            world.step()
        world.settle()

        free = {kind for _, kind in world.tasks}
        starving = [each for line in world.lines for each in line.resting() if free & {*each.task_types}]
        assert not starving
