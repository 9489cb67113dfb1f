"""Translations: what is learnt, judged, kept and answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contract.jobs import BaseModelRef
from backend.jobs.folder import read_json
from backend.worker.parts import text_scores
from backend.worker.parts.seq2seq import PairCollate, Pairs
from backend.worker.serving.golden import BadModel
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.writer import Writer, read_decoding, steady
from tests.backend.worker import training

SETTINGS: dict[str, Any] = {
    "epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "dropout": 0.0, "label_smoothing": 0.0, "num_beams": 2,
    "max_target_length": 16, "eval_every": 10_000, "checkpoint_every": 10_000, "generated_rows": 20,
    "validation_fraction": 0.1, "test_fraction": 0.1, "vocabulary_size": 400,
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on words spelled backwards."""
    home = tmp_path_factory.mktemp("pairs")
    dataset = training.make_translations(home, 900)
    job = training.make_job(home, "pairs", SETTINGS, recipe="translation", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_it_learns_to_translate(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    assert tested["values"]["test/chrf"] > 60, "without any order it was 25"
    assert tested["values"]["test/generated_rows"] == 20 < tested["rows"], "what was judged by writing is said"
    first, *_, last = training.events(done, "sample")
    assert last["items"][0]["expected"] == " ".join(word[::-1] for word in last["items"][0]["text"].split())
    assert sum(item["score"] for item in last["items"]) > 2 * sum(item["score"] for item in first["items"])


def test_the_scores_are_kept_with_their_signature(done: Any) -> None:
    facts = read_json(done.model / "facts.json")
    (planned,) = training.events(done, "planned")
    for kept in (facts, planned["facts"]):
        assert kept["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
        assert kept["chrf_signature"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")


def test_the_version_answers_with_a_text(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    found = predictor.answer(["film was good", "happy book"], [False, False])
    assert [set(output) for output in found["outputs"]] == [{"text", "score", "finished"}] * 2
    assert all(0 < output["score"] <= 1 and output["text"] for output in found["outputs"])
    assert predictor.check_golden() > 0
    predictor.warm_up(2)
    assert predictor.facts()["task"] == "translation"
    files = {path.name for path in done.model.iterdir()}
    assert {"model.safetensors", "tokenizer.json", "signature.json", "golden.json", "profile.json"} <= files


def test_evaluation_says_what_serving_answers(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    predictor = open_predictor(done.model, device="cpu")
    last = training.events(done, "sample")[-1]["items"]
    answers = predictor.answer([item["text"] for item in last], [True] * len(last))["outputs"]
    assert tested["step"] == read_json(done.model / "facts.json")["best_step"], "the samples are of the weights kept"
    assert [answer["text"] for answer in answers] == [item["predicted"] for item in last]


def test_an_answer_ends_at_its_bound_and_says_so(done: Any, tmp_path: Path) -> None:
    short = version_with(done.model, tmp_path, max_new_tokens=2)
    (output,) = Writer(short, device="cpu").answer(["film was good"], [True])["outputs"]
    (whole,) = Writer(done.model, device="cpu").answer(["film was good"], [True])["outputs"]
    assert (output["finished"], whole["finished"]) == (False, True)
    assert len(output["text"]) < len(whole["text"])


@pytest.mark.parametrize(
    "wrong", [{"num_beams": 17}, {"max_new_tokens": 10**9}, {"max_new_tokens": True}, {"num_beams": "2"}]
)
def test_a_signature_that_would_write_without_end_is_refused(done: Any, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadModel, match=f"generation.{next(iter(wrong))} .* must be a number from"):
        Writer(version_with(done.model, tmp_path, **wrong), device="cpu")


def test_a_signature_without_generation_is_refused() -> None:
    with pytest.raises(BadModel, match="does not say how texts are written"):
        read_decoding({"task": "translation"})


def test_a_model_that_only_reads_is_refused(done: Any, tmp_path: Path) -> None:
    version = version_with(done.model, tmp_path)
    config = read_json(version / "config.json") | {"architectures": ["BertForSequenceClassification"]}
    (version / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadModel, match="a model that reads one text and writes another is needed"):
        Writer(version, device="cpu")


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path) -> None:
    version = version_with(done.model, tmp_path)
    golden = read_json(version / "golden.json")
    golden["outputs"][0]["text"] = "something else"
    (version / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 1 of .*output\.text: expected 'something else'"):
        open_predictor(version, device="cpu").check_golden()


def version_with(model: Path, tmp_path: Path, **generation: Any) -> Path:
    """A copy whose signature says another way of writing."""
    copy = Path(shutil.copytree(model, tmp_path / "version"))
    signature = read_json(copy / "signature.json")
    signature["generation"] |= generation
    (copy / "signature.json").write_text(json.dumps(signature))
    return copy


def test_too_long_is_told_and_cut_only_when_allowed(done: Any) -> None:
    found = open_predictor(done.model, device="cpu").answer(["good " * 100] * 2, [False, True])
    assert found["outputs"][0] is None
    assert found["outputs"][1]["text"]
    assert found["truncated"] == [False, True]
    assert found["tokens"][0] > 100


def test_an_answer_on_a_knife_edge_is_no_proof() -> None:
    class Edgy:
        """Changes its mind in bfloat16 about the first text, and alone about the second."""

        def answer(self, inputs: list[str], _allowed: list[bool]) -> dict[str, Any]:
            rough, alone = torch.is_autocast_enabled("cpu"), len(inputs) == 1
            changed = {"a": rough, "b": alone, "c": False, "d": False}
            return {"outputs": [{"text": f"{text}{changed[text]}"} for text in inputs]}

    assert steady(Edgy(), ["a", "b", "c", "d"], 2) == [2, 3]  # type: ignore[arg-type]
    assert steady(Edgy(), ["a", "b", "c", "d"], 1) == [2]  # type: ignore[arg-type]
    assert steady(Edgy(), ["a"], 4) == [0], "a version without any golden answer could not be proved at all"  # type: ignore[arg-type]


def test_the_decoder_reads_what_was_said_before() -> None:
    part = Pairs(
        ["x", "y"], ["p", "q"], [np.array([5, 1]), np.array([6, 7, 1])], [np.array([8, 9, 1]), np.array([4, 1])], 0
    )
    batch = PairCollate(part, 0, 3)([0, 1])
    assert batch["input_ids"].tolist() == [[5, 1, 0], [6, 7, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["decoder_input_ids"].tolist() == [[3, 8, 9], [3, 4, 0]]
    assert batch["labels"].tolist() == [[8, 9, 1], [4, 1, -100]]
    assert batch["tokens"] == 5
    assert part.sizes == [5, 5]


def test_a_version_is_a_base_for_more_training(done: Any, tmp_path: Path) -> None:
    base = BaseModelRef(kind="folder", name="before", path=str(done.model))
    for method in ("full", "lora"):
        settings = {"max_steps": 2, "method": method, "num_beams": 1, "max_target_length": 16, "learning_rate": 1e-5}
        job = training.make_job(tmp_path, method, settings, recipe="translation", base_model=base)
        assert training.run(job) == 0, training.events(job, "ended")
        loss = [line for line in training.events(job, "evaluation") if line["split"] == "validation"][-1]["values"][
            "eval/loss"
        ]
        assert loss < 2.5, "what was learnt is still there: from scratch it is above 5"
        text = "film was good"
        (before,) = open_predictor(done.model, device="cpu").answer([text], [True])["outputs"]
        (after,) = open_predictor(job.model, device="cpu").answer([text], [True])["outputs"]
        assert before["text"] == after["text"]


@pytest.mark.parametrize(
    ("fields", "settings", "text"),
    [
        ({}, {"method": "lora"}, "no weights that adapters could stand beside"),
        ({"base_model": None}, {}, "is a bert, which does not read one text and write another"),
    ],
)
def test_what_cannot_be_built_is_said(
    tmp_path: Path, fields: dict[str, Any], settings: dict[str, Any], text: str
) -> None:
    if fields:
        base = tmp_path / "base"
        training.make_job(tmp_path, "first", recipe="translation")  # makes the base model of other tests
        fields = {"base_model": BaseModelRef(kind="folder", name="base", path=str(base))}
    job = training.make_job(tmp_path, "job", settings, recipe="translation", **fields)
    assert training.run(job) == 1
    assert text in training.events(job, "ended")[0]["text"]


def test_an_empty_target_ends_the_run_with_its_row(tmp_path: Path) -> None:
    values = {"source": ["a"] * 20, "target": ["b"] * 19 + [" "]}
    dataset = training.keep_dataset(tmp_path, "translation", values)
    job = training.make_job(tmp_path, "job", recipe="translation", dataset=dataset)
    assert training.run(job) == 1
    assert "row 20: the target is empty" in training.events(job, "ended")[0]["text"]


def test_too_long_rows_are_a_warning_with_their_share(tmp_path: Path) -> None:
    job = training.make_job(
        tmp_path, "job", {"max_steps": 1, "max_target_length": 4, "num_beams": 1}, recipe="translation"
    )
    assert training.run(job) == 0, training.events(job, "ended")
    (warning,) = [line for line in training.events(job, "warning") if line["code"] == "truncated"]
    assert "of the training texts are longer" in warning["text"]


# ---- scores ----------------------------------------------------------------------------------------------------------


def test_bleu_is_the_geometric_mean_of_its_precisions() -> None:
    # 5 words: of 5, 4, 3, 2 n-grams 4, 3, 2, 1 are right; as long as the reference
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    found = text_scores.translation_scores(["the cat sat down here"], ["the cat sat down now"], "13a")
    assert found["bleu"] == pytest.approx(expected)
    assert text_scores.translation_scores(["a b c d"], ["a b c d"], "13a") == {
        "bleu": pytest.approx(100),
        "chrf": pytest.approx(100),
    }


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (["Das Zertifikat ist gültig."], "13a"),
        (["定义区域的名称", "编辑 XML 筛选的文件信息。"], "zh"),
        (["名前を付けて保存します"], "char"),
        (["Ο αντίθετος, 中"], "13a"),
        ([], "13a"),
    ],
)
def test_bleu_cuts_as_the_language_needs(texts: list[str], tokenizer: str) -> None:
    assert text_scores.bleu_tokenizer(texts) == tokenizer
    assert f"|tok:{tokenizer}|" in text_scores.signatures(tokenizer)["bleu_signature"]


def test_chinese_is_judged_sign_by_sign() -> None:
    output, reference = ["定义区域的名字"], ["定义区域的名称"]
    assert text_scores.translation_scores(output, reference, "zh")["bleu"] > 60
    assert text_scores.translation_scores(output, reference, "13a")["bleu"] < 1
