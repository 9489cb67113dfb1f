"""Gates, lineage, history, card and files of a version."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout

from backend.contract.resources import EndpointRecord, FileRecord, HistoryEntry, PromotionPlan, VersionRecord
from console import words
from console.i18n import mark, tr, tr_n
from console.pages.models import words as model_words
from console.said import said_why
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Icon, StatePill
from console.widgets.lineage import LineageStrip, Node
from console.widgets.paint import StateLook
from console.widgets.panel import Panel, row
from console.widgets.rows import GateRow, HistoryRow, KeyValue
from console.widgets.text import Text, set_tip

HISTORY_ROWS = 8
ACTIONS: dict[str, tuple[str, str, str]] = {
    "register": ("package", "accent", mark("Registered v{n}")),
    "promote": ("badge-check", "ok", mark("Promoted v{n}")),
    "rollback": ("rotate-ccw", "warn", mark("Rolled back v{m} to v{n}")),
    "undo": ("undo-2", "text-secondary", mark("Undone: v{m} to v{n}")),
    "note": ("message-square", "text-secondary", mark("Note on v{n}")),
    "delete": ("trash-2", "bad", mark("Deleted v{m}")),
}


def _drop(layout: Any) -> None:
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()


class GatesPanel(Panel):
    """The evidence of the plan, as gates. Signals: again_wanted()."""

    again_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Gates"))
        self.pill = StatePill("unknown", "")
        self.again = IconButton("refresh-cw", tr("Check again"), small=True)
        self.again.clicked.connect(self.again_wanted)
        self.add_action(self.pill)
        self.add_action(self.again)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(36)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self.add(self._grid)
        self.pill.hide()

    def show_waiting(self) -> None:
        """The plan is being read: the button turns, what stood there stays."""
        self.again.set_busy(True)

    def show_problem(self, text: str) -> None:
        """The plan could not be read; the rest of the page works."""
        self.again.set_busy(False)
        _drop(self._grid)
        self.pill.hide()
        self._grid.addWidget(
            row(Icon("circle-x", "bad", 16), Text(text, "body", "text-secondary", wrap=True)), 0, 0, 1, 2
        )

    def show_plan(self, plan: PromotionPlan, *, live: bool, proven: str) -> None:
        """`live`: compared with nothing but itself, so only its own facts. `proven` says where it answered."""
        self.again.set_busy(False)
        _drop(self._grid)
        rows = []
        for item in plan.evidence:
            if live and "metric" in item:
                continue
            text, detail = model_words.gate_words(item)
            state = model_words.evidence_state(item)
            rows.append(("failed" if state == "warned" and "metric" not in item else state, text, detail))
        if proven:
            rows.append(("passed", tr("Loads and answers"), proven))
        for item in plan.warnings:
            text, detail = model_words.warning_words(item)
            if "gets worse by" not in str(item.get("text", "")):
                rows.append(("warned", text, detail))
        for index, (state, text, detail) in enumerate(rows):
            gate = GateRow(state, text, detail)
            set_tip(gate, text, line=detail)
            gate.setMinimumWidth(120)
            self._grid.addWidget(gate, index // 2, index % 2)
        self._show_pill([state for state, _, _ in rows])

    def _show_pill(self, states: list[str]) -> None:
        judged = [state for state in states if state in ("passed", "warned", "failed")]
        passed = judged.count("passed")
        look = StateLook("", "circle-check", "ok")
        if "failed" in judged:
            look = StateLook("", "circle-x", "bad", True)
        elif "warned" in judged:
            look = StateLook("", "triangle-alert", "warn", True)
        self.pill.set_look(look, tr("{n} of {all} passed", n=passed, all=len(judged)))
        self.pill.setVisible(bool(judged))


class LineagePanel(Panel):
    """Data → run → version → endpoint, and what it was made with. Signals: opened(link), copied(text)."""

    opened = Signal(str)
    copied = Signal(str)

    def __init__(self) -> None:
        super().__init__(tr("Lineage"))
        self.strip = LineageStrip(tr("Lineage"))
        self.strip.opened.connect(self.opened)
        self.add(self.strip)
        self._facts = QHBoxLayout()
        self._facts.setContentsMargins(0, 2, 0, 0)
        self._facts.setSpacing(6)
        self.add(self._facts)
        self._shown: tuple[Any, ...] = ()

    def show_version(
        self, version: VersionRecord, endpoints: list[EndpointRecord], dataset_version: int | None
    ) -> None:
        live = model_words.live_endpoint(endpoints, version.version)
        warm = model_words.standby_endpoint(endpoints, version.version)
        kind, where, link = tr("Endpoint"), tr("none"), ""
        if live is not None:
            kind, where, link = tr("Endpoint, 100%"), live.name, f"endpoint/{live.name}"
        elif warm is not None:
            where, link = tr("kept warm"), f"endpoint/{warm.name}"
        elif version.first_served_at is not None:
            where = tr("served {time}", time=words.duration(version.served_seconds))
        data = f"{version.dataset_name} v{dataset_version}" if dataset_version else version.dataset_name or words.DASH
        nodes = [
            Node(tr("Data"), data, "database", f"dataset/{version.dataset_id}" if version.dataset_id else ""),
            Node(tr("Run"), version.run_name or version.run_id, "activity", f"run/{version.run_id}"),
            Node(tr("Version"), f"v{version.version}", "package", "", current=True),
            Node(kind, where, "rocket", link),
        ]
        self.strip.set_nodes(nodes)
        facts = self._made_with(version)
        if facts != self._shown:
            self._shown = facts
            self._show_facts(facts)

    @staticmethod
    def _made_with(version: VersionRecord) -> tuple[Any, ...]:
        environment = version.environment or {}
        packages = environment.get("packages") or environment
        torch = packages.get("torch") if isinstance(packages, dict) else None
        device = environment.get("device") or environment.get("gpu") or ""
        made = " · ".join(part for part in (f"torch {torch}" if torch else "", str(device)) if part)
        return (str(version.commit or "")[:7], words.base_model(version.base_model), made, version.manifest_sha256)

    def _show_facts(self, facts: tuple[Any, ...]) -> None:
        _drop(self._facts)
        commit, base, made, digest = facts
        for icon, text, mono in (
            ("git-commit-horizontal", commit, True),
            ("layers", tr("base {name}", name=base) if base else "", False),
            ("cpu", made, False),
        ):
            if text:
                self._facts.addWidget(Icon(icon, "text-tertiary", 14))
                self._facts.addWidget(Text(text, "small", "text-secondary", mono=mono, elide=not mono))
                self._facts.addSpacing(8)
        self._facts.addStretch(1)
        if digest:
            short = Button(f"sha256 {digest[:4]}…{digest[-4:]}", "link")
            short.setAccessibleName(tr("Copy the checksum of the manifest"))
            set_tip(short, tr("Copy the checksum of the manifest"), line=digest)
            short.clicked.connect(self._on_digest)
            self._digest = digest
            self._facts.addWidget(short)

    def _on_digest(self) -> None:
        self.copied.emit(self._digest)


class HistoryPanel(Panel):
    """What, why, who, when. Signals: audit_wanted(), opened(version)."""

    audit_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(tr("History"), flush=True)
        link = Button(tr("Audit"), "link", "arrow-right", icon_right=True)
        link.clicked.connect(self.audit_wanted)
        self.add_action(link)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 2, 0, 4)
        self._rows.setSpacing(0)
        self.add(self._rows)
        self._shown: list[HistoryEntry] | None = None

    def show_entries(self, entries: list[HistoryEntry], now: float) -> None:
        """Newest first."""
        if entries == self._shown:
            return
        self._shown = list(entries)
        _drop(self._rows)
        if not entries:
            empty = Text(tr("Nothing has happened to it yet."), "small", "text-tertiary")
            empty.setContentsMargins(14, 4, 14, 8)
            self._rows.addWidget(empty)
        for entry in entries[:HISTORY_ROWS]:
            self._rows.addWidget(_history_row(entry, now))

    def show_problem(self, text: str) -> None:
        """It could not be read."""
        self._shown = None
        _drop(self._rows)
        problem = Text(text, "small", "bad", wrap=True)
        problem.setContentsMargins(14, 4, 14, 8)
        self._rows.addWidget(problem)


def history_words(entry: HistoryEntry) -> tuple[str, str, str]:
    """Icon, role and text of an entry; an aborted one says so."""
    icon, role, text = ACTIONS.get(entry.action, ("history", "text-secondary", ""))
    said = tr(text, n=entry.to_version, m=entry.from_version) if text else entry.action.replace("_", " ").capitalize()
    if entry.result == "aborted":
        return "circle-x", "bad", tr("{what} did not work", what=said)
    return icon, role, said


def _history_row(entry: HistoryEntry, now: float) -> HistoryRow:
    icon, role, text = history_words(entry)
    why = said_why(entry.reason)
    if entry.seconds is not None and entry.result == "done":
        took = tr("took {time}", time=words.seconds_exact(entry.seconds))
        why = f"{why} · {took}" if why else took
    made = HistoryRow(icon, role, text, why, entry.actor, words.day_and_time(entry.time, now))
    set_tip(made, text, line=f"{said_why(entry.reason)}\n{words.full_time(entry.time)}".strip())
    return made


class CardPanel(Panel):
    """Note and model card. Signals: edit_wanted()."""

    edit_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(tr("Model card"))
        self.edit = Button(tr("Edit…"), small=True, icon="pencil")
        self.edit.clicked.connect(self.edit_wanted)
        self.add_action(self.edit)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 2)
        self._rows.setSpacing(4)
        self.add(self._rows)
        self._shown: tuple[Any, ...] = ()

    def show_version(self, version: VersionRecord) -> None:
        facts = (version.version, version.note, version.card)
        if facts == self._shown:
            return
        self._shown = facts
        _drop(self._rows)
        if not version.note and not version.card:
            hint = tr("Nothing is written about this version: what it is for, and where it fails.")
            self._rows.addWidget(Text(hint, "small", "text-tertiary", wrap=True))
            return
        if version.note:
            self._rows.addWidget(Text(version.note, "body", "text", wrap=True))
        for title, text in sections(version.card):
            if title:
                self._rows.addWidget(Text(title, "small", "text-secondary", weight=600))
            self._rows.addWidget(Text(text, "body", "text", wrap=True))


def sections(card: str) -> list[tuple[str, str]]:
    """A card's "## Title" parts in order; text before the first title has none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for text in card.splitlines():
        if text.startswith("## "):
            found.append((text[3:].strip(), []))
        else:
            found[-1][1].append(text)
    return [(title, "\n".join(lines).strip()) for title, lines in found if "\n".join(lines).strip()]


class FilesPanel(Panel):
    """Every file of the version with its size; the folder can be copied. Signals: copied(text)."""

    copied = Signal(str)

    def __init__(self) -> None:
        super().__init__(tr("Files"))
        self._copy = Button(tr("Copy path"), small=True, icon="copy")
        self._copy.clicked.connect(self._on_copy)
        self.add_action(self._copy)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 2)
        self._rows.setSpacing(0)
        self.add(self._rows)
        self._path, self._shown = "", ""

    def show_version(self, version: VersionRecord) -> None:
        if version.manifest_sha256 == self._shown and version.path == self._path:
            return
        self._path, self._shown = version.path, version.manifest_sha256
        self.subtitle.setText(
            tr_n(len(version.files), "{n} file", "{n} files") + f" · {words.size(version.size_bytes)}"
        )
        self._copy.set_enabled(bool(version.path), tr("The files are gone."))
        _drop(self._rows)
        for file in sorted(version.files, key=lambda entry: -entry.size_bytes):
            self._rows.addWidget(_file_row(file))

    def _on_copy(self) -> None:
        self.copied.emit(self._path)


def _file_row(file: FileRecord) -> KeyValue:
    made = KeyValue(file.path, words.size(file.size_bytes), weight=500)
    set_tip(made, file.path, line=f"sha256 {file.sha256}")
    return made
