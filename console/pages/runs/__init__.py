"""The runs page: every run in one dense table.

page.py      header, filter, table, bulk bar, what the keys do
chosen.py    what can be done with the runs that are ticked or selected
columns.py   columns and filter fields
groups.py    groups with their best value
table.py     the table: folding, dragging
export.py    the table as CSV or JSON
"""

from console.pages.runs.page import RunsPage

__all__ = ["RunsPage"]
