"""Bodies and query strings, read into the schema's structs.

Readers are built once for each call. What they hand on is whole: opaque fields hold checked JSON or
nothing, never ``null``.
"""

import json
import re
from collections.abc import Callable, Collection
from typing import Any, Final, Generic, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Raw

from tasktracker_schema import limits
from tasktracker_schema.requests import Request
from tasktracker_server.core.errors import InvalidJson, InvalidRequest, TrackerError
from tasktracker_server.core.opaque import escape_problem
from tasktracker_server.http.wording import problem

R = TypeVar("R", bound=Request)
Check = Callable[[Raw, str], bytes | None]

_NOTHING: Final = Raw()
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BodyReader(Generic[R]):
    """Reads one call's body."""

    def __init__(self, kind: type[R], **opaque_fields: Check) -> None:
        """``opaque_fields`` says how each opaque field is checked."""
        self._decode = msgspec.json.Decoder(kind).decode
        wire_names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
        self._opaque = [(name, f"$.{wire_names[name]}", check) for name, check in opaque_fields.items()]

    def __call__(self, body: bytes) -> R:
        """The body's fields; no body at all is an empty object."""
        try:
            # msgspec passes over strings it need not decode, so their UTF-8 is looked at here.
            if not body.isascii():
                body.decode()
            read = self._decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _explained(error, body) from error
        for name, field, check in self._opaque:
            raw: Raw = getattr(read, name)
            if raw and check(raw, field) is None:
                read = msgspec.structs.replace(read, **{name: _NOTHING})
        return read


class QueryReader(Generic[R]):
    """Reads one call's query string."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind
        self._left_out = kind()
        fields = msgspec.structs.fields(kind)
        self._lists = frozenset(field.encode_name for field in fields if _takes_a_list(field.type))

    def __call__(self, text: str) -> R:
        """The query's fields; of a name given twice the last one counts, unless the field is a list."""
        if not text:
            return self._left_out
        given = query_fields(text, self._lists)
        try:
            return msgspec.convert(given, self._kind, strict=False)
        except msgspec.ValidationError as error:
            raise InvalidRequest(_query_words(str(error), given)) from error


def _takes_a_list(kind: Any) -> bool:
    return get_origin(kind) is list or any(map(_takes_a_list, get_args(kind)))


def query_fields(text: str, lists: Collection[str] = ()) -> dict[str, str | list[str]]:
    """The names and values of a query string as the request line has it (bytes as latin-1).

    Those in ``lists`` have all values they were given with.
    """
    if _BROKEN_PERCENT.search(text):
        raise InvalidRequest("The query has a % that is not followed by two hexadecimal digits; write %25.")
    try:
        decoded = text if text.isascii() else text.encode("latin-1").decode()
        pairs = parse_qsl(decoded, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidRequest("The query is not UTF-8.") from error
    given: dict[str, str | list[str]] = dict(pairs)
    for name in lists:
        if name in given:
            given[name] = [value for other, value in pairs if other == name]
    return given


def _query_words(message: str, given: dict[str, str | list[str]]) -> str:
    found = problem(message)
    name, _, place = found.path.removeprefix("$.").partition("[")
    value = given.get(name, "")
    if isinstance(value, list):
        value = value[int(place[:-1])] if place else f"{len(value)} values"
    if "RFC 3339" in found.words and " " in value:
        return f"`{found.path}` holds a space where the offset's + should be; a + in a query is sent as %2B."
    return str(found._replace(got=f"'{value[:40]}'" if found.got else ""))


def _explained(error: Exception, body: bytes) -> TrackerError:
    if isinstance(error, RecursionError):
        return InvalidRequest(f"The body is nested too deep; a value may have {limits.JSON_DEPTH} levels.")
    if isinstance(error, UnicodeDecodeError):
        return InvalidJson(f"The body is not UTF-8 (byte {error.start}); send JSON in UTF-8.")
    if isinstance(error, msgspec.ValidationError):
        return InvalidRequest(str(problem(str(error))))
    if (words := escape_problem(body)) is not None:
        return InvalidRequest(f"`{_path_of_odd_text(body)}` {words}.")
    said = str(error).removeprefix("JSON is malformed: ")
    return InvalidJson(f"The body is not JSON: {said[:1].lower()}{said[1:]}.")


def _path_of_odd_text(body: bytes) -> str:
    """Where the text stands that msgspec refused for its surrogates; ``$`` where that can't be told."""
    try:
        return _odd_text(json.loads(body), "$") or "$"
    except (ValueError, RecursionError):
        return "$"


def _odd_text(value: Any, path: str) -> str | None:
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else path
    if isinstance(value, dict):
        if not all(map(_is_unicode, value)):
            return path
        return next(filter(None, (_odd_text(each, f"{path}.{name}") for name, each in value.items())), None)
    if isinstance(value, list):
        return next(filter(None, (_odd_text(each, f"{path}[{at}]") for at, each in enumerate(value))), None)
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
