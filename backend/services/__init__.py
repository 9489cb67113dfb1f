"""Use cases, one file each.

ingest.py            the one door: what jobs say → store → feed
ingest_jobs.py       what ingest remembers of a job, and who takes its lines
ingest_answers.py    answers of jobs to commands
ingest_runs.py       lines of a training → its run
ingest_settings.py   settings of a run that change under way
ingest_endpoints.py  lines of a gateway → its endpoint
scheduler.py         starts queued runs, notices deaths, decides how runs ended
endpoint_keeper.py   starts endpoints again after a death, by the restart rule
runs.py              start, command, resume, fork a run
run_start.py         what stands before a run: every check, then its folder and its row
split_preview.py     what a split would make of a dataset
run_import.py        runs of other programs: looked at, then brought in
import_course.py     one import under way: how far it is, and its end before it is done
import_log.py        their rows as the event log of a job
imported.py          what cannot be done with them
run_folders.py       job folders that were deleted or put back
run_checkpoints.py   keep and copy out what a run has saved
settings_check.py    a recipe's settings as typed by a person
base_models.py       where first weights come from
estimates.py         what a run would need
exports.py           metric points to files, lossless
last_good.py         the last good run of the same kind, and what differs from it
run_report.py        one HTML page of a run that opens without a network
report_parts.py      its tables, and how any text becomes harmless HTML
report_style.py      its colours and layout
report_chart.py      its curves as inline SVG
registering.py       registration as an operation, at once or when a run completes
owners.py            which process belongs to which run or endpoint
mirror_notes.py      notes for the mirror what the feed says has changed
datasets.py          import and look at data
data_check.py        what must hold of data before a training
dataset_facts.py     what an imported table is, in the words of its record
versions.py          register, verify and delete versions of a model
endpoints.py         create, promote, roll back, predict
promotion.py         promotions and rollbacks under way, finished or undone after a death
proof.py             asks an endpoint after a switch
intent.py            what a change of the live version shall do, and how its outcome is written down
endpoint_job.py      the job folder of an endpoint
plan.py              exactly what a promotion would change
gateway_client.py    asks a gateway over HTTP with its key
watch.py             drift, limits and states → alerts, once a second
watch_drift.py       traffic of a live version against its reference
watch_rules.py       values against limits; endpoints, cards and runs that failed
watch_own.py         the rules of a person, and those about running runs
rule_values.py       what rules may speak of, and when a value is past its limit
disk_forecast.py     where the disk goes at the rate of now
rule_history.py      how often a rule would have opened an alert
causes.py            one alert per cause
webhook.py           tells one address of the user's choice about alerts
quiet.py             the hours in which nobody is told
diagnosis.py         what slows or spoils a run
diagnosis_rules.py   the rules of diagnosis
diagnosis_worth.py   what a fix is worth, and the settings it asks for
measured.py          what those rules may look at
telemetry.py         the sensor's samples → store
power_limit.py       another power limit for a card, within what it takes, audited
energy.py            what a run spends in energy, from measured power
outbox.py            notes for the MLflow neighbour and the messages they become
system_metrics.py    the machine under MLflow's names
mirror.py            delivers those to the mirror process
doctor.py            every invariant of the home
"""
