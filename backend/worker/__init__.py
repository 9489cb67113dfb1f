"""The only place for torch and transformers; each file is a process's main or a part of it.

selftest.py    a run without a model: a known sequence, and every way to die on request
train.py       trains with gradients
table.py       learns from a table, without gradients
gateway.py     an endpoint's HTTP process
engine.py      one loaded version
recipes/       one file per way of training
serving/       the parts of an endpoint
parts/         what the mains share: control, checkpoint, data, metrics, device …
"""
