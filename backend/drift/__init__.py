"""Drift: how far today's traffic has moved from what a version learnt from. Standard library only.

profile.py         the bins everybody counts in, reference profiles, sums of request windows
detector.py        the Protocol of a detector, what it answers, and the catalogue
bins.py            shared arithmetic: merged bins, smoothed shares, the noise floor
psi.py             population stability index
jensen_shannon.py  Jensen–Shannon distance
"""
