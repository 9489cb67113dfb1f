"""/datasets: import, look into, remove."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import DatasetPreview, DatasetRecord, ImportDataset, PreviewDataset
from backend.server.parts import PartsIn
from backend.server.route import Items, Route, items
from backend.services.split_preview import preview_split

router = APIRouter(tags=["datasets"], route_class=Route)


@router.get("/datasets")
def list_datasets(parts: PartsIn) -> Items[DatasetRecord]:
    """Every version of every dataset, newest first."""
    return items(parts.store.datasets.all())


@router.get("/datasets/samples")
def list_samples(parts: PartsIn) -> dict[str, Any]:
    """The built-in data, whether imported or not."""
    imported = {record.name for record in parts.store.datasets.all() if record.builtin}
    found = [
        {
            "name": s.name,
            "title": s.title,
            "task": s.task,
            "file": s.file,
            "rows": s.rows,
            "licence": s.licence,
            "mapping": dict(s.mapping),
            "imported": s.name in imported,
        }
        for s in parts.datasets.samples()
    ]
    return {"items": found}


@router.post("/datasets", status_code=201)
def import_dataset(body: ImportDataset, parts: PartsIn) -> DatasetRecord:
    """Read, check and keep a file as an immutable version."""
    return parts.datasets.import_(body, parts.user)


@router.post("/datasets/preview")
def preview_dataset(body: PreviewDataset, parts: PartsIn) -> DatasetPreview:
    """What an import would read; nothing is kept."""
    return parts.datasets.preview(body.path, body.encoding)


@router.get("/datasets/{dataset_id}")
def read_dataset(dataset_id: str, parts: PartsIn) -> DatasetRecord:
    """One version by its id, or the newest of a name."""
    return parts.datasets.get(dataset_id)


@router.get("/datasets/{dataset_id}/rows")
def read_rows(
    dataset_id: str,
    parts: PartsIn,
    start: Annotated[int, Query(ge=0)] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
    find: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """A window of rows."""
    return parts.datasets.rows(dataset_id, start, count, find)


@router.get("/datasets/{dataset_id}/split")
def read_split(
    dataset_id: str,
    parts: PartsIn,
    seed: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
) -> dict[str, Any]:
    """What a text classification run would train, validate and test on; the recipe's seed when none is given."""
    chosen = {} if seed is None else {"split_seed": seed}
    return preview_split(parts.datasets.get(dataset_id), TextClassificationSettings.model_validate(chosen))


@router.delete("/datasets/{dataset_id}", status_code=204)
def remove_dataset(dataset_id: str, parts: PartsIn) -> None:
    """Remove a version that no run was trained on."""
    parts.datasets.remove(dataset_id, parts.user)
