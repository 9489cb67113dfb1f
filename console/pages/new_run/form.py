"""The form of the New run sheet: fields in the order people think, rebuilt when another recipe is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from backend.contract.resources import RunEstimate
from console import words
from console.context import Context
from console.i18n import tr
from console.pages.new_run import choices
from console.pages.new_run.cards import RecipeCards
from console.pages.new_run.request import Request
from console.pages.new_run.schema import Problem, settings_of, too_long
from console.pages.new_run.settings import Fields, field_grid
from console.sheets.tags import split_tags
from console.widgets.form import FormField
from console.widgets.text import Text

OWN = ("base_model", "dataset", "register_as")


class RunForm(QWidget):
    """Everything typed. Signals: edited(): something changes; settled(): it was left; import_wanted()."""

    edited = Signal()
    settled = Signal()
    import_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.recipes = [r for r in context.state.recipes if not r.get("hidden")]
        self._extra: dict[str, Problem] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(13)
        self._layout.addWidget(Text(tr("What do you want to train?"), "small", "text-secondary", weight=600))
        self.cards = RecipeCards(self.recipes, self.recipes[0]["name"] if self.recipes else "")
        self.cards.chosen.connect(self._on_recipe)
        self._layout.addWidget(self.cards)
        self._layout.addSpacing(6)
        self._build_own()
        self._holder = QWidget()
        self.fields = Fields([])
        self._layout.addWidget(self._holder)
        self._layout.addStretch(1)
        self._build_fields()

    def _build_own(self) -> None:
        state = self._context.state
        self.base = choices.ChoiceBox(choices.base_models(state), tr("author/model, or /path/to/folder"))
        self.dataset = choices.ChoiceBox(choices.datasets(state, ""))
        self.device = choices.ChoiceBox(choices.devices(state))
        self.ending = choices.ChoiceBox(choices.endings(state))
        self.name, self.tags, self.note, self.model_name = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.name.setPlaceholderText(tr("chosen for you when empty"))
        self.model_name.setPlaceholderText(tr("Name of the new model"))
        self.model_name.hide()
        self.tags.setPlaceholderText(tr("sweep-4, seed"))
        ending = QWidget()
        column = QVBoxLayout(ending)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.ending)
        column.addWidget(self.model_name)
        self.own = {
            "base_model": FormField(tr("Base model"), self.base),
            "dataset": FormField(tr("Dataset"), self.dataset),
            "name": FormField(tr("Run name"), self.name),
            "device": FormField(tr("Run on"), self.device),
            "register_as": FormField(tr("When done"), ending),
            "tags": FormField(tr("Tags"), self.tags),
            "note": FormField(tr("Note"), self.note),
        }
        for box in (self.base, self.dataset, self.device, self.ending):
            box.picked.connect(self._on_own)
        self.dataset.wanted.connect(self._on_import)
        for line in (self.name, self.tags, self.note, self.model_name):
            line.textEdited.connect(self._on_own)

    # ---- recipe --------------------------------------------------------------------------------------------

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe taken, as the backend describes it; empty when it offers none."""
        return next((r for r in self.recipes if r["name"] == self.cards.value), {})

    def _build_fields(self) -> None:
        recipe = self.recipe
        old, self._holder = self._holder, QWidget()
        self.fields = Fields(settings_of(recipe.get("schema") or {}))
        self.fields.edited.connect(self._on_setting)
        self.fields.settled.connect(self.settled)
        trains = bool(recipe.get("needs_base_model", True))
        wanted: list[FormField | None] = [
            self.own["base_model"] if trains else None,
            self.own["dataset"] if recipe.get("needs_dataset", True) else None,
            self.fields.fields.get("method"),
            self.own["name"],
            *(self.fields.fields[name] for name in self.fields.open_names),
            self.own["device"] if trains else None,
            self.own["register_as"] if trains else None,
            self.own["tags"],
            self.own["note"],
        ]
        column = QVBoxLayout(self._holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(field_grid([field for field in wanted if field is not None]))
        column.addWidget(self.fields.advanced)
        for name in OWN:
            self.own[name].setHidden(self.own[name] not in wanted)
        self.own["device"].setHidden(not trains)
        self._layout.replaceWidget(old, self._holder)
        old.deleteLater()
        if recipe.get("needs_dataset"):
            self.dataset.set_choices(choices.datasets(self._context.state, recipe.get("task", "")))
        self._fit_hints()

    def _on_recipe(self, _name: str) -> None:
        self._keep_own()
        self._build_fields()
        self._on_own()

    def _keep_own(self) -> None:
        """Own fields outlive the holder they stand in."""
        for field in self.own.values():
            field.setParent(self)

    def _fit_hints(self) -> None:
        """`Usual for LoRA: 1e-4 to 1e-3` in place of the range of every method."""
        method = self.fields.fields.get("method")
        if method is None:
            return
        word = {"full": "Full", "lora": "LoRA", "qlora": "QLoRA"}.get(method.control.value, "")  # type: ignore[attr-defined]
        for name, setting in self.fields.settings.items():
            parts = dict(part.strip().split(": ", 1) for part in setting.usual.split(". ") if ": " in part)
            if word in parts:
                shown = tr("Usual for {method}: {range}", method=word, range=parts[word])
                self.fields.fields[name].set_hint(shown)

    # ---- edits ---------------------------------------------------------------------------------------------

    def _on_setting(self) -> None:
        self._fit_hints()
        self._on_own()

    def _on_own(self, *_text: object) -> None:
        self.model_name.setHidden(self.ending.value != choices.NEW_NAME)
        self._extra = {}
        self.edited.emit()

    def _on_import(self, _what: str) -> None:
        self.import_wanted.emit()

    # ---- values --------------------------------------------------------------------------------------------

    def problems(self) -> dict[str, Problem]:
        """Every wrong field of now, in the order of the form."""
        trains = bool(self.recipe.get("needs_base_model"))
        found: dict[str, Problem] = {}
        if trains and not self.base.value:
            found["base_model"] = Problem(tr("Name a base model."), tr("Use the starter model"), "starter")
        if trains and self.ending.value == choices.NEW_NAME and not self.model_name.text().strip():
            found["register_as"] = Problem(tr("Give the model a name."))
        values, wrong = self.fields.read()
        found.update(wrong)
        limit = self._length_problem(values.get("max_length")) if trains else None
        if limit:
            found["max_length"] = limit
        found.update({name: problem for name, problem in self._extra.items() if name not in found})
        return found

    def _length_problem(self, length: Any) -> Problem | None:
        known: dict[str, dict[str, Any]] = {model["name"]: model for model in self._context.state.base_models}
        most = known.get(self.base.value, {}).get("max_length")
        return too_long(length, words.base_model(self.base.value), most)

    def body(self) -> Request:
        """The request of now; wrong settings are left out, so that the rest can still be estimated."""
        recipe = self.recipe
        body: Request = {"recipe": self.cards.value, "settings": self.fields.changed()}
        if recipe.get("needs_base_model"):
            body["base_model"] = self.base.value or "starter"
            body["device"] = self.device.value or "auto"
            typed = self.ending.value == choices.NEW_NAME
            register = self.model_name.text().strip() if typed else self.ending.value[1:]
            if register:
                body["register_as"] = register
        if recipe.get("needs_dataset"):
            body["dataset"] = self.dataset.value
        for key, text in (("name", self.name.text().strip()), ("note", self.note.text().strip())):
            if text:
                body[key] = text
        if tags := split_tags(self.tags.text()):
            body["tags"] = list(tags)
        return body

    def fill(self, body: Mapping[str, Any]) -> None:
        """Show a request: recipe first, then what it says; the rest gets its recommended value."""
        known = [recipe["name"] for recipe in self.recipes]
        recipe = body.get("recipe")
        if recipe in known and recipe != self.cards.value:
            self.cards.set_value(str(recipe))
            self._keep_own()
            self._build_fields()
        if body.get("base_model"):
            self.base.set_value(str(body["base_model"]))
        if body.get("dataset"):
            self.dataset.set_value(self._dataset_id(str(body["dataset"])))
        self.device.set_value(str(body.get("device") or "auto"))
        self._fill_ending(body.get("register_as"))
        self.name.setText(str(body.get("name") or ""))
        self.note.setText(str(body.get("note") or ""))
        self.tags.setText(", ".join(map(str, body.get("tags") or ())))
        self.fields.write({name: s.default for name, s in self.fields.settings.items()})
        self.fields.write(body.get("settings") or {})
        self._on_setting()
        self.settled.emit()

    def _fill_ending(self, name: Any) -> None:
        if name and self.ending.findData(f"={name}") < 0:
            self.ending.set_value(choices.NEW_NAME)
            self.model_name.setText(str(name))
        else:
            self.ending.set_value(f"={name}" if name else "")

    def _dataset_id(self, text: str) -> str:
        """The newest version of a name, or the id itself."""
        named = [d for d in self._context.state.datasets.values() if text in (d.id, d.name)]
        return max(named, key=lambda d: d.version).id if named else text

    # ---- what the backend says -------------------------------------------------------------------------------

    def take_estimate(self, found: RunEstimate) -> None:
        """Steps beside the epochs, and problems only the backend knows."""
        if "epochs" in self.fields.fields:
            steps = tr("{n} steps", n=words.count(found.steps)) if found.steps else ""
            self.fields.fields["epochs"].set_note(steps)
        self._extra = {
            str(p["field"]): Problem(str(p["text"]), str(p.get("fix_text") or "").rstrip("."), p.get("fix_value"))
            for p in found.problems
            if p["field"] in self.fields.fields or p["field"] in self.own
        }

    def show_problems(self, wrong: Mapping[str, Problem]) -> None:
        """Say under every field what is wrong."""
        self.fields.show_problems(wrong)
        for name, field in self.own.items():
            problem = wrong.get(name)
            if (problem.text if problem else "") != field.error:
                fix = problem.fix_text if problem and problem.fix is not None else ""
                field.set_error(problem.text if problem else "", fix, problem.fix if problem else None)

    def title_of(self, name: str) -> str:
        """The label of a field, as a sentence names it."""
        field = self.own.get(name) or self.fields.fields.get(name)
        return field.label.text().lower() if field else name

    def go_to(self, name: str) -> None:
        """Put the cursor into a field."""
        if name in self.own:
            target = self.model_name if name == "register_as" else self.own[name].control
            target.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif name in self.fields.fields:
            self.fields.go_to(name)
