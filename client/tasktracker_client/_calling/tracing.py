"""Trace context that goes with a task, in its metadata as ``traceparent`` and ``tracestate`` (W3C).

Only where the program uses OpenTelemetry, which shows by its API being imported already: otherwise this is
one look into a dictionary.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final

import msgspec

from tasktracker_client._calling.api import JsonObjectLike
from tasktracker_client._logging import logger

_API: Final = "opentelemetry.trace"
_NAMES: Final = ("traceparent", "tracestate")


def with_trace(metadata: JsonObjectLike) -> JsonObjectLike:
    """The metadata with the current span's context; what the caller put there wins."""
    if _API not in sys.modules:
        return metadata
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carried)
    given: Any = {} if metadata is None else msgspec.to_builtins(metadata)
    if not carried or not isinstance(given, Mapping):
        return metadata
    return {**carried, **given}


def open_span(
    name: str, metadata: Mapping[str, Any], attributes: Mapping[str, str | int]
) -> Callable[..., Any]:
    """Make a span of this name current, a child of the one that the metadata carries.

    Answers what ends it, which takes the exception it ends by, as an ``__exit__`` does.
    """
    if _API not in sys.modules:
        return _nothing
    try:
        return _harmless(_opened(name, metadata, attributes))
    except Exception:
        logger.warning("no span %r could be opened; its job goes on without", name, exc_info=True)
        return _nothing


def _opened(
    name: str, metadata: Mapping[str, Any], attributes: Mapping[str, str | int]
) -> Callable[..., Any]:
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {key: value for key in _NAMES if isinstance(value := metadata.get(key), str)}
    parent = TraceContextTextMapPropagator().extract(carrier, context.get_current())
    span = trace.get_tracer("tasktracker_client").start_as_current_span(
        name, context=parent, kind=trace.SpanKind.CONSUMER, attributes=dict(attributes)
    )
    stack = ExitStack()
    stack.enter_context(span)
    return stack.__exit__


def _harmless(end: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but what a program's own processors or an odd exception raise in it is no job's failure."""

    def end_harmlessly(*how: object) -> None:
        try:
            end(*how)
        except Exception:
            logger.warning("the span of a job could not be ended", exc_info=True)

    return end_harmlessly


def _nothing(*how: object) -> None:
    pass
