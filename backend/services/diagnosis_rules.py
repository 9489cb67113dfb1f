"""The rules of diagnosis, one function each, and their order. Pure: what was measured comes in, a finding or nothing
goes out."""

import math
import statistics
from collections.abc import Callable
from itertools import pairwise

from backend.contract.resources import Finding
from backend.services.diagnosis_worth import (
    at_risk,
    duration,
    faster,
    from_before,
    halved_batch,
    kept,
    unthrottled,
)
from backend.services.measured import ENOUGH_STEPS, RECENT, Measured

DATA_WAIT_LIMIT = 0.3
COPY_LIMIT = 0.15
IDLE_LIMIT = 0.5
ROOM_LIMIT = 0.5  # a card fuller than this has no room for twice the batch
MEMORY_LIMIT = 0.95
OTHERS_BYTES = 2**30  # smaller programs on the card are not worth a word
SAVING_LIMIT = 0.1  # share of the run's time
ENOUGH_SAVES = 2
SYNC_LIMIT_S = 0.5
PADDING_LIMIT = 0.4
PLATEAU_CHANGE = 0.005
OVERFIT_EVALS = 3
SPIKE_FACTOR = 2.0
SPIKE_DEVIATIONS = 8.0

Rule = Callable[[Measured], Finding | None]


def hang(measured: Measured) -> Finding | None:
    """The scheduler saw no step for long; it decides by step age."""
    run = measured.run
    if not measured.live or run.hang == "none" or run.last_step_at is None:
        return None
    age = measured.now - run.last_step_at
    hung = run.hang == "hung"
    return Finding(
        code="hang",
        severity="bad" if hung else "warn",
        title="No step for a long time",
        text=f"The last step was {duration(age)} ago, at step {run.step:,}.",
        fix="Stop it and resume from the last checkpoint." if hung else "Wait, or look into the log for what it does.",
        gain=kept(measured) if hung else None,
        evidence={"seconds_since_step": round(age, 1), "step": run.step},
    )


def not_a_number(measured: Measured) -> Finding | None:
    """NaN or infinity in the loss or the gradient norm."""
    # an infinite norm is how fp16 finds its loss scale: such a step is left out
    scaled = measured.run.facts.get("precision") == "fp16"
    for key in ("train/loss",) if scaled else ("train/loss", "train/grad_norm"):
        data = measured.series.get(key)
        pairs = zip(data.steps, data.values, strict=True) if data else ()
        bad = [step for step, value in pairs if value is not None and not math.isfinite(value)]
        if bad:
            name = "Loss" if key == "train/loss" else "Gradient norm"
            return Finding(
                code="nan",
                severity="bad",
                title=f"{name} is not a number",
                text=f"{name} became NaN or infinite at step {bad[0]:,}{_and_more(len(bad))}.",
                evidence={"key": key, "first_step": bad[0], "count": len(bad)},
                **from_before(measured, bad[0]),
            )
    return None


def loss_spike(measured: Measured) -> Finding | None:
    """A loss far above the median of the points before it, and the run has not come back since."""
    points = measured.values("train/loss")
    worst: tuple[float, int, float, float] | None = None
    for index in range(ENOUGH_STEPS, len(points)):
        before = [value for _, value in points[max(0, index - RECENT) : index]]
        middle = statistics.median(before)
        deviation = statistics.median(abs(value - middle) for value in before)
        step, value = points[index]
        if value > SPIKE_FACTOR * middle and value > middle + SPIKE_DEVIATIONS * max(deviation, 1e-9):
            worst = max(worst or (0.0, 0, 0.0, 0.0), (value / max(middle, 1e-9), step, value, middle))
    if worst is None:
        return None
    _, step, value, middle = worst
    after = [later for at, later in points if at > step]
    back = bool(after) and statistics.fmean(after[-5:]) <= middle * 1.1
    return Finding(
        code="loss_spike",
        severity="info" if back else "warn",
        title="Loss spike",
        text=f"Loss jumped from {middle:.4f} to {value:.4f} at step {step:,}{' and came back' if back else ''}.",
        evidence={"step": step, "value": value, "median_before": middle},
        **({} if back else from_before(measured, step)),
    )


def data_wait(measured: Measured) -> Finding | None:
    """The device waits for the next batch."""
    share, busy = measured.share("data"), measured.busy()
    if share is None or share < DATA_WAIT_LIMIT:
        return None
    how = "" if busy is None else f"{busy[0]} is {busy[1]:.0f}% busy. "
    return Finding(
        code="data_wait",
        severity="warn",
        title="It waits for data",
        text=f"{how}It waits for data during {share:.0%} of each step.",
        shares=measured.shares(),
        fix="Put the data on a faster disk, or leave a core free for loading it.",
        gain=faster(measured, share),
        evidence={"data_wait_fraction": round(share, 4), "limit": DATA_WAIT_LIMIT},
    )


def host_copy(measured: Measured) -> Finding | None:
    """Moving batches to the card takes much of the step."""
    share, card = measured.share("copy"), measured.reading()
    if share is None or share < COPY_LIMIT or measured.card is None:
        return None
    speed = card.pcie_rx_bytes_per_s if card else None
    return Finding(
        code="copy",
        severity="warn",
        title="Copying to the card takes long",
        text=f"Copying batches to GPU {measured.card} takes {share:.0%} of each step.",
        shares=measured.shares(),
        fix="Check that the card sits in a full-width slot and that no other program fills the bus.",
        gain=faster(measured, share),
        evidence={"copy_share": round(share, 4), "limit": COPY_LIMIT, "pcie_rx_bytes_per_s": speed},
    )


def slow_disk(measured: Measured) -> Finding | None:
    """Checkpoints take much of the run's time, or the disk is slow to keep the log."""
    return _slow_saves(measured) or _slow_sync(measured)


def _slow_saves(measured: Measured) -> Finding | None:
    run, saves = measured.run, measured.saves
    spent, size = sum(save.seconds for save in saves), sum(save.size_bytes for save in saves)
    lasted = run.active_seconds or 0.0
    if len(saves) < ENOUGH_SAVES or lasted <= 0 or spent / lasted < SAVING_LIMIT:
        return None
    speed = f"{size / len(saves) / 1e6:,.0f} MB at {size / max(spent, 1e-9) / 1e6:,.0f} MB/s"
    every = run.settings.get("checkpoint_every") or round(run.facts.get("steps_per_epoch") or 0)
    return Finding(
        code="slow_disk",
        severity="warn",
        title="Saving takes long",
        text=f"Checkpoints take {spent / lasted:.0%} of the time: {spent / len(saves):.1f} s each, {speed}.",
        fix="Save half as often, or put the home folder on a faster disk.",
        gain=f"{spent / lasted / 2:.0%} of the time saved",
        settings={"checkpoint_every": every * 2} if every else {},
        evidence={"saves": len(saves), "seconds": round(spent, 2), "of_seconds": round(lasted, 1)},
    )


def _slow_sync(measured: Measured) -> Finding | None:
    sync = measured.recent("train/log_sync_s")
    if sync is None or sync < SYNC_LIMIT_S:
        return None
    return Finding(
        code="slow_disk",
        severity="info",
        title="The disk is slow",
        text=f"The disk takes {sync:.1f} s to keep what the run logs in a second.",
        fix="Put the home folder on a faster disk, or find out what else writes to it.",
        gain=f"what is logged is safe up to {sync:.1f} s sooner",
        evidence={"log_sync_s": round(sync, 3), "limit_s": SYNC_LIMIT_S},
    )


def throttled(measured: Measured) -> Finding | None:
    """The card says it runs slower than it could."""
    card = measured.reading()
    if card is None or not measured.live:
        return None
    reasons = set(card.throttle_reasons or ())
    hot = reasons & {"thermal_software", "thermal_hardware", "hardware_slowdown"}
    if not hot and not reasons & {"power_cap", "power_brake"}:
        return None
    degrees = "" if card.temperature_c is None else f" at {card.temperature_c:.0f} °C"
    watts = (
        ""
        if card.power_w is None or card.power_limit_w is None
        else f" ({card.power_w:.0f} of {card.power_limit_w:.0f} W)"
    )
    return Finding(
        code="thermal" if hot else "power",
        severity="warn" if hot else "info",
        title="The card is slowed by heat" if hot else "The card is at its power limit",
        text=f"GPU {card.index} lowers its clock{degrees if hot else watts}.",
        fix="Check fans and dust, or lower the power limit." if hot else "Raise the power limit if cooling allows it.",
        gain=unthrottled(card),
        evidence={
            "throttle_reasons": sorted(reasons),
            "temperature_c": card.temperature_c,
            "power_w": card.power_w,
            "sm_clock_mhz": card.sm_clock_mhz,
            "sm_clock_max_mhz": card.sm_clock_max_mhz,
        },
    )


def memory_nearly_full(measured: Measured) -> Finding | None:
    """The card's memory, or the machine's when there is no card."""
    if not measured.live or measured.latest is None:
        return None
    card, host = measured.reading(), measured.latest.host
    where = f"GPU {card.index}" if card else "The machine"
    used = card.memory_used_bytes if card else host.memory_used_bytes
    total = card.memory_total_bytes if card else host.memory_total_bytes
    if not used or not total or used / total < MEMORY_LIMIT:
        return None
    return Finding(
        code="memory",
        severity="warn",
        title="Memory is nearly full",
        text=f"{where} uses {used / 2**30:.1f} of {total / 2**30:.1f} GB.",
        fix="Halve the batch and accumulate two of them, or turn gradient checkpointing on.",
        gain=at_risk(measured),
        settings=halved_batch(measured),
        evidence={"used_bytes": used, "total_bytes": total, "limit": MEMORY_LIMIT},
    )


def small_batch(measured: Measured) -> Finding | None:
    """The card idles, does not wait for data, and has room for more."""
    busy = measured.load(f"gpu/{measured.card}/utilization_percent") if measured.card is not None else None
    card = measured.reading()
    waits = measured.share("data")
    batch = measured.run.settings.get("batch_size")
    if busy is None or card is None or waits is None or not isinstance(batch, int):
        return None
    used, total = card.memory_used_bytes, card.memory_total_bytes
    if busy / 100 > IDLE_LIMIT or waits > DATA_WAIT_LIMIT or not used or not total or used / total > ROOM_LIMIT:
        return None
    return Finding(
        code="small_batch",
        severity="warn",
        title="The batch is small for this card",
        text=f"GPU {card.index} is {busy:.0f}% busy and {used / total:.0%} full with batch {batch}.",
        fix=f"Try batch {batch * 2}.",
        gain=f"up to {min(100 / max(busy, 5.0), 2.0):.1f} × faster",
        settings={"batch_size": batch * 2},
        evidence={"utilization_percent": round(busy, 1), "memory_used_bytes": used, "memory_total_bytes": total},
    )


def padding_waste(measured: Measured) -> Finding | None:
    """Much of each batch is padding."""
    share = measured.recent("train/padding_fraction")
    if share is None or share < PADDING_LIMIT:
        return None
    grouped = measured.run.settings.get("group_by_length", True)
    return Finding(
        code="padding",
        severity="info",
        title="Padding is computed for nothing",
        text=f"{share:.0%} of each batch is padding.",
        fix="Lower max length." if grouped else "Group by length.",
        gain=faster(measured, share),
        settings={} if grouped else {"group_by_length": True},
        evidence={"padding_fraction": round(share, 4), "limit": PADDING_LIMIT},
    )


def overfitting(measured: Measured) -> Finding | None:
    """The loss on held-out rows rose OVERFIT_EVALS times in a row while the training loss went on falling."""
    points = measured.values("eval/loss")
    tail = points[-OVERFIT_EVALS - 1 :]
    if len(tail) <= OVERFIT_EVALS or any(new[1] <= old[1] for old, new in pairwise(tail)):
        return None
    best_step, best = min(points, key=lambda point: point[1])
    return Finding(
        code="overfitting",
        severity="warn",
        title="It learns the training rows by heart",
        text=f"Validation loss rose {OVERFIT_EVALS} times in a row: best {best:.4f}, now {tail[-1][1]:.4f}.",
        fix=f"Use the checkpoint of step {best_step:,}; next time stop early.",
        gain=f"validation loss {best:.4f} instead of {tail[-1][1]:.4f}",
        settings={"early_stopping": OVERFIT_EVALS},
        evidence={
            "steps": [step for step, _ in tail],
            "eval_loss": [value for _, value in tail],
            "best_step": best_step,
        },
    )


def plateau(measured: Measured) -> Finding | None:
    """The mean training loss of the last fifth equals that of the fifth before it, with much of the run still to
    come."""
    points = [value for _, value in measured.values("train/loss")]
    total = measured.run.total_steps
    fifth = len(points) // 5
    if not measured.live or fifth < ENOUGH_STEPS or not total or measured.run.step > 0.8 * total:
        return None
    before, now = statistics.fmean(points[-2 * fifth : -fifth]), statistics.fmean(points[-fifth:])
    change = (before - now) / max(abs(before), 1e-9)
    noise = statistics.stdev(points[-2 * fifth :]) / math.sqrt(fifth) / max(abs(before), 1e-9)
    if change > PLATEAU_CHANGE or noise > 2 * PLATEAU_CHANGE:
        return None
    return Finding(
        code="plateau",
        severity="info",
        title="Loss stays where it is",
        text=f"Mean loss {before:.4f} → {now:.4f} over the last {2 * fifth:,} logged steps.",
        fix="Stop here, or try another learning rate.",
        gain=f"{1 - measured.run.step / total:.0%} of the run saved",
        evidence={"before": before, "now": now, "points": 2 * fifth},
    )


def shared_card(measured: Measured) -> Finding | None:
    """Somebody else's process holds much of the card."""
    card = measured.reading()
    if card is None or not measured.live:
        return None
    foreign = [process for process in card.processes if process.owner is None]
    others = [process for process in foreign if (process.memory_bytes or 0) > OTHERS_BYTES]
    if not others:
        return None
    names = ", ".join(f"{process.name or 'a process'} ({process.pid})" for process in others[:3])
    return Finding(
        code="shared_card",
        severity="info",
        title="Another program uses the card",
        text=f"GPU {card.index} is shared with {names}.",
        fix="End it, or choose another card.",
        gain=f"{sum(process.memory_bytes or 0 for process in others) / 2**30:.1f} GB of the card become free",
        evidence={"processes": [process.model_dump() for process in others]},
    )


def _and_more(count: int) -> str:
    return "" if count == 1 else f" and at {count - 1:,} later steps"


RULES: tuple[Rule, ...] = (
    hang,
    not_a_number,
    loss_spike,
    memory_nearly_full,
    data_wait,
    host_copy,
    throttled,
    small_batch,
    slow_disk,
    overfitting,
    padding_waste,
    plateau,
    shared_card,
)
"""In the order of usefulness: what stops the run, then what makes it slow, then what makes it useless."""
