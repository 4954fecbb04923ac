"""Ages of ended tasks, as settings say them."""

import pytest

from tasktracker_server.core.retention import Ages, parse_age, parse_ages
from tasktracker_server.settings import InvalidSettings, Settings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("1m", 60), ("36h", 129_600), ("7d", 604_800), ("2w", 1_209_600), ("forever", None)],
)
def test_an_age_is_read(text: str, seconds: int | None) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "0d", "-1d", "1.5d", "59s", "1y", "1 d", "1D", "101000w", "999999999w", "never", "٣d"],
)
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_age(text)


def test_types_have_ages_of_their_own() -> None:
    ages = parse_ages(" video.encode=7d, a=b=1h ,mail=forever,")

    assert ages == {"video.encode": 604_800, "a=b": 3_600, "mail": None}


@pytest.mark.parametrize("text", ["a", "=7d", "a=", "a=7", "a=7d,a=8d"])
def test_what_is_no_list_of_ages_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_ages(text)


def test_a_type_without_an_age_of_its_own_has_that_of_all() -> None:
    ages = Ages(60, {"b": 120, "c": None})

    assert [ages.of(name) for name in "abc"] == [60, 120, None]


@pytest.mark.parametrize(
    ("ages", "any_"),
    [(Ages(), False), (Ages(None, {"a": None}), False), (Ages(None, {"a": 60}), True), (Ages(0), True)],
)
def test_nothing_is_deleted_unless_somebody_says_so(ages: Ages, any_: bool) -> None:
    assert ages.any is any_


def test_settings_say_which_ages_there_are() -> None:
    environ = {"TASK_TRACKER_RETENTION": "30d", "TASK_TRACKER_RETENTION_BY_TYPE": "a=7d"}

    assert Settings.load(environ, {}).retention_ages == Ages(2_592_000, {"a": 604_800})
    assert not Settings.load({}, {}).retention_ages.any
    assert Settings.load(Settings.load(environ, {}).to_environ(), {}) == Settings.load(environ, {})
    assert Settings.load(Settings().to_environ(), {}) == Settings()


def test_settings_that_are_no_ages_are_told() -> None:
    environ = {"TASK_TRACKER_RETENTION": "30", "TASK_TRACKER_RETENTION_BY_TYPE": "a"}

    with pytest.raises(InvalidSettings) as refused:
        Settings.load(environ, {})

    assert "TASK_TRACKER_RETENTION is '30'; it must be an age" in str(refused.value)
    assert "TASK_TRACKER_RETENTION_BY_TYPE is 'a'; it must be type=age" in str(refused.value)
