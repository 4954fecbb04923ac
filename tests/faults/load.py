"""Workers who report and end their tasks at the same time, and remember what they were told."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, Final

from faults.calling import Answer, Caller

GOES_ON: Final = frozenset({0, 503})
"""A broken connection, a store that is away: a worker tries again."""
_PAUSE: Final = 0.05


class Worker:
    """One task's worker, on one or several instances in turn.

    Every call carries a number of its own, so that the stored history tells which calls it is made of.
    """

    def __init__(self, task_id: str, *callers: Caller) -> None:
        self.task_id = task_id
        self.callers = list(callers)
        self._turns = itertools.count()
        self.calls = 0
        self.acknowledged: dict[int, int] = {}
        """Which call was given which seqId."""
        self.refused: Answer | None = None
        """The answer that told the worker to stop."""
        self.ended = False
        """Whether the end was acknowledged."""
        self.slowest = 0.0

    async def report(self) -> Answer:
        """Report progress once."""
        self.calls += 1
        answer = await self._post("progress", {"progress": {"call": self.calls}, "attempt": 1})
        if answer.status == 200:
            assert answer.body["seqId"] not in self.acknowledged, f"{answer} was given twice"
            self.acknowledged[answer.body["seqId"]] = self.calls
        elif answer.status not in GOES_ON:
            self.refused = answer
        return answer

    async def report_on(self, until: asyncio.Event, pause: float = 0.0) -> None:
        """Report until the task has ended or ``until`` is set."""
        while self.refused is None and not until.is_set():
            answer = await self.report()
            await asyncio.sleep(_PAUSE if answer.status in GOES_ON else pause)

    async def end(self, giving_up: asyncio.Event | None = None) -> None:
        """Complete the task, again and again until that is answered."""
        while not self.ended and not (giving_up is not None and giving_up.is_set()):
            answer = await self._post("complete", {"attempt": 1, "result": self.task_id})
            assert answer.status in {200, *GOES_ON}, answer
            self.ended = answer.status == 200
            if not self.ended:
                await asyncio.sleep(_PAUSE)

    async def _post(self, verb: str, body: object) -> Answer:
        caller = self.callers[next(self._turns) % len(self.callers)]
        answer = await caller.post(f"/{self.task_id}/{verb}", body)
        self.slowest = max(self.slowest, answer.seconds)
        return answer


def assert_whole(task: dict[str, Any], worker: Worker, *, lost: Sequence[range] = ()) -> None:
    """The task's history has every acknowledged call under its number, in order and once.

    ``lost`` are the numbers that a gap was told for; where none was, the numbers have no hole.
    """
    history = {entry["seqId"]: entry["call"] for entry in task["progressHistory"]}
    gone = {number for gap in lost for number in gap}
    numbers, calls = list(history), list(history.values())

    assert len(numbers) == len(task["progressHistory"]), "a number is there twice"
    assert numbers == sorted(numbers)
    assert calls == sorted(set(calls)), f"the calls of {worker.task_id} are out of order: {calls}"
    assert set(range(1, max(numbers, default=0) + 1)) - gone == set(numbers)
    kept = {number: call for number, call in worker.acknowledged.items() if number not in gone}
    missing = kept.items() - history.items()
    assert not missing, f"{worker.task_id} lost {sorted(missing)}; {task['status']}"
