"""The Import run sheet: what other programs wrote, looked at before it comes in.

sheet.py      path, what was found, import
found.py      the table of what was found, and what was left out
course.py     how far an import is
following.py  an import under way, also when its sheet is gone
"""

from console.pages.import_run.sheet import ImportRunSheet

__all__ = ["ImportRunSheet"]
