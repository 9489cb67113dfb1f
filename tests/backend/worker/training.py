"""Tiny trainings for the tests: a dataset version on disk, a model of two layers, a job folder, and what the job
said.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.contract.jobs import BaseModelRef, DatasetRef, JobLaunch, JobSpec
from backend.contract.recipes import RECIPES
from backend.contract.tasks import roles_by_name
from backend.data import versions
from backend.failpoints import reset
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogReader
from tests.helpers import tiny_model

MAPPING = {"text": "text", "label": "label"}
QUICK: dict[str, Any] = {
    "epochs": 2, "batch_size": 4, "max_length": 24, "learning_rate": 1e-3, "threads": 1, "dropout": 0.1,
    "checkpoint_every": 3,
    "validation_fraction": 0.15, "test_fraction": 0.1, "keep_checkpoints": 2,
}  # fmt: skip

SMALL: dict[str, Any] = {"layers": 1, "d_model": 32, "heads": 2, "feed_forward": 64, "vocabulary_size": 300}
"""A model from scratch."""


def make_texts(rows: int = 60, seed: int = 1) -> tuple[list[str], list[str]]:
    """Sentences of the tiny vocabulary whose label follows from one word."""
    draw = random.Random(seed)
    good, bad = tiny_model.WORDS[:5], tiny_model.WORDS[5:10]
    texts, labels = [], []
    for row in range(rows):
        positive = row % 2 == 0
        words = [draw.choice(tiny_model.WORDS[10:]) for _ in range(draw.randint(2, 14))]
        words.insert(draw.randrange(len(words)), draw.choice(good if positive else bad))
        texts.append(" ".join(words) + f" {row}")
        labels.append("positive" if positive else "negative")
    return texts, labels


def make_dataset(home: Path, texts: list[str], labels: list[str], parts: list[str] | None = None) -> DatasetRef:
    """Write a version and return its reference."""
    values = {"text": texts, "label": labels}
    mapping = dict(MAPPING)
    if parts is not None:
        values["split"], mapping["split"] = parts, "split"
    data = versions.Imported(Path("tiny.csv"), "csv", "utf-8", tuple(values), values, list(range(2, len(texts) + 2)))
    sha256 = data.content_sha256("text-classification", mapping)
    folder = home / "datasets" / versions.version_id("tiny", sha256)
    facts = {"task": "text-classification", "mapping": mapping, "columns": data.columns, "sha256": sha256}
    versions.write_version(folder, data, facts)
    return DatasetRef(id=folder.name, name="tiny", path=str(folder), sha256=sha256, rows=len(texts))


def make_tagged(home: Path, rows: int = 60, *, entities: bool = False) -> DatasetRef:
    """Words of the tiny vocabulary; a tag follows from the word. Returns the reference of its version."""
    names = dict.fromkeys(tiny_model.WORDS[:5], "B-GOOD") if entities else dict.fromkeys(tiny_model.WORDS[:10], "ADJ")
    other = "O" if entities else "X"
    words = [text.split() for text in make_texts(rows)[0]]
    tags = [
        [names.get(word, "B-BAD" if entities and word in tiny_model.WORDS[5:10] else other) for word in some]
        for some in words
    ]
    values = {"tokens": [json.dumps(some) for some in words], "tags": [json.dumps(some) for some in tags]}
    return keep_dataset(home, "token-classification", values)


def make_asked(home: Path, rows: int = 60) -> DatasetRef:
    """Contexts of the tiny vocabulary with one thing and, in two of three, one word of praise or blame; questions for
    either. Returns the reference of its version."""
    draw = random.Random(3)
    feelings, things, rest = tiny_model.WORDS[:10], ("film", "book", "phone", "camera"), ("the", "a", "is", "was", "it")
    values: dict[str, list[str]] = {"question": [], "context": [], "answer": []}
    for row in range(rows):
        words = [draw.choice(rest) for _ in range(draw.randint(4, 30))]
        thing, feeling = draw.choice(things), draw.choice(feelings) if row % 3 else ""
        for word in (thing, feeling):
            words.insert(draw.randrange(len(words)), word) if word else None
        about = row % 3 == 1
        values["question"].append("it was a story ?" if about else "very good !")
        values["context"].append(" ".join(words) + f" {row}")
        values["answer"].append(thing if about else feeling)
    return keep_dataset(home, "question-answering", values)


def make_pairs(home: Path, rows: int = 60) -> DatasetRef:
    """Two texts of the tiny vocabulary about the same three words, in another order and between others. Returns the
    reference of its version."""
    draw = random.Random(4)
    values: dict[str, list[str]] = {"anchor": [], "positive": []}
    for _ in range(rows):
        topic = draw.sample(tiny_model.WORDS[:18], 3)
        for side in values.values():
            words = [*topic, *draw.choices(tiny_model.WORDS[18:], k=draw.randint(1, 4))]
            draw.shuffle(words)
            side.append(" ".join(words))
    return keep_dataset(home, "sentence-pairs", values)


def keep_dataset(home: Path, task: str, values: dict[str, list[str]]) -> DatasetRef:
    """Write a version of any task whose columns are named as its roles."""
    columns = tuple(values)
    mapping, rows = roles_by_name(task, list(columns)), len(values[columns[0]])
    data = versions.Imported(Path("tiny.csv"), "csv", "utf-8", columns, values, list(range(2, rows + 2)))
    sha256 = data.content_sha256(task, mapping)
    folder = home / "datasets" / versions.version_id("tiny", sha256)
    versions.write_version(folder, data, {"task": task, "mapping": mapping, "columns": columns, "sha256": sha256})
    return DatasetRef(id=folder.name, name="tiny", path=str(folder), sha256=sha256, rows=rows)


def make_corpus(home: Path, lines: int = 120) -> DatasetRef:
    """Running text of the tiny vocabulary: a good word is followed by "film", a bad one by "book"."""
    draw = random.Random(7)
    good, bad, rest = tiny_model.WORDS[:5], tiny_model.WORDS[5:10], tiny_model.WORDS[13:]
    texts = []
    for line in range(lines):
        words: list[str] = []
        for _ in range(4):
            kind, noun = (good, "film") if draw.random() < 0.5 else (bad, "book")
            words += [draw.choice(rest), draw.choice(kind), noun]
        texts.append(" ".join(words) if line % 6 else "%")
    return keep_dataset(home, "text-generation", {"text": texts[1:]})


def make_translations(home: Path, rows: int = 60) -> DatasetRef:
    """Words of the tiny vocabulary, and the same words spelled backwards. Returns the reference of its version."""
    draw = random.Random(5)
    sources = [" ".join(draw.choice(tiny_model.WORDS) for _ in range(draw.randint(2, 4))) for _ in range(rows)]
    targets = [" ".join(word[::-1] for word in source.split()) for source in sources]
    return keep_dataset(home, "translation", {"source": sources, "target": targets})


def make_documents(home: Path, rows: int = 60, *, behind: bool = False) -> DatasetRef:
    """Sentences of the tiny vocabulary, and the words of the first one that tell how it was (with `behind`, of the
    second one). Returns the reference of its version."""
    draw = random.Random(6)
    said, things = tiny_model.WORDS[:10], tiny_model.WORDS[10:]
    told = [[draw.choice(said) for _ in range(2)] for _ in range(rows)]
    sentences = [[f"{draw.choice(things)} {word}." for word in words] for words in told]
    documents = [" ".join(reversed(pair) if behind else pair) for pair in sentences]
    return keep_dataset(home, "summarization", {"document": documents, "summary": [first for first, _ in told]})


def spots(rows: int, side: int = 8, channels: int = 1, seed: int = 3) -> tuple[list[list[int]], list[str]]:
    """Images with a bright spot in the upper or the lower half, and which."""
    draw = random.Random(seed)
    pixels: list[list[int]] = []
    for row in range(rows):
        image = [draw.randint(0, 3) for _ in range(channels * side * side)]
        top, left = draw.randrange(side // 2 - 1) + side // 2 * (row % 2), draw.randrange(side - 1)
        for at in (top * side + left, top * side + left + 1, (top + 1) * side + left):
            image[at] = 16
        pixels.append(image)
    return pixels, [("up", "down")[row % 2] for row in range(rows)]


def make_images(home: Path, rows: int = 60, side: int = 8, channels: int = 1) -> DatasetRef:
    """Images with a spot; returns the reference of their version."""
    pixels, labels = spots(rows, side, channels)
    values = {f"p{at}": [str(image[at]) for image in pixels] for at in range(channels * side * side)}
    return keep_dataset(home, "image-classification", {**values, "label": labels})


DATASETS: dict[str, Callable[[Path], DatasetRef]] = {
    "question_answering": make_asked,
    "sentence_embedding": make_pairs,
    "causal_lm": make_corpus,
    "masked_lm": lambda home: make_corpus(home, 240),
    "image_classification": make_images,
    "text_classification": lambda home: make_dataset(home, *make_texts()),
    "token_classification": make_tagged,
    "summarization": make_documents,
    "translation": make_translations,
}
"""What a job of a recipe trains on unless its test says otherwise."""


def quick(recipe: str) -> dict[str, Any]:
    """QUICK as far as the recipe has such settings."""
    known = next(info for info in RECIPES if info.name == recipe).settings.model_fields
    return {name: value for name, value in QUICK.items() if name in known}


def make_job(
    home: Path, name: str, settings: dict[str, Any] | None = None, *, recipe: str = "text_classification", **fields: Any
) -> JobFolder:
    """A job folder ready for the worker; `fields` replace those of its spec."""
    base = home / "base"
    if not base.exists():
        tiny_model.build(base)
    if "dataset" not in fields:
        fields["dataset"] = DATASETS[recipe](home)
    info = next(info for info in RECIPES if info.name == recipe)
    if info.bases[0] == "scratch":
        fields.setdefault("base_model", BaseModelRef(kind="none", name="scratch"))
        settings = {**{k: v for k, v in SMALL.items() if k in info.settings.model_fields}, **(settings or {})}
    fields.setdefault("base_model", BaseModelRef(kind="folder", name=str(base), path=str(base)))
    job = JobFolder(home / "jobs" / name)
    job.create()
    spec = JobSpec(
        job_id=name, kind="train", main="backend.worker.train", name=name, recipe=recipe,
        settings={**quick(recipe), **(settings or {})}, **fields,
    )  # fmt: skip
    job.write_spec(spec)
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c1"))
    return job


def resume(job: JobFolder) -> int:
    """Run the next attempt in this process, from the newest checkpoint."""
    launch = job.launch()
    attempt = (launch.attempt if launch else 0) + 1
    heard = job.commands.stat().st_size if job.commands.exists() else 0
    job.write_launch(JobLaunch(attempt=attempt, resume=True, cookie=f"c{attempt}", commands_from=heard))
    return run(job)


def run(job: JobFolder) -> int:
    """Run the worker's main in this process; its exit code."""
    from backend.worker import train

    return train.main([str(job.path)])


def events(job: JobFolder, kind: str | None = None) -> list[dict[str, Any]]:
    """What the job said, in order; {"kind", "seq", …fields}."""
    result = LogReader(job.events).read(0, 1 << 28)
    lines = [{"kind": line.kind, "seq": line.seq, **line.fields} for line in result.lines]
    return [line for line in lines if kind is None or line["kind"] == kind]


def losses(job: JobFolder) -> dict[int, str]:
    """Step → train/loss as hex; a later attempt replaces what an earlier one said of the same step."""
    return {line["step"]: float(line["values"]["train/loss"]).hex() for line in events(job, "metrics")}


def main(argv: list[str]) -> int:
    """Fork server of the kill tests: `PLAN` is JSON, a list of [job folder, failpoints]; each job runs in a child
    of its own.

    The libraries are imported once; every child is ended by its own SIGKILL, as a killed worker is.
    """
    import backend.worker.parts.monitor
    import backend.worker.parts.training
    import backend.worker.recipes.causal_lm
    import backend.worker.recipes.image_classification
    import backend.worker.recipes.masked_lm
    import backend.worker.recipes.question_answering
    import backend.worker.recipes.sentence_embedding
    import backend.worker.recipes.summarization
    import backend.worker.recipes.text_classification
    import backend.worker.recipes.token_classification
    import backend.worker.recipes.translation  # noqa: F401 imported for the children

    codes = []
    for folder, points in json.loads(argv[0]):
        child = os.fork()
        if child == 0:
            reset(points)
            os._exit(run(JobFolder(Path(folder))))
        codes.append(os.waitpid(child, 0)[1])
    print(json.dumps(codes))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
