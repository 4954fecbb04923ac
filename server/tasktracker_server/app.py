"""Puts the parts together: the only module that names concrete ones."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import psycopg

from tasktracker_schema import __version__
from tasktracker_server.core.coalescing import BULK, SINGLE, Lane
from tasktracker_server.core.log import HistoryLimits
from tasktracker_server.http.options import HttpOptions
from tasktracker_server.http.server import HttpServer
from tasktracker_server.live.bus import EventBus
from tasktracker_server.live.client import LiveClient
from tasktracker_server.live.keys import Keys
from tasktracker_server.live.log import ProgressLog
from tasktracker_server.service.announcing import Announcer
from tasktracker_server.service.claims import Claims
from tasktracker_server.service.ending import Ending
from tasktracker_server.service.finding import Finding
from tasktracker_server.service.finishing import Finishing
from tasktracker_server.service.following import HistoryReader
from tasktracker_server.service.health import Health
from tasktracker_server.service.janitor import Janitor
from tasktracker_server.service.lapsing import Lapsing, pause_seconds
from tasktracker_server.service.leases import Leases
from tasktracker_server.service.paging import Paging
from tasktracker_server.service.places import Places
from tasktracker_server.service.progress import Progress
from tasktracker_server.service.renewing import Renewals
from tasktracker_server.service.retention import Retention
from tasktracker_server.service.returning import Returns
from tasktracker_server.service.service import Service, Verbs
from tasktracker_server.service.statistics import Statistics
from tasktracker_server.service.sweeper import Chore, Sweeper
from tasktracker_server.service.tasks import Tasks
from tasktracker_server.service.topics import Topics
from tasktracker_server.service.tracking import CHECK_SECONDS as TRACKS_CHECK_SECONDS
from tasktracker_server.service.tracking import Tracking
from tasktracker_server.service.waiting import CHECK_SECONDS as WAITING_CHECK_SECONDS
from tasktracker_server.service.waiting import WaitingRoom
from tasktracker_server.service.watching import Watching
from tasktracker_server.settings import Settings
from tasktracker_server.store.database import Database
from tasktracker_server.store.figures import FigureStore
from tasktracker_server.store.histories import HistoryStore
from tasktracker_server.store.lists import ListStore
from tasktracker_server.store.migrate import migrate
from tasktracker_server.store.retention import RetentionStore
from tasktracker_server.store.tasks import TaskStore

log = logging.getLogger(__name__)

_MIGRATE_PAUSE_SECONDS = 1.0
_RENEWAL_SECONDS = 0.25
"""Well within the grace of a lease: progress just before its end keeps it."""
_COUNT_SECONDS = 5.0
_JANITOR_SECONDS = 5.0
_RETENTION_SWEEPS = 20
"""What is too old is looked for once in so many looks for what is due."""


class CannotListen(Exception):
    """The address is taken, or none of this machine's."""

    def __init__(self, host: str, port: int, reason: OSError) -> None:
        super().__init__(f"Can't listen on {host}:{port}: {reason.strerror or reason}.")


async def serve(
    settings: Settings, *, on_ready: Callable[[str], None], stop: asyncio.Event, reuse_port: bool = False
) -> None:
    """Serve until ``stop`` is set, then drain and return.

    ``settings`` names both stores. ``on_ready`` is called with the base URL once requests are answered.

    Raises:
        CannotListen: nothing was served.
    """
    async with _service(settings) as service:
        server = HttpServer(service, _http_options(settings))
        try:
            host, port = server.listen(settings.host, settings.port, reuse_port=reuse_port)[0]
        except OSError as error:
            raise CannotListen(settings.host, settings.port, error) from error
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        await stop.wait()
        log.info("draining", extra={"action": "draining", "in_flight": server.in_flight})
        service.room.close()
        service.paging.let_go()
        await server.drain(settings.shutdown_seconds)


async def migrate_when_reachable(database_url: str, stop: asyncio.Event) -> None:
    """Apply migrations as soon as the database answers; the service answers 503 until then."""
    while not stop.is_set():
        try:
            await migrate(database_url)
        except psycopg.OperationalError as error:
            log.warning("waiting for the database: %s", error, extra={"action": "database_awaited"})
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _MIGRATE_PAUSE_SECONDS)
        else:
            return


@dataclass(frozen=True, slots=True)
class _Stores:
    """What does I/O, opened."""

    database: Database
    tasks: TaskStore
    histories: HistoryStore
    lists: ListStore
    figures: FigureStore
    retention: RetentionStore
    live: ProgressLog
    bus: EventBus
    health: Health


class _Closing(Protocol):
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Work:
    """What changes tasks, and what of it goes on by itself."""

    single: Verbs
    bulk: Verbs
    claims: Claims
    room: WaitingRoom
    ending: Ending
    chores: Sequence[Chore]
    closing: Sequence[_Closing]
    """In the order in which they were made."""


def _work(stores: _Stores, settings: Settings) -> _Work:
    announcer = Announcer(stores.live)
    # Repeated, a change finds itself made already and is not told again: whoever listens has missed it.
    stores.database.on_doubt = announcer.missed
    ending = Ending(stores.tasks, stores.histories, stores.live, announcer)
    renewals = Renewals(stores.tasks, stores.live, ending)
    room = WaitingRoom(stores.tasks, stores.live, limit=settings.waiting_claims_limit)
    tasks = Tasks(stores.tasks, stores.live, ending, announcer, room)
    leases = Leases(stores.tasks, stores.live, ending, announcer, room)
    returns = Returns(stores.tasks, leases)
    claims = Claims(stores.tasks, stores.live, tasks, announcer, room, returns)

    def verbs(tasks: Tasks, leases: Leases, lane: Lane) -> Verbs:
        progress = Progress(stores.histories, stores.live, ending, renewals, lane=lane)
        finishing = Finishing(stores.tasks, stores.live, ending, progress, claims, announcer, lane=lane)
        return Verbs(tasks, progress, finishing, leases)

    single = verbs(tasks, leases, SINGLE)
    bulk = verbs(
        Tasks(stores.tasks, stores.live, ending, announcer, room, lane=BULK),
        Leases(stores.tasks, stores.live, ending, announcer, room, lane=BULK),
        BULK,
    )
    chores = (
        (renewals.flush, _RENEWAL_SECONDS),
        (room.check, WAITING_CHECK_SECONDS),
    )
    return _Work(single, bulk, claims, room, ending, chores, (announcer, renewals, ending, room, returns))


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        stores = await _open_stores(settings, stack)
        work = _work(stores, settings)
        reader, topics = HistoryReader(stores.histories, stores.live, work.ending), Topics(stores.bus)
        paging = Paging(reader, topics, waiters_limit=settings.progress_waiters_limit)
        heartbeat, lifetime = settings.heartbeat_seconds, settings.stream_lifetime
        places = Places(settings.streams_limit, "event streams")
        watching = Watching(stores.bus, places, heartbeat_seconds=heartbeat, lifetime_seconds=lifetime)
        tracking = Tracking(
            stores.tasks,
            stores.live,
            reader,
            topics,
            places,
            heartbeat_seconds=heartbeat,
            lifetime_seconds=lifetime,
        )
        statistics = Statistics(stores.figures)
        retention = Retention(stores.retention, stores.live, work.ending, settings.retention_ages)
        pause = pause_seconds(settings.sweep_seconds)
        lapsing = Lapsing(stores.tasks, work.single.leases, pause=pause)
        janitor = Janitor(stores.histories, stores.live, work.ending)
        chores = (
            *work.chores,
            (janitor.check_live_logs, _JANITOR_SECONDS),
            (tracking.check, TRACKS_CHECK_SECONDS),
            (statistics.count, _COUNT_SECONDS),
            (retention.walk, _RETENTION_SWEEPS * settings.sweep_seconds),
        )
        sweeper = Sweeper(
            stores.tasks,
            sweep_seconds=settings.sweep_seconds,
            when_due=(
                work.single.finishing.sweep_timeouts,
                lapsing.sweep,
                work.single.tasks.promote,
                janitor.pay_debts,
            ),
            also=chores,
        )
        for part in (*work.closing, stores.bus, sweeper):
            stack.push_async_callback(part.aclose)

        def look_again() -> None:
            tracking.look_again()
            paging.look_again()

        stores.bus.start(on_restored=look_again, on_lost=watching.cut, on_wake=work.room.hear)
        sweeper.start()
        yield Service(
            work.single,
            work.bulk,
            work.claims,
            work.room,
            tracking,
            watching,
            paging,
            Finding(stores.lists, stores.live),
            statistics,
            stores.health,
        )


async def _open_stores(settings: Settings, stack: AsyncExitStack) -> _Stores:
    if settings.database_url is None or settings.redis_url is None:
        raise ValueError("both stores must be named by now")
    database = Database(
        settings.database_url,
        connections=settings.database_pool_size,
        statement_timeout=settings.statement_timeout_seconds,
    )
    client = LiveClient(settings.redis_url)
    keys = Keys(settings.redis_prefix)
    history_limits = HistoryLimits(settings.history_entries_limit, settings.history_bytes_limit)
    live = ProgressLog(client, keys, history_limits)
    stack.push_async_callback(database.aclose)
    stack.push_async_callback(client.aclose)
    await database.open()
    return _Stores(
        database,
        TaskStore(database),
        HistoryStore(database),
        ListStore(database),
        FigureStore(database),
        RetentionStore(database),
        live,
        EventBus(client, keys),
        Health(__version__, database.answers, client.answers),
    )


def _http_options(settings: Settings) -> HttpOptions:
    return HttpOptions(
        require_attempt=settings.require_attempt,
        body_limit=settings.body_limit,
        array_body_limit=settings.array_body_limit,
        bodies_limit=settings.bodies_limit,
        progress_entry_limit=settings.progress_entry_limit,
        stream_write_timeout=settings.stream_write_timeout,
    )
