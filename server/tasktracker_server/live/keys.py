"""Names of everything kept in Redis, under one settable prefix."""

from tasktracker_server.core.channels import CHANGES, Channel


class Keys:
    """Key and channel names.

    The prefix, ``progress:<id>`` and ``seq:<id>`` are promised to callers; the rest is ours. In a
    cluster the id is put in braces, so that all keys of a task live in one slot.
    """

    def __init__(self, prefix: str, *, cluster: bool = False) -> None:
        self._task = f"{prefix}:%s:{{%s}}" if cluster else f"{prefix}:%s:%s"
        self.live_index = f"{prefix}:live-index"
        """Sorted set: every task with a live log, by when it was last looked at."""
        self.wake_channel = f"{prefix}:wake"
        """Channel every process listens to."""
        self.changes = f"{prefix}:changes"
        self.entries = f"{prefix}:entries:"
        """What the channel of a task type's progress begins with; the type follows."""

    def live(self, task_id: str) -> str:
        """Hash: what the live log knows of the task."""
        return self._task % ("live", task_id)

    def seq(self, task_id: str) -> str:
        """Counter: the last number given."""
        return self._task % ("seq", task_id)

    def progress(self, task_id: str) -> str:
        """List: the entries PostgreSQL does not hold yet."""
        return self._task % ("progress", task_id)

    def events(self, task_id: str) -> str:
        """Channel: the task's events."""
        return self._task % ("events", task_id)

    def channel(self, channel: Channel) -> str:
        """The name of any channel."""
        if channel == CHANGES:
            return self.changes
        return self.events(channel.name) if channel.kind == "task" else self.entries + channel.name

    def of_task(self, task_id: str) -> tuple[str, str, str]:
        """Live, seq and progress."""
        return self.live(task_id), self.seq(task_id), self.progress(task_id)
