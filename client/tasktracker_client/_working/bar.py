"""A progress bar that reports: what ``tqdm`` has, and ``tqdm`` itself beside it where it is installed."""

import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sized
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class JobBar(Generic[T]):
    """Iterate over it, or ``update`` it; each change goes out with ``latest``. Made by ``job.tqdm``."""

    def __init__(
        self,
        report: Callable[[dict[str, Any]], None],
        items: Any,
        desc: str | None,
        total: float | None,
        shown: Mapping[str, Any],
    ) -> None:
        self.n: float = shown.get("initial", 0)
        """How much is done."""
        self.total = total if total is not None else len(items) if isinstance(items, Sized) else None
        """How much there is to do, where it is known."""
        self._report_entry = report
        self._items: object = items
        self._more: dict[str, Any] = {}
        self._bar: Any = None
        if find_spec("tqdm") is not None:
            self._bar = import_module("tqdm").tqdm(desc=desc, total=self.total, **shown)
        if desc:
            self._more["desc"] = desc
        self._report()

    def __iter__(self) -> Iterator[T]:
        if not isinstance(self._items, Iterable):
            raise TypeError("there is nothing to iterate over")
        with self:
            for item in self._items:
                yield item
                self.update()

    async def __aiter__(self) -> AsyncIterator[T]:
        if not isinstance(self._items, AsyncIterable):
            raise TypeError("there is nothing to iterate over asynchronously")
        with self:
            async for item in self._items:
                yield item
                self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self.total or 0)

    def update(self, n: float = 1) -> None:
        """So much more is done. Raises what ``job.progress`` raises."""
        self.n += n
        if self._bar is not None:
            self._bar.update(n)
        self._report()

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Say what is being done."""
        self._more["desc"] = desc or ""
        if self._bar is not None:
            self._bar.set_description(desc, refresh)
        self._report()

    def set_postfix(self, values: Mapping[str, Any] | None = None, refresh: bool = True, **more: Any) -> None:
        """Say figures beside the bar."""
        self._more["postfix"] = {**(values or {}), **more}
        if self._bar is not None:
            self._bar.set_postfix(self._more["postfix"], refresh)
        self._report()

    def reset(self, total: float | None = None) -> None:
        """Begin anew."""
        self.n, self.total = 0, self.total if total is None else total
        if self._bar is not None:
            self._bar.reset(total)
        self._report()

    def refresh(self) -> None:
        """Show it as it is, after ``n`` or ``total`` were set by hand."""
        if self._bar is not None:
            self._bar.n, self._bar.total = self.n, self.total
            self._bar.refresh()
        self._report()

    def write(self, text: str, end: str = "\n") -> None:
        """Print a line, above the bar where one is drawn."""
        if self._bar is not None:
            self._bar.write(text, end=end)
        else:
            sys.stdout.write(text + end)

    def close(self) -> None:
        """Leave it as it is."""
        if self._bar is not None:
            self._bar.close()

    def _report(self) -> None:
        entry: dict[str, Any] = {"done": self.n}
        if self.total:
            entry |= {"total": self.total, "percent": round(100 * self.n / self.total, 1)}
        self._report_entry(entry | self._more)
