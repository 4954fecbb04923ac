"""Everything the API can do, put together."""

from dataclasses import dataclass

from tasktracker_server.service.claims import Claims
from tasktracker_server.service.finding import Finding
from tasktracker_server.service.finishing import Finishing
from tasktracker_server.service.health import Health
from tasktracker_server.service.leases import Leases
from tasktracker_server.service.paging import Paging
from tasktracker_server.service.progress import Progress
from tasktracker_server.service.statistics import Statistics
from tasktracker_server.service.tasks import Tasks
from tasktracker_server.service.tracking import Tracking
from tasktracker_server.service.waiting import WaitingRoom
from tasktracker_server.service.watching import Watching


@dataclass(frozen=True, slots=True)
class Verbs:
    """What can be done with single tasks; calls that arrive together share statements."""

    tasks: Tasks
    progress: Progress
    finishing: Finishing
    leases: Leases


@dataclass(frozen=True, slots=True)
class Service:
    """The rooms of the service, as the HTTP layer knows them."""

    single: Verbs
    bulk: Verbs
    """The same for the items of bulk calls: one statement each, beside the single calls' batches."""
    claims: Claims
    room: WaitingRoom
    tracking: Tracking
    watching: Watching
    paging: Paging
    finding: Finding
    statistics: Statistics
    health: Health
