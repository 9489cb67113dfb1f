"""Tables: what is learnt, judged, kept without pickle, opened with distrust and answered."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contract.commands import Stop
from backend.contract.errors import Invalid
from backend.contract.jobs import DatasetRef, JobLaunch, JobSpec
from backend.jobs.folder import JobFolder
from backend.jobs.log import LogWriter
from backend.jobs.manifest import sha256_of
from backend.worker import table as main
from backend.worker.parts import table
from backend.worker.recipes import tabular
from backend.worker.serving.golden import BadModel
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.strict import check_inputs
from tests.backend.worker import training


def make_table(home: Path, *, regression: bool, rows: int = 200) -> DatasetRef:
    """Two numbers and a category, some not known; the target follows from them."""
    draw = random.Random(5)
    values: dict[str, list[str]] = {"size": [], "age": [], "town": [], "target": []}
    for row in range(rows):
        size, age, town = draw.uniform(0, 10), draw.uniform(0, 10), draw.choice(["a", "b", "c"])
        amount = 3 * size - age + (20 if town == "a" else 0) + draw.gauss(0, 0.5)
        values["size"].append("" if row % 19 == 0 else f"{size:.3f}")
        values["age"].append(f"{age:.3f}")
        values["town"].append("NA" if row % 23 == 0 else town)
        values["target"].append(f"{amount:.3f}" if regression else ("high" if amount > 15 else "low"))
    return training.keep_dataset(home, "tabular", values)


def make_job(home: Path, name: str, dataset: DatasetRef, **settings: Any) -> JobFolder:
    job = JobFolder(home / "jobs" / name)
    job.create()
    job.write_spec(
        JobSpec(
            job_id=name, kind="train", main="backend.worker.table", name=name, recipe="tabular", dataset=dataset,
            settings={"trees": 40, **settings},
        )
    )  # fmt: skip
    job.write_launch(JobLaunch(attempt=1, resume=False, cookie="c1"))
    return job


def run(job: JobFolder) -> int:
    return main.main([str(job.path)])


MODELS = ("linear", "gradient_boosting", "random_forest")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], JobFolder]:
    """A finished run of every model on both kinds of target."""
    home = tmp_path_factory.mktemp("tables")
    jobs = {}
    for regression in (False, True):
        dataset = make_table(home, regression=regression)
        for model in MODELS:
            job = jobs[model, regression] = make_job(home, f"{model}{regression}", dataset, model=model)
            assert run(job) == 0, training.events(job, "ended")
    return jobs


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("regression", [False, True])
def test_it_learns_more_than_the_simplest_answer(runs: Any, model: str, regression: bool) -> None:
    job = runs[model, regression]
    evaluations = training.events(job, "evaluation")
    assert len(evaluations) == (2 if model == "linear" else 21)
    tested, values = evaluations[-1], evaluations[-1]["values"]
    assert tested["split"] == "test"
    if regression:
        assert values["test/r2"] > 0.7
        assert values["test/score"] == values["test/r2"]
        assert values["test/mae"] < 0.5 * values["test/reference_mae"]
        assert values["test/reference_r2"] < 0.05
    else:
        assert values["test/roc_auc"] > 0.85
        assert values["test/accuracy"] > values["test/reference_accuracy"] + 0.2
        assert values["test/score"] == values["test/f1"]
        confusion = np.asarray(tested["confusion"])
        assert confusion.sum() == tested["rows"]
    kinds = [line["kind"] for line in training.events(job)]
    assert [kinds.index(kind) for kind in ("started", "planned", "metrics", "model_saved", "ended")] == sorted(
        kinds.index(kind) for kind in ("started", "planned", "metrics", "model_saved", "ended")
    )
    sample = training.events(job, "sample")[-1]["items"][0]
    assert sample["text"].startswith("Row ")
    assert "size " in sample["text"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("regression", [False, True])
def test_the_version_answers_objects_with_the_columns(runs: Any, model: str, regression: bool) -> None:
    predictor = open_predictor(runs[model, regression].model)
    rows = [
        {"size": 9, "age": 1.0, "town": "a"},
        {"size": "0.5", "age": 9, "town": "c"},
        dict.fromkeys(predictor.kinds),
    ]
    facts = predictor.facts()
    check_inputs(rows, facts["fields"], kinds=facts["kinds"])
    found = predictor.answer([*rows, {"size": 1, "age": 1, "town": "new"}], [False] * 4)
    high, low = found["outputs"][:2]
    if regression:
        assert high["value"] > 30 > 10 > low["value"]
    else:
        assert (high["label"], low["label"]) == ("high", "low")
        assert high["scores"]["high"] == high["score"] > 0.5
    assert found["unknown"] == [0.0, 0.0, 1.0, 0.3333]
    assert predictor.check_golden() == 16


def test_requests_that_do_not_fit_the_columns_are_refused(runs: Any) -> None:
    facts = open_predictor(runs["linear", True].model).facts()
    good = {"size": 1, "age": None, "town": "a"}
    for change, said in (
        ({"size": "large"}, "inputs.0..size must be a number or null"),
        ({"size": True}, "inputs.0..size must be a number or null"),
        ({"town": [1, 2]}, "not a list"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ):
        with pytest.raises(Invalid, match=said):
            check_inputs([{**good, **change}], facts["fields"], kinds=facts["kinds"])


def test_metrics_agree_with_numbers_counted_by_hand() -> None:
    found = tabular.regression(np.array([1.0, 2.0, 6.0]), np.array([1.0, 3.0, 4.0]), mean=3.0)
    assert found["mae"] == pytest.approx(1.0)
    assert found["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert found["r2"] == pytest.approx(1 - 5 / 14)
    assert found["reference_mae"] == pytest.approx(2.0)
    assert found["reference_r2"] == pytest.approx(0.0)
    assert tabular.regression(np.array([1.0]), np.array([2.0]), mean=3.0)["r2"] is None
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]])
    assert tabular.roc_auc(np.array([0, 0, 1, 1]), shares) == pytest.approx(0.75)
    assert tabular.roc_auc(np.array([0, 0]), shares[:2]) is None


def test_a_second_attempt_ends_with_the_same_model(runs: Any, tmp_path: Path) -> None:
    dataset = make_table(tmp_path, regression=False)
    for model in MODELS:
        job = make_job(tmp_path, model, dataset, model=model)
        assert run(job) == 0
        before = json.loads((job.model / "golden.json").read_text())
        shutil.rmtree(job.model)
        job.write_launch(JobLaunch(attempt=2, resume=True, cookie="c2"))
        assert run(job) == 0
        assert json.loads((job.model / "golden.json").read_text()) == before
        assert sha256_of(job.model / "signature.json") == sha256_of(runs[model, False].model / "signature.json")


def test_a_stop_between_two_slices_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job(tmp_path, "stopped", make_table(tmp_path, regression=True))
    judged = tabular.judge

    def judge(ready: Any, pipeline: Any, name: str, step: int) -> Any:
        if step == 6 and name == "validation":
            writer = LogWriter(job.commands)
            writer.append("stop", Stop(id="s1", save=True))
            writer.close()
        return judged(ready, pipeline, name, step)

    monkeypatch.setattr(tabular, "judge", judge)
    assert run(job) == 0
    (ended,) = training.events(job, "ended")
    assert (ended["outcome"], ended["step"]) == ("stopped", 6)
    (done,) = training.events(job, "command_done")
    assert done["ok"]
    assert not job.model.exists()


def test_no_pickle_is_written_and_strange_types_are_refused(runs: Any, tmp_path: Path) -> None:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer
    from skops import io

    job = runs["random_forest", False]
    assert {path.suffix for path in job.model.iterdir()} == {".json", ".skops"}
    copy = shutil.copytree(job.model, tmp_path / "version")
    kept = (copy / "model.skops").read_bytes()
    io.dump(Pipeline([("model", FunctionTransformer(func=shutil.rmtree))]), copy / "model.skops")
    with pytest.raises(BadModel, match=r"types that are not trusted: .*rmtree"):
        open_predictor(copy)
    io.dump(FunctionTransformer(), copy / "model.skops")
    with pytest.raises(BadModel, match="not a pipeline of columns and model"):
        open_predictor(copy)
    (copy / "model.skops").write_bytes(kept[: len(kept) // 2])
    with pytest.raises(BadModel, match="cannot be read"):
        open_predictor(copy)
    (copy / "model.skops").unlink()
    with pytest.raises(BadModel, match=r"model\.skops is missing"):
        open_predictor(copy)


@pytest.mark.parametrize("model", ["random_forest", "gradient_boosting"])
@pytest.mark.parametrize("harm", ["child", "feature", "loop"])
def test_a_tree_that_leads_out_of_itself_is_refused(runs: Any, tmp_path: Path, model: str, harm: str) -> None:
    job = runs[model, True]
    copy = shutil.copytree(job.model, tmp_path / "version")
    predictor = open_predictor(copy)
    left, _, inner, feature = next(iter(table.trees_of(predictor.pipeline.named_steps["model"])))
    place = int(np.flatnonzero(inner)[0])
    for array in (left, feature):
        array.flags.writeable = True
    if harm == "feature":
        feature[place] = 1_000_000
    else:
        left[place] = 1_000_000 if harm == "child" else place
    table.save_pipeline(predictor.pipeline, copy)
    with pytest.raises(BadModel, match="holds a tree"):
        open_predictor(copy)


def test_a_zip_that_unfolds_into_too_much_is_refused(runs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(table, "MOST_BYTES", 1000)
    with pytest.raises(BadModel, match="at most 1,000 are loaded"):
        open_predictor(runs["linear", True].model)


def test_a_signature_that_does_not_fit_the_pipeline_is_refused(runs: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(runs["linear", False].model, tmp_path / "version")
    kept = json.loads((copy / "signature.json").read_text())
    for change, said in (
        ({"inputs": {"fields": {"size": {"type": "number"}}}}, "does not take 1 columns"),
        ({"inputs": {"fields": {}}}, "names no columns"),
        ({"kind": "guess"}, "names the kind 'guess'"),
        ({"kind": "regression"}, "ends in LogisticRegression"),
        ({"inputs": []}, "does not fit"),
    ):
        (copy / "signature.json").write_text(json.dumps({**kept, **change}))
        with pytest.raises(BadModel, match=said):
            open_predictor(copy)


def test_bad_data_ends_the_run_with_row_and_cause(tmp_path: Path) -> None:
    values = {"size": [str(row) for row in range(30)], "target": ["1.5"] * 29 + ["much"]}
    dataset = training.keep_dataset(tmp_path, "tabular", values)
    job = make_job(tmp_path, "bad", dataset, kind="regression")
    assert run(job) == 1
    assert "row 30: the target is 'much'; regression needs a number" in training.events(job, "ended")[0]["text"]
