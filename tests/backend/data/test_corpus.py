"""Running text: where documents begin and end, and what is no text to learn from."""

from typing import Any

import pytest

from backend.contract.recipes import CausalLmSettings, MaskedLmSettings
from backend.data.checks import CHECKS, Unfit
from backend.data.corpus import LONGEST, read_corpus
from backend.data.versions import Columns


def columns(texts: list[str], *, lined: bool = False, given: list[str] | None = None) -> Columns:
    by_role = {"text": texts, **({"split": given} if given else {})}
    return Columns("corpus", "text-generation", by_role, {}, lined)


def test_rows_of_a_table_are_documents_and_rows_of_a_text_file_are_lines() -> None:
    texts = [f"line {n}" for n in range(10)]
    assert [p.text for p in read_corpus(columns(texts))] == texts
    lines = read_corpus(columns(texts, lined=True))
    assert "\n".join(p.text for p in lines) == "\n".join(texts)
    assert [p.starts for p in lines] == [True, False, False, False, False]
    assert [p.ends for p in lines] == [False, False, False, False, True]


@pytest.mark.parametrize("separator", ["%", "", "  "])
def test_a_blank_line_or_a_percent_sign_parts_documents(separator: str) -> None:
    found = read_corpus(columns(["a", "b", separator, separator, "c"]))
    assert [(p.text, p.row, p.starts, p.ends) for p in found] == [("a\nb", 0, True, True), ("c", 4, True, True)]


def test_a_long_document_is_cut_into_passages_that_know_their_place() -> None:
    book = "\n".join(f"line {n}" for n in range(LONGEST * 50 + 5))
    found = read_corpus(columns([book]))
    assert max(len(p.lines) for p in found) == LONGEST
    assert (sum(p.starts for p in found), sum(p.ends for p in found)) == (1, 1)
    assert "\n".join(p.text for p in found) == book


def test_a_passage_never_lies_in_two_parts() -> None:
    given = ["train"] * 3 + ["validation"] * 3
    found = read_corpus(columns(["a", "b", "c", "d", "e", "f"], lined=True, given=given))
    assert [(p.text, p.given) for p in found] == [
        ("a\nb", "train"), ("c", "train"), ("d\ne", "validation"), ("f", "validation"),
    ]  # fmt: skip


def check(found: Columns, **settings: Any) -> Any:
    return CHECKS["causal_lm"](found, CausalLmSettings(**settings))


@pytest.mark.parametrize(
    ("texts", "said"),
    [(["", "  ", "%"], "every line is blank"), (["One sentence."], "one line of text"), (["a", "b", "b"], None)],
)
def test_text_that_cannot_be_trained_and_judged_on(texts: list[str], said: str | None) -> None:
    if said is None:
        check(columns(texts * 10), drop_duplicates=False)
        return
    with pytest.raises(Unfit, match=said):
        check(columns(texts))


def test_text_that_is_the_same_everywhere_leaves_nothing_to_train_on() -> None:
    with pytest.raises(Unfit, match="the training part is empty"):
        check(columns(["the same"] * 40))


def test_an_instruction_without_an_answer_is_named_by_its_row() -> None:
    roles = {"prompt": ["a", "b", "c"], "response": ["x", " ", "z"]}
    with pytest.raises(Unfit, match="there is no response") as caught:
        check(Columns("chat", "instructions", roles, {}))
    assert caught.value.row == 1


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ValueError, match="5 heads do not divide a width of 192"):
        CausalLmSettings(heads=5, d_model=192)


def test_pairs_need_lines_that_follow_each_other() -> None:
    alone = columns([f"line {n}" for n in range(40)])
    with pytest.raises(Unfit, match="no pairs can be made") as caught:
        CHECKS["masked_lm"](alone, MaskedLmSettings())
    assert "Switch Next sentence off" in str(caught.value.fix)
    CHECKS["masked_lm"](alone, MaskedLmSettings(next_sentence=False))
    CHECKS["masked_lm"](columns([f"line {n}" for n in range(40)], lined=True), MaskedLmSettings())
