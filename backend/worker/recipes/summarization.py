"""Train an encoder-decoder to say a document in a few words, from scratch or from a base model.

Scores are ROUGE's, of what the model writes for the first rows of a part. Beside ROUGE-L stands that of the document's
first sentence: a model below it is worth less than no model. Everything else is parts/seq2seq.py's and the spine's.
"""

from collections.abc import Sequence
from typing import Any

from backend.worker.parts import text_scores
from backend.worker.parts.seq2seq import Pairs, Seq2Seq


class Summarization(Seq2Seq):
    """A document read, a summary written. See parts/recipe.py for when each method is called."""

    task = "summarization"
    read_role = "document"
    written_role = "summary"

    def know(self, targets: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002 ROUGE is the same for every language
        """What makes a score comparable."""
        return {"rouge_signature": text_scores.rouge_signature()}

    def score(self, outputs: Sequence[str], part: Pairs, facts: dict[str, Any]) -> dict[str, float]:  # noqa: ARG002
        """ROUGE-1, -2 and -L, 0 to 1, and ROUGE-L of the first sentences of the same rows."""
        references = part.targets[: len(outputs)]
        leads = [text_scores.lead(document) for document in part.sources[: len(outputs)]]
        scores = text_scores.rouge(outputs, references)
        return {**scores, "rouge_l_lead": text_scores.rouge(leads, references)["rouge_l"]}

    def score_one(self, output: str, reference: str) -> float:
        """ROUGE-L."""
        return text_scores.rouge([output], [reference])["rouge_l"]


RECIPE = Summarization()
