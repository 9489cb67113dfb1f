"""Engines: what is refused before it may answer, what is answered, and that none outlives its gateway."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from backend.platform import process_started
from backend.worker import engine
from backend.worker.serving import frames
from tests.helpers import tiny_model
from tests.helpers.wait import until


class Host:
    """An `engine --host` of the test's own; every engine is forked from it."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "backend.worker.engine", "--host", str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE)
        theirs.close()
        self.control.settimeout(120)
        assert frames.from_bytes(self.control.recv(65536))["state"] == "up"

    def fork(self) -> tuple[socket.socket, int]:
        ours, theirs = socket.socketpair()
        socket.send_fds(self.control, [b'{"op":"fork","number":1}'], [theirs.fileno()])
        theirs.close()
        ours.settimeout(60)
        return ours, int(frames.from_bytes(self.control.recv(65536))["pid"])

    def load(self, folder: Path, **fields: Any) -> tuple[socket.socket, dict[str, Any]]:
        connection, _ = self.fork()
        frames.send(connection, {"op": "load", "path": str(folder), "max_batch": 4, **fields})
        while (message := frames.receive(connection))["state"] not in ("ready", "failed"):
            pass
        return connection, message

    def close(self) -> int:
        self.control.close()
        code = self.process.wait(20)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Host]]:
    """At most one that lives; importing torch once is what takes the time."""
    found: list[Host] = []
    yield found
    assert found[-1].close() in (0, -signal.SIGKILL)


@pytest.fixture
def host(hosts: list[Host]) -> Host:
    if not hosts or hosts[-1].process.poll() is not None:
        hosts.append(Host())
    return hosts[-1]


def ask(connection: socket.socket, *texts: str, truncate: bool = False) -> dict[str, Any]:
    frames.send(connection, {"op": "predict", "id": 7, "inputs": list(texts), "truncate": [truncate] * len(texts)})
    return frames.receive(connection)


def test_answers_equal_a_second_implementation(host: Host, tmp_path: Path) -> None:
    connection, ready = host.load(tiny_model.build(tmp_path / "v", seed=5))
    with connection:
        assert ready["state"] == "ready", ready
        assert (ready["labels"], ready["limit"], ready["device"]) == (["negative", "positive"], 64, "cpu")
        weights = load_file(tmp_path / "v" / "model.safetensors")
        texts = ["a fine story", "bad", "the camera is very very good and the phone is not broken ! zz"]
        # Mixed lengths in one batch: padding must change nothing.
        for text, output in zip(texts, ask(connection, *texts)["outputs"], strict=True):
            assert output["scores"] == pytest.approx(tiny_model.answer(weights, text)["scores"], abs=1e-5)


def test_too_long_is_told_and_cut_only_when_allowed(host: Host, tmp_path: Path) -> None:
    connection, _ = host.load(tiny_model.build(tmp_path / "v"))
    with connection:
        found = ask(connection, "good", "a " * 80)
        assert found["outputs"][0] is not None
        assert (found["outputs"][1], found["tokens"][1], found["truncated"][1]) == (None, 82, False)
        cut = ask(connection, "a " * 80, truncate=True)
        assert cut["truncated"] == [True]
        assert cut["tokens"] == [82], "the length before the cut is what drift looks at"
        assert cut["outputs"] == ask(connection, "a " * 62)["outputs"], "the end mark must survive the cut"


def test_unknown_share_counts_words_only(host: Host, tmp_path: Path) -> None:
    connection, _ = host.load(tiny_model.build(tmp_path / "v"))
    with connection:
        assert ask(connection, "good 漢 字 good", "good")["unknown"] == [0.5, 0.0]


def drop_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tiny_model.seal(folder)


def edit_json(name: str, **changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        found = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**found, **changes}))
        tiny_model.seal(folder)

    return edit


def flip_byte(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-100] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def remove(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (folder / name).unlink()
        tiny_model.seal(folder)

    return edit


def stranger(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def other_labels(folder: Path) -> None:
    (folder / "labels.json").write_text('["positive", "negative"]')
    tiny_model.seal(folder)


def huge_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((9 * 1024 * 1024).to_bytes(8, "little") + b"{" * 100)
    tiny_model.seal(folder)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (tiny_model.spoil_golden, "golden input 1 of 5: expected negative"),
        (flip_byte, "model.safetensors differs from its manifest"),
        (drop_tensor, "lacks 1 tensors: classifier.weight"),
        (remove("tokenizer.json"), "tokenizer.json is missing"),
        (remove("golden.json"), "golden.json is missing"),
        (stranger, "adapter_config.json is not in manifest.json"),
        (other_labels, "labels.json says positive, negative but config.json says negative, positive"),
        (edit_json("config.json", auto_map={"AutoModel": "evil.Model"}), "config.json has auto_map"),
        (edit_json("config.json", architectures=["BertForMaskedLM"]), "BertForMaskedLM; a text classifier is needed"),
        (edit_json("config.json", hidden_size=48), "model"),
        (huge_header, "header"),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else "",
)
def test_a_bad_folder_is_refused_with_its_reason(
    host: Host, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    folder = tiny_model.build(tmp_path / "v")
    spoil(folder)
    connection, message = host.load(folder)
    with connection:
        assert message["state"] == "failed"
        assert message["code"] == "bad_model"
        assert words in message["text"]


def test_golden_check_uses_scores_not_only_labels(host: Host, tmp_path: Path) -> None:
    folder = tiny_model.build(tmp_path / "v")
    golden = json.loads((folder / "golden.json").read_text())
    scores = golden["outputs"][2]["scores"]
    golden["outputs"][2]["scores"] = {"negative": scores["negative"] + 2e-4, "positive": scores["positive"] - 2e-4}
    (folder / "golden.json").write_text(json.dumps(golden))
    tiny_model.seal(folder)
    connection, message = host.load(folder)
    with connection:
        assert "golden input 3 of 5" in message["text"]


def test_an_explanation_adds_up_and_lets_predictions_pass(host: Host, tmp_path: Path) -> None:
    connection, _ = host.load(tiny_model.build(tmp_path / "v"))
    with connection:
        frames.send(connection, {"op": "explain", "id": 1, "text": "the film is not good", "steps": 128})
        frames.send(connection, {"op": "predict", "id": 2, "inputs": ["good"], "truncate": [False]})
        first, second = frames.receive(connection), frames.receive(connection)
        assert (first["id"], second["id"]) == (2, 1), "a waiting prediction goes before the next slice"
        assert abs(second["convergence_delta"]) < 1e-3
        total = sum(token["weight"] for token in second["tokens"])
        assert total == pytest.approx(second["score"] - second["baseline_score"], abs=1e-3)
        assert [token["token"] for token in second["tokens"]][1:-1] == ["the", "film", "is", "not", "good"]


@pytest.mark.slow
def test_explanations_equal_captum(tmp_path: Path) -> None:
    import torch
    from captum.attr import LayerIntegratedGradients

    from backend.worker.serving.attribution import explain
    from backend.worker.serving.classifier import Classifier

    classifier = Classifier(tiny_model.build(tmp_path / "v"))
    ours = next(m for m in explain(classifier, {"text": "not a good film", "steps": 64}) if m)
    batch = classifier.tensors(classifier.tokenize(["not a good film"], [False]))
    ids = batch.pop("input_ids")
    base = torch.zeros_like(ids)
    base[:, 0], base[:, -1] = ids[:, 0], ids[:, -1]
    peer = LayerIntegratedGradients(
        lambda x: classifier.probabilities(classifier.model(input_ids=x, attention_mask=torch.ones_like(x)).logits),
        classifier.model.bert.embeddings.word_embeddings,
    )
    target = classifier.labels.index(ours["label"])
    theirs = peer.attribute(ids, base, target=target, n_steps=64, method="riemann_middle").sum(-1)[0]
    assert [token["weight"] for token in ours["tokens"]] == pytest.approx(theirs.tolist(), abs=1e-4)


def test_sigterm_to_the_group_leaves_draining_to_the_gateway(host: Host, tmp_path: Path) -> None:
    connection, pid = host.fork()
    with connection:
        frames.send(connection, {"op": "load", "path": str(tiny_model.build(tmp_path / "v"))})
        while frames.receive(connection)["state"] != "ready":
            pass
        os.kill(pid, signal.SIGTERM)
        os.kill(host.process.pid, signal.SIGTERM)
        assert ask(connection, "good")["outputs"]


@pytest.mark.slow
def test_an_engine_can_also_be_started_without_a_fork(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "backend.worker.engine", "--serve", str(theirs.fileno())]
    child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    with ours:
        ours.settimeout(120)
        frames.send(ours, {"op": "load", "path": str(tiny_model.build(tmp_path / "v"))})
        while frames.receive(ours)["state"] != "ready":
            pass
        assert ask(ours, "good")["outputs"]
    assert child.wait(20) == 0


def test_an_engine_ends_with_its_gateway_and_not_with_its_host(host: Host, tmp_path: Path) -> None:
    """Last in this file: it ends the host that the others use."""
    connection, pid = host.fork()
    started = process_started(pid)
    host.process.kill()
    host.process.wait(10)
    frames.send(connection, {"op": "load", "path": str(tiny_model.build(tmp_path / "v"))})
    while frames.receive(connection)["state"] != "ready":
        pass
    assert ask(connection, "good")["outputs"], "an engine lives on when the process that forked it died"
    connection.close()
    until(lambda: process_started(pid) != started)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="policies of threads are Linux's")
@pytest.mark.parametrize(("elapsed_s", "policy", "niceness"), [(0.0, "SCHED_IDLE", 0), (61.0, "SCHED_OTHER", 10)])
def test_a_load_stands_back_behind_what_answers_but_comes_to_an_end(
    elapsed_s: float, policy: str, niceness: int
) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        thread = threading.get_native_id()
        seen.append((os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread)))

    engine._in_the_background(look, elapsed_s)
    look()  # the thread that answers is left as it was
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert seen == [(getattr(os, policy), niceness or ours), (os.SCHED_OTHER, ours)], (
        "the thread that answers is left as it was"
    )


def test_what_a_step_in_the_background_raises_is_raised_where_it_is_waited_for() -> None:
    def no_room() -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        engine._in_the_background(no_room, 0.0)


def test_an_explanation_that_nobody_waits_for_is_forgotten() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        busy = engine.Engine(theirs)
        busy._slices.extend((number, iter(())) for number in (1, 2, 3))
        busy._handle({"op": "forget", "id": 2})
        busy._handle({"op": "forget", "id": 9})
        assert [number for number, _ in busy._slices] == [1, 3]
