"""What a recipe asks of its data before a worker starts: nobody waits for a model to load to hear of an empty label.

question_answering.py  answers stand in their context
sentence_embedding.py   pairs that can be told apart
causal_lm.py            text for a training and a validation part; no blank answers
masked_lm.py            the same text, and lines that follow each other for pairs
text_classification.py  two classes, each twice, none that training never sees
image_classification.py  square images of numbers, classes as for texts
tabular.py              a target to learn, features that are numbers or categories
token_classification.py  a tag for every token, none that training never sees
pairs.py                two texts a row, neither of them empty
translation.py          a source and a target
summarization.py        a document and a summary
unfit.py                what a check raises
"""

from collections.abc import Callable
from typing import Any

from backend.contract.resources import DatasetProblem
from backend.data.checks import (
    causal_lm,
    image_classification,
    masked_lm,
    question_answering,
    sentence_embedding,
    summarization,
    tabular,
    text_classification,
    token_classification,
    translation,
)
from backend.data.checks.unfit import Unfit
from backend.data.versions import Columns

Check = Callable[[Columns, Any], list[DatasetProblem]]

CHECKS: dict[str, Check] = {
    "question_answering": question_answering.check,
    "sentence_embedding": sentence_embedding.check,
    "causal_lm": causal_lm.check,
    "masked_lm": masked_lm.check,
    "image_classification": image_classification.check,
    "tabular": tabular.check,
    "text_classification": text_classification.check,
    "token_classification": token_classification.check,
    "translation": translation.check,
    "summarization": summarization.check,
}
"""Recipe → check. It raises Unfit for what cannot be trained on, and returns what is worth a warning."""

__all__ = ["CHECKS", "Unfit"]
