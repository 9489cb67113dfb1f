"""Packed columns say what the JSON of a SeriesReply says, bit for bit; bytes that are none are refused."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contract import packed
from backend.contract.packed import PackedReply, PackedSeries

FLOATS = st.floats(width=64)
POINTS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), FLOATS, FLOATS, FLOATS, st.integers(0, 3)), min_size=0, max_size=40
)


def made(points: list[tuple[int, float, float, float, int]], flagged: bool) -> PackedSeries:
    steps, times, epochs, values, flags = zip(*points, strict=True) if points else ((), (), (), (), ())
    floats = (np.array(column, dtype=np.float64) for column in (times, epochs, values))
    marks = np.array(flags, dtype=np.uint8) if flagged else None
    return PackedSeries(np.array(steps, dtype=np.int64), *floats, marks, len(points) + 3)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=30), st.tuples(POINTS, st.booleans()), max_size=4), st.integers(0, 2**40))
def test_every_bit_comes_back(
    told: dict[str, tuple[list[tuple[int, float, float, float, int]], bool]], at: int
) -> None:
    series = {key: made(*how) for key, how in told.items()}
    found = packed.unpack(packed.pack(PackedReply("r1", series, at)))
    assert (found.run_id, found.next_event, list(found.series)) == ("r1", at, list(series))
    for key, one in series.items():
        back = found.series[key]
        for name in ("steps", "times", "epochs", "values"):
            assert getattr(back, name).tobytes() == getattr(one, name).tobytes()
        marked = one.flags is not None and one.flags.any()
        assert (back.flags is not None) == bool(marked)
        if back.flags is not None and one.flags is not None:
            assert back.flags.tolist() == one.flags.tolist()
        assert back.count == one.count


def test_one_unknown_epoch_makes_no_axis() -> None:
    assert made([(1, 1.0, 0.5, 2.0, 0), (2, 2.0, 1.0, 2.0, packed.NO_EPOCH)], True).known_epochs is None
    assert made([(1, 1.0, 0.5, 2.0, packed.NO_VALUE)], True).known_epochs is not None


WHOLE = packed.pack(PackedReply("r1", {"a": made([(1, 1.0, 0.5, 2.0, 1)] * 5, True)}, 1))
HEAD = struct.unpack("<I", WHOLE[:4])[0]


@pytest.mark.parametrize(
    "spoilt",
    [
        b"", b"\0", WHOLE[:3], WHOLE[:20], WHOLE[:-1], WHOLE[:-9], WHOLE + b"\0", b"\xff\xff\xff\xff" + WHOLE[4:],
        struct.pack("<I", 2) + b"{}", struct.pack("<I", 4) + b"null", b'{"series": {}}',
        WHOLE.replace(b'"points": 5', b'"points": 9'), WHOLE.replace(b'"points": 5', b'"points":-5'),
        WHOLE.replace(b'"points": 5', b'"points":""'), WHOLE[:4] + b"\xff" + WHOLE[5:],
    ],
)  # fmt: skip
def test_bytes_that_are_no_reply_are_refused(spoilt: bytes) -> None:
    with pytest.raises(ValueError):
        packed.unpack(spoilt)


@pytest.mark.parametrize(
    ("accept", "is_wanted"),
    [
        (packed.MEDIA_TYPE, True), (f"{packed.MEDIA_TYPE}, application/json;q=0.5", True),
        (f"text/html, {packed.MEDIA_TYPE.upper()};q=1", True), ("*/*", False), ("application/json", False), ("", False),
        (packed.MEDIA_TYPE + "2", False),
    ],
)  # fmt: skip
def test_only_who_names_the_form_gets_it(accept: str, is_wanted: bool) -> None:
    assert packed.wanted(accept) is is_wanted
