"""Sheets of the Endpoints page: deploy a version on a new address, delete an address."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtWidgets import QComboBox, QLineEdit

from backend.contract.answers import readable
from backend.contract.resources import EndpointRecord
from console import operations
from console.asking import ask
from console.context import Context
from console.i18n import tr
from console.widgets.form import FormField
from console.widgets.panel import row
from console.widgets.sheet import Sheet
from console.widgets.text import Text

PORTS = range(1024, 65536)


class NewEndpointSheet(Sheet):
    """A live address for a version."""

    def __init__(self, context: Context, model: str = "", version: int | None = None) -> None:
        super().__init__(tr("Deploy a version"), icon="rocket", primary=tr("Deploy"))
        self._context = context
        self._model = QComboBox()
        self._model.addItems(list(context.state.models))
        if model in context.state.models:
            self._model.setCurrentText(model)
        self._version = QComboBox()
        self._name = QLineEdit()
        self._name.setMaxLength(100)
        self._named = False
        self._field = FormField(tr("Name of the endpoint"), self._name)
        self.add(FormField(tr("Model"), self._model))
        self.add(FormField(tr("Version"), self._version))
        self.add(self._field)
        kept = context.state.settings
        self._slo = QLineEdit(f"{kept.endpoint_slo_p99_ms:g}" if kept is not None and kept.endpoint_slo_p99_ms else "")
        self._port = QLineEdit()
        self._slo_field = FormField(tr("p99 latency limit, ms"), self._slo, hint=tr("Above it an alert is opened"),
                                    note=tr("optional"))  # fmt: skip
        self._port_field = FormField(tr("Port"), self._port, hint=tr("A free one is taken when empty"),
                                     note=tr("optional"))  # fmt: skip
        self.add(row(self._slo_field, self._port_field, gap=12, top=True))
        self.set_note(tr("It answers on this machine only, with a key of its own."))
        self.first_focus = self._name
        self._model.currentTextChanged.connect(self._on_model)
        self._name.textEdited.connect(self._on_named)
        self._name.textChanged.connect(self._on_changed)
        self._slo.textChanged.connect(self._on_changed)
        self._port.textChanged.connect(self._on_changed)
        self.accepted.connect(self._on_accepted)
        self._on_model(self._model.currentText(), version)

    def _on_model(self, name: str, wanted: int | None = None) -> None:
        record = self._context.state.models.get(name)
        self._version.clear()
        for version in record.versions if record else ():
            if not version.deleted:
                parts = [f"v{version.version}", *[tr(alias) for alias in version.aliases], version.run_name]
                self._version.addItem(" · ".join(part for part in parts if part), version.version)
        index = self._version.findData(wanted or (record.champion if record else None))
        self._version.setCurrentIndex(max(0, index))
        if not self._named:
            self._name.setText(self._free_name(name))
        self._on_changed()

    def _free_name(self, name: str) -> str:
        taken = self._context.state.endpoints
        if name not in taken:
            return name
        return next(f"{name}-{n}" for n in range(2, 10_000) if f"{name}-{n}" not in taken)

    def _on_named(self, _text: str) -> None:
        self._named = True

    def _on_changed(self, *_ignored: Any) -> None:
        name, reason = self._name.text().strip(), ""
        if self._version.count() == 0:
            reason = tr("Register a run first; there is no version to deploy.")
        elif not name:
            reason = tr("Give the endpoint a name.")
        elif name in self._context.state.endpoints:
            reason = tr("There is an endpoint {name} already.", name=name)
        self._field.set_error(reason if name in self._context.state.endpoints else "")
        slo_wrong = tr("A number of milliseconds above 0") if _number(self._slo.text()) == 0 else ""
        port_wrong = tr("A port from 1024 to 65535") if _number(self._port.text(), PORTS) == 0 else ""
        self._slo_field.set_error(slo_wrong)
        self._port_field.set_error(port_wrong)
        reason = reason or slo_wrong or port_wrong
        if self.primary is not None:
            self.primary.set_enabled(not reason, reason)

    def _on_accepted(self) -> None:
        slo, port = _number(self._slo.text()), _number(self._port.text(), PORTS)
        limits: dict[str, Any] = {"slo_p99_ms": slo or None}  # null: none, even where the settings have one
        if port:
            limits["port"] = int(port)
        call = operations.create_endpoint(
            self._context.link, self._name.text().strip(), self._model.currentText(), self._version.currentData(),
            **limits,
        )  # fmt: skip
        ask(self._context, call, self.primary).on_reply(self._on_reply)

    def _on_reply(self, body: dict[str, Any]) -> None:
        self.close_sheet()
        record = readable(EndpointRecord, body)
        if record is None:
            return
        self._context.toast(tr("Endpoint {name} starts", name=record.name), tr("Loading the model"), kind="info")
        self._context.state.endpoints.setdefault(record.name, record)
        self._context.navigate(f"endpoint/{record.name}")


class DeleteEndpointSheet(Sheet):
    """Close an address for good."""

    def __init__(self, context: Context, endpoint: EndpointRecord) -> None:
        super().__init__(
            tr("Delete endpoint {name}", name=endpoint.name), icon="trash-2", icon_role="bad",
            primary=tr("Delete endpoint"),
        )  # fmt: skip
        self._context, self._name = context, endpoint.name
        rate = endpoint.stats.get("serve/requests_per_s") or 0.0
        self.add(Text(tr("Requests in flight are finished, then the address and its key are gone for good. "
                         "The model and its versions stay."), "body", "text-secondary", wrap=True))  # fmt: skip
        if rate > 0:
            self.add(Text(tr("It answers {n} requests a second now; its clients will get errors.", n=f"{rate:.1f}"),
                          "body", "warn", wrap=True))  # fmt: skip
        if self.primary is not None:
            self.primary.set_kind("danger-fill")
        self.accepted.connect(self._on_accepted)

    def _on_accepted(self) -> None:
        ask(self._context, operations.delete_endpoint(self._context.link, self._name), self.primary).on_reply(
            self._on_reply
        )

    def _on_reply(self, _body: Any) -> None:
        self.close_sheet()
        self._context.toast(tr("Endpoint {name} deleted", name=self._name))
        self._context.navigate("endpoints")


def _number(text: str, allowed: range | None = None) -> float | None:
    """None for an empty field, 0 for what is no allowed number."""
    if not text.strip():
        return None
    try:
        value = float(text.strip())
    except ValueError:
        return 0.0
    if allowed is not None:
        return value if value in allowed else 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
