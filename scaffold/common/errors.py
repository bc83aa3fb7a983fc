"""The small family of errors, each with a fixed form: what, where, what was expected, what to do."""


class ScaffoldError(Exception):
    """Base of the family. ``exit_code`` is what the command line ends with."""

    exit_code = 2

    def __init__(self, found: str, *, where: str, expected: str, remedy: str) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; {remedy}")
        self.found, self.where, self.expected, self.remedy = found, where, expected, remedy


class CheckpointError(ScaffoldError):
    """The checkpoint is missing something, damaged, or contradicts itself."""


class UsageError(ScaffoldError):
    """The call is wrong: a root that is not a source tree, an option that does not fit."""


class InUse(UsageError):  # noqa: N818 - reads as the sentence that it is
    """Another process holds something that only one may use at a time; the call works once that process has ended."""


class EnvironmentLacks(ScaffoldError):  # noqa: N818 - reads as the sentence that it is
    """The machine lacks something that the work needs; the message says how to get it."""

    exit_code = 3


class CheckFailed(ScaffoldError):  # noqa: N818 - reads as the sentence that it is
    """A check or a gate failed; an edit that will not be made is a `codemods.Refusal`."""

    exit_code = 1
    kind = "Refused"
    """Its name in JSON documents."""


Refused = CheckFailed
"""The name of `CheckFailed` in earlier versions."""
