"""A job is a folder.

folder.py       the files of a job folder by name, read and written safely
lines.py        one line of the log: framing and checksum
log.py          append-only event log: writer, reader with offsets
buffered.py     the log of a training loop, written by a thread
manifest.py     a folder of files that is either entirely there or not: commit, verify, newest valid
identity.py     boot id, start times and cookies: which process is which
failures.py     kinds of failure and one sentence of advice for each
live.py         which settings of a run may change under way
environment.py  what a worker may see of the environment
output.py       the worker's printed output: capped file, last lines
runner.py       the small process that owns a worker and writes down how it ended
"""
