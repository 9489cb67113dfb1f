"""New run for recipes that the console never heard of: cards, data, base models and fields as the catalogue says."""

from typing import Any, Literal

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QToolTip
from pytestqt.qtbot import QtBot

from backend.contract.base import Request
from backend.contract.recipes import RECIPES, schema_of
from backend.contract.recipes.fields import Architecture, Texts, Trained, TrainingSettings, Vocabulary, setting
from backend.contract.resources import DatasetRecord, ModelRecord
from console.i18n import load_catalog, translator
from console.pages.new_run import NewRunSheet
from console.pages.new_run.request import as_command
from console.pages.new_run.schema import Setting, settings_of
from console.widgets.controls import Segmented, Toggle
from tests.console.pages.conftest import Desk

SAMPLES = [
    {"name": "movies", "title": "English movie reviews", "task": "text-classification", "rows": 3000},
    {"name": "poems", "title": "300 Tang poems", "task": "text-generation", "rows": 2539},
]


class GptSettings(TrainingSettings, Texts, Architecture, Vocabulary):
    """What a language model from scratch would have."""

    layers: int = setting(2, "Layers", "Another default", ge=1)
    packing: bool = setting(True, "Packing", "Fills every sequence", advanced=True)
    patch: int = setting(0, "Patch", "Of images", ge=0, advanced=True, scratch=True)


class TableSettings(Request):
    """Nothing of a network."""

    model: Literal["linear", "gradient boosting", "random forest"] = setting("linear", "Model", "What is fitted")
    trees: int = setting(100, "Trees", "Of the forest", ge=1)
    seed: int = setting(42, "Seed", "Of everything random", ge=0)


def line(name: str, settings: type[Request], **fields: Any) -> dict[str, Any]:
    known = {"name": name, "title": name.title(), "subtitle": "", "icon": "type", "task": "text-generation",
             "dataset_tasks": ["text-generation"], "needs_dataset": True, "needs_base_model": True,
             "bases": ["scratch", "version", "folder", "hub"], "metric": "eval/loss", "hidden": False,
             "schema": schema_of(settings), "defaults": settings().model_dump(mode="json")}  # fmt: skip
    return {**known, **fields}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    desk.state.recipes = [
        line("classify", Trained, task="text-classification", dataset_tasks=["text-classification"],
             bases=["starter", "version", "folder", "hub"]),
        line("gpt", GptSettings, subtitle="small and quick"),
        line("pairs", Trained, dataset_tasks=["sentence-pairs"], icon="no-such-icon"),
        line("table", TableSettings, dataset_tasks=["tabular"], needs_base_model=False, bases=[]),
    ]  # fmt: skip
    desk.state.base_models = [
        {"name": "starter", "kind": "starter", "title": "Starter model", "size_bytes": 9 * 10**7, "max_length": 512},
        {"name": "moods:1", "kind": "version", "title": "moods:1"},
        {"name": "writer:2", "kind": "version", "title": "writer:2"},
    ]
    desk.state.models["writer"] = ModelRecord(name="writer", task="text-generation")
    desk.state.models["moods"] = ModelRecord(name="moods", task="text-classification")
    desk.state.datasets["d1"] = DatasetRecord(id="d1", name="tickets", task="text-classification", rows=3000)
    desk.state.datasets["d2"] = DatasetRecord(id="d2", name="prices", task="tabular", rows=400)
    return desk


@pytest.fixture
def sheet(filled: Desk, qtbot: QtBot) -> NewRunSheet:
    made = NewRunSheet(filled.context)
    qtbot.addWidget(made)
    made.resize(860, 800)
    made.show()
    filled.link.last("GET", "/datasets/samples").succeed({"items": SAMPLES})
    return made


def take(sheet: NewRunSheet, qtbot: QtBot, recipe: str) -> None:
    at = [known["name"] for known in sheet.form.recipes].index(recipe)
    centre = sheet.form.cards.rect_of(at).center().toPoint()
    qtbot.mouseClick(sheet.form.cards, Qt.MouseButton.LeftButton, pos=centre)


def offered(box: QComboBox) -> list[str]:
    return [str(box.itemData(at)) for at in range(box.count())]


def pick(box: QComboBox, value: str) -> None:
    """As a click on the entry of the open list does it."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.findData(value))


def test_data_are_those_the_recipe_trains_on(sheet: NewRunSheet, qtbot: QtBot) -> None:
    assert offered(sheet.form.dataset) == ["d1", "movies", "#import"]
    take(sheet, qtbot, "gpt")
    assert offered(sheet.form.dataset) == ["poems", "#import"]
    assert sheet.form.dataset.currentText() == "Sample: 300 Tang poems, 2,539 rows"
    assert sheet.form.body()["dataset"] == "poems"
    take(sheet, qtbot, "table")
    assert offered(sheet.form.dataset) == ["d2", "#import"]


def test_without_data_the_form_says_so_and_leads_to_import(filled: Desk, sheet: NewRunSheet, qtbot: QtBot) -> None:
    take(sheet, qtbot, "pairs")
    field = sheet.form.own["dataset"]
    assert sheet.form.dataset.currentText() == "No dataset for this recipe"
    assert field.error == "No dataset fits this recipe: import one."
    assert not sheet.launch.isEnabled()
    qtbot.mouseClick(field._fix_button, Qt.MouseButton.LeftButton)
    assert filled.started == [("data.import", {})]


def test_base_models_are_those_the_recipe_begins_from(sheet: NewRunSheet, qtbot: QtBot) -> None:
    assert offered(sheet.form.base) == ["starter", "moods:1", "writer:2", "#folder", "#typed"]
    take(sheet, qtbot, "gpt")
    assert offered(sheet.form.base) == ["scratch", "writer:2", "moods:1", "#folder", "#typed"]
    assert sheet.form.base.currentText() == "From scratch"
    assert sheet.form.body()["base_model"] == "scratch"
    take(sheet, qtbot, "classify")
    assert sheet.form.body()["base_model"] == "starter"


def test_the_shape_is_asked_only_from_scratch_and_typing_survives(sheet: NewRunSheet, qtbot: QtBot) -> None:
    take(sheet, qtbot, "gpt")
    fields = sheet.form.fields
    assert fields.shape_names == ["layers", "d_model", "heads"]
    assert {"feed_forward", "tokenizer", "vocabulary_size", "patch"} <= set(fields.folded_names)
    qtbot.waitUntil(fields.fields["layers"].isVisible)
    for name, text in (("layers", "6"), ("epochs", "7"), ("batch_size", "many")):
        control = fields.fields[name].control
        control.selectAll()  # type: ignore[attr-defined]
        QTest.keyClicks(control, text)
    assert sheet.form.body()["settings"] == {"layers": 6, "epochs": 7}
    pick(sheet.form.base, "writer:2")
    assert not {"layers", "d_model", "heads", "tokenizer", "patch"} & set(sheet.form.fields.fields)
    assert sheet.form.body()["settings"] == {"epochs": 7}
    assert sheet.form.fields.fields["batch_size"].control.text() == "many"  # type: ignore[attr-defined]
    pick(sheet.form.base, "scratch")
    qtbot.waitUntil(sheet.form.fields.fields["layers"].isVisible)


def test_a_recipe_without_weights_can_be_registered(sheet: NewRunSheet, qtbot: QtBot) -> None:
    take(sheet, qtbot, "table")
    assert sheet.form.own["base_model"].isHidden()
    assert sheet.form.own["device"].isHidden()
    qtbot.waitUntil(sheet.form.own["register_as"].isVisible)
    pick(sheet.form.ending, "=moods")
    pick(sheet.form.fields.fields["model"].control, "random forest")  # type: ignore[arg-type]
    assert sheet.form.body() == {
        "recipe": "table", "settings": {"model": "random forest"}, "register_as": "moods", "dataset": "d2",
    }  # fmt: skip


def test_a_dataset_brings_the_recipe_that_trains_on_it(filled: Desk, qtbot: QtBot) -> None:
    made = NewRunSheet(filled.context, dataset="d2")
    qtbot.addWidget(made)
    assert made.form.body()["recipe"] == "table"
    assert made.form.body()["dataset"] == "d2"


def test_a_built_in_dataset_of_a_draft_is_there_once_they_are_known(filled: Desk, qtbot: QtBot) -> None:
    made = NewRunSheet(filled.context, file=None)
    qtbot.addWidget(made)
    made.form.fill({"recipe": "classify", "dataset": "movies"})
    assert made.form.body()["dataset"] == "d1"
    filled.link.last("GET", "/datasets/samples").succeed({"items": SAMPLES})
    assert made.form.body()["dataset"] == "movies"


def test_a_missing_base_is_mended_with_the_usual_one(sheet: NewRunSheet, qtbot: QtBot) -> None:
    take(sheet, qtbot, "gpt")
    pick(sheet.form.base, "#typed")
    sheet._on_settled()
    field = sheet.form.own["base_model"]
    assert field.error == "Name a base model."
    assert field._fix_button.text() == "Start from scratch"
    qtbot.mouseClick(field._fix_button, Qt.MouseButton.LeftButton)
    assert sheet.form.body()["base_model"] == "scratch"
    qtbot.waitUntil(sheet.form.fields.fields["layers"].isVisible)


def test_the_command_names_a_base_that_is_not_the_usual_one() -> None:
    body = {"recipe": "gpt", "base_model": "starter", "settings": {}}
    assert "--base-model starter" in as_command(body, None, "scratch")
    assert "--base-model" not in as_command({**body, "base_model": "scratch"}, None, "scratch")


def test_every_kind_of_setting_has_a_control_that_gives_its_type_back(qtbot: QtBot) -> None:
    from enum import StrEnum

    class Shade(StrEnum):
        DARK = "dark"
        LIGHT = "light"

    class Odd(Request):
        whole: int = setting(3, "Whole", "", ge=1)
        share: float | None = setting(None, "Share", "", ge=0)
        named: Literal["a", "b"] | None = setting(None, "Named", "")
        sizes: Literal[4, 8] = setting(8, "Sizes", "")
        flag: bool = setting(False, "Flag", "")
        maybe: bool | None = setting(None, "Maybe", "")
        shade: Shade = setting(Shade.DARK, "Shade", "")
        only: Literal["one"] = setting("one", "Only", "")
        words: list[str] = setting([], "Words", "")
        rate: float | Literal["auto"] = setting("auto", "Rate", "")
        note: str = setting("", "Note", "")

    from console.pages.new_run.settings import Fields

    fields = Fields(settings_of(Odd.model_json_schema()))
    qtbot.addWidget(fields)
    for field in fields.fields.values():
        field.setParent(fields)
    defaults, wrong = fields.read()
    assert not wrong
    assert defaults == Odd().model_dump(mode="json")
    assert fields.changed() == {}
    values = {"whole": 5, "share": 0.25, "named": "b", "sizes": 4, "flag": True, "maybe": False, "shade": "light",
              "only": "one", "words": ["x", "y"], "rate": 0.5, "note": "hm"}  # fmt: skip
    fields.write(values)
    assert fields.read() == (values, {})
    assert Odd.model_validate(fields.read()[0])
    fields.write({"named": None, "maybe": None, "share": None, "rate": "auto"})
    assert fields.changed().keys() == values.keys() - {"named", "maybe", "share", "rate", "only"}
    kinds = {name: type(field.control) for name, field in fields.fields.items()}
    assert (kinds["flag"], kinds["maybe"], kinds["shade"]) == (Toggle, Segmented, Segmented)


def test_a_narrow_card_tells_the_rest_in_its_tooltip(sheet: NewRunSheet, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = sheet.form.cards
    at = cards.rect_of(1).center().toPoint()
    shown: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text, _widget: shown.append(text))
    QApplication.sendEvent(cards, QHelpEvent(QEvent.Type.ToolTip, at, cards.mapToGlobal(at)))
    assert shown == ["Gpt: small and quick"]


def words_of(known: Setting) -> set[str]:
    return {known.title, known.description, known.unit, known.usual}


def texts_of_recipes() -> set[str]:
    """Everything that a form shows of the catalogue."""
    found = {
        text for shape in (Architecture, Vocabulary) for s in settings_of(schema_of(shape)) for text in words_of(s)
    }
    for recipe in RECIPES:
        found |= {recipe.title, recipe.subtitle}
        if recipe.hidden:
            continue
        for known in settings_of(schema_of(recipe.settings)):
            found |= words_of(known)
    return found - {""}


def test_every_word_of_the_catalogue_has_its_chinese(qapp: object) -> None:
    catalog = load_catalog("zh")
    assert sorted(text for text in texts_of_recipes() if text not in catalog) == []
    translator.set_language("zh")
