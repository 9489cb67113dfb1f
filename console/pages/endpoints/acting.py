"""What can be done about the endpoint in front, and why not."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from backend.contract.resources import EndpointRecord
from console import operations
from console.actions import Action
from console.asking import ask
from console.i18n import tr
from console.pages.endpoints.head import AT_REST, EndpointHead, address
from console.pages.endpoints.playground import Playground
from console.pages.endpoints.shape import InputShape, example_of, shape_of
from console.pages.endpoints.sheets import DeleteEndpointSheet, NewEndpointSheet
from console.pages.endpoints.traffic import TrafficPanel
from console.widgets.menus import add_entry
from console.widgets.page import Page


class EndpointActions(Page):
    """Every action of the endpoint in front; the page shows it."""

    head: EndpointHead
    traffic: TrafficPanel
    playground: Playground
    _name: str

    @property
    def endpoint(self) -> EndpointRecord | None:
        """The record as last heard."""
        return self.context.state.endpoints.get(self._name)

    @property
    def shape(self) -> InputShape:
        """What the live version takes; a text as long as nothing is known of it."""
        endpoint = self.endpoint
        model = self.context.state.models.get(endpoint.model or "") if endpoint else None
        if endpoint is None or model is None:
            return InputShape()
        live = next((v for v in model.versions if v.version == endpoint.live_version), None)
        return shape_of(live.signature if live else {}, (live.task if live else "") or model.task)

    # ---- why not -------------------------------------------------------------------------------------------

    def _away(self) -> str:
        return tr("Backend does not answer.") if self.context.offline() else ""

    def _why_not_ask(self, endpoint: EndpointRecord) -> str:
        if endpoint.state not in ("serving", "degraded"):
            return tr("The endpoint is {state}.", state=tr(endpoint.state))
        return self._away()

    def _why_not_switch(self, endpoint: EndpointRecord) -> str:
        if endpoint.state == "stopped":
            return tr("The endpoint is stopped; start it first.")
        return self._away()

    def _why_not_promote(self) -> str:
        endpoint = self.endpoint
        why = self._why_not_switch(endpoint) if endpoint else ""
        return why or ("" if self.traffic.promote.isEnabled() else tr("There is no newer version to promote."))

    def _why_not_roll_back(self) -> str:
        endpoint = self.endpoint
        why = self._why_not_switch(endpoint) if endpoint else ""
        return why or ("" if self.traffic.roll_back.isEnabled() else tr("Nothing was live before."))

    def _why_not_try(self) -> str:
        return self._why_not_ask(self.endpoint) if self.endpoint else ""

    def _why_not_stop(self) -> str:
        endpoint = self.endpoint
        return tr("The endpoint is at rest.") if endpoint and endpoint.state in AT_REST else self._away()

    def _why_not_start(self) -> str:
        endpoint = self.endpoint
        return self._away() if endpoint and endpoint.state in AT_REST else tr("The endpoint runs already.")

    # ---- actions -------------------------------------------------------------------------------------------

    def actions(self) -> list[Action]:  # type: ignore[override]
        deploy = Action("endpoint.deploy", tr("Deploy a version…"), self._on_deploy, "rocket", "", "endpoint",
                        reason=self._away)  # fmt: skip
        endpoint = self.endpoint
        if endpoint is None:
            return [deploy]
        traffic = self.traffic
        pin = tr("Unpin") if self.context.is_pinned(f"endpoint/{endpoint.name}") else tr("Pin")
        return [
            Action("endpoint.promote", traffic.promote.text(), traffic._on_promote, "badge-check", "",
                   "endpoint", reason=self._why_not_promote),
            Action("endpoint.rollback", traffic.roll_back.text(), traffic._on_roll_back, "rotate-ccw", "",
                   "endpoint", reason=self._why_not_roll_back),
            Action("endpoint.try", tr("Run playground"), self.playground.run, "play", "", "endpoint",
                   reason=self._why_not_try, separator=True),
            Action("endpoint.restart", tr("Restart"), self._on_restart, "refresh-cw", "", "endpoint",
                   reason=self._why_not_stop, separator=True),
            Action("endpoint.stop", tr("Stop"), self._on_stop, "square", "", "endpoint", danger=True,
                   reason=self._why_not_stop),
            Action("endpoint.start", tr("Start"), self._on_start, "play", "", "endpoint", reason=self._why_not_start),
            Action("endpoint.copy", tr("Copy address"), self._on_copy_address, "copy", "", "endpoint", separator=True),
            Action("endpoint.key", tr("Copy API key"), self._on_copy_key, "key-round", "", "endpoint"),
            Action("endpoint.curl", tr("Copy as curl"), self._on_copy_curl, "terminal", "", "endpoint"),
            Action("endpoint.python", tr("Copy as Python"), self._on_copy_python, "code", "", "endpoint"),
            Action("endpoint.pin", pin, self._on_pin, "pin", "", "endpoint", separator=True),
            deploy,
            Action("endpoint.delete", tr("Delete…"), self._on_delete, "trash-2", "", "endpoint", danger=True,
                   reason=self._away, separator=True),
        ]  # fmt: skip

    def _on_promote(self, version: int) -> None:
        endpoint = self.endpoint
        if endpoint is not None and endpoint.model:
            self.context.start("model.promote", model=endpoint.model, version=version, endpoint=endpoint.name)

    def _on_roll_back(self, version: int) -> None:
        endpoint = self.endpoint
        if endpoint is not None and endpoint.model:
            self.context.start("model.rollback", model=endpoint.model, version=version, endpoint=endpoint.name)

    def _on_restart(self) -> None:
        ask(self.context, operations.restart_endpoint(self.context.link, self._name), self.head.restart)

    def _on_stop(self) -> None:
        call = ask(self.context, operations.stop_endpoint(self.context.link, self._name), self.head.stop)
        call.on_reply(partial(self._on_stopped, self._name))

    def _on_stopped(self, name: str, _body: Any) -> None:
        undo, redo = partial(self._start_again, name), partial(self._stop_again, name)
        self.context.toast(tr("{name} stopped", name=name), tr("Its address answers nobody now."), undo=undo, redo=redo)

    def _stop_again(self, name: str) -> None:
        ask(self.context, operations.stop_endpoint(self.context.link, name))

    def _start_again(self, name: str) -> None:
        ask(self.context, operations.start_endpoint(self.context.link, name))

    def _on_start(self) -> None:
        ask(self.context, operations.start_endpoint(self.context.link, self._name), self.head.start)

    def _on_delete(self) -> None:
        if self.endpoint is not None:
            self.context.open_sheet(DeleteEndpointSheet(self.context, self.endpoint))

    def _on_deploy(self) -> None:
        model = self.endpoint.model if self.endpoint else ""
        self.context.open_sheet(NewEndpointSheet(self.context, model or ""))

    def _on_models(self) -> None:
        self.context.navigate("models")

    def _on_pin(self) -> None:
        link = f"endpoint/{self._name}"
        if self.context.is_pinned(link):
            self.context.unpin(link)
        else:
            self.context.pin(link, self._name)
        self.context.actions_changed()

    # ---- copies --------------------------------------------------------------------------------------------

    def _on_copy_address(self) -> None:
        if self.endpoint is not None:
            self.context.copy(address(self.endpoint))

    def _on_copy_key(self) -> None:
        """Never shown, not even in the toast."""
        if self.endpoint is not None:
            QGuiApplication.clipboard().setText(self.endpoint.key)
            self.context.toast(tr("API key copied"), tr("Whoever has it can ask {name}.", name=self._name), kind="info")

    def _on_copy_curl(self) -> None:
        if self.endpoint is not None:
            self._copy_snippet(curl(self.endpoint, self.shape))

    def _on_copy_python(self) -> None:
        if self.endpoint is not None:
            self._copy_snippet(python(self.endpoint, self.shape))

    def _copy_snippet(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.context.toast(tr("Copied"), tr("It holds the API key."), kind="info")

    def fill_menu(self) -> QMenu:
        """Every action of the endpoint, those that cannot be used greyed with their reason."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for action in self.actions():
            if action.separator:
                menu.addSeparator()
            add_entry(menu, action)
        return menu


def _body(shape: InputShape | None) -> str:
    """An example of what the version takes."""
    return json.dumps({"inputs": [example_of(shape or InputShape())]}, ensure_ascii=False)


def curl(endpoint: EndpointRecord, shape: InputShape | None = None) -> str:
    """A request as a command, with address and key."""
    body = _body(shape).replace("'", "'\\''")
    return (
        f"curl -s {address(endpoint)} \\\n  -H 'Authorization: Bearer {endpoint.key}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{body}'\n"
    )


def python(endpoint: EndpointRecord, shape: InputShape | None = None) -> str:
    """The same with the standard library."""
    body = repr(json.loads(_body(shape)))
    return (
        "import json\nimport urllib.request\n\n"
        "request = urllib.request.Request(\n"
        f'    "{address(endpoint)}",\n'
        f"    json.dumps({body}).encode(),\n"
        f'    {{"Authorization": "Bearer {endpoint.key}", "Content-Type": "application/json"}},\n'
        ")\n"
        "with urllib.request.urlopen(request) as reply:\n"
        '    print(json.load(reply)["predictions"])\n'
    )
