"""Everything the API can do, put together."""

from dataclasses import dataclass

from tasktracker_server.service.claims import Claims
from tasktracker_server.service.health import Health
from tasktracker_server.service.progress import Progress
from tasktracker_server.service.tasks import Tasks
from tasktracker_server.service.tracking import Tracking


@dataclass(frozen=True, slots=True)
class Service:
    """The rooms of the service, as the HTTP layer knows them."""

    tasks: Tasks
    claims: Claims
    progress: Progress
    tracking: Tracking
    health: Health
