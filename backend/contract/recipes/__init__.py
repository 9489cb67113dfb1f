"""The typed settings of every recipe, and the catalogue: form, checks, command line and documentation are built from
these.

fields.py               what training recipes share
causal_lm.py            the next token of a text
masked_lm.py            hidden words of a text
text_classification.py  a class for a text
token_classification.py  a tag for each word
question_answering.py  the part of a context that answers a question
sentence_embedding.py   a vector for a text
translation.py          a text in another language
summarization.py        a document in a few words
seq2seq.py              what recipes share that read one text and write another
image_classification.py  a class for an image
tabular.py             a number or a class for a row of a table
selftest.py             no model at all
"""

from typing import Any

from backend.contract.base import Record, Request
from backend.contract.recipes.causal_lm import CausalLmSettings
from backend.contract.recipes.fields import Architecture, TextSettings, TrainingSettings, Vocabulary
from backend.contract.recipes.image_classification import ImageClassificationSettings
from backend.contract.recipes.masked_lm import MaskedLmSettings
from backend.contract.recipes.question_answering import QuestionAnsweringSettings
from backend.contract.recipes.selftest import SelftestSettings
from backend.contract.recipes.sentence_embedding import SentenceEmbeddingSettings
from backend.contract.recipes.summarization import SummarizationSettings
from backend.contract.recipes.tabular import TabularSettings
from backend.contract.recipes.text_classification import TextClassificationSettings
from backend.contract.recipes.token_classification import TokenClassificationSettings
from backend.contract.recipes.translation import TranslationSettings


class RecipeInfo(Record):
    """One line of the recipe catalogue."""

    name: str
    title: str
    subtitle: str
    icon: str
    task: str  # of the model that comes out
    dataset_tasks: tuple[str, ...]  # of data it can train on
    needs_dataset: bool
    needs_base_model: bool
    bases: tuple[str, ...] = ("starter", "version", "folder", "hub")  # where weights may come from; the usual one first
    main: str  # the worker module that runs it
    settings: type[Request]
    metric: str | None = None  # the one number that tells which run is better
    hidden: bool = False  # not offered as a card in the form


RECIPES: tuple[RecipeInfo, ...] = (
    RecipeInfo(
        name="text_classification",
        title="Classify text",
        subtitle="one of many labels",
        icon="tag",
        task="text-classification",
        dataset_tasks=("text-classification",),
        needs_dataset=True,
        needs_base_model=True,
        main="backend.worker.train",
        settings=TextClassificationSettings,
        metric="eval/f1",
    ),
    RecipeInfo(
        name="token_classification",
        title="Tag words",
        subtitle="names, word kinds",
        icon="tags",
        task="token-classification",
        dataset_tasks=("token-classification",),
        needs_dataset=True,
        needs_base_model=True,
        main="backend.worker.train",
        settings=TokenClassificationSettings,
        metric="eval/f1",
    ),
    RecipeInfo(
        name="question_answering",
        title="Answer questions",
        subtitle="from a given text",
        icon="circle-question-mark",
        task="question-answering",
        dataset_tasks=("question-answering",),
        needs_dataset=True,
        needs_base_model=True,
        main="backend.worker.train",
        settings=QuestionAnsweringSettings,
        metric="eval/f1",
    ),
    RecipeInfo(
        name="sentence_embedding",
        title="Embed sentences",
        subtitle="vectors for search",
        icon="waypoints",
        task="sentence-embedding",
        dataset_tasks=("sentence-pairs", "translation"),
        needs_dataset=True,
        needs_base_model=True,
        main="backend.worker.train",
        settings=SentenceEmbeddingSettings,
        metric="eval/mrr",
    ),
    RecipeInfo(
        name="causal_lm",
        title="Continue text",
        subtitle="GPT, instructions",
        icon="text-cursor-input",
        task="text-generation",
        dataset_tasks=("text-generation", "instructions"),
        needs_dataset=True,
        needs_base_model=True,
        bases=("scratch", "version", "folder", "hub"),
        main="backend.worker.train",
        settings=CausalLmSettings,
        metric="eval/loss",
    ),
    RecipeInfo(
        name="masked_lm",
        title="Fill in words",
        subtitle="BERT pre-training",
        icon="scan-text",
        task="fill-mask",
        dataset_tasks=("text-generation",),
        needs_dataset=True,
        needs_base_model=True,
        bases=("scratch", "starter", "version", "folder", "hub"),
        main="backend.worker.train",
        settings=MaskedLmSettings,
        metric="eval/loss",
    ),
    RecipeInfo(
        name="translation",
        title="Translate",
        subtitle="text to text",
        icon="languages",
        task="translation",
        dataset_tasks=("translation",),
        needs_dataset=True,
        needs_base_model=True,
        bases=("scratch", "version", "folder", "hub"),
        main="backend.worker.train",
        settings=TranslationSettings,
        metric="eval/bleu",
    ),
    RecipeInfo(
        name="summarization",
        title="Summarize",
        subtitle="long to short",
        icon="file-text",
        task="summarization",
        dataset_tasks=("summarization",),
        needs_dataset=True,
        needs_base_model=True,
        bases=("scratch", "version", "folder", "hub"),
        main="backend.worker.train",
        settings=SummarizationSettings,
        metric="eval/rouge_l",
    ),
    RecipeInfo(
        name="image_classification",
        title="Classify images",
        subtitle="small pictures",
        icon="image",
        task="image-classification",
        dataset_tasks=("image-classification",),
        needs_dataset=True,
        needs_base_model=True,
        bases=("scratch", "version", "folder", "hub"),
        main="backend.worker.train",
        settings=ImageClassificationSettings,
        metric="eval/f1",
    ),
    RecipeInfo(
        name="tabular",
        title="Learn from a table",
        subtitle="a number or a class",
        icon="table",
        task="tabular",
        dataset_tasks=("tabular",),
        needs_dataset=True,
        needs_base_model=False,
        main="backend.worker.table",
        settings=TabularSettings,
        metric="eval/score",
    ),
    RecipeInfo(
        name="selftest",
        title="Self-test",
        subtitle="a quick check",
        icon="activity",
        task="selftest",
        dataset_tasks=(),
        needs_dataset=False,
        needs_base_model=False,
        main="backend.worker.selftest",
        settings=SelftestSettings,
    ),
)

_SHAPE = frozenset((*Architecture.model_fields, *Vocabulary.model_fields))


def schema_of(settings: type[Request]) -> dict[str, Any]:
    """The JSON schema of a recipe's settings. A field that only counts without a base model says `scratch`, also where
    a recipe has given it another default."""
    schema = settings.model_json_schema()
    for name, field in schema["properties"].items():
        if name in _SHAPE:
            field["scratch"] = True
    return schema


__all__ = [
    "RECIPES",
    "CausalLmSettings",
    "ImageClassificationSettings",
    "MaskedLmSettings",
    "QuestionAnsweringSettings",
    "RecipeInfo",
    "SelftestSettings",
    "SentenceEmbeddingSettings",
    "SummarizationSettings",
    "TabularSettings",
    "TextClassificationSettings",
    "TextSettings",
    "TokenClassificationSettings",
    "TrainingSettings",
    "TranslationSettings",
    "schema_of",
]
