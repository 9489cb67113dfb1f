"""What can go wrong, in two limbs.

ModeldeckError
 ├─ Refused              the user can act: the text says what, why and what would work
 │   ├─ Invalid          422  a value is wrong (names the field)
 │   ├─ NotFound         404  no such thing (names what exists)
 │   ├─ Conflict         409  not in this state, or somebody was faster
 │   ├─ TooLarge         413  over a limit (names the limit)
 │   └─ Unavailable      503  the machine cannot take it now (names what is short)
 └─ Broken               500  a defect or a damaged store: the log has the traceback under `reference`
"""

from typing import Any, Literal

from backend.contract.base import Data, Record


class ModeldeckError(Exception):
    """The root of every error this product raises on purpose."""


class Refused(ModeldeckError):
    """A request we will not carry out; `str(error)` is a sentence for the user."""

    status = 400
    default_code = "refused"

    def __init__(self, text: str, *, code: str | None = None, fix: str | None = None, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.code = code or self.default_code
        self.fix = fix
        self.details = details


class Invalid(Refused):
    """A value is wrong; details["field"] names it where there is one."""

    status = 422
    default_code = "invalid"


class NotFound(Refused):
    """No such thing."""

    status = 404
    default_code = "not_found"


class Conflict(Refused):
    """Not possible in the present state."""

    status = 409
    default_code = "conflict"


class TooLarge(Refused):
    """Over a limit."""

    status = 413
    default_code = "too_large"


class Unavailable(Refused):
    """The machine cannot take it now."""

    status = 503
    default_code = "unavailable"


class Broken(ModeldeckError):
    """Ours to mend; the user sees the reference, the log has the rest."""

    def __init__(self, text: str, *, reference: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.reference = reference


class ErrorReply(Record):
    """The body of every reply that is not 2xx."""

    kind: Literal["refused", "broken"]
    code: str
    text: str
    fix: str | None = None
    details: Data = {}
    reference: str | None = None
