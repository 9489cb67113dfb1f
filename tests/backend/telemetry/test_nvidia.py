"""The NVIDIA probe through the real pynvml on a stub library: each process loads NVML once, so each mode runs in a
child."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.helpers.nvml import Stub

READ = """
import json
from backend.telemetry.nvidia import NvidiaProbe
probe = NvidiaProbe()
why = probe.open()
cards = [probe.read() for _ in range(3)] if why is None else [[]]
probe.close()
print(json.dumps({"why": why, "cards": [card.model_dump() for card in cards[-1]]}))
"""


def read(env: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    done = subprocess.run([sys.executable, "-c", READ], env=env, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout), done.stderr.splitlines()


def test_every_reading_of_two_cards(stub: Stub) -> None:
    answer, told = read(stub.env(NVML_STUB_PID=str(os.getpid())))
    assert answer["why"] is None
    first, second = answer["cards"]
    process = first.pop("processes")[0]
    assert first == {
        "index": 0,
        "uuid": "GPU-stub-0",
        "name": "Stub RTX 4000",
        "vendor": "nvidia",
        "lost": None,
        "utilization_percent": 38.0,
        "memory_used_bytes": 2 << 30,
        "memory_total_bytes": 24 << 30,
        "temperature_c": 61.0,
        "power_w": 215.5,
        "power_limit_w": 320.0,
        "power_limit_min_w": 150.0,
        "power_limit_max_w": 350.0,
        "fan_percent": 44.0,
        "sm_clock_mhz": 2520.0,
        "sm_clock_max_mhz": 3105.0,
        "memory_clock_mhz": 10501.0,
        "pcie_rx_bytes_per_s": 1000 * 1024.0,
        "pcie_tx_bytes_per_s": 500 * 1024.0,
        "throttle_reasons": ["power_cap", "thermal_software"],
        "ecc_uncorrected": 0,
        "xid": None,
        "slices": [],
    }
    assert process["pid"] == os.getpid()
    assert process["memory_bytes"] == 1536 << 20
    assert process["name"]
    assert second["throttle_reasons"] == []  # idle is no throttling
    assert second["ecc_uncorrected"] is None
    assert told == ["nvidia: mig_mode: Not Supported", "nvidia: ecc: Not Supported"]


def test_a_missing_counter_is_null_and_told_once(stub: Stub) -> None:
    stub.set("missing")
    answer, told = read(stub.env())
    first, second = answer["cards"]
    assert (second["temperature_c"], second["fan_percent"]) == (None, None)
    assert second["power_w"] == 215.5
    assert second["processes"][0]["memory_bytes"] is None
    assert first["temperature_c"] == 61.0
    assert told.count("nvidia: temperature: Not Supported") == 1
    assert told.count("nvidia: fan: Not Supported") == 1


def test_a_card_without_a_power_limit_has_no_bounds(stub: Stub) -> None:
    stub.set("unlimited")
    answer, told = read(stub.env())
    first, _second = answer["cards"]
    assert (first["power_limit_min_w"], first["power_limit_max_w"], first["power_limit_w"]) == (None, None, 320.0)
    assert told.count("nvidia: power_limits: Not Supported") == 1


def test_a_lost_card_says_so_and_leaves_the_other_alone(stub: Stub) -> None:
    stub.set("lost")
    answer, _ = read(stub.env())
    first, second = answer["cards"]
    assert first["lost"] is None
    assert first["utilization_percent"] == 38.0
    assert second["lost"] == "GPU is lost"
    assert second["utilization_percent"] is None


def test_an_old_driver_gives_the_first_version_of_the_memory(stub: Stub) -> None:
    stub.set("old")
    answer, _ = read(stub.env())
    assert answer["cards"][0]["memory_used_bytes"] == 3 << 30


def test_a_card_cut_into_slices_has_them_with_memory_and_processes_and_no_invented_utilization(stub: Stub) -> None:
    stub.set("mig")
    answer, _ = read(stub.env(NVML_STUB_PID="4711"))
    card, other = answer["cards"]
    assert card["utilization_percent"] is None
    assert card["memory_used_bytes"] == 2 << 30
    first, second = card["slices"]
    assert [(part["index"], part["uuid"], part["name"]) for part in (first, second)] == [
        (0, "MIG-stub-0", "3g.20gb"),
        (1, "MIG-stub-3", "1g.5gb"),
    ]
    assert (first["gpu_instance"], first["compute_instance"]) == (2, 0)
    assert (first["memory_used_bytes"], first["memory_total_bytes"]) == (1 << 30, 20 << 30)
    assert first["utilization_percent"] is None
    assert [process["pid"] for process in first["processes"]] == [4711]
    assert [process["pid"] for process in second["processes"]] == [4712]
    assert [process["pid"] for process in card["processes"]] == [4711, 4712]
    assert other["slices"] == []
    assert other["utilization_percent"] == 39.0


def test_a_critical_error_of_a_card_is_named(stub: Stub) -> None:
    stub.set("xid")
    answer, _ = read(stub.env())
    first, second = answer["cards"]
    assert (first["xid"], first["lost"]) == (None, None)
    assert second["xid"] == 79
    assert second["lost"] == "GPU is lost (Xid 79)"


def test_eight_cards(stub: Stub) -> None:
    answer, _ = read(stub.env(NVML_STUB_CARDS="8"))
    assert [card["uuid"] for card in answer["cards"]] == [f"GPU-stub-{index}" for index in range(8)]


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("no_permission", "may not read the NVIDIA driver"),
        ("not_loaded", "installed but not loaded"),
        ("mismatch", "different versions"),
        ("empty", "sees no card"),
    ],
)
def test_each_reason_for_no_card_has_its_own_sentence(stub: Stub, mode: str, text: str) -> None:
    stub.set(mode)
    answer, _ = read(stub.env())
    assert text in answer["why"]
    assert answer["cards"] == []


def test_without_the_library_it_says_so_quietly(tmp_path: Any) -> None:
    if os.path.exists("/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"):
        pytest.skip("this machine has a driver")
    answer, told = read({**os.environ, "LD_LIBRARY_PATH": str(tmp_path)})
    assert answer["why"] == "No NVIDIA driver: libnvidia-ml.so.1 is not installed."
    assert told == []
