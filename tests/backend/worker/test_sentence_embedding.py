"""Vectors for texts: what the loss is, what is learnt, how it is judged, kept and answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contract.recipes import SentenceEmbeddingSettings
from backend.data.pairs import Pairs
from backend.jobs.live import NotLive, changed_live
from backend.worker.parts import retrieval
from backend.worker.recipes.sentence_embedding import PairLoss, Vectors, pair_loss
from backend.worker.serving.embedder import pooled
from backend.worker.serving.golden import BadModel
from backend.worker.serving.predictors import open_predictor
from tests.backend.worker import training


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run."""
    home = tmp_path_factory.mktemp("pairs")
    settings = {"epochs": 12, "batch_size": 16, "dropout": 0.0, "learning_rate": 4e-3, "checkpoint_every": 1000}
    dataset = training.make_pairs(home, 300)
    job = training.make_job(home, "pairs", settings, recipe="sentence_embedding", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def _vectors(seed: int, rows: int = 6) -> torch.Tensor:
    made = torch.randn(2 * rows, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(made, dim=-1)


# ---- the loss --------------------------------------------------------------------------------------------------------


def test_the_loss_is_the_one_of_sentence_transformers() -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    vectors = _vectors(1)
    theirs = MultipleNegativesRankingLoss(model=None, scale=20.0).compute_loss_from_embeddings(
        list(vectors.split(6)), None
    )
    ours = PairLoss(0.05)(Vectors(vectors), torch.arange(6))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_pairs_that_share_a_text_are_no_negatives_of_each_other() -> None:
    vectors, loss = _vectors(2), PairLoss(0.05)
    anchors, positives = vectors.split(6)
    groups = torch.tensor([0, 1, 0, 2, 3, 4])
    scores = anchors @ positives.T / 0.05
    right = [scores[row, row] for row in range(6)]
    others = [[at for at in range(6) if at == row or groups[at] != groups[row]] for row in range(6)]
    expected = sum(float(torch.logsumexp(scores[row, others[row]], 0) - right[row]) for row in range(6))
    assert float(loss(Vectors(vectors), groups, 1)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(Vectors(vectors), torch.zeros(6, dtype=torch.long))) == 0, "nothing to be told apart from"
    assert Pairs(["a", "b", "c", "d"], ["x", "x", "y", "a"]).groups() == [0, 0, 1, 0]


def test_batch_size_and_accumulation_cannot_change_under_way() -> None:
    now = SentenceEmbeddingSettings(batch_size=32)
    for name, change in {
        "batch_size": {"batch_size": 16, "gradient_accumulation": 2},
        "gradient_accumulation": {"gradient_accumulation": 2},
    }.items():
        with pytest.raises(NotLive, match=f"{name} cannot change under way"):
            changed_live(now, change)
    assert changed_live(now, {"learning_rate": 1e-5}).learning_rate == 1e-5  # type: ignore[attr-defined]


def test_the_mean_leaves_padding_out_and_has_length_1() -> None:
    states = torch.tensor([[[3.0, 0.0], [0.0, 4.0], [9.0, 9.0]]])
    assert pooled(states, torch.tensor([[1, 1, 0]])).tolist() == [pytest.approx([0.6, 0.8])]


# ---- how it is judged ------------------------------------------------------------------------------------------------


def test_ranks_count_what_is_nearer_than_the_first_right_text() -> None:
    search = retrieval.search_of(["a", "b", "c", "a"], ["x", "y", "z", "w"])
    assert search.texts == ["x", "y", "z", "w"]
    assert [list(right) for right in search.right] == [[0, 3], [1], [2], [0, 3]], "a has two right texts"
    scores = np.asarray([[0.1, 0.9, 0.5, 0.7], [0.1, 0.9, 0.5, 0.7], [0.5, 0.5, 0.5, 0.5], [0.9, 0.8, 0.7, 0.1]])
    found = retrieval.hits(search, lambda some: scores[some])
    assert found.ranks.tolist() == [2, 1, 4, 1], "equal similarities are no find"
    assert found.nearest.tolist() == [1, 1, 0, 0]
    assert found.values() == {
        "mrr": pytest.approx((0.5 + 1 + 0.25 + 1) / 4),
        "recall_at_1": 0.5,
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
    }


def test_the_ranks_are_those_of_sentence_transformers() -> None:
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    count = 30
    vectors = _vectors(3, count).numpy()
    anchors, positives = vectors[:count], vectors[count:]
    names = [f"q{row}" for row in range(count)], [f"t{row}" for row in range(count)]
    search = retrieval.search_of(*names)
    ours = retrieval.hits(search, lambda some: anchors[some] @ positives.T).values()
    judge = InformationRetrievalEvaluator(
        queries=dict(zip(names[0], names[0], strict=True)),
        corpus=dict(zip(names[1], names[1], strict=True)),
        relevant_docs={q: {t} for q, t in zip(*names, strict=True)},
        mrr_at_k=[count], accuracy_at_k=[1, 5, 10], ndcg_at_k=[], precision_recall_at_k=[1, 5, 10], map_at_k=[],
    )  # fmt: skip
    order = np.argsort(-(anchors @ positives.T), axis=1)
    listed = [
        [{"corpus_id": f"t{place}", "score": float(anchors[row] @ positives[place])} for place in order[row]]
        for row in range(count)
    ]
    theirs = judge.compute_metrics(listed)
    assert ours["mrr"] == pytest.approx(theirs["mrr@k"][count])
    for first in (1, 5, 10):
        assert ours[f"recall_at_{first}"] == pytest.approx(theirs["recall@k"][first])


def test_the_reference_finds_texts_by_their_words_and_chinese_by_characters() -> None:
    search = retrieval.search_of(["a red fox", "blue sea"], ["the sea is blue", "foxes and a red fox"])
    assert retrieval.reference(search)["mrr"] < 1
    search = retrieval.search_of(["red fox", "blue sea"], ["a red fox", "the sea is blue"])
    assert retrieval.reference(search)["mrr"] == 1
    search = retrieval.search_of(["北京的天气", "上海的房子"], ["今天北京天气很好", "我在上海买了房子"])
    assert retrieval.reference(search)["recall_at_1"] == 1
    assert retrieval.reference(retrieval.search_of(["!", "?"], ["!!", "??"]))["mrr"] == 0.5, "no word, nothing found"


def test_the_loss_of_a_part_is_counted_in_batches_of_its_rows() -> None:
    vectors, groups = _vectors(5).numpy(), np.arange(6)
    settings = SentenceEmbeddingSettings(batch_size=4)
    anchors, positives = vectors[:6], vectors[6:]
    loss = PairLoss(0.05)
    parts = [
        float(loss(Vectors(torch.from_numpy(np.concatenate([anchors[at], positives[at]]))), torch.arange(size), 1))
        for at, size in ((slice(0, 4), 4), (slice(4, 6), 2))
    ]
    assert pair_loss(anchors, positives, groups, settings) == pytest.approx(sum(parts) / 6)


# ---- a run -----------------------------------------------------------------------------------------------------------


def test_it_learns_to_find_what_belongs_together(done: Any) -> None:
    lines = training.events(done, "evaluation")
    first = lines[0]["values"]
    (tested,) = [line["values"] for line in lines if line["split"] == "test"]
    assert tested["test/mrr"] > 0.9
    assert tested["test/recall_at_1"] <= tested["test/recall_at_5"] <= tested["test/recall_at_10"]
    assert first["eval/mrr"] < tested["test/mrr"]
    assert 0 < tested["test/reference_mrr"] <= 1
    (planned,) = training.events(done, "planned")
    assert planned["facts"]["reference_mrr"] == first["eval/reference_mrr"]
    item = training.events(done, "sample")[-1]["items"][0]
    assert set(item) == {"text", "expected", "predicted", "score"}


def test_the_version_answers_with_vectors_that_lie_as_in_training(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    sample = training.events(done, "sample")[-1]["items"][0]
    outputs = predictor.answer([sample["text"], sample["predicted"]], [False, False])["outputs"]
    vectors = np.asarray([output["embedding"] for output in outputs])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert float(vectors[0] @ vectors[1]) == pytest.approx(sample["score"], abs=1e-4)
    assert predictor.check_golden() > 0
    assert predictor.facts()["dimensions"] == vectors.shape[1]


def test_too_long_is_told_and_cut_only_when_allowed(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    found = predictor.answer(["good " * 100] * 2 + ["good"], [False, True, False])
    assert found["outputs"][0] is None
    assert len(found["outputs"][1]["embedding"]) == len(found["outputs"][2]["embedding"])
    assert found["truncated"] == [False, True, False]


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(done.model, tmp_path / "version")
    golden = json.loads((copy / "golden.json").read_text())
    golden["outputs"][1]["embedding"][2] += 0.5
    (copy / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 2 of .*output\.embedding\[2\]"):
        open_predictor(copy, device="cpu").check_golden()


def test_a_version_that_pools_otherwise_is_refused(done: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(done.model, tmp_path / "version")
    signature = json.loads((copy / "signature.json").read_text())
    (copy / "signature.json").write_text(json.dumps({**signature, "pooling": "cls"}))
    with pytest.raises(BadModel, match="pooling 'cls'"):
        open_predictor(copy, device="cpu")


def test_translations_are_pairs_too(tmp_path: Path) -> None:
    values = {"source": [f"good {row}" for row in range(30)], "target": [f"bad {row}" for row in range(30)]}
    dataset = training.keep_dataset(tmp_path, "translation", values)
    job = training.make_job(
        tmp_path, "translated", {"max_steps": 2, "method": "lora"}, recipe="sentence_embedding", dataset=dataset
    )
    assert training.run(job) == 0, training.events(job, "ended")
    assert training.events(job, "sample")[0]["items"][0]["expected"].startswith("bad")
    assert open_predictor(job.model, device="cpu").check_golden() > 0
