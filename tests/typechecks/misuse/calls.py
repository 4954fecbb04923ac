# pyright: strict
"""Wrong calls. Every marked line has to be an error to each checker, and no other."""

from tasktracker_client import AsyncTaskTracker, Completion, NewTask, TaskTracker


def calls(client: TaskTracker) -> None:
    client.register("a", timeout=5)  # wrong: timeout_seconds
    client.register(7)  # wrong: a task type is text
    client.register("a", priority="high")  # wrong: a number
    print(client.register("a").id)  # wrong: task_id
    client.get(7)  # wrong: no task
    client.get(None)  # wrong: no task
    client.claim("a")  # wrong: whose claim?
    print(client.claim("a", worker_id="w").params)  # wrong: there may be none
    print(client.wait("a").results)  # wrong: result
    client.tasks(status="done")  # wrong: no such status
    client.track("a", after=3)  # wrong: after_seq_id
    client.report("a", {})  # wrong: progress
    text: str = client.get("a").attempt  # wrong: a number
    client.complete_many([Completion(task="a", results=1)])  # wrong: result
    client.register_many([NewTask("a")])  # wrong: by name
    client.register_many(["a"])  # wrong: no NewTask
    print(text)


def outcomes(client: TaskTracker) -> None:
    for outcome in client.cancel_many(["a"]):
        print(outcome.answer)  # wrong: it may have been refused
        print(outcome.error)  # wrong: it may have been done


async def awaited(client: AsyncTaskTracker) -> None:
    print(client.get("a").status)  # wrong: not awaited
    for _event in client.track("a"):  # wrong: async for
        pass
    with client.track("a"):  # wrong: async with
        pass
