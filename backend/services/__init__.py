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
watch.py             drift, limits and states → alerts, once a second
watch_drift.py       traffic of a live version against its reference
watch_rules.py       values against limits; endpoints, cards and runs that failed
causes.py            one alert per cause
diagnosis.py         what slows or spoils a run
diagnosis_rules.py   the rules of diagnosis
measured.py          what those rules may look at
telemetry.py         the sensor's samples → store
outbox.py            notes for the MLflow neighbour and the messages they become
mirror.py            delivers those to the mirror process
doctor.py            every invariant of the home
"""
