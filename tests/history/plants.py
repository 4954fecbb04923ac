"""Ways of spoiling a history, each with the promise that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .finals import Entry, Shown
from .synthetic import LEASE, MS, Story

Plant = Callable[[Story], None]

ACCEPTED: Final = {"firstSeqId": 5, "seqId": 5, "cancelRequested": False}
PLANTS: dict[str, list[tuple[str, Plant]]] = {}


def breaks(promise: str) -> Callable[[Plant], Plant]:
    """Register a way of spoiling the story, and the promise that it breaks."""

    def register(plant: Plant) -> Plant:
        PLANTS.setdefault(promise, []).append((plant.__name__, plant))
        return plant

    return register


# Who holds it


@breaks("each_attempt_is_given_once")
def two_workers_are_given_the_same_attempt(story: Story) -> None:
    story.call("a claimed too", 12, "claim", None, {"workerId": "w9", **LEASE}, {"id": "a", "attempt": 1})


@breaks("attempts_rise_in_time")
def an_attempt_falls(story: Story) -> None:
    story.operations["a claimed"].sent, story.operations["a claimed"].done = 65 * MS, 66 * MS


@breaks("attempts_rise_in_time")
def an_attempt_is_given_that_the_table_does_not_know(story: Story) -> None:
    story.rows["a"].attempt = 1


@breaks("every_attempt_was_asked_for")
def an_attempt_jumps(story: Story) -> None:
    story.operations["a claimed again"].answer["attempt"] = 3
    story.operations["a completed"].body["attempt"] = 3
    story.rows["a"].attempt = 3


@breaks("every_attempt_was_asked_for")
def an_unanswered_claim_takes_two_tasks(story: Story) -> None:
    story.rows["c"].attempt = 2


@breaks("every_attempt_was_asked_for")
def a_claim_takes_a_task_before_it_was_sent(story: Story) -> None:
    story.operations["l claimed by nobody"].sent = 7000 * MS


@breaks("stale_writes_are_refused")
def a_stale_entry_is_accepted(story: Story) -> None:
    story.answer("a stale", ACCEPTED)


@breaks("stale_writes_are_refused")
@breaks("answered_ends_stand")
def a_stale_completion_is_accepted(story: Story) -> None:
    body = {"workerId": "w1", "attempt": 1, "result": {"by": "r9"}}
    story.call("a stale end", 85, "complete", "a", body, {"status": "completed", "updatedAt": "then"})


@breaks("nothing_is_accepted_from_whoever_handed_back")
def a_heartbeat_is_accepted_after_the_release(story: Story) -> None:
    body = {"workerId": "w1", "attempt": 1}
    story.call("a beats", 55, "heartbeat", "a", body, {"cancelRequested": False})


@breaks("nothing_is_accepted_after_the_end")
def a_heartbeat_is_accepted_after_the_end(story: Story) -> None:
    story.answer("a late", {"cancelRequested": False})


@breaks("one_holder_at_a_time")
def a_task_is_given_away_within_its_lease(story: Story) -> None:
    story.call("b claimed", 4500, "claim", None, {"workerId": "w9", **LEASE}, {"id": "b", "attempt": 2})


@breaks("one_holder_at_a_time")
def a_heartbeat_is_forgotten(story: Story) -> None:
    # Within the extended lease, after the first one was over.
    story.call("b claimed", 5500, "claim", None, {"workerId": "w9", **LEASE}, {"id": "b", "attempt": 2})


# How it ends


@breaks("one_outcome_of_each_attempt")
@breaks("one_end_of_each_task")
def a_task_is_completed_and_failed(story: Story) -> None:
    body = {"workerId": "w2", "attempt": 2, "error": {"by": "r9"}}
    story.call(
        "a failed", 95, "fail", "a", body, {"status": "failed", "updatedAt": "then", "newTaskId": None}
    )


@breaks("one_outcome_of_each_attempt")
def an_attempt_is_released_and_completed(story: Story) -> None:
    story.call("b released", 7999, "release", "b", {"workerId": "w3", "attempt": 1}, {"status": "pending"})


@breaks("one_end_of_each_task")
def a_repeat_is_answered_otherwise(story: Story) -> None:
    story.answer("a completed lost", {"status": "completed", "updatedAt": "at another time"})


@breaks("answered_ends_stand")
def an_outcome_is_lost(story: Story) -> None:
    story.rows["a"].status, story.rows["a"].result = "failed", None


@breaks("every_end_has_a_cause")
def an_outcome_is_stored_that_nobody_sent(story: Story) -> None:
    story.rows["a"].result = {"by": "somebody else"}


@breaks("every_end_has_a_cause")
def a_task_times_out_before_its_time(story: Story) -> None:
    del story.operations["l2 timed out"]


@breaks("every_end_has_a_cause")
def a_task_is_lost_with_a_lease_although_it_has_attempts_left(story: Story) -> None:
    story.rows["c"].error = {"code": "lease_lost"}


@breaks("every_end_has_a_cause")
def a_task_is_cancelled_by_nobody(story: Story) -> None:
    del story.operations["d cancelled"]


@breaks("cancelled_tasks_are_not_handed_out")
def a_cancelled_task_is_claimed_again(story: Story) -> None:
    story.call("c claimed", 70, "claim", None, {"workerId": "w9", **LEASE}, {"id": "c", "attempt": 2})


@breaks("cancelled_tasks_are_not_handed_out")
def a_cancel_that_ended_a_task_is_lost(story: Story) -> None:
    story.rows["d"].status = "timeout"


@breaks("cancelled_tasks_are_not_retried_by_themselves")
def a_cancelled_task_is_retried_by_itself(story: Story) -> None:
    story.call("b cancelled", 5000, "cancel", "b", {}, {"status": "in_progress"})


@breaks("a_cancel_is_told")
def a_cancel_is_not_told(story: Story) -> None:
    story.answer("c beats", {"cancelRequested": False})


# What was reported


@breaks("histories_have_no_gap")
def an_entry_leaves_a_hole(story: Story) -> None:
    del story.entries["a"][1]


@breaks("histories_have_no_gap")
def entries_are_stored_out_of_order(story: Story) -> None:
    story.entries["a"].reverse()


@breaks("histories_have_no_gap")
def a_loss_is_told_that_nothing_explains(story: Story) -> None:
    story.rows["a"].lost_to = 256


@breaks("answered_entries_are_stored")
def an_answered_entry_is_lost_at_the_end(story: Story) -> None:
    del story.entries["a"][3]
    story.rows["a"].history_upto = 3


@breaks("answered_entries_are_stored")
def two_entries_change_places(story: Story) -> None:
    first, second = story.entries["a"][2:]
    story.entries["a"][2:] = [first._replace(data=second.data), second._replace(data=first.data)]


@breaks("entries_of_answered_ends_are_stored")
def the_entry_of_an_end_is_lost(story: Story) -> None:
    del story.entries["b2"]
    story.rows["b2"].history_upto = 0


@breaks("stored_entries_were_sent")
def an_entry_is_stored_twice(story: Story) -> None:
    story.entries["a"].append(Entry(5, 2, {"e": "e4"}))
    story.rows["a"].history_upto = 5


@breaks("stored_entries_were_sent")
def an_entry_is_stored_that_was_refused(story: Story) -> None:
    story.entries["a"].insert(2, Entry(3, 1, {"e": "e5"}))


@breaks("numbered_entries_are_stored_once")
def a_repeated_number_is_stored_twice(story: Story) -> None:
    story.entries["a"].insert(2, Entry(3, 1, {"e": "e2"}))


@breaks("entries_follow_the_attempts")
def an_entry_of_an_older_attempt_comes_last(story: Story) -> None:
    story.entries["a"][3] = Entry(4, 1, {"e": "e4"})


@breaks("entries_follow_time")
def a_later_entry_gets_a_lower_number(story: Story) -> None:
    first, third = story.operations["a first"], story.operations["a third"]
    first.sent, first.done, third.sent, third.done = third.sent, third.done, first.sent, first.done


# What is left


@breaks("answers_are_in_the_contract")
def the_service_breaks(story: Story) -> None:
    story.answer("a late", {"statusCode": 500, "code": "internal_error"})


@breaks("answers_are_in_the_contract")
def a_registered_task_is_not_found(story: Story) -> None:
    story.answer("a late", {"statusCode": 404, "code": "task_not_found"})


@breaks("all_tasks_have_ended")
def a_task_is_stuck(story: Story) -> None:
    story.rows["a"].status, story.rows["a"].completed_at = "in_progress", None


@breaks("all_tasks_have_ended")
def a_live_log_is_never_closed(story: Story) -> None:
    story.rows["a"].live_debt = True


@breaks("no_keys_are_left")
def a_key_is_left(story: Story) -> None:
    story.keys.append("team9:tracker:progress:a")


@breaks("registered_tasks_are_kept")
def a_registered_task_is_lost(story: Story) -> None:
    del story.rows["d"]


@breaks("registered_tasks_are_kept")
def a_task_comes_from_nowhere(story: Story) -> None:
    del story.operations["c registered"]


@breaks("retries_are_kept")
def a_retry_is_lost(story: Story) -> None:
    del story.rows["l2"]


@breaks("retries_are_kept")
def two_retries_are_answered_the_same_task(story: Story) -> None:
    story.call("l retried twice", 6025, "retry", "l", {}, {"statusCode": 201, "newTaskId": "l2"})


@breaks("chains_have_one_unfinished_task")
def a_retry_begins_before_the_task_has_ended(story: Story) -> None:
    story.rows["b2"].created_at = 2.0


@breaks("chains_have_one_unfinished_task")
def two_tasks_of_a_chain_are_unfinished(story: Story) -> None:
    for task_id in ("b", "b2"):
        story.rows[task_id].status, story.rows[task_id].completed_at = "pending", None


@breaks("chains_have_one_unfinished_task")
def two_retries_have_the_same_count(story: Story) -> None:
    story.rows["l2"].original_task_id = "b"


@breaks("readers_see_what_is_stored")
def a_tracker_misses_an_entry(story: Story) -> None:
    story.shown["a"] = Shown("completed", {"by": "r1"}, [{"seqId": 1, "e": "e1"}])


@breaks("readers_see_what_is_stored")
def a_tracker_is_told_of_a_gap(story: Story) -> None:
    story.shown["d"] = Shown("failed", story.rows["d"].error, [], [{"fromSeqId": 1, "toSeqId": 2}])


@breaks("readers_see_what_is_stored")
def a_tracker_is_told_another_outcome(story: Story) -> None:
    story.shown["d"] = Shown("failed", {"code": "another"}, [])


@breaks("every_task_was_read")
def a_task_cannot_be_read(story: Story) -> None:
    story.unread.add("a")
