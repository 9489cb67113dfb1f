"""Hidden words: what is hidden, learnt, judged, kept and filled in."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contract.jobs import BaseModelRef
from backend.contract.recipes import MaskedLmSettings
from backend.data.corpus import Passage
from backend.worker.parts.batches import IGNORED
from backend.worker.parts.data import EpochBatches, OrderedLoader
from backend.worker.parts.masking import HELD_OUT, MaskCollate, Masking, MaskLoss
from backend.worker.parts.pairs import NEXT, OTHER, Cutter, Examples, make_blocks, make_pairs
from backend.worker.parts.recipe import Built
from backend.worker.recipes.masked_lm import RECIPE, SPECIAL, check_tokens, facts_of
from backend.worker.serving.predictors import open_predictor
from tests.backend.worker import training

SMALL: dict[str, Any] = {
    "epochs": 40, "masked_share": 0.3, "batch_size": 16, "max_length": 32, "learning_rate": 5e-3, "dropout": 0.0,
    "layers": 1, "d_model": 32, "heads": 2, "feed_forward": 64, "vocabulary_size": 200, "checkpoint_every": 1000,
    "next_sentence": False,
}  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["blocks", "pairs"])
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run from scratch."""
    home = tmp_path_factory.mktemp("mlm")
    settings = {**SMALL, "next_sentence": request.param}
    job = training.make_job(home, "mlm", settings, recipe="masked_lm", dataset=training.make_corpus(home, 600))
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def make_masking(**fields: Any) -> Masking:
    kept: dict[str, Any] = {"seed": 1, "share": 0.15, "whole_word": False, "mask_id": 4, "ordinary": np.arange(5, 105)}
    return Masking(**{**kept, **fields})


# ---- what is hidden --------------------------------------------------------------------------------------------------


def test_of_the_chosen_pieces_80_percent_are_hidden_10_swapped_10_left() -> None:
    ids = np.full(10_002, 50, dtype=np.int64)
    words = np.concatenate([[-1], np.arange(10_000), [-1]])
    hidden, labels = make_masking().hide(ids, words, 0, 0)
    chosen = labels != IGNORED
    assert chosen.sum() == 1500
    assert (hidden[~chosen] == ids[~chosen]).all()
    assert (hidden[chosen] == 4).mean() == pytest.approx(0.8, abs=0.04)
    assert ((hidden[chosen] != 4) & (hidden[chosen] != 50)).mean() == pytest.approx(0.1, abs=0.03)
    assert (hidden[chosen] == 50).mean() == pytest.approx(0.1, abs=0.03)
    assert labels[0] == labels[-1] == IGNORED, "begin and end are never hidden"


def test_the_same_seed_epoch_and_row_hide_the_same_and_any_other_something_else() -> None:
    ids, words = np.arange(5, 65), np.arange(60)
    masking = make_masking()
    first = masking.hide(ids, words, 3, 7)[1]
    assert (first == masking.hide(ids, words, 3, 7)[1]).all()
    others = [(masking, 4, 7), (masking, 3, 8), (make_masking(seed=2), 3, 7)]
    assert all((first != other.hide(ids, words, epoch, row)[1]).any() for other, epoch, row in others)


def test_at_least_one_piece_is_hidden_and_whole_words_go_together() -> None:
    words = np.array([-1, 0, 0, 1, 1, 1, 2, 3, 3, -1])
    for row in range(30):
        _, labels = make_masking(whole_word=True, share=0.4).hide(np.arange(10, 20), words, 0, row)
        chosen = labels != IGNORED
        assert chosen.any()
        assert all(len(set(chosen[words == word])) == 1 for word in range(4))
    assert (make_masking(share=0.01).hide(np.arange(10, 20), words, 0, 0)[1] != IGNORED).sum() == 1


def test_training_hides_anew_each_epoch_and_judging_never_does() -> None:
    part = Examples(tokens=[np.arange(10, 60)] * 4, words=[np.arange(50)] * 4)
    collate = MaskCollate(part, make_masking(), 0)
    held = collate([0, 1])["labels"]
    assert torch.equal(held[0], torch.from_numpy(make_masking().hide(part.tokens[0], part.words[0], HELD_OUT, 0)[1]))
    collate.set_epoch(0)
    first = collate([0, 1])["labels"]
    collate.set_epoch(1)
    assert not torch.equal(first, collate([0, 1])["labels"])
    collate.set_epoch(0)
    assert torch.equal(first, collate([0, 1])["labels"])
    assert torch.equal(first[1], collate([1])["labels"][0]), "whatever the company"


def test_what_makes_batches_hears_of_the_epoch_from_the_order() -> None:
    part = Examples(tokens=[np.arange(10, 60)] * 4, words=[np.arange(50)] * 4)
    order, collate = EpochBatches(part.sizes, 2, 1, group=False), MaskCollate(part, make_masking(), 0)
    loader = OrderedLoader(order, collate, 4)
    order.set_epoch(3)  # all that a resumed epoch is told: it is iterated by another loader
    (batch, _) = list(loader)
    rows = order.order(3)[0]
    wanted = make_masking().hide(np.arange(10, 60), np.arange(50), 4, rows[0])[1]
    assert torch.equal(batch["labels"][0], torch.from_numpy(wanted))


# ---- examples --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cutter() -> Cutter:
    from backend.worker.parts.vocabulary import train_tokenizer

    lines = [" ".join(f"w{n}x{at}" for n in range(4)) for at in range(40)]
    made = train_tokenizer(lines, "wordpiece", 400, special=SPECIAL, template="[CLS] $A [SEP]", max_length=64)
    return Cutter(made)


def make_passages() -> list[Passage]:
    return [
        Passage(tuple(f"w0x{at} w1x{at} w2x{at} w3x{at}" for at in range(10 * n, 10 * n + 10)), 0, True, True, None)
        for n in range(4)
    ]


def test_half_of_the_pairs_follow_and_half_come_from_another_passage(cutter: Cutter) -> None:
    tokenizer, size = cutter._tokenizer, 40
    made = make_pairs(cutter, make_passages() * 10, size, seed=3)
    assert {NEXT, OTHER} == set(made.nexts)
    assert 0.3 < np.mean(made.nexts) < 0.7
    for ids, segments, label in zip(made.tokens, made.segments, made.nexts, strict=True):
        assert len(ids) == len(segments) <= size
        assert ids[0] == cutter.begin
        assert ids[-1] == cutter.end
        first, second = (tokenizer.decode(ids[segments == side], skip_special_tokens=True) for side in (0, 1))
        if label == NEXT:
            assert int(second.split()[0].split("x")[1]) == int(first.split()[-1].split("x")[1]) + 1
    again = make_pairs(cutter, make_passages() * 10, size, seed=3)
    assert [ids.tolist() for ids in made.tokens] == [ids.tolist() for ids in again.tokens]
    assert again.nexts != make_pairs(cutter, make_passages() * 10, size, seed=4).nexts


def test_blocks_hold_all_text_and_words_keep_their_pieces(cutter: Cutter) -> None:
    made = make_blocks(cutter, make_passages(), 20)
    assert max(made.sizes) == 20
    text = " ".join(cutter._tokenizer.decode(ids, skip_special_tokens=True) for ids in made.tokens)
    assert text.replace(" ", "") == "".join(line for p in make_passages() for line in p.lines).replace(" ", "")
    words = np.concatenate([row[row >= 0] for row in made.words])
    assert set(np.diff(words)) <= {0, 1}
    assert len(set(words)) == 160, "every word has a number of its own"


# ---- learnt and judged -----------------------------------------------------------------------------------------------


def test_it_beats_the_guess_by_frequency_and_shows_what_it_fills_in(done: Any) -> None:
    (planned,) = training.events(done, "planned")
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    values = tested["values"]
    assert values["test/mlm_loss"] < planned["facts"]["reference_loss"] - 0.4
    assert values["test/mlm_accuracy"] > 0.25, "every third word follows from the one before"
    pairs = done.spec().settings["next_sentence"]
    assert ("test/nsp_accuracy" in values) == pairs
    assert values["test/loss"] == pytest.approx(values["test/mlm_loss"] + values.get("test/nsp_loss", 0))
    samples = [line["items"] for line in training.events(done, "sample")]
    assert len({json.dumps([(item["text"], item["expected"]) for item in items]) for items in samples}) == 1
    assert "[MASK]" in " ".join(item["text"] for item in samples[0])


def test_the_loss_is_the_one_the_reference_library_computes(done: Any) -> None:
    from transformers import AutoModelForMaskedLM, AutoModelForPreTraining, AutoTokenizer

    settings = MaskedLmSettings(**{**SMALL, "next_sentence": done.spec().settings["next_sentence"]})
    kind = AutoModelForPreTraining if settings.next_sentence else AutoModelForMaskedLM
    model = kind.from_pretrained(done.model, dtype="float32").eval()
    tokenizer = AutoTokenizer.from_pretrained(done.model)
    made = make_pairs if settings.next_sentence else make_blocks
    passages = [Passage(("the good film is", "very sad book and"), 0, True, True, None)] * 6
    part = made(Cutter(tokenizer), passages, 16, *([1] if settings.next_sentence else []))
    built = Built(tokenizer, model, part, part, part, 0, {}, {"masking": facts_of(settings)})
    found = RECIPE.predict(model, part, built, settings, torch.device("cpu"))
    values = RECIPE.evaluate(found, part, None, step=1, epoch=None, split="validation").values  # type: ignore[arg-type]
    batch = RECIPE.collate(part, built, pin=False)(range(len(part)))
    labels = batch.pop("labels")
    batch.pop("tokens")
    with torch.inference_mode():
        if settings.next_sentence:
            pieces, nexts = labels.clone(), labels[:, 0].clone()
            pieces[:, 0] = IGNORED
            wanted = model(**batch, labels=pieces, next_sentence_label=nexts)
        else:
            wanted = model(**batch, labels=labels)
        ours = MaskLoss(None if not settings.next_sentence else 1.0)(wanted, labels)
    assert values["eval/loss"] == pytest.approx(float(wanted.loss), abs=1e-4)
    if not settings.next_sentence:
        assert float(ours) == pytest.approx(float(wanted.loss), abs=1e-5)


# ---- filled in -------------------------------------------------------------------------------------------------------


def test_the_version_fills_gaps_as_the_reference_library_does(done: Any) -> None:
    from transformers import AutoTokenizer

    predictor: Any = open_predictor(done.model, device="cpu")
    assert predictor.facts() | {"parameters": 0} == {
        "task": "fill-mask", "labels": [], "limit": 32, "mark": "[MASK]", "device": "cpu", "parameters": 0,
    }  # fmt: skip
    text = "and good [MASK] the bad [MASK]"
    (output,) = predictor.answer([text], [False])["outputs"]
    tokenizer = AutoTokenizer.from_pretrained(done.model)
    coded = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    said = predictor.model(**coded)
    logits = said.logits if "logits" in said else said.prediction_logits
    gaps = coded["input_ids"][0] == tokenizer.mask_token_id
    best, places = (found.tolist() for found in logits[0, gaps].softmax(-1).max(-1))
    pieces = tokenizer.convert_ids_to_tokens(places)
    assert [mask[0]["piece"] for mask in output["masks"]] == [piece.removeprefix("##") for piece in pieces]
    assert output["text"] == "and good {} the bad {}".format(*(mask[0]["piece"] for mask in output["masks"]))
    assert [mask[0]["score"] for mask in output["masks"]] == pytest.approx(best, abs=1e-5)
    assert output["score"] == pytest.approx(sum(best) / 2, abs=1e-5)


def test_too_long_is_told_and_a_gap_that_was_cut_away_is_not_answered(done: Any) -> None:
    predictor: Any = open_predictor(done.model, device="cpu")
    long = "good " * 100 + "[MASK]"
    found = predictor.answer([long, long], [False, True])
    assert found["outputs"] == [None, {"text": long, "masks": []}]
    assert found["truncated"] == [False, True]


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path) -> None:
    from backend.worker.serving.golden import BadModel

    assert open_predictor(done.model, device="cpu").check_golden() > 0
    copy = shutil.copytree(done.model, tmp_path / "version")
    golden = json.loads((copy / "golden.json").read_text())
    golden["outputs"][1]["masks"][0][0]["score"] += 0.1
    (copy / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 2 of .*output\.masks\[0\]\[0\]\.score: expected"):
        open_predictor(copy, device="cpu").check_golden()


# ---- bases and bad input ---------------------------------------------------------------------------------------------


def test_a_bert_of_another_task_can_be_trained_on(tmp_path: Path) -> None:
    base = training.tiny_model.build(tmp_path / "bert")
    reference = BaseModelRef(kind="folder", name="bert", path=str(base))
    settings = {**SMALL, "epochs": 1, "max_steps": 2, "method": "lora", "whole_word": True}
    job = training.make_job(tmp_path, "more", settings, recipe="masked_lm", base_model=reference)
    assert training.run(job) == 0, training.events(job, "ended")
    assert open_predictor(job.model, device="cpu").check_golden() > 0


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    from backend.worker.parts.failure import RunFailed
    from backend.worker.parts.vocabulary import train_tokenizer

    made = train_tokenizer(["a text"], "bpe", 300, special={"eos_token": "<end>"}, max_length=32)
    with pytest.raises(RunFailed, match="The tokenizer of gpt has no mask token"):
        check_tokens("gpt", made)


def test_a_vocabulary_of_another_language_is_told_with_the_share(tmp_path: Path) -> None:
    base = training.tiny_model.build(tmp_path / "bert")
    reference = BaseModelRef(kind="folder", name="bert", path=str(base))
    texts = [f"电影很好看 {at}" for at in range(40)]
    dataset = training.keep_dataset(tmp_path, "text-generation", {"text": texts})
    settings = {**SMALL, "epochs": 1, "max_steps": 1}
    job = training.make_job(tmp_path, "zh", settings, recipe="masked_lm", base_model=reference, dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    (warning,) = [line for line in training.events(job, "warning") if line["code"] == "unknown_tokens"]
    assert "100% of the training text" in warning["text"]
