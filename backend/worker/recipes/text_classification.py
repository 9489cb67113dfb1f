"""Fine-tune an encoder to put texts into classes.

AdamW with warm-up and schedule, clipping, label smoothing, early stopping, dynamic padding with like lengths
together, bf16 and fp16 where the
device has them, gradient accumulation and checkpointing, all weights or LoRA. Evaluates on the validation part,
ends with the test part.
Pauses, stops, saves on command; a killed run goes on bit for bit on the CPU. Not here: several cards, streaming data.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.contract.events import Ended, Logged, ModelSaved, Planned, Started, StateChanged, Warned
from backend.contract.jobs import JobSpec
from backend.contract.recipes import TextClassificationSettings
from backend.contract.states import FailureCode
from backend.data import versions
from backend.data.split import Split, SplitPlan, make_split
from backend.jobs.folder import JobFolder
from backend.jobs.log import BufferedLog
from backend.worker.parts import checkpoint as saved
from backend.worker.parts import device as devices
from backend.worker.parts.control import Control
from backend.worker.parts.failure import Progress, RunFailed, StopAsked


@dataclass
class Job:
    """What the main hands to a recipe."""

    folder: JobFolder
    spec: JobSpec
    attempt: int
    resume: bool
    log: BufferedLog
    control: Control
    progress: Progress


def run(job: Job) -> Ended:
    """Train; the returned event is the last word of the attempt. Raises what parts/failure.py can explain."""
    import os

    # ---- 1. settings, and where to go on from ------------------------------------------------------------------------
    settings = TextClassificationSettings.model_validate(job.spec.settings)
    job.progress.settings = settings.model_dump()
    checkpoints = saved.Checkpoints(job.folder.checkpoints, keep=settings.keep_checkpoints)
    start, skipped = find_start(job, checkpoints)
    kept = read_progress(start) if start else {}

    # ---- 2. device
    # -----------------------------------------------------------------------------------------------------
    devices.choose_card(job.spec.device)
    place = devices.resolve(job.spec.device, settings.precision, settings.threads or int(kept.get("threads", 0)))
    job.progress.device, job.progress.precision = place.name, place.precision

    import torch
    from transformers import set_seed

    from backend.worker.parts import data, metrics, model, monitor, result, trainer

    step = saved.step_of(start.name) if start else None
    environment = result.environment(place.threads, place.device)
    job.log.append(
        "started",
        Started(
            attempt=job.attempt,
            pid=os.getpid(),
            recipe=job.spec.recipe,
            device=place.name,
            environment=environment,
            resumed_from=start.name if start else None,
            resumed_from_step=step,
            skipped_checkpoints=skipped,
        ),
        sync=True,
    )
    waiting = listen(job)

    # ---- 3. data
    # -------------------------------------------------------------------------------------------------------
    job.progress.stage = "data"
    examples, split, labels = read_data(job.spec, settings)

    # ---- 4. tokenizer and model
    # ----------------------------------------------------------------------------------------
    job.progress.stage = "model"
    base = model.find_base(job.spec.base_model)
    tokenizer = model.load_tokenizer(base)
    config = model.load_config(base, labels, settings, tokenizer.pad_token_id)
    limit = model.length_limit(config, tokenizer)
    if limit is not None and settings.max_length > limit:
        text = f"Max length {settings.max_length} is more than the {limit} tokens that {base.name} can read."
        raise RunFailed(FailureCode.SETTINGS, text, f"Choose {limit} or less.", field="max_length", fix_value=limit)
    numbers = {name: number for number, name in enumerate(labels)}
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

    # ---- 5. the plan
    # ---------------------------------------------------------------------------------------------------
    batches = data.EpochBatches(
        [len(ids) for ids in train.tokens], settings.batch_size, settings.seed, group=settings.group_by_length
    )
    steps_per_epoch = math.ceil(len(batches) / settings.gradient_accumulation)
    total = math.ceil(settings.epochs * steps_per_epoch)
    total = min(total, settings.max_steps) if settings.max_steps else total
    if step is not None and step > total:
        raise RunFailed(
            FailureCode.SETTINGS,
            f"{start.name if start else ''} is behind the last step, {total}.",
            "Ask for more epochs.",
            field="epochs",
        )
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    facts = {
        "precision": place.precision,
        "threads": place.threads,
        "device": place.name,
        "base_model": base.reference(),
        "max_length_limit": limit,
        "truncated_share": train.truncated / len(train),
        "label_counts": count_labels(train, labels),
    }
    job.log.append(
        "planned",
        Planned(
            total_steps=total,
            steps_per_epoch=steps_per_epoch,
            epochs=total / steps_per_epoch,
            trainable_parameters=trainable,
            all_parameters=sum(p.numel() for p in network.parameters()),
            train_rows=len(train),
            validation_rows=len(validation),
            test_rows=len(test),
            duplicates_removed=split.removed,
            labels=labels,
            facts=facts,
        ),
        sync=True,
    )
    warn_of_data(job, split, train)

    # ---- 6. the trainer
    # ------------------------------------------------------------------------------------------------
    shared = monitor.Run(
        settings=settings,
        log=job.log,
        control=job.control,
        checkpoints=checkpoints,
        progress=job.progress,
        labels=labels,
        validation=validation,
        pad_id=tokenizer.pad_token_id,
        device=place.device,
        total_steps=total,
        steps_per_epoch=steps_per_epoch,
        waiting=waiting,
        facts={
            "settings": settings.model_dump(),
            "labels": list(labels),
            "dataset_sha256": job.spec.dataset.sha256 if job.spec.dataset else None,
            "method": settings.method,
            **facts,
        },
    )
    if start:
        check_fits(start, shared.facts, base.reference())
    forked = start is not None and start.parent != job.folder.checkpoints
    memory = (
        monitor.Memory(
            **kept,
        )
        if kept and not forked
        else monitor.Memory()
    )
    memory.threads = place.threads
    checkpoints.best = memory.best_checkpoint
    watcher = monitor.Monitor(shared, lambda: loop, memory)
    loader = data.OrderedLoader(
        batches, data.Collate(train, tokenizer.pad_token_id, pin=place.device.type == "cuda"), len(train)
    )
    loop = trainer.StepTrainer(
        model=network,
        args=arguments(job, settings, place, total),
        loader=loader,
        loss=trainer.GlobalLoss(settings.label_smoothing),
        fork=forked,
        trained_only=settings.method == "lora",
        callbacks=[watcher],
    )
    loop.skip_bad_steps = settings.on_nan == "continue"
    if start is None:
        set_seed(settings.seed)  # the first dropout is drawn from here on

    # ---- 7. train
    # ------------------------------------------------------------------------------------------------------
    job.progress.stage = "train"
    loop.train(resume_from_checkpoint=str(start) if start else None)
    if watcher.stop is not None:
        how = "a checkpoint was saved" if watcher.stop.save else "without saving"
        return Ended(outcome="stopped", step=job.progress.step, text=f"Stopped at step {job.progress.step}; {how}.")
    if watcher.stopped_early:
        text = f"No gain in {settings.early_stopping} evaluations; stopped early at step {job.progress.step}."
        job.log.append("log", Logged(level="info", text=text))

    # ---- 8. the best weights, the test part
    # ----------------------------------------------------------------------------
    job.progress.stage = "evaluate"
    best_step = restore_best(job, checkpoints, memory, loop, trained_only=settings.method == "lora")
    size = max(32, settings.batch_size)
    final = watcher.last_evaluation
    if final is None or final.step != best_step:  # other weights are in place than those judged last
        found = metrics.predict(loop.model, validation, shared.pad_id, batch_size=size, device=place.device)
        final = metrics.evaluate(found, labels, step=best_step, epoch=best_step / steps_per_epoch, split="validation")
    tested = None
    if len(test):
        found = metrics.predict(loop.model, test, shared.pad_id, batch_size=size, device=place.device)
        tested = metrics.evaluate(
            found, labels, step=job.progress.step, epoch=job.progress.step / steps_per_epoch, split="test"
        )
        job.log.append("evaluation", tested, sync=True)
    values = {**final.values, **(tested.values if tested else {})}

    # ---- 9. the result
    # -------------------------------------------------------------------------------------------------
    job.progress.stage = "save"
    del loader
    loop.optimizer = loop.lr_scheduler = None  # the moments are twice the model; saving does not need them
    network = loop.accelerator.unwrap_model(loop.model, keep_fp32_wrapper=False)
    if settings.method == "lora":
        network = network.merge_and_unload()
    network = network.to(torch.device("cpu"))
    outcome = result.Result(
        model=network,
        tokenizer=tokenizer,
        labels=labels,
        max_length=settings.max_length,
        held_out=result.together([validation, test]),
        batch_size=size,
        facts=describe(job, settings, facts, environment, values, best_step)
        | {"evaluation": (tested or final).model_dump(mode="json"), "validation": final.model_dump(mode="json")},
    )
    done = saved.commit(
        job.folder.path, "model", lambda folder: result.write_result(outcome, folder), facts={"step": best_step}
    )
    job.log.append(
        "model_saved",
        ModelSaved(
            step=job.progress.step,
            path="model",
            size_bytes=done.size_bytes,
            best_step=best_step,
            metrics=values,
        ),
        sync=True,
    )
    score = values.get(settings.best_metric)
    text = f"Trained {job.progress.step:,} steps" + (
        f"; best {settings.best_metric} {score:.4f} at step {best_step:,}." if score is not None else "."
    )
    return Ended(outcome="completed", step=job.progress.step, text=text)


# ---- the stages' helpers, in the order they are used
# -------------------------------------------------------------------


def find_start(job: Job, checkpoints: saved.Checkpoints) -> tuple[Path | None, tuple[str, ...]]:
    """The checkpoint to go on from and which were skipped: our own newest valid one, else that of the run we were
    forked from.
    """
    start, skipped = checkpoints.start(resume=job.resume)
    if start is not None or job.spec.fork_of is None:
        return start, skipped
    parent = job.folder.path.parent / job.spec.fork_of / "checkpoints"
    if job.spec.fork_checkpoint is None:
        start, more = saved.newest_valid(parent)
        if start is None:
            raise RunFailed(
                FailureCode.BAD_CHECKPOINT,
                f"Run {job.spec.fork_of} has no checkpoint that verifies.",
                "Start a new run.",
            )
        return start, skipped + more
    folder = parent / Path(job.spec.fork_checkpoint).name
    reason = saved.verify(folder) if folder.is_dir() else "it is not there"
    if reason:
        text = f"{folder.name} of run {job.spec.fork_of} cannot be used: {reason}."
        raise RunFailed(FailureCode.BAD_CHECKPOINT, text, "Choose another checkpoint.")
    return folder, skipped


def read_progress(start: Path) -> dict[str, Any]:
    """What the monitor remembered at a checkpoint."""
    from backend.platform import read_json

    found = read_json(start / "progress.json")
    if not isinstance(found, dict):
        raise RunFailed(
            FailureCode.BAD_CHECKPOINT, f"{start.name} is not a checkpoint of this recipe.", "Choose another one."
        )
    return found


def listen(job: Job) -> list[Any]:
    """Commands that came while preparing; a stop is obeyed at once, the rest waits for the first step."""
    from backend.contract.commands import Stop

    commands = job.control.poll()
    for command in commands:
        if isinstance(command, Stop):
            job.log.append("state", StateChanged(state="stopping", step=0), sync=True)
            job.control.done(command, text="Stopped before the first step.", result={"step": 0})
            raise StopAsked
    return commands


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


def count_labels(data: Any, labels: tuple[str, ...]) -> dict[str, int]:
    """Rows of each label in a part."""
    return {name: data.labels.count(number) for number, name in enumerate(labels)}


def warn_of_data(job: Job, split: Split, train: Any) -> None:
    """Markers for what a person should know of the data."""
    if split.duplicates and not split.removed:
        text = f"{split.duplicates} rows stand on both sides of the split; the scores look better than they are."
        job.log.append("warning", Warned(code="split_overlap", text=text, advice="Switch Drop duplicates on."))
    if train.truncated > 0.1 * len(train):
        text = f"{train.truncated / len(train):.0%} of the training texts are longer than max length and were cut."
        job.log.append("warning", Warned(code="truncated", text=text, advice="Raise max length."))


def check_fits(start: Path, now: dict[str, Any], base: dict[str, Any]) -> None:
    """Refuse a checkpoint of other labels, another method, or (LoRA) another base model."""
    from backend.platform import read_json

    before = read_json(start / "run.json") or {}
    for key, what in (("labels", "labels"), ("method", "method")):
        if before.get(key) != now.get(key):
            text = f"{start.name} was trained with other {what}: {before.get(key)}."
            raise RunFailed(FailureCode.BAD_CHECKPOINT, text[:500], "Start a new run.")
    if now["method"] == "lora" and before.get("base_model", {}).get("sha256") != base.get("sha256"):
        raise RunFailed(
            FailureCode.BAD_CHECKPOINT, f"{start.name} holds adapters of another base model.", "Choose its base model."
        )


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


def restore_best(job: Job, checkpoints: saved.Checkpoints, memory: Any, loop: Any, *, trained_only: bool) -> int:
    """Put the best checkpoint's weights back, if it is another step and still verifies; the step whose weights are
    in place.
    """
    from backend.worker.parts import state

    step = job.progress.step
    if memory.best_step is None or memory.best_step == step or memory.best_checkpoint is None:
        return step
    folder = checkpoints.folder / memory.best_checkpoint
    reason = saved.verify(folder) if folder.is_dir() else "it is gone"
    if reason:
        text = f"The best checkpoint, {folder.name}, cannot be used: {reason}. The last weights are kept instead."
        job.log.append("warning", Warned(code="bad_checkpoint", text=text, step=step), sync=True)
        return step
    state.load_weights(loop.model, folder, trained_only=trained_only)
    return int(memory.best_step)


def describe(
    job: Job,
    settings: TextClassificationSettings,
    facts: dict[str, Any],
    environment: dict[str, Any],
    values: dict[str, Any],
    best_step: int,
) -> dict[str, Any]:
    """facts.json: where a result comes from."""
    merged = "; adapters merged into the base weights" if settings.method == "lora" else ""
    return {
        "run": job.spec.job_id,
        "run_name": job.spec.name,
        "recipe": job.spec.recipe,
        "task": "text-classification",
        "settings": settings.model_dump(),
        "dataset": job.spec.dataset.model_dump(mode="json") if job.spec.dataset else None,
        "base_model": facts["base_model"],
        "environment": environment,
        "commit": environment.get("commit"),
        "metrics": values,
        "best_step": best_step,
        "steps": job.progress.step,
        "note": f"trained in {facts['precision']} on {facts['device']}{merged}",
        "profile_rows": "validation and test",
    }
