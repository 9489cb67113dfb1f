"""How right an answer is: exact match and F1 over words as SQuAD's own script counts them; Chinese by characters.

Rajpurkar et al., SQuAD: 100,000+ Questions for Machine Comprehension of Text (2016); for Chinese as CMRC 2018 does.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0002fa1f]")
_SIGNS = set(string.punctuation)


def words(text: str) -> list[str]:
    """Lower case, without punctuation and articles; each Chinese character is a word, and then every kind of
    punctuation goes."""
    text = text.lower()
    chinese = _CHINESE.search(text) is not None
    kept = "".join(sign for sign in text if sign not in _SIGNS and not (chinese and _is_sign(sign)))
    kept = _ARTICLES.sub(" ", kept)
    return _CHINESE.sub(lambda found: f" {found.group()} ", kept).split()


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"


def exact(given: str, right: str) -> float:
    """1 when both are the same words."""
    return float(words(given) == words(right))


def overlap_f1(given: str, right: str) -> float:
    """Of the words both share; an answer without words is right only where there is none."""
    some, wanted = words(given), words(right)
    if not some or not wanted:
        return float(some == wanted)
    shared = sum((Counter(some) & Counter(wanted)).values())
    return 2 * shared / (len(some) + len(wanted))


def best(score: Callable[[str, str], float], given: str, rights: Sequence[str]) -> float:
    """Against the right answer it is nearest to; without any, nothing is right."""
    return max((score(given, right) for right in rights), default=score(given, ""))
