"""NVIDIA cards through NVML: with nvidia_power.py the only files that import pynvml.

Every reading is one call that may be unsupported, forbidden or gone; it is None then, and each kind of refusal is
written to
standard error once.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pynvml

from backend.contract.resources import GpuProcess, GpuReading, MigSlice
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


MIG_EVERY_S = 10.0
"""How often it is looked up which slices a card is cut into; their readings are taken at every sample."""


class NvidiaProbe:
    """Every NVIDIA card with its MIG slices. A card in MIG mode shows what the driver still tells of the whole card."""

    vendor = "nvidia"

    def __init__(self) -> None:
        self._open = False
        self._slices: dict[int, tuple[float, list[tuple[MigSlice, Any]]]] = {}
        self._xids = _Xids(self._ask)
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
            self._xids.close()
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
            self._fixed[index] = self._names(handle) | self._bounds(handle)
            self._xids.follow(handle, self._fixed[index]["uuid"])
        values = self._values(handle)
        xid = self._xids.last(self._fixed[index]["uuid"])
        if self._lost:
            why = self._lost if xid is None else f"{self._lost} (Xid {xid})"
            return GpuReading(index=index, lost=why, xid=xid, **self._fixed[index])
        slices = self._read_slices(index, handle)
        if slices and not values["processes"]:  # without rights the driver lists them only slice by slice
            values["processes"] = tuple(process for part in slices for process in part.processes)
        return GpuReading(
            index=index, xid=xid, slices=slices, **self._fixed[index], **values, **self._bus(index, handle)
        )

    def _read_slices(self, index: int, handle: Any) -> tuple[MigSlice, ...]:
        looked_at, known = self._slices.get(index, (-MIG_EVERY_S, []))
        if time.monotonic() - looked_at >= MIG_EVERY_S:
            known = self._find_slices(handle)
            self._slices[index] = (time.monotonic(), known)
        return tuple(part.model_copy(update=self._slice_values(mig)) for part, mig in known)

    def _find_slices(self, handle: Any) -> list[tuple[MigSlice, Any]]:
        """The slices of a card in MIG mode, in the driver's order; cards that cannot be cut have none."""
        mode = self._ask("mig_mode", pynvml.nvmlDeviceGetMigMode, handle)
        if not mode or mode[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            return []
        found: list[tuple[MigSlice, Any]] = []
        for place in range(self._ask("mig_count", pynvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            try:
                mig = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
            except pynvml.NVMLError:
                continue  # places without a slice are the rule
            name = self._ask("mig_name", pynvml.nvmlDeviceGetName, mig) or ""
            part = MigSlice(
                index=len(found),
                uuid=self._ask("mig_uuid", pynvml.nvmlDeviceGetUUID, mig),
                name=name.rpartition("MIG ")[2],
                gpu_instance=self._ask("mig_gpu_instance", pynvml.nvmlDeviceGetGpuInstanceId, mig),
                compute_instance=self._ask("mig_compute_instance", pynvml.nvmlDeviceGetComputeInstanceId, mig),
            )
            found.append((part, mig))
        return found

    def _slice_values(self, mig: Any) -> dict[str, Any]:
        memory = self._memory(mig)
        load = self._ask("mig_utilization", pynvml.nvmlDeviceGetUtilizationRates, mig)
        return {
            "utilization_percent": load.gpu if load else None,
            "memory_used_bytes": memory.used if memory else None,
            "memory_total_bytes": memory.total if memory else None,
            "processes": self._processes(mig),
        }

    def _names(self, handle: Any) -> dict[str, Any]:
        return {
            "name": self._ask("name", pynvml.nvmlDeviceGetName, handle) or "",
            "uuid": self._ask("uuid", pynvml.nvmlDeviceGetUUID, handle),
        }

    def _bounds(self, handle: Any) -> dict[str, Any]:
        """What this card can do at most; it does not change while the driver is loaded."""
        ends = self._ask("power_limits", pynvml.nvmlDeviceGetPowerManagementLimitConstraints, handle)
        return {
            "power_limit_min_w": ends[0] / 1000 if ends else None,
            "power_limit_max_w": ends[1] / 1000 if ends else None,
            "sm_clock_max_mhz": self._ask("max_clock", pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
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
            "ecc_uncorrected": ask(
                "ecc",
                pynvml.nvmlDeviceGetTotalEccErrors,
                handle,
                pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                pynvml.NVML_VOLATILE_ECC,
            ),
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


class _Xids:
    """The driver's critical errors (Xid) of each card, as its event queue tells them; nothing where it has none."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._set: Any = None
        self._last: dict[str, int] = {}

    def follow(self, handle: Any, uuid: str | None) -> None:
        """Hear of this card's errors from now on."""
        if uuid is None:
            return
        if self._set is None:
            self._set = self._ask("events", pynvml.nvmlEventSetCreate)
        if self._set is not None:
            kind = pynvml.nvmlEventTypeXidCriticalError
            self._ask("xid", pynvml.nvmlDeviceRegisterEvents, handle, kind, self._set)

    def last(self, uuid: str | None) -> int | None:
        """The newest error of a card since the sensor started; never waits."""
        while self._set is not None:
            try:
                event = pynvml.nvmlEventSetWait_v2(self._set, 0)
            except pynvml.NVMLError:
                break  # a time-out: nothing new; whatever else, there is nothing to learn here
            name = self._ask("uuid", pynvml.nvmlDeviceGetUUID, event.device)
            if name is not None:
                self._last[name] = int(event.eventData)
        return self._last.get(uuid or "")

    def close(self) -> None:
        """Let the queue go."""
        if self._set is not None:
            self._ask("events", pynvml.nvmlEventSetFree, self._set)
            self._set = None
