"""When a task may run: any time gone by, and up to a year ahead."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tasktracker_server.core.errors import InvalidRequest
from tasktracker_server.core.schedule import run_at_or_refuse


def test_no_time_means_now() -> None:
    assert run_at_or_refuse(None) is None


@pytest.mark.parametrize("ahead", [timedelta(days=-4_000), timedelta(0), timedelta(days=365)])
def test_a_time_up_to_a_year_ahead_is_kept_as_it_was_asked_for(ahead: timedelta) -> None:
    asked = datetime.now(UTC) + ahead

    assert run_at_or_refuse(asked) == asked


def test_a_time_is_judged_in_its_own_zone() -> None:
    far_east = timezone(timedelta(hours=14))
    just_allowed = datetime.now(far_east) + timedelta(days=366) - timedelta(minutes=1)

    assert run_at_or_refuse(just_allowed) == just_allowed


def test_a_time_more_than_a_year_ahead_is_refused_by_its_field() -> None:
    with pytest.raises(InvalidRequest, match=r"\$\.runAt"):
        run_at_or_refuse(datetime.now(UTC) + timedelta(days=366, minutes=1))


@pytest.mark.parametrize("asked", ["0286-09-19T19:56:19-21:29", "0001-01-01T00:00:00+23:59"])
def test_any_zone_and_any_time_gone_by_can_be_stored(asked: str) -> None:
    kept = run_at_or_refuse(datetime.fromisoformat(asked))

    assert kept is not None
    assert kept.tzinfo is UTC
