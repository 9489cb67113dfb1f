"""Each wanted row has a proof, and each proof is a test that exists and is not only run on request."""

import ast
from functools import cache

import pytest

from backend.paths import PROJECT
from tests.reliability import PROOFS, WANTED


@cache
def named_in(path: str) -> dict[str, list[str]]:
    """Name of each test of a file → its decorators as text; methods of classes as Class::name."""
    found: dict[str, list[str]] = {}
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    marks = [ast.unparse(n.value) for n in tree.body if isinstance(n, ast.Assign) and _is_pytestmark(n)]
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for one in inner:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_"):
                found[prefix + one.name] = [*marks, *map(ast.unparse, one.decorator_list)]
    return found


def _is_pytestmark(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


@pytest.mark.parametrize("row", WANTED)
def test_each_wanted_row_has_a_proof(row: str) -> None:
    assert PROOFS.get(row), f"no test proves {row}"


@pytest.mark.parametrize("row", PROOFS)
def test_each_proof_exists_and_runs_by_default(row: str) -> None:
    for test in PROOFS[row]:
        path, _, name = test.partition("::")
        assert (PROJECT / path).is_file(), path
        there = named_in(path)
        assert name in there, f"{path} has no {name}"
        held_back = [mark for mark in there[name] if mark.startswith("pytest.mark.") and _holds_back(mark)]
        assert not held_back, f"{test} is not run by default: {held_back}"


def _holds_back(mark: str) -> bool:
    return mark.removeprefix("pytest.mark.").startswith(("slow", "gpu", "bench", "skip", "xfail"))
