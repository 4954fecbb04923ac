"""Group commit: what of a batch reaches whom."""

import asyncio

from tasktracker_server.core.coalescing import Coalescer


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
