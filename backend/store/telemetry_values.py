"""A sample of the machine under the flat names of DESIGN section 5. Pure."""

from collections.abc import Iterator

from backend.contract.resources import GpuReading, HostReading, MigSlice, TelemetrySample

GPU_NAMES = (
    "utilization_percent",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_c",
    "power_w",
    "power_limit_w",
    "fan_percent",
    "sm_clock_mhz",
    "memory_clock_mhz",
    "pcie_rx_bytes_per_s",
    "pcie_tx_bytes_per_s",
)


def flat(sample: TelemetrySample) -> dict[str, float | None]:
    """Every reading; unknown is None."""
    values = dict(_host(sample.host))
    for gpu in sample.gpus:
        values.update(_gpu(gpu))
    return values


def _gpu(gpu: GpuReading) -> Iterator[tuple[str, float | None]]:
    for name in GPU_NAMES:
        # a lost card shows its last values, but they are no readings of now
        yield f"gpu/{gpu.index}/{name}", getattr(gpu, name) if gpu.lost is None else None
    for part in gpu.slices:
        yield from _slice(gpu, part)


def _slice(gpu: GpuReading, part: MigSlice) -> Iterator[tuple[str, float | None]]:
    for name in ("utilization_percent", "memory_used_bytes", "memory_total_bytes"):
        yield f"gpu/{gpu.index}/mig/{part.index}/{name}", getattr(part, name) if gpu.lost is None else None


def _host(host: HostReading) -> Iterator[tuple[str, float | None]]:
    yield "cpu/utilization_percent", host.cpu_percent
    yield "memory/used_bytes", host.memory_used_bytes
    yield "memory/total_bytes", host.memory_total_bytes
    yield "disk/used_bytes", host.disk_used_bytes
    yield "disk/total_bytes", host.disk_total_bytes
    yield "disk/read_bytes_per_s", host.disk_read_bytes_per_s
    yield "disk/write_bytes_per_s", host.disk_write_bytes_per_s
    yield "net/in_bytes_per_s", host.net_in_bytes_per_s
    yield "net/out_bytes_per_s", host.net_out_bytes_per_s
