"""The frozen base of every contract model, and how odd numbers travel in JSON.

Unknown is null. NaN and the infinities are the strings "nan", "inf" and "-inf", because JSON has no word for them.
"""

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

PROTOCOL = 1
"""Version of the language between daemon, jobs and console; raised when an old reader would misunderstand."""

ODD_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def number_from_json(value: Any) -> Any:
    """The float behind a JSON number or one of the three odd strings; anything else is returned unchanged."""
    return ODD_NUMBERS.get(value, value) if isinstance(value, str) else value


def number_to_json(value: float | None) -> float | str | None:
    """A value that strict JSON can carry and number_from_json() brings back bit for bit."""
    if value is None or math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


Number = Annotated[float, BeforeValidator(number_from_json), PlainSerializer(number_to_json, when_used="json")]
"""A float that may be NaN or infinite and survives JSON."""


def data_to_json(value: Any) -> Any:
    """The same data with every NaN and infinity as number_to_json() writes it, however deep it stands."""
    if isinstance(value, float):
        return value if math.isfinite(value) else number_to_json(value)
    if isinstance(value, dict):
        return {key: data_to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [data_to_json(item) for item in value]
    return value


_ODD_INSIDE = PlainSerializer(data_to_json, when_used="json")
# Without it pydantic writes an odd number inside Any as null: unknown, which is another thing.

Data = Annotated[dict[str, Any], _ODD_INSIDE]
"""Free data in which a number may be NaN or infinite. What is read has the three strings: a text may be "nan" too, so
who knows that a value is a number asks number_from_json()."""

Value = Annotated[Any, _ODD_INSIDE]
"""One such value."""


def numbers_at(*names: str) -> BeforeValidator:
    """Of such data: what stands under these names is a number, or a table of numbers, and is read as that."""

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: _numbers(item) if key in names else item for key, item in value.items()}

    return BeforeValidator(read)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    return number_from_json(value)


class Record(BaseModel):
    """Frozen; unknown fields are ignored so that an older reader can read a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=True, defer_build=True)


class Request(BaseModel):
    """Frozen; unknown fields are refused so that a typing mistake never passes in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
