"""Loads a text classifier that Modeldeck registered, for `mlflow.pyfunc.load_model`. Needs torch, transformers and
tokenizers.

Reads JSON and safetensors only; code from the model folder is never run.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

BATCH = 32


def _load_pyfunc(path: str) -> "TextClassifier":
    """What MLflow calls with the `data` folder."""
    task = _task(Path(path))
    if task != "text-classification":
        raise ValueError(f"this is a model for {task}; only text classifiers answer here. Ask its endpoint instead")
    return TextClassifier(Path(path))


def _task(path: Path) -> str:
    file = path / "signature.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return str(found.get("task") or "text-classification")


class TextClassifier:
    """predict(list of texts, or a DataFrame with one column of texts) returns a DataFrame: label, score, and each
    label's score."""

    def __init__(self, path: Path) -> None:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        if config.get("auto_map"):
            raise ValueError("config.json asks for code from outside; this model is not loaded")
        self.labels = _labels(path, config)
        self.multi_label = config.get("problem_type") == "multi_label_classification"
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self.tokenizer.enable_truncation(_token_limit(path, config))
        self.tokenizer.enable_padding(pad_id=int(config.get("pad_token_id") or 0))
        model = AutoModelForSequenceClassification.from_pretrained(
            path, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        self.model = model.eval().to(self.device)
        self.takes_types = "token_type_ids" in model.forward.__code__.co_varnames

    def predict(self, model_input: Any) -> pd.DataFrame:
        """One row a text, in order."""
        texts = _texts(model_input)
        rows = [row for start in range(0, len(texts), BATCH) for row in self._scores(texts[start : start + BATCH])]
        best = [max(range(len(row)), key=row.__getitem__) for row in rows]
        answer = pd.DataFrame(
            {
                "label": [self.labels[index] for index in best],
                "score": [row[index] for row, index in zip(rows, best, strict=True)],
            }
        )
        for index, label in enumerate(self.labels):
            answer[f"score: {label}"] = [row[index] for row in rows]
        return answer

    def _scores(self, texts: list[str]) -> list[list[float]]:
        encodings = self.tokenizer.encode_batch(texts)
        batch = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
        }
        if self.takes_types:
            batch["token_type_ids"] = [encoding.type_ids for encoding in encodings]
        with torch.inference_mode():
            tensors = {name: torch.tensor(rows, device=self.device) for name, rows in batch.items()}
            logits = self.model(**tensors).logits.float()
        rows: list[list[float]] = (logits.sigmoid() if self.multi_label else logits.softmax(-1)).cpu().tolist()
        return rows


def _texts(model_input: Any) -> list[str]:
    if isinstance(model_input, str):
        return [model_input]
    if isinstance(model_input, pd.DataFrame):
        named = "text" in model_input.columns
        if not named and len(model_input.columns) != 1:
            raise ValueError(f"one column of texts, or one named text, is needed; got {list(model_input.columns)}")
        model_input = model_input["text"] if named else model_input.iloc[:, 0]
    return [row["text"] if isinstance(row, dict) else str(row) for row in list(model_input)]


def _labels(path: Path, config: dict[str, Any]) -> list[str]:
    found = json.loads((path / "labels.json").read_text(encoding="utf-8")) if (path / "labels.json").is_file() else None
    found = found.get("labels") if isinstance(found, dict) else found
    named = config.get("id2label") or {}
    return found or [named[index] for index in sorted(named, key=int)]


def _token_limit(path: Path, config: dict[str, Any]) -> int:
    """The smallest of what the positions and the tokenizer allow; RoBERTa kinds count positions from pad + 1."""
    limits = []
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and positions > 0:
        shifted = config.get("model_type") in ("roberta", "xlm-roberta", "camembert")
        limits.append(positions - (int(config.get("pad_token_id") or 0) + 1 if shifted else 0))
    file = path / "tokenizer_config.json"
    stated = json.loads(file.read_text(encoding="utf-8")).get("model_max_length") if file.is_file() else None
    if isinstance(stated, int) and 0 < stated < 1_000_000:
        limits.append(stated)
    return min(limits, default=512)
