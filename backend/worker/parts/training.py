"""The spine of every training with gradients: find where to go on, prepare, train, judge, keep the result.

What a recipe decides comes through parts/recipe.py; order of rows, checkpoints, commands, numbers and the last word are
the same for all, and so is exactness: a killed run goes on bit for bit on the CPU.
"""

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.contract.commands import Command
from backend.contract.events import Ended, Logged, ModelSaved, Planned, Started, Warned
from backend.contract.recipes import RECIPES, TrainingSettings
from backend.contract.states import FailureCode
from backend.platform import make_private_folder
from backend.worker.parts import checkpoint as saved
from backend.worker.parts import device as devices
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.job import Job, listen
from backend.worker.parts.recipe import Built, Material, Outcome, Recipe
from backend.worker.parts.start import check_fits, find_start, live_now, read_progress, restore_best

TRUNCATED = 0.1
"""A larger share of cut training texts is worth a warning."""


def run(job: Job, recipe: Recipe) -> Ended:
    """Train; the returned event is the last word of the attempt. Raises what parts/failure.py can explain."""
    ready = prepare(job, recipe)
    loop, watcher = make_trainer(job, recipe, ready)
    job.progress.stage = "train"
    if ready.step < ready.total_steps:
        loop.train(resume_from_checkpoint=str(ready.start) if ready.start else None)
    elif ready.start:  # every step was made before it died; only the result is missing
        loop.load_weights(ready.start)
    step = job.progress.step
    if watcher.stop is not None:
        how = "a checkpoint was saved" if watcher.stop.save else "without saving"
        return Ended(outcome="stopped", step=step, text=f"Stopped at step {step}; {how}.")
    if watcher.stopped_early:
        text = f"No gain in {watcher.settings.early_stopping} evaluations; stopped early at step {step}."
        job.log.append("log", Logged(level="info", text=text))
    return finish(job, recipe, ready, loop, watcher)


@dataclass
class Ready:
    """Everything that stands before the first step."""

    settings: Any  # of the recipe
    place: devices.Place
    checkpoints: saved.Checkpoints
    start: Path | None  # checkpoint to go on from
    step: int  # of that checkpoint, else 0
    kept: dict[str, Any]  # what the monitor remembered there
    material: Material
    built: Built
    batches: Any
    steps_per_epoch: int
    total_steps: int
    facts: dict[str, Any]
    environment: dict[str, Any]
    waiting: list[Command]


def prepare(job: Job, recipe: Recipe) -> Ready:
    """Settings, device, data, model, plan; says `started` and `planned` on the way."""
    # ---- 1. settings, and where to go on from ----
    kind = next(info.settings for info in RECIPES if info.name == job.spec.recipe)
    settings: Any = kind.model_validate(job.spec.settings)
    job.progress.settings = settings.model_dump()
    checkpoints = saved.Checkpoints(job.folder.checkpoints, keep=settings.keep_checkpoints)
    start, skipped = find_start(job, checkpoints)
    step = saved.step_of(start.name) if start else 0
    kept = read_progress(start) if start else {}
    job.progress.step = step

    # ---- 2. device ----
    devices.choose_card(job.spec.device)
    place = devices.resolve(job.spec.device, settings.precision, settings.threads or int(kept.get("threads", 0)))
    job.progress.device, job.progress.precision = place.name, place.precision

    from backend.worker.parts import data, result

    environment = result.environment(place.threads, place.device)
    say_started(job, place.name, environment, start, skipped, live_now(job, settings, start, kept))
    waiting = listen(job)

    # ---- 3. data ----
    job.progress.stage = "data"
    material = recipe.read(job.spec, settings)

    # ---- 4. what turns it into numbers, and the model ----
    job.progress.stage = "model"
    built = recipe.build(job.spec, settings, material, made_folder(job))
    waiting += listen(job)

    # ---- 5. the plan ----
    batches = data.EpochBatches(built.train.sizes, settings.batch_size, settings.seed, group=settings.group_by_length)
    steps_per_epoch = math.ceil(len(batches) / settings.gradient_accumulation)
    total = math.ceil(settings.epochs * steps_per_epoch)
    total = min(total, settings.max_steps) if settings.max_steps else total
    if step > total:
        text = f"The checkpoint of step {step} lies behind the last step, {total}."
        raise RunFailed(FailureCode.SETTINGS, text, "Ask for more epochs.", field="epochs")
    facts = {
        "precision": place.precision,
        "threads": place.threads,
        "device": place.name,
        "base_model": built.base,
        "truncated_share": built.train.truncated / len(built.train),
        **material.facts,
        **built.facts,
    }
    ready = Ready(
        settings=settings,
        place=place,
        checkpoints=checkpoints,
        start=start,
        step=step,
        kept=kept,
        material=material,
        built=built,
        batches=batches,
        steps_per_epoch=steps_per_epoch,
        total_steps=total,
        facts=facts,
        environment=environment,
        waiting=waiting,
    )
    say_planned(job, ready)
    return ready


def make_trainer(job: Job, recipe: Recipe, ready: Ready) -> tuple[Any, Any]:
    """The Trainer and our callback, with what both remember from the checkpoint."""
    from transformers import set_seed

    from backend.worker.parts import data, monitor, trainer

    settings, place, start = ready.settings, ready.place, ready.start
    method = getattr(settings, "method", "full")
    shared = monitor.Run(
        settings=settings,
        log=job.log,
        control=job.control,
        checkpoints=ready.checkpoints,
        progress=job.progress,
        recipe=recipe,
        material=ready.material,
        built=ready.built,
        device=place.device,
        total_steps=ready.total_steps,
        steps_per_epoch=ready.steps_per_epoch,
        waiting=ready.waiting,
        facts={
            "settings": settings.model_dump(),
            "labels": list(ready.material.labels),
            "dataset_sha256": job.spec.dataset.sha256 if job.spec.dataset else None,
            "method": method,
            **ready.facts,
        },
    )
    if start:
        check_fits(start, shared.facts, ready.facts["base_model"])
    forked = start is not None and start.parent != job.folder.checkpoints
    memory = monitor.Memory(**ready.kept) if ready.kept and not forked else monitor.Memory()
    memory.threads = place.threads
    ready.checkpoints.best = memory.best_checkpoint
    watcher = monitor.Monitor(shared, lambda: loop, ready.batches, memory)
    collate = recipe.collate(ready.built.train, ready.built, pin=place.device.type == "cuda")
    loop = trainer.StepTrainer(
        model=ready.built.network,
        args=arguments(job, settings, place, ready.total_steps),
        loader=data.OrderedLoader(ready.batches, collate, len(ready.built.train)),
        loss=recipe.loss(settings),
        fork=forked,
        trained_only=method != "full",
        callbacks=[watcher],
    )
    loop.skip_bad_steps = settings.on_nan == "continue"
    watcher.live.restore()
    if start is None:
        set_seed(settings.seed)  # the first dropout is drawn from here on
    return loop, watcher


def finish(job: Job, recipe: Recipe, ready: Ready, loop: Any, watcher: Any) -> Ended:
    """The best weights back, the test part, the result."""
    # ---- 1. the best weights, judged ----
    job.progress.stage = "evaluate"
    settings, step, built = ready.settings, job.progress.step, ready.built
    best_step = restore_best(job, ready.checkpoints, watcher.memory, loop)
    final = watcher.last_evaluation
    if final is None or final.step != best_step:  # other weights are in place than those judged last
        final = watcher.judge(built.validation, step=best_step, epoch=best_step / ready.steps_per_epoch)
    tested = None
    if len(built.test):
        tested = watcher.judge(built.test, step=step, epoch=step / ready.steps_per_epoch, split="test")
        job.log.append("evaluation", tested, sync=True)
    values = {**final.values, **(tested.values if tested else {})}

    # ---- 2. the result ----
    job.progress.stage = "save"
    loop.optimizer = loop.lr_scheduler = None  # the moments are twice the model; saving does not need them
    network = loop.accelerator.unwrap_model(loop.model, keep_fp32_wrapper=False)
    if getattr(settings, "method", "full") != "full":
        network = network.merge_and_unload()
    judged = {"evaluation": (tested or final).model_dump(mode="json"), "validation": final.model_dump(mode="json")}
    outcome = Outcome(
        job=job.spec,
        settings=watcher.settings,
        material=ready.material,
        built=built,
        network=network.to("cpu"),
        batch_size=max(32, settings.batch_size),
        facts={**describe(job, recipe, ready, watcher.settings, values, best_step), **judged},
    )
    facts = {"step": best_step}
    done = saved.commit(job.folder.path, "model", lambda folder: recipe.write(outcome, folder), facts=facts)
    saying = ModelSaved(step=step, path="model", size_bytes=done.size_bytes, best_step=best_step, metrics=values)
    job.log.append("model_saved", saying, sync=True)
    score = values[settings.best_metric]
    text = f"Trained {step:,} steps; best {settings.best_metric} {score:.4f} at step {best_step:,}."
    return Ended(outcome="completed", step=step, text=text)


# ---- the stages' helpers, in the order they are used -----------------------------------------------------------------


def made_folder(job: Job) -> Path:
    """For what is made once; a fork begins with what its parent made."""
    folder = job.folder.path / "made"
    parent = job.folder.path.parent / job.spec.fork_of / "made" if job.spec.fork_of else None
    if not folder.exists() and parent is not None and parent.is_dir():
        half = folder.with_name("made.tmp")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(parent, half)
        os.replace(half, folder)
    make_private_folder(folder)
    return folder


def say_started(
    job: Job,
    device: str,
    environment: dict[str, Any],
    start: Path | None,
    skipped: tuple[str, ...],
    settings: dict[str, Any],
) -> None:
    """`started`: who computes where, and from which checkpoint."""
    saying = Started(
        attempt=job.attempt,
        pid=os.getpid(),
        recipe=job.spec.recipe,
        device=device,
        environment=environment,
        resumed_from=start.name if start else None,
        resumed_from_step=saved.step_of(start.name) if start else None,
        skipped_checkpoints=skipped,
        settings=settings,
    )
    job.log.append("started", saying, sync=True)


def say_planned(job: Job, ready: Ready) -> None:
    """`planned`, and markers for what a person should know of the data."""
    built, material = ready.built, ready.material
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in built.network.parameters()]
    saying = Planned(
        total_steps=ready.total_steps,
        steps_per_epoch=ready.steps_per_epoch,
        epochs=ready.total_steps / ready.steps_per_epoch,
        trainable_parameters=sum(size for size, trained in sizes if trained),
        all_parameters=sum(size for size, _ in sizes),
        train_rows=len(built.train),
        validation_rows=len(built.validation),
        test_rows=len(built.test),
        duplicates_removed=material.removed,
        labels=material.labels,
        facts=ready.facts,
    )
    job.log.append("planned", saying, sync=True)
    if material.duplicates and not material.removed:
        text = f"{material.duplicates} rows stand on both sides of the split; the scores look better than they are."
        job.log.append("warning", Warned(code="split_overlap", text=text, advice="Switch Drop duplicates on."))
    share = built.train.truncated / len(built.train)
    if share > TRUNCATED:
        text = f"{share:.0%} of the training texts are longer than max length and were cut."
        job.log.append("warning", Warned(code="truncated", text=text, advice="Raise max length."))
    for warning in built.warnings:
        job.log.append("warning", warning)


def arguments(job: Job, settings: TrainingSettings, place: devices.Place, total: int) -> Any:
    """The Trainer's arguments: everything it would write or report itself is switched off."""
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(job.folder.temporary),
        max_steps=total,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule if settings.schedule != "constant" else "constant_with_warmup",
        warmup_steps=math.ceil(total * settings.warmup_fraction),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        bf16=place.precision == "bf16",
        fp16=place.precision == "fp16",
        activation_checkpointing=settings.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_cpu=place.device.type == "cpu",
        seed=settings.seed,
        remove_unused_columns=False,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        eval_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="warning",
        label_names=["labels"],
        dataloader_pin_memory=False,
    )


def describe(
    job: Job, recipe: Recipe, ready: Ready, settings: TrainingSettings, values: dict[str, Any], best_step: int
) -> dict[str, Any]:
    """facts.json: where a result comes from; settings as they were at its end."""
    facts = ready.facts
    merged = "; adapters merged into the base weights" if getattr(settings, "method", "full") != "full" else ""
    return {
        "run": job.spec.job_id,
        "run_name": job.spec.name,
        "recipe": job.spec.recipe,
        "task": recipe.task,
        "settings": settings.model_dump(),
        "dataset": job.spec.dataset.model_dump(mode="json") if job.spec.dataset else None,
        "base_model": facts["base_model"],
        "environment": ready.environment,
        "commit": ready.environment.get("commit"),
        "metrics": values,
        "best_step": best_step,
        "steps": job.progress.step,
        "note": f"trained in {facts['precision']} on {facts['device']}{merged}",
        "profile_rows": "validation and test",
    }
