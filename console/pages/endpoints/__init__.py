"""The Endpoints page: one live address, its figures, which version answers, and a place to try it.

page.py        the page: header, what is shown when
acting.py      what can be done about the endpoint, and why not; its address as curl and Python
head.py        crumb with switcher, state, address, window, Restart, Stop
figures.py     tiles and per-version figures out of request windows; no Qt
feeder.py      reads the history once, then appends what the feed brings
traffic.py     live and standby versions with their requests, engines, roll back, promote
playground.py  asks, and keeps the last 50 tries
asking.py      what was typed as texts or objects to send; no widgets
shape.py       what a version takes and answers, by its signature; no Qt
fields.py      an input that is an object, as a form
answer.py      the editor, the answer, latency split, why
outputs.py     an answer by what it is: scores, marked words, a span, a text, a vector, a number
sheets.py      deploy, delete
"""

from console.pages.endpoints.page import EndpointsPage

__all__ = ["EndpointsPage"]
