"""Compiles tests/helpers/nvml_stub.c in place of NVIDIA's library and switches its mode."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def compile_stub(folder: Path) -> Path:
    """The folder with libnvidia-ml.so.1; skips where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the NVML stub")
    source = Path(__file__).with_name("nvml_stub.c")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-O0", "-w", "-o", str(library), str(source)], check=True)
    return folder


class Stub:
    """The stub's folder and the file that says how it behaves; a process started with env() sees every later change."""

    def __init__(self, folder: Path, mode_file: Path) -> None:
        self._folder, self._file = folder, mode_file
        self.set("normal")

    def set(self, mode: str) -> None:
        """The mode from the next call on."""
        passing = self._file.with_suffix(".new")
        passing.write_text(mode)
        passing.replace(self._file)

    def env(self, **more: str) -> dict[str, str]:
        """The environment in which the real pynvml finds the stub."""
        return {**os.environ, "LD_LIBRARY_PATH": str(self._folder), "NVML_STUB_FILE": str(self._file), **more}
