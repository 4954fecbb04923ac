"""The calls: each reads its request, asks the service, and says its answer. No rules live here."""

from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import Final, TypeAlias

import msgspec

from tasktracker_schema import openapi, requests, routes
from tasktracker_schema.answers import Health, ProcessedTimeouts
from tasktracker_server.http import acts, docs_page
from tasktracker_server.http.acting import many, one
from tasktracker_server.http.answers import HTML, Reply, answered, empty
from tasktracker_server.http.bodies import BodyReader, QueryReader
from tasktracker_server.http.calls import Call, EventStream

Endpoint: TypeAlias = Callable[[Call], Awaitable[Reply | EventStream]]

_PAGE_HEADERS: Final = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


_read_start: Final = BodyReader(requests.StartTask)
_read_time_out: Final = BodyReader(requests.TimeOutTask)
_read_claim: Final = BodyReader(requests.ClaimTask)
_read_bulk_claim: Final = BodyReader(requests.BulkClaim)
_read_nothing: Final = BodyReader(requests.Nothing)
_read_get_query: Final = QueryReader(requests.GetTaskQuery)
_read_list_query: Final = QueryReader(requests.ListTasksQuery)
_read_track_query: Final = QueryReader(requests.TrackQuery)
_read_events_query: Final = QueryReader(requests.EventsQuery)
_read_progress_query: Final = QueryReader(requests.ProgressQuery)


async def start(call: Call) -> Reply:
    """``POST /:taskId/start``."""
    return answered(await call.service.single.tasks.start(call.task_id, _read_start(call.body)))


async def time_out(call: Call) -> Reply:
    """``POST /:taskId/timeout``."""
    return answered(await call.service.single.finishing.time_out(call.task_id, _read_time_out(call.body)))


async def get(call: Call) -> Reply:
    """``GET /:taskId``."""
    query = _read_get_query(call.query)
    return answered(await call.service.single.tasks.get(call.task_id, query.progress is not False))


async def list_tasks(call: Call) -> Reply:
    """``GET /``."""
    return answered(await call.service.finding.page(_read_list_query(call.query)))


async def stats(call: Call) -> Reply:
    """``GET /stats``."""
    return answered(await call.service.statistics.now())


async def track(call: Call) -> Reply | EventStream:
    """``GET /:taskId/track``."""
    query = _read_track_query(call.query)
    last_event_id = call.headers.get("Last-Event-ID")
    frames = await call.unless_gone(call.service.tracking.open(call.task_id, query, last_event_id))
    return empty() if frames is None else await call.stream(frames)


async def events(call: Call) -> EventStream:
    """``GET /api/v1/events``."""
    query = _read_events_query(call.query)
    return await call.stream(await call.unless_gone(call.service.watching.open(query)))


async def progress_page(call: Call) -> Reply:
    """``GET /:taskId/progress``."""
    query = _read_progress_query(call.query)
    return answered(await call.unless_gone(call.service.paging.page(call.task_id, query)))


async def process_timeouts(call: Call) -> Reply:
    """``POST /timeouts/process``."""
    _read_nothing(call.body)
    return answered(ProcessedTimeouts(processed_count=await call.service.single.finishing.process_timeouts()))


async def claim(call: Call) -> Reply:
    """``POST /claim``: what was claimed for a caller who is gone goes back."""
    wanted = _read_claim(call.body)
    claims = call.service.claims
    task = await call.unless_gone(claims.claim(wanted))
    if task is None:
        return answered(None)
    return msgspec.structs.replace(answered(task), undelivered=partial(claims.give_back, [task]))


async def bulk_claim(call: Call) -> Reply:
    """``POST /bulk/claim``: the same for many."""
    wanted = _read_bulk_claim(call.body)
    claims = call.service.claims
    claimed = await call.unless_gone(claims.claim_many(wanted))
    if not claimed.tasks:
        return answered(claimed)
    return msgspec.structs.replace(answered(claimed), undelivered=partial(claims.give_back, claimed.tasks))


async def retry(call: Call) -> Reply:
    """``POST /:taskId/retry``."""
    _read_nothing(call.body)
    return answered(await call.service.single.tasks.retry(call.task_id), routes.RETRY.status)


async def healthz(call: Call) -> Reply:
    """``GET /healthz``."""
    return answered(Health(status="ok", version=call.service.health.version))


async def readyz(call: Call) -> Reply:
    """``GET /readyz``."""
    readiness = await call.service.health.readiness()
    if readiness.status == "ready":
        return answered(readiness)
    return answered(readiness, 503, (("Retry-After", "1"),))


async def openapi_document(call: Call) -> Reply:
    """``GET /openapi.json``."""
    return Reply(200, _document(call.service.health.version))


async def docs(call: Call) -> Reply:
    """``GET /docs``."""
    return Reply(200, _page(call.service.health.version), _PAGE_HEADERS, HTML)


@cache
def _document(version: str) -> bytes:
    return msgspec.json.encode(openapi.document(version))


@cache
def _page(version: str) -> bytes:
    return docs_page.render(openapi.document(version)).encode()


ENDPOINTS: Final[dict[str, Endpoint]] = {
    **{act.route.name: one(act) for act in acts.ACTS},
    **{act.bulk_route.name: many(act) for act in acts.ACTS},
    routes.START.name: start,
    routes.TIME_OUT.name: time_out,
    routes.GET.name: get,
    routes.LIST.name: list_tasks,
    routes.STATS.name: stats,
    routes.TRACK.name: track,
    routes.PROGRESS_PAGE.name: progress_page,
    routes.EVENTS.name: events,
    routes.PROCESS_TIMEOUTS.name: process_timeouts,
    routes.CLAIM.name: claim,
    routes.BULK_CLAIM.name: bulk_claim,
    routes.RETRY.name: retry,
    routes.HEALTHZ.name: healthz,
    routes.READYZ.name: readyz,
    routes.OPENAPI.name: openapi_document,
    routes.DOCS.name: docs,
}
"""By the name of the route."""
