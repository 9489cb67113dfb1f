"""Settings that change under way: what the worker says becomes what the run shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.clock import ManualClock
from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import RunRecord
from backend.services.ingest import Ingest
from backend.store import Store
from tests.helpers.stores import a_job, a_run, make_store

SETTINGS = TextClassificationSettings().model_dump()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    waiting = {"learning_rate": 1e-5, "group_by_length": False}
    store.runs.add(a_run(recipe="text_classification", settings=SETTINGS, pending_settings=waiting))
    yield store
    store.close()


def _hear(store: Store, *lines: tuple[str, dict[str, Any]]) -> RunRecord:
    log = a_job(store.home)
    for kind, fields in lines:
        log.append(kind, fields)
    log.close()
    Ingest(store, store.home, ManualClock()).poll()
    run = store.runs.get("r1")
    assert run is not None
    return run


def _done(settings: dict[str, Any], *, ok: bool = True) -> tuple[str, dict[str, Any]]:
    fields = {"command_id": "c", "command": "apply_settings", "ok": ok, "text": "no", "result": {"settings": settings}}
    return "command_done", fields


def _applied(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    before = {name: SETTINGS[name] for name in settings}
    text = "Like lengths meet from epoch 2 on."
    return "settings_applied", {"step": 40, "settings": settings, "before": before, "text": text}


def test_an_applied_change_is_a_mark_and_the_settings_of_the_run(store: Store) -> None:
    change = {"learning_rate": 1e-5, "group_by_length": False}
    run = _hear(store, ("started", {"attempt": 1, "pid": 5}), _applied(change), _done(change))
    assert (run.settings["learning_rate"], run.settings["group_by_length"]) == (1e-5, False)
    assert run.changed_settings == ("learning_rate", "group_by_length")
    assert run.pending_settings == {}
    (event,) = [event for event in store.runs.events("r1") if event.kind == "settings"]
    assert event.step == 40
    assert event.text == (
        "Changed: learning rate 5e-05 → 1e-05, group by length on → off. Like lengths meet from epoch 2 on."
    )


def test_a_refused_change_waits_no_more_and_says_why(store: Store) -> None:
    run = _hear(store, ("started", {"attempt": 1, "pid": 5}), _done({"group_by_length": False}, ok=False))
    assert run.pending_settings == {"learning_rate": 1e-5}
    assert run.settings == SETTINGS
    assert store.runs.events("r1")[-1].text == "apply settings was refused: no"


def test_an_answer_to_an_older_wish_leaves_the_newer_one_waiting(store: Store) -> None:
    run = _hear(store, _done({"learning_rate": 3e-5}))
    assert run.pending_settings == {"learning_rate": 1e-5, "group_by_length": False}


def test_a_resumed_attempt_shows_its_checkpoints_settings_and_what_was_lost(store: Store) -> None:
    started = {"attempt": 2, "pid": 5, "resumed_from_step": 20, "settings": {"learning_rate": 2e-5, "batch_size": 32}}
    run = _hear(store, ("started", started))
    assert run.settings["learning_rate"] == 2e-5
    assert run.pending_settings == {}
    (event,) = [event for event in store.runs.events("r1") if event.data.get("code") == "settings_lost"]
    assert event.text == (
        "The change of learning_rate, group_by_length was lost: the run ended before its next checkpoint"
    )
