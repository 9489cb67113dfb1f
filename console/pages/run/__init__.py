"""The run page: one run live, its charts, log, settings, checkpoints, samples and environment.

page.py         the page: head, tabs, what is shown when
acting.py       what can be done about the run, and why not
head.py         crumb, state, actions, progress line
gone.py         the line over a run whose folder was deleted
feeder.py       reads history once, then appends what the feed brings
points.py       every point of a window, for copies and tables
branch.py       the curves of the run it was forked from, behind its own
charts_tab.py   chart grid with its docks
docks.py        panels that float, dock and remember their place
findings.py     diagnosis, summary and events panels
log_tab.py      the whole log
tables_tab.py   checkpoints
samples_tab.py  samples with what the model said of them, in full
facts_tab.py    config, and how facts are listed
environment_tab.py  packages, driver, commit, and what differs from the last good run
sheets.py       stop, note and fork sheets
"""

from console.pages.run.page import RunPage

__all__ = ["RunPage"]
