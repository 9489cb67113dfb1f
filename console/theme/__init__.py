"""Colours, sizes, fonts and icons, read by name from one object that changes when the theme changes.

tokens.py  the JSON tokens as plain Python, no Qt
fonts.py   loads the bundled faces and builds QFonts
icons.py   Lucide glyphs coloured on demand, cached
qss.py     the style sheet and palette made from the tokens
model.py   Theme: what painters ask; `theme` is the one instance
"""

from console.theme.model import Theme, theme

__all__ = ["Theme", "theme"]
