"""Sheets that several pages open.

register.py  a run becomes the next version of a model
rename.py    another name for a run
tags.py      tags of one or many runs
exporting.py  points and reports of runs into files
imported.py  why an imported run cannot be steered
saving.py    write a text to a file the user chooses
"""

from console.sheets.exporting import ExportSheet
from console.sheets.register import RegisterSheet
from console.sheets.rename import RenameSheet
from console.sheets.tags import TagSheet

__all__ = ["ExportSheet", "RegisterSheet", "RenameSheet", "TagSheet"]
