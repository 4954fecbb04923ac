"""The explorer itself: it visits everything, and the story it tells is a shortest one."""

from __future__ import annotations

from collections.abc import Iterator

from model.checker import BrokenPromise, Explorer


def moves(number: int) -> Iterator[tuple[str, int]]:
    yield "add one", (number + 1) % 100
    yield "double", number * 2 % 100


def never(number: int) -> None:
    assert 0 <= number < 100


def below_fifty(number: int) -> None:
    if number >= 50:
        raise BrokenPromise("stays below fifty", f"it is {number}")


def test_every_reachable_state_is_visited_once() -> None:
    exploration = Explorer(0, moves, never).run()

    assert exploration.found is None
    assert (exploration.states, exploration.moves) == (100, 200)


def test_the_counterexample_is_a_shortest_story() -> None:
    found = Explorer(3, moves, below_fifty).run().found

    assert found is not None
    assert found.promise == "stays below fifty"
    assert len(found.steps) == 5
    assert found.story().endswith("it is 64\n     64") or "=> it is" in found.story()


def test_a_promise_broken_by_the_step_itself_is_told_with_the_way_there() -> None:
    def falling(number: int) -> Iterator[tuple[str, int]]:
        if number == 2:
            raise BrokenPromise("does not fall", "it fell")
        yield "climb", number + 1

    found = Explorer(0, falling, never).run().found

    assert found is not None
    assert found.steps == ("climb", "climb")
