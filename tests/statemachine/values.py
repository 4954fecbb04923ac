"""What the rules draw from."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import hypothesis.strategies as st

from .model import Claim
from .records import Wish
from .streams import Place

WORKERS: Final = ("w1", "w2", "w3")
KINDS: Final = ("a", "b")

_texts = st.text('ab"é😀', max_size=3)
_scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts

values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_texts, inner, max_size=2),
    max_leaves=4,
)
"""Any JSON but fractions, which are kept by value and not by their digits."""
given = st.none() | values
"""A result or an error; null counts as left out."""
objects = st.dictionaries(_texts.filter(lambda name: name != "seqId"), values, max_size=2)

workers = st.sampled_from(WORKERS)
kinds = st.sampled_from(KINDS)
often = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False, False, False, True])


class Guise(NamedTuple):
    """As whom a call is made, seen from the task: by which worker, at which attempt."""

    worker: str | None
    """``own``, ``other`` or left out."""
    attempt: int | None
    """Counted from the latest; left out where ``None``."""


HOLDER: Final = Guise("own", 0)

guises = st.sampled_from(
    [
        *[HOLDER] * 8,
        Guise("own", None),
        Guise(None, 0),
        Guise(None, None),
        Guise("other", 0),
        Guise("other", None),
        Guise("own", -1),
        Guise(None, -1),
        Guise("other", -1),
        Guise("own", 1),
    ]
)


class Numbering(NamedTuple):
    """A worker's own numbers: where they begin, seen from the last one given; none where ``None``."""

    begin: int | None

    def applied(self, entries: list[dict[str, Any]], last: int) -> list[dict[str, Any]]:
        """The entries as they are sent."""
        if self.begin is None:
            return entries
        first = max(1, last + self.begin)
        return [{"seqId": first + place, **entry} for place, entry in enumerate(entries)]


numberings = st.sampled_from([*[Numbering(None)] * 4, *map(Numbering, (1, 1, 0, -1, -2, 2, 2, 3))])
entries = st.lists(objects, min_size=1, max_size=4)

wishes = st.builds(
    Wish,
    task_type=kinds,
    metadata=st.none() | objects,
    params=st.none() | objects,
    timeout_seconds=st.sampled_from([86_400, 3_600]),
    priority=st.sampled_from([0, 0, 1, -1]),
    max_retries=st.sampled_from([0, 1, 2]),
    max_attempts=st.sampled_from([None, 1, 5]),
)
"""Of kinds that stand for task types of the run."""

claims = st.builds(
    Claim,
    task_types=st.lists(kinds, min_size=1, max_size=2),
    claim_id=st.sampled_from([None, None, "c1", "c2"]),
    leased=seldom,
)


class LastWords(NamedTuple):
    """What goes with the end of a task: entries, and a claim."""

    entries: list[dict[str, Any]]
    numbering: Numbering
    claim: Claim | None


last_words = st.builds(
    LastWords, entries=st.just([]) | entries, numbering=numberings, claim=st.none() | claims
)

places = st.builds(
    Place,
    after=st.integers(0, 4),
    ignore_history=seldom,
    named=often,
    by_header=seldom,
)
