"""Forms built from models: types, errors with fixes, recommended values, the advanced part."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from backend.contract import recipes
from console.widgets.form import ModelForm
from console.widgets.formspec import specs_of


class Model(BaseModel):
    epochs: float = Field(3, title="Epochs", description="Passes", gt=0)
    length: int = Field(128, title="Max length", ge=4, le=512, json_schema_extra={"unit": "tokens"})
    method: Literal["full", "lora"] = "full"
    dropout: float | None = Field(None, ge=0, lt=1, json_schema_extra={"advanced": True})
    grouped: bool = Field(True, json_schema_extra={"advanced": True})


@pytest.fixture
def form(qtbot: QtBot) -> ModelForm:
    made = ModelForm(Model)
    qtbot.addWidget(made)
    made.show()
    return made


def line_of(form: ModelForm, name: str) -> QLineEdit:
    control = form.field(name).control
    assert isinstance(control, QLineEdit)
    return control


def test_values_have_the_model_s_types(form: ModelForm) -> None:
    assert form.values() == {"epochs": 3, "length": 128, "method": "full", "dropout": None, "grouped": True}
    form.set_values({"epochs": 2.5, "method": "lora", "dropout": 0.1, "unknown": 1})
    assert form.changed_values() == {"epochs": 2.5, "method": "lora", "dropout": 0.1}
    assert Model(**form.values())


def test_a_wrong_value_is_said_under_its_field_and_mended_by_one_click(qtbot: QtBot, form: ModelForm) -> None:
    line = line_of(form, "length")
    line.clear()
    qtbot.keyClicks(line, "1024")
    line.editingFinished.emit()
    assert "512" in form.field("length").error
    with pytest.raises(ValueError, match="Max length"):
        form.values()
    form.set_error("length", "This model reads at most 512 tokens.", "Use 512", 512)
    form.field("length").fixed.emit(512)
    assert form.errors() == {}
    assert form.field("length").error == ""
    assert form.values()["length"] == 512


def test_what_the_backend_refused_stands_until_the_field_is_edited(qtbot: QtBot, form: ModelForm) -> None:
    form.set_error("epochs", "Too many for this dataset.")
    assert form.errors() == {"epochs": "Too many for this dataset."}
    qtbot.keyClicks(line_of(form, "epochs"), "1")
    assert form.errors() == {}


def test_advanced_fields_are_folded_away_and_found_again(qtbot: QtBot, form: ModelForm) -> None:
    assert not form.field("dropout").isVisible()
    form.focus_field("dropout")
    assert form.field("dropout").isVisible()


def test_reset_brings_the_recommended_value_back(form: ModelForm) -> None:
    form.set_values({"length": 64})
    assert form.field("length").reset_link.isVisible()
    form.field("length").reset_link.click()
    assert form.changed_values() == {}


def test_edits_are_told(qtbot: QtBot, form: ModelForm) -> None:
    with qtbot.waitSignal(form.changed):
        qtbot.keyClick(line_of(form, "epochs"), Qt.Key.Key_5)


def test_every_recipe_of_the_product_gives_a_form(qtbot: QtBot) -> None:
    models: list[Any] = [m for n, m in vars(recipes).items() if n.endswith("Settings") and isinstance(m, type)]
    assert models
    for model in models:
        form = ModelForm(model)
        qtbot.addWidget(form)
        assert form.errors() == {}
        assert form.changed_values() == {}
        assert len(specs_of(model)) == len(model.model_fields)
