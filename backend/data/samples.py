"""The built-in data sets, importable by name (`sentiment_en_movie` or `sample://sentiment_en_movie`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.contract.errors import NotFound
from backend.contract.tasks import roles_by_name
from backend.paths import PROJECT

FOLDER = PROJECT / "resources" / "samples"
SCHEME = "sample://"
_TEXT = {"text": "text", "label": "label"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A file in resources/samples and what it is good for."""

    name: str
    file: str
    title: str
    task: str
    rows: int
    licence: str
    mapping: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    def roles(self, columns: Sequence[str]) -> dict[str, str]:
        """Role → column."""
        return dict(self.mapping) or roles_by_name(self.task, list(columns))


SAMPLES: tuple[Sample, ...] = (
    Sample(
        "sentiment_en_movie",
        "sentiment_en_movie.csv",
        "English movie reviews",
        "text-classification",
        3000,
        "MIT",
        _TEXT,
    ),
    Sample(
        "sentiment_en_product",
        "sentiment_en_product.csv",
        "English product reviews",
        "text-classification",
        1000,
        "MIT",
        _TEXT,
    ),
    Sample("sentiment_en_tweet", "sentiment_en_tweet.csv", "English tweets", "text-classification", 800, "MIT", _TEXT),
    Sample(
        "sentiment_zh_hotel",
        "sentiment_zh_hotel.csv",
        "Chinese hotel reviews",
        "text-classification",
        2400,
        "MIT",
        _TEXT,
    ),
    Sample(
        "sentiment_zh_computer",
        "sentiment_zh_computer.csv",
        "Chinese computer reviews",
        "text-classification",
        800,
        "MIT",
        _TEXT,
    ),
    Sample("langid_udhr", "langid_udhr.csv", "24 languages", "text-classification", 1100, "MIT", _TEXT),
    Sample("tabular_breast_cancer", "tabular_breast_cancer.csv", "Breast cancer table", "tabular", 420, "BSD-3-Clause"),
    Sample(
        "tabular_diabetes_regression",
        "tabular_diabetes_regression.csv",
        "Diabetes table",
        "tabular",
        342,
        "BSD-3-Clause",
    ),
    Sample(
        "image_digits_8x8", "image_digits_8x8.csv", "Digits, 8 × 8 pixels", "image-classification", 1200, "BSD-3-Clause"
    ),
    Sample(
        "lm_en_prideprejudice",
        "lm_en_prideprejudice.txt",
        "Pride and Prejudice",
        "text-generation",
        10_721,
        "public domain",
    ),
    Sample("lm_zh_tang300", "lm_zh_tang300.txt", "300 Tang poems", "text-generation", 2_539, "public domain"),
    Sample(
        "translation_en_zh_libreoffice",
        "translation_en_zh_libreoffice.csv",
        "LibreOffice, English to Chinese",
        "translation",
        3000,
        "MPL-2.0",
    ),
    Sample(
        "translation_en_de_libreoffice",
        "translation_en_de_libreoffice.csv",
        "LibreOffice, English to German",
        "translation",
        1500,
        "MPL-2.0",
    ),
    Sample(
        "translation_en_fr_libreoffice",
        "translation_en_fr_libreoffice.csv",
        "LibreOffice, English to French",
        "translation",
        1500,
        "MPL-2.0",
    ),
    Sample(
        "translation_en_zh_handbook",
        "translation_en_zh_handbook.csv",
        "Handbook, English to Chinese",
        "translation",
        499,
        "CC-BY-SA-3.0 or GPL-2+",
    ),
    Sample(
        "translation_en_de_handbook",
        "translation_en_de_handbook.csv",
        "Handbook, English to German",
        "translation",
        500,
        "CC-BY-SA-3.0 or GPL-2+",
    ),
    Sample(
        "pos_en_brown_news",
        "pos_en_brown_news.jsonl",
        "Brown corpus, news",
        "token-classification",
        1500,
        "redistribution permitted",
    ),
)
"""In the order they are offered."""


def find_sample(text: str) -> Sample | None:
    """The sample meant by a name or a sample:// address; None when `text` means none. An unknown address is
    NotFound.
    """
    name = text.removeprefix(SCHEME)
    found = next((sample for sample in SAMPLES if sample.name == name), None)
    if found is None and text.startswith(SCHEME):
        names = ", ".join(sample.name for sample in SAMPLES)
        raise NotFound(f"There is no built-in data set {name!r}.", fix=f"There are {names}.")
    return found
