"""Theme: the one mutable object that painters ask for colours, sizes, fonts and icons by name."""

from __future__ import annotations

from PySide6.QtCore import QEasingCurve, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from console.theme import icons
from console.theme.fonts import build_font, load_fonts
from console.theme.qss import build_palette, build_stylesheet
from console.theme.tokens import Tokens

MODES = ("system", "dark", "light")


class Theme(QObject):
    """Colours, sizes and fonts by name, changed in place.

    Signals:
        changed: colours, density or language face changed; widgets that cache anything drop it. Plain
            painters need no connection: the new style sheet repaints every widget.
    """

    changed = Signal()

    def __init__(self, tokens: Tokens | None = None) -> None:
        super().__init__()
        self._tokens = tokens or Tokens.load()
        self._mode = "dark"
        self._name = "dark"
        self._density = "comfortable"
        self._high_contrast = False
        self._reduce_motion = False
        self._chinese = False
        self._installed = False
        self._colours: dict[str, QColor] = {}
        self._fonts: dict[tuple[str, int | None], QFont] = {}
        self._load_colours()

    # -- looking up ------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """`dark` or `light`: what is shown now."""
        return self._name

    @property
    def mode(self) -> str:
        """What was asked for: `system`, `dark` or `light`."""
        return self._mode

    @property
    def is_dark(self) -> bool:
        return self._name == "dark"

    @property
    def compact(self) -> bool:
        return self._density == "compact"

    def role(self, name: str, alpha: float | None = None) -> QColor:
        """A copy of the colour of a role (`text`, `s1-blue`, `train`, `series.eval` …), maybe see-through."""
        try:
            colour = QColor(self._colours[name])
        except KeyError:
            raise KeyError(f"colour role {name!r} is not one of {sorted(self._colours)}") from None
        if alpha is not None:
            colour.setAlphaF(alpha * colour.alphaF())
        return colour

    def hex(self, name: str) -> str:
        """The role's colour as `#rrggbb`."""
        return self.role(name).name()

    def has_role(self, name: str) -> bool:
        return name in self._colours

    def series(self, index: int) -> QColor:
        """The colour of the `index`-th series, from 0; repeats after seven (see `dash`)."""
        order = self._tokens.series_order()
        return self.role(order[index % len(order)])

    def series_order(self) -> list[str]:
        """Names of the series colours in the order they are handed out."""
        return self._tokens.series_order()

    def dash(self, index: int) -> list[int] | None:
        """Dash pattern of the `index`-th series; None is a solid line."""
        return self._tokens.dash_of(index)

    def size(self, name: str) -> int:
        """A length in logical pixels, such as `topbar`; rows and panel padding follow the density."""
        if self.compact and name == "row-dense":
            return 30
        return self._tokens.number("size", name)

    def radius(self, name: str) -> int:
        return self._tokens.number("radius", name)

    def space(self, step: int) -> int:
        """The spacing scale: 0 2 4 6 8 10 12 14 16 20 24 32."""
        return self._tokens.number("space", str(step))

    @property
    def panel_padding(self) -> int:
        return 10 if self.compact else 14

    def chart(self, name: str) -> object:
        """One value of the `chart` section, as written in the tokens."""
        return self._tokens.chart()[name]

    def motion(self, name: str) -> int:
        """Duration in ms (`popover-ms` …); 0 when motion is reduced."""
        return 0 if self._reduce_motion else self._tokens.number("motion", name)

    @property
    def easing(self) -> QEasingCurve:
        return QEasingCurve(QEasingCurve.Type.OutCubic)

    def font(self, style: str = "body", weight: int | None = None) -> QFont:
        """A copy of the font of a type token: caption axis small body body-strong panel-title chart-title
        page-title crumb-title tile-value log. `weight` (400, 500, 600) overrides the token's."""
        key = (style, weight)
        if key not in self._fonts:
            self._fonts[key] = build_font(self._tokens, style, chinese=self._chinese, weight=weight)
        return QFont(self._fonts[key])

    def mono(self, style: str = "small") -> QFont:
        """JetBrains Mono in the size of a type token."""
        font = self.font("log")
        font.setPixelSize(int(self._tokens.type(style)["px"]))
        return font

    def line_height(self, style: str) -> int:
        return int(self._tokens.type(style)["line"])

    def icon(self, name: str, role: str = "text-secondary") -> QIcon:
        """A QIcon that follows the theme."""
        return icons.themed_icon(name, role)

    def pixmap(self, name: str, size: int = 16, role: str = "text-secondary", dpr: float | None = None) -> QPixmap:
        """A pixmap in the colour of now; ask again after `changed`."""
        return icons.pixmap(name, size, self.role(role), dpr)

    def paint_icon(self, painter: QPainter, name: str, rect: QRectF, role: str = "text-secondary") -> None:
        """Draw an icon centred in `rect`."""
        icons.paint(painter, name, rect, self.role(role))

    # -- changing --------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Give the running QApplication our fonts, style, palette and sheet, and follow the system's scheme."""
        if not self._installed:
            load_fonts()
            QApplication.setStyle("Fusion")
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme_changed)
            self._installed = True
        self._apply()

    def set_mode(self, mode: str) -> None:
        """`system`, `dark` or `light`; anything else raises ValueError."""
        if mode not in MODES:
            raise ValueError(f"theme mode {mode!r} is not one of {MODES}")
        self._mode = mode
        self._follow(self._system_name() if mode == "system" else mode)

    def toggle(self) -> None:
        """Dark becomes light and the other way round."""
        self.set_mode("light" if self.is_dark else "dark")

    def set_density(self, density: str) -> None:
        """`comfortable` or `compact`."""
        if density != self._density:
            self._density = density
            self._apply()

    def set_high_contrast(self, on: bool) -> None:
        """Draw control borders with `line-strong` instead of the decorative `line-control`."""
        if on != self._high_contrast:
            self._high_contrast = on
            self._load_colours()
            self._apply()

    def set_reduce_motion(self, on: bool) -> None:
        self._reduce_motion = on

    def set_chinese(self, on: bool) -> None:
        """Lighter weights for Chinese faces (UI.md section 7)."""
        if on != self._chinese:
            self._chinese = on
            self._fonts.clear()
            self._apply()

    def _follow(self, name: str) -> None:
        if name == self._name:
            return
        self._name = name
        self._load_colours()
        self._apply()

    def _load_colours(self) -> None:
        self._colours = {name: QColor(*rgba) for name, rgba in self._tokens.colours(self._name).items()}
        if self._high_contrast:
            self._colours["line-control"] = QColor(self._colours["line-strong"])

    def _apply(self) -> None:
        app = QApplication.instance()
        if self._installed and isinstance(app, QApplication):
            self._dress(app)
        self.changed.emit()

    def _dress(self, app: QApplication) -> None:
        """Sheet and palette only when they differ: a new sheet polishes every widget there is."""
        app.setFont(self.font("body"))
        sheet = build_stylesheet(self)
        if sheet != app.styleSheet():
            # Qt restyles a widget once for itself and once for every ancestor when one sheet takes the place of another
            # (35,000 times for 3,200 widgets, 1.5 s); without a sheet between them, once for each of the two steps.
            app.setStyleSheet("")
            app.setPalette(build_palette(self))
            app.setStyleSheet(sheet)
            return
        for window in app.topLevelWidgets():
            window.update()

    def _on_system_scheme_changed(self) -> None:
        if self._mode == "system":
            self._follow(self._system_name())

    @staticmethod
    def _system_name() -> str:
        scheme = QGuiApplication.styleHints().colorScheme()
        return "light" if scheme == Qt.ColorScheme.Light else "dark"


theme = Theme()
