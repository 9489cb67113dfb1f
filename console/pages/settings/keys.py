"""Every action with its key: change it, take it away, go back to the usual one; keys used twice are marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QKeySequenceEdit, QWidget
from shiboken6 import isValid

from console.actions import MENUS
from console.context import Context
from console.i18n import tr
from console.keys import CHART, PAGE_KEYS, PAGE_NAMES, key_caps, key_table
from console.pages.settings.fields import ConsoleRow
from console.pages.settings.parts import Category, Row, Section
from console.settings import KEYS, LETTER_KEYS
from console.widgets.buttons import Button, IconButton
from console.widgets.chips import Kbd
from console.widgets.text import Text


class KeyControl(QWidget):
    """Key caps with Change; while changing, a field that takes the next keys. Signals: chosen(text), reset()."""

    chosen = Signal(str)
    reset = Signal()

    def __init__(self, name: str, strokes: int) -> None:
        super().__init__()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._caps: QWidget = Text("", "small")
        self._layout.addWidget(self._caps)
        self.field = QKeySequenceEdit()
        self.field.setMaximumSequenceLength(strokes)
        self.field.setFixedWidth(170)
        self.field.setAccessibleName(tr("New key for {name}", name=name))
        self.field.editingFinished.connect(self._on_finished)
        self.field.hide()
        self.back = Button(tr("Usual key"), "link")
        self.back.clicked.connect(self.reset)
        self.change = Button(tr("Change"), small=True)
        self.change.clicked.connect(self._on_change_clicked)
        self.clear = IconButton("x", tr("No key for {name}", name=name), small=True)
        self.clear.clicked.connect(self._on_clear_clicked)
        policy = self.clear.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.clear.setSizePolicy(policy)
        self.stop = Button(tr("Cancel"), "ghost", small=True)
        self.stop.clicked.connect(self._end)
        self.stop.hide()
        for widget in (self.field, self.back, self.change, self.clear, self.stop):
            self._layout.addWidget(widget)

    def show_key(self, shortcut: str, usual: bool) -> None:
        """The caps of now; `usual` when it is the key the action comes with."""
        caps: QWidget = Kbd(*key_caps(shortcut)) if shortcut else Text(tr("no key"), "small", "text-tertiary")
        self._layout.replaceWidget(self._caps, caps)
        self._caps.hide()
        self._caps.deleteLater()
        self._caps = caps
        caps.setVisible(self.field.isHidden())
        self.back.setVisible(not usual)
        self.clear.setVisible(bool(shortcut))

    def _on_change_clicked(self) -> None:
        self.field.clear()
        for widget in (self._caps, self.change, self.clear):
            widget.hide()
        self.field.show()
        self.stop.show()
        self.field.setFocus()

    def _on_finished(self) -> None:
        sequence = self.field.keySequence()
        if self.field.isHidden() or sequence.isEmpty():
            return
        text = sequence.toString(QKeySequence.SequenceFormat.PortableText)
        self._end()
        # Not within the field's own event: the menus are made anew by what follows.
        QTimer.singleShot(0, self, lambda: self.chosen.emit(text))

    def _on_clear_clicked(self) -> None:
        self.chosen.emit("")

    def _end(self) -> None:
        self.field.hide()
        self.stop.hide()
        self.change.show()
        self._caps.show()
        self.clear.setVisible(isinstance(self._caps, Kbd))


@dataclass(frozen=True)
class Bound:
    """An action that can be given another key: id, name in the language of now, usual key, how many strokes."""

    id: str
    name: str
    usual: str
    strokes: int = 2


def bound_actions(context: Context) -> list[tuple[str, list[Bound]]]:
    """(title, actions): the shell's by menu, then what each page offers."""
    by_menu: dict[str, list[Bound]] = {}
    for action in context.actions.shell():
        by_menu.setdefault(action.menu, []).append(Bound(action.id, action.plain_text, action.shortcut))
    groups = [(tr(title).replace("&", "").split("(")[0], by_menu.get(menu, [])) for menu, title in MENUS]
    for page, title in PAGE_NAMES.items():
        name = tr(title) if page == CHART else tr("On the page {page}", page=tr(title))
        strokes = 1 if page == CHART else 2  # a focused chart sees one key press at a time
        of_page = [Bound(key.id, tr(key.text), key.usual, strokes) for key in PAGE_KEYS if key.page == page]
        groups.append((name, of_page))
    return [(title, bound) for title, bound in groups if bound]


class KeyRow(Row):
    """One action."""

    def __init__(self, bound: Bound) -> None:
        self.bound, self.keys = bound, KeyControl(bound.name, bound.strokes)
        super().__init__(bound.name, self.keys, words=f"{bound.id} {bound.usual}")


class KeyboardCategory(Category):
    """Letters on or off, then every action by the menu it stands in, or by its page."""

    def __init__(self, context: Context) -> None:
        super().__init__("keyboard", tr("Keyboard"))
        self._context = context
        self.letters = ConsoleRow(context, LETTER_KEYS)
        self.summary = Row(tr("Keys used twice"), None, " ")
        self.add(Section(tr("Keyboard"), self.letters, self.summary))
        self.rows: dict[str, KeyRow] = {}
        for title, bound in bound_actions(context):
            self.add(Section(title, *[self._row(each) for each in bound]))

    def _row(self, bound: Bound) -> KeyRow:
        made = KeyRow(bound)
        made.keys.chosen.connect(partial(self._set_key, bound))
        made.keys.reset.connect(partial(self._set_key, bound, None))
        self.rows[bound.id] = made
        return made

    def _set_key(self, bound: Bound, shortcut: str | None) -> None:
        """None: the usual key again. Applies at once; Undo brings the former one back."""
        before = self._context.settings.entry(KEYS, bound.id)
        wanted = None if shortcut == bound.usual else shortcut
        if wanted == before:
            self.refresh()
            return
        self._apply(bound, wanted)
        key = bound.usual if wanted is None else wanted
        text = f"{bound.name}: {' '.join(key_caps(key)) or tr('no key')}"
        self._context.toast(text, undo=partial(self._apply, bound, before), redo=partial(self._apply, bound, wanted))

    def _apply(self, bound: Bound, shortcut: str | None) -> None:
        self._context.actions.rebind(bound.id, bound.usual if shortcut is None else shortcut)
        self._context.settings.set_entry(KEYS, bound.id, shortcut)
        if isValid(self):  # Undo may come after the page was made anew
            self.refresh()

    def refresh(self) -> None:
        """Keys, conflicts and the switch of now."""
        self.letters.refresh()
        shared: dict[str, list[str]] = {}
        for _, one, other in self._context.actions.conflicts():
            shared.setdefault(one, []).append(self._full_name(other))
            shared.setdefault(other, []).append(self._full_name(one))
        kept = self._context.settings.get(KEYS)
        for action_id, each in self.rows.items():
            each.keys.show_key(key_table.of(action_id), action_id not in kept)
            others = ", ".join(dict.fromkeys(shared.get(action_id, ())))
            each.set_hint(
                tr("Also the key of {others}; the first one answers.", others=others) if others else "", "warn"
            )
        names = [self._full_name(action_id) for action_id in shared]
        self.summary.set_hint(", ".join(names) if names else tr("None."), "warn" if names else "text-tertiary")

    def _full_name(self, action_id: str) -> str:
        page = next((key.page for key in PAGE_KEYS if key.id == action_id), None)
        name = self.rows[action_id].name
        return f"{tr(PAGE_NAMES[page])} › {name}" if page else name
