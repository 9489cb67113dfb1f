"""Collects the literals given to tr, tr_n, mark and say, by reading the source, not running it."""

import ast
from pathlib import Path

CONSOLE = Path(__file__).resolve().parents[2] / "console"
BACKEND = CONSOLE.parent / "backend"

FILES = sorted((*CONSOLE.rglob("*.py"), *(BACKEND / "contract").glob("*.py"), *(BACKEND / "services").glob("*.py")))
"""Everything that has texts for people in two languages."""


def texts_of(path: Path) -> list[tuple[int, str]]:
    """(line, English text) of every literal that needs a translation in one file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("tr", "mark", "say"):
            wanted = node.args[:1]
        elif node.func.id == "tr_n":
            wanted = node.args[2:3]
        else:
            continue
        for argument in wanted:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.append((node.lineno, argument.value))
    return found


def not_literal(path: Path) -> list[int]:
    """Lines where tr is given an f-string or a sum: such a text can never be translated."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("tr", "tr_n", "mark", "say")
            and node.args
            and isinstance(node.args[0], (ast.JoinedStr, ast.BinOp))
        ):
            lines.append(node.lineno)
    return lines
