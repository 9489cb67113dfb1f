"""The Environment tab: what the worker reported, and what differs from the last good run."""

import json
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.pages.run.environment_tab import EnvironmentTab
from console.pages.run.facts_tab import flatten
from tests.console.pages.conftest import Desk

PATH = "/runs/r1/last_good"
ENVIRONMENT = {"python": "3.11.9", "packages": {"torch": "2.13.0"}, "commit": "abc"}
GOOD = {
    "run_id": "r0", "name": "movie-s41", "ended_at": 900.0, "same": "data",
    "differences": [
        {"name": "packages.torch", "this": "2.13.0", "other": "2.12.0"},
        {"name": "settings.bf16", "this": True, "other": None},
    ],
}  # fmt: skip


def a_run(**fields: Any) -> RunRecord:
    known = {"id": "r1", "name": "movie-s42", "recipe": "text_classification", "state": "failed"}
    return RunRecord(**{**known, "environment": ENVIRONMENT, **fields})


@pytest.fixture
def tab(desk: Desk, qtbot: QtBot) -> EnvironmentTab:
    tab = EnvironmentTab(desk.context, a_run())
    qtbot.addWidget(tab)
    tab.resize(1000, 500)
    tab.show()
    tab.show_run(a_run())
    return tab


def test_what_differs_stands_beside_and_is_marked(desk: Desk, tab: EnvironmentTab, qtbot: QtBot) -> None:
    assert tab.view.isColumnHidden(2)  # nothing to compare with yet
    desk.link.last("GET", PATH).succeed(GOOD)
    assert tab.model.rows() == [
        ("python", "3.11.9", "3.11.9"), ("packages.torch", "2.13.0", "2.12.0"), ("commit", "abc", "abc"),
        ("settings.bf16", "true", "—"),
    ]  # fmt: skip
    assert tab._marked == {"packages.torch", "settings.bf16"}
    assert not tab.view.isColumnHidden(2)
    assert tab.note.text().startswith("2 differ from movie-s41, ")
    qtbot.mouseClick(tab._only, Qt.MouseButton.LeftButton)
    assert [row[0] for row in tab.model.rows()] == ["packages.torch", "settings.bf16"]
    qtbot.mouseClick(tab._open, Qt.MouseButton.LeftButton)
    assert desk.places == ["run/r0"]
    tab._on_copy()
    assert json.loads(desk.copied[0])["last_good_run"]["differences"][0]["other"] == "2.12.0"


def test_without_a_good_run_it_says_so(desk: Desk, tab: EnvironmentTab) -> None:
    desk.link.last("GET", PATH).succeed({"run_id": None})
    assert tab.note.text().startswith("No completed run with this recipe")
    assert tab.view.isColumnHidden(2)
    assert not tab._open.isVisible()
    assert not tab._only.isVisible()


def test_it_asks_again_after_a_refusal_and_when_the_worker_has_reported(desk: Desk, tab: EnvironmentTab) -> None:
    def asked() -> int:
        return len([each for each in desk.link.asked if each.path == PATH])

    desk.link.last("GET", PATH).refuse("Backend does not answer.")
    assert tab.note.text() == "Backend does not answer."
    tab.show_run(a_run())
    assert asked() == 2
    desk.link.last("GET", PATH).succeed(GOOD)
    tab.show_run(a_run(step=9))
    assert asked() == 2
    tab.show_run(a_run(environment={**ENVIRONMENT, "driver": "550"}))
    assert asked() == 3


def test_nothing_differs_is_said(desk: Desk, tab: EnvironmentTab, qtbot: QtBot) -> None:
    desk.link.last("GET", PATH).succeed({**GOOD, "differences": []})
    assert tab.note.text().startswith("Nothing differs from movie-s41")
    qtbot.mouseClick(tab._only, Qt.MouseButton.LeftButton)
    assert tab.model.rows() == []
    assert tab.view._empty_text == "Nothing differs."


def test_values_stand_as_yaml_writes_them() -> None:
    tree = {"bf16": True, "flags": [True, False, None], "rate": 5e-5, "inner": {"none": None}}
    assert flatten(tree) == [
        ("bf16", "true"), ("flags", "true, false, —"), ("rate", "5e-05"), ("inner.none", "—"),
    ]  # fmt: skip
