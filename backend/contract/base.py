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


class Record(BaseModel):
    """Frozen; unknown fields are ignored so that an older reader can read a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=True, defer_build=True)


class Request(BaseModel):
    """Frozen; unknown fields are refused so that a typing mistake never passes in silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
