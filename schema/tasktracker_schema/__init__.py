"""What Task Tracker's server and clients agree on."""

from typing import Final

__version__: Final = "0.1.0"
