"""The document as a reader takes it who allows nothing that it does not say."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from tasktracker_schema import __version__
from tasktracker_schema.openapi import document

Json = dict[str, Any]

OPEN_TO_MORE = {"BulkOutcome"}
"""An outcome is a single call's whole answer besides what it says itself."""


def strict() -> Json:
    """The document whose answers have the members they tell of and no others."""
    strict = copy.deepcopy(document(__version__))
    schemas = strict["components"]["schemas"]
    asked = {name for path in strict["paths"].values() for name in _references(_bodies(path), schemas)}
    for name in schemas.keys() - asked - OPEN_TO_MORE:
        if "properties" in schemas[name]:
            schemas[name]["additionalProperties"] = False
    for path in strict["paths"].values():
        for operation in path.values():
            _tell_events(operation["responses"].get("200", {}))
    return strict


def _tell_events(answer: Json) -> None:
    """Give a stream the schema of one event, made of what its description says in words.

    To OpenAPI 3.1 a stream is a text; the tool takes its schema for that of each event.
    """
    stream = answer.get("content", {}).get("text/event-stream")
    if stream is None:
        return
    kind = re.fullmatch(r"The stream; each `data` is a `(\w+)`", answer["description"])
    assert kind is not None, answer["description"]
    data = {"$ref": f"#/components/schemas/{kind[1]}"}
    others = {"id": {"type": "string"}, "event": {"type": "string"}, "retry": {"type": "integer"}}
    stream["schema"] = {
        "type": "object",
        "properties": {
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
            **others,
        },
        "additionalProperties": False,
    }


def _bodies(path: Json) -> list[Any]:
    return [operation.get("requestBody") for operation in path.values()]


def _references(value: Any, schemas: Json) -> Iterator[str]:
    """The names of all schemas that a value refers to, and they to others."""
    if isinstance(value, dict):
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            yield name
            yield from _references(schemas[name], schemas)
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each, schemas)
