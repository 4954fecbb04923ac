"""What names a task in a call: its id, or anything that carries one."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast

from tasktracker_schema.answers import RetriedTask
from tasktracker_schema.names import is_task_id

T = TypeVar("T")


class HasId(Protocol):
    """A task, a row of a list, a job."""

    @property
    def id(self) -> str:
        """The task's id."""


class HasTaskId(Protocol):
    """An answer to a call, or an event of a stream."""

    @property
    def task_id(self) -> str:
        """The task's id."""


TaskRef: TypeAlias = str | HasId | HasTaskId | RetriedTask
"""A task's id, or any object of this package that has one; ``RetriedTask`` stands for the new task."""


class Hold(NamedTuple):
    """Which task a worker writes to, and as whose attempt."""

    task_id: str
    worker_id: str | None
    attempt: int | None


def task_id_of(ref: TaskRef) -> str:
    """The id this names. Raises ``ValueError`` where it can't be one, ``TypeError`` where there is none."""
    if isinstance(ref, str):
        task_id = ref
    elif isinstance(ref, RetriedTask):
        task_id = ref.new_task_id
    else:
        carried: Any = getattr(ref, "id", None) or getattr(ref, "task_id", None)
        if not isinstance(carried, str):
            raise TypeError(f"expected a task or its id, not {type(ref).__name__}")
        task_id = carried
    if not is_task_id(task_id):
        raise ValueError(f"{task_id!r} can't be a task's id")
    return task_id


def several(given: str | Iterable[T]) -> list[T]:
    """All that were given; a text is one, and not its letters."""
    return [cast("T", given)] if isinstance(given, str) else list(given)


def hold_of(ref: TaskRef, worker_id: str | None = None, attempt: int | None = None) -> Hold:
    """Task, worker and attempt: those given, else those of the object; an id alone has neither."""
    return Hold(
        task_id_of(ref),
        worker_id if worker_id is not None else getattr(ref, "worker_id", None),
        attempt if attempt is not None else getattr(ref, "attempt", None) or None,
    )
