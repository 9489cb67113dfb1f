"""RELIABILITY T12 and T28: nothing in the product unpickles, evaluates, opens a shell, or checks with assert.

The tree of each file is read, not its text: an alias, a line break or a keyword by dictionary does not hide a call.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.paths import PROJECT

RUNS_CODE = ("pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal", "torch.hub")
"""Modules that must not even be imported: reading with them runs what the file says."""

CALLS = {
    "eval": "runs text as code",
    "exec": "runs text as code",
    "builtins.eval": "runs text as code",
    "builtins.exec": "runs text as code",
    "os.system": "opens a shell",
    "os.popen": "opens a shell",
    "subprocess.getoutput": "opens a shell",
    "subprocess.getstatusoutput": "opens a shell",
    "torch.export.load": "unpickles",
    "torch.jit.load": "unpickles",
    "torch.package.PackageImporter": "unpickles",
    "pandas.read_pickle": "unpickles",
    "yaml.load": "builds any object; yaml.safe_load",
    "yaml.unsafe_load": "builds any object; yaml.safe_load",
    "yaml.full_load": "builds objects; yaml.safe_load",
    "mlflow.pyfunc.load_model": "a model's loader runs Python",
}
LITERAL = {
    "torch.load": ("weights_only", True, "unpickles without weights_only=True"),
}
"""Allowed only with this keyword written out."""

NEVER = {"allow_pickle": "unpickles", "shell": "opens a shell", "trust_remote_code": "runs a model's own code"}
"""Keywords that may only be False."""


class Reader(ast.NodeVisitor):
    """Collects (line, what is wrong) of one file; names are resolved through its imports."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.wrong: list[tuple[int, str]] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.names[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            self._module(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._module(node, node.module or "")
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            self.names[alias.asname or alias.name] = full
            self._module(node, full)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._module(node, self._full(node))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = self._full(node.func)
        if name in CALLS:
            self._tell(node, f"{name}: {CALLS[name]}")
        given = {word.arg: word.value for word in node.keywords}
        if name in LITERAL:
            word, wanted, why = LITERAL[name]
            value = given.get(word)
            if not (isinstance(value, ast.Constant) and value.value is wanted):
                self._tell(node, f"{name}: {why}")
        for word, why in NEVER.items():
            value = given.get(word)
            if value is not None and not (isinstance(value, ast.Constant) and value.value is False):
                self._tell(node, f"{word}: {why}")
        if name in ("importlib.import_module", "__import__") and node.args:
            value = node.args[0]
            self._module(node, value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "")
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in NEVER and getattr(value, "value", None) is True:
                self._tell(node, f"{key.value}: {NEVER[key.value]}")
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        self._tell(node, "assert is gone under python -O: raise")

    def _full(self, node: ast.expr) -> str:
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.names.get(node.id, node.id), *reversed(parts)])

    def _module(self, node: ast.AST, name: str) -> None:
        if any(name == bad or name.startswith(f"{bad}.") for bad in RUNS_CODE):
            self._tell(node, f"{name} runs what a file says")

    def _tell(self, node: ast.AST, text: str) -> None:
        self.wrong.append((getattr(node, "lineno", 0), text))


def wrong_in(source: str) -> list[tuple[int, str]]:
    reader = Reader()
    reader.visit(ast.parse(source))
    return reader.wrong


def product_files() -> Iterator[Path]:
    yield PROJECT / "main.py"
    for room in ("backend", "console"):
        yield from sorted((PROJECT / room).rglob("*.py"))


def test_t12_nothing_in_the_product_runs_what_it_reads() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{line}: {text}"
        for path in product_files()
        for line, text in wrong_in(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads as f",
        "import joblib as j",
        "import dill",
        "import cloudpickle",
        "from torch import hub",
        "import torch\ntorch.hub.load('a', 'b')",
        "import importlib\nimportlib.import_module('pickle')",
        "__import__('dill')",
        "import torch\ntorch.load(path)",
        "import torch as t\nt.load(\n  path,\n  weights_only=flag)",
        "from torch import load\nload(path, weights_only=False)",
        "import torch\ntorch.export.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import numpy as np\nnp.load(path, allow_pickle=kind)",
        "import numpy as np\nnp.load(path, **{'allow_pickle': True})",
        "import yaml\nyaml.load(text)",
        "from yaml import unsafe_load\nunsafe_load(text)",
        "eval(text)",
        "import builtins\nbuiltins.exec(text)",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import os\nos.system(text)",
        "from transformers import AutoModel\nAutoModel.from_pretrained(p, trust_remote_code=True)",
        "assert user.may(thing)",
    ],
)
def test_each_way_around_it_is_seen(source: str) -> None:
    assert wrong_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(path, weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import yaml\nyaml.safe_load(text)",
        "model.eval()",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "dialog.exec()",
        "from transformers import AutoModel\nAutoModel.from_pretrained(p, trust_remote_code=False)",
    ],
)
def test_what_is_safe_is_left_alone(source: str) -> None:
    assert not wrong_in(source)
