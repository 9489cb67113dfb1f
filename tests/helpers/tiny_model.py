"""A tiny text classifier in a folder, as training leaves it and as a version holds it: made without torch in
milliseconds.

The forward pass that fills golden.json is written here in numpy, so it also proves the engine against a second
implementation.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from backend.drift.profile import build_profile

WORDS = (
    "good",
    "great",
    "fine",
    "lovely",
    "happy",
    "bad",
    "awful",
    "poor",
    "sad",
    "broken",
    "film",
    "book",
    "phone",
    "the",
    "a",
    "is",
    "was",
    "very",
    "not",
    "and",
    "it",
    "plot",
    "story",
    "camera",
)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = tuple(dict.fromkeys((*SPECIAL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", "!")))
LABELS = ("negative", "positive")
GOLDEN = ("the film is good", "the plot was awful and the camera is broken", "very happy", "it is a zebra !", "not bad")
HIDDEN, LAYERS, HEADS, POSITIONS = 32, 2, 2, 64

Floats = NDArray[np.float32]
Weights = dict[str, Floats]


def build(folder: Path, seed: int = 0, labels: tuple[str, ...] = LABELS) -> Path:
    """Write a complete version folder with manifest; another seed is another version with other answers."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = _weights(seed, len(labels))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write(folder / "config.json", _config(labels))
    _write(folder / "tokenizer.json", _tokenizer())
    _write(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "unk_token": "[UNK]", "model_max_length": POSITIONS},
    )
    _write(folder / "labels.json", list(labels))
    outputs = [answer(weights, text, labels) for text in GOLDEN]
    _write(folder / "golden.json", {"inputs": list(GOLDEN), "outputs": outputs})
    _write(folder / "profile.json", _profile(outputs))
    _write(folder / "facts.json", {"recipe": "text_classification", "task": "text-classification", "seed": seed})
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """(Re)write manifest.json from the files as they are now."""
    files = {
        path.name: {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }
    _write(folder / "manifest.json", {"files": files})


def answer(weights: Weights, text: str, labels: tuple[str, ...] = LABELS) -> dict[str, Any]:
    """What the model says of a text, computed without torch."""
    scores = _softmax(_forward(weights, token_ids(text)))
    best = int(scores.argmax())
    return {
        "label": labels[best],
        "score": float(scores[best]),
        "scores": {label: float(score) for label, score in zip(labels, scores, strict=True)},
    }


def spoil_golden(folder: Path) -> None:
    """Swap the labels of the golden answers and seal again: files verify, the golden check must not."""
    golden = json.loads((folder / "golden.json").read_text())
    for output in golden["outputs"]:
        names = list(output["scores"])
        output["scores"] = dict(zip(names, reversed(output["scores"].values()), strict=True))
        output["label"] = max(output["scores"], key=output["scores"].get)
    _write(folder / "golden.json", golden)
    seal(folder)


def token_ids(text: str) -> list[int]:
    """[CLS] … [SEP] as the word-piece tokenizer cuts it."""
    pieces: list[str] = []
    for word in text.lower().split():
        pieces.extend(_pieces(word))
    return [VOCABULARY.index(piece) for piece in ("[CLS]", *pieces, "[SEP]")]


def _pieces(word: str) -> list[str]:
    found: list[str] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in VOCABULARY:
                break
        else:
            return ["[UNK]"]
        found.append(piece)
        start = end
    return found


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")


def _profile(outputs: list[dict[str, Any]]) -> dict[str, Any]:
    tokens = [token_ids(text) for text in GOLDEN]
    shares = [ids.count(1) / max(len(ids) - 2, 1) for ids in tokens]
    return build_profile(
        [len(ids) for ids in tokens], shares, [o["label"] for o in outputs], [o["score"] for o in outputs]
    )


def _config(labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": 2 * HIDDEN,
        "vocab_size": len(VOCABULARY),
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _tokenizer() -> dict[str, Any]:
    added = [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, token in enumerate(SPECIAL)
    ]
    piece = [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": piece,
            "pair": [*piece, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {
                token: {"id": token, "ids": [SPECIAL.index(token)], "tokens": [token]} for token in ("[CLS]", "[SEP]")
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: index for index, token in enumerate(VOCABULARY)},
        },
    }


def _weights(seed: int, labels: int) -> Weights:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN),
        "bert.embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "bert.pooler.dense.weight": (HIDDEN, HIDDEN),
        "classifier.weight": (labels, HIDDEN),
    }
    norms = ["bert.embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"bert.encoder.layer.{layer}"
        shapes |= {f"{at}.attention.self.{name}.weight": (HIDDEN, HIDDEN) for name in ("query", "key", "value")}
        shapes |= {
            f"{at}.attention.output.dense.weight": (HIDDEN, HIDDEN),
            f"{at}.intermediate.dense.weight": (2 * HIDDEN, HIDDEN),
        }
        shapes[f"{at}.output.dense.weight"] = (HIDDEN, 2 * HIDDEN)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    weights = {name: random.normal(0, 0.35, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in list(shapes):
        if name.endswith("dense.weight") or ".self." in name or name == "classifier.weight":
            weights[name.removesuffix("weight") + "bias"] = random.normal(0, 0.1, shapes[name][0]).astype(np.float32)
    for name in norms:
        weights |= {f"{name}.weight": np.ones(HIDDEN, np.float32), f"{name}.bias": np.zeros(HIDDEN, np.float32)}
    return weights


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights: Weights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * weights[f"{name}.weight"]
        + weights[f"{name}.bias"]
    )


def _softmax(x: Floats) -> Floats:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


_erf = np.vectorize(math.erf, otypes=[np.float32])


def _forward(weights: Weights, ids: list[int]) -> Floats:
    embeddings = "bert.embeddings"
    x = (
        weights[f"{embeddings}.word_embeddings.weight"][ids]
        + weights[f"{embeddings}.position_embeddings.weight"][: len(ids)]
    )
    x = _norm(weights, f"{embeddings}.LayerNorm", x + weights[f"{embeddings}.token_type_embeddings.weight"][0])
    size = HIDDEN // HEADS
    for layer in range(LAYERS):
        at = f"bert.encoder.layer.{layer}"
        query, key, value = (
            _linear(weights, f"{at}.attention.self.{name}", x).reshape(-1, HEADS, size).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        mixed = _softmax(query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(size))) @ value
        mixed = mixed.transpose(1, 0, 2).reshape(-1, HIDDEN)
        x = _norm(
            weights, f"{at}.attention.output.LayerNorm", x + _linear(weights, f"{at}.attention.output.dense", mixed)
        )
        wide = _linear(weights, f"{at}.intermediate.dense", x)
        wide = wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))
        x = _norm(weights, f"{at}.output.LayerNorm", x + _linear(weights, f"{at}.output.dense", wide))
    pooled = np.tanh(_linear(weights, "bert.pooler.dense", x[0]))
    return _linear(weights, "classifier", pooled)
