"""The OpenAPI document says what the service does, in a form that tools can use."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis

from tasktracker_schema import answers, events, openapi_words, requests
from tasktracker_schema.errors import ErrorCode
from tasktracker_schema.openapi import document, error_codes
from tasktracker_schema.routes import ROUTES, TRACK, Route
from tasktracker_server.http import docs_page
from unit.http_serving import task

DOCUMENT = document("1.2.3")
BY_NAME = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from objects(each)


def test_it_is_valid_openapi() -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)

    schema.validate()
    assert len(list(schema.get_all_operations())) == len(ROUTES)


def test_it_is_plain_json() -> None:
    assert json.loads(msgspec.json.encode(DOCUMENT)) == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    for each in objects(DOCUMENT):
        if "$ref" in each:
            _, part, kind, name = each["$ref"].split("/")
            assert name in DOCUMENT[part][kind]


@BY_NAME
def test_every_route_is_described(route: Route) -> None:
    found = operation(route)

    assert found["operationId"] == route.name
    assert found["summary"] == route.summary
    assert found["description"]
    assert str(route.status) in found["responses"]


@BY_NAME
def test_every_error_of_a_route_is_told_under_its_status(route: Route) -> None:
    responses = operation(route)["responses"]

    told = {code for codes in error_codes(route).values() for code in codes}
    assert {*route.codes, ErrorCode.INTERNAL_ERROR, ErrorCode.METHOD_NOT_ALLOWED} <= told
    for status, codes in error_codes(route).items():
        assert all(f"`{code}`" in responses[str(status)]["description"] for code in codes) or status == 503
        assert {code.http_status for code in codes} == {status}


@BY_NAME
def test_every_answer_tells_its_headers(route: Route) -> None:
    for status, answer in operation(route)["responses"].items():
        assert "X-Request-Id" in answer["headers"]
        assert ("Retry-After" in answer["headers"]) is (status == "503")
        assert ("Allow" in answer["headers"]) is (status == "405")
    assert ("Location" in operation(route)["responses"][str(route.status)]["headers"]) is (
        route.name == "register"
    )


@BY_NAME
def test_examples_are_what_they_are_examples_of(route: Route) -> None:
    if route.body is not None:
        body = operation(route)["requestBody"]["content"]["application/json"]
        validator(body["schema"]).validate(body["example"])
        msgspec.json.decode(json.dumps(body["example"]), type=route.body)
    if route.name in openapi_words.ANSWERS:
        answer = operation(route)["responses"][str(route.status)]["content"]["application/json"]
        validator(answer["schema"]).validate(answer["example"])
        msgspec.convert(answer["example"], route.answer)


@BY_NAME
def test_a_body_is_required_exactly_if_it_has_required_fields(route: Route) -> None:
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        assert operation(route)["requestBody"]["required"] is required


def test_the_path_parameter_and_the_queries_are_described() -> None:
    parameters = {each["name"]: each for each in operation(TRACK)["parameters"]}

    assert parameters["taskId"]["required"]
    assert parameters["afterSeqId"]["schema"] == {
        "anyOf": [{"type": "integer", "minimum": 0, "maximum": 2_147_483_647}, {"type": "null"}],
        "default": 0,
    }
    assert parameters["named"]["schema"] == {
        "anyOf": [{"type": "boolean"}, {"type": "null"}],
        "default": True,
    }
    assert set(parameters) == {
        "taskId",
        "afterSeqId",
        "ignoreHistory",
        "lifecycle",
        "named",
        "heartbeatSeconds",
        "Last-Event-ID",
    }


def test_fields_are_called_what_they_are_called_on_the_wire() -> None:
    for each in objects(DOCUMENT["components"]["schemas"]):
        assert not any("_" in name for name in set(each.get("properties", {})) - {"in_progress"})
        assert "_id`" not in str(each.get("description", ""))


def test_patterns_are_read_alike_by_every_dialect() -> None:
    patterns = [each["pattern"] for each in objects(DOCUMENT) if isinstance(each.get("pattern"), str)]

    assert patterns
    assert not any("(?" in pattern for pattern in patterns)


@pytest.mark.parametrize("shown", [task(), task(result={"a": [1]})])
def test_a_task_is_valid_with_and_without_its_history(shown: answers.Task) -> None:
    schema = {"$ref": "#/components/schemas/Task"}
    told = json.loads(msgspec.json.encode(shown))
    without = {name: value for name, value in told.items() if name != "progressHistory"}

    validator(schema).validate(told)
    validator(schema).validate(without)


def test_errors_and_events_are_valid() -> None:
    error = answers.ErrorBody(409, "Conflict", ErrorCode.TASK_EXISTS, "taken", "r", {"existing": {}})
    validator({"$ref": "#/components/schemas/ErrorBody"}).validate(json.loads(msgspec.json.encode(error)))
    for kind, stream in ((events.TrackEvent, "track"), (events.ManyEvent, "events")):
        name = {"track": "TrackEvent", "events": "ManyEvent"}[stream]
        for line in openapi_words.STREAMS[stream].splitlines():
            if line.startswith("data: "):
                validator({"$ref": f"#/components/schemas/{name}"}).validate(json.loads(line[6:]))
                msgspec.json.decode(line[6:], type=kind)


def test_every_code_has_words() -> None:
    assert set(openapi_words.CODES) == set(ErrorCode)


def test_defaults_and_meanings_are_those_of_real_fields() -> None:
    kinds = [kind for route in ROUTES for kind in (route.body, route.query) if kind is not None]
    fields = {field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)}
    fields |= {
        f"{kind.__name__}.{field.encode_name}" for kind in kinds for field in msgspec.structs.fields(kind)
    }

    assert set(openapi_words.DEFAULTS) <= fields
    assert set(openapi_words.FIELDS) <= fields
    assert set(openapi_words.OPERATIONS) == {route.name for route in ROUTES}
    assert set(openapi_words.BODIES) == {route.name for route in ROUTES if route.body is not None}
    assert requests.Nothing in kinds


# The page


class Balance(HTMLParser):
    """Checks that what is opened is closed, and notes links and anchors."""

    EMPTY = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links.add(given.get("href") or "")
        self.anchors.add(given.get("id") or "")
        assert tag != "script"
        assert not {"src", "onclick", "onload"} & set(given)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_shows_every_call() -> None:
    page = docs_page.render(DOCUMENT)
    read = Balance()
    read.feed(page)

    assert read.open == []
    assert {f"#{route.name}" for route in ROUTES} <= read.links
    assert {link[1:] for link in read.links if link.startswith("#")} <= read.anchors
    assert {link for link in read.links if link and not link.startswith("#")} == {"/openapi.json"}
    assert "curl http://localhost:3002/api/v1/tasks -d" in page
    assert "curl -N http://localhost:3002/api/v1/tasks/enc-1/track" in page


def test_the_page_escapes_what_it_shows() -> None:
    hostile = json.loads(json.dumps(DOCUMENT))
    hostile["info"]["description"] = "<script>alert(1)</script>"

    assert "<script>" not in docs_page.render(hostile)
