"""The run page for recipes it has never heard of: charts, summary, checkpoints and samples by what the run says."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord, VersionRecord
from console.charts.catalogue import CPU_RUN_CHARTS, imported_charts, recipe_charts, spec_for
from console.pages.models import figures
from console.pages.models import words as model_words
from console.pages.run.charts_tab import _charts_of
from console.pages.run.findings import _scores
from console.pages.run.samples_tab import SamplesTab, sample_rows
from console.pages.run.tables_tab import CheckpointsTab
from console.words import higher_is_better, metric_name
from tests.console.pages.conftest import Desk


def record(**fields: Any) -> RunRecord:
    known = {"id": "r1", "name": "en-de", "recipe": "translation", "state": "running", "created_at": 1.0}
    return RunRecord(**{**known, **fields})


def recipe(*judged: str, trains: bool = True) -> dict[str, Any]:
    properties: dict[str, Any] = {"best_metric": {"enum": list(judged)}}
    if trains:
        properties["learning_rate"] = {"type": "number"}
    return {"name": "translation", "metric": "eval/bleu", "needs_dataset": True, "schema": {"properties": properties}}


def visible(specs: Any) -> list[str]:
    return [spec.id for spec in specs if not spec.hidden]


def test_what_a_recipe_is_judged_by_has_a_chart_from_the_start(desk: Desk) -> None:
    desk.state.recipes = [recipe("eval/loss", "eval/bleu", "eval/chrf")]
    specs = _charts_of(desk.context, record(metrics={"eval/seconds": 3.0}))
    usual = visible(CPU_RUN_CHARTS)
    assert visible(specs) == [*usual, "metric:eval/bleu", "metric:eval/chrf"]
    assert [spec.id for spec in specs if spec.hidden][-1] == "metric:eval/seconds"
    assert next(spec for spec in specs if spec.id == "metric:eval/bleu").title == "BLEU"


def test_one_name_of_both_parts_shares_a_chart() -> None:
    specs = recipe_charts((), ["eval/accuracy"], ["train/accuracy", "eval/accuracy"], trains=True)
    assert [[series.key for series in spec.series] for spec in specs] == [["train/accuracy", "eval/accuracy"]]
    alone = spec_for("eval/accuracy", (), ["eval/accuracy"])
    assert [series.key for series in alone.series] == ["eval/accuracy"]
    both = imported_charts(["train/score", "eval/score", "other"])
    assert [[series.key for series in spec.series] for spec in both] == [["train/score", "eval/score"], ["other"]]


def test_a_recipe_without_gradients_has_no_empty_charts_of_them(desk: Desk) -> None:
    desk.state.recipes = [recipe("eval/r2", trains=False)]
    shown = visible(_charts_of(desk.context, record()))
    assert not {"loss", "grad_norm", "learning_rate", "throughput", "step_time"} & set(shown)
    assert "metric:eval/r2" in shown


def test_the_summary_says_what_the_run_is_judged_by() -> None:
    metrics = {"train/loss": 1.0, "eval/loss": 0.9, "eval/chrf": 41.26, "eval/bleu": 12.34, "test/bleu": 11.9}
    assert _scores(record(metrics=metrics), "eval/bleu") == [
        ("Eval BLEU", "12.3", False), ("Test BLEU", "11.9", False), ("Eval chrF", "41.3", False),
    ]  # fmt: skip
    assert _scores(record(), "") == []


@pytest.mark.parametrize(
    ("key", "better"),
    [("eval/loss", False), ("eval/perplexity", False), ("test/rmse", False), ("eval/mae", False), ("eval/bleu", True),
     ("eval/rougeL", True), ("eval/recall_at_1", True), ("train/samples_per_s", True), ("train/step_s", False)],
)  # fmt: skip
def test_which_way_a_metric_gets_better(key: str, better: bool) -> None:
    assert higher_is_better(key) is better


def test_metrics_are_called_as_in_their_field() -> None:
    assert [metric_name(f"eval/{key}", part=False) for key in ("rougeL", "f1", "mlm_accuracy", "recall_at_1")] == [
        "ROUGE-L", "F1", "MLM accuracy", "recall at 1",
    ]  # fmt: skip


def test_checkpoints_have_columns_of_what_was_measured(desk: Desk, qtbot: QtBot) -> None:
    tab = CheckpointsTab(desk.context, record(best={"metric": "eval/bleu", "value": 12.0, "step": 5}))
    qtbot.addWidget(tab)
    tab.read()
    metrics = {"eval/loss": 1.0, "eval/chrf": 40.0, "eval/bleu": 12.0}
    found = {"name": "checkpoint-5", "step": 5, "saved_at": 1.0, "size_bytes": 9, "metrics": metrics}
    desk.link.last("GET", "/runs/r1/checkpoints").succeed({"items": [found]})
    titles = [column.title for column in tab.model.columns]
    assert titles[2:5] == ["Eval loss", "Eval BLEU", "Eval chrF"]
    assert len(tab.model.rows()) == 1


def moment(step: int, *items: dict[str, Any]) -> dict[str, Any]:
    return {"step": step, "items": list(items)}


def read(desk: Desk, qtbot: QtBot, run: RunRecord, *moments: dict[str, Any]) -> SamplesTab:
    tab = SamplesTab(desk.context, run)
    qtbot.addWidget(tab)
    tab.resize(900, 500)
    tab.show()
    tab.read()
    desk.link.last("GET", "/runs/r1/samples").succeed({"items": list(moments)})
    return tab


def test_long_answers_are_read_in_full_below(desk: Desk, qtbot: QtBot) -> None:
    long = "a sentence that is much longer than any label could be\nand has a second line"
    first = {"text": "one " * 200, "expected": long, "predicted": "another sentence altogether", "score": 0.4}
    second = {"text": "two", "expected": "b", "predicted": "<b>c</b>", "score": 0.2}
    tab = read(desk, qtbot, record(), moment(1, first, second))
    assert [column.title for column in tab.model.columns][-1] == "Score over time"
    assert tab._detail.texts["expected"].toPlainText() == long
    index = tab.model.index(1, 0)
    qtbot.mouseClick(tab.view.viewport(), Qt.MouseButton.LeftButton, pos=tab.view.visualRect(index).center())
    assert tab._detail.texts["predicted"].toPlainText() == "<b>c</b>"
    desk.link.last("GET", "/runs/r1/samples")
    tab._on_read({"items": [moment(2, first, {**second, "predicted": "d"})]})
    assert tab._detail.texts["predicted"].toPlainText() == "d"


def test_without_scores_and_expected_answers_there_are_no_columns_of_them(desk: Desk, qtbot: QtBot) -> None:
    item = {"text": "Once", "expected": None, "predicted": " upon a time there was a model", "score": None}
    tab = read(desk, qtbot, record(), moment(1, item))
    assert [column.title for column in tab.model.columns] == ["Input", "Now"]
    assert not tab._detail.places["expected"].isVisible()


def test_only_the_score_of_a_wrong_label_is_turned_round() -> None:
    item = {"text": "a", "expected": "O B", "predicted": "O O", "score": 0.5}
    assert sample_rows([moment(1, {**item, "score": 0.75})], ("O", "B"))[0]["history"] == [0.75]
    wrong = {"text": "a", "expected": "B", "predicted": "O", "score": 0.75}
    assert sample_rows([moment(1, wrong)], ("O", "B"))[0]["history"] == [0.25]
    assert (
        sample_rows([moment(1, {"text": 3, "expected": 1.5, "predicted": 2.0, "score": None})])[0]["expected"] == "1.5"
    )


def version(number: int, **fields: Any) -> VersionRecord:
    values = {"test/loss": 1.0, "test/bleu": 10.0 + number, "test/chrf": 40.0}
    known = {"model": "mt", "version": number, "run_id": "r", "task": "translation", "metrics": values,
             "evaluation": {"values": values, "rows": 100}, "settings": {"best_metric": "eval/bleu"}}  # fmt: skip
    return VersionRecord(**{**known, **fields})


def test_a_version_shows_what_was_measured_and_is_known_by_what_it_was_judged_by() -> None:
    found = {figure.name: figure for figure in figures.compare(version(2), version(1))}
    assert list(found) == ["loss", "bleu", "chrf", "size"]
    assert model_words.figure_name(found["bleu"]) == "BLEU"
    assert model_words.figure_value(found["bleu"], 12.0) == "12"
    assert model_words.figure_change(found["bleu"]) == "+1.0"
    assert found["loss"].better is False
    assert (figures.key_name(version(2)), figures.key_metric(version(2))) == ("bleu", 12.0)
    assert figures.key_name(version(2, settings={"best_metric": "eval/loss"})) == "bleu"
    assert figures.key_name(version(2, metrics={"eval/loss": 1.0})) == "loss"
    assert figures.key_name(version(2, metrics={})) == ""


def test_f1_is_a_mean_over_classes_only_where_texts_are_classified() -> None:
    def named(task: str) -> str:
        values = {"test/f1": 0.9}
        found = figures.compare(version(1, task=task, metrics=values, evaluation={"values": values}), None)
        return model_words.figure_name(found[0])

    assert named("text-classification") == "Macro F1"
    assert named("token-classification") == "F1"
