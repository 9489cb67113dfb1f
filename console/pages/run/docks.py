"""Panels of the run page that can float, dock at another side, and come back where they were."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QSize, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from console.theme import theme
from console.widgets.panel import Panel

LAYOUT_VERSION = 2
GAP = 10


class PanelDock(QDockWidget):
    """A Panel as a dock: its own header is the title bar, dragged like one."""

    def __init__(self, name: str, panel: Panel, parent: QWidget) -> None:
        super().__init__(panel.title.text(), parent)
        self.setObjectName(name)
        self.panel = panel
        self.setTitleBarWidget(_TitleBar())
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel)
        self.setWidget(holder)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
            | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        self.topLevelChanged.connect(self._on_floating)

    def _on_floating(self, floating: bool) -> None:
        # A floating panel needs the system's frame to be moved and closed; docked it has none.
        self.setTitleBarWidget(None if floating else _TitleBar())  # type: ignore[arg-type]


class _TitleBar(QWidget):
    """Nothing to see: the panel's header stands below it; a grip of four pixels to drag the panel by."""

    def sizeHint(self) -> QSize:
        return QSize(40, 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)


class DockArea(QMainWindow):
    """Charts in the middle, docks around them. Signals: layout_changed()."""

    layout_changed = Signal()

    def __init__(self, centre: QWidget) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setAnimated(False)
        self.setDockNestingEnabled(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.setCentralWidget(centre)
        self.setObjectName("dock-area")
        self._docks: list[PanelDock] = []

    def add(self, name: str, panel: Panel, *, bottom: bool = False) -> PanelDock:
        """Put a panel at the right (or the bottom), below the earlier ones."""
        dock = PanelDock(name, panel, self)
        area = Qt.DockWidgetArea.BottomDockWidgetArea if bottom else Qt.DockWidgetArea.RightDockWidgetArea
        self.addDockWidget(area, dock)
        self._docks.append(dock)
        dock.dockLocationChanged.connect(self._on_changed)
        dock.visibilityChanged.connect(self._on_changed)
        return dock

    def arrange(self, right: int, bottom: int) -> None:
        """The sizes as designed: width of the right column, height of the bottom row."""
        rights = [d for d in self._docks if self.dockWidgetArea(d) == Qt.DockWidgetArea.RightDockWidgetArea]
        bottoms = [d for d in self._docks if self.dockWidgetArea(d) == Qt.DockWidgetArea.BottomDockWidgetArea]
        if rights:
            self.resizeDocks(rights[:1], [right], Qt.Orientation.Horizontal)
        if bottoms:
            self.resizeDocks(bottoms[:1], [bottom], Qt.Orientation.Vertical)

    def layout_state(self) -> str:
        """To be kept in the settings."""
        return bytes(self.saveState(LAYOUT_VERSION).toHex().data()).decode()

    def restore_layout(self, state: object) -> bool:
        """Take back what layout_state() gave; rubbish is ignored."""
        if not isinstance(state, str) or not state:
            return False
        return self.restoreState(QByteArray.fromHex(state.encode("ascii", "ignore")), LAYOUT_VERSION)

    def docks(self) -> list[PanelDock]:
        return list(self._docks)

    def _on_changed(self, *_ignored: object) -> None:
        self.layout_changed.emit()


def side_width() -> int:
    """Width of the right column."""
    return theme.size("side-pane")
