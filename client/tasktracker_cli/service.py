"""Which service a command talks to, and the client that does."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from tasktracker_client import Retries, TaskTracker

F = TypeVar("F", bound=Callable[..., Any])

_URL: Final = "url"
_API_KEY: Final = "api_key"


def service_options(command: F) -> F:
    """Give a command ``--url`` and ``--api-key``; they may stand before its name as well as behind."""
    return _url(_api_key(command))


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_root().meta[f"{__name__}.{param.name}"] = value


_url: Final = click.option(
    "--url",
    _URL,
    metavar="URL",
    expose_value=False,
    callback=_keep,
    help="Where the service is.  [TASK_TRACKER_URL; default: http://127.0.0.1:3002]",
)
_api_key: Final = click.option(
    "--api-key",
    _API_KEY,
    metavar="KEY",
    expose_value=False,
    callback=_keep,
    help="The access key; others on this machine see arguments, but not the variable.  "
    "[TASK_TRACKER_API_KEY]",
)


def _given(name: str) -> str | None:
    value: str | None = click.get_current_context().find_root().meta.get(f"{__name__}.{name}")
    return value


def settings() -> tuple[str | None, str | None]:
    """URL and key as given by option; the rest is the client's to find."""
    return _given(_URL), _given(_API_KEY)


def address() -> str:
    """Where the service is, by the options or the environment."""
    from tasktracker_client._config import config_of

    return config_of(_given(_URL), None, 0, None).address


def client(retries: "Retries | int | None" = None) -> "TaskTracker":
    """A client of the service that the options or the environment name."""
    from tasktracker_client import TaskTracker

    try:
        return TaskTracker(_given(_URL), api_key=_given(_API_KEY), retries=retries)
    except (ValueError, OSError) as error:  # an OSError where certificates are named that are not there
        raise click.UsageError(str(error)) from None
