"""/telemetry over HTTP: the range, the names, the vendor's text, and the way back to the cards."""

import os
from pathlib import Path

import pytest

from backend.contract.errors import Invalid, Unavailable
from backend.telemetry import texts
from tests.helpers.home import RunningHome
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
