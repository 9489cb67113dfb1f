"""Tables: one model for every list of the product, columns as data.

columns.py   Column: title, value, text, width, painter kind
filters.py   the filter language, without Qt
model.py     TableModel: rows by id, filter, multi-sort, ticks
delegate.py  paints the cells
view.py      TableView: keyboard, header, column menu, copy
"""

from console.tables.columns import Column, Progress
from console.tables.filters import Field, Filter, FilterError, parse_filter
from console.tables.model import TableModel
from console.tables.view import TableView

__all__ = ["Column", "Field", "Filter", "FilterError", "Progress", "TableModel", "TableView", "parse_filter"]
