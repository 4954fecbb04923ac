"""Pages of a history: full, short, with what was lost, and final."""

import json
from typing import Any

import msgspec
from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_server.core.entries import Entry
from tasktracker_server.core.histories import StoredHistory
from tasktracker_server.core.pages import PageBuilder
from tasktracker_server.core.replay import Page


def history(status: str = "in_progress", upto: int = 0, lost_to: int | None = None) -> StoredHistory:
    return StoredHistory(
        status=status,
        updated_at="2026-01-31T12:00:00.000Z",
        result=Raw(b'{"a":1}'),
        error=Raw(b'"broken"'),
        new_task_id="next",
        worker_id="w",
        attempt=1,
        cancel_requested=False,
        history_upto=upto,
        lost_to=lost_to,
        live_debt=False,
        long_ended=False,
        chunks=[],
    )


def read(*numbers: int, of: StoredHistory | None = None, data: bytes = b"{}", **fields: Any) -> Page:
    told: dict[str, Any] = {"more": False, "live_known": True, "live_state": "", "live_last": 0}
    entries = [Entry(number, 0, 1, data) for number in numbers]
    return Page(history=of or history(), entries=entries, **(told | fields))


def answer(page: PageBuilder) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(msgspec.json.encode(page.answer()))
    return shown


def shown(page: PageBuilder) -> list[int]:
    return [entry["seqId"] for entry in answer(page)["entries"]]


def test_reads_are_joined_until_there_is_no_more() -> None:
    page = PageBuilder("t", 0, 10)

    assert page.take(read(1, 2, more=True))
    assert page.after == 2
    assert not page.take(read(3))

    assert shown(page) == [1, 2, 3]


def test_a_full_page_wants_no_more() -> None:
    page = PageBuilder("t", 0, 3)

    assert page.take(read(1, 2, more=True))
    assert not page.take(read(3, 4))

    assert (shown(page), page.after) == ([1, 2, 3], 3)
    assert not page.is_final


def test_a_page_is_bounded_in_bytes() -> None:
    data = b'{"a":"%b"}' % (b"x" * (limits.PROGRESS_PAGE_BYTES // 3))
    page = PageBuilder("t", 0, 10)

    assert not page.take(read(1, 2, 3, 4, data=data))

    assert shown(page) == [1, 2]


def test_an_entry_that_is_larger_than_a_page_has_one_of_its_own() -> None:
    data = b'{"a":"%b"}' % (b"x" * limits.PROGRESS_PAGE_BYTES)
    page = PageBuilder("t", 0, 10)

    assert not page.take(read(1, 2, data=data, more=True))

    assert shown(page) == [1]


def test_holes_are_told() -> None:
    page = PageBuilder("t", 1, 10)
    page.take(read(2, 5, 9))

    assert answer(page)["gaps"] == [{"fromSeqId": 3, "toSeqId": 4}, {"fromSeqId": 6, "toSeqId": 8}]


def test_a_hole_is_told_by_the_page_that_passes_it() -> None:
    first, second = PageBuilder("t", 0, 1), PageBuilder("t", 1, 1)
    first.take(read(1, 5))
    second.take(read(5))

    assert "gaps" not in answer(first)
    assert answer(second)["gaps"] == [{"fromSeqId": 2, "toSeqId": 4}]


def test_a_loss_at_the_end_is_told_once_the_task_has_ended() -> None:
    running, ended = PageBuilder("t", 2, 10), PageBuilder("t", 2, 10)
    running.take(read(of=history(upto=2, lost_to=256)))
    ended.take(read(of=history("completed", upto=2, lost_to=256)))

    assert not running.tells
    assert answer(ended)["gaps"] == [{"fromSeqId": 3, "toSeqId": 256}]
    assert ended.is_final


def test_a_final_page_tells_the_outcome_of_its_kind() -> None:
    told = {}
    for status in ("completed", "failed", "timeout"):
        page = PageBuilder("t", 0, 10)
        page.take(read(of=history(status)))
        told[status] = {
            name: value for name, value in answer(page).items() if name in ("result", "error", "newTaskId")
        }

    assert told == {
        "completed": {"result": {"a": 1}},
        "failed": {"error": "broken", "newTaskId": "next"},
        "timeout": {},
    }


def test_an_end_whose_history_is_still_on_its_way_is_not_final() -> None:
    page = PageBuilder("t", 0, 10)
    page.take(read(of=history("completed"), live_state="x"))

    assert (page.is_final, page.tells) == (False, False)
    assert answer(page)["status"] == "completed"


def test_the_last_number_is_unknown_where_live_history_cannot_be_read() -> None:
    away, known = PageBuilder("t", 0, 10), PageBuilder("t", 0, 10)
    away.take(read(1, of=history(upto=1), live_known=False))
    known.take(read(1, of=history(upto=1), live_last=3))

    assert answer(away)["lastSeqId"] is None
    assert answer(known)["lastSeqId"] == 3
