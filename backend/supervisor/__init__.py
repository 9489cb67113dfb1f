"""The keeper of jobs: knows folders and processes, not the store.

launch.py      Supervisor: start, look, tell, end
adopt.py       what of a job can be seen, also of one that an earlier daemon started
verdict.py     how a job ended, from last words, exit record and boot (pure)
hang.py        when a run is slow and when it hangs, by step age (pure)
restarts.py    when to start again after a death (pure)
compute.py     where jobs run: Compute, Local
"""
