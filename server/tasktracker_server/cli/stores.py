"""The stores that a command works on: those given, embedded ones for those that are not."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec

from tasktracker_server import embedded
from tasktracker_server.settings import Settings

_logger = logging.getLogger(__name__)


@contextmanager
def with_stores(settings: Settings) -> Iterator[Settings]:
    """The settings with both URLs known, for as long as the stores run."""
    if settings.database_url and settings.redis_url:
        yield settings
        return
    wanted = {"postgres": settings.database_url is None, "redis": settings.redis_url is None}
    try:
        with embedded.running(settings.data_dir, **wanted) as stores:
            yield msgspec.structs.replace(
                settings,
                database_url=settings.database_url or stores.database_url,
                redis_url=settings.redis_url or stores.redis_url,
            )
    except embedded.EmbeddedError as error:
        _logger.debug("embedded stores", exc_info=True)
        raise click.ClickException(str(error)) from None
