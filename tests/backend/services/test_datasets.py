"""Datasets through the service and a real store: versions, refusals, the check before a training (RELIABILITY rows
54 to 58).
"""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.errors import Conflict, Invalid, NotFound
from backend.contract.recipes import TextClassificationSettings
from backend.contract.resources import ImportDataset, RunRecord
from backend.data.samples import SAMPLES
from backend.paths import Home
from backend.services.data_check import check_data
from backend.services.datasets import DatasetService
from backend.services.settings_check import find_recipe
from backend.store import Store, open_store

GOOD = "text,label\n" + "".join(f"text number {n},{'ab'[n % 2]}\n" for n in range(40))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = Home(tmp_path / "home")
    for folder in home.folders():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = open_store(home, ManualClock())
    yield store
    store.close()


@pytest.fixture
def service(store: Store, tmp_path: Path) -> DatasetService:
    return DatasetService(store, Home(tmp_path / "home"), ManualClock())


def make(tmp_path: Path, text: str, name: str = "reviews.csv") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_import_twice_is_one_version_and_new_content_the_next(service: DatasetService, tmp_path: Path) -> None:
    path = make(tmp_path, GOOD)
    first = service.import_(ImportDataset(path=path), "ann")
    assert service.import_(ImportDataset(path=path), "bob") == first
    assert (first.name, first.version, first.rows, first.labels) == ("reviews", 1, 40, {"a": 20, "b": 20})
    make(tmp_path, GOOD + "one more,a\n")
    second = service.import_(ImportDataset(path=path), "ann")
    assert (second.version, second.rows) == (2, 41)
    assert second.id != first.id
    assert service.get("reviews") == second
    assert service.get(first.id) == first
    other = service.import_(ImportDataset(path=path, name="other"), "ann")
    assert (other.version, other.sha256) == (1, second.sha256)


def test_files_are_private_and_the_source_is_untouched(service: DatasetService, tmp_path: Path) -> None:
    path = make(tmp_path, GOOD)
    before = Path(path).stat()
    record = service.import_(ImportDataset(path=path), "ann")
    for file in Path(record.path).iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(record.path).stat().st_mode) == 0o700
    after = Path(path).stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert sorted(file.name for file in Path(record.path).iterdir()) == ["data.parquet", "profile.json"]


def test_a_damaged_version_is_refused_and_mended_by_importing_again(service: DatasetService, tmp_path: Path) -> None:
    path = make(tmp_path, GOOD)
    record = service.import_(ImportDataset(path=path), "ann")
    (Path(record.path) / "data.parquet").write_bytes(b"rubbish")
    with pytest.raises(Invalid, match="damaged"):
        check_data(record, find_recipe("text_classification"), TextClassificationSettings())
    assert service.import_(ImportDataset(path=path), "ann").id == record.id
    assert check_data(record, find_recipe("text_classification"), TextClassificationSettings()) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "reviews.csv: the file is empty"),
        ("text,label\n", "line 1: has a header but no rows"),
        ("text,label\na,x\nb,x\n", "line 2: all 2 rows have the label 'x'"),
        ("text,label\na,x\nb\n", "line 3: has 1 columns"),
        ("text,label\na,x\n,y\n", "line 3: has no text"),
        ("text,label\na,x\nb,\n", "line 3: has no label"),
        ("text,label,split\na,x,train\nb,y,train\nc,z,validation\n", "line 4: the validation part has the label 'z'"),
    ],
)
def test_bad_data_is_refused_with_file_line_and_cause(
    service: DatasetService, tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        service.import_(ImportDataset(path=make(tmp_path, text), task="text-classification"), "ann")
    assert words in caught.value.text
    assert "reviews.csv" in caught.value.text
    assert list((tmp_path / "home" / "datasets").iterdir()) == []


def test_a_missing_column_is_named_with_those_there_are(service: DatasetService, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no column 'review'") as caught:
        service.import_(ImportDataset(path=make(tmp_path, GOOD), mapping={"text": "review"}), "ann")
    assert "text, label" in (caught.value.fix or "")


def test_bad_rows_can_be_skipped_and_are_counted(service: DatasetService, tmp_path: Path) -> None:
    path = make(tmp_path, GOOD + "ragged\n,empty\n")
    record = service.import_(ImportDataset(path=path, skip_bad_rows=True), "ann")
    assert (record.profile["rows_used"], record.profile["rows_rejected"]) == (40, 2)
    assert record.problems[0].sample == ("line 42 has 1 columns, the header has 2", "line 43 has no text")


def test_a_class_with_one_row_is_blocked_before_training(service: DatasetService, tmp_path: Path) -> None:
    record = service.import_(ImportDataset(path=make(tmp_path, GOOD + "lonely,c\n")), "ann")
    assert next(problem.code for problem in record.problems) == "rare_label"
    with pytest.raises(Invalid, match="'c' 1"):
        check_data(record, find_recipe("text_classification"), TextClassificationSettings())


def test_overlap_of_given_parts_is_told(service: DatasetService, tmp_path: Path) -> None:
    rows = (
        "".join(f"text {n},{'ab'[n % 2]},train\n" for n in range(20))
        + "text 0,a,test\ntext 1,b,validation\nnew,a,validation\n"
    )
    record = service.import_(ImportDataset(path=make(tmp_path, "text,label,split\n" + rows)), "ann")
    assert record.splits == {"train": 20, "test": 1, "validation": 2}
    found = check_data(record, find_recipe("text_classification"), TextClassificationSettings())
    assert (found[0].code, found[0].count) == ("split_overlap", 2)


def test_another_task_cannot_be_trained(service: DatasetService, tmp_path: Path) -> None:
    record = service.import_(ImportDataset(path=make(tmp_path, "source,target\nhello there,hallo\n")), "ann")
    assert record.task == "translation"
    with pytest.raises(Invalid, match="translation, not for text-classification"):
        check_data(record, find_recipe("text_classification"), TextClassificationSettings())


def test_samples_by_name(service: DatasetService) -> None:
    preview = service.preview("sentiment_en_movie")
    assert (preview.sample, preview.row_count, preview.suggested_task) == (True, 3000, "text-classification")
    record = service.resolve("sentiment_en_product", "ann")
    assert record.builtin
    assert service.resolve("sample://sentiment_en_product", "ann") == record
    assert service.rows(record.id, start=2, count=3)["items"][0]["row"] == 2
    assert service.rows(record.name, find="PHONE")["total"] > 50
    with pytest.raises(NotFound, match="no built-in"):
        service.preview("sample://nothing")
    assert all(sample.path.is_file() for sample in SAMPLES)


def test_preview_names_bad_lines_and_stores_nothing(service: DatasetService, tmp_path: Path) -> None:
    preview = service.preview(make(tmp_path, "review,sentiment\nso so,a\nragged\ngood,b\n", "mine.csv"))
    assert preview.suggested_mapping == {"text": "review", "label": "sentiment"}
    assert preview.bad_rows == ({"line": 3, "text": "has 1 columns, the header has 2"},)
    assert (preview.row_count, preview.suggested_name) == (2, "mine")
    assert list((tmp_path / "home" / "datasets").iterdir()) == []


def test_a_used_version_is_not_removed(service: DatasetService, store: Store, tmp_path: Path) -> None:
    record = service.import_(ImportDataset(path=make(tmp_path, GOOD)), "ann")
    store.runs.add(RunRecord(id="r1", name="r", recipe="text_classification", state="completed", dataset_id=record.id))
    with pytest.raises(Conflict, match="r1"):
        service.remove(record.id, "ann")
    store.runs.remove("r1")
    service.remove(record.id, "ann")
    assert not Path(record.path).exists()
    with pytest.raises(NotFound):
        service.get(record.id)
