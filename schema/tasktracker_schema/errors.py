"""Error codes and the HTTP status each comes with."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ErrorCode(StrEnum):
    """What went wrong, for programs; a code never changes its meaning."""

    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    INVALID_CURSOR = "invalid_cursor"
    ATTEMPT_REQUIRED = "attempt_required"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_TASK_WORKER = "not_task_worker"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    TASK_NOT_FOUND = "task_not_found"
    ROUTE_NOT_FOUND = "route_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TASK_EXISTS = "task_exists"
    WRONG_STATUS = "wrong_status"
    STALE_ATTEMPT = "stale_attempt"
    SEQ_GAP = "seq_gap"
    ALREADY_RETRIED = "already_retried"
    TOO_LARGE = "too_large"
    HISTORY_FULL = "history_full"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    RATE_LIMITED = "rate_limited"
    INTERNAL_ERROR = "internal_error"
    OVERLOADED = "overloaded"
    POSTGRES_UNAVAILABLE = "postgres_unavailable"
    REDIS_UNAVAILABLE = "redis_unavailable"
    SHUTTING_DOWN = "shutting_down"
    OUTCOME_UNKNOWN = "outcome_unknown"

    @property
    def http_status(self) -> int:
        """The HTTP status this code is answered with."""
        return HTTP_STATUS[self]


_BY_STATUS: Final[dict[int, tuple[ErrorCode, ...]]] = {
    400: (
        ErrorCode.INVALID_JSON,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_CURSOR,
        ErrorCode.ATTEMPT_REQUIRED,
    ),
    401: (ErrorCode.UNAUTHORIZED,),
    403: (ErrorCode.FORBIDDEN, ErrorCode.NOT_TASK_WORKER, ErrorCode.ORIGIN_NOT_ALLOWED),
    404: (ErrorCode.TASK_NOT_FOUND, ErrorCode.ROUTE_NOT_FOUND),
    405: (ErrorCode.METHOD_NOT_ALLOWED,),
    409: (
        ErrorCode.TASK_EXISTS,
        ErrorCode.WRONG_STATUS,
        ErrorCode.STALE_ATTEMPT,
        ErrorCode.SEQ_GAP,
        ErrorCode.ALREADY_RETRIED,
    ),
    413: (ErrorCode.TOO_LARGE, ErrorCode.HISTORY_FULL),
    415: (ErrorCode.UNSUPPORTED_ENCODING,),
    429: (ErrorCode.RATE_LIMITED,),
    500: (ErrorCode.INTERNAL_ERROR,),
    503: (
        ErrorCode.OVERLOADED,
        ErrorCode.POSTGRES_UNAVAILABLE,
        ErrorCode.REDIS_UNAVAILABLE,
        ErrorCode.SHUTTING_DOWN,
        ErrorCode.OUTCOME_UNKNOWN,
    ),
}

HTTP_STATUS: Final = MappingProxyType(
    {code: status for status, codes in _BY_STATUS.items() for code in codes}
)
