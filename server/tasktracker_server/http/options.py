"""What a deployment may set about the HTTP layer."""

from msgspec import Struct

from tasktracker_schema import limits


class HttpOptions(Struct, frozen=True, kw_only=True):
    """Bounds and habits of the HTTP layer; sizes are bytes, durations seconds."""

    require_attempt: bool = False
    """Whether worker writes must name their ``workerId`` and ``attempt``."""
    body_limit: int = limits.BODY_BYTES
    array_body_limit: int = limits.ARRAY_BODY_BYTES
    """Body of a call that takes arrays."""
    bodies_limit: int = 256 * 1024 * 1024
    """All bodies that are held at a time; who comes later is refused."""
    progress_entry_limit: int = limits.PROGRESS_ENTRY_BYTES
    drain_limit: int = 64 * 1024 * 1024
    """A refused body up to this size is read to its end, so that the connection stays usable."""
    header_limit: int = 64 * 1024
    idle_timeout: float = 120.0
    """A connection on which nothing moves for so long is closed (streams are not concerned)."""
    stream_write_timeout: float = 30.0
    """A stream's reader who takes no byte for so long is cut; it resumes where it stood."""
    slow_seconds: float = 1.0
    """Answers that took longer are logged, except streams and calls that may wait."""
