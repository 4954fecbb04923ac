"""Promises about progress: each entry once, in order, where it was answered to be, with no gap.

Every entry that callers send has a name of its own in ``e``; a repeat of a call carries the same names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from .finals import Finals
from .operations import ENDS, NEVER, History, Operation
from .violations import Told


def histories_have_no_gap(history: History, finals: Finals) -> Iterator[Told]:
    """Redis lost nothing in these runs, so numbers are 1, 2, 3 … and no loss is told."""
    for row in finals.rows.values():
        numbers = [entry.seq_id for entry in finals.entries.get(row.id, ())]
        if numbers != list(range(1, row.history_upto + 1)):
            yield row.id, f"the numbers {numbers} are stored, up to {row.history_upto} of them"
        if row.lost_to is not None:
            yield row.id, f"a loss up to {row.lost_to} is told"


def answered_entries_are_stored(history: History, finals: Finals) -> Iterator[Told]:
    """Each entry of an answered call is stored at the number that was answered."""
    for task_id in history.by_task:
        stored = {entry.seq_id: entry for entry in finals.entries.get(task_id, ())}
        for call in history.accepted(task_id, "progress"):
            numbers = range(call.answer["firstSeqId"], call.answer["seqId"] + 1)
            found = [stored[n].data.get("e") if n in stored else None for n in numbers]
            if found != [entry["e"] for entry in call.entries]:
                yield task_id, f"{call.id} was answered the numbers {numbers}; they hold {found}"


def entries_of_answered_ends_are_stored(history: History, finals: Finals) -> Iterator[Told]:
    """Entries that came with an answered end are stored, too."""
    for task_id in history.by_task:
        names = {entry.data.get("e") for entry in finals.entries.get(task_id, ())}
        for end in history.accepted(task_id, *ENDS):
            if missing := [entry["e"] for entry in end.entries if entry["e"] not in names]:
                yield task_id, f"{end.verb} {end.id} was answered, its entries {missing} are not stored"


def stored_entries_were_sent(history: History, finals: Finals) -> Iterator[Told]:
    """Nothing is stored but what its attempt has sent, and no more often than it was sent.

    So without numbers of one's own each answered call is stored once, and only a call that was not answered
    may have left one copy more. An end appends once, however often it is answered.
    """
    for task_id, entries in finals.entries.items():
        allowed = _copies_allowed(history, task_id)
        for name, count in Counter((entry.attempt, entry.data.get("e")) for entry in entries).items():
            if count > allowed[name]:
                yield task_id, f"entry {name} is stored {count} times, sent were {allowed[name]}"


def _copies_allowed(history: History, task_id: str) -> Counter[tuple[int | None, str | None]]:
    allowed: Counter[tuple[int | None, str | None]] = Counter()
    answered: set[tuple[int | None, str | None]] = set()
    for call in history.by_task.get(task_id, ()):
        names: list[tuple[int | None, str | None]] = [(call.attempt, entry["e"]) for entry in call.entries]
        if call.verb in ENDS and call.outcome == "accepted":
            answered.update(names)
        elif call.verb in ENDS or call.outcome != "refused":
            # A refused end may have come in two: its entries first, then its task was lost.
            allowed.update(names)
    allowed.update(answered)
    return allowed


def numbered_entries_are_stored_once(history: History, finals: Finals) -> Iterator[Told]:
    """An entry with its caller's own number is stored there, once at most, however often sent."""
    for task_id, entries in finals.entries.items():
        own = {
            entry["e"]: entry["seqId"]
            for call in history.of(task_id, "progress", *ENDS)
            for entry in call.entries
            if "seqId" in entry
        }
        seen: set[str] = set()
        for entry in entries:
            name = entry.data.get("e", "")
            if name in own and (name in seen or own[name] != entry.seq_id):
                yield task_id, f"entry {name} has the number {own[name]} and is stored at {entry.seq_id}"
            seen.add(name)


def entries_follow_the_attempts(history: History, finals: Finals) -> Iterator[Told]:
    """No entry of an attempt lies behind one of a later attempt."""
    for task_id, entries in finals.entries.items():
        attempts = [entry.attempt for entry in entries]
        if attempts != sorted(attempts):
            yield task_id, f"the attempts of its entries are {attempts}"


def entries_follow_time(history: History, finals: Finals) -> Iterator[Told]:
    """What was answered before another call was sent has a lower number than what that one appended."""
    for task_id in history.by_task:
        calls = history.accepted(task_id, "progress")
        first_sent: dict[int, int] = {}
        first_done: dict[int, int] = {}
        for call in calls:
            number = call.answer["seqId"]
            first_sent[number] = min(first_sent.get(number, NEVER), _asked(call, calls))
            first_done[number] = min(first_done.get(number, NEVER), call.done)
        earliest_done = NEVER
        for number in sorted(first_sent, reverse=True):
            if earliest_done < first_sent[number]:
                yield task_id, f"{number} was sent after a higher number was answered"
            earliest_done = min(earliest_done, first_done[number])


def _asked(call: Operation, calls: list[Operation]) -> int:
    """When this was first sent: a numbered entry may be stored by an earlier call than the answered one."""
    return 0 if call.repeats and "seqId" in call.entries[0] else call.sent


PROMISES: Final = (
    histories_have_no_gap,
    answered_entries_are_stored,
    entries_of_answered_ends_are_stored,
    stored_entries_were_sent,
    numbered_entries_are_stored_once,
    entries_follow_the_attempts,
    entries_follow_time,
)
