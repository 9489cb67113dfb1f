"""Texts: every literal has its Chinese, the places match, and switching is told."""

import re
from pathlib import Path

import pytest

from console.i18n import Translator, load_catalog, tr, tr_n, translator
from tests.helpers.literals import CONSOLE, FILES, not_literal, texts_of


def test_no_text_is_left_in_english() -> None:
    catalog = load_catalog("zh")
    missing = [f"{path.name}:{line} {text!r}" for path in FILES for line, text in texts_of(path) if text not in catalog]
    assert not missing, "no Chinese for:\n" + "\n".join(missing)


def test_no_translation_is_unused() -> None:
    used = {text for path in FILES for _, text in texts_of(path)}
    contract = "".join(p.read_text(encoding="utf-8") for p in (CONSOLE.parent / "backend").rglob("*.py"))
    unused = [text for text in load_catalog("zh") if text not in used and text not in contract]
    assert not unused


def test_translations_have_the_same_places() -> None:
    for english, chinese in load_catalog("zh").items():
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese)), english


def test_texts_are_literals() -> None:
    wrong = [f"{path.name}:{line}" for path in FILES for line in not_literal(path)]
    assert not wrong


def test_switching_language_is_told_and_counts_have_forms() -> None:
    told = []
    translator.changed.connect(lambda: told.append(translator.language))
    assert tr_n(1, "{n} more in the inbox", "{n} more in the inbox") == "1 more in the inbox"
    translator.set_language("zh")
    assert told == ["zh"]
    assert tr("Overview") == "总览"
    assert tr("{n} running", n=2) == "2 个运行中"
    assert tr("a text without translation") == "a text without translation"


def test_two_files_that_disagree_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "zh"
    folder.mkdir()
    (folder / "a.json").write_text('{"Open": "打开"}', encoding="utf-8")
    (folder / "b.json").write_text('{"Open": "未处理"}', encoding="utf-8")
    with pytest.raises(ValueError, match="already translated"):
        load_catalog("zh", tmp_path)


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="tlh"):
        Translator().set_language("tlh")
