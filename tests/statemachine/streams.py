"""Where a stream begins, and whether it told what it had to."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from .calls import Event, Following
from .matching import Bindings, Divergence


class Place(NamedTuple):
    """How a stream is asked for, and the position it then starts after."""

    after: int = 0
    ignore_history: bool = False
    named: bool = True
    by_header: bool = False
    """The position goes as ``Last-Event-ID``, which wins over the query."""

    @property
    def query(self) -> str:
        asked = {
            "afterSeqId": str(0 if self.by_header else self.after),
            "ignoreHistory": str(self.ignore_history).lower(),
            "named": str(self.named).lower(),
        }
        return f"?{urlencode(asked)}"

    @property
    def last_event_id(self) -> str | None:
        return str(self.after) if self.by_header else None

    def start(self, last: int) -> int:
        """The position, with ``last`` being the last number given when the stream was opened."""
        return last if self.ignore_history and not self.by_header else self.after


def check_opening(following: Following, position: int) -> None:
    """A stream opens with its position.

    Raises:
        Divergence
    """
    if following.status != 200:
        raise Divergence(f"the stream opens with {following.status}")
    opening = following.opening()
    if opening.id != str(position):
        raise Divergence(f"the stream starts after {opening.id}; the model expects {position}")


def check_events(told: list[Event], expected: list[Event], names: Bindings, *, named: bool) -> None:
    """Each event once, in order.

    Raises:
        Divergence
    """
    if [event.id for event in told] != [event.id for event in expected]:
        raise Divergence(f"the stream tells {_ids(told)}; the model expects {_ids(expected)}")
    for event, wanted in zip(told, expected, strict=True):
        if event.name != (wanted.name if named else None):
            raise Divergence(f"event {event.id} is called {event.name!r}")
        names.match(wanted.envelope, event.envelope, f"event {event.id}")


def _ids(events: list[Event]) -> str:
    return ", ".join(str(event.id) for event in events) or "nothing"
