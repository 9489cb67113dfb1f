"""Dataset versions: immutable; the same name with other data is the next version."""

from sqlalchemy import delete, func, insert, select, update

from backend.contract.errors import Conflict, NotFound
from backend.contract.resources import DatasetRecord
from backend.store.documents import changed, from_body, to_body
from backend.store.engine import Database
from backend.store.feed import Feed
from backend.store.tables import DATASETS


class Datasets:
    """Rows of datasets."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def add(self, dataset: DatasetRecord) -> DatasetRecord:
        """Store a version; its number is the next one of its name. Conflict when the id is taken."""
        with self._database.writing() as connection:
            if connection.scalar(select(DATASETS.c.id).where(DATASETS.c.id == dataset.id)):
                raise Conflict(f"There is a dataset {dataset.id} already.")
            last = connection.scalar(select(func.max(DATASETS.c.version)).where(DATASETS.c.name == dataset.name)) or 0
            dataset = changed(dataset, {"version": last + 1})
            row = {"id": dataset.id, "name": dataset.name, "version": dataset.version, "created_at": dataset.created_at}
            connection.execute(insert(DATASETS), {**row, "body": to_body(dataset)})
            self._feed.publish("datasets", "changed", dataset)
        return dataset

    def get(self, dataset_id: str) -> DatasetRecord | None:
        """The version with this id, or None."""
        with self._database.reading() as connection:
            body = connection.scalar(select(DATASETS.c.body).where(DATASETS.c.id == dataset_id))
        return from_body(DatasetRecord, body) if body else None

    def find(self, id_or_name: str) -> DatasetRecord | None:
        """The version with this id, else the newest of this name, else None."""
        found = self.get(id_or_name)
        if found is not None:
            return found
        query = (
            select(DATASETS.c.body).where(DATASETS.c.name == id_or_name).order_by(DATASETS.c.version.desc()).limit(1)
        )
        with self._database.reading() as connection:
            body = connection.scalar(query)
        return from_body(DatasetRecord, body) if body else None

    def all(self) -> list[DatasetRecord]:
        """Every version, newest first."""
        with self._database.reading() as connection:
            bodies = connection.scalars(
                select(DATASETS.c.body).order_by(DATASETS.c.created_at.desc(), DATASETS.c.id)
            ).all()
        return [from_body(DatasetRecord, body) for body in bodies]

    def change(self, dataset_id: str, **fields: object) -> DatasetRecord:
        """Set fields that are not the data itself (used_by, problems, profile)."""
        with self._database.writing() as connection:
            before = self.get(dataset_id)
            if before is None:
                raise NotFound(f"There is no dataset {dataset_id}.")
            after = changed(before, dict(fields))
            connection.execute(update(DATASETS).where(DATASETS.c.id == dataset_id), {"body": to_body(after)})
            self._feed.publish("datasets", "changed", after)
        return after

    def remove(self, dataset_id: str) -> None:
        """Forget a version; NotFound when there is none. Its files are the caller's to delete."""
        with self._database.writing() as connection:
            if not connection.execute(delete(DATASETS).where(DATASETS.c.id == dataset_id)).rowcount:
                raise NotFound(f"There is no dataset {dataset_id}.")
            self._feed.publish("datasets", "removed", {"id": dataset_id})
