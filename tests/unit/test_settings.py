"""Settings: where a value comes from, what is refused, and that no password is ever shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktracker_server.settings import SETTINGS, InvalidSettings, Setting, Settings, masked

PASSWORD = "s3cr3t"


def problems(environ: Mapping[str, str], **flags: object) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(environ, flags)
    return caught.value.problems


def test_nothing_given_means_all_defaults() -> None:
    assert Settings.load({}, {}) == Settings()


def test_a_flag_wins_over_its_variable_and_the_variable_over_the_default() -> None:
    environ = {"TASK_TRACKER_PORT": "4000", "TASK_TRACKER_HOST": "0.0.0.0"}

    settings = Settings.load(environ, {"port": "5000", "host": None})

    assert (settings.port, settings.host, settings.processes) == (5000, "0.0.0.0", 1)


def test_an_empty_variable_counts_as_not_given() -> None:
    assert Settings.load({"TASK_TRACKER_PORT": " "}, {}).port == 3002


def test_all_problems_are_told_at_once_each_with_what_was_given_and_what_is_expected() -> None:
    told = problems(
        {
            "TASK_TRACKER_PORT": "seventy",
            "TASK_TRACKER_PROCESES": "2",
            "TASK_TRACKER_DATABASE_URL": "mysql://db",
            "TASK_TRACKER_REQUIRE_ATTEMPT": "perhaps",
        },
        sweep_seconds="0.01",
        log_level="loud",
    )

    assert told == [
        "TASK_TRACKER_PROCESES is not a setting; did you mean TASK_TRACKER_PROCESSES?",
        "TASK_TRACKER_PORT is 'seventy'; it must be a whole number from 0 to 65535.",
        "TASK_TRACKER_DATABASE_URL is 'mysql://db'; "
        "it must be a URL that begins with postgresql:// or postgres://.",
        "--log-level is 'loud'; it must be debug or info or warning or error.",
        "TASK_TRACKER_REQUIRE_ATTEMPT is 'perhaps'; it must be true or false.",
        "--sweep-seconds is '0.01'; it must be a number from 0.05 to 60.",
    ]


def test_an_empty_flag_is_refused_rather_than_passed_over() -> None:
    assert problems({}, host="") == ["--host is ''; it must be an address or a name."]


BOUNDED = [setting for setting in SETTINGS if setting.say.low is not None]


@pytest.mark.parametrize("setting", BOUNDED, ids=lambda setting: setting.name)
def test_a_number_is_taken_at_its_bounds_and_refused_beyond_them(setting: Setting) -> None:
    low, high = setting.say.low, setting.say.high
    assert low is not None
    assert high is not None

    for fit in (low, high):
        assert getattr(Settings.load({setting.env: str(fit)}, {}), setting.name) == fit
    for unfit in (low - 1 if setting.type is int else low - 0.001, high + 1, "nan", "inf", "1e999"):
        (told,) = problems({setting.env: str(unfit)})
        assert told.startswith(f"{setting.env} is ")


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.choices], ids=lambda setting: setting.name)
def test_a_choice_is_one_of_its_words(setting: Setting) -> None:
    for word in setting.choices:
        assert getattr(Settings.load({setting.env: word}, {}), setting.name) == word
    assert problems({setting.env: setting.choices[0] + "x"})


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("TRUE", True), ("false", False), ("0", False)]
)
def test_on_and_off_are_told_as_usual(text: str, value: bool) -> None:
    assert Settings.load({"TASK_TRACKER_REQUIRE_ATTEMPT": text}, {}).require_attempt is value


@pytest.mark.parametrize("prefix", ["a b", "a{b}", "", "x" * 101, "a\nb"])
def test_a_prefix_of_keys_is_refused_where_it_could_be_misread(prefix: str) -> None:
    assert problems({}, redis_prefix=prefix)


def test_a_directory_is_made_absolute_and_begins_at_home_where_it_says_so() -> None:
    assert Settings.load({}, {"data_dir": "here"}).data_dir == Path.cwd() / "here"
    assert Settings.load({}, {"data_dir": "~/there"}).data_dir == Path.home() / "there"


@pytest.mark.parametrize(
    "name",
    [
        "TASK_TRACKER_SERVICE_HOST",
        "TASK_TRACKER_SERVICE_PORT",
        "TASK_TRACKER_SERVICE_PORT_HTTP",
        "TASK_TRACKER_PORT_3002_TCP",
        "TASK_TRACKER_PORT_3002_TCP_ADDR",
        "TASK_TRACKER_DB_SERVICE_HOST",
        "TASK_TRACKER_TEST_REDIS_URL",
        "TASK_TRACKER_URL",
        "TASK_TRACKER_API_KEY",
    ],
)
def test_variables_of_kubernetes_and_of_the_tests_are_nobodys_setting(name: str) -> None:
    assert Settings.load({name: "10.0.0.7", "TASK_TRACKER_PORT": "tcp://10.0.0.7:3002"}, {}).port == 3002


URLS = [
    f"postgresql://user:{PASSWORD}@db.example/tracker",
    f"postgresql://user:{PASSWORD}@a,b/tracker?target_session_attrs=read-write",
    f"postgresql://db.example/tracker?user=u&password={PASSWORD}&sslmode=require",
    f"postgresql://db.example/tracker?sslpassword={PASSWORD}",
    f"redis://:{PASSWORD}@cache.example:6379/0",
    f"rediss://user:{PASSWORD}@cache.example",
    f"unix://user:{PASSWORD}@/run/redis.sock",
    f"redis://user:{PASSWORD}@with@signs@cache.example",
    f"postgresql://user:{PASSWORD}/with/slashes@db.example/tracker",
]


@pytest.mark.parametrize("url", URLS)
def test_a_masked_url_shows_everything_but_the_password(url: str) -> None:
    shown = masked(url)

    assert PASSWORD not in shown
    assert "***" in shown
    assert shown.split("://")[0] == url.split("://")[0]


@given(st.text(alphabet=st.characters(exclude_characters="&#", codec="utf-8"), min_size=4))
def test_no_password_is_shown_whatever_it_consists_of(password: str) -> None:
    rest = masked(f"redis://user:{password}@host/0").removeprefix("redis://user:").removesuffix("@host/0")

    assert rest == "***"


@pytest.mark.parametrize("url", URLS)
def test_settings_are_never_shown_with_a_password(url: str) -> None:
    name = "database_url" if url.startswith("postgres") else "redis_url"
    settings = msgspec.structs.replace(Settings(), **{name: url})

    shown = f"{settings!r} {settings} {settings.describe()} {settings.__rich_repr__()}"

    assert PASSWORD not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "url", [f"mysql://user:{PASSWORD}@db", f"postgresql://user:{PASSWORD}@db:port:x/y?a"]
)
def test_a_refused_url_is_told_without_its_password(url: str) -> None:
    (told,) = problems({}, database_url=url)

    assert PASSWORD not in told
    assert told.startswith("--database-url ")


fit: dict[str, st.SearchStrategy[Any]] = {
    "host": st.just("0.0.0.0"),
    "database_url": st.none() | st.just("postgresql://u:p@db/x"),
    "redis_url": st.none() | st.just("redis://cache"),
    "data_dir": st.just(Path("/srv/tracker")),
    "redis_prefix": st.from_regex(r"[A-Za-z0-9_.:-]{1,100}", fullmatch=True),
    "require_attempt": st.booleans(),
}
for setting in SETTINGS:
    if setting.choices:
        fit[setting.name] = st.sampled_from(setting.choices)
    elif setting.say.low is not None and setting.say.high is not None:
        whole = setting.type is int
        fit[setting.name] = (
            st.integers(int(setting.say.low), int(setting.say.high))
            if whole
            else st.floats(setting.say.low, setting.say.high)
        )


@given(st.fixed_dictionaries(fit))
def test_a_process_started_with_these_settings_has_the_same_ones(values: dict[str, Any]) -> None:
    settings = msgspec.structs.replace(Settings(), **values)

    assert Settings.load(settings.to_environ(), {}) == settings
