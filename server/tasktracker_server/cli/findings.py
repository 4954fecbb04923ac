"""What ``doctor`` can say of one thing."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is; ``FAIL`` is in capitals to be seen."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """One line; unless all is well it says what to do."""

    level: Level
    subject: str
    says: str
    advice: str = ""


def judged(is_well: bool, subject: str, says: str, advice: str, otherwise: Level = Level.FAIL) -> Finding:
    """A finding that is ``otherwise`` than ok, with advice, unless all is well."""
    return Finding(Level.OK, subject, says) if is_well else Finding(otherwise, subject, says, advice)
