"""Use cases, one file each.

ingest.py            the one door: what jobs say → store → feed
ingest_runs.py       lines of a training → its run
ingest_endpoints.py  lines of a gateway → its endpoint
scheduler.py         starts queued runs, notices deaths, decides how runs ended
endpoint_keeper.py   starts endpoints again after a death, by the restart rule
runs.py              start, command, resume, fork a run
datasets.py          import and look at data
versions.py          register, verify and delete versions of a model
endpoints.py         create, promote, roll back, predict
watch.py             drift and rules → alerts
diagnosis.py         what slows or spoils a run
telemetry.py         the sensor's samples → store
doctor.py            every invariant of the home
"""
