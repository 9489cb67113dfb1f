"""The first page: the machine, what trains, what serves, what wants a person, what changed today.

page.py       the page: header, which panels there are, what a change touches
board.py      two columns of panels; drag a title to reorder, hide, remember
machine.py    history and live readings of the machine, for charts and sparklines
timebar.py    how long and until when the machine is shown, back to now
gpus.py       cards of one or two GPUs
slices.py     MIG slices under their card
gpu_sheets.py the vendor's own text, the end of a process of ours
power_sheet.py  another power limit for a card
gpu_rows.py   one row a GPU on machines with three and more
host.py       a machine without a GPU: the processor's card, and why there is no GPU
system.py     CPU, RAM, disk and network with sparklines
runs.py       active and queued runs
endpoints.py  live endpoints
lists.py      open alerts and what changed today
changed.py    one entry of the audit log as a short sentence
checklist.py  first start: four steps with ticks
"""

from console.pages.overview.page import OverviewPage

__all__ = ["OverviewPage"]
