"""A zoo of bad model folders: each is refused by name before any library sees it (RELIABILITY T14 to T16, T19, rows
50 to 53).
"""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.contract.errors import Invalid
from backend.data.model_check import check_folder
from tests.helpers import tiny_model


def _json(name: str, **fields: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / name
        old = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**old, **fields}))

    return change


def _file(name: str, data: bytes = b"x") -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def _header(header: dict[str, Any] | bytes, body: bytes = b"", length: int | None = None) -> Callable[[Path], object]:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return _file("model.safetensors", struct.pack("<Q", len(raw) if length is None else length) + raw + body)


def _tensor(name: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {name: {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}}


def _sparse(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 1 << 39))
        file.truncate(1 << 40)


ZOO: dict[str, tuple[Callable[[Path], object], str]] = {
    "code": (_file("modeling_evil.py"), "modeling_evil.py"),
    "auto_map": (_json("config.json", auto_map={"AutoModel": "evil.Model"}), "auto_map"),
    "auto_map in the tokenizer": (
        _json("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]}),
        "tokenizer_config.json",
    ),
    "trust_remote_code": (_json("config.json", text_config={"trust_remote_code": True}), "trust_remote_code"),
    "kernel from a hub": (_json("config.json", _attn_implementation="evil/kernel"), "kernel"),
    "pickle": (_file("pytorch_model.bin"), "pytorch_model.bin"),
    "optimizer": (_file("optimizer.pt"), "optimizer.pt"),
    "unknown": (_file("notes.docx"), "notes.docx"),
    "hidden folder": (lambda folder: (folder / ".cache").mkdir(), ".cache"),
    "link": (lambda folder: (folder / "vocab.txt").symlink_to("/etc/hostname"), "symbolic link"),
    "pipe": (lambda folder: os.mkfifo(folder / "vocab.txt"), "regular"),
    "map outside": (_json("model.safetensors.index.json", weight_map={"a": "../../x.safetensors"}), "index.json"),
    "map absolute": (_json("model.safetensors.index.json", weight_map={"a": "/tmp/x.safetensors"}), "index.json"),
    "map to nothing": (
        _json("model.safetensors.index.json", weight_map={"a": "model-00001-of-00002.safetensors"}),
        "missing",
    ),
    "tensor name": (_header(_tensor("a.__class__.__base__", [1], 0, 4), b"1234"), "__class__"),
    "odd tensor name": (_header(_tensor("a/b", [1], 0, 4), b"1234"), "a/b"),
    "huge header": (_header(b"{}", length=1 << 40), "header"),
    "sparse terabyte": (_sparse, "header"),
    "many tensors": (
        _header({f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(20_001)}),
        "20,000",
    ),
    "overlap": (_header({**_tensor("a", [1], 0, 4), **_tensor("b", [1], 0, 4)}, b"1234"), "overlap"),
    "wrong size": (_header(_tensor("a", [2], 0, 4), b"1234"), "wrong size"),
    "truncated": (lambda folder: os.truncate(folder / "model.safetensors", 5000), "bytes"),
    "empty weights": (_file("model.safetensors", b""), "header"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
    "key twice": (_file("config.json", b'{"model_type": "bert", "model_type": "evil"}'), "twice"),
    "nan": (_file("config.json", b'{"model_type": "bert", "x": NaN}'), "NaN"),
    "nested": (_file("config.json", b"[" * 100_000), "config.json"),
    "digits": (_file("config.json", b'{"model_type": "bert", "x": ' + b"9" * 10_000 + b"}"), "config.json"),
}


@pytest.mark.parametrize("case", ZOO)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    folder = tiny_model.build(tmp_path / "model")
    change, words = ZOO[case]
    change(folder)
    with pytest.raises(Invalid) as caught:
        check_folder(folder)
    assert caught.value.code == "bad_model"
    assert words in caught.value.text


def test_a_good_folder_passes(tmp_path: Path) -> None:
    checked = check_folder(tiny_model.build(tmp_path / "model"))
    assert checked.weights == ("model.safetensors",)
    assert checked.parameters > 1000
    assert checked.tensors["classifier.weight"] == (2, tiny_model.HIDDEN)


def test_the_starter_model_passes() -> None:
    from backend.worker.parts.model import find_base, starter_folder

    assert check_folder(starter_folder()).config["model_type"] == "bert"
    from backend.contract.jobs import BaseModelRef

    assert find_base(BaseModelRef(kind="starter", name="starter")).sha256
