"""What other programs wrote about their trainings, read as rows of numbers. Nothing here trusts a byte.

found.py          a source, its rows, and what was left out and why
detect.py         which sources lie at a path
wire.py           protobuf messages, field by field
crc.py            CRC-32C of many records at once
tfrecords.py      the framing of TensorBoard's event files, good records behind damaged ones included
tensorboard.py    event files
wandb.py          offline runs of Weights & Biases
metric_table.py   CSV of metrics: a column a metric, or a line a point
trainer_state.py  the state of a Hugging Face Trainer
"""
