"""CSV of metrics in every shape, trainer_state.json, and what a path may hold."""

import json
import math
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from backend.contract.errors import Invalid, NotFound, Refused, TooLarge
from backend.data.foreign import trainer_state
from backend.data.foreign.detect import detect
from backend.data.foreign.found import Row, Source
from tests.helpers.foreign import ASSETS


def table(tmp_path: Path, text: str, name: str = "run.csv", **mapping: str) -> tuple[list[Row], Source]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    source = detect(str(path), mapping).sources[0]
    return list(source.rows()), source


def plain(rows: list[Row]) -> list[tuple[int, dict[str, float | None]]]:
    return [(row.step, row.values) for row in rows]


def test_a_column_a_metric(tmp_path: Path) -> None:
    rows, source = table(tmp_path, "step,loss,acc,epoch\n0,2.5,,0\n10,1.25,0.5,0.5\n")
    assert plain(rows) == [(0, {"loss": 2.5}), (10, {"loss": 1.25, "acc": 0.5})]
    assert [row.epoch for row in rows] == [0.0, 0.5]
    assert [row.time for row in rows] == [None, None]
    assert source.facts.mapping == {"step": "step", "epoch": "epoch"}


def test_a_line_a_point(tmp_path: Path) -> None:
    text = "key,step,time,value\nloss,0,1000.5,2.5\nacc,0,1000.5,0.1\nloss,1,1001.5,2.25\n"
    rows, _ = table(tmp_path, text)
    assert rows == [Row(0, 1000.5, {"loss": 2.5, "acc": 0.1}), Row(1, 1001.5, {"loss": 2.25})]


def test_what_a_chart_of_wandb_exports_becomes_a_run_for_each_of_its_runs(tmp_path: Path) -> None:
    head = '"Step","bert - eval/loss","bert - eval/loss__MIN","bert - eval/loss__MAX","gpt - 2 - eval/loss"'
    path = tmp_path / "wandb_export.csv"
    path.write_text(f'{head}\n"0","2.5","2.5","2.5",""\n"1","2.25","2.25","2.25","3.5"\n')
    first, second = detect(str(path)).sources
    assert (first.facts.name, plain(list(first.rows()))) == (
        "bert",
        [(0, {"eval/loss": 2.5}), (1, {"eval/loss": 2.25})],
    )
    assert second.facts.name == "gpt - 2"
    assert plain(list(second.rows())) == [(1, {"eval/loss": 3.5})]
    assert "2 columns __MIN and __MAX were left out" in first.notes.texts()


def test_what_tensorboard_saves_of_a_chart_is_named_by_its_file(tmp_path: Path) -> None:
    text = "Wall time,Step,Value\n1760000000.5,3,0.25\n"
    rows, _ = table(tmp_path, text, "run-a-tag-train_loss.csv")
    assert rows == [Row(3, 1760000000.5, {"train_loss": 0.25})]


def test_mixed_columns_keep_what_is_a_number_and_name_the_rest(tmp_path: Path) -> None:
    text = "step,loss,note\n0,2.5,fine\n1,oops,fine\nx,1.0,\n1.5,1.0,\n3,1_0,\n4,0.5\n5,0.25,ok\n"
    rows, source = table(tmp_path, text)
    assert plain(rows) == [(0, {"loss": 2.5}), (5, {"loss": 0.25})]
    told = "\n".join(source.notes.texts())
    assert "run.csv, line 3, column 'loss': 'oops' is no number; it was left out" in told
    assert "run.csv, line 4, column 'step': 'x' is no step; the line was left out" in told
    assert "run.csv, line 5, column 'step': '1.5' is no whole number within 64 bits" in told
    assert "line 6, column 'loss': '1_0' is no number" in told
    assert "run.csv, line 7: has 2 columns, the header has 3; it was left out" in told
    assert "no numbers stand in 1 columns (note)" in told


def test_odd_values_are_kept_and_an_overflow_is_told(tmp_path: Path) -> None:
    rows, source = table(tmp_path, "step,a\n0,NaN\n1,inf\n2,-Infinity\n3,1e999\n4,-0.0\n5,1e-320\n")
    values = [row.values["a"] for row in rows]
    assert math.isnan(values[0])
    assert values[1:4] == [math.inf, -math.inf, math.inf]
    assert [repr(v) for v in values[4:]] == ["-0.0", "1e-320"]
    assert source.notes.texts() == (
        "run.csv, line 5, column 'a': 1e999 is beyond the range of 64-bit floats; it is kept as inf",)  # fmt: skip


def test_steps_that_go_back_or_repeat_stay_in_their_order(tmp_path: Path) -> None:
    rows, _ = table(tmp_path, "step,a\n5,1\n5,2\n3,3\n-9223372036854775808,4\n")
    assert [row.step for row in rows] == [5, 5, 3, -(2**63)]
    rows, source = table(tmp_path, "step,a\n9223372036854775808,1\n1e300,1\n7,1\n")
    assert [row.step for row in rows] == [7]
    assert len(source.notes.texts()) == 2


def test_without_a_step_the_columns_are_named_and_one_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"run\.csv, line 1: no column holds the step.*when, loss") as caught:
        table(tmp_path, "when,loss\n1,2\n")
    assert caught.value.details["columns"] == ["when", "loss"]
    assert "--map step=COLUMN" in str(caught.value.fix)
    assert plain(table(tmp_path, "when,loss\n1,2\n", step="when")[0]) == [(1, {"loss": 2.0})]
    with pytest.raises(Invalid, match="no column 'nope'"):
        table(tmp_path, "when,loss\n1,2\n", step="nope")
    with pytest.raises(Invalid, match="is no role"):
        table(tmp_path, "when,loss\n1,2\n", stop="when")


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("1760000000.25", 1760000000.25), ("1760000000250", 1760000000.25), ("2026-11-20T10:00:00Z", 1795168800.0),
     ("2026-11-20 10:00:00", 1795168800.0), ("yesterday", None), ("1e300", None)],
)  # fmt: skip
def test_times(tmp_path: Path, cell: str, seconds: float | None) -> None:
    assert table(tmp_path, f"step,time,a\n1,{cell},2\n")[0] == [Row(1, seconds, {"a": 2.0})]


def test_a_trainer_state_under_the_names_of_its_own_loggers() -> None:
    found = detect(str(ASSETS / "trainer"))
    source = found.sources[0]
    rows = list(source.rows())
    assert (source.kind, source.facts.name, source.facts.state) == ("trainer_state", "trainer", "completed")
    assert rows[0].values.keys() == {"train/grad_norm", "train/learning_rate", "train/loss"}
    assert (rows[0].step, rows[0].epoch, rows[0].time) == (2, 0.25, None)
    assert {key for row in rows for key in row.values} >= {"eval/loss", "eval/runtime"}
    assert source.facts.total_steps == 20


def test_of_checkpoints_the_newest_state_is_taken_and_an_unfinished_one_says_so(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        folder = tmp_path / "out" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        history = [{"step": step, "loss": 1.0, "epoch": 1}]
        state = {"global_step": step, "max_steps": 200, "log_history": history}
        (folder / "trainer_state.json").write_text(json.dumps(state))
    (source,) = detect(str(tmp_path)).sources
    assert [row.step for row in source.rows()] == [100]
    assert (source.facts.state, source.facts.cause) == ("stopped", "This state is of step 100 of 200")


def test_odd_entries_of_a_trainer_state_are_named(tmp_path: Path) -> None:
    history = [{"step": 1, "loss": math.nan, "who": "me"}, {"loss": 1}, 5, {"step": True, "loss": 1}]
    path = tmp_path / "trainer_state.json"
    path.write_text(json.dumps({"log_history": history}).replace("NaN", "NaN"))
    (source,) = detect(str(path)).sources
    rows = list(source.rows())
    assert math.isnan(rows[0].values["train/loss"])
    assert len(rows) == 1
    assert [text.partition(":")[0] for text in source.notes.texts()] == [
        f"trainer_state.json, log_history entry {n}" for n in (1, 2, 3, 4)]  # fmt: skip


@pytest.mark.parametrize("text", ["", "[", "[1]", "{}", '{"log_history": 3}', "[" * 100_000, "\xff"])
def test_what_is_no_trainer_state_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trainer_state.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(Invalid, match=r"trainer_state\.json"):
        list(detect(str(path)).sources[0].rows())


def test_a_trainer_state_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_state, "LARGEST", 10)
    with pytest.raises(TooLarge, match="at most 10"):
        list(detect(str(ASSETS / "trainer")).sources[0].rows())


def test_archives_pipes_and_unknown_files_are_refused_with_what_would_be_right(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("a", "b")
    shutil.make_archive(str(tmp_path / "logs"), "tar", ASSETS)
    (tmp_path / "x.bin").write_bytes(b"\0" * 100)
    (tmp_path / "empty.csv").touch()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, text in (("logs.zip", "is a zip archive"), ("logs.tar", "is a tar archive"), ("x.bin", "nothing that is"),
                       ("empty.csv", "is empty"), ("pipe.csv", "not a regular file")):  # fmt: skip
        with pytest.raises(Refused, match=text) as caught:
            detect(str(tmp_path / name))
        assert name in caught.value.text
    with pytest.raises(NotFound):
        detect(str(tmp_path / "gone"))
    for path in ("", "a\0b", "x" * 5000):
        with pytest.raises(Invalid, match="not a path"):
            detect(path)


def test_a_folder_of_nothing_says_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(Invalid, match="nothing in this folder is known") as caught:
        detect(str(tmp_path))
    assert "TensorBoard" in str(caught.value.fix)
