"""Page: what every screen inherits; PageHeader: its 54 px head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.i18n import tr
from console.theme import theme
from console.widgets.text import Text

if TYPE_CHECKING:
    from console.context import Context


class PageHeader(QWidget):
    """Title 18/600, grey context beside it, actions at the right; 54 px high."""

    def __init__(self, title: str, context: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(54)
        self._base_context = context
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(10)
        self.title = Text(title, "page-title")
        self.context = Text(context, "body", "text-tertiary")
        self._left = QHBoxLayout()
        self._left.setSpacing(10)
        self._left.addWidget(self.title)
        self._left.addWidget(self.context)
        self._layout.addLayout(self._left)
        self._layout.addStretch(1)

    def set_left_gap(self, gap: int) -> None:
        """Less air between what `add_left` puts there, a little more after the context."""
        self._left.setSpacing(gap)
        self._left.addSpacing(10)

    def add_left(self, widget: QWidget) -> None:
        """Append beside the title."""
        self._left.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def add_action(self, widget: QWidget) -> None:
        """Append at the right."""
        self._layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def set_context(self, text: str) -> None:
        self._base_context = text
        self.context.setText(text)

    def set_stale(self, since: str | None) -> None:
        """Say "from 14:03:12" instead of the context; None brings the context back."""
        self.context.setText(tr("from {time}", time=since) if since else self._base_context)
        self.context.set_role("warn" if since else "text-tertiary")


def titled(title: str, content: QWidget, left: int = 20) -> QWidget:
    """What a page shows while it has nothing, below its title: it says from the first moment where one is."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(left, 0, 16, 0)
    layout.setSpacing(0)
    layout.addWidget(PageHeader(title))
    layout.addWidget(content, 1)
    return holder


class Page(QWidget):
    """One screen. The window makes it on first show with its context and drives the five methods below.

    Attributes:
        title: the page's name in title bar and history.
        context: what the page may use.
        content: the layout to fill; padding 20, gap 10.
    """

    title = ""

    def __init__(self, context: Context, *, scroll: bool = False) -> None:
        super().__init__()
        self.context = context
        self.setObjectName(type(self).__name__)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        pad = theme.size("page-padding")
        holder: QWidget = self
        self.content = QVBoxLayout()
        if scroll:
            area = QScrollArea()
            area.setAccessibleName(tr(self.title))
            area.setWidgetResizable(True)
            holder = QWidget()
            holder.setLayout(self.content)
            area.setWidget(holder)
            area.viewport().setAutoFillBackground(False)
            holder.setAutoFillBackground(False)
            outer.addWidget(area)
        else:
            outer.addLayout(self.content)
        self.content.setContentsMargins(pad, 0, pad, 16)
        self.content.setSpacing(theme.size("grid-gap"))

    def refresh(self, changes: Any) -> None:
        """Something the page may show has changed; `changes` says which kinds.

        Must be cheap when nothing of it matters here.
        """

    def on_shown(self) -> None:
        """The page came to the front."""

    def on_hidden(self) -> None:
        """Another page came to the front: stop redrawing."""

    def actions(self) -> Sequence[Any]:  # type: ignore[override]
        """Actions of the thing in focus, as `console.actions.Action`, for menus, palette and `?`."""
        return ()

    def set_stale(self, since: float | None) -> None:
        """The backend stopped answering at this unix time; None: it answers again."""

    def open_target(self, target: str) -> None:
        """Show one thing: the part of a deep link behind the kind, such as a run's id."""

    def focus_filter(self) -> bool:
        """Put the cursor into the page's filter; False when there is none."""
        return False

    def target(self) -> str:
        """The page's own part of its deep link, to be copied; empty when it shows no single thing."""
        return ""
