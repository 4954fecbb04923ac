"""Typed client of Task Tracker, synchronous and asynchronous.

``TaskTracker`` and ``AsyncTaskTracker`` make the calls; everything public is imported from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasktracker_client._public import *  # noqa: F403
    from tasktracker_client._public import __all__ as __all__
    from tasktracker_client._public import __version__ as __version__
else:
    # The HTTP library takes a quarter of a second to load. Whoever asks for the help of a command, or for
    # its completion, does not wait for it.

    def __getattr__(name: str) -> Any:
        """What is public, all of it loaded when one is first asked for."""
        if name.startswith("_") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        public = import_module(f"{__name__}._public")
        globals().update({each: getattr(public, each) for each in (*public.__all__, "__all__")})
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        return sorted({*globals(), *import_module(f"{__name__}._public").__all__})
