"""The one error of this package."""


class Refusal(Exception):  # noqa: N818 - a refusal is the word of the field's users, not "RefusalError"
    """An edit that will not be made: what was found, where, what was expected, what to do."""

    exit_code = 2

    def __init__(self, found: str, *, where: str, expected: str, remedy: str) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; {remedy}")
        self.found, self.where, self.expected, self.remedy = found, where, expected, remedy
