"""The type that a pool's function wants its params in, read from its annotation."""

import inspect
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, Final, get_args, get_origin, get_type_hints

from msgspec.inspect import CustomType, Field, Type, type_info

from tasktracker_client._working.async_job import AsyncJob
from tasktracker_client._working.job import Job

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_function(function: Callable[..., Any]) -> None:
    """Raise ``TypeError`` for what is called like a function but is none: a partial, an object, a class."""
    if not hasattr(function, "__globals__"):
        raise TypeError(f"a pool runs functions, not {function!r}; wrap it in one")


def params_type(function: Callable[..., Any], *, is_async: bool) -> Any:
    """What the job's params are decoded into: ``P`` of the argument's ``Job[P]``; else a plain object.

    Raises ``TypeError`` where the function does not take one job, or one of params that can't be read.
    """
    name = function.__qualname__
    places = list(_signature(function).parameters.values())
    if len(places) != 1 or places[0].kind not in _POSITIONAL:
        raise TypeError(f"{name} must take one argument, the job")
    hint = _resolved(function, places[0].annotation)
    if hint in (inspect.Parameter.empty, Job, AsyncJob):
        return dict[str, Any]
    wanted = AsyncJob if is_async else Job
    if get_origin(hint) is not wanted:
        raise TypeError(f"{name} must take a {wanted.__name__}, not {hint}")
    params = get_args(hint)[0]
    for foreign in _foreign(_described(name, params), set()):
        raise TypeError(
            f"{name}: params can't be decoded into {foreign.__qualname__}; "
            "a msgspec.Struct, dataclass or TypedDict is"
        )
    return params


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """From Python 3.14 on annotations are evaluated when they are asked for, and may fail as late as here."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, annotation_format=Format.FORWARDREF)
    return inspect.signature(function)


def _resolved(function: Callable[..., Any], annotation: Any) -> Any:
    """The annotation of the job alone: those of others may name what only a type checker imports."""
    if annotation is inspect.Parameter.empty:
        return annotation
    one = SimpleNamespace(__annotations__={"job": annotation})
    try:
        names = getattr(inspect.unwrap(function), "__globals__", function.__globals__)
        return get_type_hints(one, globalns=names)["job"]
    except Exception as error:  # whatever an expression there may raise
        raise TypeError(
            f"{function.__qualname__}: the type of its job can't be found: {error}; "
            "it has to be imported when the program runs, and defined outside of functions"
        ) from error


def _described(name: str, params: Any) -> Type:
    try:
        return type_info(params)
    except (TypeError, NameError) as error:
        raise TypeError(f"{name}: params can't be decoded into {params}: {error}") from error


def _foreign(described: Any, seen: set[int]) -> Iterator[type]:
    """The types in it that JSON can't be decoded into without help."""
    if isinstance(described, tuple | list):
        for each in described:
            yield from _foreign(each, seen)
    elif isinstance(described, CustomType):
        yield described.cls
    elif isinstance(described, Type | Field) and id(described) not in seen:
        seen.add(id(described))
        for field in described.__struct_fields__:
            yield from _foreign(getattr(described, field), seen)
