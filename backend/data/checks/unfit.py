"""The refusal of a check, and the line it speaks of."""


class Unfit(ValueError):
    """This data cannot train this recipe: what is wrong, on which row (from 0), and what would be right."""

    def __init__(self, text: str, *, row: int | None = None, fix: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.row = row
        self.fix = fix
