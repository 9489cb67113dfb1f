"""NVIDIA cards through NVML: the only file that imports pynvml.

Every reading is one call that may be unsupported, forbidden or gone; it is None then, and each kind of refusal is
written to
standard error once.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from backend.contract.resources import GpuProcess, GpuReading
from backend.telemetry.host import process_name

T = TypeVar("T")

REASONS: tuple[tuple[int, str], ...] = (
    (pynvml.nvmlClocksEventReasonSwPowerCap, "power_cap"),
    (pynvml.nvmlClocksEventReasonHwSlowdown, "hardware_slowdown"),
    (pynvml.nvmlClocksEventReasonSwThermalSlowdown, "thermal_software"),
    (pynvml.nvmlClocksEventReasonHwThermalSlowdown, "thermal_hardware"),
    (pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown, "power_brake"),
    (pynvml.nvmlClocksEventReasonSyncBoost, "sync_boost"),
)
"""Bits that mean the card runs slower than it could. Idle and chosen clocks are no throttling and are left out."""

LOST = (pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED)
"""After these the card does not come back before a reset."""

WHY_NOT: dict[int, str] = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "No NVIDIA driver: libnvidia-ml.so.1 is not installed.",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: (
        "The NVIDIA driver is installed but not loaded. Load it, or restart the machine."
    ),
    pynvml.NVML_ERROR_NO_PERMISSION: "This user may not read the NVIDIA driver. Ask for access to /dev/nvidia*.",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
        "The NVIDIA driver and its library have different versions, as after an update. Restart the machine."
    ),
}

PCIE_EVERY_S = 0.9
"""Each PCIe counter makes the driver watch the bus for 20 ms, so it is read about once a second at most."""


class NvidiaProbe:
    """Every NVIDIA card. Cards in MIG mode show what the driver still tells of the whole card."""

    vendor = "nvidia"

    def __init__(self) -> None:
        self._open = False
        self._fixed: dict[int, dict[str, Any]] = {}
        self._pcie: dict[int, tuple[float, float | None, float | None]] = {}
        self._told: set[tuple[str, int]] = set()
        self._lost: str | None = None  # set by a reading of the present card that says so

    def open(self) -> str | None:
        """Initialize NVML and count the cards."""
        try:
            if not self._open:
                pynvml.nvmlInit()
                self._open = True
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            return WHY_NOT.get(error.value, f"The NVIDIA driver cannot be read: {error}.")
        except OSError as error:
            return f"The NVIDIA library cannot be loaded: {error}."
        return None if count else "The NVIDIA driver is loaded, but it sees no card."

    def close(self) -> None:
        if self._open:
            self._open = False
            self._ask("shutdown", pynvml.nvmlShutdown)

    def read(self) -> list[GpuReading]:
        count = self._ask("count", pynvml.nvmlDeviceGetCount) or 0
        return [self._card(index) for index in range(count)]

    def _card(self, index: int) -> GpuReading:
        self._lost = None
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        except pynvml.NVMLError as error:
            return GpuReading(index=index, lost=str(error), **self._fixed.get(index, {}))
        if index not in self._fixed:
            self._fixed[index] = self._names(handle)
        values = self._values(handle)
        if self._lost:
            return GpuReading(index=index, lost=self._lost, **self._fixed[index])
        return GpuReading(index=index, **self._fixed[index], **values, **self._bus(index, handle))

    def _names(self, handle: Any) -> dict[str, Any]:
        return {
            "name": self._ask("name", pynvml.nvmlDeviceGetName, handle) or "",
            "uuid": self._ask("uuid", pynvml.nvmlDeviceGetUUID, handle),
        }

    def _values(self, handle: Any) -> dict[str, Any]:
        ask = self._ask
        load = ask("utilization", pynvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._memory(handle)
        power = ask("power", pynvml.nvmlDeviceGetPowerUsage, handle)
        limit = ask("power_limit", pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        reasons = ask("throttle_reasons", pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        return {
            "utilization_percent": load.gpu if load else None,
            "memory_used_bytes": memory.used if memory else None,
            "memory_total_bytes": memory.total if memory else None,
            "temperature_c": ask("temperature", pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
            "power_w": None if power is None else power / 1000,
            "power_limit_w": None if limit is None else limit / 1000,
            "fan_percent": ask("fan", pynvml.nvmlDeviceGetFanSpeed, handle),
            "sm_clock_mhz": ask("sm_clock", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
            "memory_clock_mhz": ask("memory_clock", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
            "throttle_reasons": None if reasons is None else tuple(text for bit, text in REASONS if reasons & bit),
            "processes": self._processes(handle),
        }

    def _memory(self, handle: Any) -> Any:
        """Version 2 leaves out what the driver keeps for itself, as nvidia-smi does; drivers before 510 lack it."""
        newer = self._ask("memory_v2", pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
        return newer or self._ask("memory", pynvml.nvmlDeviceGetMemoryInfo, handle)

    def _processes(self, handle: Any) -> tuple[GpuProcess, ...]:
        found: dict[int, GpuProcess] = {}
        for what, call in (
            ("compute_processes", pynvml.nvmlDeviceGetComputeRunningProcesses),
            ("graphics_processes", pynvml.nvmlDeviceGetGraphicsRunningProcesses),
        ):
            for process in self._ask(what, call, handle) or []:
                if process.pid not in found:  # a program may be on both lists with the same memory
                    found[process.pid] = GpuProcess(
                        pid=process.pid, name=process_name(process.pid), memory_bytes=process.usedGpuMemory
                    )
        return tuple(found.values())

    def _bus(self, index: int, handle: Any) -> dict[str, Any]:
        taken_at, received, sent = self._pcie.get(index, (-PCIE_EVERY_S, None, None))
        if time.monotonic() - taken_at >= PCIE_EVERY_S:
            received = self._kilobytes("pcie_rx", handle, pynvml.NVML_PCIE_UTIL_RX_BYTES)
            sent = self._kilobytes("pcie_tx", handle, pynvml.NVML_PCIE_UTIL_TX_BYTES)
            self._pcie[index] = (time.monotonic(), received, sent)
        return {"pcie_rx_bytes_per_s": received, "pcie_tx_bytes_per_s": sent}

    def _kilobytes(self, what: str, handle: Any, counter: int) -> float | None:
        value = self._ask(what, pynvml.nvmlDeviceGetPcieThroughput, handle, counter)
        return None if value is None else value * 1024.0

    def _ask(self, what: str, call: Callable[..., T], *arguments: Any) -> T | None:
        """The answer, or None; a refusal is told once per reading and kind, never at every sample."""
        try:
            return call(*arguments)
        except pynvml.NVMLError as error:
            if error.value in LOST:
                self._lost = str(error)
            if (what, error.value) not in self._told:
                self._told.add((what, error.value))
                print(f"nvidia: {what}: {error}", file=sys.stderr, flush=True)
            return None
