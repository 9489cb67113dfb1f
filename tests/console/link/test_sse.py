"""The stream parser against every way bytes can be cut."""

from hypothesis import given
from hypothesis import strategies as st

from console.link.sse import SseParser

STREAM = (
    ": heartbeat\n\n"
    'id: 1\nevent: runs\ndata: {"a":1}\n\n'
    "id: 2\r\nevent: log\r\ndata: first\r\ndata: second\r\n\r\n"
    "retry: 3\ndata:no space\n\n"
    "event: runs\ndata: 训练\n\n"
).encode()


def test_whole_messages_come_out_in_order() -> None:
    found = SseParser().feed(STREAM)
    assert [(m.id, m.event, m.data) for m in found] == [
        ("1", "runs", '{"a":1}'),
        ("2", "log", "first\nsecond"),
        ("2", "message", "no space"),
        ("2", "runs", "训练"),
    ]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    parser, found, start = SseParser(), [], 0
    for stop in [*sorted(cuts), len(STREAM)]:
        found += parser.feed(STREAM[start:stop])
        start = stop
    assert found == SseParser().feed(STREAM)


def test_half_a_message_waits() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\n") == []
    assert [m.data for m in parser.feed(b"\n")] == ["x"]
