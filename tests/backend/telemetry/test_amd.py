"""The AMD probe on a module with AMD SMI's own names and answers."""

import sys
from collections.abc import Iterator

import pytest

from backend.telemetry import amd
from backend.telemetry.amd import AmdProbe
from tests.helpers import fake_amdsmi


@pytest.fixture
def smi(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "amdsmi", fake_amdsmi)
    monkeypatch.setattr(fake_amdsmi, "MODE", "normal")
    return


@pytest.mark.usefixtures("smi")
def test_every_reading_in_our_units() -> None:
    probe = AmdProbe()
    assert probe.open() is None
    first, second = probe.read()
    probe.close()
    assert first.model_dump(exclude={"processes", "slices"}) == {
        "index": 0,
        "uuid": "e8ff74a1-0000-1000-80c1-card-0",
        "name": "AMD Instinct MI300X",
        "vendor": "amd",
        "lost": None,
        "utilization_percent": 93.0,
        "memory_used_bytes": 4096 << 20,
        "memory_total_bytes": 196592 << 20,
        "temperature_c": 63.0,  # the hot spot: this card has no sensor at the edge
        "power_w": 512.0,
        "power_limit_w": 750.0,
        "power_limit_min_w": None,
        "power_limit_max_w": None,
        "fan_percent": 20.0,
        "sm_clock_mhz": 2100.0,
        "sm_clock_max_mhz": None,
        "memory_clock_mhz": None,
        "pcie_rx_bytes_per_s": None,
        "pcie_tx_bytes_per_s": None,
        "throttle_reasons": ("power_cap", "thermal_hardware"),
        "ecc_uncorrected": 1,
        "xid": None,
    }
    (process,) = first.processes
    assert (process.pid, process.memory_bytes) == (1, 3 << 30)
    assert process.name  # AMD SMI does not say; the system does
    assert (second.utilization_percent, second.power_w, second.throttle_reasons) == (None, 498.0, None)


@pytest.mark.usefixtures("smi")
def test_a_card_that_refuses_everything_is_unknown_never_zero(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fake_amdsmi, "MODE", "refuse")
    probe = AmdProbe()
    assert probe.open() is None
    card = [probe.read() for _ in range(3)][-1][0]
    assert card.name == "AMD GPU"
    unknown = card.model_dump(exclude={"index", "vendor", "name", "processes", "slices"})
    assert set(unknown.values()) == {None}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == len(set(told))  # each refusal once


@pytest.mark.parametrize(
    ("mode", "here", "said"),
    [
        ("missing", False, ""),
        ("missing", True, "amdsmi) is missing"),
        ("init", False, ""),
        ("init", True, "AMD SMI cannot be used"),
        ("broken", True, "wrong ELF class"),
        ("none", False, ""),
        ("none", True, "sees no card"),
    ],
)
def test_what_is_missing_is_told_only_where_there_is_a_card(
    smi: None, monkeypatch: pytest.MonkeyPatch, mode: str, here: bool, said: str
) -> None:
    monkeypatch.setattr(fake_amdsmi, "MODE", mode)
    if mode == "missing":
        monkeypatch.setitem(sys.modules, "amdsmi", None)
    monkeypatch.setattr(amd, "DEVICE", "/" if here else "/nowhere/kfd")
    why = AmdProbe().open()
    assert why is not None
    assert (said in why) if said else why == ""


def test_the_greatest_numbers_mean_unknown() -> None:
    assert [amd.known(value) for value in (0, 5.5, "N/A", 0xFFFF, 0xFFFFFFFFFFFFFFFF, None, True)] == [
        0.0, 5.5, None, None, None, None, None,
    ]  # fmt: skip
