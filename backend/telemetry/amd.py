"""AMD cards through AMD SMI: the only file that imports amdsmi, which comes with ROCm and is not ours to install.

Units as AMD SMI gives them: MB of memory, °C, W, but µW for the power limit; "N/A" and the greatest numbers of a type
mean unknown. A missing library is a quiet "not available" where there is no AMD card.
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from backend.contract.resources import GpuProcess, GpuReading
from backend.telemetry.host import process_name

DEVICE = "/dev/kfd"
"""The driver's door for computing; without it no program can use an AMD card."""

REASONS = (
    ("active_ppt_pwr", "power_cap"),
    ("active_prochot_thrm", "thermal_hardware"),
    ("active_socket_thrm", "thermal_hardware"),
    ("active_vr_thrm", "thermal_hardware"),
    ("active_hbm_thrm", "thermal_hardware"),
)
MEGABYTE = 1 << 20
UNKNOWN = frozenset({0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})


class AmdProbe:
    """Every AMD card that AMD SMI lists."""

    vendor = "amd"

    def __init__(self) -> None:
        self._smi: Any = None
        self._handles: list[Any] = []
        self._fixed: dict[int, dict[str, Any]] = {}
        self._told: set[tuple[str, str]] = set()

    def open(self) -> str | None:
        """Load AMD SMI and list the cards; empty when there is nothing of AMD here."""
        if self._smi is None:
            why = self._load()
            if why is not None:
                return why
        self._handles = list(self._ask("handles", self._smi.amdsmi_get_processor_handles) or [])
        return None if self._handles else ("AMD SMI is loaded, but it sees no card." if os.path.exists(DEVICE) else "")

    def _load(self) -> str | None:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # it may print, and our output belongs to the samples
                smi = importlib.import_module("amdsmi")
                smi.amdsmi_init()
        except ImportError:
            return "There is an AMD card, but AMD SMI (the Python package amdsmi) is missing." if _has_card() else ""
        except Exception as error:  # noqa: BLE001 loading foreign libraries fails in many ways: KeyError, OSError, its own
            return f"AMD SMI cannot be used: {_one_line(error)}." if _has_card() else ""
        self._smi = smi
        return None

    def close(self) -> None:
        if self._smi is not None:
            self._ask("shutdown", self._smi.amdsmi_shut_down)
            self._smi = None

    def read(self) -> list[GpuReading]:
        return [self._card(index, handle) for index, handle in enumerate(self._handles)]

    def _card(self, index: int, handle: Any) -> GpuReading:
        if index not in self._fixed:
            self._fixed[index] = self._names(handle)
        return GpuReading(index=index, vendor=self.vendor, **self._fixed[index], **self._values(handle))

    def _names(self, handle: Any) -> dict[str, Any]:
        about = self._ask("name", self._smi.amdsmi_get_gpu_asic_info, handle) or {}
        name = about.get("market_name")
        return {
            "name": name if isinstance(name, str) and name != "N/A" else "AMD GPU",
            "uuid": self._ask("uuid", self._smi.amdsmi_get_gpu_device_uuid, handle),
        }

    def _values(self, handle: Any) -> dict[str, Any]:
        smi, ask = self._smi, self._ask
        load = ask("utilization", smi.amdsmi_get_gpu_activity, handle) or {}
        memory = ask("memory", smi.amdsmi_get_gpu_vram_usage, handle) or {}
        power = ask("power", smi.amdsmi_get_power_info, handle) or {}
        cap = ask("power_limit", smi.amdsmi_get_power_cap_info, handle) or {}
        ecc = ask("ecc", smi.amdsmi_get_gpu_total_ecc_count, handle) or {}
        limit = known(cap.get("power_cap"))
        return {
            "utilization_percent": known(load.get("gfx_activity")),
            "memory_used_bytes": _megabytes(memory.get("vram_used")),
            "memory_total_bytes": _megabytes(memory.get("vram_total")),
            "temperature_c": self._temperature(handle),
            "power_w": _first(power, "current_socket_power", "average_socket_power", "socket_power"),
            "power_limit_w": None if not limit else limit / 1e6,
            "fan_percent": self._fan(handle),
            "sm_clock_mhz": self._clock(handle, "GFX"),
            "memory_clock_mhz": self._clock(handle, "MEM"),
            "throttle_reasons": self._throttling(handle),
            "ecc_uncorrected": _whole(ecc.get("uncorrectable_count")),
            "processes": self._processes(handle),
        }

    def _temperature(self, handle: Any) -> float | None:
        """At the edge, which desktop cards have, else the hot spot, which data centre cards have."""
        smi = self._smi
        for kind in (smi.AmdSmiTemperatureType.EDGE, smi.AmdSmiTemperatureType.HOTSPOT):
            now = smi.AmdSmiTemperatureMetric.CURRENT
            value = known(self._ask(f"temperature_{kind.name}", smi.amdsmi_get_temp_metric, handle, kind, now))
            if value is not None:
                return value
        return None

    def _fan(self, handle: Any) -> float | None:
        speed = known(self._ask("fan", self._smi.amdsmi_get_gpu_fan_speed, handle, 0))
        most = known(self._ask("fan_max", self._smi.amdsmi_get_gpu_fan_speed_max, handle, 0))
        return None if speed is None or not most else 100.0 * speed / most

    def _clock(self, handle: Any, kind: str) -> float | None:
        chosen = getattr(self._smi.AmdSmiClkType, kind)
        return known((self._ask(f"clock_{kind}", self._smi.amdsmi_get_clock_info, handle, chosen) or {}).get("clk"))

    def _throttling(self, handle: Any) -> tuple[str, ...] | None:
        found = self._ask("throttle_reasons", self._smi.amdsmi_get_violation_status, handle)
        if found is None:
            return None
        return tuple(dict.fromkeys(text for field, text in REASONS if found.get(field) is True))

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...]:
        found: dict[int, GpuProcess] = {}
        for process in self._ask("processes", self._smi.amdsmi_get_gpu_process_list, handle) or []:
            pid = int(process["pid"])
            given = process.get("name")
            name = given if isinstance(given, str) and given != "N/A" else process_name(pid)
            memory = _whole((process.get("memory_usage") or {}).get("vram_mem")) or _whole(process.get("mem"))
            found[pid] = GpuProcess(pid=pid, name=os.path.basename(name), memory_bytes=memory)
        return tuple(found.values())

    def _ask(self, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """The answer, or None; a refusal is told once per reading and kind."""
        try:
            return call(*arguments)
        except Exception as error:  # noqa: BLE001 AmdSmiException and, from a mismatched driver, whatever ctypes raises
            kind = (what, _one_line(error))
            if kind not in self._told:
                self._told.add(kind)
                print(f"amd: {what}: {kind[1]}", file=sys.stderr, flush=True)
            return None


def known(value: Any) -> float | None:
    """A number AMD SMI is sure of; "N/A" and the greatest number of a type are unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value in UNKNOWN:
        return None
    return float(value)


def _first(values: dict[str, Any], *names: str) -> float | None:
    return next((value for name in names if (value := known(values.get(name))) is not None), None)


def _whole(value: Any) -> int | None:
    number = known(value)
    return None if number is None else int(number)


def _megabytes(value: Any) -> int | None:
    number = known(value)
    return None if number is None else int(number * MEGABYTE)


def _has_card() -> bool:
    return os.path.exists(DEVICE)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
