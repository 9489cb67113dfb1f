"""One file per way of training, each readable from top to bottom; copy one before you inherit from it.

question_answering.py  marks the answer to a question in a text
sentence_embedding.py  gives texts that belong together vectors that lie together
causal_lm.py            goes on with a text, or answers instructions
masked_lm.py            fills in hidden words
text_classification.py  fine-tunes an encoder (all weights, or LoRA) to put texts into classes
image_classification.py  a vision transformer, from scratch or pretrained
tabular.py             scikit-learn on a table; not through the spine
token_classification.py  gives each word a tag
translation.py           a text in another language
summarization.py         a document in a few words
"""
