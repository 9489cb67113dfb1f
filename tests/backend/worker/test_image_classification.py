"""Classes for images: what is learnt, moved, judged, kept and answered."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contract.errors import Invalid
from backend.contract.jobs import BaseModelRef
from backend.worker.recipes.image_classification import ImageCollate, ImagePart
from backend.worker.serving.golden import BadModel
from backend.worker.serving.pixels import Preparing
from backend.worker.serving.predictors import open_predictor
from backend.worker.serving.strict import check_inputs
from tests.backend.worker import training

SMALL = {"layers": 1, "d_model": 32, "feed_forward": 64, "dropout": 0.0, "checkpoint_every": 1000, "batch_size": 16}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on two classes."""
    home = tmp_path_factory.mktemp("images")
    dataset = training.make_images(home, 160)
    settings = {**SMALL, "epochs": 25, "learning_rate": 4e-3}
    job = training.make_job(home, "images", settings, recipe="image_classification", dataset=dataset)
    assert training.run(job) == 0, training.events(job, "ended")
    return job


def test_it_learns_where_the_bright_spot_is(done: Any) -> None:
    (tested,) = [line for line in training.events(done, "evaluation") if line["split"] == "test"]
    assert tested["values"]["test/accuracy"] > 0.9
    confusion = np.asarray(tested["confusion"])
    assert tested["values"]["test/accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    assert set(tested["per_class"]) == {"up", "down"}
    sample = training.events(done, "sample")[-1]["items"]
    assert {item["expected"] for item in sample} == {"up", "down"}
    assert all(item["text"].startswith("Row ") for item in sample)


def test_the_version_answers_pixels_with_a_class(done: Any) -> None:
    predictor = open_predictor(done.model, device="cpu")
    images, labels = training.spots(40, seed=9)
    outputs = predictor.answer([{"pixels": image} for image in images], [False] * 40)["outputs"]
    assert sum(output["label"] == label for output, label in zip(outputs, labels, strict=True)) >= 34
    assert all(sum(output["scores"].values()) == pytest.approx(1) for output in outputs)
    assert predictor.check_golden() == 16
    facts = predictor.facts()
    assert facts["task"] == "image-classification"
    signature = json.loads((done.model / "signature.json").read_text())
    assert signature["inputs"]["fields"] == facts["kinds"] == {
        "pixels": {"type": "numbers", "count": 64, "low": 0, "high": 16.0}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"pixels": [0] * 63}, "must be a list of 64 numbers, not 63 of them"),
        ({"pixels": "0 0 0"}, "must be a list of 64 numbers, not a text"),
        ({"pixels": [0] * 63 + [255]}, r"holds 255; its numbers must lie from 0 to 16"),
        ({"image": [0] * 64}, "lacks 'pixels'"),
        ("a text", "must be an object with pixels"),
    ],
)
def test_a_request_that_is_no_image_is_refused(done: Any, value: Any, said: str) -> None:
    facts = open_predictor(done.model, device="cpu").facts()
    check_inputs([{"pixels": [0] * 64}], facts["fields"], kinds=facts["kinds"])
    with pytest.raises(Invalid, match=said):
        check_inputs([value], facts["fields"], kinds=facts["kinds"])


def test_a_folder_that_does_not_fit_is_refused_by_name(done: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(done.model, tmp_path / "version")
    kept = json.loads((copy / "preprocessor_config.json").read_text())
    for change, said in (
        ({"size": {"height": 16}}, "config.json wants 1 × 8"),
        ({"image_std": [0.0]}, "not above 0"),
        ({"raw": {"channels": 2, "side": 8, "scale": 16}}, "names images of 2 × 8 × 8"),
        ({"image_mean": "dark"}, "does not fit"),
    ):
        (copy / "preprocessor_config.json").write_text(json.dumps({**kept, **change}))
        with pytest.raises(BadModel, match=said):
            open_predictor(copy, device="cpu")
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(BadModel, match=r"preprocessor_config\.json is missing"):
        open_predictor(copy, device="cpu")


def test_movements_follow_from_seed_epoch_and_row_alone() -> None:
    raw = np.arange(3 * 64, dtype=np.float32).reshape(3, 64)
    part = ImagePart(raw, [0, 1, 0], [1, 2, 3], patches=16, shift=2, seed=5)
    preparing = Preparing(1, 8, 255.0, (0.5,), (0.5,), 8)
    first, second = (ImageCollate(part, preparing, move=True) for _ in range(2))
    for epoch in (0, 1):
        first.set_epoch(epoch)
        second.set_epoch(epoch)
        moved = first([0, 1, 2])["pixel_values"]
        assert moved[1].equal(second([1])["pixel_values"][0]), "whatever else is in the batch"
    second.set_epoch(0)
    assert not moved.equal(second([0, 1, 2])["pixel_values"])
    still = ImageCollate(part, preparing, move=False)([0])["pixel_values"]
    assert still.flatten().numpy() == pytest.approx((raw[0] / 255 - 0.5) / 0.5)


def test_a_version_is_a_base_model_for_larger_colour_images(done: Any, tmp_path: Path) -> None:
    base = BaseModelRef(kind="version", name="spots:1", path=str(done.model))
    larger = training.make_images(tmp_path, 40, side=12)
    settings = {**SMALL, "max_steps": 2}
    job = training.make_job(
        tmp_path, "more", settings, recipe="image_classification", dataset=larger, base_model=base
    )  # fmt: skip
    assert training.run(job) == 0, training.events(job, "ended")
    kept = json.loads((job.model / "preprocessor_config.json").read_text())
    assert kept["raw"]["side"] == 12
    assert kept["size"] == {"height": 8, "width": 8}
    assert open_predictor(job.model, device="cpu").check_golden() > 0
    colour = training.make_images(tmp_path, 40, channels=3)
    job = training.make_job(
        tmp_path, "colour", settings, recipe="image_classification", dataset=colour, base_model=base
    )  # fmt: skip
    assert training.run(job) == 1
    assert "takes images of 1 × 8; this data has 3 × 8" in training.events(job, "ended")[0]["text"]
