"""The OpenAPI document, made from the table of routes and the structs: it can't say anything else."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final, TypeAlias, get_args

import msgspec

from tasktracker_schema import answers, events, names
from tasktracker_schema import openapi_words as words
from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.routes import ROUTES, Route

Json: TypeAlias = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_TRY_LATER: Final = frozenset({429, 503})

_HEADERS: Final[dict[str, Json]] = {
    "X-Request-Id": {
        "description": "Names this request in the service's log; one that was sent is kept",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Location": {"description": "The new task", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which a repeat makes sense",
        "schema": {"type": "integer", "minimum": 1},
    },
    "Allow": {"description": "The methods of this path", "schema": {"type": "string"}},
}


def document(version: str) -> Json:
    """The whole API, as OpenAPI 3.1."""
    paths: dict[str, Json] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Task Tracker",
            "version": version,
            "description": words.INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": "Tasks", "description": "For those who want work done"},
            {"name": "Workers", "description": "For those who do it"},
            {"name": "Service", "description": "For those who run it"},
        ],
        "paths": paths,
        "components": {"schemas": _schemas(), "headers": _HEADERS},
    }


def error_codes(route: Route) -> dict[int, list[ErrorCode]]:
    """All that can go wrong with a call, by HTTP status."""
    codes = [
        *route.codes,
        ErrorCode.METHOD_NOT_ALLOWED,
        ErrorCode.TOO_LARGE,
        ErrorCode.UNSUPPORTED_ENCODING,
        ErrorCode.INTERNAL_ERROR,
    ]
    if route.body is not None:
        codes.append(ErrorCode.INVALID_JSON)
    if route.body is not None or route.query is not None or route.takes_task_id:
        codes.append(ErrorCode.INVALID_REQUEST)
    if route.takes_task_id:
        codes.append(ErrorCode.ROUTE_NOT_FOUND)
    if route.uses:
        codes += [ErrorCode.OVERLOADED, ErrorCode.SHUTTING_DOWN]
    if "postgres" in route.uses:
        codes.append(ErrorCode.POSTGRES_UNAVAILABLE)
    if route.uses and route.method == "POST":
        codes.append(ErrorCode.OUTCOME_UNKNOWN)
    if "redis" in route.uses:
        codes.append(ErrorCode.REDIS_UNAVAILABLE)
    found: dict[int, list[ErrorCode]] = {}
    for code in sorted(dict.fromkeys(codes), key=list(ErrorCode).index):
        found.setdefault(code.http_status, []).append(code)
    return dict(sorted(found.items()))


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "description": words.OPERATIONS[route.name],
        "tags": [{"submit": "Tasks", "read": "Tasks", "work": "Workers"}.get(route.scope, "Service")],
    }
    if parameters := [*_path_parameters(route), *_query_parameters(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _request_body(route)
    operation["responses"] = {
        str(status): answer
        for status, answer in sorted({**_successes(route), **_refusals(route), **_own_answers(route)}.items())
    }
    return operation


def _path_parameters(route: Route) -> Iterable[Json]:
    if route.takes_task_id:
        schema = _tidied(msgspec.json.schema(names.TaskId))
        description = schema.pop("description")
        yield {"name": "taskId", "in": "path", "required": True, "description": description, "schema": schema}


def _query_parameters(route: Route) -> Iterable[Json]:
    if route.query is not None:
        (reference,), found = msgspec.json.schema_components([route.query], ref_template=_REF)
        for name, field in _tidied(found[reference["$ref"].rpartition("/")[2]])["properties"].items():
            description = field.pop("description", name)
            yield {"name": name, "in": "query", "description": description, "schema": field}
    if route.media == "events" and route.takes_task_id:
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "Go on after this event; wins over the query, ignored where it is malformed",
            "schema": {"type": "string"},
        }


def _request_body(route: Route) -> Json:
    (schema,), found = msgspec.json.schema_components([route.body], ref_template=_REF)
    required = bool(next(iter(found.values())).get("required"))
    return {
        "required": required,
        "content": {_JSON: {"schema": schema, "example": words.BODIES[route.name]}},
    }


def _successes(route: Route) -> dict[int, Json]:
    if route.media == "events":
        kind = "TrackEvent" if route.takes_task_id else "ManyEvent"
        stream = {"schema": {"type": "string"}, "example": words.STREAMS[route.name]}
        begun = {200: _answer(f"The stream; each `data` is a `{kind}`", {"text/event-stream": stream})}
        if not route.takes_task_id:
            return begun
        return begun | {204: _answer("The task has ended and `Last-Event-ID` was its last event", {})}
    if route.media == "html":
        return {200: _answer("The page", {"text/html": {"schema": {"type": "string"}}})}
    (schema,), _ = msgspec.json.schema_components([route.answer], ref_template=_REF)
    content = {"schema": schema}
    if route.name in words.ANSWERS:
        content["example"] = words.ANSWERS[route.name]
    headers = ("Location",) if route.name == "register" else ()
    return {route.status: _answer(HTTPStatus(route.status).phrase, {_JSON: content}, *headers)}


def _refusals(route: Route) -> dict[int, Json]:
    return {status: _refusal(status, codes) for status, codes in error_codes(route).items()}


def _refusal(status: int, codes: list[ErrorCode]) -> Json:
    schema = {
        "allOf": [
            {"$ref": _REF.format(name="ErrorBody")},
            {
                "properties": {
                    "statusCode": {"const": status},
                    "code": {"enum": [str(code) for code in codes]},
                }
            },
        ]
    }
    headers = ("Retry-After",) if status in _TRY_LATER else ("Allow",) if status == 405 else ()
    told = "\n".join(f"* `{code}`: {words.CODES[code]}" for code in codes)
    return _answer(told, {_JSON: {"schema": schema}}, *headers)


def _own_answers(route: Route) -> dict[int, Json]:
    """Answers of one call that are like those of no other."""
    if route.answer is answers.Readiness:
        schema = {"$ref": _REF.format(name="Readiness")}
        example = {"status": "unavailable", "postgres": "unavailable", "redis": "ok"}
        content = {_JSON: {"schema": schema, "example": example}}
        return {503: _answer("PostgreSQL does not answer", content, "Retry-After")}
    return {}


def _answer(description: str, content: Json, *headers: str) -> Json:
    answer: Json = {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *headers)},
    }
    if content:
        answer["content"] = content
    return answer


def _schemas() -> Json:
    kinds: list[Any] = [answers.ErrorBody]
    for route in ROUTES:
        kinds += [kind for kind in (route.body, route.answer) if kind is not None]
    unions = {"TrackEvent": events.TrackEvent, "ManyEvent": events.ManyEvent}
    schemas, found = msgspec.json.schema_components([*kinds, *unions.values()], ref_template=_REF)
    found |= dict(zip(unions, schemas[len(kinds) :], strict=True))
    for kind in answers.Answer.__subclasses__():
        if kind.__name__ in found:
            _let_leave_out(kind, found[kind.__name__])
    return {name: _tidied(schema) for name, schema in sorted(found.items())}


def _let_leave_out(kind: type[answers.Answer], schema: Json) -> None:
    """msgspec calls fields required that an answer may be without."""
    for field in msgspec.structs.fields(kind):
        if msgspec.UnsetType in get_args(field.type) and field.encode_name in schema["required"]:
            schema["required"].remove(field.encode_name)


def _tidied(schema: Json) -> Json:
    """The schema in the words of the API: field names as sent, real defaults, patterns of any dialect."""
    tidy = {key: _tidied_value(key, value) for key, value in schema.items()}
    for name, field in tidy.get("properties", {}).items():
        own = f"{schema.get('title')}.{name}"
        if field.get("default", ...) is None:
            del field["default"]
            if (default := words.DEFAULTS.get(own, words.DEFAULTS.get(name))) is not None:
                field["default"] = default
        if name in words.FIELDS and schema.get("title") != "Task":
            field["description"] = words.FIELDS.get(own, words.FIELDS[name])
    return tidy


def _tidied_value(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _tidied(value)
    if isinstance(value, list):
        return [_tidied(each) if isinstance(each, dict) else each for each in value]
    if key == "pattern":
        # Outside Python a final $ never matches before a line break.
        return value.removesuffix(r"(?!\n)")
    if key == "description":
        first = " ".join(value.split("\n\n")[0].split()).replace("``", "`")
        return re.sub(r"`[a-z]+(?:_[a-z]+)+`", lambda word: _camel(word[0]), first)
    return value


def _camel(snake: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), snake)
