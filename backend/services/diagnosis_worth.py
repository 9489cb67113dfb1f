"""What the fix of a finding is worth, and the settings it asks for; from measurements alone. Pure."""

from typing import Any

from backend.contract.resources import GpuReading
from backend.services.measured import Measured


def halved_rate(measured: Measured) -> dict[str, Any]:
    rate = measured.run.settings.get("learning_rate")
    return {"learning_rate": rate / 2} if isinstance(rate, float) and rate > 0 else {}


def from_before(measured: Measured, bad_step: int) -> dict[str, Any]:
    """The way out of a spike or NaN: with half the rate, from the newest checkpoint that was good."""
    settings, found = halved_rate(measured), measured.good_checkpoint(bad_step)
    if found is None or not settings:
        return {"settings": settings, "fix": "Go on with the learning rate halved; no checkpoint before it was good."}
    return {
        "settings": settings,
        "gain": f"{found.step:,} of {measured.run.step:,} steps are kept",
        "fix": f"Resume from step {found.step:,} with the learning rate halved.",
        "checkpoint": found.name,
        "checkpoint_step": found.step,
    }


def faster(measured: Measured, share: float) -> str:
    """What it is worth when this share of each step goes away."""
    factor = 1 / max(1 - share, 0.05)
    left = measured.run.eta_seconds
    if not left or not measured.live:
        return f"up to {factor:.1f} × faster"
    return f"up to {factor:.1f} × faster, {duration(left / factor)} left instead of {duration(left)}"


def unthrottled(card: GpuReading) -> str | None:
    """What the highest clock of the card is worth against the one of now; None without both."""
    now, highest = card.sm_clock_mhz, card.sm_clock_max_mhz
    return f"up to {highest / now:.1f} × faster" if now and highest and highest > 1.05 * now else None


def _newest_step(measured: Measured) -> int:
    return max((found.step for found in measured.checkpoints if found.present), default=0)


def kept(measured: Measured) -> str:
    """What a hung run keeps when it is stopped and resumed."""
    return f"{_newest_step(measured):,} of {measured.run.step:,} steps are kept"


def at_risk(measured: Measured) -> str | None:
    """The steps that running out of memory would cost; None when nothing would be lost."""
    lost = measured.run.step - _newest_step(measured)
    return f"{lost:,} steps since the last checkpoint are not lost to a full memory" if lost > 0 else None


def halved_batch(measured: Measured) -> dict[str, Any]:
    batch, together = measured.run.settings.get("batch_size"), measured.run.settings.get("gradient_accumulation", 1)
    if not isinstance(batch, int) or not isinstance(together, int) or batch < 2:
        return {}
    return {"batch_size": batch // 2, "gradient_accumulation": together * 2}


def duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
