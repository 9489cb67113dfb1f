"""What a run has said, over the real interface: thousands of series, windows, limits that say what would be right."""

import pytest

from backend.contract.errors import Refused
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
