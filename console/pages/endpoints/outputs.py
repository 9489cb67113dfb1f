"""One answer on the screen, by what it is: scores, marked words, a span in its context, a text, a vector, a number."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtGui import QColor, QTextCharFormat
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from console import words
from console.i18n import tr, tr_n
from console.pages.endpoints import shape
from console.theme import theme
from console.widgets.buttons import Button
from console.widgets.chips import Tag
from console.widgets.panel import row
from console.widgets.rows import BarRow
from console.widgets.text import Text

SHOWN_LABELS = 4
SHOWN_FILLS = 5
SHOWN_NUMBERS = 8
SHOWN_TYPES = 5
ROLES = ("s1-blue", "s2-orange", "s3-teal", "s4-magenta", "s5-yellow", "s6-violet", "s7-slate")

Copy = Callable[[str], None]
Span = tuple[int, int, str]  # of characters, and the series colour


class ReadText(QPlainTextEdit):
    """A text to read, plain whatever it holds, with some spans marked."""

    def __init__(self, text: str, spans: Sequence[Span] = (), *, mono: bool = False) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setAccessibleName(tr("Answer"))
        self.setMinimumHeight(36)
        if mono:
            self.setFont(theme.mono("small"))
        self.setPlainText(text)
        self._mark(text, spans)

    def _mark(self, text: str, spans: Sequence[Span]) -> None:
        found = []
        for start, end, role in spans:
            one = QTextEdit.ExtraSelection()
            cursor = self.textCursor()
            cursor.setPosition(_units(text, start))
            cursor.setPosition(_units(text, end), cursor.MoveMode.KeepAnchor)
            style, colour = QTextCharFormat(), QColor(theme.role(role))
            colour.setAlphaF(0.34)
            style.setBackground(colour)
            one.cursor, one.format = cursor, style
            found.append(one)
        self.setExtraSelections(found)
        if spans:
            cursor = self.textCursor()
            cursor.setPosition(_units(text, spans[0][0]))
            self.setTextCursor(cursor)
            self.ensureCursorVisible()

    def marked(self) -> list[str]:
        """The marked parts of the text."""
        return [one.cursor.selectedText() for one in self.extraSelections()]


def _units(text: str, place: int) -> int:
    """The backend counts characters, the toolkit UTF-16 units."""
    return len(text[: max(0, place)].encode("utf-16-le", "surrogatepass")) // 2


def fill(layout: QVBoxLayout, answer: Mapping[str, Any], asked: Any, copy: Copy) -> None:
    """Put the widgets that fit an answer into an empty layout; one that nobody knows here is shown as it came."""
    _SHOWN[shape.answer_kind(answer)](layout, answer, asked, copy)


def _scores(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, _copy: Copy) -> None:
    scores = sorted(answer["scores"].items(), key=lambda pair: -pair[1])
    for index, (label, score) in enumerate(scores[:SHOWN_LABELS]):
        best = index == 0
        role = "accent" if best else "line-strong"
        layout.addWidget(BarRow(label, score, words.percent(score, 1), role, strong=best))
    if len(scores) > SHOWN_LABELS:
        rest = sum(score for _, score in scores[SHOWN_LABELS:])
        left = len(scores) - SHOWN_LABELS
        more = tr_n(left, "{n} more label", "{n} more labels")
        layout.addWidget(Text(f"{more}: {words.percent(rest, 1)}", "small", "text-tertiary"))


def _label(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, _copy: Copy) -> None:
    score = answer.get("score")
    if isinstance(score, int | float):
        layout.addWidget(BarRow(str(answer["label"]), float(score), words.percent(score, 1), "accent", strong=True))
    else:
        layout.addWidget(Text(str(answer["label"]), "body", "text", weight=600))


def _tags(layout: QVBoxLayout, answer: Mapping[str, Any], asked: Any, _copy: Copy) -> None:
    """Entities marked in the text; where the tags name none, every word beside its tag."""
    text, tags = str(asked), [tag for tag in answer["tags"] if isinstance(tag, Mapping)]
    entities = [one for one in answer.get("entities") or () if isinstance(one, Mapping)]
    if not entities and any(tag.get("tag") not in ("O", None) for tag in tags):
        wide = max((len(str(tag.get("word", ""))) for tag in tags), default=0)
        lines = (f"{str(tag.get('word', '')).ljust(min(wide, 24))}  {tag.get('tag', '')}" for tag in tags)
        layout.addWidget(ReadText("\n".join(lines), mono=True), 1)
        return
    types = list(dict.fromkeys(str(one.get("type", "")) for one in entities))
    roles = {name: ROLES[at % len(ROLES)] for at, name in enumerate(types)}
    spans = [
        (int(one.get("start") or 0), int(one.get("end") or 0), roles[str(one.get("type", ""))]) for one in entities
    ]
    layout.addWidget(ReadText(text, spans), 1)
    if not entities:
        layout.addWidget(Text(tr("Nothing was found in it."), "small", "text-tertiary"))
        return
    shown: list[QWidget | None] = [
        Tag(f"{name} {sum(str(one.get('type', '')) == name for one in entities)}", roles[name])
        for name in types[:SHOWN_TYPES]
    ]
    layout.addWidget(row(*shown, None, gap=6))


def _answer(layout: QVBoxLayout, answer: Mapping[str, Any], asked: Any, copy: Copy) -> None:
    """The answer, and where it stands in the context."""
    said, score = str(answer.get("answer") or ""), answer.get("score")
    text = said or tr("The context does not tell.")
    title = Text(text, "body", "text" if said else "text-tertiary", weight=600 if said else 400, elide=True)
    note = Text(words.percent(score, 1) if isinstance(score, int | float) else "", "small", "text-secondary")
    layout.addWidget(row(title, None, note))
    context = str(asked.get("context", "")) if isinstance(asked, Mapping) else ""
    start, end = answer.get("start"), answer.get("end")
    known = isinstance(start, int) and isinstance(end, int) and said
    layout.addWidget(ReadText(context, [(start, end, "s1-blue")] if known else []), 1)  # type: ignore[list-item]
    if said:
        layout.addWidget(_copy_row(partial(copy, said), ""))


def _text(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, copy: Copy) -> None:
    text = shape.text_answer(answer)
    layout.addWidget(ReadText(text), 1)
    said = []
    if isinstance(answer.get("tokens"), int):
        said.append(tr_n(int(answer["tokens"]), "{n} token", "{n} tokens"))
    ended = {"length": tr("ended by its limit"), "time": tr("ended by the time limit")}.get(
        str(answer.get("finish")), ""
    )
    ended = ended or (tr("ended by its limit") if answer.get("finished") is False else "")
    score = answer.get("score")
    if isinstance(score, int | float):
        said.append(tr("score {score}", score=words.fixed(score, 3)))
    layout.addWidget(_copy_row(partial(copy, text), " · ".join(part for part in (*said, ended) if part)))


def _fills(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, _copy: Copy) -> None:
    places = shape.fills_of(answer)
    most = SHOWN_FILLS if len(places) == 1 else 2
    for number, place in enumerate(places, 1):
        if len(places) > 1:
            layout.addWidget(Text(tr("Gap {n}", n=number), "small", "text-tertiary"))
        for at, (word, score) in enumerate(place[:most]):
            role = "accent" if at == 0 else "line-strong"
            layout.addWidget(BarRow(word, score, words.percent(score, 1), role, strong=at == 0))


def _embedding(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, copy: Copy) -> None:
    vector = shape.vector_of(answer)
    length = sum(number * number for number in vector) ** 0.5
    layout.addWidget(Text(tr("{n} dimensions", n=words.count(len(vector))), "body", "text", weight=600))
    first = ", ".join(words.fixed(number, 4) for number in vector[:SHOWN_NUMBERS])
    more = ", …" if len(vector) > SHOWN_NUMBERS else ""
    layout.addWidget(Text(first + more, "small", "text-secondary", wrap=True))
    note = tr("length {n}", n=words.fixed(length, 3))
    layout.addWidget(_copy_row(lambda: copy(json.dumps(vector)), note))


def _number(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, copy: Copy) -> None:
    value = shape.number_answer(answer)
    text = f"{value:.6g}".replace("-", words.MINUS)
    layout.addWidget(Text(text, "tile-value", "text"))
    layout.addWidget(_copy_row(lambda: copy(repr(value)), ""))


def _other(layout: QVBoxLayout, answer: Mapping[str, Any], _asked: Any, copy: Copy) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=1)
    layout.addWidget(ReadText(text, mono=True), 1)
    layout.addWidget(_copy_row(lambda: copy(text), ""))


def _copy_row(act: Callable[[], None], note: str) -> QWidget:
    button = Button(tr("Copy"), icon="copy", small=True)
    button.clicked.connect(lambda *_: act())
    return row(button, None, Text(note, "small", "text-tertiary"))


_SHOWN: dict[str, Callable[[QVBoxLayout, Mapping[str, Any], Any, Copy], None]] = {
    "scores": _scores, "tags": _tags, "answer": _answer, "embedding": _embedding, "fills": _fills, "text": _text,
    "number": _number, "label": _label, "other": _other,
}  # fmt: skip
