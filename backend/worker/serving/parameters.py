"""What a request may ask beside its inputs: how a text is continued. Checked against what the version says it takes."""

from collections.abc import Mapping
from typing import Any

from backend.contract.errors import Invalid

KNOWN = ("max_new_tokens", "temperature", "top_p", "stop", "seed")
MOST_STOPS = 4
LONGEST_STOP = 64
HOTTEST = 2.0


def read_parameters(found: Any) -> dict[str, Any]:
    """The checked "parameters" of a /predict; raises Invalid naming the field and its limit."""
    if not isinstance(found, Mapping):
        raise Invalid('"parameters" must be an object.', field="parameters")
    unknown = sorted(set(found) - set(KNOWN))
    if unknown:
        text = f"Unknown parameter {unknown[0][:80]!r}; known are {', '.join(KNOWN)}."
        raise Invalid(text, field=f"parameters.{unknown[0][:80]}")
    return {name: _CHECKS[name](value) for name, value in found.items()}


def with_parameters(inputs: list[Any], parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Any]:
    """The inputs as the engine gets them; raises Invalid when this version takes no parameters, or not so many
    tokens."""
    if not parameters:
        return inputs
    most = facts.get("max_new_tokens")
    if most is None:
        text = f"A model for {facts.get('task', 'text-classification')} takes no parameters."
        raise Invalid(text, field="parameters")
    asked = parameters.get("max_new_tokens", 1)
    if asked > most:
        text = f'"max_new_tokens" is {asked}, over the limit of {most}.'
        raise Invalid(text, field="parameters.max_new_tokens", limit=most, unit="tokens")
    return [{"text": text, "parameters": dict(parameters)} for text in inputs]


def check_marked(inputs: list[Any], mark: str | None) -> None:
    """Whether every text holds what the model is to fill; raises Invalid."""
    for index, text in enumerate(inputs):
        if mark is not None and mark not in text:
            fix = f"Write {mark} where words are missing."
            raise Invalid(f"inputs[{index}] holds no {mark}.", field=f"inputs[{index}]", fix=fix)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Invalid('"max_new_tokens" must be a whole number from 1.', field="parameters.max_new_tokens")
    return value


def _temperature(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= HOTTEST:
        text = f'"temperature" must be a number from 0 (the likeliest token) to {HOTTEST:g}.'
        raise Invalid(text, field="parameters.temperature")
    if 0 < value < 0.01:
        raise Invalid('"temperature" must be 0, or 0.01 at least.', field="parameters.temperature")
    return float(value)


def _top_p(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 1:
        raise Invalid('"top_p" must be a number over 0, at most 1.', field="parameters.top_p")
    return float(value)


def _stop(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_STOPS:
        raise Invalid(f'"stop" must be a text, or a list of 1 to {MOST_STOPS} texts.', field="parameters.stop")
    for text in texts:
        if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_STOP:
            raise Invalid(f'A "stop" must be a text of 1 to {LONGEST_STOP} characters.', field="parameters.stop")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise Invalid('A "stop" holds half of a surrogate pair.', field="parameters.stop") from error
    return texts


def _seed(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise Invalid('"seed" must be a whole number from 0 to 2147483647.', field="parameters.seed")
    return value


_CHECKS = {"max_new_tokens": _count, "temperature": _temperature, "top_p": _top_p, "stop": _stop, "seed": _seed}
