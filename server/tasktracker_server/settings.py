"""Every setting: its default, its bounds, its sentence of documentation, and where its value comes from.

The fields of ``Settings`` are the one table: flags, ``docs/settings.md`` and ``doctor`` read it
through ``SETTINGS``. Nothing else in the server reads the environment.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, get_args, get_origin

import msgspec
import platformdirs
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from tasktracker_schema import limits
from tasktracker_server import environment
from tasktracker_server.core.retention import Ages, parse_age, parse_ages

_PASSWORD: Final = re.compile(r"(?<=://)([^:/?#]*):.*@|([?&](?:ssl)?password=)[^&#]*", re.DOTALL)
_KEY_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


def default_data_dir() -> Path:
    """Where embedded stores live when nothing else was said.

    Root's home is closed to the user PostgreSQL has to run as, and opening it is not ours to do.
    """
    if sys.platform.startswith("linux") and os.geteuid() == 0:
        return Path("/var/lib/tasktracker")
    return platformdirs.user_data_path("tasktracker", appauthor=False)


class InvalidSettings(Exception):
    """Some settings can't be used; all of them are told at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Say(NamedTuple):
    """What a field's type does not tell: its sentence, its bounds, its default in words."""

    doc: str
    low: float | None = None
    high: float | None = None
    default: str | None = None
    schemes: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment may choose."""

    host: Annotated[str, Say("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Say("Port to listen on; 0 takes a free one.", 0, 65_535)] = 3002
    processes: Annotated[int, Say("Server processes that share the port; try one per core.", 1, 256)] = 1
    database_url: Annotated[
        str | None,
        Say("PostgreSQL 14 or newer.", default="an embedded one", schemes=("postgresql", "postgres")),
    ] = None
    redis_url: Annotated[
        str | None,
        Say("Redis 6 or newer, or Valkey.", default="an embedded one", schemes=("redis", "rediss", "unix")),
    ] = None
    data_dir: Annotated[
        Path,
        Say(
            "Directory of the embedded stores: one directory, one set of data.",
            default="the user's own, or /var/lib/tasktracker for root",
        ),
    ] = msgspec.field(default_factory=default_data_dir)
    redis_prefix: Annotated[str, Say("What keys in Redis begin with; one per deployment.")] = "team9:tracker"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Say("The least severe lines that are logged.")
    ] = "info"
    log_format: Annotated[
        Literal["auto", "json", "text"],
        Say("Form of the log on stderr; auto is text on a terminal and JSON lines elsewhere."),
    ] = "auto"
    database_pool_size: Annotated[int, Say("Most connections to PostgreSQL, per process.", 2, 1_000)] = 8
    require_attempt: Annotated[bool, Say("Refuse worker writes without workerId and attempt.")] = False
    body_limit: Annotated[int, Say("Largest request body, in bytes.", 1_024, 1 << 30)] = limits.BODY_BYTES
    array_body_limit: Annotated[
        int, Say("Largest request body of progress and the bulk calls, in bytes.", 1_024, 1 << 30)
    ] = limits.ARRAY_BODY_BYTES
    bodies_limit: Annotated[
        int,
        Say(
            "Most bytes of request bodies held at a time, per process; who comes later gets 503.",
            65_536,
            1 << 40,
        ),
    ] = 256 * 1024 * 1024
    progress_entry_limit: Annotated[int, Say("Largest single progress entry, in bytes.", 64, 1 << 26)] = (
        limits.PROGRESS_ENTRY_BYTES
    )
    history_entries_limit: Annotated[int, Say("Most progress entries of a task.", 1, limits.SEQ_ID_MAX)] = (
        limits.HISTORY_ENTRIES
    )
    history_bytes_limit: Annotated[int, Say("Most bytes of progress of a task.", 1_024, 1 << 30)] = (
        limits.HISTORY_BYTES
    )
    stream_lifetime: Annotated[
        float | None,
        Say("Seconds (± 20 %) after which a stream ends, for its reader to resume.", 1, 604_800, "no limit"),
    ] = None
    streams_limit: Annotated[int, Say("Most event streams at a time, per process.", 0, 1_000_000)] = 10_000
    stream_write_timeout: Annotated[float, Say("Seconds a stalled reader keeps its stream.", 1, 3_600)] = 30.0
    heartbeat_seconds: Annotated[
        int,
        Say("Seconds of silence after which a stream shows a sign of life.", 1, limits.HEARTBEAT_SECONDS_MAX),
    ] = limits.HEARTBEAT_SECONDS_DEFAULT
    waiting_claims_limit: Annotated[
        int,
        Say(
            "Most claims that wait at once, per process; who comes later gets what is there, or 503.",
            0,
            1_000_000,
        ),
    ] = 10_000
    progress_waiters_limit: Annotated[
        int, Say("Most calls that wait for progress at a time, per process.", 0, 1_000_000)
    ] = 10_000
    shutdown_seconds: Annotated[float, Say("Seconds for what is under way at a shutdown.", 0, 3_600)] = 10.0
    sweep_seconds: Annotated[float, Say("Seconds between looks for what is overdue or due.", 0.05, 60)] = 0.5
    retention: Annotated[
        str, Say("Age at which ended tasks are deleted, counted from their end.", default="forever")
    ] = "forever"
    retention_by_type: Annotated[
        str, Say("Other ages for some types, as video.encode=7d,mail=forever.", default="none")
    ] = ""
    statement_timeout_seconds: Annotated[float, Say("Seconds PostgreSQL gets for a statement.", 0.1, 600)] = (
        5.0
    )

    @classmethod
    def load(cls, environ: Mapping[str, str], flags: Mapping[str, object]) -> Self:
        """Settings from flags, over ``TASK_TRACKER_*`` variables, over defaults.

        A flag that is ``None`` and a variable that is empty count as not given.

        Raises:
            InvalidSettings: with every problem there is.
        """
        problems = [*environment.misspelt(environ, {setting.env for setting in SETTINGS})]
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            given, source = flags.get(setting.name), setting.flag
            if given is None:
                given, source = environment.given(environ, setting.env), setting.env
            if given is None:
                continue
            try:
                values[setting.name] = setting.read(given)
            except ValueError as error:
                problems.append(f"{source} {error}")
        if problems:
            raise InvalidSettings(problems)
        return cls(**values)

    @property
    def retention_ages(self) -> Ages:
        """How long ended tasks are kept."""
        return Ages(parse_age(self.retention), parse_ages(self.retention_by_type))

    def describe(self) -> dict[str, str]:
        """Each value as a person may see it: passwords are masked."""
        return {setting.name: setting.show(getattr(self, setting.name)) for setting in SETTINGS}

    def to_environ(self) -> dict[str, str]:
        """The variables that make ``load`` give these settings again, in another process."""
        values = ((setting.env, getattr(self, setting.name)) for setting in SETTINGS)
        return {env: str(value) for env, value in values if value is not None}

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={value}' for name, value in self.describe().items())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return list(self.describe().items())


class Setting(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    type: Any
    say: Say
    default: str
    """For documentation; where a value is computed or absent, words."""
    choices: tuple[str, ...]
    expects: str
    """What a value has to be, for documentation and for messages."""

    @property
    def env(self) -> str:
        """Its variable."""
        return environment.PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """Its flag on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def metavar(self) -> str:
        """What stands for a value in the help."""
        numbers = "SECONDS" if "econds" in self.say.doc else "N"
        return "URL" if self.secret else numbers if self.say.low is not None else "TEXT"

    @property
    def secret(self) -> bool:
        """Whether a value may hold a password."""
        return bool(self.say.schemes)

    def read(self, given: object) -> Any:
        """The value, of its type; ``ValueError`` says what was expected instead."""
        value = given.strip() if isinstance(given, str) else given
        try:
            value = msgspec.convert(value, self.type, strict=False, dec_hook=_as_path)
        except msgspec.ValidationError:
            value = ""
        if value == "" or not self._allows(value):
            raise ValueError(f"is {self.show(given)!r}; it must be {self.expects}.")
        if self.name == "database_url" and value is not None:
            _check_conninfo(value)
        return value

    def _allows(self, value: Any) -> bool:
        if isinstance(value, int | float) and self.say.low is not None and self.say.high is not None:
            return self.say.low <= value <= self.say.high
        if self.secret and value is not None:
            scheme, _, rest = value.partition("://")
            return scheme in self.say.schemes and bool(rest)
        check = _CHECKS.get(self.name)
        return check is None or check(value)

    def show(self, value: object) -> str:
        """The value without its passwords."""
        if value is None or (value == "" and self.say.default):
            return self.default
        return masked(str(value)) if self.secret else str(value)


def masked(url: str) -> str:
    """The URL with ``***`` for every password in it, malformed ones included."""
    return _PASSWORD.sub(lambda m: f"{m[2]}***" if m[2] else f"{m[1]}:***@", url)


def _can(parse: Callable[[str], object]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "redis_prefix": lambda value: bool(_KEY_PREFIX.fullmatch(value)),
    "retention": _can(parse_age),
    "retention_by_type": _can(parse_ages),
}
_EXPECTED: Final = {
    "redis_prefix": "1 to 100 of A-Z a-z 0-9 _ . : -",
    "retention": "an age of a minute or more, as 36h or 30d (s, m, h, d, w), or forever",
    "retention_by_type": "type=age with commas between, each age as 36h or 30d, or forever",
}
"""What texts that are checked have to be."""


def _as_path(kind: type, given: Any) -> Path:
    return Path(given).expanduser().absolute()


def _check_conninfo(url: str) -> None:
    try:
        conninfo_to_dict(url)
    except ProgrammingError as error:
        reason = str(error).strip().replace(url, masked(url))
        raise ValueError(f"can't be read: {reason}.") from None


def _row(field: msgspec.structs.FieldInfo) -> Setting:
    kind, say = get_args(field.type)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    default = say.default or (str(field.default).lower() if kind is bool else str(field.default))
    return Setting(field.name, kind, say, default, choices, _expectation(field.name, kind, say, choices))


def _expectation(name: str, kind: Any, say: Say, choices: tuple[str, ...]) -> str:
    if choices or kind is bool:
        return " or ".join(choices or ("true", "false"))
    if say.schemes:
        return "a URL that begins with " + " or ".join(f"{scheme}://" for scheme in say.schemes)
    if say.low is not None:
        return f"{'a whole number' if kind is int else 'a number'} from {say.low} to {say.high}"
    if name in _EXPECTED:
        return _EXPECTED[name]
    return "a directory" if kind is Path else "an address or a name"


SETTINGS: Final = tuple(_row(field) for field in msgspec.structs.fields(Settings))
"""The table, in the order in which it is told."""
