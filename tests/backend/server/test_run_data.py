"""What a run has said, over the real interface: thousands of series, windows, limits that say what would be right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contract import packed
from backend.contract.base import number_from_json
from backend.contract.errors import Refused
from tests.helpers.foreign import event_file, scalar
from tests.helpers.home import RunningHome


def test_a_run_with_more_series_than_may_be_named_opens_thinner(home: RunningHome) -> None:
    run = home.start_run(steps=300, rate_hz=5000, points_per_step=300)
    home.wait_run(run["id"])
    whole = home.ask("GET", f"/runs/{run['id']}/series", query={"points": 4000})
    keys = home.ask("GET", f"/runs/{run['id']}/keys")["items"]
    assert len(keys) >= 300
    assert set(whole["series"]) == set(keys)
    assert max(len(found["steps"]) for found in whole["series"].values()) <= 667
    assert {found["count"] for found in whole["series"].values()} >= {300}
    some = ",".join(keys[:200])
    assert len(home.ask("GET", f"/runs/{run['id']}/series", query={"keys": some})["series"]) == 200
    with pytest.raises(Refused, match="too many at once"):
        home.ask("GET", f"/runs/{run['id']}/series", query={"keys": ",".join(keys[:201])})


def test_who_asks_for_packed_columns_gets_the_points_of_the_json(home: RunningHome) -> None:
    run = home.start_run(steps=300, rate_hz=5000, points_per_step=4, nan_at_step=40)
    home.wait_run(run["id"])
    path, query = f"/runs/{run['id']}/series", {"points": 100, "from": 20, "to": 290}
    whole = home.ask("GET", path, query=query)
    with home.client.stream(path, query, accept=packed.MEDIA_TYPE) as parts:
        found = packed.unpack(b"".join(parts))
    assert (found.run_id, found.next_event) == (run["id"], whole["next_event"])
    assert list(found.series) == list(whole["series"])
    for key, told in whole["series"].items():
        one = found.series[key]
        unknown = np.zeros(len(one.steps), np.uint8) if one.flags is None else one.flags
        for name, flag in (("steps", 0), ("times", 0), ("epochs", packed.NO_EPOCH), ("values", packed.NO_VALUE)):
            column = [number_from_json(number) for number in told[name]]
            assert [number is None for number in column] == [bool(mark & flag) for mark in unknown]
            known = [number for number in column if number is not None]
            assert np.array_equal(known, getattr(one, name)[unknown & flag == 0], equal_nan=True)
        assert one.count == told["count"]
    assert any(np.isnan(one.values).any() for one in found.series.values())


NAMES = ("a,b", " spaces ", "<img src=x onerror=alert(1)>", "n" * 9_000)


def _imported(home: RunningHome, path: Path) -> dict[str, Any]:
    operation = home.ask("POST", "/runs/import", {"path": str(path)})
    while operation["state"] == "running":
        operation = home.ask("GET", f"/operations/{operation['id']}", query={"wait": 10})
    assert operation["state"] == "done", operation["error"]
    with pytest.raises(Refused, match="nothing to cancel"):
        home.ask("POST", f"/operations/{operation['id']}/cancel")
    found: dict[str, Any] = operation["result"]["runs"][0]
    return found


def test_a_spoilt_event_file_with_hostile_names_is_there_to_the_last_good_point(
    home: RunningHome, tmp_path: Path
) -> None:
    events = [scalar(step, 1e9 + step, **dict.fromkeys(NAMES, 0.5)) for step in range(30)]
    path = event_file(tmp_path / "events.out.tfevents.1", events)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    run = _imported(home, path)
    assert any("checksum" in text or "damaged" in text for text in run["left_out"])
    for name in NAMES:
        found = home.ask("GET", f"/runs/{run['id']}/series", query={"key": name, "points": 100})["series"]
        assert list(found) == [name]
        assert found[name]["count"] == 29
    with pytest.raises(Refused, match="language"):
        home.ask("GET", f"/runs/{run['id']}/report", query={"language": "tlh"})
    assert home.ask("GET", f"/runs/{run['id']}/telemetry", query={"from": 5, "to": 4})["times"] == []


def test_a_table_of_mixed_columns_keeps_its_numbers_and_names_the_rest(home: RunningHome, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss,note\n1,0.5,good\n2,oops,9\n3,0.25,\n")
    run = _imported(home, tmp_path / "log.csv")
    assert any("oops" in text and "line 3" in text for text in run["left_out"])
    assert home.ask("GET", f"/runs/{run['id']}/series")["series"]["loss"]["values"] == [0.5, 0.25]


def test_the_last_good_run_is_told_with_what_differs(home: RunningHome) -> None:
    first = home.wait_run(home.start_run(steps=3, rate_hz=0)["id"])
    second = home.wait_run(home.start_run(steps=4, rate_hz=0)["id"])
    found = home.ask("GET", f"/runs/{second['id']}/last_good")
    assert (found["run_id"], found["name"], found["same"]) == (first["id"], first["name"], "data")
    assert found["differences"] == [{"name": "settings.steps", "this": 4, "other": 3}]
    with pytest.raises(Refused, match="no run"):
        home.ask("GET", "/runs/nobody/last_good")
