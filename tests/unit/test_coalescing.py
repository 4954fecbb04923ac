"""Group commit: who shares a batch, in which order, how large it gets, and what becomes of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_server.core.coalescing import Coalescer, Lane
from tasktracker_server.core.errors import Overloaded


class Item(NamedTuple):
    number: int
    key: str | None = None
    size: int = 0


class Batches:
    """A batch function that notes what it was given; each batch takes a few turns of the event loop."""

    def __init__(self) -> None:
        self.all: list[list[Item]] = []
        self.under_way: set[str] = set()

    async def run(self, items: list[Item]) -> Sequence[int | Exception]:
        self.all.append(items)
        keys = [item.key for item in items if item.key is not None]
        assert len(set(keys)) == len(keys), "items with the same key share a batch"
        assert self.under_way.isdisjoint(keys), "an item is run beside another with its key"
        self.under_way.update(keys)
        for _ in range(3):
            await asyncio.sleep(0)
        self.under_way.difference_update(keys)
        return [item.number * 10 for item in items]

    @property
    def order(self) -> list[int]:
        return [item.number for batch in self.all for item in batch]


def coalescer(batches: Batches, **options: Any) -> Coalescer[Item, int]:
    return Coalescer(batches.run, key=lambda item: item.key, size=lambda item: item.size, **options)


async def submit_all(each: Coalescer[Item, int], items: Sequence[Item]) -> list[int | BaseException]:
    return await asyncio.gather(*(each.submit(item) for item in items), return_exceptions=True)


def test_a_lone_item_is_a_batch_of_one() -> None:
    batches = Batches()

    assert asyncio.run(coalescer(batches).submit(Item(4))) == 40
    assert batches.all == [[Item(4)]]


def test_items_that_come_in_one_turn_share_a_batch() -> None:
    batches = Batches()

    assert asyncio.run(submit_all(coalescer(batches), [Item(n) for n in range(5)])) == [0, 10, 20, 30, 40]
    assert len(batches.all) == 1


def test_items_that_come_while_all_is_under_way_make_up_the_next_batch() -> None:
    batches = Batches()

    async def in_turns() -> None:
        each = coalescer(batches, lane=Lane(in_flight=1))
        first = asyncio.create_task(each.submit(Item(0)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.gather(first, *(each.submit(Item(n)) for n in (1, 2, 3)))

    asyncio.run(in_turns())
    assert [len(batch) for batch in batches.all] == [1, 3]


def test_items_of_one_key_are_run_one_after_another_in_their_order() -> None:
    batches = Batches()

    results = asyncio.run(submit_all(coalescer(batches), [Item(n, "same") for n in range(20)]))

    assert results == [n * 10 for n in range(20)]
    assert batches.all == [[Item(n, "same")] for n in range(20)]


def test_a_busy_key_holds_up_nobody_else() -> None:
    batches = Batches()
    busy = [Item(n, "busy") for n in range(50)]
    others = [Item(n, f"other-{n}") for n in range(50, 70)]

    asyncio.run(submit_all(coalescer(batches), [*busy, *others]))

    assert batches.all[0] == [busy[0], *others]


def test_many_busy_keys_do_not_starve_who_came_before_their_next_items() -> None:
    batches = Batches()
    lane = Lane(max_items=2, in_flight=1)
    hot = [Item(n, f"hot-{n % 2}") for n in range(10)]
    late = Item(10, "late")

    asyncio.run(submit_all(coalescer(batches, lane=lane), [*hot, late]))

    assert late in batches.all[1]


def test_each_item_is_asked_for_its_key_once_however_long_it_waits() -> None:
    batches = Batches()
    asked = 0

    def key(item: Item) -> str | None:
        nonlocal asked
        asked += 1
        return item.key

    each: Coalescer[Item, int] = Coalescer(batches.run, key=key)
    asyncio.run(submit_all(each, [Item(n, "same") for n in range(500)]))

    assert asked == 500


def test_equal_items_that_wait_are_done_once_for_all_who_asked() -> None:
    batches = Batches()
    each = coalescer(batches, once=True)
    same, other = Item(1, "a"), Item(2, "a")

    results = asyncio.run(submit_all(each, [same] * 1_000 + [other] * 3 + [same, Item(3, "b")]))

    assert results == [10] * 1_000 + [20] * 3 + [10, 30]
    assert batches.all == [[same, Item(3, "b")], [other], [same]]


def test_an_item_that_is_under_way_is_not_joined() -> None:
    batches = Batches()

    async def later() -> list[int]:
        each = coalescer(batches, once=True)
        first = asyncio.create_task(each.submit(Item(1, "a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return list(await asyncio.gather(first, each.submit(Item(1, "a")), each.submit(Item(1, "a"))))

    assert asyncio.run(later()) == [10] * 3
    assert batches.all == [[Item(1, "a")]] * 2


def test_who_leaves_takes_nothing_from_those_who_asked_for_the_same() -> None:
    batches = Batches()

    async def leaving() -> list[int]:
        each = coalescer(batches, once=True)
        asked = [asyncio.create_task(each.submit(Item(1, "a"))) for _ in range(3)]
        await asyncio.sleep(0)
        asked[0].cancel()
        return await asyncio.gather(*asked[1:])

    assert asyncio.run(leaving()) == [10, 10]


def test_the_line_of_a_key_is_bounded_where_equal_items_are_done_once() -> None:
    batches = Batches()
    each = coalescer(batches, once=True, lane=Lane(max_line=4))

    results = asyncio.run(submit_all(each, [Item(n, "a") for n in range(10)]))

    assert results[:5] == [0, 10, 20, 30, 40]
    assert all(isinstance(result, Overloaded) for result in results[5:])
    assert asyncio.run(coalescer(batches, once=True).submit(Item(7, "a"))) == 70


def placed(batches: Batches, **lane: int) -> Coalescer[Item, int]:
    """Whose an item is, and its group, are told by its key: as ``owner group``."""

    def place(item: Item) -> tuple[str, str]:
        owner, _, group = str(item.key).partition(" ")
        return owner, group

    return Coalescer(batches.run, place=place, lane=Lane(in_flight=1, **lane))


def test_a_batch_is_of_one_group_whoever_is_in_it() -> None:
    batches = Batches()
    items = [Item(1, "a x"), Item(2, "a y"), Item(3, "b x"), Item(4, "c y"), Item(5, "c x")]

    assert asyncio.run(submit_all(placed(batches), items)) == [10, 20, 30, 40, 50]
    assert [[item.number for item in batch] for batch in batches.all] == [[1, 3, 5], [4, 2]]


def test_owners_take_turns_so_that_nobody_waits_for_all_another_one_wants() -> None:
    batches = Batches()
    many = [Item(n, f"many {n}") for n in range(1_000)]
    few = [Item(1_000 + n, f"few x{n}") for n in range(2)]

    asyncio.run(submit_all(placed(batches), [*many, *few]))

    assert batches.order[:4] == [0, 1_000, 1, 1_001]
    assert batches.order[4:] == list(range(2, 1_000))


def test_the_groups_of_an_owner_take_turns_too() -> None:
    batches = Batches()
    items = [*(Item(n, "a x") for n in range(6)), Item(6, "a y")]

    asyncio.run(submit_all(placed(batches, max_items=2), items))

    assert batches.order == [0, 1, 6, 2, 3, 4, 5]


def test_the_owner_whose_turn_it_is_comes_first_in_its_group() -> None:
    batches = Batches()
    items = [*(Item(n, "a x") for n in range(4)), Item(4, "b x")]

    asyncio.run(submit_all(placed(batches, max_items=2), items))

    assert batches.order == [0, 1, 4, 2, 3]


def test_a_group_that_was_left_holds_up_no_other() -> None:
    batches = Batches()

    async def leaving() -> int:
        each = placed(batches)
        first = asyncio.create_task(each.submit(Item(1, "a x")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        left = asyncio.create_task(each.submit(Item(2, "b y")))
        last = asyncio.create_task(each.submit(Item(3, "c z")))
        await asyncio.sleep(0)
        left.cancel()
        await first
        return await last

    assert asyncio.run(leaving()) == 30
    assert batches.order == [1, 3]


def test_a_batch_ends_before_the_item_that_would_make_it_too_large() -> None:
    batches = Batches()
    sizes = [40, 40, 40, 250, 1, 99, 1]

    asyncio.run(
        submit_all(
            coalescer(batches, lane=Lane(max_bytes=100)),
            [Item(n, size=size) for n, size in enumerate(sizes)],
        )
    )

    assert [[item.size for item in batch] for batch in batches.all] == [[40, 40], [40], [250], [1, 99], [1]]


def test_more_than_may_wait_is_refused_and_what_waits_is_still_done() -> None:
    batches = Batches()

    results = asyncio.run(
        submit_all(coalescer(batches, lane=Lane(max_waiting=3)), [Item(n) for n in range(5)])
    )

    assert results[:3] == [0, 10, 20]
    assert [type(result) for result in results[3:]] == [Overloaded, Overloaded]


def test_room_to_wait_is_free_again_once_a_batch_started() -> None:
    batches = Batches()

    async def twice() -> list[int | BaseException]:
        each = coalescer(batches, lane=Lane(max_waiting=3))
        return await submit_all(each, [Item(n) for n in range(3)]) + await submit_all(each, [Item(3)])

    assert asyncio.run(twice()) == [0, 10, 20, 30]


def answering(
    answer: Callable[[Item], int | Exception],
) -> Callable[[list[Item]], Awaitable[Sequence[int | Exception]]]:
    async def run(items: list[Item]) -> Sequence[int | Exception]:
        return [answer(item) for item in items]

    return run


def test_an_error_among_the_results_is_of_its_item_alone() -> None:
    each = Coalescer(answering(lambda item: ValueError("odd") if item.number % 2 else item.number))

    results = asyncio.run(submit_all(each, [Item(0), Item(1), Item(2)]))

    assert [str(result) for result in results] == ["0", "odd", "2"]


def test_an_error_of_the_whole_batch_reaches_each_of_its_items_and_no_other_batch() -> None:
    failing = True

    async def run(items: list[Item]) -> Sequence[int | Exception]:
        if failing:
            raise ConnectionError("away")
        return [item.number for item in items]

    async def fail_then_work() -> list[int | BaseException]:
        nonlocal failing
        each: Coalescer[Item, int] = Coalescer(run, key=lambda item: item.key)
        failed = await submit_all(each, [Item(1, "a"), Item(2, "b")])
        failing = False
        return failed + await submit_all(each, [Item(3, "a")])

    results = asyncio.run(fail_then_work())
    assert [str(result) for result in results] == ["away", "away", "3"]


def test_who_leaves_while_the_batch_is_under_way_has_the_result_dropped_where_it_can_be_seen_to() -> None:
    dropped: list[tuple[int, int]] = []
    started = asyncio.Event()

    async def run(items: list[Item]) -> Sequence[int | Exception]:
        started.set()
        await asyncio.sleep(0)
        return [item.number * 10 for item in items]

    async def leave() -> int:
        each: Coalescer[Item, int] = Coalescer(
            run, on_dropped=lambda item, result: dropped.append((item.number, result))
        )
        leaving, staying = (asyncio.create_task(each.submit(Item(n))) for n in (1, 2))
        await started.wait()
        leaving.cancel()
        return await staying

    assert asyncio.run(leave()) == 20
    assert dropped == [(1, 10)]


def test_a_result_is_not_lost_when_its_taker_is_cancelled_in_the_moment_it_comes() -> None:
    dropped: list[tuple[str, str]] = []

    async def cancel_at_the_result() -> bool:
        async def run(items: list[str]) -> list[str]:
            # Comes between the result and the taker's next step, as a closed connection may.
            asyncio.get_running_loop().call_soon(taking.cancel)
            return [item.upper() for item in items]

        coalescer: Coalescer[str, str] = Coalescer(
            run, on_dropped=lambda item, result: dropped.append((item, result))
        )
        taking = asyncio.create_task(coalescer.submit("a"))
        await asyncio.wait([taking])
        return taking.cancelled()

    assert asyncio.run(cancel_at_the_result())
    assert dropped == [("a", "A")]


def test_who_is_cancelled_before_the_batch_is_left_out_of_it() -> None:
    ran: list[str] = []

    async def cancel_one() -> str:
        async def run(items: list[str]) -> list[str]:
            ran.extend(items)
            return items

        coalescer: Coalescer[str, str] = Coalescer(run)
        gone, there = (asyncio.create_task(coalescer.submit(item)) for item in ("gone", "there"))
        asyncio.get_running_loop().call_soon(gone.cancel)
        return await there

    assert asyncio.run(cancel_one()) == "there"
    assert ran == ["there"]


def test_the_next_of_a_key_goes_on_when_the_one_before_it_leaves_the_line() -> None:
    batches = Batches()

    async def leave() -> int:
        each = coalescer(batches)
        waiting = [asyncio.create_task(each.submit(Item(n, "same"))) for n in range(4)]
        await asyncio.sleep(0)
        for task in waiting[:3]:
            task.cancel()
        return await waiting[3]

    assert asyncio.run(leave()) == 30
    assert batches.order[-1] == 3


calls = st.lists(
    st.tuples(st.sampled_from([None, "a", "b", "c"]), st.integers(0, 120), st.booleans(), st.integers(0, 3)),
    max_size=40,
)
"""Key, size, whether its caller leaves, and how many turns of the event loop pass before it comes."""
lanes = st.builds(
    Lane,
    max_items=st.integers(1, 6),
    max_bytes=st.integers(1, 200),
    max_waiting=st.just(1_000),
    in_flight=st.integers(1, 3),
)


@given(calls, lanes)
def test_whatever_comes_and_leaves_each_item_is_run_once_within_the_bounds(
    arriving: list[tuple[str | None, int, bool, int]], lane: Lane
) -> None:
    batches = Batches()
    items = [Item(n, key, size) for n, (key, size, _, _) in enumerate(arriving)]
    staying = [item for item, (_, _, leaves, _) in zip(items, arriving, strict=True) if not leaves]

    async def play() -> dict[int, int]:
        each = coalescer(batches, lane=lane)
        waiting: dict[int, asyncio.Task[int]] = {}
        for item, (_, _, leaves, turns) in zip(items, arriving, strict=True):
            for _ in range(turns):
                await asyncio.sleep(0)
            task = asyncio.create_task(each.submit(item))
            if leaves:
                asyncio.get_running_loop().call_soon(task.cancel)
            else:
                waiting[item.number] = task
        async with asyncio.timeout(5):
            return {number: await task for number, task in waiting.items()}

    results = asyncio.run(play())

    assert results == {item.number: item.number * 10 for item in staying}
    assert len(set(batches.order)) == len(batches.order)
    for batch in batches.all:
        assert len(batch) <= lane.max_items
        assert len(batch) == 1 or sum(item.size for item in batch) <= lane.max_bytes
    for key in ("a", "b", "c"):
        numbers = [item.number for batch in batches.all for item in batch if item.key == key]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_no_more_batches_are_under_way_at_once_than_the_lane_allows(in_flight: int) -> None:
    running = most = 0

    async def run(items: list[Item]) -> Sequence[int | Exception]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return [item.number for item in items]

    each: Coalescer[Item, int] = Coalescer(run, lane=Lane(max_items=1, in_flight=in_flight))
    asyncio.run(submit_all(each, [Item(n) for n in range(10)]))

    assert most == in_flight
