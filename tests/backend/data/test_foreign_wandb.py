"""W&B offline runs: what wandb wrote, records over block borders, damage, the older JSON lines."""

import json
import math
import random
from pathlib import Path

import pytest

from backend.contract.errors import Invalid
from backend.data.foreign.detect import detect
from backend.data.foreign.found import Row
from backend.data.foreign.wandb import WandbFile
from tests.helpers.foreign import ASSETS, field, varint, wandb_history, wandb_log

FIXTURE = ASSETS / "wandb" / "run-nnqmhelw.wandb"


def read(path: Path) -> tuple[list[Row], WandbFile]:
    source = WandbFile(path, "run")
    return list(source.rows()), source


def test_what_wandb_wrote_is_read_whole() -> None:
    rows, source = read(FIXTURE)
    assert [row.step for row in rows] == [step * 5 for step in range(40)]  # the step the run itself declared
    assert rows[3].values["train/loss"] == 2.5 * math.exp(-3 / 15)
    assert rows[3].values["nested.a"] == 3.0
    assert math.isnan(rows[17].values["train/grad_norm"])
    assert rows[18].values["train/grad_norm"] == math.inf
    facts = source.facts
    assert facts.name == "bert-offline"
    assert facts.config == {"lr": 3e-4, "model.layers": 4, "model.name": "bert"}
    assert (facts.tags, facts.note, facts.state, facts.cause) == (("baseline",), "from elsewhere", "completed", None)
    assert facts.environment["wandb"] == "0.31.0"
    assert "4 values of kind histogram were left out" in source.notes.texts()
    assert not {"weights", "note"} & set(rows[9].values)


def test_records_over_the_border_of_blocks_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    long = json.dumps("t" * 100_000)
    path.write_bytes(wandb_log([wandb_history(step, loss=str(step / 8), text=long) for step in range(10)]))
    rows, source = read(path)
    assert [(row.step, row.values) for row in rows] == [(step, {"loss": step / 8}) for step in range(10)]
    assert source.notes.texts() == ("10 values that are no numbers were left out",)


def test_a_spoilt_record_is_left_out_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    data = bytearray(wandb_log([wandb_history(step, loss="1.5") for step in range(50)]))
    data[1000] ^= 1
    path.write_bytes(bytes(data))
    rows, source = read(path)
    assert len(rows) == 49
    assert source.notes.texts()[0].startswith("run-x.wandb, byte ")
    assert "checksum" in source.notes.texts()[0]


def test_a_torn_file_without_an_end_record_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(wandb_log([wandb_history(step, loss="1") for step in range(5)])[:-3])
    rows, source = read(path)
    assert len(rows) == 4
    assert (source.facts.state, source.facts.cause) == ("interrupted", "The file has no record of its end")
    assert "everything before it was read" in source.notes.texts()[0]


@pytest.mark.parametrize(("code", "state"), [(0, "completed"), (3, "failed")])
def test_the_exit_record_says_how_it_ended(tmp_path: Path, code: int, state: str) -> None:
    path = tmp_path / "run-x.wandb"
    end = field(18, 2, field(1, 0, code) if code else b"")
    path.write_bytes(wandb_log([wandb_history(0, loss="1"), end]))
    assert read(path)[1].facts.state == state


def test_garbage_never_raises(tmp_path: Path) -> None:
    numbers, whole = random.Random(3), FIXTURE.read_bytes()
    for turn in range(60):
        data = bytearray(whole)
        for _ in range(numbers.randrange(1, 30)):
            at = numbers.randrange(7, len(data))
            data[at : at + 8] = numbers.randbytes(numbers.randrange(0, 16))
        path = tmp_path / f"run-{turn}.wandb"
        path.write_bytes(bytes(data))
        assert len(read(path)[0]) <= 40


def test_a_record_nested_without_end_or_longer_than_itself_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    deep = wandb_history(1, loss="[" * 100_000)
    long = varint(2 << 3 | 2) + varint(2**31) + b"x"
    path.write_bytes(wandb_log([deep, long, wandb_history(2, loss="1")]))
    rows, source = read(path)
    assert [row.step for row in rows] == [2]
    assert len(source.notes.texts()) == 2


def test_another_file_with_this_ending_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(b"not a log at all")
    with pytest.raises(Invalid, match=r"run-x\.wandb.*is no \.wandb file"):
        read(path)


def test_the_older_json_lines_with_their_settings(tmp_path: Path) -> None:
    files = tmp_path / "run-20200101_000000-abc" / "files"
    files.mkdir(parents=True)
    lines = [
        {"_step": step, "_timestamp": 5.0 + step, "loss": 1 / (step + 1), "inner": {"b": step}} for step in range(3)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (files / "wandb-history.jsonl").write_text(
        text + '{"_step": 3, "loss": NaN}\nnonsense\n{"_step": "x", "loss": 1}\n'
    )
    (files / "config.yaml").write_text("wandb_version: 1\nlr:\n  desc: null\n  value: 0.1\n")
    source = detect(str(tmp_path)).sources[0]
    rows = list(source.rows())
    assert [(row.step, row.time) for row in rows] == [(0, 5.0), (1, 6.0), (2, 7.0), (3, None)]
    assert rows[1].values == {"loss": 0.5, "inner.b": 1.0}
    assert source.facts.config == {"lr": 0.1}
    assert [text.partition(":")[0] for text in source.notes.texts()] == [
        "wandb-history.jsonl, line 5", "wandb-history.jsonl, line 6"]  # fmt: skip
