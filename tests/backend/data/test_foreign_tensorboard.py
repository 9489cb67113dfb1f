"""Event files: what torch and tensorboard wrote, and every way in which such a file can be spoilt."""

import math
import random
import struct
from pathlib import Path

import pytest

from backend.contract.errors import NotFound
from backend.data.foreign import crc, tfrecords
from backend.data.foreign.detect import detect
from backend.data.foreign.found import Notes, Row
from backend.data.foreign.tensorboard import EventFiles
from tests.helpers.foreign import ASSETS, event_file, field, record, scalar

FIXTURE = ASSETS / "events.out.tfevents.1760000000.host.1.0.fixture"


def read(*files: Path) -> tuple[list[Row], EventFiles]:
    source = EventFiles(files[0].parent, files, "run")
    return list(source.rows()), source


def test_what_torch_wrote_is_read_whole() -> None:
    rows, source = read(FIXTURE)
    assert [row.step for row in rows if "train/loss" in row.values] == list(range(40))
    assert rows[0].values.keys() == {"train/loss", "train/grad_norm", "train/learning_rate"}  # logged within 1 ms
    assert rows[0].time == 1_760_000_000.0
    losses = [row.values["train/loss"] for row in rows if "train/loss" in row.values]
    assert losses[0] == 2.5
    assert losses[3] == pytest.approx(2.5 * math.exp(-3 / 15), rel=1e-7)
    evaluated = {row.step: row.values["eval/loss"] for row in rows if "eval/loss" in row.values}
    assert list(evaluated) == [9, 19, 29, 39]  # a double tensor, bit for bit
    assert evaluated[9] == (2.5 * math.exp(-9 / 15) + 0.0) * 1.1
    assert [row.step for row in rows if math.isnan(row.values.get("train/grad_norm", 0.0))] == [17]
    assert source.facts.config == {"lr": 3e-4, "optimizer": "adamw", "amsgrad": False, "seed": 7, "fp16": False}
    assert source.notes.texts() == ("4 histograms were left out",)


def test_the_checksum_is_castagnolis_for_any_length() -> None:
    assert crc.crc32c(b"123456789") == 0xE3069283
    numbers = random.Random(1)
    for size in (0, 1, 8, 1023, 1024, 1025, 5000):
        data = numbers.randbytes(size)
        plain = 0xFFFFFFFF
        for byte in data:
            plain ^= byte
            for _ in range(8):
                plain = plain >> 1 ^ (0x82F63B78 if plain & 1 else 0)
        assert crc.crc32c(data) == plain ^ 0xFFFFFFFF


def test_a_spoilt_record_is_left_out_with_its_place_and_the_rest_is_read(tmp_path: Path) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(step, float(step), a=step) for step in range(100)])
    data = bytearray(path.read_bytes())
    size = len(record(scalar(50, 50.0, a=50)))
    at = data.find(scalar(50, 50.0, a=50))
    data[at + 3] ^= 1
    path.write_bytes(bytes(data))
    rows, source = read(path)
    assert [row.step for row in rows] == [step for step in range(100) if step != 50]
    where = f"tfevents, byte {at - 12:,}"
    assert source.notes.texts() == (f"{where}: the checksum of a record of {size - 16} bytes differs; it was left out",)


def test_a_spoilt_length_is_not_believed_and_reading_goes_on_at_the_next_record(tmp_path: Path) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(step, float(step), a=step) for step in range(100)])
    data = bytearray(path.read_bytes())
    at = data.find(scalar(50, 50.0, a=50)) - 12
    data[at : at + 8] = struct.pack("<Q", 2**31)  # claims 2 GB, but its checksum says otherwise
    path.write_bytes(bytes(data))
    rows, source = read(path)
    assert [row.step for row in rows] == [step for step in range(100) if step != 50]
    assert f"byte {at:,}" in source.notes.texts()[0]
    assert "reading went on behind them" in source.notes.texts()[0]


def test_a_true_length_of_two_gigabytes_is_not_read_into_memory(tmp_path: Path) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(1, 1.0, a=1)])
    head = struct.pack("<Q", 2**31)
    with path.open("ab") as file:
        file.write(head + struct.pack("<I", crc.masked(crc.crc32c(head))) + b"x" * 1000)
    rows, source = read(path)
    assert [row.step for row in rows] == [1]
    assert "claims a record of 2,147,483,648 bytes" in source.notes.texts()[0]


@pytest.mark.parametrize("cut", [1, 4, 11, 12, 20])
def test_a_torn_end_is_told_and_everything_before_it_was_read(tmp_path: Path, cut: int) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(step, float(step), a=step) for step in range(10)])
    path.write_bytes(path.read_bytes()[:-cut])
    rows, source = read(path)
    assert [row.step for row in rows] == list(range(9))
    assert "the file ends in the middle of a record" in source.notes.texts()[0]


def test_records_on_the_border_of_two_pieces_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(step, float(step), a=step) for step in range(300)])
    for chunk in (1, 13, 64, 1000):
        monkeypatch.setattr(tfrecords, "CHUNK", chunk)
        rows, source = read(path)
        assert [row.step for row in rows] == list(range(300))
        assert source.notes.texts() == ()


def test_garbage_never_raises_and_never_invents_a_point(tmp_path: Path) -> None:
    numbers = random.Random(7)
    whole = FIXTURE.read_bytes()
    known = {(row.step, key, repr(value)) for row in read(FIXTURE)[0] for key, value in row.values.items()}
    for turn in range(60):
        data = bytearray(whole)
        for _ in range(numbers.randrange(1, 30)):
            at = numbers.randrange(len(data))
            data[at : at + numbers.randrange(1, 40)] = numbers.randbytes(numbers.randrange(0, 40))
        path = tmp_path / f"tfevents{turn}"
        path.write_bytes(bytes(data))
        rows, _ = read(path)
        assert {(row.step, key, repr(value)) for row in rows for key, value in row.values.items()} <= known


def test_a_record_that_is_no_event_is_told(tmp_path: Path) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(1, 1.0, a=1), b"\xff\xff\xff", scalar(2, 2.0, a=2)])
    rows, source = read(path)
    assert [row.step for row in rows] == [1, 2]
    assert "record 3: is no event" in source.notes.texts()[0]


def test_steps_may_go_back_and_repeat(tmp_path: Path) -> None:
    path = event_file(tmp_path / "tfevents", [scalar(s, float(i), a=i) for i, s in enumerate((5, 6, 6, 2, -1))])
    assert [(row.step, row.values["a"]) for row in read(path)[0]] == [(5, 0), (6, 1), (6, 2), (2, 3), (-1, 4)]


def test_names_are_kept_as_they_are_up_to_ten_thousand_characters(tmp_path: Path) -> None:
    events = [scalar(1, 1.0, **{"<b>x</b>": 1, "n" * 10_000: 2, "n" * 10_001: 3})]
    rows, source = read(event_file(tmp_path / "tfevents", events))
    assert set(rows[0].values) == {"<b>x</b>", "n" * 10_000}
    assert "10,001 characters" in source.notes.texts()[0]


def test_every_folder_is_a_run_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("a", "b/deep"):
        event_file(tmp_path / "logs" / name / "events.out.tfevents.1", [scalar(1, 1.0, a=1)])
    event_file(tmp_path / "logs" / "a" / "events.out.tfevents.2", [scalar(2, 2.0, a=2)])
    (tmp_path / "logs" / "c").symlink_to(tmp_path / "logs" / "a")
    (tmp_path / "logs" / "events.out.tfevents.3").symlink_to(FIXTURE)
    found = detect(str(tmp_path / "logs"))
    assert [source.facts.name for source in found.sources] == ["a", "b/deep"]
    assert [row.step for row in found.sources[0].rows()] == [1, 2]
    assert sorted(found.passed) == ["c is a link and was not followed",
                                    "events.out.tfevents.3 is a link and was not followed"]  # fmt: skip


def test_a_tensor_of_many_numbers_is_no_scalar(tmp_path: Path) -> None:
    shape = field(2, 2, field(2, 2, field(1, 0, 3)))
    tensor = field(1, 0, 1) + shape + field(4, 2, struct.pack("<3f", 1, 2, 3))
    value = field(1, 2, b"pr_curve") + field(8, 2, tensor)
    event = field(1, 1, struct.pack("<d", 1.0)) + field(2, 0, 1) + field(5, 2, field(1, 2, value))
    rows, source = read(event_file(tmp_path / "tfevents", [event]))
    assert rows == []
    assert source.notes.texts() == ("1 tensors of more than one number were left out",)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gone"):
        list(tfrecords.read_records(tmp_path / "gone", Notes()))


def test_the_quick_way_reads_what_the_thorough_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = random.Random(5)
    events = []
    for _ in range(3000):
        name = "t" * numbers.choice([1, 5, 100, 116, 117, 118, 127, 128, 300])
        step = numbers.choice([0, 1, 127, 128, 10**6, 2**40, -1, -(2**63), 2**63 - 1])
        value = numbers.choice([0.0, -0.0, 1.5, math.inf, 1e38])
        event = bytearray(scalar(step, numbers.choice([0.0, 5.5, -3.0, 1e12]), **{name: value}))
        if numbers.random() < 0.3:
            event[numbers.randrange(len(event))] = numbers.randrange(256)
        events.append(bytes(event))
    path = event_file(tmp_path / "tfevents", events)
    quick, source = read(path)
    monkeypatch.setattr(EventFiles, "_plain", lambda _self, _record: None)
    thorough, plain = read(path)
    assert repr(quick) == repr(thorough)
    assert source.notes.texts() == plain.notes.texts()
    assert len(quick) > 1500
