"""Back and forward, and undo within ten minutes."""

from console.history import Places, UndoStack


def test_back_and_forward() -> None:
    places = Places()
    for link in ("overview", "runs", "runs", "run/1"):
        places.visit(link)
    assert places.back() == "runs"
    assert places.back() == "overview"
    assert places.back() is None
    assert places.forward() == "runs"
    places.visit("models")
    assert places.forward() is None
    assert places.can_go_back


def test_undo_is_used_once_and_expires() -> None:
    now, undone = [0.0], []
    stack = UndoStack(lambda: now[0])
    first = stack.push("first", lambda: undone.append("first"))
    stack.push("second", lambda: undone.append("second"))
    assert stack.undo() == "second"
    assert undone == ["second"]
    first()
    first()
    assert undone == ["second", "first"]
    stack.push("old", lambda: undone.append("old"))
    now[0] = 601.0
    assert stack.undo() is None


def test_what_was_undone_is_done_again_until_something_new_is_done() -> None:
    now, did = [0.0], []
    stack = UndoStack(lambda: now[0])
    button = stack.push("first", lambda: did.append("undo first"), lambda: did.append("redo first"))
    stack.push("once", lambda: did.append("undo once"))
    assert stack.redo() is None
    assert [stack.undo(), stack.undo(), stack.undo()] == ["once", "first", None]
    assert [stack.redo(), stack.redo()] == ["first", None]
    button()
    assert did == ["undo once", "undo first", "redo first", "undo first"]
    stack.push("new", lambda: None, lambda: None)
    assert stack.redo() is None
    stack.undo()
    now[0] = 601.0
    assert stack.redo() is None
