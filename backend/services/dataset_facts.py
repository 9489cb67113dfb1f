"""What an imported table is, in the words of its record."""

from collections import Counter
from typing import Any

from backend.contract.resources import DatasetProblem
from backend.data import profile, versions
from backend.data.samples import Sample


def draft_of(
    data: versions.Imported, task: str, mapping: dict[str, str], name: str, sha256: str, sample: Sample | None
) -> dict[str, Any]:
    """The fields of a DatasetRecord that follow from the data alone: counts, labels, profile, problems."""
    texts = (
        data.values[mapping["text"]]
        if "text" in mapping
        else [" ".join(row) for row in zip(*data.values.values(), strict=True)]
    )
    labels = data.values[mapping["label"]] if "label" in mapping else None
    problems = [] if task == "tabular" else list(profile.find_problems(texts, labels))
    if data.rejected:
        problems.insert(
            0,
            DatasetProblem(
                code="rejected_rows",
                text=f"{data.rejected:,} rows of the source could not be used and were left out.",
                count=data.rejected,
                sample=tuple(f"line {line} {text}" for line, text in data.bad[:5]),
            ),
        )
    described = profile.describe_texts(texts)
    described |= {
        "format": data.format,
        "encoding": data.encoding,
        "rows_used": data.rows,
        "rows_rejected": data.rejected,
    }
    return {
        "name": name,
        "task": task,
        "rows": data.rows,
        "columns": data.columns,
        "mapping": mapping,
        "labels": dict(Counter(labels).most_common()) if labels is not None else {},
        "splits": dict(Counter(data.values[mapping["split"]])) if "split" in mapping else {},
        "source": sample.file if sample else str(data.path),
        "source_sha256": data.sha256,
        "sha256": sha256,
        "problems": tuple(problems),
        "profile": described,
        "builtin": sample is not None,
    }
