"""What data can be for: tasks, and the role of each column in them. Import, form, checks and recipes read this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A column's part in a task."""

    name: str
    spellings: tuple[str, ...]  # column names that mean it, the likeliest first
    needed: bool = True
    may_be_blank: bool = False


_SPLIT = Role("split", ("split", "part", "fold", "subset", "set"), needed=False)
_TEXT = ("text", "sentence", "content", "review", "comment", "message", "body", "document", "tweet", "question")
_TEXT_ZH = ("文本", "内容", "评论")
_LABEL = ("label", "labels", "class", "category", "sentiment", "target", "topic", "intent", "y")
_LABEL_ZH = ("标签", "类别", "分类")

ROLES: dict[str, tuple[Role, ...]] = {
    "text-classification": (
        Role("text", (*_TEXT, *_TEXT_ZH)),
        Role("label", (*_LABEL, *_LABEL_ZH)),
        Role("text_pair", ("text_pair", "sentence2", "text2", "hypothesis"), needed=False),
        _SPLIT,
    ),
    "token-classification": (
        Role("tokens", ("tokens", "words")),
        Role("tags", ("tags", "ner_tags", "pos_tags", "labels")),
        _SPLIT,
    ),
    "translation": (Role("source", ("source", "src")), Role("target", ("target", "tgt", "translation")), _SPLIT),
    "summarization": (
        Role("document", ("document", "article", "dialogue", "text")),
        Role("summary", ("summary", "highlights", "abstract")),
        _SPLIT,
    ),
    "question-answering": (
        Role("question", ("question",)),
        Role("context", ("context", "passage", "paragraph")),
        Role("answer", ("answer", "answers", "answer_text"), may_be_blank=True),  # blank: the context does not tell
        Role("answer_start", ("answer_start",), needed=False, may_be_blank=True),
        _SPLIT,
    ),
    "text-generation": (Role("text", ("text", "content"), may_be_blank=True), _SPLIT),
    "instructions": (
        Role("prompt", ("prompt", "instruction", "input", "question")),
        Role("response", ("response", "answer", "output", "completion")),
        Role("system", ("system",), needed=False, may_be_blank=True),
        _SPLIT,
    ),
    "sentence-pairs": (
        Role("anchor", ("anchor", "query", "sentence1", "text1", "source")),
        Role("positive", ("positive", "passage", "sentence2", "text2", "target")),
        _SPLIT,
    ),
    "image-classification": (Role("label", (*_LABEL, *_LABEL_ZH)), _SPLIT),
    "tabular": (Role("target", ("target", "label", "y", "class", "outcome", *_LABEL_ZH)), _SPLIT),
    "table": (),
}
"""Task → roles in the order of the form; `table` promises nothing."""


def roles_by_name(task: str, columns: tuple[str, ...] | list[str]) -> dict[str, str]:
    """Role → column as the columns' names say it; no column twice, nothing guessed."""
    lower = {name.lower(): name for name in columns}
    found: dict[str, str] = {}
    for role in ROLES.get(task, ()):
        for spelling in role.spellings:
            if spelling in lower and lower[spelling] not in found.values():
                found[role.name] = lower[spelling]
                break
    return found
