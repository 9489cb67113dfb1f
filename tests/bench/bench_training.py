"""What our monitoring costs: steps/s beside the same Trainer with no reporting and with a TensorBoard-like writer.

Run: python -m tests.bench.bench_training [steps] [rounds] [--tiny]. Variants take turns in every round; ratios are of
the medians. On a busy machine the processor-seconds column is the honest one; the last line says what our own code
takes.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.contract.recipes import TextClassificationSettings
from backend.data.samples import find_sample
from backend.jobs.buffered import BufferedLog
from backend.jobs.folder import JobFolder
from tests.helpers import tiny_model

BATCH, LENGTH = 8, 32


def texts() -> tuple[list[str], list[int]]:
    """The first movie reviews with their labels as numbers."""
    import csv

    sample = find_sample("sentiment_en_movie")
    if sample is None:
        raise SystemExit("resources/samples is incomplete")
    with sample.path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:800]
    return [row["text"] for row in rows], [int(row["label"] == "positive") for row in rows]


class Clock:
    """Wall and processor seconds between the beginning and the end of a training."""

    def __init__(self) -> None:
        from transformers import TrainerCallback

        clock = self

        class Callback(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                clock.begun = time.perf_counter(), time.process_time()

            def on_train_end(self, *_: Any, **__: Any) -> None:
                clock.wall = time.perf_counter() - clock.begun[0]
                clock.processor = time.process_time() - clock.begun[1]

        self.callback = Callback()
        self.begun = (0.0, 0.0)
        self.wall = self.processor = 0.0


class OwnTime:
    """Processor time of the training thread inside our own code: marks between parts, and on_step_end."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = 0

    def wrap(self, call: Any, *, step: bool = False) -> Any:
        """The same call, its time added."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds += time.thread_time() - begun
                self.steps += step

        return timed


class FileWriter:
    """What TensorBoard's Trainer callback does at every step: read the loss, write each number, flush."""

    def __init__(self, path: Path) -> None:
        from transformers import TrainerCallback

        class Callback(TrainerCallback):
            def on_log(self, _args: Any, state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
                for name, value in (logs or {}).items():
                    file.write(
                        json.dumps({"tag": name, "step": state.global_step, "value": value, "time": time.time()}) + "\n"
                    )
                    file.flush()

        file = path.open("w")
        self.callback = Callback()


class Bench:
    """One model and its data; each variant trains it for the same number of steps."""

    def __init__(self, folder: Path, steps: int, *, tiny: bool) -> None:
        import torch

        from backend.contract.jobs import BaseModelRef
        from backend.worker.parts import data, model

        torch.set_num_threads(1)
        self.folder, self.steps = folder, steps
        self.own = OwnTime()
        self.settings = TextClassificationSettings(
            batch_size=BATCH, max_length=LENGTH, eval_every=10**6, checkpoint_every=10**6
        )
        ref = BaseModelRef(kind="starter", name="starter")
        if tiny:
            path = str(tiny_model.build(folder / "tiny"))
            ref = BaseModelRef(kind="folder", name="tiny", path=path)
        base = model.find_base(ref)
        self.tokenizer = model.load_tokenizer(base)
        config = model.load_config(base, ["negative", "positive"], self.settings, self.tokenizer.pad_token_id)
        self.model = model.load_model(base, config, self.settings)
        self.data = data.encode(self.tokenizer, *texts(), LENGTH)

    def arguments(self, **rest: Any) -> Any:
        from transformers import TrainingArguments

        return TrainingArguments(
            output_dir=str(self.folder / "out"),
            max_steps=self.steps,
            per_device_train_batch_size=BATCH,
            use_cpu=True,
            save_strategy="no",
            eval_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            **{"logging_strategy": "no", **rest},
        )

    def stock(self, callbacks: list[Any], **rest: Any) -> None:
        """The Trainer as anybody would write it."""
        from transformers import DataCollatorWithPadding, Trainer
        from transformers.trainer_callback import PrinterCallback

        rows = [
            {"input_ids": ids.tolist(), "labels": label}
            for ids, label in zip(self.data.tokens, self.data.labels, strict=True)
        ]
        trainer = Trainer(
            model=self.model,
            args=self.arguments(train_sampling_strategy="group_by_length", **rest),
            train_dataset=rows,
            data_collator=DataCollatorWithPadding(self.tokenizer),
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()

    def ours(self, callbacks: list[Any]) -> None:
        """Our Trainer, monitor and log, as the recipe puts them together."""
        import torch

        from backend.worker.parts import data, monitor, trainer
        from backend.worker.parts.checkpoint import Checkpoints
        from backend.worker.parts.control import Control
        from backend.worker.parts.failure import Progress

        job = JobFolder(Path(tempfile.mkdtemp(dir=self.folder)))
        log = BufferedLog(job.events)
        first = data.Encoded(*(value[:8] if isinstance(value, list) else value for value in vars(self.data).values()))
        batches = data.EpochBatches([len(ids) for ids in self.data.tokens], BATCH, 1, group=True)
        shared = monitor.Run(
            settings=self.settings,
            log=log,
            control=Control(job, log),
            checkpoints=Checkpoints(job.checkpoints),
            progress=Progress(),
            labels=("negative", "positive"),
            validation=first,
            pad_id=self.tokenizer.pad_token_id,
            device=torch.device("cpu"),
            total_steps=10**9,
            steps_per_epoch=10**6,
        )
        watcher = monitor.Monitor(shared, lambda: loop, batches)
        loop = trainer.StepTrainer(
            model=self.model,
            args=self.arguments(),
            loss=trainer.GlobalLoss(0.0),
            fork=False,
            trained_only=False,
            loader=data.OrderedLoader(batches, data.Collate(self.data, self.tokenizer.pad_token_id), len(self.data)),
            callbacks=[watcher, *callbacks],
        )
        loop.watch.mark = self.own.wrap(loop.watch.mark)
        watcher.on_step_end = self.own.wrap(watcher.on_step_end, step=True)
        loop.train()
        log.close()


def main(argv: list[str]) -> None:
    """Measure and print one table."""
    numbers = [int(text) for text in argv if text.isdigit()]
    steps, rounds = (*numbers, 100, 5)[:2] if len(numbers) != 1 else (numbers[0], 5)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), steps, tiny="--tiny" in argv)
        variants = {
            "no reporting": lambda clock: bench.stock([clock.callback]),
            "Modeldeck": lambda clock: bench.ours([clock.callback]),
            "TensorBoard-like": lambda clock: bench.stock(
                [clock.callback, FileWriter(Path(folder) / "tb.jsonl").callback],
                logging_strategy="steps",
                logging_steps=1,
            ),
        }
        found: dict[str, list[Clock]] = {name: [] for name in variants}
        for round_ in range(rounds + 1):
            for name in list(variants)[round_ % 3 :] + list(variants)[: round_ % 3]:
                clock = Clock()
                variants[name](clock)
                if round_:  # the first round warms up
                    found[name].append(clock)
    wall = {name: statistics.median(steps / clock.wall for clock in clocks) for name, clocks in found.items()}
    busy = {name: statistics.median(clock.processor / steps for clock in clocks) for name, clocks in found.items()}
    print(f"{'variant':18} {'steps/s':>9} {'ratio':>7} {'cpu ms/step':>12} {'cpu ratio':>10}")
    for name in variants:
        ratio, cpu = wall[name] / wall["no reporting"], busy["no reporting"] / busy[name]
        print(f"{name:18} {wall[name]:9.2f} {ratio:7.3f} {1000 * busy[name]:12.2f} {cpu:10.3f}")
    own = bench.own.seconds / bench.own.steps
    print(f"our own code: {1e6 * own:.0f} µs a step, {own / busy['Modeldeck']:.3%} of its processor time")


if __name__ == "__main__":
    main(sys.argv[1:])
