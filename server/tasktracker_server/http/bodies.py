"""Bodies and query strings, read into the schema's structs.

Readers are built once for each call. What they hand on is whole: opaque fields hold checked JSON or
nothing, never ``null``.
"""

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_schema.names import Timestamp
from tasktracker_schema.requests import Request
from tasktracker_server.core import spans
from tasktracker_server.core.errors import InvalidJson, InvalidRequest, TrackerError
from tasktracker_server.core.opaque import escape_problem, unsound_escape
from tasktracker_server.core.steps import Steps, done
from tasktracker_server.http.parts import invalid_json, parts_of, path_to
from tasktracker_server.http.wording import problem

R = TypeVar("R", bound=Request)
Check = Callable[[Raw, str], Steps[bytes | None]]

_NOTHING: Final = Raw()
_DECODED: Final = 1024 * 1024
"""Bytes of a body that are decoded in one step."""
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BodyReader(Generic[R]):
    """Reads one call's body."""

    def __init__(self, kind: type[R], *, array: str = "", **opaque_fields: Check) -> None:
        """``opaque_fields`` says how each opaque field is checked.

        ``array`` is the field that may make a body large: a body that is, or that can't be decoded as it is,
        is cut there, and the array's elements are handed on, as a list, whatever is wrong with text in them.
        """
        self._decode = msgspec.json.Decoder(kind).decode
        wire_names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
        self._opaque = [(name, f"$.{wire_names[name]}", check) for name, check in opaque_fields.items()]
        self._array = array
        self._known = frozenset(wire_names.values())

    def __call__(self, body: bytes) -> R:
        """The body's fields; no body at all is an empty object."""
        return done(self.in_steps(body))

    def in_steps(self, body: bytes) -> Steps[R]:
        """The same, a step at a time."""
        yield from _check_utf8(body)
        if self._array and len(body) > spans.LARGE:
            return (yield from self._in_parts(body))
        try:
            read = self._decode(body or b"{}")
        except (msgspec.DecodeError, RecursionError) as error:
            if self._array and not isinstance(error, msgspec.ValidationError):
                return (yield from self._in_parts(body))
            raise (yield from _explained(error, body)) from error
        for name, field, check in self._opaque:
            raw: Raw = getattr(read, name)
            if raw and (yield from check(raw, field)) is None:
                read = msgspec.structs.replace(read, **{name: _NOTHING})
        return read

    def _in_parts(self, body: bytes) -> Steps[R]:
        parts = yield from parts_of(body, self._array, self._known)
        try:
            read = self._decode(parts.rest)
        except (msgspec.DecodeError, RecursionError) as error:
            raise (yield from _explained(error, parts.rest)) from error
        if parts.elements is None or self._array not in self._known:
            return read
        return msgspec.structs.replace(read, **{self._array: parts.elements})


class QueryReader(Generic[R]):
    """Reads one call's query string."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind
        self._left_out = kind()
        shapes = {field.encode_name: _shape(field.type) for field in _fields_of(kind)}
        self._lists = {name for name, (is_list, _) in shapes.items() if is_list}
        self._choices = {name: choices for name, (_, choices) in shapes.items() if choices}
        self._times = {field.encode_name for field in _fields_of(kind) if _is_time(field.type)}

    def __call__(self, text: str) -> R:
        """The query's fields; only a list may be given twice, of any other the last one counts."""
        if not text:
            return self._left_out
        given: dict[str, Any] = {}
        for name, value in query_pairs(text):
            if name in self._lists:
                given.setdefault(name, []).append(value)
            else:
                given[name] = value
        try:
            for name in self._times & given.keys():
                _check_time(name, given[name])
            return msgspec.convert(given, self._kind, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidRequest(self._words(str(error), given)) from error

    def _words(self, message: str, given: dict[str, Any]) -> str:
        found = problem(message)
        name, _, at = found.path.removeprefix("$.").partition("[")
        value = given.get(name, "")
        if isinstance(value, list):
            value = value[int(at.rstrip("]"))] if at else ""
        if "RFC 3339" in found.words and " " in value:
            return (
                f"`{found.path}` holds a space where the offset's + should be; a + in a query is sent as %2B."
            )
        if name in self._choices and "enum value" in found.words:
            found = found._replace(words=f"must be {' or '.join(self._choices[name])}", got=value)
        return str(found._replace(got=f"'{value[:40]}'" if found.got else ""))


def _fields_of(kind: type[Request]) -> Iterable[msgspec.inspect.Field]:
    read = msgspec.inspect.type_info(kind)
    return read.fields if isinstance(read, msgspec.inspect.StructType) else ()


def _shape(kind: msgspec.inspect.Type) -> tuple[bool, tuple[str, ...]]:
    """Whether a field is a list, and the words it may hold where these are few."""
    if isinstance(kind, msgspec.inspect.UnionType):
        shapes = [_shape(each) for each in kind.types if not isinstance(each, msgspec.inspect.NoneType)]
        return shapes[0] if len(shapes) == 1 else (False, ())
    if isinstance(kind, msgspec.inspect.Metadata):
        return _shape(kind.type)
    if isinstance(kind, msgspec.inspect.ListType):
        return True, _shape(kind.item_type)[1]
    if isinstance(kind, msgspec.inspect.LiteralType):
        return False, tuple(map(str, kind.values))
    return False, ()


def _is_time(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(map(_is_time, kind.types))
    if isinstance(kind, msgspec.inspect.Metadata):
        return _is_time(kind.type)
    return isinstance(kind, msgspec.inspect.DateTimeType)


def _check_time(name: str, value: str) -> None:
    """A query is read leniently, for its values are all text; but a number is no time."""
    try:
        msgspec.convert(value, Timestamp)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"{error} - at `$.{name}`") from error


def query_pairs(text: str) -> list[tuple[str, str]]:
    """The names and values of a query string as the request line has it (bytes as latin-1)."""
    if _BROKEN_PERCENT.search(text):
        raise InvalidRequest("The query has a % that is not followed by two hexadecimal digits; write %25.")
    try:
        decoded = text if text.isascii() else text.encode("latin-1").decode()
        return parse_qsl(decoded, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The query is not UTF-8.") from error


def _check_utf8(body: bytes) -> Steps[None]:
    """msgspec passes over strings it need not decode, so their UTF-8 is looked at here."""
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(body), _DECODED):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(body[start : start + _DECODED], start + _DECODED >= len(body))
        except UnicodeDecodeError as error:
            byte = start - pending + error.start
            raise InvalidJson(f"The body is not UTF-8 (byte {byte}); send JSON in UTF-8.") from error
        yield


def _explained(error: Exception, body: bytes) -> Steps[TrackerError]:
    if isinstance(error, RecursionError):
        return InvalidRequest(f"The body is nested too deep; a value may have {limits.JSON_DEPTH} levels.")
    if isinstance(error, msgspec.ValidationError):
        return InvalidRequest(str(problem(str(error))))
    if (words := (yield from escape_problem(body))) is not None:
        at = yield from unsound_escape(body)
        path = yield from path_to(body, at or 0)
        return InvalidRequest(f"`{path}` {words}.")
    said = str(error).removeprefix("JSON is malformed: ")
    return invalid_json(f"{said[:1].lower()}{said[1:]}")
