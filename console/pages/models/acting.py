"""What can be done about the version in front, and why not."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QMenu

from backend.contract.resources import EndpointRecord, ModelRecord, VersionRecord
from console.actions import Action
from console.i18n import tr
from console.pages.models import words as model_words
from console.pages.models.sheets import PromoteSheet, RollBackSheet
from console.pages.models.small_sheets import CardSheet, DeleteVersionSheet, RegisterRunSheet
from console.pages.models.timeline import VersionsPanel
from console.theme import theme
from console.widgets.menus import add_entry
from console.widgets.page import Page


class ModelActions(Page):
    """Every action of the version in front; the page shows it."""

    versions: VersionsPanel
    _name: str
    _number: int

    @property
    def model(self) -> ModelRecord | None:
        return self.context.state.models.get(self._name)

    @property
    def version(self) -> VersionRecord | None:
        """The chosen version."""
        return self._version(self._number)

    @property
    def champion(self) -> VersionRecord | None:
        return self._version(self.model.champion) if self.model and self.model.champion else None

    def _version(self, number: int | None) -> VersionRecord | None:
        model = self.model
        return next((v for v in model.versions if v.version == number), None) if model else None

    def _endpoints(self) -> list[EndpointRecord]:
        found: list[EndpointRecord] = self.context.state.endpoints_of(self._name)
        return found

    def target(self) -> str:
        return f"{self._name}/{self._number}" if self._number else self._name

    def _previous(self) -> int | None:
        """Where a rollback goes by itself: the standby, else the alias previous."""
        standby = next((e.standby_version for e in self._endpoints() if e.standby_version), None)
        return standby or (self.model.previous if self.model else None)

    # ---- why not -------------------------------------------------------------------------------------------

    def _away(self) -> str:
        return tr("Backend does not answer.") if self.context.offline() else ""

    def _why_not_promote(self) -> str:
        version = self.version
        if version is None:
            return tr("No version is chosen.")
        live = model_words.live_endpoint(self._endpoints(), version.version)
        if live is not None and len(self._endpoints()) == 1:
            return tr("v{n} is live on {name} already.", n=version.version, name=live.name)
        if version.deleted:
            return tr("The files of this version were deleted.")
        return self._away()

    def _why_not_roll_back(self) -> str:
        if not self._endpoints():
            return tr("The model is on no endpoint.")
        if self._previous() is None:
            return tr("Nothing was live before.")
        return self._away()

    def _why_not_compare(self) -> str:
        version, champion = self.version, self.champion
        if version is None or champion is None:
            return tr("There is no champion to compare with.")
        return tr("This is the champion.") if version.run_id == champion.run_id else ""

    def _why_not_delete(self) -> str:
        version = self.version
        if version is None or version.deleted:
            return tr("The files of this version were deleted.")
        if version.aliases:
            return tr("v{n} is {alias} of {model}.", n=version.version, alias=tr(version.aliases[0]), model=self._name)
        return self._away()

    # ---- actions -------------------------------------------------------------------------------------------

    def actions(self) -> list[Action]:  # type: ignore[override]
        version = self.version
        if version is None:
            return [Action("model.register", tr("Register a run…"), self._on_register, "package", "", "model")]
        number, back = version.version, self._previous()
        pin = tr("Unpin") if self.context.is_pinned(self._link()) else tr("Pin")
        back_text = tr("Roll back to v{n}…", n=back) if back else tr("Roll back…")
        return [
            Action("model.promote", tr("Promote v{n}…", n=number), self._on_promote, "badge-check", "",
                   "model", reason=self._why_not_promote),
            Action("model.rollback", back_text, self._on_roll_back, "rotate-ccw", "", "model",
                   reason=self._why_not_roll_back),
            Action("model.next", tr("Next version"), self._on_next, "", "", "model", palette=False, separator=True),
            Action("model.before", tr("Previous version"), self._on_before, "", "", "model", palette=False),
            Action("model.compare", tr("Compare with champion"), self._on_compare, "columns-3", "", "model",
                   reason=self._why_not_compare),
            Action("model.deploy", tr("Deploy on a new endpoint…"), self._on_deploy, "rocket", "", "model",
                   reason=self._away, separator=True),
            Action("model.card", tr("Edit note and card…"), self._on_edit, "pencil", "", "model", reason=self._away),
            Action("model.register", tr("Register a run…"), self._on_register, "package", "", "model",
                   reason=self._away),
            Action("model.pin", pin, self._on_pin, "pin", "", "model"),
            Action("model.delete", tr("Delete files…"), self._on_delete, "trash-2", "", "model", danger=True,
                   reason=self._why_not_delete, separator=True),
        ]  # fmt: skip

    def _link(self) -> str:
        return f"model/{self.target()}"

    def _on_promote(self) -> None:
        version = self.version
        if version is not None and not self._why_not_promote():
            endpoint = next((e.name for e in self._endpoints() if e.live_version != version.version), None)
            self.context.open_sheet(PromoteSheet(self.context, self._name, version.version, endpoint))

    def _on_roll_back(self) -> None:
        if not self._why_not_roll_back():
            self.context.open_sheet(RollBackSheet(self.context, self._name, self._previous()))

    def _on_compare(self) -> None:
        version, champion = self.version, self.champion
        if version is not None and champion is not None and not self._why_not_compare():
            self.context.navigate(f"compare/{version.run_id},{champion.run_id}")

    def _on_compared(self, one: int, two: int) -> None:
        first, second = self._version(one), self._version(two)
        if first is not None and second is not None:
            self.context.navigate(f"compare/{first.run_id},{second.run_id}")

    def _on_next(self) -> None:
        self.versions.timeline.step(1)

    def _on_before(self) -> None:
        self.versions.timeline.step(-1)

    def _on_deploy(self) -> None:
        self.context.start("endpoint.new", model=self._name, version=self._number)

    def _on_edit(self) -> None:
        if self.version is not None:
            self.context.open_sheet(CardSheet(self.context, self.version))

    def _on_delete(self) -> None:
        if self.version is not None and not self._why_not_delete():
            self.context.open_sheet(DeleteVersionSheet(self.context, self.version))

    def _on_register(self) -> None:
        self.context.open_sheet(RegisterRunSheet(self.context, self._name))

    def _on_pin(self) -> None:
        link = self._link()
        if self.context.is_pinned(link):
            self.context.unpin(link)
        else:
            self.context.pin(link, f"{self._name} v{self._number}")
        self.context.actions_changed()

    def _on_runs(self) -> None:
        self.context.navigate("runs")

    def _on_audit(self) -> None:
        self.context.navigate("audit")

    def fill_menu(self) -> QMenu:
        """Every action of the version in front, those that cannot be used greyed with their reason."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action in self.actions():
            if not action.palette:
                continue
            if action.separator:
                menu.addSeparator()
            add_entry(menu, action)
        menu.addAction(theme.icon("link", "text-secondary"), tr("Copy link"),
                       partial(self.context.copy, f"modeldeck://{self._link()}"))  # fmt: skip
        return menu
