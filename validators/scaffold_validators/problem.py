"""The one error of this package."""


class Problem(Exception):  # noqa: N818 - "the environment has a problem" is how it reads
    """What keeps a gate from running: what was found, where, what was expected, what to do.

    ``exit_code`` is 2 where the call is wrong and 3 where the environment lacks something.
    """

    def __init__(self, found: str, *, where: str, expected: str, remedy: str, exit_code: int = 3) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; {remedy}")
        self.found, self.where, self.expected, self.remedy = found, where, expected, remedy
        self.exit_code = exit_code
