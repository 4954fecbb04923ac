"""The line of waiters: who is to look, in which order, and that no call is lost."""

import random
from collections import Counter

import pytest

from tasktracker_server.core.waiting import Line, Waiter


def resting(line: Line[Waiter], *task_types: str, slots: int = 1) -> Waiter:
    """Somebody who looked, found nothing and rests."""
    waiter = Waiter(task_types, slots)
    line.join(waiter)
    assert line.rest(waiter)
    return waiter


def test_a_call_wakes_the_one_who_waits_longest() -> None:
    line: Line[Waiter] = Line()
    first, _second = resting(line, "a"), resting(line, "a")

    assert line.call("a", 1) == ([first], 0)


def test_a_call_wakes_as_many_as_there_are_tasks() -> None:
    line: Line[Waiter] = Line()
    waiters = [resting(line, "a") for _ in range(5)]

    assert line.call("a", 3) == (waiters[:3], 0)
    assert line.call("a", 3) == (waiters[3:], 0), "those who look already take on the rest"


def test_one_who_wants_many_takes_on_as_many() -> None:
    line: Line[Waiter] = Line()
    many, one, _other = resting(line, "a", slots=10), resting(line, "a"), resting(line, "a")

    assert line.call("a", 11) == ([many, one], 0)


def test_a_call_passes_over_those_who_wait_for_something_else() -> None:
    line: Line[Waiter] = Line()
    resting(line, "b")
    both = resting(line, "a", "b")

    assert line.call("a", 1) == ([both], 0)


def test_what_nobody_waits_for_is_left_over() -> None:
    line: Line[Waiter] = Line()
    resting(line, "b")

    assert line.call("a", 2) == ([], 2)


def test_what_is_more_than_all_want_is_left_over() -> None:
    line: Line[Waiter] = Line()
    only = resting(line, "a", slots=2)

    assert line.call("a", 5) == ([only], 3)


def test_who_is_called_during_a_look_looks_again() -> None:
    line: Line[Waiter] = Line()
    waiter = Waiter(("a",))
    line.join(waiter)

    assert line.call("a", 1) == ([], 0), "nobody is to be woken, and nobody else to be told"
    assert not line.rest(waiter), "its look may have missed the task"
    assert line.rest(waiter)


def test_a_call_before_the_look_is_spent_by_it() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a")
    line.call("a", 1)

    assert line.rest(waiter)
    assert line.leave(waiter) == Counter()


def test_the_place_in_the_line_is_kept_by_looking_in_vain() -> None:
    line: Line[Waiter] = Line()
    first, _second = resting(line, "a"), resting(line, "a")
    line.call("a", 1)
    line.rest(first)

    assert line.call("a", 1) == ([first], 0)


def test_a_call_that_was_used_is_not_handed_on() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a")
    line.call("a", 1)

    assert line.leave(waiter, ["a"]) == Counter()


def test_who_took_something_else_hands_the_call_on() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a", "b")
    line.call("a", 1)

    assert line.leave(waiter, ["b"]) == Counter(a=1)


def test_who_leaves_with_nothing_hands_on_all_calls() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a", "b", slots=3)
    line.call("a", 2)
    line.call("b", 1)

    assert line.leave(waiter) == Counter(a=2, b=1)


def test_who_found_something_hands_on_what_came_meanwhile() -> None:
    line: Line[Waiter] = Line()
    waiter = resting(line, "a")
    line.call("a", 1)
    line.call("a", 1)

    assert line.leave(waiter, ["a"]) == Counter(a=1)


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

    assert (len(line), line.places, line.wanted(), line.call("a", 1)) == (0, 0, Counter(), ([], 1))
    assert not line._by_type
    assert not line._by_name


class World:
    """Tasks and waiters at random; a look is asked for, takes what is there, and tells, each in its time."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.line: Line[Waiter] = Line()
        self.tasks: Counter[str] = Counter()
        self.asked: list[Waiter] = []
        self.looks: dict[Waiter, Counter[str]] = {}

    def step(self) -> None:
        act = self.random.choices([self.come, self.register, self.go, self.take, self.tell], [3, 3, 1, 2, 2])[
            0
        ]
        act()

    def come(self) -> None:
        task_types = tuple(self.random.sample("abc", self.random.randint(1, 3)))
        waiter = Waiter(task_types, slots=self.random.choice([1, 1, 3]))
        self.line.join(waiter)
        self.asked.append(waiter)

    def register(self) -> None:
        self.add(Counter({self.random.choice("abc"): self.random.choice([1, 1, 1, 2])}))

    def go(self) -> None:
        """Hang up, resting or not; what was taken goes back."""
        if waiters := list(self.line._waiters):
            gone = self.random.choice(waiters)
            self.asked = [waiter for waiter in self.asked if waiter is not gone]
            given_back = self.looks.pop(gone, Counter())
            self.hand_on(self.line.leave(gone))
            self.add(given_back)

    def take(self) -> None:
        if not self.asked:
            return
        waiter = self.asked.pop(self.random.randrange(len(self.asked)))
        taken: Counter[str] = Counter()
        for task_type in self.random.sample(waiter.task_types, len(waiter.task_types)):
            taken[task_type] = min(self.tasks[task_type], waiter.slots - taken.total())
        self.tasks -= taken
        self.looks[waiter] = taken

    def tell(self) -> None:
        if not self.looks:
            return
        waiter = self.random.choice(list(self.looks))
        taken = self.looks.pop(waiter)
        if taken.total():
            self.hand_on(self.line.leave(waiter, taken.elements()))
        elif not self.line.rest(waiter):
            self.asked.append(waiter)

    def add(self, tasks: Counter[str]) -> None:
        self.tasks += tasks
        self.hand_on(tasks)

    def hand_on(self, ready: Counter[str]) -> None:
        for task_type, count in ready.items():
            called, _left = self.line.call(task_type, count)
            self.asked += called


@pytest.mark.parametrize("seed", range(100))
def test_nobody_rests_beside_a_task_that_could_be_theirs(seed: int) -> None:
    world = World(seed)
    for _ in range(30):
        for _ in range(world.random.randint(1, 12)):
            world.step()
        while world.asked or world.looks:
            world.random.choice([world.take, world.tell])()

        resting = world.line.resting()
        starving = {kind for waiter in resting for kind in waiter.task_types if world.tasks[kind]}
        assert not starving
