"""Data for causal language models: running text, or instructions with their answers."""

from collections.abc import Sequence

from backend.contract.recipes import CausalLmSettings
from backend.contract.resources import DatasetProblem
from backend.data.checks.text_classification import overlap
from backend.data.checks.unfit import Unfit
from backend.data.corpus import Passage, read_corpus
from backend.data.split import Split, SplitPlan, make_split
from backend.data.versions import Columns


def check(columns: Columns, settings: CausalLmSettings) -> list[DatasetProblem]:
    """Raise Unfit for blank text, a single passage, blank prompts or answers, an empty part."""
    if columns.task == "instructions":
        split, texts = _instructions(columns, settings)
    else:
        passages = find_passages(columns)
        texts = [passage.text for passage in passages]
        split = split_passages(passages, SplitPlan.of(settings))
    return [*empty_parts(split), *overlap(split, texts, drops=settings.drop_duplicates)]


def find_passages(columns: Columns) -> list[Passage]:
    """Every passage; raises Unfit when there are fewer than two."""
    passages = read_corpus(columns)
    if not passages:
        raise Unfit("every line is blank; there is nothing to learn.", row=0, fix="Give running text.")
    if len(passages) < 2:
        lines = len(passages[0].lines)
        text = f"all there is are {lines} lines of one text" if lines > 1 else "all there is is one line of text"
        raise Unfit(f"{text}; it cannot be trained and judged on.", row=0, fix="Give more text.")
    return passages


def split_passages(passages: Sequence[Passage], plan: SplitPlan) -> Split:
    """Which passages are trained and judged on."""
    given = None if passages[0].given is None else [passage.given or "train" for passage in passages]
    return make_split([passage.text for passage in passages], [""] * len(passages), given, plan)


def empty_parts(split: Split) -> list[DatasetProblem]:
    """Raise Unfit when nothing is left to train or judge on; no warnings of its own."""
    if not split.train or not split.validation:
        empty = "training" if not split.train else "validation"
        raise Unfit(f"the {empty} part is empty.", fix="Give more text, or change the split.")
    return []


def split_instructions(columns: Columns, plan: SplitPlan) -> tuple[Split, list[str]]:
    """Which examples are trained and judged on, and each as one text."""
    roles = columns.by_role
    texts = [f"{prompt}\n{answer}" for prompt, answer in zip(roles["prompt"], roles["response"], strict=True)]
    return make_split(texts, [""] * len(texts), columns.given, plan), texts


def _instructions(columns: Columns, settings: CausalLmSettings) -> tuple[Split, list[str]]:
    for role in ("prompt", "response"):
        blank = next((row for row, text in enumerate(columns.by_role[role]) if not text.strip()), None)
        if blank is not None:
            raise Unfit(f"there is no {role}.", row=blank, fix="Every example needs a prompt and a response.")
    return split_instructions(columns, SplitPlan.of(settings))
