"""The Drift & alerts page: what wants a person, and how far each endpoint's traffic has moved.

words.py    how times, reports and features read here; no widgets
inbox.py    the list: groups, folded repetitions, several chosen together
head.py     icon, title, state, buttons; the sentence below
features.py the table of features by index
drift.py    a drift alert or an endpoint's overview: features, index over time, distribution, facts
facts.py    facts of an alert, and what happened to it
doing.py    what can be done about an alert, and doing it
acting.py   the actions and menus of what is in front
other.py    every other kind: evidence and its charts
sheets.py   resolve by hand
page.py     puts them together
"""

from console.pages.alerts.page import AlertsPage

__all__ = ["AlertsPage"]
