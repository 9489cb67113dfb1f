"""/telemetry over HTTP: the range, the names, the vendor's text, and the way back to the cards."""

import os
from pathlib import Path
from typing import Any

import pytest

from backend.contract.errors import Conflict, Invalid, Unavailable
from backend.telemetry import texts
from tests.helpers.home import RunningHome
from tests.helpers.nvml import Stub, compile_stub
from tests.helpers.wait import until


def test_the_range_is_the_last_seconds_or_from_to(home: RunningHome) -> None:
    until(lambda: home.ask("GET", "/telemetry")["taken_at"] or None)
    last = home.ask("GET", "/telemetry/history", query={"seconds": 60, "names": "memory/*,cpu/*"})
    assert set(last["values"]) == {"memory/used_bytes", "memory/total_bytes", "cpu/utilization_percent"}
    assert last["lows"].keys() == last["values"].keys() == last["highs"].keys()
    assert last["oldest"] <= last["times"][0]
    first = last["times"][0]
    part = home.ask("GET", "/telemetry/history", query={"from": first - 1, "to": first + 0.001})
    assert part["times"][0] == first


@pytest.mark.parametrize("query", [{"from": 5, "to": 5}, {"from": 9, "to": 5}, {"from": 5, "to": 99999999}])
def test_a_range_that_is_none_is_refused(home: RunningHome, query: dict[str, float]) -> None:
    with pytest.raises(Invalid, match="from must lie before to"):
        home.ask("GET", "/telemetry/history", query=query)


def test_check_again_is_taken(home: RunningHome) -> None:
    assert "host" in home.ask("POST", "/telemetry/check", {})


def test_the_power_limit_of_a_card_is_set_over_the_door(tmp_path: Path) -> None:
    """The daemon's own sensor sees it afterwards; the audit says who set it."""
    stub = Stub(compile_stub(tmp_path), tmp_path / "mode")
    wanted = ("LD_LIBRARY_PATH", "NVML_STUB_FILE")
    with RunningHome(**{name: stub.env()[name] for name in wanted}) as home:
        home.start()

        def card() -> dict[str, Any]:
            return dict(next(iter(home.ask("GET", "/telemetry")["gpus"]), {}))

        until(lambda: card().get("power_limit_max_w") == 350.0)
        assert home.ask("GET", "/telemetry/cards/0/power_limit")["min_w"] == 150.0
        assert home.ask("POST", "/telemetry/cards/0/power_limit", {"watts": 200})["limit_w"] == 200.0
        until(lambda: card()["power_limit_w"] == 200.0)
        with pytest.raises(Invalid, match="150 to 350 W"):
            home.ask("POST", "/telemetry/cards/0/power_limit", {"watts": 9000})
        with pytest.raises(Invalid):
            home.ask("POST", "/telemetry/cards/0/power_limit", {"watts": -1})
        stub.set("forbidden")
        with pytest.raises(Conflict, match="only an administrator"):
            home.ask("POST", "/telemetry/cards/0/power_limit", {"watts": 250})
        told = [entry for entry in home.ask("GET", "/audit")["items"] if entry["action"] == "set_power_limit"]
        assert sorted((entry["after"], entry["result"]) for entry in told) == [
            ("200 W", "done"), ("250 W", "aborted"), ("9000 W", "aborted"),
        ]  # fmt: skip


def test_what_the_vendors_program_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="nvidia-smi is not installed"):
        texts.smi_text("nvidia")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho all well\n")
    program.chmod(0o700)
    assert texts.smi_text("nvidia").text == "all well\n"
    program.write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(Unavailable, match="exit code 9"):
        texts.smi_text("nvidia")
    with pytest.raises(Invalid, match="no such text"):
        texts.smi_text("apple")


def test_a_program_stuck_in_its_driver_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nread line < fifo\n")
    program.chmod(0o700)
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="did not answer"):
        texts.smi_text("nvidia", deadline_s=0.05)
    with (tmp_path / "fifo").open("w") as fifo:
        fifo.write("\n")
