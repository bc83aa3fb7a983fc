"""What a proof says: each violation names the tensors, the rule, the ranks, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One violation.

    Attributes:
        kind: ``unrouted``, ``ambiguous``, ``duplicate``, ``missing``, ``shape``, ``incomplete``, ``conflict``,
            ``uneven``, ``coverage``, ``no-scale``, ``no-weight``, ``scale-shape``.
        says: what is wrong.
        mends: what would mend it.
        tensors: the tensors that it is about; of a rule that does not fit a number of ranks, the rule's pattern.
        rule: the rule's source pattern, where one is concerned.
        ranks: the tensor-parallel size, where one is concerned.
    """

    kind: str
    says: str
    mends: str
    tensors: tuple[str, ...]
    rule: str = ""
    ranks: int | None = None

    def __str__(self) -> str:
        more = f" and {len(self.tensors) - SHOWN} more" if len(self.tensors) > SHOWN else ""
        names = ", ".join(self.tensors[:SHOWN]) + more
        where = f" at tensor-parallel {self.ranks}" if self.ranks else ""
        rule = f" (rule {self.rule})" if self.rule and self.rule not in self.tensors else ""
        return f"{self.kind}: {self.says}{where}: {names}{rule}; {self.mends}"


@dataclass(frozen=True)
class Proof:
    """The outcome: how many tensors go where, bytes, and all violations.

    Attributes:
        tensors: how many the checkpoint has.
        routed: how many fill a parameter, scales included.
        ignored: how many are left out for a reason.
        unrouted: the names that no rule takes.
        findings: everything that is wrong.
        bytes_per_rule: bytes of each rule's tensors, scales included, in the rules' order.
        bytes_per_rank: tensor-parallel size → bytes as they lie on disk, of the fullest rank.
    """

    tensors: int
    routed: int
    ignored: int
    unrouted: tuple[str, ...]
    findings: tuple[Finding, ...]
    bytes_per_rule: tuple[int, ...]
    bytes_per_rank: dict[int, int]

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.findings
