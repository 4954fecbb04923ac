"""When a pause between looks at leases is one."""

import pytest

from tasktracker_server.service.lapsing import pause_seconds


@pytest.mark.parametrize("sweep_seconds", [0.05, 0.5, 5, 60])
def test_looks_as_far_apart_as_the_setting_has_them_are_no_pause(sweep_seconds: float) -> None:
    # A look is up to a fifth later than the setting says, and what it finds takes a while.
    assert pause_seconds(sweep_seconds) > 2 * 1.2 * sweep_seconds
    assert pause_seconds(sweep_seconds) >= 3
