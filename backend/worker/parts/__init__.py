"""What the worker mains share.

control.py     commands in: poll between steps, answer, SIGTERM
checkpoint.py  commit a checkpoint, find the newest one that verifies
recipe.py      what a recipe decides
training.py    the spine: prepare, train, judge, keep the result
material.py    the data as it was when the run was started
job.py         what the main hands to a recipe
start.py       where a run begins: resume, fork, back to the best checkpoint
failure.py     exceptions as code, sentence and advice
device.py      device, precision, threads
memory.py      how much memory the process holds
data.py        token ids, the order of batches, padding
vocabulary.py  a tokenizer trained on the data
answers.py     exact match and F1 of answers
batches.py     labels at each place, and a pass over a part
retrieval.py   the right text among others, and TF-IDF beside it
language.py    unknown tokens, and the reference of a language model
masking.py     what is hidden from a masked language model
pairs.py       text as its examples: blocks, or pairs of segments
chat.py        instructions as token ids
seq2seq.py     what translation and summarization share
text_scores.py  BLEU, chrF and ROUGE
model.py       the base model: found, checked, loaded, given adapters
trainer.py     the Trainer with our order, loss, clock and checkpoints
monitor.py     between two steps: log, evaluate, save, listen
live.py        settings changed under way, from a checkpoint on
state.py       everything a resume needs, as safetensors and JSON
metrics.py     predictions and how good they are
table.py       scikit-learn and skops: pipelines, how they are kept and opened
result.py      the folder model/
"""
