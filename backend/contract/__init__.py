"""The shared language of every process: frozen pydantic models, no behaviour.

base.py       the frozen base model and how unknown and non-finite numbers travel
states.py     states of runs, endpoints and alerts, and which of them are final
errors.py     what can go wrong: refused (you can act) or broken (we must)
recipes/      the typed settings of every training recipe
tasks.py      what data can be for, and the roles of its columns
jobs.py       what stands in a job folder: spec, identity, exit record
events.py     what a job says, one line each
commands.py   what a job is told, one line each
resources.py  what the interface of the backend returns
packed.py     series as packed columns, for who asks for them
answers.py    answers of a daemon of another age, read as far as they can be
differences.py  what differs between a run and the last good one
imports.py    runs that other programs made: what was found, what is taken
texts.py      texts in English and Chinese
sentences.py  sentences the backend says, to be read in either
feed.py       topics and messages of the live feed
"""
