"""Drift: how far today's traffic has moved from what a version learnt from. Standard library only.

profile.py         the bins everybody counts in, reference profiles, sums of request windows
detector.py        the Protocol of a detector and what it answers
catalogue.py       every detector, in order
psi.py             population stability index
jensen_shannon.py  Jensen–Shannon distance
bins.py            shared arithmetic: merged bins, smoothed shares, what chance alone may reach
hysteresis.py      when a passed limit becomes an alert, and when it stops being one
features.py        the four features of a text endpoint, compared; and one in words
"""
