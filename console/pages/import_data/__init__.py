"""The Import sheet: a file becomes an immutable dataset version.

choose.py   choose a file: drop, browse, or one of the built-in datasets
mapping.py  name, task, and which column has which role; what is wrong with it
preview.py  the first rows, and the rows that cannot be read
sheet.py    puts them together and imports
"""

from console.pages.import_data.sheet import ImportSheet

__all__ = ["ImportSheet"]
