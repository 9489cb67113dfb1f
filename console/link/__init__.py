"""The console's line to the backend: no threads, no knowledge of pages.

address.py  where the daemon listens, read from the runtime folder
sse.py      server-sent events, byte by byte
call.py     one request under way and what to do with its reply
download.py  a reply that goes into a file
link.py     requests, the live feed, reconnecting with back-off
loader.py   fills the state when a connection begins
"""
