"""AMD SMI's functions as the AMD probe calls them, with their real names, arguments, units and answers (7.0).

Put beside the probe as the module `amdsmi`. MODE is what a test changes.
"""

from enum import IntEnum
from typing import Any

MODE = "normal"  # normal, none (no card), init (no driver), refuse (cards that know nothing), broken (raises OSError)


class AmdSmiException(Exception):
    """The root of its errors."""


class AmdSmiLibraryException(AmdSmiException):
    """An error of the library, with its number."""

    def __init__(self, err_code: int) -> None:
        super().__init__(err_code)
        self.err_code = err_code

    def __str__(self) -> str:
        return f"Error code:\n\t{self.err_code} | AMDSMI_STATUS_NOT_SUPPORTED - Feature not supported"


class AmdSmiInitFlags(IntEnum):
    INIT_AMD_GPUS = 2


class AmdSmiTemperatureType(IntEnum):
    EDGE = 0
    HOTSPOT = 1


class AmdSmiTemperatureMetric(IntEnum):
    CURRENT = 0


class AmdSmiClkType(IntEnum):
    GFX = 0
    MEM = 4


def amdsmi_init(flag: AmdSmiInitFlags = AmdSmiInitFlags.INIT_AMD_GPUS) -> None:
    assert isinstance(flag, AmdSmiInitFlags)
    if MODE == "init":
        raise AmdSmiLibraryException(34)
    if MODE == "broken":
        raise OSError("libamd_smi.so: wrong ELF class")


def amdsmi_shut_down() -> None:
    """As it is."""


def amdsmi_get_processor_handles() -> list[str]:
    return [] if MODE == "none" else ["card-0", "card-1"]


def _known(handle: str) -> None:
    assert handle.startswith("card-")
    if MODE == "refuse":
        raise AmdSmiLibraryException(2)


def amdsmi_get_gpu_asic_info(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    return {"market_name": "AMD Instinct MI300X", "vendor_name": "Advanced Micro Devices Inc", "num_compute_units": 304}


def amdsmi_get_gpu_device_uuid(processor_handle: str) -> str:
    _known(processor_handle)
    return f"e8ff74a1-0000-1000-80c1-{processor_handle}"


def amdsmi_get_gpu_activity(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    unknown = processor_handle == "card-1"
    return {"gfx_activity": "N/A" if unknown else 93, "umc_activity": 41, "mm_activity": "N/A"}


def amdsmi_get_gpu_vram_usage(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    return {"vram_total": 196592, "vram_used": 4096}


def amdsmi_get_power_info(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    # older cards know only the mean of the last second
    now = "N/A" if processor_handle == "card-1" else 512
    return {"socket_power": 4294967295, "current_socket_power": now, "average_socket_power": 498, "gfx_voltage": "N/A"}


def amdsmi_get_power_cap_info(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    return {"power_cap": 750_000_000, "default_power_cap": 750_000_000, "max_power_cap": 750_000_000}


def amdsmi_get_temp_metric(
    processor_handle: str, sensor_type: AmdSmiTemperatureType, metric: AmdSmiTemperatureMetric
) -> int:
    _known(processor_handle)
    assert metric is AmdSmiTemperatureMetric.CURRENT
    if sensor_type is AmdSmiTemperatureType.EDGE:
        raise AmdSmiLibraryException(2)
    return 63


def amdsmi_get_gpu_fan_speed(processor_handle: str, sensor_idx: int) -> int:
    _known(processor_handle)
    return 51 + sensor_idx


def amdsmi_get_gpu_fan_speed_max(processor_handle: str, sensor_idx: int) -> int:
    _known(processor_handle)
    return 255 + sensor_idx


def amdsmi_get_clock_info(processor_handle: str, clock_type: AmdSmiClkType) -> dict[str, Any]:
    _known(processor_handle)
    return {"clk": 2100 if clock_type is AmdSmiClkType.GFX else "N/A", "min_clk": 500, "max_clk": 2100}


def amdsmi_get_violation_status(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    if processor_handle == "card-1":
        raise AmdSmiLibraryException(2)
    return {"active_ppt_pwr": True, "active_socket_thrm": False, "active_hbm_thrm": True, "active_vr_thrm": "N/A"}


def amdsmi_get_gpu_total_ecc_count(processor_handle: str) -> dict[str, Any]:
    _known(processor_handle)
    return {"correctable_count": 3, "uncorrectable_count": 1, "deferred_count": 0}


def amdsmi_get_gpu_process_list(processor_handle: str) -> list[dict[str, Any]]:
    _known(processor_handle)
    if processor_handle == "card-1":
        return []
    memory = {"gtt_mem": 0, "cpu_mem": 0, "vram_mem": 3_221_225_472}
    usage = {"gfx": 0, "enc": 0}
    return [{"name": "N/A", "pid": 1, "mem": 0, "engine_usage": usage, "memory_usage": memory, "cu_occupancy": "N/A"}]
