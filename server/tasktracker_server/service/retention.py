"""Forgetting ended tasks that are older than their type's age.

A walk goes through the types that have ended tasks, each from its oldest task on, in small steps with
pauses between them. What may not go yet is passed and looked at again on the next walk. A task is
forgotten in Redis first: nothing of it may be left there once its id is free again.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence

from tasktracker_schema.status import TERMINAL
from tasktracker_server.core.lists import Kept, Place
from tasktracker_server.core.retention import Ages
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.ports import ProgressLog, RetentionStore

log = logging.getLogger(__name__)

_STEP = 500
_STEP_BYTES = 16 * 1024 * 1024
"""Of stored history that one statement deletes, or one task."""
_TURN_SECONDS = 60.0
_REST = 3.0
"""After each step, so many times what it took: deleting takes a quarter of a connection at most."""
_OLDEST = Place(-(1 << 46), 0)


class Retention:
    """Deletes what is too old; one process at a time does."""

    def __init__(self, store: RetentionStore, live: ProgressLog, ending: Ending, ages: Ages) -> None:
        self._store = store
        self._live = live
        self._ending = ending
        self._ages = ages
        self._name = uuid.uuid4().hex

    async def walk(self) -> None:
        """Look at all that may be too old once, and delete it."""
        if not self._ages.any:
            return
        deleted = 0
        async for status, task_type, age in self._kinds():
            after = _OLDEST
            while True:
                began = time.monotonic()
                if not await self._store.take_turn(self._name, _TURN_SECONDS):
                    return
                found = await self._store.look(status, task_type, age, after, _STEP)
                for some in _portions([task for task in found if task.expired]):
                    deleted += await self._delete(some, age)
                if len(found) < _STEP:
                    break
                after = found[-1].place
                await asyncio.sleep(_REST * (time.monotonic() - began))
        if deleted:
            log.info("%d old tasks were deleted", deleted, extra={"action": "deleted", "count": deleted})

    async def _kinds(self) -> AsyncIterator[tuple[str, str, int]]:
        """Every state and type that has tasks which may be deleted some time, with their age."""
        for status in sorted(TERMINAL):
            if self._ages.default is None:
                for task_type, age in self._ages.by_type.items():
                    if age is not None:
                        yield status, task_type, age
                continue
            found = await self._store.next_type(status, "")
            while found is not None:
                if (age := self._ages.of(found)) is not None:
                    yield status, found, age
                found = await self._store.next_type(status, found)

    async def _delete(self, tasks: Sequence[Kept], age: int) -> int:
        forgotten = await self._live.forget([(task.id, task.ord) for task in tasks], gone=False)
        left = [task.id for task, done in zip(tasks, forgotten, strict=True) if not done]
        if left:
            # Whoever ended these died before it closed their logs; they go on another walk.
            await self._ending.help(left)
        return await self._store.delete(
            [task.id for task, done in zip(tasks, forgotten, strict=True) if done], age
        )


def _portions(tasks: Sequence[Kept]) -> Iterator[list[Kept]]:
    """The same tasks, in parts whose histories are not too much for one statement."""
    portion: list[Kept] = []
    size = 0
    for task in tasks:
        if portion and size + task.history_bytes > _STEP_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(task)
        size += task.history_bytes
    if portion:
        yield portion
