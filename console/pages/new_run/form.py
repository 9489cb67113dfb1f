"""The form of the New run sheet: fields in the order people think, rebuilt when another recipe is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from console.pages.new_run.settings import Fields, field_grid, read_control
from console.sheets.tags import split_tags
from console.tasks import task_name
from console.widgets.form import FormField
from console.widgets.text import Text

OWN = ("base_model", "dataset", "device", "register_as")


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
        self._samples: list[dict[str, Any]] | None = None  # not read yet
        self._dataset_wanted = ""  # chosen before the built-in data were known
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
        self.base = choices.ChoiceBox((), tr("author/model, or /path/to/folder"))
        self.dataset = choices.ChoiceBox()
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
        self.base.picked.connect(self._on_base)
        self.dataset.picked.connect(self._on_dataset)
        for box in (self.device, self.ending):
            box.picked.connect(self._on_own)
        self.dataset.wanted.connect(self._on_import)
        self.own["dataset"].fixed.connect(self._on_import)
        for line in (self.name, self.tags, self.note, self.model_name):
            line.textEdited.connect(self._on_own)

    # ---- recipe --------------------------------------------------------------------------------------------

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe taken, as the backend describes it; empty when it offers none."""
        return next((r for r in self.recipes if r["name"] == self.cards.value), {})

    @property
    def _from_scratch(self) -> bool:
        """No weights to begin with: the shape of the model is a choice."""
        return bool(self.recipe.get("needs_base_model")) and self.base.value == choices.SCRATCH

    def _offer(self) -> None:
        """Base models and data of the recipe taken."""
        recipe, state = self.recipe, self._context.state
        self.base.set_choices(choices.base_models(state, recipe))
        self.dataset.set_choices(choices.datasets(state, self._tasks(), self._samples or ()))

    def _take_recipe(self, name: str) -> None:
        """Another recipe begins from its usual base."""
        self.cards.set_value(name)
        self._offer()
        self.base.set_value(self.base.first)

    def _tasks(self) -> tuple[str, ...]:
        return tuple(self.recipe.get("dataset_tasks") or ())

    def take_samples(self, samples: Sequence[dict[str, Any]]) -> None:
        """The built-in data, which the backend imports when it is launched on."""
        self._samples = [sample for sample in samples if {"name", "title", "task", "rows"} <= sample.keys()]
        self.dataset.set_choices(choices.datasets(self._context.state, self._tasks(), self._samples))
        self.dataset.set_value(self._dataset_wanted)
        self._fit_dataset()
        self._on_own()

    def _build_fields(self) -> None:
        self._offer()
        recipe, scratch = self.recipe, self._from_scratch
        old, self._holder = self._holder, QWidget()
        settings = settings_of(recipe.get("schema") or {})
        self.fields = Fields([setting for setting in settings if scratch or not setting.scratch])
        self.fields.edited.connect(self._on_setting)
        self.fields.settled.connect(self.settled)
        column = QVBoxLayout(self._holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        wanted = self._wanted()
        column.addLayout(field_grid(wanted))
        if self.fields.shape_names:
            column.addSpacing(4)
            column.addWidget(Text(tr("Built from scratch"), "small", "text-secondary", weight=600))
            column.addLayout(field_grid([self.fields.fields[name] for name in self.fields.shape_names]))
        column.addWidget(self.fields.advanced)
        for name in OWN:
            self.own[name].setHidden(self.own[name] not in wanted)
        self._layout.replaceWidget(old, self._holder)
        old.hide()
        old.deleteLater()
        self._shown = (self.cards.value, scratch)
        self._fit_dataset()
        self._fit_hints()

    def _wanted(self) -> list[FormField]:
        """The open fields in the order people think."""
        recipe = self.recipe
        based, fed = bool(recipe.get("needs_base_model", True)), bool(recipe.get("needs_dataset", True))
        found: list[FormField | None] = [
            self.own["base_model"] if based else None,
            self.own["dataset"] if fed else None,
            self.fields.fields.get("method"),
            self.own["name"],
            *(self.fields.fields[name] for name in self.fields.open_names),
            self.own["device"] if based else None,
            self.own["register_as"] if based or fed else None,
            self.own["tags"],
            self.own["note"],
        ]
        return [field for field in found if field is not None]

    def _fit_dataset(self) -> None:
        """Where there is nothing to train on, say what kind of data it would be."""
        kinds = ", ".join(task_name(task) for task in self._tasks())
        hint = tr("It trains on: {kinds}.", kinds=kinds) if kinds and not self.dataset.value else ""
        self.own["dataset"].set_hint(hint)

    def _on_recipe(self, name: str) -> None:
        self._take_recipe(name)
        self._keep_own()
        self._build_fields()
        self._on_own()
        self.settled.emit()

    def choose_base(self, value: str) -> None:
        """Take a base model as if it had been picked."""
        self.base.set_value(value)
        self._on_base()

    def _on_base(self) -> None:
        """Fields of the shape come and go with the base model; what was typed in the others stays."""
        if (self.cards.value, self._from_scratch) != self._shown:
            raw = self.fields.raw()
            self._keep_own()
            self._build_fields()
            self.fields.write_raw(raw)
            self.base.setFocus()
        self._on_own()

    def _keep_own(self) -> None:
        """Own fields outlive the holder they stand in."""
        for field in self.own.values():
            field.setParent(self)

    def _fit_hints(self) -> None:
        """`Usual for LoRA: 1e-4 to 1e-3` in place of the range of every method."""
        method = self.fields.fields.get("method")
        value = str(read_control(method.control)) if method is not None else ""
        word = {"full": "Full", "lora": "LoRA", "qlora": "QLoRA"}.get(value, "")
        for name, setting in self.fields.settings.items():
            parts = dict(part.strip().split(": ", 1) for part in setting.usual.split(". ") if ": " in part)
            if parts and not value:  # nothing to choose between
                self.fields.fields[name].set_hint("")
            elif word in parts:
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

    def _on_dataset(self) -> None:
        self._dataset_wanted = ""
        self._on_own()

    def _on_import(self, _what: object) -> None:
        self.import_wanted.emit()

    # ---- values --------------------------------------------------------------------------------------------

    def problems(self) -> dict[str, Problem]:
        """Every wrong field of now, in the order of the form."""
        based, fed = bool(self.recipe.get("needs_base_model")), bool(self.recipe.get("needs_dataset"))
        found: dict[str, Problem] = {}
        if based and not self.base.value:
            usual, text = self.base.first, tr("Use the starter model")
            fix = tr("Start from scratch") if usual == choices.SCRATCH else text if usual == "starter" else ""
            found["base_model"] = Problem(tr("Name a base model."), fix, usual if fix else None)
        if fed and not self.dataset.value and self._samples is not None:
            found["dataset"] = Problem(
                tr("No dataset fits this recipe: import one."), tr("Import data…"), choices.IMPORT
            )
        if (based or fed) and self.ending.value == choices.NEW_NAME and not self.model_name.text().strip():
            found["register_as"] = Problem(tr("Give the model a name."))
        values, wrong = self.fields.read()
        found.update(wrong)
        limit = self._length_problem(values.get("max_length")) if based else None
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
            body["base_model"] = self.base.value or self.base.first
            body["device"] = self.device.value or "auto"
        if recipe.get("needs_base_model") or recipe.get("needs_dataset"):
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
        recipe = body.get("recipe") or self._recipe_for(str(body.get("dataset") or ""))
        if recipe in known and recipe != self.cards.value:
            self._take_recipe(str(recipe))
        if body.get("base_model"):
            self.base.set_value(str(body["base_model"]))
        if (self.cards.value, self._from_scratch) != self._shown:
            self._keep_own()
            self._build_fields()
        if body.get("dataset"):
            self._dataset_wanted = self._dataset_id(str(body["dataset"]))
            self.dataset.set_value(self._dataset_wanted)
            self._fit_dataset()
        self.device.set_value(str(body.get("device") or "auto"))
        self._fill_ending(body.get("register_as"))
        self.name.setText(str(body.get("name") or ""))
        self.note.setText(str(body.get("note") or ""))
        self.tags.setText(", ".join(map(str, body.get("tags") or ())))
        self.fields.write({name: s.default for name, s in self.fields.settings.items()})
        self.fields.write(body.get("settings") or {})
        self._on_setting()
        self.settled.emit()

    def _recipe_for(self, dataset: str) -> str:
        """The recipe taken when it trains on a dataset, else the first that does."""
        record = self._context.state.datasets.get(self._dataset_id(dataset))
        if record is None or record.task in self._tasks():
            return str(self.cards.value)
        fitting = (r["name"] for r in self.recipes if record.task in (r.get("dataset_tasks") or ()))
        return str(next(fitting, self.cards.value))

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
