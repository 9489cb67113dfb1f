"""The New run sheet: typed settings, one-click fixes, the estimate while typing, draft, file, command, launch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from backend.contract.recipes import RECIPES, schema_of
from backend.contract.resources import DatasetRecord, RunRecord
from console.i18n import translator
from console.pages.new_run import NewRunSheet
from console.pages.new_run.estimate import time_range
from console.pages.new_run.request import as_command, next_name
from console.pages.new_run.schema import settings_of
from console.pages.new_run.settings import choice_text, make_control, read_control, write_control
from console.settings import DRAFTS
from console.widgets.buttons import Button
from console.yaml import read_request, run_to_yaml
from tests.console.pages.conftest import Desk


def recipe_line(recipe: Any) -> dict[str, Any]:
    schema = schema_of(recipe.settings)
    defaults = recipe.settings().model_dump(mode="json")
    return {**recipe.model_dump(exclude={"settings", "main"}), "schema": schema, "defaults": defaults}


def answer(**fields: Any) -> dict[str, Any]:
    known = {"fits": "yes", "text": "", "memory_bytes": 2 * 10**9, "memory_limit_bytes": 8 * 10**9, "steps": 225,
             "memory_terms": {"weights": 10**9, "activations": 10**9}}  # fmt: skip
    return {**known, **fields}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    desk.state.recipes = [recipe_line(recipe) for recipe in RECIPES]
    desk.state.base_models = [
        {"name": "starter", "kind": "starter", "title": "Starter model", "size_bytes": 9 * 10**7, "max_length": 512}
    ]
    desk.state.datasets["d1"] = DatasetRecord(id="d1", name="tickets", task="text-classification", rows=3000)
    return desk


def open_sheet(desk: Desk, qtbot: QtBot, **arguments: Any) -> NewRunSheet:
    sheet = NewRunSheet(desk.context, **arguments)
    qtbot.addWidget(sheet)
    sheet.resize(860, 800)
    sheet.show()
    return sheet


@pytest.fixture
def sheet(filled: Desk, qtbot: QtBot) -> NewRunSheet:
    return open_sheet(filled, qtbot)


def take(sheet: NewRunSheet, qtbot: QtBot, recipe: str) -> None:
    """A click on the card of a recipe."""
    at = [known["name"] for known in sheet.form.recipes].index(recipe)
    centre = sheet.form.cards.rect_of(at).center().toPoint()
    qtbot.mouseClick(sheet.form.cards, Qt.MouseButton.LeftButton, pos=centre)


def type_into(sheet: NewRunSheet, name: str, text: str) -> None:
    control = sheet.form.fields.fields[name].control
    control.setFocus()
    control.selectAll()  # type: ignore[attr-defined]
    QTest.keyClicks(control, text)


def test_too_long_is_said_and_fixed_with_one_click(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    type_into(sheet, "max_length", "1024")
    assert not sheet.launch.isEnabled()
    field = sheet.form.fields.fields["max_length"]
    qtbot.waitUntil(lambda: field.error == "all-MiniLM-L6-v2 reads at most 512 tokens.")
    assert sheet.problem.text() == "1 field to fix: max length"
    qtbot.mouseClick(field._fix_button, Qt.MouseButton.LeftButton)
    assert field.error == ""
    assert sheet.launch.isEnabled()
    assert sheet.form.body()["settings"] == {"max_length": 512}


def test_words_and_limits_of_a_field_come_from_the_schema() -> None:
    known = {s.name: s for s in settings_of(RECIPES[0].settings.model_json_schema())}
    assert known["batch_size"].read("abc")[1].text == "Must be a whole number."  # type: ignore[union-attr]
    assert known["batch_size"].read("0")[1].fix == 1  # type: ignore[union-attr]
    assert known["learning_rate"].read("2")[1].text == "Must be at most 1."  # type: ignore[union-attr]
    assert known["learning_rate"].read("2e-4") == (2e-4, None)
    assert known["learning_rate"].shown(5e-5) == "5e-5"
    assert known["dropout"].read("") == (None, None)
    assert known["method"].choices == ("full", "lora")


def test_the_estimate_follows_typing_and_drops_stale_replies(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    first = filled.link.last("POST", "/runs/estimate")
    type_into(sheet, "batch_size", "64")
    qtbot.waitUntil(lambda: filled.link.last("POST", "/runs/estimate") is not first, timeout=1000)
    second = filled.link.last("POST", "/runs/estimate")
    assert second.body["settings"] == {"batch_size": 64}
    second.succeed(answer(fits="tight", memory_bytes=7 * 10**9))
    first.succeed(answer())
    assert sheet.estimate.verdict.text() == "Tight, 1.0 GB to spare"


def test_what_would_help_is_a_button(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    fixes = [{"text": "Batch size 16", "settings": {"batch_size": 16}}]
    filled.link.last("POST", "/runs/estimate").succeed(answer(fits="no", memory_bytes=9 * 10**9, fixes=fixes))
    assert sheet.estimate.verdict.text() == "Needs 9.0 GB of 8.0 GB"
    assert sheet.launch.text() == "Launch anyway"
    button = next(b for b in sheet.estimate.findChildren(Button) if sheet.estimate._fix_layout.indexOf(b) == 0)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert sheet.form.body()["settings"] == {"batch_size": 16}


def test_a_busy_machine_queues(filled: Desk, sheet: NewRunSheet) -> None:
    filled.link.last("POST", "/runs/estimate").succeed(answer(starts_after="movie-s42", starts_in_seconds=1080))
    assert sheet.launch.text() == "Add to queue"


def test_ctrl_enter_launches_closes_and_goes_there(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    closed: list[bool] = []
    sheet.closed.connect(lambda: closed.append(True))
    QTest.keyClicks(sheet.form.name, "mine")
    QTest.keyClicks(sheet.form.tags, "a, b")
    qtbot.keyClick(sheet.form.name, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    asked = filled.link.last("POST", "/runs")
    assert asked.body == {
        "recipe": "text_classification", "settings": {}, "base_model": "starter", "device": "auto", "dataset": "d1",
        "name": "mine", "tags": ["a", "b"],
    }  # fmt: skip
    asked.succeed(RunRecord(id="r9", name="mine", recipe="text_classification", state="queued").model_dump(mode="json"))
    assert closed
    assert filled.places == ["run/r9"]
    assert filled.context.settings.entry(DRAFTS, "run.new") is None


def test_a_refusal_stays_at_its_field_and_keeps_what_was_typed(filled: Desk, sheet: NewRunSheet) -> None:
    sheet.submit()
    asked = filled.link.last("POST", "/runs")
    asked.refuse("The dataset has one label.", "Import another one.")
    assert filled.toasts == [("bad", "The dataset has one label.", "Import another one.")]
    assert not sheet.launch.busy


def test_the_draft_comes_back(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    type_into(sheet, "epochs", "7")
    sheet.close_sheet()
    again = open_sheet(filled, qtbot)
    assert again.form.body()["settings"] == {"epochs": 7}
    assert again.saved.isVisible()


def test_a_clone_takes_over_and_changes_what_was_advised(filled: Desk, qtbot: QtBot) -> None:
    defaults = filled.state.recipes[0]["defaults"]
    run = RunRecord(id="r1", name="movie-s42", recipe="text_classification", state="failed", dataset_id="d1",
                    base_model="starter", settings={**defaults, "batch_size": 64, "seed": 7}, tags=("a",))  # fmt: skip
    filled.state.runs["r1"] = run
    body = open_sheet(filled, qtbot, run=run, settings={"batch_size": 32, "gradient_checkpointing": True}).form.body()
    assert body["settings"] == {"seed": 7, "gradient_checkpointing": True}
    assert body["name"] == "movie-s42-2"


def test_advanced_says_what_differs_and_resets(sheet: NewRunSheet, qtbot: QtBot) -> None:
    advanced = sheet.form.fields.advanced
    qtbot.keyClick(sheet, Qt.Key.Key_A, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: advanced.opened)
    type_into(sheet, "lora_rank", "32")
    assert advanced._note.text().endswith("1 changed from recommended")
    link = sheet.form.fields.fields["lora_rank"].reset_link
    qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert sheet.form.fields.changed() == {}


def test_another_recipe_has_its_own_fields(sheet: NewRunSheet, qtbot: QtBot) -> None:
    take(sheet, qtbot, "selftest")
    assert sheet.form.body() == {"recipe": "selftest", "settings": {}}
    assert list(sheet.form.fields.open_names) == ["steps", "rate_hz", "points_per_step", "seed"]


def test_a_typed_base_model_and_an_empty_one(sheet: NewRunSheet, qtbot: QtBot) -> None:
    box = sheet.form.base
    box.activated.emit(box.findData("#typed"))
    assert sheet.problem.text() == "1 field to fix: base model"
    QTest.keyClicks(box.lineEdit(), "author/model")
    assert sheet.form.body()["base_model"] == "author/model"


def test_a_file_fills_the_form_and_a_bad_one_is_named(filled: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    run = RunRecord(id="r1", name="x", recipe="text_classification", state="completed", dataset_name="tickets",
                    settings={"epochs": 5, "method": "lora"})  # fmt: skip
    file.write_text(run_to_yaml(run), encoding="utf-8")
    sheet = open_sheet(filled, qtbot, file=str(file))
    assert sheet.form.body()["settings"] == {"epochs": 5, "method": "lora"}
    assert sheet.form.body()["dataset"] == "d1"
    file.write_text("recipe: selftest\n  - no\n", encoding="utf-8")
    sheet._read_file(file)
    assert filled.toasts[-1][0] == "bad"
    assert "line 2" in filled.toasts[-1][2]


def test_yaml_reads_what_it_wrote_and_json() -> None:
    text = "# note\nrecipe: selftest\nsettings:\n  steps: 5\n  text: 'a b'\n  rate: .5\n"
    assert read_request(text) == {"recipe": "selftest", "settings": {"steps": 5, "text": "a b", "rate": 0.5}}
    assert read_request('{"recipe": "x"}') == {"recipe": "x"}
    with pytest.raises(ValueError, match="line 1"):
        read_request("just words")


def test_the_command_line_is_quoted_for_a_shell() -> None:
    body = {"recipe": "selftest", "name": "a b; rm", "settings": {"steps": 5, "ignore_term": True}, "tags": ["x"]}
    text = as_command(body, None)
    assert text == "python3 main.py run start selftest --name 'a b; rm' --set steps=5 --set ignore_term=true --tag x"


def test_names_and_times_in_words() -> None:
    assert next_name("a-s42", {"a-s42-2"}) == "a-s42-3"
    assert time_range(2280, 2760) == "38 to 46 min"
    assert time_range(None, None) == "known after one run like it"
    assert time_range(8, 8) == "about 8 s"


def test_a_sheet_opened_too_early_begins_afresh_when_the_recipes_come(desk: Desk, qtbot: QtBot) -> None:
    desk.state.loaded = False
    early = open_sheet(desk, qtbot, dataset="d1")
    assert not early.launch.isEnabled()
    desk.state.recipes = [recipe_line(recipe) for recipe in RECIPES]
    with qtbot.waitSignal(early.closed):
        pass
    assert desk.started[-1] == ("run.new", {"run": None, "settings": None, "dataset": "d1", "file": None})
    assert desk.context.settings.get(DRAFTS) == {}


def test_choices_are_words_in_either_language_and_the_recipe_gets_its_own_spelling(qtbot: QtBot) -> None:
    known = {s.name: s for s in settings_of(RECIPES[0].settings.model_json_schema())}
    for language, words in (("en", ["Linear", "Cosine", "Constant"]), ("zh", ["线性", "余弦", "恒定"])):
        translator.set_language(language)
        control = make_control(known["schedule"])
        qtbot.addWidget(control)
        assert [text for _, text in control._choices] == words
        write_control(control, known["schedule"], "cosine")
        assert read_control(control) == "cosine"
    assert choice_text("auto") == "自动"
    assert choice_text("bf16") == "bf16"
    box = make_control(replace(known["schedule"], choices=("linear", "cosine", "constant", "stop", "continue")))
    qtbot.addWidget(box)
    write_control(box, known["schedule"], "continue")
    assert (box.currentText(), read_control(box)) == ("继续", "continue")
