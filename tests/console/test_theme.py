"""The theme: tokens, look-ups by name, switching without restart, fonts and icons."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.theme import Theme, theme
from console.theme.fonts import FONT_FILES, load_fonts
from console.theme.icons import icon_names, pixmap, svg_of
from console.theme.tokens import RESOURCES, TOKENS_FILE, Tokens, parse_colour


def test_colours_are_read_in_both_spellings() -> None:
    assert parse_colour("#0E1014") == (14, 16, 20, 255)
    assert parse_colour("rgba(6,7,9,150)") == (6, 7, 9, 150)
    with pytest.raises(ValueError, match="neither"):
        parse_colour("red")


def test_every_token_of_the_file_can_be_looked_up() -> None:
    raw = json.loads(TOKENS_FILE.read_text(encoding="utf-8"))
    made = Theme()
    for mode in ("dark", "light"):
        made.set_mode(mode)
        for name, text in raw["themes"][mode]["color"].items():
            assert made.role(name) == QColor(*parse_colour(text))
        for role, series in raw["roles"].items():
            assert made.role(f"series.{role}") == made.role(series)
    assert made.size("topbar") == 44
    assert made.radius("panel") == 8
    assert made.space(9) == 20


def test_unknown_names_say_what_is_known() -> None:
    with pytest.raises(KeyError, match="text-secondary"):
        theme.role("txet")
    with pytest.raises(KeyError, match="topbar"):
        theme.size("tobpar")
    with pytest.raises(ValueError, match="system"):
        theme.set_mode("blue")


def test_painters_get_the_new_colour_from_the_same_object(qapp: QApplication) -> None:
    told = []
    theme.changed.connect(lambda: told.append(theme.name))
    dark = theme.role("panel")
    theme.set_mode("light")
    assert theme.role("panel") != dark
    assert theme.role("panel").name() in qapp.styleSheet()
    assert told == ["light"]


def test_what_role_returns_is_a_copy() -> None:
    theme.role("text").setAlpha(3)
    assert theme.role("text").alpha() == 255


def test_series_repeat_with_dashes() -> None:
    assert theme.dash(0) is None
    assert theme.dash(7) == [4, 3]
    assert theme.dash(14) == [1, 3]
    assert theme.series(7) == theme.series(0)
    assert len({theme.series(i).name() for i in range(7)}) == 7


def test_fonts_are_ours(qapp: QApplication) -> None:
    assert load_fonts() == ()
    assert theme.font("body").families()[0] == "Inter"
    assert theme.font("log").families()[0] == "JetBrains Mono"
    assert theme.font("panel-title").weight() == QFont.Weight.DemiBold
    theme.set_chinese(True)
    assert theme.font("panel-title").weight() == QFont.Weight.Medium


@pytest.mark.parametrize("name", FONT_FILES)
def test_fonts_come_with_a_licence(name: str) -> None:
    family = name.split("-")[0]
    assert (RESOURCES / "fonts" / name).is_file()
    assert "SIL OPEN FONT LICENSE" in (RESOURCES / "fonts" / f"{family}-OFL.txt").read_text(encoding="utf-8").upper()


def test_icons_take_colour_and_stroke() -> None:
    assert len(icon_names()) >= 110
    assert "ISC License" in (RESOURCES / "icons" / "LICENSE").read_text(encoding="utf-8")
    assert 'stroke-width="1.75"' in svg_of("bell", "#ff0000", 16)
    assert 'stroke-width="2.2"' in svg_of("bell", "#ff0000", 12)
    assert 'fill="#ff0000"' in svg_of("play", "#ff0000", 16)
    with pytest.raises(KeyError, match="not bundled"):
        svg_of("no-such-icon", "#ff0000", 16)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_icons_are_rendered_per_pixel_ratio(qapp: QApplication, ratio: float) -> None:
    picture = pixmap("bell", 16, QColor("#ff0000"), ratio)
    assert picture.width() == round(16 * ratio)
    assert picture.deviceIndependentSize().width() == pytest.approx(16, abs=0.5)


def test_icons_used_in_the_source_exist() -> None:
    import re

    known = set(icon_names())
    pattern = re.compile(r'(?:icon=|Icon\(|IconButton\(\s*|paint_icon\(painter, |theme\.icon\()"([a-z0-9-]+)"')
    wrong = []
    for path in (Path(__file__).resolve().parents[2] / "console").rglob("*.py"):
        for name in pattern.findall(path.read_text(encoding="utf-8")):
            if name not in known:
                wrong.append(f"{path.name}: {name}")
    assert not wrong


def test_high_contrast_draws_control_borders_strongly(qapp: QApplication) -> None:
    theme.set_high_contrast(True)
    assert theme.role("line-control") == theme.role("line-strong")


def test_compact_rows_are_lower(qapp: QApplication) -> None:
    theme.set_density("compact")
    assert theme.size("row-dense") == 30


def _luminance(colour: QColor) -> float:
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        ("text", "panel", 7),
        ("text-secondary", "panel", 7),
        ("text-tertiary", "selected", 4.5),
        ("bad", "bad-soft", 4.5),
    ],
)
def test_contrast(mode: str, text: str, ground: str, least: float) -> None:
    made = Theme(Tokens.load())
    made.set_mode(mode)
    high, low = sorted((_luminance(made.role(text)), _luminance(made.role(ground))), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= least


class Counted(QLabel):
    """A label that knows how often it was given a new style."""

    restyled = 0

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange:
            self.restyled += 1
        super().changeEvent(event)


def test_a_switch_styles_a_widget_the_same_few_times_however_deep_it_lies(qtbot: QtBot) -> None:
    outer = parent = QWidget()
    qtbot.addWidget(outer)
    for _ in range(20):
        inner = QFrame(parent)
        QVBoxLayout(parent).addWidget(inner)
        parent = inner
    label = Counted("deep", parent)
    QVBoxLayout(parent).addWidget(label)
    outer.show()
    before = label.restyled
    theme.set_mode("light" if theme.is_dark else "dark")
    assert label.palette().windowText().color() == theme.role("text")
    theme.set_mode("light" if theme.is_dark else "dark")
    assert label.palette().windowText().color() == theme.role("text")
    assert 2 <= label.restyled - before <= 2 * 4
