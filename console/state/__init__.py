"""What the screen knows, in plain Python: no Qt, no truth of its own.

changes.py  which kinds of things changed, told to every page
store.py    the records as last heard, filled by snapshots and by the feed
"""
