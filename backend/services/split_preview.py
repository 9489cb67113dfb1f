"""What a run would train, validate and test on: the split that the recipe's settings make of a dataset version."""

from collections import Counter
from pathlib import Path
from typing import Any

from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import DatasetRecord
from backend.data import versions
from backend.data.profile import personal_free
from backend.data.split import PARTS, SplitPlan, make_split


def preview_split(record: DatasetRecord, settings: TextClassificationSettings) -> dict[str, Any]:
    """Counts of each part by label, exactly as a run with these settings would draw them; nothing is kept.

    `supported` is False for a dataset without text and label, which no recipe splits. `duplicates` are rows whose text
    also stands in a part that is judged later, `removed` those of them that a run would drop.
    """
    if not {"text", "label"} <= record.mapping.keys():
        return {"supported": False}
    examples = versions.load_examples(Path(record.path))
    plan = SplitPlan.of(settings)
    split = make_split(examples.texts, examples.labels, examples.given, plan)
    parts = [
        {"name": name, "rows": len(rows), "labels": dict(Counter(examples.labels[row] for row in rows))}
        for name, rows in ((name, getattr(split, name)) for name in PARTS)
    ]
    return {
        "supported": True,
        "given": examples.given is not None,
        "seed": plan.seed,
        "validation_fraction": plan.validation_fraction,
        "test_fraction": plan.test_fraction,
        "drop_duplicates": plan.drop_duplicates,
        "parts": parts,
        "duplicates": split.duplicates,
        "removed": split.removed,
        "samples": [personal_free(examples.texts[row]) for row in split.examples],
        "problem": split.problem(examples.labels),
    }
