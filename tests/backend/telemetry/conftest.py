"""The NVML stub, compiled once for the tests of this folder."""

from pathlib import Path

import pytest

from tests.helpers.nvml import Stub, compile_stub


@pytest.fixture(scope="session")
def nvml_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_stub(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def stub(nvml_folder: Path, tmp_path: Path) -> Stub:
    return Stub(nvml_folder, tmp_path / "nvml_mode")
