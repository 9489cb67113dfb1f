"""Every action with its key: change it, take it away, go back to the usual one; keys used twice are marked."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QKeySequenceEdit, QWidget

from console.actions import MENUS, Action, key_caps
from console.context import Context
from console.i18n import tr
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

    def __init__(self, name: str) -> None:
        super().__init__()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._caps: QWidget = Text("", "small")
        self._layout.addWidget(self._caps)
        self.field = QKeySequenceEdit()
        self.field.setMaximumSequenceLength(2)
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


class KeyRow(Row):
    """One action."""

    def __init__(self, action: Action) -> None:
        self.action, self.keys = action, KeyControl(action.plain_text)
        super().__init__(action.plain_text, self.keys, words=f"{action.id} {action.shortcut}")


class KeyboardCategory(Category):
    """Letters on or off, then every action by the menu it stands in."""

    def __init__(self, context: Context) -> None:
        super().__init__("keyboard", tr("Keyboard"))
        self._context = context
        self.letters = ConsoleRow(context, LETTER_KEYS)
        self.summary = Row(tr("Keys used twice"), None, " ")
        self.add(Section(tr("Keyboard"), self.letters, self.summary))
        self.rows: dict[str, KeyRow] = {}
        by_menu: dict[str, list[Action]] = {}
        for action in context.actions.shell():
            by_menu.setdefault(action.menu, []).append(action)
        for menu, title in MENUS:
            rows = [self._row(action) for action in by_menu.get(menu, [])]
            if rows:
                self.add(Section(tr(title).replace("&", "").split("(")[0], *rows))

    def _row(self, action: Action) -> KeyRow:
        made = KeyRow(action)
        made.keys.chosen.connect(lambda text: self._set_key(action, text))
        made.keys.reset.connect(lambda: self._set_key(action, None))
        self.rows[action.id] = made
        return made

    def _set_key(self, action: Action, shortcut: str | None) -> None:
        """None: the usual key again. Applies at once; Undo brings the former one back."""
        context = self._context
        before = context.settings.entry(KEYS, action.id)
        wanted = None if shortcut == action.shortcut else shortcut
        if wanted == before:
            self.refresh()
            return
        self._apply(action, wanted)
        key = action.shortcut if wanted is None else wanted
        text = f"{action.plain_text}: {' '.join(key_caps(key)) or tr('no key')}"
        context.toast(
            text, undo=lambda: apply_key(context, action, before), redo=lambda: apply_key(context, action, wanted)
        )

    def _apply(self, action: Action, shortcut: str | None) -> None:
        apply_key(self._context, action, shortcut)
        self.refresh()

    def refresh(self) -> None:
        """Keys, conflicts and the switch of now."""
        self.letters.refresh()
        actions = self._context.actions
        shared: dict[str, list[str]] = {}
        for _, one, other in actions.conflicts():
            shared.setdefault(one.id, []).append(other.plain_text)
            shared.setdefault(other.id, []).append(one.plain_text)
        kept = self._context.settings.get(KEYS)
        for action_id, each in self.rows.items():
            each.keys.show_key(actions.shortcut(each.action), action_id not in kept)
            others = ", ".join(dict.fromkeys(shared.get(action_id, ())))
            each.set_hint(
                tr("Also the key of {others}; the first one answers.", others=others) if others else "", "warn"
            )
        names = [self.rows[action_id].name for action_id in shared if action_id in self.rows]
        self.summary.set_hint(", ".join(names) if names else tr("None."), "warn" if names else "text-tertiary")


def apply_key(context: Context, action: Action, shortcut: str | None) -> None:
    """Bind an action's key and remember it; None is the usual one."""
    context.actions.rebind(action.id, action.shortcut if shortcut is None else shortcut)
    context.settings.set_entry(KEYS, action.id, shortcut)
