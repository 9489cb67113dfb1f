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
        "fan_percent": 44.0,
        "sm_clock_mhz": 2520.0,
        "memory_clock_mhz": 10501.0,
        "pcie_rx_bytes_per_s": 1000 * 1024.0,
        "pcie_tx_bytes_per_s": 500 * 1024.0,
        "throttle_reasons": ["power_cap", "thermal_software"],
    }
    assert process["pid"] == os.getpid()
    assert process["memory_bytes"] == 1536 << 20
    assert process["name"]
    assert second["throttle_reasons"] == []  # idle is no throttling
    assert told == []


def test_a_missing_counter_is_null_and_told_once(stub: Stub) -> None:
    stub.set("missing")
    answer, told = read(stub.env())
    first, second = answer["cards"]
    assert (second["temperature_c"], second["fan_percent"]) == (None, None)
    assert second["power_w"] == 215.5
    assert second["processes"][0]["memory_bytes"] is None
    assert first["temperature_c"] == 61.0
    assert told == ["nvidia: temperature: Not Supported", "nvidia: fan: Not Supported"]


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


def test_a_card_cut_into_slices_has_no_utilization_and_still_a_memory(stub: Stub) -> None:
    stub.set("mig")
    answer, _ = read(stub.env())
    assert answer["cards"][0]["utilization_percent"] is None
    assert answer["cards"][0]["memory_used_bytes"] == 2 << 30


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
