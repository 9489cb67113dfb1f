"""Which settings of a run may change while it is under way; the same rule for who asks and for who obeys."""

from typing import Any

from pydantic import ValidationError

from backend.contract.base import Request

_TOGETHER = ("batch_size", "gradient_accumulation")


class NotLive(ValueError):
    """A change that a run under way cannot take; `field` names the setting, the text says why."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def live_fields(model: type[Request]) -> tuple[str, ...]:
    """The settings of a recipe that may change under way, in the order of the form."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("live")
    )


def changed_live(now: Request, change: dict[str, Any]) -> Request:
    """`now` with the change; NotLive names the first setting that cannot change under way or has a bad value.

    Batch size and accumulation may only change together: rows per optimizer step, and with them the plan of the run,
    stay.
    """
    allowed = live_fields(type(now))
    for name in change:
        if name not in allowed:
            known = name in type(now).model_fields
            raise NotLive(name, f"{name} cannot change under way." if known else f"There is no setting {name!r:.80}.")
    try:
        after = type(now).model_validate({**now.model_dump(), **change})
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else "settings"
        raise NotLive(name, f"{name} is {wrong.get('input')!r:.60}: {wrong['msg']}.") from error
    if all(hasattr(now, name) for name in _TOGETHER) and _rows(after) != _rows(now):
        raise NotLive("batch_size", f"Rows per step would be {_rows(after)} instead of {_rows(now)}.")
    return after


def _rows(settings: Request) -> int:
    return int(getattr(settings, _TOGETHER[0])) * int(getattr(settings, _TOGETHER[1]))
