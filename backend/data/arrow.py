"""The only door of the data room to pyarrow, opened late and without pandas."""

import functools
import importlib
import sys
import threading
from typing import Any

_OPENING = threading.Lock()


class _WithoutPandas:
    """In front of sys.meta_path while pyarrow looks for pandas: it then works without."""

    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> None:
        """Found is nothing; only pandas is refused."""
        if name == "pandas":
            raise ImportError("pyarrow is used without pandas here")


@functools.cache
def arrow() -> Any:
    """The module pyarrow, with pyarrow.parquet; the first call takes a tenth of a second.

    pyarrow imports pandas with the first array it makes: 50 MB that a daemon would carry for ever and nobody uses.
    """
    with _OPENING:
        pyarrow = importlib.import_module("pyarrow")
        importlib.import_module("pyarrow.parquet")
        # Its own pool keeps what it once had; the system's gives back (platform.give_back_memory).
        pyarrow.set_memory_pool(pyarrow.system_memory_pool())
        if "pandas" not in sys.modules:
            sys.meta_path.insert(0, _WithoutPandas)
            try:
                pyarrow.array([""])
            finally:
                sys.meta_path.remove(_WithoutPandas)
        return pyarrow
