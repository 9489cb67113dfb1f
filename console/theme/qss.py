"""The style sheet and the palette, both made from the tokens; the only place where Qt's own widgets get colours."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QPalette

from console.theme.icons import svg_of

if TYPE_CHECKING:
    from console.theme.model import Theme

_SHEET = Template("""

QMainWindow, QDialog { background: $canvas; }
QToolTip { background: $raised; color: $text; border: 1px solid $line_control; padding: 4px 7px; }

QMenuBar { background: transparent; color: $text_secondary; border: 0; padding: 0; spacing: 0; }
QMenuBar::item { background: transparent; padding: 5px 9px; border-radius: 6px; margin: 0; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $raised; color: $text; }
QMenu { background: $panel; color: $text; border: 1px solid $line_control; border-radius: 8px; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 10px; border-radius: 5px; min-width: 140px; }
QMenu::item:selected { background: $selected; }
QMenu::item:disabled { color: $text_disabled; background: transparent; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $line; margin: 5px 6px; }
QMenu::indicator { width: 14px; height: 14px; margin-left: 8px; }
QMenu::indicator:checked { image: url($icon_check_text); }

QPushButton { background: $raised; color: $text; border: 1px solid $line_control; border-radius: 6px;
  padding: 0 11px; min-height: 26px; max-height: 26px; }
QPushButton:hover { background: $selected; }
QPushButton:pressed { background: $line_control; }
QPushButton:disabled { color: $text_disabled; border-color: $line; background: $panel; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox, QDateTimeEdit {
  background: $field; color: $text; border: 1px solid $line_control; border-radius: 6px;
  selection-background-color: $accent_fill; selection-color: $on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QDateTimeEdit { padding: 0 10px; min-height: 28px; }
QLineEdit[small="true"] { min-height: 24px; }
QPlainTextEdit, QTextEdit { padding: 6px 6px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus,
QDateTimeEdit:focus { border: 1px solid $accent; }
QLineEdit[wrong="true"], QPlainTextEdit[wrong="true"], QSpinBox[wrong="true"], QDoubleSpinBox[wrong="true"],
QComboBox[wrong="true"] { border: 1px solid $bad; }
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
  color: $text_disabled; border-color: $line; }
QLineEdit[bare="true"], QPlainTextEdit[bare="true"] { background: transparent; border: 0; padding: 0; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QDateTimeEdit::up-button { subcontrol-origin: border;
  subcontrol-position: top right; width: 20px; border: 0; image: url($icon_up); padding: 3px 4px 0 4px; }
QSpinBox::down-button, QDoubleSpinBox::down-button, QDateTimeEdit::down-button { subcontrol-origin: border;
  subcontrol-position: bottom right; width: 20px; border: 0; image: url($icon_down); padding: 0 4px 3px 4px; }
QComboBox { padding-right: 24px; }
QComboBox::drop-down { border: 0; width: 24px; }
QComboBox::down-arrow { image: url($icon_down); width: 13px; height: 13px; }
QComboBox QAbstractItemView { background: $panel; color: $text; border: 1px solid $line_control; border-radius: 6px;
  padding: 4px; selection-background-color: $selected; selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 26px; padding: 0 6px; border-radius: 5px; }

QCheckBox, QRadioButton { color: $text; spacing: 8px; background: transparent; }
QCheckBox:disabled, QRadioButton:disabled { color: $text_disabled; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $line_strong; border-radius: 4px;
  background: transparent; }
QCheckBox::indicator:checked, QCheckBox::indicator:indeterminate { background: $accent_fill; border-color: $accent_fill;
  image: url($icon_check_on); }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $accent; }
QRadioButton::indicator { width: 14px; height: 14px; border: 1px solid $line_strong; border-radius: 8px;
  background: transparent; }
QRadioButton::indicator:checked { border: 5px solid $accent_fill; width: 6px; height: 6px; background: $on_accent; }

QScrollArea { background: transparent; border: 0; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $line_control; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: $line_strong; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QAbstractItemView { background: transparent; color: $text; border: 0; outline: 0;
  selection-background-color: $accent_soft; selection-color: $text; alternate-background-color: transparent; }
QTableView { gridline-color: $line; }
QHeaderView { background: transparent; border: 0; }
QHeaderView::section { background: $panel; color: $text_tertiary; border: 0; border-bottom: 1px solid $line;
  padding: 0 6px; }
QTableCornerButton::section { background: $panel; border: 0; }
QTreeView::item { min-height: 26px; border: 0; }
QTreeView::item:selected { background: $selected; color: $text; }

QTabBar { background: transparent; border: 0; qproperty-drawBase: 0; }
QTabBar::tab { background: transparent; color: $text_secondary; border: 0; border-bottom: 2px solid transparent;
  padding: 6px 1px 7px 1px; margin-right: 21px; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:hover { color: $text; }
QTabWidget::pane { border: 0; }

QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $line_control; }
QDockWidget { color: $text; titlebar-close-icon: url($icon_x); titlebar-normal-icon: url($icon_open); }
QDockWidget::title { background: $panel; padding: 7px 12px; border: 1px solid $line; border-top-left-radius: 8px;
  border-top-right-radius: 8px; }
QMainWindow::separator { background: transparent; width: 10px; height: 10px; }
QMainWindow::separator:hover { background: $line_control; }

QSlider { min-height: 20px; background: transparent; }
QSlider::groove:horizontal { height: 4px; background: $line_control; border-radius: 2px; }
QSlider::sub-page:horizontal { height: 4px; background: $accent_fill; border-radius: 2px; }
QSlider::handle:horizontal { width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background: $handle;
  border: 0; }
QSlider::handle:horizontal:focus { background: $accent; }
QProgressBar { background: $line_control; border: 0; border-radius: 2px; max-height: 4px; min-height: 4px;
  color: transparent; }
QProgressBar::chunk { background: $accent_fill; border-radius: 2px; }
QFrame[line="true"] { background: $line; border: 0; }
""")

_GLYPHS = {
    "icon_up": ("chevron-up", "text-secondary"),
    "icon_down": ("chevron-down", "text-secondary"),
    "icon_check_on": ("check", "on-accent"),
    "icon_check_text": ("check", "text"),
    "icon_x": ("x", "text-secondary"),
    "icon_open": ("external-link", "text-secondary"),
}


@lru_cache(maxsize=1)
def _glyph_folder() -> tempfile.TemporaryDirectory[str]:
    # Style sheets take images only by file name; the folder goes with the process.
    return tempfile.TemporaryDirectory(prefix="modeldeck-qss-")


def _glyph(name: str, colour: str) -> str:
    path = Path(_glyph_folder().name) / f"{name}-{colour.lstrip('#')}.svg"
    if not path.exists():
        path.write_text(svg_of(name, colour, 12), encoding="utf-8")
    return path.as_posix()


def build_stylesheet(theme: Theme) -> str:
    """The sheet for the whole application in the theme's colours of now."""
    names = (
        "canvas", "panel", "raised", "selected", "line", "line-control", "line-strong", "text", "text-secondary",
        "text-tertiary", "text-disabled", "accent", "accent-fill", "accent-soft", "on-accent", "bad", "chrome",
    )  # fmt: skip
    values = {name.replace("-", "_"): theme.hex(name) for name in names}
    values["field"] = theme.hex("canvas")
    values["handle"] = theme.hex("text") if theme.is_dark else theme.hex("panel")
    for key, (glyph, role) in _GLYPHS.items():
        values[key] = _glyph(glyph, theme.hex(role))
    sheet = _SHEET.substitute(values)
    if not theme.is_dark:
        sheet += (
            f"QSlider::handle:horizontal {{ border: 1px solid {theme.hex('line-strong')};"
            " width: 10px; height: 10px; margin: -4px 0; }"
        )
    return sheet


def build_palette(theme: Theme) -> QPalette:
    """The same colours for everything that asks the palette instead of the sheet."""
    palette = QPalette()
    role = QPalette.ColorRole
    table = {
        role.Window: "canvas", role.WindowText: "text", role.Base: "panel", role.AlternateBase: "raised",
        role.Text: "text", role.Button: "raised", role.ButtonText: "text", role.BrightText: "on-accent",
        role.ToolTipBase: "raised", role.ToolTipText: "text", role.PlaceholderText: "text-tertiary",
        role.Highlight: "accent-fill", role.HighlightedText: "on-accent", role.Link: "accent",
        role.LinkVisited: "accent", role.Mid: "line-control", role.Midlight: "line", role.Dark: "line-control",
        role.Light: "raised", role.Shadow: "chrome", role.Accent: "accent-fill",
    }  # fmt: skip
    for which, name in table.items():
        palette.setColor(which, theme.role(name))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.role("text-disabled")))
    return palette
