"""Fuzzy matching for the palette: word starts first, substrings, scattered letters; pinyin initials."""

from __future__ import annotations

from bisect import bisect_right

# The 3,755 first-level characters of GB 2312 stand in pinyin order; these are the codes where each initial begins.
_STARTS = (
    (0xB0A1, "a"), (0xB0C5, "b"), (0xB2C1, "c"), (0xB4EE, "d"), (0xB6EA, "e"), (0xB7A2, "f"), (0xB8C1, "g"),
    (0xB9FE, "h"), (0xBBF7, "j"), (0xBFA6, "k"), (0xC0AC, "l"), (0xC2E8, "m"), (0xC4C3, "n"), (0xC5B6, "o"),
    (0xC5BE, "p"), (0xC6DA, "q"), (0xC8BB, "r"), (0xC8F6, "s"), (0xCBFA, "t"), (0xCDDA, "w"), (0xCEF4, "x"),
    (0xD1B9, "y"), (0xD4D1, "z"),
)  # fmt: skip
_CODES = [code for code, _ in _STARTS]
_LAST = 0xD7F9


def pinyin_initial(char: str) -> str:
    """The first pinyin letter of a common Chinese character, else the character itself."""
    if char < "\u4e00":
        return char
    try:
        raw = char.encode("gb2312")
    except UnicodeEncodeError:
        return char
    code = int.from_bytes(raw, "big")
    if not _CODES[0] <= code <= _LAST:
        return char
    return _STARTS[bisect_right(_CODES, code) - 1][1]


def match(query: str, text: str) -> tuple[float, list[int]] | None:
    """(score, matched positions), higher is better; None: no match. An empty query matches all at 0."""
    needle = query.casefold().replace(" ", "")
    if not needle:
        return 0.0, []
    plain = text.casefold()
    if len(plain) != len(text):  # a character that folds into two would shift the positions
        plain = text.lower() if len(text.lower()) == len(text) else text
    best = _match_plain(needle, plain)
    initials = "".join(pinyin_initial(c) for c in plain)
    if initials != plain:
        other = _match_plain(needle, initials)
        if other is not None and (best is None or other[0] - 5 > best[0]):
            best = other[0] - 5, other[1]
    return best


def _match_plain(needle: str, text: str) -> tuple[float, list[int]] | None:
    starts = _word_starts(text)
    at_word = _at_word_starts(needle, text, starts)
    if at_word is not None:
        bonus = 20.0 if at_word[0] == 0 else 0.0
        run = 10.0 if at_word[-1] - at_word[0] == len(needle) - 1 else 0.0
        return 100 + bonus + run - 0.1 * len(text), at_word
    found = text.find(needle)
    if found >= 0:
        return 60 - 0.1 * found - 0.1 * len(text), list(range(found, found + len(needle)))
    places, at = [], -1
    for char in needle:
        at = text.find(char, at + 1)
        if at < 0:
            return None
        places.append(at)
    gaps = places[-1] - places[0] + 1 - len(needle)
    return (30 - gaps - 0.1 * len(text), places) if gaps <= 2 * len(needle) + 4 else None


def _word_starts(text: str) -> list[int]:
    return [i for i, c in enumerate(text) if c.isalnum() and (i == 0 or not text[i - 1].isalnum() or c >= "\u4e00")]


def _at_word_starts(needle: str, text: str, starts: list[int]) -> list[int] | None:
    """Positions when the whole needle is made of beginnings of words, in order; longest beginnings first."""
    for index, start in enumerate(starts):
        length = 0
        while length < len(needle) and start + length < len(text) and text[start + length] == needle[length]:
            length += 1
        for take in range(length, 0, -1):
            here = list(range(start, start + take))
            if take == len(needle):
                return here
            rest = _at_word_starts(needle[take:], text, [s for s in starts[index + 1 :] if s >= start + take])
            if rest is not None:
                return here + rest
    return None
