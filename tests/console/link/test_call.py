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

    def wait_inside(self, call: Call) -> Call:
        """As a page does that has more to say than the name of a method."""
        return call.on_reply(lambda body: self.hear((body, "inside")))


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


def test_a_function_written_in_a_method_of_a_widget_that_is_gone_is_not_called(qapp: object) -> None:
    import shiboken6

    gone, there = Waiting(), Waiting()
    call = there.wait_inside(gone.wait_inside(Call("x")))
    shiboken6.delete(gone)
    call.succeed(1)
    assert gone.heard == []
    assert there.heard == [(1, "inside")]
