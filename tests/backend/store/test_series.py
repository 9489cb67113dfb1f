"""Series through the database: export in log order, windows, attempts, blocks and tail together."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from backend import failpoints
from backend.store import Store, blocks, series, series_reading
from tests.helpers.stores import a_run, exported_points, make_store, odd_values


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    store.runs.add(a_run())
    yield store
    store.close()


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "BLOCK_POINTS", 64)
    monkeypatch.setattr(series, "TAIL_POINTS", 150)
    monkeypatch.setattr(series, "TAIL_ROWS", 20)


def _mixed(count: int) -> list[series.Point]:
    keys = ("a", "b", "a", "c", "a")
    values = list(islice(odd_values(), count))
    return [
        (keys[i % 5] if i % 97 else "rare", i // 5, 1e9 + i / 7, None if i % 11 == 0 else i / 500, values[i])
        for i in range(count)
    ]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("batch", [1, 7, 149, 150, 1000])
def test_export_is_the_log_whatever_the_batches(tmp_path: Path, store: Store, batch: int) -> None:
    points = _mixed(1200)
    for start in range(0, len(points), batch):
        store.series.append("r1", 1, points[start : start + batch])
    wanted = [
        (key, step, time, repr(float(value) if value is not None else None)) for key, step, time, _, value in points
    ]
    assert exported_points(store) == wanted
    assert store.series.count("r1") == len(points)
    store.close()
    again = make_store(tmp_path)
    again.series.append("r1", 2, points[:10])
    assert exported_points(again) == wanted + wanted[:10]
    again.close()


@pytest.mark.usefixtures("_small")
def test_a_failed_transaction_leaves_nothing_behind(store: Store) -> None:
    points = _mixed(500)
    store.series.append("r1", 1, points[:130])
    failpoints.reset("store.before_commit:raise")
    with pytest.raises(failpoints.FailpointReached):
        store.series.append("r1", 1, points[130:400])
    failpoints.reset("")
    store.series.append("r1", 1, points[130:])
    assert [point[:2] for point in exported_points(store)] == [point[:2] for point in points]


@pytest.mark.usefixtures("_small")
def test_a_long_picture_keeps_extremes_and_a_window_is_exact(store: Store) -> None:
    points: list[series.Point] = [("a", step, 1e9 + step, None, float(step % 13)) for step in range(2000)]
    points[777] = ("a", 777, 1e9 + 777, None, 99.0)
    points[1555] = ("a", 1555, 1e9 + 1555, None, -99.0)
    for start in range(0, 2000, 33):
        store.series.append("r1", 1, points[start : start + 33])
    whole = store.series.read("r1", points=60)["a"]
    assert whole.count == 2000
    assert len(whole.steps) <= 60
    assert {99.0, -99.0} <= set(whole.values)
    assert (whole.steps[0], whole.steps[-1]) == (0, 1999)
    assert list(whole.steps) == sorted(whole.steps)
    window = store.series.read("r1", ["a", "unknown"], 770, 790, 60)
    assert list(window) == ["a"]
    assert window["a"].steps == tuple(range(770, 791))
    assert window["a"].count == 21
    by_time = store.series.read("r1", ["a"], 1e9 + 1500, 1e9 + 1600, 60, "time")["a"]
    assert by_time.count == 101
    assert -99.0 in by_time.values
    wide = store.series.read("r1", ["a"], 100, 1900, 60)["a"]
    assert (wide.count, wide.steps[0], wide.steps[-1]) == (1801, 100, 1900)


def _count_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many blocks each series read unpacks as a whole."""
    read, whole = [], series_reading.whole_blocks

    def counting(connection: Any, ids: Any) -> Any:
        read.append(len(ids))
        return whole(connection, ids)

    monkeypatch.setattr(series_reading, "whole_blocks", counting)
    return read


@pytest.mark.parametrize(
    ("window", "points", "most"),
    [((None, None), 100, 0), ((100, 39_900), 100, 2), ((5_000, 25_000), 1000, 2), ((8_000, 12_000), 2000, 2)],
)
def test_a_picture_reads_outlines_and_the_blocks_at_its_edges(
    store: Store, monkeypatch: pytest.MonkeyPatch, window: tuple[float | None, float | None], points: int, most: int
) -> None:
    steps = 10 * series.BLOCK_POINTS
    spikes = {0: 9.0, 5_001: 11.0, 11_777: -33.0, 24_000: 44.0, steps - 1: 55.0}
    logged = [("a", step, 1e9 + step, None, spikes.get(step, float(step % 7))) for step in range(steps)]
    store.series.append("r1", 1, logged)
    read = _count_blocks(monkeypatch)
    found = store.series.read("r1", ["a"], *window, points)["a"]
    assert sum(read) <= most
    low, high = window[0] or 0, window[1] or steps
    inside = [value for step, value in spikes.items() if low <= step <= high]
    assert set(inside) <= set(found.values)
    assert found.count == min(steps - 1, int(high)) - int(low) + 1
    assert len(found.steps) <= points


def test_blocks_of_the_first_version_are_still_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 6 * series.BLOCK_POINTS
    monkeypatch.setattr(blocks, "pack", blocks._packed)
    store.series.append("r1", 1, [("a", step, 1e9 + step, None, float(step % 7)) for step in range(steps)])
    monkeypatch.undo()
    found = store.series.read("r1", ["a"], 100, 20_000, 1000)["a"]
    assert found.count == 19_901
    assert len(list(store.series.export("r1"))) == steps
    store.series.append("r1", 1, [("a", steps, 1.0, None, 1.0)] * series.TAIL_POINTS)
    assert store.series.count("r1") == steps + series.TAIL_POINTS


@pytest.mark.usefixtures("_small")
def test_later_attempts_supersede_from_their_first_step(store: Store) -> None:
    store.series.append("r1", 1, [("a", step, 1.0, None, 1.0) for step in range(500)])
    store.series.append("r1", 2, [("a", step, 2.0, None, 2.0) for step in range(300, 400)])
    store.series.append("r1", 3, [("a", step, 3.0, None, 3.0) for step in range(350, 360)])
    data = store.series.read("r1", points=1000)["a"]
    assert data.steps == tuple(range(360))
    assert data.values == (1.0,) * 300 + (2.0,) * 50 + (3.0,) * 10
    assert data.count == 360
    assert len(exported_points(store)) == 610
    assert store.series.last("r1")["a"] == (359, 3.0, None, 3.0)


def test_removing_a_run_removes_its_points(store: Store) -> None:
    store.series.append("r1", 1, _mixed(20_000))
    store.runs.remove("r1")
    store.series.forget("r1")
    store.runs.add(a_run("r1"))
    assert exported_points(store) == []
    store.series.append("r1", 1, _mixed(10))
    assert len(exported_points(store)) == 10
    assert all(check.ok for check in store.check())


def test_many_keys_are_read_together_and_none_takes_the_points_of_another(store: Store) -> None:
    names = [f"k{number}" for number in range(3 * series_reading.KEYS_AT_ONCE // 2)]
    count = series.BLOCK_POINTS + 100
    for at, name in enumerate(names):
        store.series.append("r1", 1, [(name, step, 1e9 + step, None, at + step / count) for step in range(count)])
    found = store.series.read("r1", points=1000)
    assert list(found) == names
    for at, name in enumerate(names):
        assert found[name].count == count
        assert at <= min(found[name].values)
        assert max(found[name].values) < at + 1
    few = store.series.read("r1", [names[-1], names[0]], 5, 7)
    assert {name: data.steps for name, data in few.items()} == {names[-1]: (5, 6, 7), names[0]: (5, 6, 7)}
