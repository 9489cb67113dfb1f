"""The Data page: datasets, what is in them, and what a run would use of them.

words.py     how datasets, problems, languages and parts read; no widgets
pane.py      the list with its drop zone
head.py      name, version, state, buttons
quality.py   label balance, lengths, languages, problems
rows.py      rows, read page by page
split.py     train, validation and test as a run would draw them
versions.py  the timeline, and what a version changed
page.py      puts them together
"""

from console.pages.data.page import DataPage

__all__ = ["DataPage"]
