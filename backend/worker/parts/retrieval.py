"""How well the right text is found among others: reciprocal rank and recall, and the simple reference for both. Owns
scikit-learn's TF-IDF.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 1024
"""Queries that are compared with every text at a time."""

FIRST = (1, 5, 10)
_SPACELESS = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]")


@dataclass(frozen=True)
class Search:
    """Queries, different texts to search in, and which of these are right for each query."""

    queries: list[str]
    texts: list[str]
    right: list[np.ndarray]


@dataclass(frozen=True)
class Hits:
    """Of each query: at which rank its first right text came (from 1), and the nearest text with its similarity."""

    ranks: np.ndarray
    nearest: np.ndarray
    scores: np.ndarray

    def values(self) -> dict[str, float]:
        """Mean reciprocal rank and recall among the first."""
        found = {"mrr": float((1 / self.ranks).mean())}
        return found | {f"recall_at_{count}": float((self.ranks <= count).mean()) for count in FIRST}


def search_of(anchors: Sequence[str], positives: Sequence[str]) -> Search:
    """Every positive, each text once; right is whatever stands beside the same anchor."""
    places: dict[str, int] = {}
    for text in positives:
        places.setdefault(text, len(places))
    beside: dict[str, set[int]] = {}
    for anchor, positive in zip(anchors, positives, strict=True):
        beside.setdefault(anchor, set()).add(places[positive])
    right = [np.asarray(sorted(beside[anchor])) for anchor in anchors]
    return Search(list(anchors), list(places), right)


def hits(search: Search, similar: Callable[[slice], np.ndarray]) -> Hits:
    """Rank the texts for each query; `similar` gives the similarities of some queries to every text. Wrong texts that
    are as near as the right one stand before it: a model that tells nothing apart finds nothing."""
    ranks, nearest, best = [], [], []
    for start in range(0, len(search.queries), BLOCK):
        scores = similar(slice(start, start + BLOCK))
        for row, right in zip(scores, search.right[start : start + BLOCK], strict=True):
            top = row[right].max()
            ranks.append(1 + int((row >= top).sum()) - int((row[right] >= top).sum()))
            nearest.append(int(row.argmax()))
            best.append(float(row.max()))
    return Hits(np.asarray(ranks), np.asarray(nearest), np.asarray(best))


def reference(search: Search) -> dict[str, float]:
    """What TF-IDF with cosine similarity reaches on the same queries and texts; by characters where words are not
    written apart."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    spaceless = any(_SPACELESS.search(text) for text in search.texts)
    ways = {"analyzer": "char", "ngram_range": (1, 2)} if spaceless else {"token_pattern": r"(?u)\b\w+\b"}
    maker = TfidfVectorizer(**ways)
    try:
        texts = maker.fit_transform(search.texts)
    except ValueError:  # no text has a word in it
        return hits(search, lambda part: np.zeros((len(search.queries[part]), len(search.texts)))).values()
    queries = maker.transform(search.queries)
    return hits(search, lambda part: (queries[part] @ texts.T).toarray()).values()
