"""What a worker may see of the environment: a short list of names, our own settings, no token. Standard library
only."""

import os
from collections.abc import Mapping
from pathlib import Path

from backend.jobs.identity import COOKIE
from backend.paths import PROJECT

ALLOWED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "CUDA_HOME",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "MODELDECK_FAILPOINT",
    "MODELDECK_CLOCK_OFFSET_S",
    "SYSTEMROOT",  # Windows starts nothing without it
)
_ALLOWED_PREFIX = "LC_"


def allowed(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The part of an environment that a job may inherit."""
    return {k: v for k, v in environ.items() if k in ALLOWED or k.startswith(_ALLOWED_PREFIX)}


def for_runner(cookie: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a runner."""
    return {**allowed(environ), "PYTHONPATH": str(PROJECT), "PYTHONNOUSERSITE": "1", COOKIE: cookie}


def for_worker(job: Path, cookie: str, *, online: bool, threads: int) -> dict[str, str]:
    """The environment of a worker: libraries keep their caches under the home, their temporary files in the job, and
    stay
    offline unless the job has to fetch its base model. `threads` 0 leaves the count to the worker."""
    cache = job.parent.parent / "cache"
    offline = "0" if online else "1"
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if threads > 0}
    return {
        **for_runner(cookie),
        **limits,
        "TMPDIR": str(job / "tmp"),
        "HF_HOME": str(cache / "huggingface"),
        "TORCH_HOME": str(cache / "torch"),
        "XDG_CACHE_HOME": str(cache),
        "MPLCONFIGDIR": str(cache / "matplotlib"),
        "TRITON_CACHE_DIR": str(cache / "triton"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "HF_HUB_OFFLINE": offline,
        "TRANSFORMERS_OFFLINE": offline,
        "HF_DATASETS_OFFLINE": offline,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "DO_NOT_TRACK": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8:backslashreplace",
    }
