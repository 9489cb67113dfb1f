"""Train an encoder-decoder to say a text in another language, from scratch or from a base model.

Scores are sacrebleu's, with its signature kept among the facts: BLEU and chrF of what the model writes for the first
rows of a part. Everything else is parts/seq2seq.py's and the spine's.
"""

from collections.abc import Sequence
from typing import Any

from backend.worker.parts import text_scores
from backend.worker.parts.seq2seq import Pairs, Seq2Seq


class Translation(Seq2Seq):
    """A source text read, a target text written. See parts/recipe.py for when each method is called."""

    task = "translation"
    read_role = "source"
    written_role = "target"

    def know(self, targets: Sequence[str]) -> dict[str, Any]:
        """How BLEU cuts words of this language, and what makes a score comparable."""
        tokenize = text_scores.bleu_tokenizer(targets)
        return {"bleu_tokenize": tokenize, **text_scores.signatures(tokenize)}

    def score(self, outputs: Sequence[str], part: Pairs, facts: dict[str, Any]) -> dict[str, float]:
        """BLEU and chrF, 0 to 100."""
        return text_scores.translation_scores(outputs, part.targets[: len(outputs)], facts["bleu_tokenize"])

    def score_one(self, output: str, reference: str) -> float:
        """chrF of the one text, 0 to 1."""
        return text_scores.sentence_chrf(output, reference)


RECIPE = Translation()
