"""Settings: declared types, atomic file, rubbish tolerated, a newer version's keys kept."""

import json
from pathlib import Path

import pytest

from console.settings import FRAME_RATE, SMOOTHING, TABLES, THEME, WINDOW_PLACE, Settings


def test_values_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    first = Settings(path)
    first.set(THEME, "light")
    first.set_entry(TABLES, "runs", {"hidden": ["f1"]})
    second = Settings(path)
    assert second.get(THEME) == "light"
    assert second.entry(TABLES, "runs") == {"hidden": ["f1"]}
    assert [p.name for p in tmp_path.iterdir()] == ["console.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00\xff", "null", '"text"'])
def test_a_damaged_file_is_set_aside(tmp_path: Path, content: str) -> None:
    path = tmp_path / "console.json"
    path.write_text(content, encoding="latin-1")
    made = Settings(path)
    assert made.get(THEME) == THEME.default
    assert (tmp_path / "console.json.damaged").exists()
    made.set(THEME, "light")
    assert Settings(path).get(THEME) == "light"


def test_wrong_values_in_the_file_give_defaults_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text(json.dumps({"theme": "pink", "charts.frame_rate": 30, "window.place": 7}), encoding="utf-8")
    made = Settings(path)
    assert made.get(THEME) == "dark"
    assert made.get(FRAME_RATE) == 30
    assert made.get(WINDOW_PLACE) == []


def test_keys_of_a_newer_version_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    path.write_text('{"from.the.future": 1}', encoding="utf-8")
    Settings(path).set(THEME, "light")
    assert json.loads(path.read_text(encoding="utf-8"))["from.the.future"] == 1


@pytest.mark.parametrize("value", [0, 61, "30", True, 2.5])
def test_values_out_of_bounds_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="frame_rate"):
        Settings(None).set(FRAME_RATE, value)


def test_changes_are_told_once_and_lists_are_copies() -> None:
    made, told = Settings(None), []
    made.on(SMOOTHING, told.append)
    made.set(SMOOTHING, 0.5)
    made.set(SMOOTHING, 0.5)
    assert told == [0.5]
    made.get(WINDOW_PLACE).append(1)
    assert made.get(WINDOW_PLACE) == []
