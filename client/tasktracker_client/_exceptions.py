"""How an exception of a job's code is told as its error."""

import traceback
from typing import Any, Final

_TRACEBACK_CHARACTERS: Final = 16_000
"""The end of a longer one: where it happened."""
_MESSAGE_CHARACTERS: Final = 4_000


class FailJob(Exception):
    """Raise it in a job to fail it with an error of your own, and to say whether it is worth a retry.

    Args:
        error: What is recorded, any JSON; a text becomes the error's ``message``.
        retry: False ends the task for good, however many retries it was registered for.
    """

    def __init__(self, error: Any = None, *, retry: bool = True) -> None:
        super().__init__(error)
        self.error: Any = {"message": error} if isinstance(error, str) else error
        self.retry = retry

    def __reduce__(self) -> tuple[Any, ...]:
        return _fail_job, (self.args[0], self.retry)


def _fail_job(error: Any, retry: bool) -> FailJob:
    return FailJob(error, retry=retry)


def error_of(error: BaseException) -> Any:
    """What is recorded of an exception: ``{code, type, message, traceback}``, or what ``FailJob`` carries."""
    if isinstance(error, FailJob):
        return error.error
    kind = type(error)
    written = "".join(traceback.format_exception(error))
    return {
        "code": "exception",
        "type": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "message": storable(_message(error)[:_MESSAGE_CHARACTERS]),
        "traceback": storable(written[-_TRACEBACK_CHARACTERS:]),
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own `__str__` is broken
        return f"<a {type(error).__name__} without a message>"


def storable(text: str) -> str:
    """Without what the service refuses in a text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
