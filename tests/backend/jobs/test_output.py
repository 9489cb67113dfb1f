"""What a worker printed: capped, and harmless to show."""

import os
from pathlib import Path

from backend.jobs.output import plain_line, rotate, tail


def test_rotation_keeps_the_end_and_the_writer_goes_on(tmp_path: Path) -> None:
    path, old = tmp_path / "output.log", tmp_path / "output.log.1"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"a" * 50 + b"b" * 100)
    assert not rotate(path, old, limit=150)
    assert rotate(path, old, limit=100)
    os.write(fd, b"c")
    os.close(fd)
    assert (path.read_bytes(), old.read_bytes()) == (b"c", b"b" * 100)


def test_the_tail_reaches_into_the_older_file(tmp_path: Path) -> None:
    path, old = tmp_path / "output.log", tmp_path / "output.log.1"
    assert tail(path, old) == []
    old.write_text("".join(f"{n}\n" for n in range(60)))
    path.write_text("60\n61\n")
    assert tail(path, old) == [str(n) for n in range(12, 62)]


def test_nothing_in_the_tail_can_move_a_cursor_or_forge_a_line(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    path.write_bytes(b"\x1b[2Jok\r2026 ERROR forged\nx\0y \xe2\x80\xae \xff\xc3\xa9\tz " + b"l" * 5000 + b"\n")
    lines = tail(path, tmp_path / "none")
    assert lines[0] == "\\x1b[2Jok"
    assert lines[2].startswith("x\\x00y \\u202e \\xffé\tz ")
    assert len(lines[2]) < 2100


def test_a_separator_of_lines_is_escaped() -> None:
    assert plain_line("a\u2028b\u200fc") == "a\\u2028b\\u200fc"
