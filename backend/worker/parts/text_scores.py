"""How near a written text is to its reference: BLEU and chrF by sacrebleu, ROUGE by rouge_score. Owns both."""

import re
from collections.abc import Sequence
from importlib import metadata
from typing import Any

_HAN = re.compile(r"[㐀-䶿一-鿿\U00020000-\U0003134f]")
_KANA = re.compile(r"[぀-ヿ]")
_WORD = re.compile(
    r"[㐀-䶿一-鿿\U00020000-\U0003134f]"  # Chinese, and kanji
    r"|[぀-ヿ]"  # kana
    r"|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"  # Thai, Lao, Burmese, Khmer
    r"|[^\W_㐀-䶿一-鿿\U00020000-\U0003134f぀-ヿ\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)
"""A letter of a script without spaces, or a run of letters and digits of another."""

MOSTLY = 0.2
"""Chinese texts hold names, numbers and signs of other scripts; from this share of the letters on they are Chinese."""


def bleu_tokenizer(references: Sequence[str]) -> str:
    """How sacrebleu cuts texts of this language into words: "zh" for Chinese, "char" for Japanese, else "13a"."""
    letters = sum(char.isalpha() for text in references for char in text) or 1
    kana = sum(len(_KANA.findall(text)) for text in references)
    if kana > MOSTLY * letters:
        return "char"
    han = sum(len(_HAN.findall(text)) for text in references)
    return "zh" if han > MOSTLY * letters else "13a"


def translation_scores(outputs: Sequence[str], references: Sequence[str], tokenize: str) -> dict[str, float]:
    """{"bleu", "chrf"} of the corpus, 0 to 100."""
    bleu, chrf = _translation_metrics(tokenize)
    return {
        "bleu": float(bleu.corpus_score(list(outputs), [list(references)]).score),
        "chrf": float(chrf.corpus_score(list(outputs), [list(references)]).score),
    }


def signatures(tokenize: str) -> dict[str, str]:
    """What must stand beside a score so that others can compare theirs: {"bleu_signature", "chrf_signature"}."""
    bleu, chrf = _translation_metrics(tokenize)
    found = {}
    for name, metric in (("bleu", bleu), ("chrf", chrf)):
        metric.corpus_score(["a"], [["a"]])  # a metric knows its signature only after it counted its references
        found[f"{name}_signature"] = str(metric.get_signature())
    return found


def _translation_metrics(tokenize: str) -> tuple[Any, Any]:
    from sacrebleu.metrics import BLEU, CHRF

    return BLEU(tokenize=tokenize, force=True), CHRF()  # force: it need not warn of texts that end in " ."


def sentence_chrf(output: str, reference: str) -> float:
    """0 to 1."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().sentence_score(output, [reference]).score) / 100


# ---- summaries -------------------------------------------------------------------------------------------------------


class RougeWords:
    """rouge_score's tokenizer for any language: what its own does with English, which throws away all letters beyond
    a to z; scripts without spaces are cut letter by letter."""

    def tokenize(self, text: str) -> list[str]:
        """Words in lower case, without signs."""
        return _WORD.findall(text.lower())


def rouge(outputs: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Mean F1 over the rows, 0 to 1: {"rouge_1", "rouge_2", "rouge_l"}."""
    from rouge_score.rouge_scorer import RougeScorer

    names = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}
    scorer = RougeScorer(list(names), tokenizer=RougeWords())
    found = [scorer.score(reference, output) for output, reference in zip(outputs, references, strict=True)]
    return {name: sum(row[key].fmeasure for row in found) / max(len(found), 1) for key, name in names.items()}


def rouge_signature() -> str:
    """What must stand beside a score so that others can compare theirs."""
    return f"mean f1|stemmer:no|case:lower|tok:words, else letters|rouge_score:{metadata.version('rouge_score')}"


_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n|$)", re.DOTALL)


def lead(document: str) -> str:
    """Its first sentence: the reference that a summary must beat."""
    found = _SENTENCE.match(document.strip())
    return found.group().strip() if found else ""
