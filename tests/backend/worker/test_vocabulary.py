"""A tokenizer trained on texts: whole, repeatable, without anything unknown."""

from pathlib import Path
from typing import Any

import pytest

from backend.worker.parts.vocabulary import Kind, kept_tokenizer, train_tokenizer

TEXTS = ["the film is good", "der Film ist schön", "电影很好看", "a film, a book, a phone"] * 5
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


@pytest.mark.parametrize("kind", ["bpe", "wordpiece", "unigram"])
def test_what_was_trained_on_is_known_and_marked_and_comes_out_the_same_twice(kind: Kind) -> None:
    made, again = (
        train_tokenizer(TEXTS, kind, 300, special=SPECIAL, template="[CLS] $A [SEP]", max_length=32) for _ in range(2)
    )
    assert len(made) <= 300 + 256
    for text in TEXTS[:4]:
        ids = made(text)["input_ids"]
        assert kind == "unigram" or ids == again(text)["input_ids"], "Unigram draws lots; see kept_tokenizer"
        assert (ids[0], ids[-1]) == (made.cls_token_id, made.sep_token_id)
        assert made.unk_token_id not in ids
    assert made.pad_token_id is not None


def test_a_text_comes_back_from_bytes() -> None:
    made = train_tokenizer(TEXTS, "bpe", 400, special={"eos_token": "<end>"}, max_length=32)
    assert made.decode(made("schön, 电影 🙂")["input_ids"]) == "schön, 电影 🙂"


def test_a_later_attempt_has_the_tokenizer_of_the_first(tmp_path: Path) -> None:
    def train() -> Any:
        return train_tokenizer(TEXTS, "unigram", 60, special=SPECIAL, template="[CLS] $A [SEP]", max_length=32)

    first = kept_tokenizer(tmp_path, train)
    later = kept_tokenizer(tmp_path, lambda: pytest.fail("it is trained again"))
    assert first.get_vocab() == later.get_vocab()
    assert (later.pad_token, later.model_max_length) == ("[PAD]", 32)
    assert later("the film")["input_ids"] == first("the film")["input_ids"]
