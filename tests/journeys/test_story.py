"""The main job through the real window: real daemon, real workers, a model small enough to train in seconds."""

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from console.demo.story import Plan, Story
from tests.helpers import tiny_model
from tests.helpers.home import RunningHome

QUICK = {"max_steps": 12, "batch_size": 16, "max_length": 24, "learning_rate": 1e-3, "eval_every": 6, "epochs": 1}


@pytest.fixture
def home() -> Iterator[RunningHome]:
    with RunningHome() as home:
        yield home.start()


@pytest.mark.timeout(540)
def test_from_data_to_drift_alert_with_real_clicks(qtbot: QtBot, home: RunningHome) -> None:
    tiny_model.build(home.root / "base")
    told: list[str] = []
    plan = Plan(base_model=str(home.root / "base"), training=QUICK, patience_s=150.0)
    story = Story(home.home, None, plan, told.append)
    try:
        story.run()
        model = story.state.models[story.model]
        endpoint = story.state.endpoints_of(story.model)[0]
        assert (model.champion, model.previous) == (1, 2)
        assert (endpoint.live_version, endpoint.standby_version) == (1, 2)
        assert story.traffic is not None
        assert story.traffic.failed() == 0
        assert {answer.version for answer in story.traffic.answers if answer.version} == {1, 2}
        assert any(line.startswith("drift alert") for line in told)
    finally:
        story.close()
    history = [entry["action"] for entry in home.ask("GET", f"/models/{story.model}/history")["items"]]
    assert [action for action in history if action in ("promote", "rollback")].count("rollback") == 1
    assert home.ask("GET", "/audit/verify")["ok"]
    assert home.json("doctor")["ok"]
