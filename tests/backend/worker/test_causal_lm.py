"""The next token: what is learnt, judged, kept and continued."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.contract.jobs import BaseModelRef
from backend.contract.recipes import CausalLmSettings
from backend.worker.parts import chat, language
from backend.worker.parts.recipe import Built
from backend.worker.recipes.causal_lm import RECIPE, encode_dialogues, pack
from backend.worker.serving.generation import Ends, Options, write_on
from backend.worker.serving.predictors import open_predictor
from tests.backend.worker import training

SCRATCH = BaseModelRef(kind="none", name="scratch")
SMALL: dict[str, Any] = {
    "epochs": 12, "batch_size": 8, "max_length": 24, "learning_rate": 1e-2, "dropout": 0.0, "layers": 1, "d_model": 32,
    "heads": 2, "feed_forward": 64, "vocabulary_size": 320, "checkpoint_every": 1000,
}  # fmt: skip


def make_instructions(home: Path, rows: int = 150) -> Any:
    """Which noun belongs to a word."""
    words = training.tiny_model.WORDS
    prompts = [f"{row:03d} {words[row % 10]}" for row in range(rows)]
    answers = ["film" if row % 10 < 5 else "book" for row in range(rows)]
    return training.keep_dataset(home, "instructions", {"prompt": prompts, "response": answers})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run from scratch."""
    home = tmp_path_factory.mktemp("lm")
    dataset = training.make_corpus(home, 300)
    job = training.make_job(home, "lm", SMALL, recipe="causal_lm", base_model=SCRATCH, dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on instructions."""
    home = tmp_path_factory.mktemp("chat")
    settings = {**SMALL, "epochs": 20, "learning_rate": 3e-3, "max_length": 48}
    job = training.make_job(
        home, "chat", settings, recipe="causal_lm", base_model=SCRATCH, dataset=make_instructions(home)
    )
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def load(job: Any) -> tuple[Any, Any]:
    """Model and tokenizer as the reference library loads them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(job.model, dtype="float32").eval()
    return model, AutoTokenizer.from_pretrained(job.model)


# ---- learnt and judged -----------------------------------------------------------------------------------------------


def test_it_beats_the_guess_by_frequency_and_shows_how_it_goes_on(done: Any) -> None:
    (planned,) = training.events(done, "planned")
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    assert tested["values"]["test/loss"] < planned["facts"]["reference_loss"] - 0.5
    assert tested["values"]["test/perplexity"] == pytest.approx(math.exp(tested["values"]["test/loss"]))
    assert tested["values"]["test/accuracy"] > 0.35, "every third word follows from the one before"
    first, last = training.events(done, "sample")[0]["items"], training.events(done, "sample")[-1]["items"]
    assert [item["text"] for item in first] == [item["text"] for item in last], "the prompts stay the same"
    assert all(item["predicted"] for item in last)
    assert sum(item["score"] for item in last) > sum(item["score"] for item in first)


def test_the_loss_is_the_one_the_reference_library_computes(done: Any) -> None:
    model, tokenizer = load(done)
    blocks = pack(tokenizer, language_passages(done), 20)
    built = Built(tokenizer, model, blocks, blocks, blocks, tokenizer.pad_token_id, {}, {"end_ids": [1]})
    said = RECIPE.predict(model, blocks, built, CausalLmSettings(batch_size=7), torch.device("cpu"))
    with torch.inference_mode():
        for row, (ids, labels) in enumerate(zip(blocks.tokens, blocks.labels, strict=True)):
            whole = torch.tensor([[*ids.tolist(), int(labels[-1])]])
            wanted = float(model(input_ids=whole, labels=whole).loss)
            assert said.nats[row] / said.counts[row] == pytest.approx(wanted, abs=1e-4)
    assert said.counts.tolist() == blocks.sizes


def language_passages(job: Any) -> list[Any]:
    """The passages of a job's data."""
    from backend.data import versions
    from backend.data.corpus import read_corpus

    return read_corpus(versions.load_columns(Path(job.spec().dataset.path), "text-generation"))


def test_blocks_hold_every_token_once_and_documents_are_parted(done: Any) -> None:
    _, tokenizer = load(done)
    passages = language_passages(done)
    blocks = pack(tokenizer, passages, 24)
    assert set(blocks.sizes[:-1]) == {24}, "no padding but in the last one"
    stream = np.concatenate(blocks.tokens)
    following = np.concatenate(blocks.labels)
    assert (stream[1:] == following[:-1]).all(), "each place is judged on the token that comes next"
    end = tokenizer.eos_token_id
    documents = sum(passage.ends for passage in passages)
    assert (stream == end).sum() == documents
    assert following[-1] == end
    text = tokenizer.decode([token for token in stream if token != end])
    assert text.replace("\n", "") == "".join("".join(passage.lines) for passage in passages)


# ---- instructions ----------------------------------------------------------------------------------------------------


def test_instructions_are_learnt_from_their_answers_only(taught: Any) -> None:
    (tested,) = [line for line in training.events(taught, "evaluation") if line["split"] == "test"]
    assert tested["values"]["test/accuracy"] > 0.95
    predictor = open_predictor(taught.model, device="cpu")
    outputs = predictor.answer(["007 good", "008 awful"], [False, False])["outputs"]
    assert [output["text"] for output in outputs] == ["film", "book"]
    assert {output["finish"] for output in outputs} == {"end"}
    _, tokenizer = load(taught)
    rows = encode_dialogues(tokenizer, {"prompt": ["good 1"], "response": ["film"]}, [0], 48)
    judged = rows.labels[0][rows.labels[0] != -100]
    assert tokenizer.decode(judged) == f"film{tokenizer.eos_token}", "the answer and its end, nothing of the prompt"


def test_serving_puts_the_template_around_a_prompt_as_training_did(taught: Any) -> None:
    _, tokenizer = load(taught)
    before, after = chat.around(tokenizer)
    assert f"{before}good 1{after}" == chat.render(tokenizer, "good 1", None)
    signature = json.loads((taught.model / "signature.json").read_text())["generation"]
    assert (signature["before"], signature["after"]) == (before, after)


def test_an_answer_that_does_not_fit_is_left_out_and_counted(taught: Any) -> None:
    _, tokenizer = load(taught)
    roles = {"prompt": ["good " * 200, "good 1", "bad 2"], "response": ["film", "film " * 200, "book"]}
    rows = encode_dialogues(tokenizer, roles, [0, 1, 2], 48)
    assert (len(rows), rows.truncated) == (2, 2)
    assert all((labels != -100).any() for labels in rows.labels), "a row without a judged token would divide by nothing"


def test_a_template_of_the_model_is_used_and_its_end_of_turn_ends_an_answer(taught: Any) -> None:
    _, tokenizer = load(taught)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>"]})
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<|turn|>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    asked, said = chat.encode_dialogue(tokenizer, "good", "film", "be short")
    assert tokenizer.decode(asked) == "<system>be short<|turn|><user>good<|turn|><assistant>"
    turn = tokenizer.convert_tokens_to_ids("<|turn|>")
    assert chat.end_ids(tokenizer, [said[:-1]]) == sorted({tokenizer.eos_token_id, turn})


# ---- continued -------------------------------------------------------------------------------------------------------


def test_it_continues_as_the_reference_library_does_alone_and_in_company(done: Any) -> None:
    model, tokenizer = load(done)
    texts = ["good", "the bad book is", "and"]
    prompts = [tokenizer(text)["input_ids"] for text in texts]
    ends = Ends(frozenset({tokenizer.eos_token_id}), 24, tokenizer.decode)
    together = write_on(model, prompts, [Options(8)] * 3, ends, torch.device("cpu"))
    for ids, written in zip(prompts, together, strict=True):
        mask = torch.ones((1, len(ids)), dtype=torch.long)
        wanted = model.generate(torch.tensor([ids]), attention_mask=mask, max_new_tokens=8, do_sample=False)[0]
        assert written.ids == [token for token in wanted[len(ids) :].tolist() if token != tokenizer.eos_token_id]


def test_options_of_a_request(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")

    def ask(**parameters: Any) -> dict[str, Any]:
        found: dict[str, Any] = predictor.answer([{"text": "the good", "parameters": parameters}], [False])
        return dict(found["outputs"][0])

    assert ask(max_new_tokens=3)["tokens"] == 3
    assert ask(max_new_tokens=3)["finish"] == "length"
    hot = {"temperature": 1.5, "max_new_tokens": 10}
    assert ask(**hot, seed=1) == ask(**hot, seed=1)
    assert len({ask(**hot, seed=seed)["text"] for seed in range(6)}) > 1, "chance, with another seed"
    assert len({ask(**hot)["text"] for _ in range(6)}) > 1, "without a seed it is never the same"
    assert ask(**hot, seed=1, top_p=1e-6)["text"] == ask(max_new_tokens=10)["text"], (
        "the smallest share is the likeliest"
    )
    whole = ask(max_new_tokens=10)["text"]
    stop = whole[3:5]
    assert ask(max_new_tokens=10, stop=[stop]) | {"score": 0, "tokens": 0} == {
        "text": whole[: whole.index(stop)],
        "finish": "stop",
        "score": 0,
        "tokens": 0,
    }


def test_the_positions_of_the_model_and_the_time_are_never_passed(done: Any) -> None:
    predictor: Any = open_predictor(done.model, device="cpu")
    limit = predictor.facts()["limit"]
    assert limit == 23
    found = predictor.answer(["good " * 100, "good " * 100, "good " * 11], [False, True, False])
    assert found["outputs"][0] is None
    assert found["truncated"] == [False, True, False]
    assert all(output["tokens"] >= 1 for output in found["outputs"][1:])
    model, tokenizer = load(done)
    ends = Ends(frozenset(), 24, tokenizer.decode, seconds=0)
    (late,) = write_on(model, [[5]], [Options(20)], ends, torch.device("cpu"))
    assert (late.finish, len(late.ids)) == ("time", 1), "what is there by then is the answer"


def test_nothing_is_drawn_from_the_global_generators(done: Any) -> None:
    model, tokenizer = load(done)
    model.train()
    before = torch.random.get_rng_state()
    write_on(model, [[5]], [Options(4, temperature=1.0)], Ends(frozenset(), 24, tokenizer.decode), torch.device("cpu"))
    assert model.training
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_golden_answer_that_changed_is_named(done: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.worker.serving.golden import BadModel

    predictor: Any = open_predictor(done.model, device="cpu")
    predictor.warm_up(2)
    monkeypatch.setattr(predictor, "_seconds", 0.0)
    assert predictor.answer(["the good"], [False])["outputs"][0]["finish"] == "time"
    assert predictor.check_golden() > 0, "a busy machine does not make a version another one"
    copy = shutil.copytree(done.model, tmp_path / "version")
    golden = json.loads((copy / "golden.json").read_text())
    golden["outputs"][1]["text"] += "x"
    (copy / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(BadModel, match=r"golden input 2 of .*output\.text: expected"):
        open_predictor(copy, device="cpu").check_golden()


def test_a_signature_that_does_not_say_how_to_generate_is_refused(done: Any, tmp_path: Path) -> None:
    from backend.worker.serving.golden import BadModel

    copy = shutil.copytree(done.model, tmp_path / "version")
    signature = json.loads((copy / "signature.json").read_text())
    for spoilt in ({}, {**signature["generation"], "max_new_tokens": 10**9}, {**signature["generation"], "end_ids": 3}):
        (copy / "signature.json").write_text(json.dumps({**signature, "generation": spoilt}))
        with pytest.raises(BadModel, match=r"signature\.json"):
            open_predictor(copy, device="cpu")


# ---- bases -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_result_can_be_trained_on(done: Any, tmp_path: Path, method: str) -> None:
    base = BaseModelRef(kind="folder", name="before", path=str(done.model))
    settings = {**SMALL, "epochs": 1, "learning_rate": 1e-4, "max_steps": 2, "method": method}
    job = training.make_job(tmp_path, "more", settings, recipe="causal_lm", base_model=base)
    assert training.run(job) == 0, training.events(job, "ended")
    first = training.events(job, "evaluation")[0]["values"]["eval/loss"]
    assert first < training.events(job, "planned")[0]["facts"]["reference_loss"], "it begins with what it knew"
    assert open_predictor(job.model, device="cpu").check_golden() > 0


def test_an_encoder_is_refused_for_it_could_read_off_the_answer(tmp_path: Path) -> None:
    base = training.tiny_model.build(tmp_path / "base")
    encoder = BaseModelRef(kind="folder", name=str(base), path=str(base))
    job = training.make_job(tmp_path, "encoder", SMALL, recipe="causal_lm", base_model=encoder)
    assert training.run(job) == 1
    ended = training.events(job, "ended")[0]
    assert ended["code"] == "bad_model"
    assert "BertForSequenceClassification; a decoder is needed" in ended["text"]


def test_adapters_beside_nothing_are_refused(tmp_path: Path) -> None:
    job = training.make_job(tmp_path, "lora", {**SMALL, "method": "lora"}, recipe="causal_lm", base_model=SCRATCH)
    assert training.run(job) == 1
    assert training.events(job, "ended")[0]["details"]["field"] == "method"


def test_a_vocabulary_that_knows_little_of_the_text_is_told_with_the_share() -> None:
    class Tokenizer:
        unk_token_id, unk_token, eos_token, bos_token, all_special_ids = 1, "[UNK]", None, None, (0, 1, 2)

    rows = [np.array([2, 1, 1, 7, 0]), np.array([2, 1, 8, 0])]
    (warning,) = language.unknown_warnings(Tokenizer(), rows)
    assert (warning.code, "60%" in warning.text) == ("unknown_tokens", True)
    assert language.unknown_warnings(Tokenizer(), [np.array([7, 8])]) == []


def test_the_reference_is_the_entropy_of_smoothed_frequencies() -> None:
    found = language.unigram_loss([np.array([0, 0, 1, -100])], [np.array([0, 2])], 3)
    assert found == pytest.approx(-(math.log(3 / 6) + math.log(1 / 6)) / 2)
