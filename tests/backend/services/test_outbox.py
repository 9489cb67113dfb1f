"""Notes for the mirror and the messages they become."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.contract.resources import VersionRecord
from backend.services import outbox
from backend.store import Store
from tests.helpers.stores import a_run, make_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = make_store(tmp_path)
    opened.runs.add(a_run("r1", state="completed", settings={"steps": 3}, tags=("a", "b"), note="n"))
    opened.versions.add_model("sentiment", "text-classification", ("no", "yes"))
    opened.versions.add(
        VersionRecord(model="sentiment", version=0, run_id="r1", path="models/m/1", metrics={"eval/f1": 0.9})
    )
    yield opened
    opened.close()


def messages(store: Store) -> list[dict[str, object]]:
    return [outbox.message(store, item) for item in store.outbox.take(100)]


def test_a_run_that_goes_on_has_no_points_yet_and_one_that_ended_has(store: Store) -> None:
    store.series.append("r1", 1, [("train/loss", 1, 10.0, None, 0.5), ("train/loss", 2, 11.0, None, math.nan)])
    outbox.run_changed(store, "r1")
    (message,) = messages(store)
    body = message["body"]
    assert isinstance(body, dict)
    assert body["metrics"] == [["train/loss", 1, 10.0, 0.5], ["train/loss", 2, 11.0, "nan"]]
    assert body["params"]["steps"] == 3
    assert body["tags"]["tags"] == "a, b"
    store.runs.change("r1", state="running")
    assert outbox.message(store, store.outbox.take(1)[0])["body"]["metrics"] == []


def test_long_series_are_thinned_and_keep_their_extremes(store: Store) -> None:
    values = [math.sin(step / 50) for step in range(30_000)]
    values[12_345] = 99.0
    store.series.append("r1", 1, [("train/loss", step, float(step), None, value) for step, value in enumerate(values)])
    outbox.run_changed(store, "r1")
    points = outbox.message(store, store.outbox.take(1)[0])["body"]["metrics"]
    assert len(points) <= outbox.POINTS_PER_KEY
    assert 99.0 in [value for _, _, _, value in points]


def test_a_deleted_run_is_told(store: Store) -> None:
    outbox.run_changed(store, "gone")
    assert messages(store)[0]["body"] == {"run_id": "gone", "removed": True}


def test_a_version_brings_its_run_along_and_aliases_their_numbers(store: Store) -> None:
    outbox.version_registered(store, "sentiment", 1)
    store.versions.set_alias("sentiment", "champion", 1)
    outbox.aliases_changed(store, "sentiment")
    version, aliases = (message["body"] for message in messages(store))
    assert isinstance(version, dict)
    assert version["run"]["run_id"] == "r1"
    assert version["path"] == str(store.home.root / "models/m/1")
    assert version["tags"]["metric.eval/f1"] == "0.9"
    assert aliases == {"model": "sentiment", "champion": 1, "previous": None}


def test_a_deleted_or_unknown_version_is_told(store: Store) -> None:
    outbox.version_registered(store, "sentiment", 9)
    assert messages(store)[0]["body"] == {"model": "sentiment", "version": 9, "removed": True}


def test_everything_in_the_order_in_which_it_can_be_written(store: Store) -> None:
    outbox.everything(store)
    assert [(item.kind, item.key) for item in store.outbox.take(10)] == [
        ("run", "r1"),
        ("version", "sentiment:1"),
        ("aliases", "sentiment"),
    ]


def test_a_note_of_a_later_version_of_ours_does_nothing(store: Store) -> None:
    store.outbox.add("dance", "x", {})
    assert messages(store)[0]["kind"] == "nothing"
