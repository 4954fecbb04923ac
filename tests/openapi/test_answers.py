"""Generated calls, sound and broken: no answer but a documented one, and no failure of the service."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tasktracker_schema import __version__, limits
from tasktracker_schema.names import RESERVED_TASK_IDS
from tasktracker_schema.openapi import document
from tasktracker_schema.routes import ROUTES

from .served import Served
from .strict import strict

WAITS = {str(seconds) for seconds in range(1, limits.WAIT_SECONDS_MAX + 1)}
STREAMS = {route.name for route in ROUTES if route.media == "events"}

SCHEMA = schemathesis.openapi.from_dict(strict())
SCHEMA.config.generation.update(deterministic=True, allow_x00=False)

UNSAYABLE = re.compile(
    "must be a whole number, not a fraction"  # 60.0 is an integer to JSON Schema
    "|holds the character .u0000"
    "|does not belong to these filters"  # any text may be a cursor, by its schema
    "|`progress` is told of tasks named"
    "|`next` claims for the `workerId` beside it"
)
"""Why a call is refused that has the documented form: the document says it in words only."""


def test_the_document_is_served(service_urls: list[str]) -> None:
    answer = requests.get(f"{service_urls[-1]}/openapi.json", timeout=10)

    assert answer.json() == json.loads(json.dumps(document(__version__)))


@SCHEMA.parametrize()
@settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_a_documented_one(case: Case[Any], served: Served) -> None:
    if (case.path_parameters or {}).get("taskId") in RESERVED_TASK_IDS:
        return  # the path of another operation
    chance = zlib.crc32(repr((case.body, case.query, case.path_parameters)).encode())
    if "taskId" in (case.path_parameters or {}):
        _meet_a_task(case, served, chance)
    _wait_for_nothing(case)
    is_stream = case.operation.definition.raw["operationId"] in STREAMS

    answer = served.send(case, is_stream=is_stream)

    left_out: list[CheckFunction] = [positive_data_acceptance]
    if not (_is_sound(case, "query") or _shows_on_the_wire(case)):
        left_out.append(negative_data_rejection)
    case.validate_response(answer, excluded_checks=left_out)
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        assert answer.status_code not in (400, 413, 415) or UNSAYABLE.search(answer.text), answer.text


def _meet_a_task(case: Case[Any], served: Served, chance: int) -> None:
    """Aim three calls of four at a task that exists, and every other one as its worker."""
    if chance % 4 == 0 or not _is_sound(case, "path"):
        return
    task = served.task()
    case.path_parameters["taskId"] = task["id"]
    if chance % 8 < 4 and isinstance(case.body, dict) and _is_sound(case, "body"):
        held = {"workerId": task["workerId"], "attempt": task["attempt"] or None}
        case.body.update({name: value for name, value in held.items() if name in case.body})


def _wait_for_nothing(case: Case[Any]) -> None:
    """A wait that is sound is not what is looked at here."""
    for given in (case.body, case.query):
        if isinstance(given, dict) and str(given.get("waitSeconds")) in WAITS:
            given["waitSeconds"] = 0


def _is_sound(case: Case[Any], part: str) -> bool:
    """Whether this part was made to fit the document, not to break it."""
    made = {location.value: of.mode for location, of in case.meta.components.items()} if case.meta else {}
    return made.get(part, GenerationMode.POSITIVE) is GenerationMode.POSITIVE


def _shows_on_the_wire(case: Case[Any]) -> bool:
    """Whether a query is sent as it is; not so a ``false``, a text where a list belongs, or an empty list."""
    parameters = case.operation.definition.raw.get("parameters", ())
    lists = {each["name"] for each in parameters if "array" in repr(each)}
    for name, given in (case.query or {}).items():
        values = given if isinstance(given, list) else [given]
        if (name in lists) != isinstance(given, list) or not values:
            return False
        if not all(isinstance(value, str) for value in values):
            return False
    return True
