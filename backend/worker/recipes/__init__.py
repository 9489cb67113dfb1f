"""One file per way of training, each readable from top to bottom; copy one before you inherit from it.

text_classification.py  fine-tunes an encoder (all weights, or LoRA) to put texts into classes
token_classification.py  gives each word a tag
translation.py           a text in another language
summarization.py         a document in a few words
"""
