"""A real Task Tracker for the tests of those who use it, on stores of its own, in about two seconds.

Under pytest the fixtures of :mod:`tasktracker_testing.plugin` are there by themselves; elsewhere::

    with running_service() as url, TaskTracker(url) as client:
        ...

Imports neither the client nor the server: pytest loads it at every start, needed or not.
"""

from tasktracker_testing._sharing import ServerNotInstalled, ServiceNotStarted, running_service

__all__ = ["ServerNotInstalled", "ServiceNotStarted", "running_service"]
