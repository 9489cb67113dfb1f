"""Everything a run needs to go on bit for bit, as safetensors and JSON: weights, optimizer, schedule, random
generators.

No pickle is written or read. Data order needs nothing here: it follows from (seed, epoch),
the step says where in it we are.
"""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

WEIGHTS, OPTIMIZER, RANDOM = "weights.safetensors", "optimizer.safetensors", "random.safetensors"


def write_json(path: Path, value: Any) -> None:
    """JSON that loses nothing: floats as repr, NaN and infinities as Python's words."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _tensor(value: torch.Tensor) -> torch.Tensor:
    """A copy that shares no memory: safetensors refuses tied tensors."""
    return value.detach().to("cpu", copy=True).contiguous()


# ---- weights -------------------------------------------------------------------------------------------------


def save_weights(model: torch.nn.Module, folder: Path, *, trained_only: bool) -> None:
    """All tensors of the model, or (LoRA) only those that are trained."""
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    tensors = {
        name: _tensor(value) for name, value in model.state_dict().items() if not trained_only or name in trained
    }
    save_file(tensors, folder / WEIGHTS)


def load_weights(model: torch.nn.Module, folder: Path, *, trained_only: bool) -> None:
    """Put saved tensors into the model, bit for bit. Raises ValueError when names or shapes differ from the model's."""
    tensors = load_file(folder / WEIGHTS)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    expected = {name: value.shape for name, value in model.state_dict().items() if not trained_only or name in trained}
    found = {name: value.shape for name, value in tensors.items()}
    if found != expected:
        odd = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        raise ValueError(f"{folder.name}/{WEIGHTS} does not fit the model: {', '.join(odd[:3])}")
    model.load_state_dict(tensors, strict=not trained_only)


# ---- optimizer and schedule --------------------------------------------------------------------------------------


def save_optimizer(optimizer: Any, scheduler: Any, scaler: Any | None, folder: Path) -> None:
    """Moments and step counts as tensors; groups, schedule and (fp16) loss scale as JSON."""
    state = optimizer.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}.{key}"] = _tensor(value)
            else:
                plain.setdefault(str(index), {})[key] = value
    save_file(tensors, folder / OPTIMIZER)
    schedule = {
        key: value
        for key, value in scheduler.state_dict().items()
        if key in ("base_lrs", "last_epoch", "_step_count", "_last_lr")
    }
    scale = scaler.state_dict() if scaler is not None else None
    write_json(
        folder / "optimizer.json",
        {"groups": state["param_groups"], "plain": plain, "schedule": schedule, "scale": scale},
    )


def load_optimizer(optimizer: Any, scheduler: Any, folder: Path, *, keep_settings: bool) -> None:
    """Restore moments and schedule. With keep_settings the present rates and decay stay (a fork with other
    settings).
    """
    saved = read_json(folder / "optimizer.json")
    state: dict[int, dict[str, Any]] = {int(index): dict(entries) for index, entries in saved["plain"].items()}
    for name, tensor in load_file(folder / OPTIMIZER).items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    groups = saved["groups"]
    schedule = saved["schedule"]
    if keep_settings:
        present = optimizer.state_dict()["param_groups"]
        groups = [
            {**old, "params": old["params"], **{key: new[key] for key in new if key != "params"}}
            for old, new in zip(groups, present, strict=True)
        ]
        schedule = {**schedule, "base_lrs": scheduler.state_dict()["base_lrs"]}
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    scheduler.load_state_dict({**scheduler.state_dict(), **schedule})
    if keep_settings:  # loading put the old rate back; the next step is made with the new schedule's
        _follow_schedule(optimizer, scheduler)


def set_rate(optimizer: Any, scheduler: Any, rate: float) -> None:
    """Another peak rate from the next step on; warm-up and decay keep their shape."""
    scheduler.load_state_dict({**scheduler.state_dict(), "base_lrs": [rate] * len(scheduler.base_lrs)})
    for group in optimizer.param_groups:
        group["initial_lr"] = rate
    _follow_schedule(optimizer, scheduler)


def _follow_schedule(optimizer: Any, scheduler: Any) -> None:
    """The rate that the schedule says for the present step."""
    shapes = zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    rates = [base * shape(scheduler.last_epoch) for base, shape in shapes]
    scheduler.load_state_dict({**scheduler.state_dict(), "_last_lr": rates})
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate


def load_scale(scaler: Any | None, folder: Path) -> None:
    """Restore the loss scale of fp16."""
    saved = read_json(folder / "optimizer.json")["scale"]
    if scaler is not None and saved:
        scaler.load_state_dict(saved)


# ---- random generators -------------------------------------------------------------------------------------------


def save_random(folder: Path, device: torch.device) -> None:
    """The state of every generator that training draws from: Python, NumPy, torch, and the GPU's."""
    tensors = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        tensors["mps"] = torch.mps.get_rng_state()
    save_file(tensors, folder / RANDOM)
    name, keys, position, has_gauss, gauss = np.random.get_state()
    numpy_state = [name, np.asarray(keys).tolist(), int(position), int(has_gauss), float(gauss)]
    write_json(folder / "random.json", {"python": random.getstate(), "numpy": numpy_state})


def load_random(folder: Path, device: torch.device) -> None:
    """Set every generator back to where save_random() found it."""
    saved = read_json(folder / "random.json")
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, position, has_gauss, cached = saved["numpy"]
    np.random.set_state((name, np.asarray(keys, dtype=np.uint32), position, has_gauss, cached))
    tensors = load_file(folder / RANDOM)
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    if device.type == "mps" and "mps" in tensors:
        torch.mps.set_rng_state(tensors["mps"])
