"""The demo's requests: none waits behind a heap of older ones."""

import socket

from console.demo.traffic import MOST_OPEN, Traffic


def test_a_server_too_slow_is_sent_fewer_and_not_a_heap(qapp: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        traffic = Traffic(f"http://127.0.0.1:{silent.getsockname()[1]}", "key", ["a text"])
        for _ in range(3 * MOST_OPEN):
            traffic._on_due()
        assert traffic.open == MOST_OPEN
        for reply in list(traffic._sent):
            reply.abort()
        assert traffic.open == 0
