"""The functions that do the work of a pool, by task type, with the types they are written for."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from tasktracker_client._exceptions import FailJob
from tasktracker_client._pools.annotations import params_type
from tasktracker_client._pools.shutdown import ShutDown
from tasktracker_client._pools.signals import in_main_thread
from tasktracker_client._working.async_job import AsyncJob
from tasktracker_client._working.job import Job, JobState


@dataclass(frozen=True, slots=True)
class Handler:
    """One function and what it does."""

    task_type: str
    function: Callable[..., Any]

    @property
    def is_async(self) -> bool:
        """Whether it has to be awaited."""
        return inspect.iscoroutinefunction(self.function)


class Handlers:
    """All functions of a pool, ready to be called."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers
        self._params = {
            name: params_type(each.function, is_async=each.is_async) for name, each in handlers.items()
        }

    @property
    def task_types(self) -> tuple[str, ...]:
        """What there are functions for."""
        return tuple(self._handlers)

    def work(self, job: Job[Any]) -> None:
        """Do a job: its block completes it with what the function returns, or fails it."""
        with job:
            with _escapes_as_failures(_is_interrupt):
                result = self._handlers[job.task_type].function(self._typed(job))
            if not job.ended:
                job.complete(result)

    async def awork(self, job: AsyncJob[Any]) -> None:
        """The same, awaited."""
        async with job:
            with _escapes_as_failures(_is_cancelled):
                result = await self._handlers[job.task_type].function(self._typed(job))
            if not job.ended:
                await job.complete(result)

    def _typed(self, job: JobState[Any]) -> JobState[Any]:
        try:
            params = msgspec.convert(job.params, self._params[job.task_type], str_keys=True)
        except msgspec.ValidationError as error:
            told = {"code": "invalid_params", "message": str(error)}
            raise FailJob(told, retry=False) from error
        return job.with_params(params)


@contextmanager
def _escapes_as_failures(is_meant: Callable[[BaseException], bool]) -> Iterator[None]:
    """What is no ``Exception`` fails the job as well, unless it is meant for the pool.

    A job that calls ``sys.exit`` would be released, be claimed again and exit again, without end.
    """
    try:
        yield
    except Exception:
        raise
    except BaseException as escaped:
        if is_meant(escaped):
            raise
        raise RuntimeError(_told(escaped)) from escaped


def _told(escaped: BaseException) -> str:
    if isinstance(escaped, SystemExit):
        return f"the job's code called sys.exit({escaped.code!r})"
    return f"the job's code ended by {type(escaped).__name__}"


def _is_interrupt(escaped: BaseException) -> bool:
    return in_main_thread() and isinstance(escaped, ShutDown | KeyboardInterrupt | GeneratorExit)


def _is_cancelled(escaped: BaseException) -> bool:
    """This task, and not one that the job awaited."""
    task = asyncio.current_task()
    is_ours = isinstance(escaped, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return is_ours or isinstance(escaped, KeyboardInterrupt | GeneratorExit)
