"""The compare page: 2 to 12 runs over each other.

page.py    header, panels, which runs
acting.py  what can be done about them
area.py    where charts and tables stand
curves.py  overlaid charts with one crosshair, history once and then the feed
tables.py  metrics with the best in bold, config differences
sweep.py   the axes of a sweep, and where each run stands on them
parallel.py      parallel coordinates under mouse and keys
parallel_paint.py  what they look like
sweep_panel.py   the panel around them: chips, axes to add
facts.py   short names, what is best, what differs, as plain functions
"""

from console.pages.compare.page import ComparePage

__all__ = ["ComparePage"]
