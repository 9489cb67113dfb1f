"""The New run sheet: form at the left, estimate at the right.

sheet.py     the sheet: what happens when, launch, draft, files
form.py      everything typed, in the order people think
schema.py    a recipe's settings as read from its JSON schema
settings.py  the fields of those settings, with Advanced folded away
choices.py   what the combo boxes offer: base models, datasets, devices, what then
cards.py     recipe cards
estimate.py  the panel of memory, time, disk and similar runs
request.py   the request: draft, clone, file, command line
"""

from console.pages.new_run.sheet import NewRunSheet

__all__ = ["NewRunSheet"]
