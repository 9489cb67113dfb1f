"""The data room: read what people have, say exactly what is wrong with it, keep it unchangeable. Never imports torch.

source.py    the bytes of a file as text lines: encoding, hash, bounded lines
table.py     what every reader is: columns, and rows with their lines
readers.py   CSV, TSV, JSON lines, folder, text
parquet.py   Parquet
mapping.py   which column is the text, which the label, and what the table is good for
personal.py  personal data in text: counted, shown masked
profile.py   what stands in a dataset: lengths, labels, duplicates, languages, problems
split.py     train, validation and test by seed and label, without the same text on two sides
texts.py     a column of texts that takes little more room than its bytes
versions.py  immutable, content-addressed dataset versions on disk
agreement.py whether two answers of a model are the same
images.py    rows of pixels as square images
tables.py    numbers, categories and a target
tagged.py    words with a tag each
answers.py   questions with a context and the part of it that answers
pairs.py     texts that belong together
corpus.py    running text: passages of lines, and where documents end
samples.py   the built-in data sets
arrow.py     the only door to pyarrow, opened without pandas
foreign/     what other programs wrote about their trainings
checks/      what each recipe asks of its data
model_check.py  is a model folder safe to hand to a library
"""
