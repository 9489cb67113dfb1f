"""The Models page: names, their versions, and which one answers.

page.py         the page: what is shown when, gates, history
head.py         list pane and header
acting.py       what can be done about the version in front, and why not
figures.py      metrics of two versions side by side, with intervals that the test part carries; no Qt
comparing.py    table of metrics, per-class and confusion views
evidence.py     gates, lineage, history, card and files panels
timeline.py     versions on their rail, quality by version
words.py        names of metrics, changes and evidence, as a person reads them
sheets.py       promote and roll back: what changes, evidence, reason, then the switch step by step
sheet_parts.py  changes, blocks and the steps of the switch
switching.py    follows one operation to its end, and tells it with Undo
small_sheets.py register a run, note, card, delete
"""

from console.pages.models.page import ModelsPage

__all__ = ["ModelsPage"]
