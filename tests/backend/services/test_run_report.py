"""The report: whole, without a script or an address, and harmless whatever the run's texts are."""

import html.parser
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.clock import ManualClock
from backend.contract.resources import Diagnosis, Finding
from backend.services.ingest import Ingest
from backend.services.report_chart import ticks
from backend.services.run_report import build_report, grouped
from backend.store import Store
from tests.helpers.stores import a_job, a_run, make_store

EVIL = "</style></title></svg>\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x1b[31m"
VOID = {"meta", "br", "img", "path", "circle", "text"}


class Page(html.parser.HTMLParser):
    """Tags, attributes and text of a page; fails on what is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.open else ""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path)
    store.runs.add(
        a_run(
            name=f"run {EVIL}",
            settings={"a": {EVIL: EVIL}},
            tags=(EVIL,),
            note=EVIL,
            dataset_name=EVIL,
            base_model=EVIL,
        )
    )
    log = a_job(store.home)
    log.append("started", {"attempt": 1, "pid": 1, "device": EVIL, "environment": {EVIL: EVIL}})
    for step in range(2000):
        values = {"train/loss": 1 / (step + 1), EVIL: math.nan if step == 9 else step}
        if step < 3:
            values["n" * 9000] = 1.0
        log.append("metrics", {"step": step, "epoch": None, "values": values})
    labels = (EVIL, "b")
    figures = {"precision": 0.5, "recall": 0.25, "f1": 0.125, "support": 3}
    log.append(
        "evaluation",
        {"step": 1999, "split": EVIL, "rows": 9, "values": {"eval/loss": 0.5}, "labels": labels,
         "per_class": {EVIL: figures, "b": figures}, "confusion": [[7, 1], [0, 2]]},
    )  # fmt: skip
    log.append("checkpoint", {"step": 100, "name": EVIL, "size_bytes": 12_345_678, "best": True})
    log.append("warning", {"code": "x", "text": EVIL, "step": 5})
    log.close()
    ingest = Ingest(store, store.home, ManualClock())
    while ingest.poll():
        pass
    yield store
    store.close()


def page_of(store: Store, **fields: object) -> str:
    run = store.runs.get("r1")
    assert run is not None
    finding = Finding(code="x", severity=EVIL, title=EVIL, text=EVIL, fix=EVIL, gain=EVIL)
    return build_report(store, ManualClock(), run.model_copy(update=fields), Diagnosis(findings=(finding,)))


def test_no_text_of_the_run_is_markup_and_nothing_is_fetched(store: Store) -> None:
    page = page_of(store, cause=EVIL, state=EVIL, source=EVIL, facts={"left_out": [EVIL], "imported_from": EVIL})
    found = Page(page)
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on") or name in ("src", "href")]
    assert not re.search(r"url\(|@import|https?:", page)
    policy = next(attrs["content"] for _, attrs in found.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "<script>alert(1)</script>" in found.text
    assert not set(page) & {"\u202e", "\x1b"}


def test_everything_of_the_run_is_in_it(store: Store) -> None:
    page = page_of(store)
    found = Page(page)
    titles = [part for part in ("Findings", "Charts", "Metrics", "Evaluation", "Checkpoints", "Events", "Configuration",
                                "Environment") if part not in found.text]  # fmt: skip
    assert titles == []
    assert "4,004 points, drawn as" in found.text
    assert "12.3 MB" in found.text
    cells = [attrs.get("style") for _, attrs in found.tags if "heat" in str(attrs.get("class"))]
    assert cells == ["--share:88%", "--share:12%", "--share:0%", "--share:100%"]
    assert "prefers-color-scheme:dark" in page
    assert len([1 for tag, _ in found.tags if tag == "svg"]) == 3
    assert [1 for _, attrs in found.tags if attrs.get("class") == "odd"] == [1]


def test_every_extreme_of_a_curve_is_drawn(store: Store) -> None:
    page = page_of(store)
    low, high = min(1 / (s + 1) for s in range(2000)), 1.0
    pad = (high - low) * 0.05
    top = next(round(186 + (v - (low - pad)) / (high - low + 2 * pad) * (10 - 186), 2) for v in (high,))
    assert f" {top}L" in page


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    run = store.runs.add(a_run())
    page = build_report(store, ManualClock(), run, Diagnosis(text="Too early to judge."))
    assert "Too early to judge." in Page(page).text
    store.close()


@pytest.mark.parametrize(
    "pair",
    [(0.0, 0.0), (-1e308, 1e308), (1e-320, 2e-320), (0.0, math.inf), (math.nan, 1.0), (1e15, 1e15 + 0.25), (-3, 7)],
)
def test_ticks_of_any_range(pair: tuple[float, float]) -> None:
    found = ticks(*pair, 5)
    assert 1 <= len(found) <= 30
    assert found == sorted(found)


def test_train_and_eval_of_one_thing_share_a_chart_and_loss_is_first() -> None:
    assert grouped(["b", "train/grad_norm", "eval/f1", "train/loss", "eval/loss", "gpu/0/x"]) == {
        "loss": ["train/loss", "eval/loss"], "f1": ["eval/f1"], "grad_norm": ["train/grad_norm"], "b": ["b"],
        "gpu/0/x": ["gpu/0/x"]}  # fmt: skip


OWN = re.compile(r"[A-Za-z]{3,}")


def test_a_page_in_chinese_has_no_english_of_ours_left(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    run = store.runs.add(a_run(
        name="r", recipe="x", step=1200, total_steps=3000, started_at=1.76e9, ended_at=1.76e9 + 3700,
        active_seconds=3700.0, dataset_name="d", tags=("t",), metrics={"train/loss": 0.5}, settings={"a": 1},
        best={"metric": "f1", "value": 0.5, "step": 9}, facts={"left_out": ["z"], "imported_from": "q"},
    ))  # fmt: skip
    log = a_job(store.home)
    for step in range(1300):
        log.append("metrics", {"step": step, "epoch": None, "values": {"train/loss": 1.0 + step % 7}})
    log.append("evaluation", {"step": 9, "split": "s", "rows": 9, "values": {}, "labels": ("1", "2"),
                              "per_class": {"1": {"f1": 0.5}}, "confusion": [[1, 1], [1, 1]]})  # fmt: skip
    log.append("checkpoint", {"step": 100, "name": "c", "size_bytes": 1, "best": True})
    log.close()
    ingest = Ingest(store, store.home, ManualClock())
    while ingest.poll():
        pass
    finding = Finding(code="x", severity="warn", title="Loss spike", text="Loss jumped from 1 to 9 at step 7.",
                      fix="Try batch 64.", gain="up to 2.0 × faster")  # fmt: skip
    found = (store.runs.get(run.id) or run).model_copy(update={"state": "interrupted", "step": 1200})
    page = Page(build_report(store, ManualClock(), found, Diagnosis(findings=(finding,)), "zh"))
    store.close()
    assert page.tags[0] == ("html", {"lang": "zh-Hans"})
    left = set(OWN.findall(page.text)) - {"Modeldeck", "UTC", "losstrain", "train", "loss"}
    assert left == set()
    for text in (
        "2025年10月9日 08:53:20 UTC",
        "1时1分",
        "1,200 / 3,000",
        "已中断",
        "损失",
        "第 9 步的各类别",
        "检查点",
    ):
        assert text in page.text, text
    spoken = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"]
    assert spoken == ["train/loss：最新 5"]


def test_an_unknown_language_is_refused(store: Store) -> None:
    run = store.runs.get("r1")
    assert run is not None
    with pytest.raises(ValueError, match="tlh"):
        build_report(store, ManualClock(), run, Diagnosis(), "tlh")
