"""A call tells whoever still waits, once."""

from functools import partial

from PySide6.QtCore import QObject

from console.link.call import OFFLINE, Call


class Waiting(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    def hear(self, body: object) -> None:
        self.heard.append(body)


def test_each_callback_runs_at_most_once() -> None:
    heard: list[object] = []
    call = Call("x").on_reply(heard.append).on_refused(heard.append).on_end(lambda: heard.append("end"))
    call.succeed(1)
    call.succeed(2)
    call.fail(OFFLINE)
    assert heard == [1, "end"]


def test_a_widget_that_is_gone_is_not_called(qapp: object) -> None:
    gone, there = Waiting(), Waiting()
    call = Call("x").on_reply(gone.hear).on_reply(partial(gone.hear)).on_reply(there.hear)
    import shiboken6

    shiboken6.delete(gone)
    call.succeed(1)
    assert gone.heard == []
    assert there.heard == [1]
