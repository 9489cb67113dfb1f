"""Fine-tune an encoder to put texts into classes.

AdamW with warm-up and schedule, clipping, label smoothing, early stopping, dynamic padding with like lengths
together, bf16 and fp16 where the
device has them, gradient accumulation and checkpointing, all weights or LoRA. Evaluates on the validation part,
ends with the test part.
Pauses, stops, saves on command; a killed run goes on bit for bit on the CPU. Not here: several cards, streaming data.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.contract.commands import Command
from backend.contract.events import Ended, Logged, ModelSaved, Planned, Started, Warned
from backend.contract.jobs import JobSpec
from backend.contract.recipes import TextClassificationSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split, SplitPlan, make_split
from backend.worker.parts import checkpoint as saved
from backend.worker.parts import device as devices
from backend.worker.parts.failure import RunFailed
from backend.worker.parts.job import Job, listen
from backend.worker.parts.start import check_fits, find_start, live_now, read_progress, restore_best


def run(job: Job) -> Ended:
    """Train; the returned event is the last word of the attempt. Raises what parts/failure.py can explain."""
    ready = prepare(job)
    loop, watcher = make_trainer(job, ready)
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
    return finish(job, ready, loop, watcher)


@dataclass
class Ready:
    """Everything that stands before the first step."""

    settings: TextClassificationSettings
    place: devices.Place
    checkpoints: saved.Checkpoints
    start: Path | None  # checkpoint to go on from
    step: int  # of that checkpoint, else 0
    kept: dict[str, Any]  # what the monitor remembered there
    labels: tuple[str, ...]
    train: Any
    validation: Any
    test: Any
    tokenizer: Any
    network: Any
    batches: Any
    steps_per_epoch: int
    total_steps: int
    facts: dict[str, Any]
    environment: dict[str, Any]
    waiting: list[Command]


def prepare(job: Job) -> Ready:
    """Settings, device, data, model, plan; says `started` and `planned` on the way."""
    # ---- 1. settings, and where to go on from ----
    settings = TextClassificationSettings.model_validate(job.spec.settings)
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

    from transformers import set_seed

    from backend.worker.parts import data, model, result

    environment = result.environment(place.threads, place.device)
    say_started(job, place.name, environment, start, skipped, live_now(job, settings, start, kept))
    waiting = listen(job)

    # ---- 3. data ----
    job.progress.stage = "data"
    examples, split, labels = read_data(job.spec, settings)
    numbers = {name: number for number, name in enumerate(labels)}

    # ---- 4. tokenizer and model ----
    job.progress.stage = "model"
    base = model.find_base(job.spec.base_model)
    tokenizer = model.load_tokenizer(base)
    config = model.load_config(base, labels, settings, tokenizer.pad_token_id)
    limit = model.length_limit(config, tokenizer)
    if limit is not None and settings.max_length > limit:
        text = f"Max length {settings.max_length} is more than the {limit} tokens that {base.name} can read."
        raise RunFailed(FailureCode.SETTINGS, text, f"Choose {limit} or less.", field="max_length", fix_value=limit)
    train, validation, test = (
        data.encode(
            tokenizer,
            [examples.texts[row] for row in rows],
            [numbers[examples.labels[row]] for row in rows],
            settings.max_length,
        )
        for rows in (split.train, split.validation, split.test)
    )
    set_seed(settings.seed)  # the new head is drawn from here on
    network = model.load_model(base, config, settings)
    waiting += listen(job)

    # ---- 5. the plan ----
    lengths = [len(ids) for ids in train.tokens]
    batches = data.EpochBatches(lengths, settings.batch_size, settings.seed, group=settings.group_by_length)
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
        "base_model": base.reference(),
        "max_length_limit": limit,
        "truncated_share": train.truncated / len(train),
        "label_counts": {name: train.labels.count(number) for name, number in numbers.items()},
    }
    ready = Ready(
        settings=settings,
        place=place,
        checkpoints=checkpoints,
        start=start,
        step=step,
        kept=kept,
        labels=labels,
        train=train,
        validation=validation,
        test=test,
        tokenizer=tokenizer,
        network=network,
        batches=batches,
        steps_per_epoch=steps_per_epoch,
        total_steps=total,
        facts=facts,
        environment=environment,
        waiting=waiting,
    )
    say_planned(job, ready, split)
    return ready


def make_trainer(job: Job, ready: Ready) -> tuple[Any, Any]:
    """The Trainer and our callback, with what both remember from the checkpoint."""
    from transformers import set_seed

    from backend.worker.parts import data, monitor, trainer

    settings, place, start = ready.settings, ready.place, ready.start
    shared = monitor.Run(
        settings=settings,
        log=job.log,
        control=job.control,
        checkpoints=ready.checkpoints,
        progress=job.progress,
        labels=ready.labels,
        validation=ready.validation,
        pad_id=ready.tokenizer.pad_token_id,
        device=place.device,
        total_steps=ready.total_steps,
        steps_per_epoch=ready.steps_per_epoch,
        waiting=ready.waiting,
        facts={
            "settings": settings.model_dump(),
            "labels": list(ready.labels),
            "dataset_sha256": job.spec.dataset.sha256 if job.spec.dataset else None,
            "method": settings.method,
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
    collate = data.Collate(ready.train, shared.pad_id, pin=place.device.type == "cuda")
    loop = trainer.StepTrainer(
        model=ready.network,
        args=arguments(job, settings, place, ready.total_steps),
        loader=data.OrderedLoader(ready.batches, collate, len(ready.train)),
        loss=trainer.GlobalLoss(settings.label_smoothing),
        fork=forked,
        trained_only=settings.method == "lora",
        callbacks=[watcher],
    )
    loop.skip_bad_steps = settings.on_nan == "continue"
    watcher.live.restore()
    if start is None:
        set_seed(settings.seed)  # the first dropout is drawn from here on
    return loop, watcher


def finish(job: Job, ready: Ready, loop: Any, watcher: Any) -> Ended:
    """The best weights back, the test part, the result."""
    from backend.worker.parts import metrics, result

    # ---- 1. the best weights, judged ----
    job.progress.stage = "evaluate"
    settings, step = ready.settings, job.progress.step
    best_step = restore_best(job, ready.checkpoints, watcher.memory, loop)
    final = watcher.last_evaluation
    if final is None or final.step != best_step:  # other weights are in place than those judged last
        found = watcher.predict(ready.validation)
        epoch = best_step / ready.steps_per_epoch
        final = metrics.evaluate(found, ready.labels, step=best_step, epoch=epoch, split="validation")
    tested = None
    if len(ready.test):
        found = watcher.predict(ready.test)
        epoch = step / ready.steps_per_epoch
        tested = metrics.evaluate(found, ready.labels, step=step, epoch=epoch, split="test")
        job.log.append("evaluation", tested, sync=True)
    values = {**final.values, **(tested.values if tested else {})}

    # ---- 2. the result ----
    job.progress.stage = "save"
    loop.optimizer = loop.lr_scheduler = None  # the moments are twice the model; saving does not need them
    network = loop.accelerator.unwrap_model(loop.model, keep_fp32_wrapper=False)
    if settings.method == "lora":
        network = network.merge_and_unload()
    judged = {"evaluation": (tested or final).model_dump(mode="json"), "validation": final.model_dump(mode="json")}
    outcome = result.Result(
        model=network.to("cpu"),
        tokenizer=ready.tokenizer,
        labels=ready.labels,
        max_length=settings.max_length,
        held_out=result.together([ready.validation, ready.test]),
        batch_size=max(32, settings.batch_size),
        facts={**describe(job, ready, watcher.settings, values, best_step), **judged},
    )
    facts = {"step": best_step}
    done = saved.commit(job.folder.path, "model", lambda folder: result.write_result(outcome, folder), facts=facts)
    saying = ModelSaved(step=step, path="model", size_bytes=done.size_bytes, best_step=best_step, metrics=values)
    job.log.append("model_saved", saying, sync=True)
    score = values[settings.best_metric]
    text = f"Trained {step:,} steps; best {settings.best_metric} {score:.4f} at step {best_step:,}."
    return Ended(outcome="completed", step=step, text=text)


# ---- the stages' helpers, in the order they are used
# -------------------------------------------------------------------


def read_data(spec: JobSpec, settings: TextClassificationSettings) -> tuple[versions.Examples, Split, tuple[str, ...]]:
    """Rows, split and sorted labels. The stored version must still hold what its hash promises."""
    if spec.dataset is None:
        raise RunFailed(FailureCode.DATA, "No dataset was chosen.", "Choose one.")
    folder = Path(spec.dataset.path)
    folder = folder.parent if folder.is_file() else folder
    if not folder.is_dir():
        raise RunFailed(
            FailureCode.MISSING_FILE,
            f"The files of dataset {spec.dataset.name} are gone.",
            "Import it again and start a new run.",
        )
    known = versions.read_facts(folder)
    if not versions.verify_content(folder, known["columns"], known["task"], known["mapping"], spec.dataset.sha256):
        text = f"The files of dataset {spec.dataset.name} differ from what the run was started with."
        raise RunFailed(FailureCode.DATA, text, "Import it again and start a new run.")
    examples = versions.load_examples(folder)
    split = make_split(examples.texts, examples.labels, examples.given, SplitPlan.of(settings))
    problem = split.problem(examples.labels)
    if problem:
        raise RunFailed(FailureCode.DATA, f"{spec.dataset.name}: {problem}.", "Give other data, or change the split.")
    return examples, split, tuple(sorted(set(examples.labels)))


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


def say_planned(job: Job, ready: Ready, split: Split) -> None:
    """`planned`, and markers for what a person should know of the data."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in ready.network.parameters()]
    saying = Planned(
        total_steps=ready.total_steps,
        steps_per_epoch=ready.steps_per_epoch,
        epochs=ready.total_steps / ready.steps_per_epoch,
        trainable_parameters=sum(size for size, trained in sizes if trained),
        all_parameters=sum(size for size, _ in sizes),
        train_rows=len(ready.train),
        validation_rows=len(ready.validation),
        test_rows=len(ready.test),
        duplicates_removed=split.removed,
        labels=ready.labels,
        facts=ready.facts,
    )
    job.log.append("planned", saying, sync=True)
    if split.duplicates and not split.removed:
        text = f"{split.duplicates} rows stand on both sides of the split; the scores look better than they are."
        job.log.append("warning", Warned(code="split_overlap", text=text, advice="Switch Drop duplicates on."))
    share = ready.train.truncated / len(ready.train)
    if share > 0.1:
        text = f"{share:.0%} of the training texts are longer than max length and were cut."
        job.log.append("warning", Warned(code="truncated", text=text, advice="Raise max length."))


def arguments(job: Job, settings: TextClassificationSettings, place: devices.Place, total: int) -> Any:
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
    job: Job, ready: Ready, settings: TextClassificationSettings, values: dict[str, Any], best_step: int
) -> dict[str, Any]:
    """facts.json: where a result comes from; settings as they were at its end."""
    facts = ready.facts
    merged = "; adapters merged into the base weights" if settings.method == "lora" else ""
    return {
        "run": job.spec.job_id,
        "run_name": job.spec.name,
        "recipe": job.spec.recipe,
        "task": "text-classification",
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
