"""What the command line says of recipes, tasks and roles; no backend is needed for it."""

import json
from pathlib import Path

import pytest

from backend.cli.datasets import parse_mapping
from backend.cli.main import REFUSED, build_parser, main
from backend.contract.recipes import RECIPES, schema_of
from backend.contract.recipes.fields import Architecture, TrainingSettings, Vocabulary, setting
from backend.contract.tasks import ROLES
from backend.data.mapping import check_mapping


def test_recipe_list_says_data_and_bases(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["recipe", "list", "--json", "--home", str(tmp_path)]) == 0
    found = {line["name"]: line for line in json.loads(capsys.readouterr().out)}
    assert list(found) == [recipe.name for recipe in RECIPES]
    assert found["text_classification"]["dataset_tasks"] == ["text-classification"]
    assert found["selftest"]["bases"] == []
    assert main(["recipe", "list", "--home", str(tmp_path)]) == 0
    assert "starter, version, folder, hub" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", [recipe.name for recipe in RECIPES])
def test_recipe_show_lists_every_setting(recipe: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["recipe", "show", recipe, "--home", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    known = next(one for one in RECIPES if one.name == recipe)
    assert all(f"\n{name} " in said for name in known.settings.model_fields)


def test_an_unknown_recipe_names_the_known_ones(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["recipe", "show", "nope", "--home", str(tmp_path)]) == REFUSED
    assert "text_classification" in capsys.readouterr().err


def test_help_of_start_and_import_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["run", "start", "--help"], ["dataset", "import", "--help"]):
        assert main(words) == 0
    said = capsys.readouterr().out
    assert all(f"  {recipe.name} " in said for recipe in RECIPES)
    assert all(f"  {task}" in said for task in ROLES)


@pytest.mark.parametrize("task", [task for task, roles in ROLES.items() if roles])
def test_every_role_can_be_mapped_in_one_word_or_in_several(task: str) -> None:
    wanted = {role.name: f"column {at}" for at, role in enumerate(ROLES[task])}
    pairs = [f"{role}={column}" for role, column in wanted.items()]
    for given in ([",".join(pairs)], pairs):
        words = ["dataset", "import", "x.csv"]
        for pair in given:
            words += ["--map", pair]
        parsed = build_parser().parse_args(words)
        found = {role: column for text in parsed.map for role, column in parse_mapping(text).items()}
        assert check_mapping(Path("x.csv"), list(wanted.values()), found, task) == wanted


def test_a_setting_of_the_shape_says_so_whatever_its_default() -> None:
    class Small(TrainingSettings, Architecture, Vocabulary):
        layers: int = setting(2, "Layers", "Fewer")
        patch: int = setting(0, "Patch", "Of images", scratch=True)

    fields = schema_of(Small)["properties"]
    shape = {name for name, field in fields.items() if field.get("scratch")}
    assert shape == {"layers", "d_model", "heads", "feed_forward", "tokenizer", "vocabulary_size", "patch"}
