"""What is asked of the service, described but not performed. Knows nothing of sockets or clocks."""

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Generic, TypeAlias, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec

from tasktracker_client._config import Retries
from tasktracker_client._errors import ApiError, ProtocolError, Refusal, api_error

T = TypeVar("T")


class Repeat(Enum):
    """What is known of a call whose answer was lost, and so whether it may be sent again."""

    READ = auto()
    """It changes nothing."""
    SAME = auto()
    """Carried out twice it has the effect, and the answer, of once."""
    SETTLED = auto()
    """As ``SAME``, but the repeat may be refused; what the refusal means is for ``Call.settle`` to say."""
    NEVER = auto()
    """The repeat would be a second call."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the API."""

    method: str
    path: str
    """With its query."""
    decode: Callable[[bytes], T]
    repeat: Repeat
    body: bytes | None = None
    wait_seconds: float = 0.0
    """How long the service was asked to hold the answer back at most."""
    at_most: float = math.inf
    """How long its answer may take beside that, where the caller has less time than the client's timeout."""
    also: int | None = None
    """A status beside success whose body may be an answer of the same shape."""
    settle: "Callable[[ApiError, Retries], Flow[T] | None] | None" = None
    """For a repeat that was refused: the steps to the answer the lost one must have been, else ``None``."""


Answer: TypeAlias = httpx.Response | httpx.RequestError | None
"""What a driver hands back: to a call its response or what went wrong on the way, to a sleep nothing."""
Flow: TypeAlias = Generator[Call[Any] | Sleep, Answer, T]
"""Steps that a driver takes one by one, each with its answer; returns what they were for."""


def json_of(value: Any) -> bytes:
    """JSON of any value that msgspec can write; raises ``TypeError`` naming the type where it can't."""
    return msgspec.json.encode(value)


def body_of(**fields: Any) -> bytes:
    """A body of the fields that were given; ``None`` is the same as left out."""
    return json_of(given(**fields))


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def query_of(**fields: Any) -> str:
    """The same as a query, with its ``?``; a list is repeated, a boolean written as the API reads it."""
    given = {name: _words(value) for name, value in fields.items() if value is not None}
    return f"?{urlencode(given, doseq=True)}" if given else ""


def _words(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return value
    return [_words(each) for each in value]


def reader(shape: type[T]) -> Callable[[bytes], T]:
    """Reads a body of this shape; unknown fields are a newer service's and ignored."""
    decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(shape)

    def read(body: bytes) -> T:
        try:
            return decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"the answer is not {shape}: {error}") from error

    return read


class _ErrorBody(msgspec.Struct, rename="camel"):
    """An error's body, read with an open mind: proxies answer too."""

    code: str
    message: str
    details: dict[str, Any] = msgspec.field(default_factory=dict)
    request_id: str | None = None


_FOREIGN: Final = "http_"
_error_body: Final = msgspec.json.Decoder(_ErrorBody)


def error_from(response: httpx.Response) -> ApiError:
    """The exception for an answer that is not a success, whoever between here and the service wrote it."""
    status, headers = response.status_code, response.headers
    try:
        body = _error_body.decode(response.content)
    except msgspec.MsgspecError:
        reason = f"HTTP {status} {response.reason_phrase}, not from a Task Tracker"
        body = _ErrorBody(code=f"{_FOREIGN}{status}", message=reason)
    return api_error(
        Refusal(
            status=status,
            code=body.code,
            message=body.message,
            details=body.details,
            request_id=body.request_id or headers.get("X-Request-Id"),
            retry_after=_retry_after(headers),
        )
    )


def is_foreign(error: ApiError) -> bool:
    """Whether somebody between here and the service said it."""
    return error.code.startswith(_FOREIGN)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):  # a date is for browsers; the pause of one's own does
        return None
