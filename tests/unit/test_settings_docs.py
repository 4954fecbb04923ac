from pathlib import Path

import pytest

from tasktracker_server.settings import SETTINGS, Setting

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented_with_its_flag_and_meaning(setting: Setting) -> None:
    (row,) = [line for line in PAGE.splitlines() if f"`{setting.env}`" in line]

    assert f"`{setting.flag}`" in row
    assert setting.say.doc in row
