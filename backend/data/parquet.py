"""Parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.data.arrow import arrow
from backend.data.source import LINE_LIMIT, check_regular, check_unchanged, data_error, hash_file
from backend.data.table import OnBad, Row, check_columns


class ParquetReader:
    """Parquet through pyarrow, one batch at a time; the line of a row is its number."""

    format = "parquet"
    encoding = "binary"

    def __init__(self, path: Path, encoding: str | None = None) -> None:  # noqa: ARG002 the same face as the others
        pyarrow = arrow()

        self._path = path
        self._before = check_regular(path)
        self.sha256 = ""
        try:
            self._file = pyarrow.parquet.ParquetFile(path)
            names = list(self._file.schema_arrow.names)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise data_error(path, f"is not a Parquet file that can be read ({error}).") from error
        try:
            self._batch = self._rows_at_once(self._file.metadata)
            self.columns = check_columns(path, names, None)
        except BaseException:
            self.close()
            raise

    def _rows_at_once(self, metadata: Any) -> int:
        """As many rows as take little memory; a file of rows larger than any line may be is refused unread."""
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        largest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
        if largest > 4 * LINE_LIMIT:
            raise data_error(self._path, f"has rows of {largest:,} bytes; a text may have {LINE_LIMIT:,} characters.")
        return max(1, min(1000, 16 * LINE_LIMIT // max(largest, 1)))

    def rows(self, bad: OnBad) -> Iterator[Row]:
        pyarrow = arrow()

        line = 0
        try:
            for batch in self._file.iter_batches(batch_size=self._batch, use_threads=False):
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    line += 1
                    if any(isinstance(value, str | bytes) and len(value) > LINE_LIMIT for value in values):
                        bad(line, f"is longer than {LINE_LIMIT:,} characters")
                    else:
                        yield line, list(values)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise data_error(self._path, f"is damaged after row {line} ({error}).") from error
        self.sha256 = hash_file(self._path)
        check_unchanged(self._path, self._before)

    def close(self) -> None:
        self._file.close()
