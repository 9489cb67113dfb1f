"""The log: framing, torn and damaged lines, numbering, a full disk, a dying writer."""

import errno
import json
import math
import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from backend import failpoints
from backend.clock import ManualClock
from backend.contract.events import Metrics, StateChanged
from backend.jobs.lines import MAX_LINE_BYTES, decode_line, encode_line
from backend.jobs.log import MOST_DAMAGED, LogFailed, LogReader, LogWriter, Pending, last_line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


@pytest.fixture(autouse=True)
def _no_failpoints():
    yield
    failpoints.reset("")


def write(path: Path, count: int = 5) -> None:
    writer = LogWriter(path, clock=ManualClock())
    for step in range(1, count + 1):
        writer.append("metrics", Metrics(step=step, values={"train/loss": step / 7}))
    writer.close()


def read(path: Path):
    return LogReader(path).read(0)


def seqs(result) -> list[int]:
    return [line.seq for line in result.lines]


def test_a_line_is_what_the_contract_says(path: Path) -> None:
    write(path, 1)
    raw = path.read_bytes().rstrip(b"\n")
    assert raw.startswith(b'{"seq":1,"time":1700000000.0,"kind":"metrics",')
    body, _, rest = raw.partition(b',"crc"')
    assert json.loads(raw)["crc"] == f"{zlib.crc32(body):08x}"
    assert rest.endswith(b'"}')


def test_odd_numbers_come_back_bit_for_bit(path: Path) -> None:
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.1 + 0.2, "e": None, "f": 5e-324}
    writer = LogWriter(path)
    writer.append("metrics", {"step": 1, "epoch": None, "values": values})
    writer.append("metrics", Metrics(step=2, values=values))
    writer.close()
    for line in read(path).lines:
        found = Metrics.model_validate(line.fields).values
        assert math.isnan(found["a"])
        assert {k: v for k, v in found.items() if k != "a"} == {k: v for k, v in values.items() if k != "a"}


def test_numpy_scalars_and_lone_surrogates_can_be_logged(path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    writer = LogWriter(path)
    writer.append(
        "log", {"level": "info", "text": "a\udcffb\u2028c\nd", "n": numpy.float32("nan"), "i": numpy.int64(3)}
    )
    writer.close()
    (line,) = read(path).lines
    assert line.fields == {"level": "info", "text": "a\udcffb\u2028c\nd", "n": "nan", "i": 3}


def test_fields_cannot_take_the_place_of_the_frame(path: Path) -> None:
    with pytest.raises(ValueError, match="seq"):
        LogWriter(path).append("log", {"seq": 7})


def test_reading_goes_on_where_it_stopped(path: Path) -> None:
    write(path, 3)
    reader = LogReader(path)
    first = reader.read(0)
    write(path, 2)
    second = reader.read(first.offset)
    assert (seqs(first), seqs(second)) == ([1, 2, 3], [4, 5])
    assert second.offset == path.stat().st_size == second.lines[-1].end
    later = LogReader(path, seq=first.seq).read(first.offset)
    assert seqs(later) == [4, 5]
    assert later.damaged == []


def test_a_torn_last_line_waits_and_is_then_read_once(path: Path) -> None:
    write(path, 3)
    whole = path.read_bytes()
    for cut in range(len(whole) - 1, len(whole) - 40, -1):
        path.write_bytes(whole[:cut])
        reader = LogReader(path)
        torn = reader.read(0)
        assert (seqs(torn), torn.damaged) == ([1, 2], [])
        path.write_bytes(whole)
        assert seqs(reader.read(torn.offset)) == [3]


def test_a_writer_cuts_a_torn_line_off_and_goes_on_counting(path: Path) -> None:
    write(path, 3)
    os.truncate(path, path.stat().st_size - 5)
    write(path, 2)
    result = read(path)
    assert (seqs(result), result.damaged) == ([1, 2, 3, 4], [])


def test_a_writer_survives_zeros_behind_the_last_line(path: Path) -> None:
    write(path, 2)
    with path.open("ab") as file:
        file.write(b"\0" * 5000)
    write(path, 1)
    assert seqs(read(path)) == [1, 2, 3]


@pytest.mark.parametrize("place", [30, 60, -12, -3])
def test_a_damaged_middle_line_is_set_aside_and_the_rest_is_read(path: Path, place: int) -> None:
    write(path, 4)
    lines = path.read_bytes().split(b"\n")
    broken = bytearray(lines[1])
    broken[place] ^= 1
    lines[1] = bytes(broken)
    path.write_bytes(b"\n".join(lines))
    result = read(path)
    assert seqs(result) == [1, 3, 4]
    (damage,) = result.damaged
    assert damage.offset == len(lines[0]) + 1
    assert damage.reason


@pytest.mark.parametrize(
    "rubbish", [b"", b"{}", b"\xff\xfe\x00", b"not json at all, but a long line of text", b"[" * 5000]
)
def test_rubbish_between_lines_is_counted(path: Path, rubbish: bytes) -> None:
    write(path, 2)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + rubbish + b"\n" + second)
    result = read(path)
    assert seqs(result) == [1, 2]
    assert len(result.damaged) == 1


def test_nan_in_json_is_damage_even_with_a_right_checksum(path: Path) -> None:
    body = b'{"seq":1,"time":1.0,"kind":"log","x":NaN'
    path.write_bytes(body + b',"crc":"%08x"}\n' % zlib.crc32(body))
    assert "NaN" in read(path).damaged[0].reason


def test_duplicates_and_gaps_are_reported(path: Path) -> None:
    write(path, 6)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + lines[1] + lines[4] + lines[5])
    result = read(path)
    assert seqs(result) == [1, 2, 5, 6]
    assert [damage.reason for damage in result.damaged] == ["duplicate: seq 2 after 2", "gap: seq 3 to 4 is missing"]


def test_a_line_out_of_order_is_taken_and_told(path: Path) -> None:
    write(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2] + lines[1] + lines[3])
    result = read(path)
    assert sorted(seqs(result)) == [1, 2, 3, 4]
    assert [damage.reason.split(":")[0] for damage in result.damaged] == ["gap", "out of order"]


def test_a_huge_line_is_skipped_and_the_rest_is_read(path: Path) -> None:
    write(path, 2)
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"x" * (3 * MAX_LINE_BYTES))
    reader = LogReader(path)
    result = reader.read(0)
    assert seqs(result) == [1]
    waiting = reader.read(result.offset)
    assert (waiting.lines, waiting.damaged, waiting.offset) == ([], [], result.offset)
    with path.open("ab") as file:
        file.write(b"\n" + second)
    skipped = reader.read(result.offset, max_bytes=1)
    assert "limit" in skipped.damaged[0].reason
    assert len(skipped.damaged[0].text) <= 500
    assert seqs(reader.read(skipped.offset)) == [2]
    at_once = read(path)
    assert (seqs(at_once), len(at_once.damaged)) == ([1, 2], 1)


def test_of_much_rubbish_little_is_named_and_all_is_counted(path: Path) -> None:
    write(path, 1)
    with path.open("ab") as file:
        file.write(b"rubbish\n" * 10_000)
    result = read(path)
    assert (seqs(result), len(result.damaged), result.more_damaged) == ([1], MOST_DAMAGED, 10_000 - MOST_DAMAGED)


def test_a_record_over_the_limit_is_refused(path: Path) -> None:
    writer = LogWriter(path)
    with pytest.raises(ValueError, match="limit"):
        writer.append("log", {"text": "x" * MAX_LINE_BYTES})
    assert writer.append("log", {"text": "y"}) == 1


def test_a_file_that_shrank_is_told_once(path: Path) -> None:
    write(path, 3)
    reader = LogReader(path)
    offset = reader.read(0).offset
    os.truncate(path, 10)
    assert "fewer" in reader.read(offset).damaged[0].reason
    assert reader.read(offset).damaged == []


def test_a_full_disk_leaves_whole_lines(path: Path) -> None:
    writer = LogWriter(path)
    writer.append("log", {"text": "one"})
    failpoints.reset("log.write:enospc@1")
    with pytest.raises(OSError, match="No space"):
        writer.append("log", {"text": "two"})
    assert writer.append("log", {"text": "three"}) == 2
    result = read(path)
    assert (seqs(result), result.damaged) == ([1, 2], [])


def test_half_a_written_line_is_taken_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LogWriter(path)
    writer.append("log", {"text": "one"})
    real = os.write

    def half(fd: int, data) -> int:
        monkeypatch.setattr("backend.platform.os.write", full)
        return real(fd, bytes(data)[: len(data) // 2])

    def full(fd: int, data) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("backend.platform.os.write", half)
    with pytest.raises(OSError, match="No space"):
        writer.append("log", {"text": "two"})
    assert path.read_bytes().endswith(b"\n")
    monkeypatch.undo()
    writer.append("log", {"text": "three"})
    assert seqs(read(path)) == [1, 2]


def test_a_failed_fsync_is_final(path: Path) -> None:
    writer = LogWriter(path)
    failpoints.reset("log.sync:eio@1")
    with pytest.raises(LogFailed):
        writer.append("state", StateChanged(state="running"), sync=True)
    with pytest.raises(LogFailed):
        writer.append("log", {"text": "more"})
    with pytest.raises(LogFailed):
        writer.sync()


def test_threads_share_one_numbering(path: Path) -> None:
    writer = LogWriter(path)
    threads = [
        threading.Thread(target=lambda: [writer.append("log", {"text": "x"}) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = read(path)
    assert (seqs(result), result.damaged) == (list(range(1, 801)), [])


WRITER = """
import sys
from pathlib import Path
from backend.jobs.log import LogWriter
writer = LogWriter(Path(sys.argv[1]))
for number in range(100000):
    print(writer.append("log", {"text": "x" * (number % 700)}, sync=number % 50 == 0), flush=True)
"""


def test_a_writer_killed_at_any_moment_loses_nothing_it_reported(path: Path) -> None:
    told = 0
    for wanted in (3, 40, 171, 402):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            told = int(line)
            if told >= wanted:
                break
        process.kill()
        told = max([told, *(int(line) for line in process.stdout.read().split("\n") if line.strip())])
        process.wait()
        process.stdout.close()
        result = read(path)
        assert result.damaged == []
        assert seqs(result) == list(range(1, len(result.lines) + 1))
        assert len(result.lines) >= told


def test_last_line_finds_the_newest_of_a_kind_behind_an_offset(path: Path) -> None:
    writer = LogWriter(path)
    writer.append("ended", {"outcome": "stopped"})
    end = writer.size
    writer.append("log", {"text": '"kind":"ended"'})
    assert last_line(path, "ended") == {
        "seq": 1,
        "time": pytest.approx(0, abs=1e12),
        "kind": "ended",
        "outcome": "stopped",
    }
    assert last_line(path, "ended", start=end) is None
    assert last_line(path.with_name("none"), "ended") is None


def test_encode_and_decode_agree() -> None:
    line = encode_line(3, 1.5, "log", {"text": "é中🙂", "x": [1, {"y": None}]})
    assert decode_line(line[:-1]) == {"seq": 3, "time": 1.5, "kind": "log", "text": "é中🙂", "x": [1, {"y": None}]}


def test_many_lines_are_written_all_or_none(path: Path) -> None:
    writer = LogWriter(path)
    with pytest.raises(ValueError, match="limit"):
        writer.append_many([Pending(1.0, "log", {"text": "a"}), Pending(1.0, "log", {"text": "b" * MAX_LINE_BYTES})])
    assert writer.append("log", {"text": "c"}) == 1
    assert seqs(read(path)) == [1]
