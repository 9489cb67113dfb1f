"""A tokenizer trained on the data of a run: byte-level BPE, WordPiece or Unigram; kept for later attempts."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

Kind = Literal["bpe", "wordpiece", "unigram"]


def kept_tokenizer(made: Path, train: Callable[[], Any]) -> Any:
    """The tokenizer an earlier attempt made, else a new one: training it again may give other pieces (Unigram does),
    and then no checkpoint would mean anything."""
    from transformers import PreTrainedTokenizerFast

    folder = made / "tokenizer"
    if not folder.is_dir():
        half = made / "tokenizer.tmp"
        shutil.rmtree(half, ignore_errors=True)
        train().save_pretrained(half)
        os.replace(half, folder)
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def train_tokenizer(
    texts: Iterable[str],
    kind: Kind,
    size: int,
    *,
    special: dict[str, str],
    template: str = "$A",
    pair_template: str = "$A $B",
    max_length: int,
) -> Any:
    """A PreTrainedTokenizerFast with at most `size` pieces.

    `special` names the tokens by their part, as {"pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}; a
    template says what is put around a text, as "[CLS] $A [SEP]". Bytes (bpe) and letters that occur are always in the
    vocabulary, so that nothing of the training data is unknown.
    """
    from transformers import PreTrainedTokenizerFast

    names = list(dict.fromkeys(special.values()))
    made, trainer = _parts(kind, size, names, special.get("unk_token"))
    made.train_from_iterator(texts, trainer)
    used = [(name, made.token_to_id(name)) for name in names if name in template or name in pair_template]
    if used:
        made.post_processor = processors.TemplateProcessing(single=template, pair=pair_template, special_tokens=used)
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=max_length, **special)


def _parts(kind: Kind, size: int, names: list[str], unknown: str | None) -> tuple[Tokenizer, Any]:
    if kind == "bpe":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        letters = pre_tokenizers.ByteLevel.alphabet()
        return made, trainers.BpeTrainer(
            vocab_size=size, special_tokens=names, initial_alphabet=letters, show_progress=False
        )
    if kind == "wordpiece":
        made = Tokenizer(models.WordPiece(unk_token=unknown or "[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        return made, trainers.WordPieceTrainer(vocab_size=size, special_tokens=names, show_progress=False)
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    return made, trainers.UnigramTrainer(
        vocab_size=size, special_tokens=names, unk_token=unknown or "[UNK]", show_progress=False
    )
