"""What a run would need: memory from the base model's shape and the settings, steps from the rows, time from runs
like it.

Memory follows the usual count for mixed or full precision training with AdamW: weights and gradients in the precision
of the
weights, two 32-bit moments a trained parameter, and activations per layer as in Korthikanti et al. 2022 (about
34·s·b·h +
5·a·s²·b bytes a layer in 16 bit, twice that in 32 bit). What is not known is null, never a guess.
"""

import math
import shutil
import statistics
from typing import TYPE_CHECKING, Any

from backend.contract.jobs import BaseModelRef
from backend.contract.recipes import SelftestSettings, TextSettings, TrainingSettings
from backend.contract.resources import DatasetRecord, EstimateRun, RunEstimate, RunRecord, TelemetrySample
from backend.contract.states import LIVE_RUN_STATES, RunState
from backend.data.samples import Sample
from backend.paths import Home
from backend.services.base_models import config_of, weights_bytes

if TYPE_CHECKING:
    from backend.store import Store

RUNTIME_BYTES = 600_000_000
"""Python, torch and transformers in memory before any weight: measured here with the CPU build, a GPU context needs
as much."""

TIGHT = 0.85
STEP_S = "train/step_s"


def memory_terms(settings: TextSettings, config: dict[str, Any], weights: int) -> dict[str, int]:
    """Bytes by purpose; the sum is an upper estimate of the peak."""
    parameters = weights / 4  # the weights on disk are 32-bit
    hidden = int(config.get("hidden_size", 768))
    layers = int(config.get("num_hidden_layers", 12))
    heads = int(config.get("num_attention_heads", 12))
    length = min(settings.max_length, int(config.get("max_position_embeddings", settings.max_length)))
    trained = parameters
    adapters = 0
    if settings.method == "lora":
        trained = layers * 2 * 2 * settings.lora_rank * hidden  # A and B of query and value
        adapters = int(trained * 4)
    rows = settings.batch_size
    a_layer = 2 * (34 * length * rows * hidden + 5 * heads * length * length * rows)
    if settings.precision in ("bf16", "fp16"):
        a_layer //= 2
    kept_layers = math.ceil(math.sqrt(layers)) if settings.gradient_checkpointing else layers
    return {
        "weights": weights,
        "adapters": adapters,
        "optimizer": int(trained * 12),  # gradient and two moments
        "activations": int(a_layer * kept_layers),
        "runtime": RUNTIME_BYTES,
    }


def steps_of(settings: Any, dataset: DatasetRecord | Sample | None) -> int | None:
    """Optimizer steps, when data and settings tell; built-in data need not be imported yet."""
    if isinstance(settings, SelftestSettings):
        return settings.steps
    if not isinstance(settings, TrainingSettings) or dataset is None:
        return None
    if settings.max_steps:
        return settings.max_steps
    given = dataset.splits.get("train") if isinstance(dataset, DatasetRecord) else None
    rows = given or round(dataset.rows * (1 - settings.validation_fraction - settings.test_fraction))
    batches = math.ceil(max(rows, 1) / settings.batch_size)
    return math.ceil(max(batches // settings.gradient_accumulation, 1) * settings.epochs)


def similar_runs(
    runs: list[RunRecord], request: EstimateRun, settings: Any, base: BaseModelRef | None
) -> list[RunRecord]:
    """Ended runs whose seconds a step say something about this one: same recipe, base, method, batch size and
    length."""

    def alike(run: RunRecord) -> bool:
        if run.recipe != request.recipe or run.state != RunState.COMPLETED or not run.metrics.get(STEP_S):
            return False
        if base is not None and run.base_model != base.name:
            return False
        names = ("method", "batch_size", "max_length", "rate_hz", "points_per_step")
        return all(run.settings.get(name) == getattr(settings, name, None) for name in names if hasattr(settings, name))

    return [run for run in runs if alike(run)][:5]


def seconds_range(settings: Any, steps: int | None, alike: list[RunRecord]) -> tuple[float | None, float | None]:
    """(low, high) seconds; unknown when nothing like it ever ran."""
    if steps is None:
        return None, None
    if isinstance(settings, SelftestSettings):
        exact = steps / settings.rate_hz if settings.rate_hz else None
        return exact, exact
    paces = [pace for run in alike if (pace := _pace(run)) is not None]
    if not paces:
        return None, None
    middle = statistics.median(paces) * steps
    return 0.8 * middle, 1.35 * middle


def _pace(run: RunRecord) -> float | None:
    """Seconds a step took over the whole run, evaluations and checkpoints included, pauses not; where that is not
    known, what its last step took."""
    whole = run.active_seconds / run.step if run.active_seconds and run.step else float(run.metrics.get(STEP_S) or 0)
    return whole if math.isfinite(whole) and whole > 0 else None


def memory_limit(sample: TelemetrySample | None, device: str) -> tuple[str, int | None]:
    """(device in words, bytes it has free or in all); a CPU run has the machine's memory."""
    gpus = sample.gpus if sample else ()
    wants_gpu = device.startswith("cuda") or (device == "auto" and gpus)
    if wants_gpu and gpus:
        index = int(device.partition(":")[2] or 0)
        card = next((card for card in gpus if card.index == index), gpus[0])
        if card.memory_total_bytes is None:
            return f"cuda:{card.index}", None
        return f"cuda:{card.index}", card.memory_total_bytes - (card.memory_used_bytes or 0)
    total = sample.host.memory_total_bytes if sample else None
    used = sample.host.memory_used_bytes if sample else None
    return "cpu", None if total is None else total - (used or 0)


def fits(needed: int | None, limit: int | None) -> str:
    """yes, tight (over 85 %), no, unknown."""
    if needed is None or limit is None:
        return "unknown"
    return "no" if needed > limit else "tight" if needed > TIGHT * limit else "yes"


def smaller(settings: TextSettings, config: dict[str, Any], weights: int, limit: int) -> list[dict[str, Any]]:
    """Changes that would bring it below the limit, the least painful first; each {"text", "settings"}."""
    found: list[dict[str, Any]] = []
    candidates: list[tuple[str, dict[str, Any]]] = []
    batch = settings.batch_size // 2
    while batch >= 1:
        more = settings.gradient_accumulation * settings.batch_size // batch
        candidates.append(
            (f"Batch size {batch}, accumulate {more}", {"batch_size": batch, "gradient_accumulation": more})
        )
        batch //= 2
    candidates.append(("Gradient checkpointing", {"gradient_checkpointing": True}))
    if settings.method == "full":
        candidates.append(("LoRA in place of every weight", {"method": "lora"}))
    for text, changes in candidates:
        changed = settings.model_copy(update=changes)
        if sum(memory_terms(changed, config, weights).values()) <= TIGHT * limit:
            found.append({"text": text, "settings": changes})
    return found[:3]


def estimate(
    request: EstimateRun,
    settings: Any,
    dataset: DatasetRecord | Sample | None,
    base: BaseModelRef | None,
    store: "Store",
    home: Home,
) -> RunEstimate:
    """Everything that can be said before the run."""
    sample = store.telemetry.latest()
    device, limit = memory_limit(sample, request.device)
    steps = steps_of(settings, dataset)
    alike = similar_runs(store.runs.all(), request, settings, base)
    low, high = seconds_range(settings, steps, alike)
    terms, fixes = _memory(settings, base, limit)
    needed = sum(terms.values()) if terms else None
    if isinstance(settings, SelftestSettings):
        needed = limit and min(50_000_000, limit)
    verdict = fits(needed, limit)
    waits, after = _wait(store)
    return RunEstimate(
        fits=verdict,  # type: ignore[arg-type]
        text=_sentence(verdict, needed, limit, device),
        memory_terms=terms,
        memory_bytes=needed,
        memory_limit_bytes=limit,
        device=device,
        steps=steps,
        seconds_low=low,
        seconds_high=high,
        starts_in_seconds=waits,
        starts_after=after,
        disk_bytes=_disk(settings, base),
        disk_free_bytes=shutil.disk_usage(home.root).free,
        similar_runs=tuple(run.id for run in alike),
        fixes=tuple(fixes),
    )


def _memory(settings: Any, base: BaseModelRef | None, limit: int | None) -> tuple[dict[str, int], list[dict[str, Any]]]:
    config = config_of(base) if base else None
    weights = weights_bytes(base) if base else None
    if not isinstance(settings, TextSettings) or config is None or weights is None:
        return {}, []
    terms = memory_terms(settings, config, weights)
    short = limit is not None and sum(terms.values()) > TIGHT * limit
    return terms, smaller(settings, config, weights, limit) if short and limit is not None else []


def _disk(settings: Any, base: BaseModelRef | None) -> int | None:
    """Checkpoints kept (weights and two moments each), one being written, and the result."""
    if isinstance(settings, SelftestSettings):
        return settings.checkpoint_bytes * 4 if settings.checkpoint_every else 0
    weights = weights_bytes(base) if base else None
    if weights is None or not isinstance(settings, TextSettings):
        return None
    each = weights * 3 if settings.method == "full" else weights // 10
    return each * (settings.keep_checkpoints + 2) + weights


def _wait(store: "Store") -> tuple[float | None, str | None]:
    """(seconds until it starts, name of the run it waits for); 0 when nothing is before it, unknown without an ETA."""
    busy = store.runs.with_states(LIVE_RUN_STATES)
    queue = store.runs.queue()
    if not busy and not queue:
        return 0.0, None
    last = queue[-1] if queue else busy[-1]
    if queue or busy[-1].eta_seconds is None:
        return None, last.name
    return busy[-1].eta_seconds, last.name


def _sentence(verdict: str, needed: int | None, limit: int | None, device: str) -> str:
    if needed is None or limit is None:
        return "Memory is not known for this base model and device."
    use = f"about {needed / 1e9:.1f} GB of {limit / 1e9:.1f} GB free on {device}"
    return {"yes": f"Fits: {use}.", "tight": f"Tight: {use}.", "no": f"Does not fit: {use}."}[verdict]
