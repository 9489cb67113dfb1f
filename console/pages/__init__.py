"""One screen per file or folder; pages never import pages. Registered in console/catalogue.py.

overview/    the machine, what trains, what serves, what wants a person
runs/        every run in one table
run/         one run live
new_run/     the New run sheet
compare/     several runs side by side
data/        datasets: what is imported, looked at
import_data/ the Import sheet: a file, its columns, its split
import_run/  the Import run sheet: what other programs wrote
models/      names, their versions, which one answers
endpoints/   one live address, its figures, a place to try it
alerts/      drift and alerts
settings/    what the user chooses
audit.py     who changed what, when and why
"""
