"""The logger of this package; quiet unless the application configures logging."""

import logging
from typing import Final

logger: Final = logging.getLogger("tasktracker_client")
